"""The files that start a console script: what pip writes for an entry point, without pip."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

from vultus.compat.environment import Environment

# A kernel reads so much of a first line and no more; the shorter of Linux' two limits.
_LONGEST_SHEBANG = 127

_PROGRAM = """\
import sys

from {module} import main

if __name__ == "__main__":
    sys.argv[0] = sys.argv[0].removesuffix(".exe")
    sys.exit(main())
"""


def script_files(name: str, module: str, environment: Environment) -> dict[str, bytes]:
    """Name and contents of the files that run `main` of a module under this name."""
    if not environment.windows:
        return {name: posix_script(module, environment.python)}
    ours = environment.scripts / "vultus.exe"
    program = windows_program(module, ours.read_bytes()) if ours.is_file() else None
    if program is not None:
        return {f"{name}.exe": program}
    return {f"{name}.cmd": _batch_file(module, environment)}


def posix_script(module: str, python: Path) -> bytes:
    """A script with a first line that starts `python`, however long or spaced its path is."""
    path = os.fsencode(python)
    first = b"#!" + path + b"\n"
    if len(first) > _LONGEST_SHEBANG or b" " in path:
        # read by sh as a command, by Python as a string that nobody uses
        first = b"#!/bin/sh\n'''exec' \"" + path + b'" "$0" "$@"\n\' \'\'\'\n'
    return first + _PROGRAM.format(module=module).encode()


def windows_program(module: str, pattern: bytes) -> bytes | None:
    """The launcher of `pattern`, an installed program, with another program behind it.

    None where the form is not that of pip and its vendored distlib: a launcher, a line `#!PYTHON`
    and a zip archive with `__main__.py`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(pattern)) as archive:
            if archive.namelist() != ["__main__.py"]:
                return None
            start = archive.infolist()[0].header_offset
    except zipfile.BadZipFile:
        return None
    launcher = pattern[:start]
    if b"#!" not in launcher or not launcher.endswith(b"\n"):
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # a fixed time, so that the same program is the same file
        archive.writestr(zipfile.ZipInfo("__main__.py"), _PROGRAM.format(module=module))
    return launcher + packed.getvalue()


def _batch_file(module: str, environment: Environment) -> bytes:
    """Where the installer's launcher cannot be used again, such as one made by uv."""
    python = environment.python
    # a folder's name may hold letters that a batch file cannot
    beside = python.parent == environment.scripts
    where = f"%~dp0{python.name}" if beside else str(python).replace("%", "%%")
    return f'@"{where}" -m {module} %*\r\n'.encode()
