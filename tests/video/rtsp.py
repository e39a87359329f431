"""A real RTSP server for tests: H.264 over RTP, in a process that can be stopped and killed.

Needs the Debian packages python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base,
gstreamer1.0-plugins-good and gstreamer1.0-plugins-bad; without them its tests are skipped.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.video.clips import write_units

_PYTHON = "/usr/bin/python3"
_PROGRAM = Path(__file__).with_name("rtsp_program.py")
_CHECK = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [name for name in ("multifilesrc", "h264parse", "rtph264pay") if not
           Gst.ElementFactory.find(name)]
raise SystemExit(f"GStreamer lacks {missing}" if missing else 0)
"""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@cache
def _why_not() -> str:
    try:
        tried = subprocess.run(
            [_PYTHON, "-c", _CHECK], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        return str(error)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


class RtspServer:
    """Sends clips in a loop, 15 frames a second: `with RtspServer({"door": clip}, folder) as s`.

    Args:
        clips: a video file for each mount; it is coded anew, as it should be at most 15 fps.
        folder: where the coded streams are put; a temporary one.
        user, password: asked for by every mount, when given.
    """

    def __init__(
        self, clips: dict[str, Path], folder: Path, *, user: str = "", password: str = ""
    ) -> None:
        if _why_not():
            pytest.skip(f"needs an RTSP server (see {Path(__file__).name}): {_why_not()}")
        self.port = free_port()
        self._user, self._password = user, password
        self._mounts = [
            f"{name}={write_units(clip, folder / name)}" for name, clip in clips.items()
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def address(self, mount: str, *, user: str | None = None, password: str | None = None) -> str:
        """The address of a mount, with the right user and password unless others are given."""
        user = self._user if user is None else user
        password = self._password if password is None else password
        login = f"{user}:{password}@" if user else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/{mount}"

    def start(self) -> None:
        """Listen; returns when the server is ready."""
        assert self._process is None, "it runs already"
        command = [_PYTHON, str(_PROGRAM), str(self.port), self._user, self._password]
        self._process = subprocess.Popen(
            [*command, *self._mounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.stop()
            raise RuntimeError(f"the RTSP server did not start on port {self.port}")

    def stop(self) -> None:
        """Kill it, as a power cut would; the port stays the same for the next start."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()  # waits, and closes the pipes

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Connections stay open, and nothing is sent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
