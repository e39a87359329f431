"""`vultus compat install`: the name `face_recognition` for Vultus, in the current environment.

What is put there is an ordinary distribution, with a record of its files: pip lists and
uninstalls it, and programs that ask for `face_recognition>=1.3` find it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import io
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from vultus._version import __version__
from vultus.compat.environment import Environment
from vultus.compat.launchers import script_files
from vultus.errors import AliasTaken, NothingToDo, StorageError

NAME = "face_recognition"
PACKAGE = "vultus.compat.face_recognition"
PROGRAMS = {
    "face_recognition": f"{PACKAGE}.face_recognition_cli",
    "face_detection": f"{PACKAGE}.face_detection_cli",
}
# The release whose place is taken, then ours: to those who ask for 1.3.0, a local version is it.
VERSION = "1.3.0+vultus." + re.sub(r"[^a-z0-9]+", ".", __version__.lower()).strip(".")
_INSTALLER = "vultus"

_CALL = f'redirect(__name__, "{PACKAGE}")'
_INIT = f'''\
"""Vultus under the name of face_recognition; `vultus compat uninstall` removes it."""

from vultus.compat.alias import redirect

{_CALL}
'''
_METADATA = f"""\
Metadata-Version: 2.1
Name: {NAME}
Version: {VERSION}
Summary: Vultus under the name of face_recognition, for programs that cannot be changed
License: Apache-2.0
Requires-Dist: vultus
"""
_WHEEL = f"""\
Wheel-Version: 1.0
Generator: vultus {__version__}
Root-Is-Purelib: true
Tag: py3-none-any
"""


@dataclass(frozen=True)
class Alias:
    """What is, or was, installed. changed: this call did it; it was not there before."""

    version: str
    packages: Path
    scripts: tuple[Path, ...]
    changed: bool


@dataclass(frozen=True)
class _Installed:
    """An alias in `packages`: its folder of metadata, and a digest for each file it wrote."""

    folder: Path
    digests: Mapping[Path, str]

    @property
    def version(self) -> str:
        return self.folder.name.removeprefix(f"{NAME}-").removesuffix(".dist-info")


def install(environment: Environment) -> Alias:
    """Put the alias there, or a newer one in the place of an older.

    Raises:
        AliasTaken: the real face_recognition is installed, or files lie where the alias goes.
        StorageError: the environment may not be written.
    """
    importlib.invalidate_caches()
    found = _find(environment)
    wanted = _contents(environment)
    if found is not None and _is_as_wanted(found, wanted):
        return _alias(environment, found.version, wanted, changed=False)
    _refuse_others(environment)
    ours = set() if found is None else _own_files(found)
    _refuse_foreign_files(wanted, ours)
    with _storage_errors(environment):
        if found is not None:
            _remove(found, environment)
        _write(environment, wanted)
    importlib.invalidate_caches()
    return _alias(environment, VERSION, wanted, changed=True)


def uninstall(environment: Environment) -> Alias:
    """Remove what `install` put there, and nothing else.

    Raises:
        NothingToDo: it is not there. AliasTaken: its files were changed since, or what is there
        is not Vultus's. StorageError: the environment may not be written.
    """
    importlib.invalidate_caches()
    found = _find(environment)
    if found is None:
        _refuse_others(environment)
        raise NothingToDo(
            f"The alias {NAME} is not installed in {environment.packages}.",
            "`vultus compat install` installs it.",
        )
    _own_files(found)
    with _storage_errors(environment):
        _remove(found, environment)
    importlib.invalidate_caches()
    return _alias(environment, found.version, found.digests, changed=True)


def _alias(
    environment: Environment, version: str, files: Mapping[Path, object], *, changed: bool
) -> Alias:
    scripts = tuple(sorted(path for path in files if path.parent == environment.scripts))
    return Alias(version, environment.packages, scripts, changed)


def _contents(environment: Environment) -> dict[Path, bytes]:
    """Every file of the alias; the folder of metadata with its record first."""
    folder = environment.packages / f"{NAME}-{VERSION}.dist-info"
    points = "".join(f"{name} = {module}:main\n" for name, module in PROGRAMS.items())
    about = {
        "INSTALLER": f"{_INSTALLER}\n",
        "METADATA": _METADATA,
        "WHEEL": _WHEEL,
        "entry_points.txt": f"[console_scripts]\n{points}",
        "top_level.txt": f"{NAME}\n",
    }
    files = {folder / name: text.encode() for name, text in about.items()}
    files[environment.packages / NAME / "__init__.py"] = _INIT.encode()
    for name, module in PROGRAMS.items():
        for script, data in script_files(name, module, environment).items():
            files[environment.scripts / script] = data
    record = folder / "RECORD"
    return {record: _record(environment.packages, record, files), **files}


def _record(packages: Path, record: Path, files: Mapping[Path, bytes]) -> bytes:
    """A line a file: path from `packages`, digest, size; the record itself has neither."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for path, data in files.items():
        writer.writerow((_relative(path, packages), _digest(data), len(data)))
    writer.writerow((_relative(record, packages), "", ""))
    return text.getvalue().encode()


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + digest.decode().rstrip("=")


