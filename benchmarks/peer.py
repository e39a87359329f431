"""The peer's own environment: made once under .bench/peer, used again afterwards."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.places import PEER

# face_recognition_models needs pkg_resources, which setuptools 81 no longer carries.
_FIRST = ("setuptools<81", "wheel")
_THEN = ("dlib==20.0.1", "face_recognition==1.3.0", "opencv-python-headless")
_TICK_SECONDS = 20


class PeerMissing(RuntimeError):
    """The peer's environment could not be made."""


def peer_python(given: Path | None) -> Path:
    """The peer's python: the one given, else that of .bench/peer, made where it is not there.

    Raises:
        PeerMissing: it cannot be made, or what was given cannot import face_recognition.
    """
    if given is not None:
        python = given.absolute()  # not resolved: the link is what makes it an environment
    else:
        python = PEER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if not _usable(python):
            _make(python)
    if not _usable(python):
        raise PeerMissing(f"{given or PEER} has no face_recognition and cv2 that can be imported.")
    return python


def _usable(python: Path) -> bool:
    command = [str(python), "-W", "ignore", "-c", "import cv2, dlib, face_recognition"]
    return (
        python.exists()
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def _make(python: Path) -> None:
    print("Making the peer's environment in .bench/peer, once.")
    print("dlib is built from source: about seven minutes; it needs a C++ compiler and CMake.")
    _step("an empty environment", [sys.executable, "-m", "venv", "--clear", str(PEER)])
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _step("setuptools and wheel", [*install, *_FIRST])
    _step("dlib and face_recognition", [*install, *_THEN])


def _step(title: str, command: list[str]) -> None:
    """Run one command, saying now and then that it still runs."""
    start = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        output = ""
        while True:
            try:
                output, _ = process.communicate(timeout=_TICK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                print(f"  {title}: {time.monotonic() - start:.0f} s ...", flush=True)
    if process.returncode:
        raise PeerMissing(f"{title} failed:\n{output[-3000:]}")
    print(f"  {title}: done in {time.monotonic() - start:.0f} s", flush=True)
