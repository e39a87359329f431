"""The alias as `vultus compat install` writes it, in a folder of the tests' own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vultus.compat.environment import Environment
from vultus.compat.install import install


@pytest.fixture(scope="session")
def under_its_name(tmp_path_factory) -> dict[str, str]:
    """Variables of a process in which `import face_recognition` is answered by Vultus."""
    packages, scripts = (tmp_path_factory.mktemp(name) for name in ("packages", "scripts"))
    alias = install(Environment(packages, scripts, Path(sys.executable), (str(packages),)))
    assert alias.changed
    return os.environ | {"PYTHONPATH": str(packages), "VULTUS_RUNTIME__THREADS": "1"}