def _find(environment: Environment) -> _Installed | None:
    """The alias in this environment, of whatever version; None where there is none."""
    for folder in sorted(environment.packages.glob(f"{NAME}-*.dist-info")):
        installer = folder / "INSTALLER"
        if not installer.is_file() or installer.read_text("utf-8").strip() != _INSTALLER:
            continue
        try:
            with (folder / "RECORD").open(encoding="utf-8", newline="") as lines:
                rows = [row for row in csv.reader(lines) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise _taken(folder, "has no record of its files that can be read") from error
        digests = {
            Path(os.path.normpath(environment.packages / row[0])): "".join(row[1:2]) for row in rows
        }
        _refuse_foreign_paths(environment, folder, digests)
        return _Installed(folder, digests)
    return None


def _refuse_foreign_paths(
    environment: Environment, folder: Path, paths: Mapping[Path, str]
) -> None:
    """A record that was tampered with must not make us delete other files."""
    for path in paths:
        is_script = path.parent == environment.scripts and path.stem in PROGRAMS
        if not is_script and path.parent not in (folder, environment.packages / NAME):
            raise _taken(folder / "RECORD", f"names {path}, which no alias of Vultus has")


def _own_files(found: _Installed) -> set[Path]:
    """Every path that the alias wrote.

    Raises:
        AliasTaken: one holds something else now.
    """
    for path, digest in found.digests.items():
        if digest and path.exists() and digest != _digest(path.read_bytes()):
            raise _taken(path, "was changed since Vultus wrote it")
    return set(found.digests)


def _is_as_wanted(found: _Installed, wanted: Mapping[Path, bytes]) -> bool:
    return set(found.digests) == set(wanted) and all(
        path.is_file() and path.read_bytes() == data for path, data in wanted.items()
    )


def _refuse_others(environment: Environment) -> None:
    """Raises AliasTaken where something else goes by the name."""
    search = [str(environment.packages), *environment.search]
    for other in metadata.distributions(name=NAME, path=search):
        if (other.read_text("INSTALLER") or "").strip() != _INSTALLER:
            raise AliasTaken(
                f"The real face_recognition {other.version} is installed: {other.locate_file('')}.",
                "Remove it first (`pip uninstall face_recognition`), or write "
                f"`import {PACKAGE} as face_recognition` in the program.",
            )
    module = PathFinder.find_spec(NAME, search)
    if module is None or module.origin is None:  # a folder without modules hides nothing
        return
    # an alias of an environment below this one is no other either
    if _CALL.encode() not in Path(module.origin).read_bytes():
        raise _taken(Path(module.origin), f"is a module named {NAME}")


def _refuse_foreign_files(wanted: Mapping[Path, bytes], ours: set[Path]) -> None:
    for path in wanted:
        if path not in ours and (path.exists() or path.is_symlink()):
            raise _taken(path, "is there already")


def _taken(path: Path, why: str) -> AliasTaken:
    return AliasTaken(
        f"{path} {why}; it is left alone.", "Remove or rename it yourself, and try again."
    )


def _write(environment: Environment, files: Mapping[Path, bytes]) -> None:
    """All of it or nothing; the folder of metadata comes first, and whole.

    So an installation that was cut off is known for what it is, and can be mended or removed.
    """
    about = {path: data for path, data in files.items() if path.parent.suffix == ".dist-info"}
    folder = next(iter(about)).parent
    staged = environment.packages / f"~{NAME}-{os.getpid()}"
    written: list[Path] = []
    try:
        staged.mkdir()
        for path, data in about.items():
            _write_file(staged / path.name, data)
        staged.rename(folder)
        for path, data in files.items():
            if path not in about:
                written.append(path)
                _write_file(path, data, executable=path.parent == environment.scripts)
    except OSError:
        for path in written:
            with suppress(OSError):
                path.unlink()
        for left in (staged, folder):
            shutil.rmtree(left, ignore_errors=True)
        _remove_if_empty(environment.packages / NAME)
        raise


def _write_file(path: Path, data: bytes, *, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if executable:
        path.chmod(path.stat().st_mode | 0o555)


def _remove(found: _Installed, environment: Environment) -> None:
    """The files first, then the folder of metadata at once: what is cut off can be done again."""
    for path in found.digests:
        if path.parent != found.folder:
            path.unlink(missing_ok=True)
    package = environment.packages / NAME
    for compiled in (package / "__pycache__").glob("__init__.*.pyc"):
        compiled.unlink()
    _remove_if_empty(package / "__pycache__")
    _remove_if_empty(package)
    gone = environment.packages / f"~{NAME}-{os.getpid()}"
    found.folder.rename(gone)
    shutil.rmtree(gone)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _storage_errors(environment: Environment) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.filename or environment.packages} cannot be written: {error.strerror}.",
            "Use a virtual environment, or ask whoever owns this one.",
        ) from error
