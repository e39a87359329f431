"""The Python environment that this process runs in: where its packages and programs lie."""

from __future__ import annotations

import site
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """One environment.

    packages, scripts: the folders for Python packages and for programs. python: its interpreter.
    search: what Python looks through for modules, `sys.path`. windows: programs are `.exe` files.
    """

    packages: Path
    scripts: Path
    python: Path
    search: tuple[str, ...]
    windows: bool = sys.platform == "win32"


def this_environment() -> Environment:
    """Where pip would install for this interpreter; with `--user`, where Vultus was."""
    paths = sysconfig.get_paths()
    user = sysconfig.get_paths(sysconfig.get_preferred_scheme("user"))
    if site.ENABLE_USER_SITE and _installed_in(Path(user["purelib"])):
        paths = user
    return Environment(
        Path(paths["purelib"]),
        Path(paths["scripts"]),
        Path(sys.executable),  # not resolved: the link is what makes it an environment
        tuple(sys.path),
    )


def _installed_in(folder: Path) -> bool:
    return any(metadata.distributions(name="vultus", path=[str(folder)]))
