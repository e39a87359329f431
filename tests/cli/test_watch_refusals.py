"""`vultus watch`: what is refused, and how the cameras are shown."""

from __future__ import annotations

import os

import pytest
from rich.console import Console

from tests.cli.watch_helpers import HIDDEN
from tests.events.servers import free_port
from tests.video.clips import write_sound
from tests.video.rtsp import RtspServer
from tests.video.scenes import Part, film
from vultus.cli.watch_board import describe, status_table
from vultus.video.watcher import CameraStatus

# what is refused


@pytest.mark.parametrize(
    "given",
    [
        ["--zone", "door"],
        ["--zone", "=0,0 1,0 1,1"],
        ["--zone", "door=0,0 1,0"],
        ["--zone", "door=0,0 1,0 2,2"],
        ["--zone", "door=a,b c,d e,f"],
        ["--mask", "0,0 1,0"],
        ["--mask", "m=0,0 1,0 1,1"],
        ["--mask", ""],
        ["--fps", "0"],
        ["--fps", "x"],
        ["--min-face", "1"],
        ["--confirm", "0"],
        ["--absence", "0"],
        ["--seconds", "0"],
        ["--started-at", "yesterday"],
        ["--record", "out.txt"],
        ["--to", "gopher://host"],
        ["--to", "events.txt"],
        ["--camera", "x" * 101],
        ["--far", "2"],
    ],
    ids=" ".join,
)
def test_senseless_options(watch, tmp_path, given):
    ran = watch("watch", tmp_path / "none.mp4", *given)
    assert ran.code == 2, ran.stderr
    assert "Traceback" not in ran.stderr


def test_nothing_to_watch(watch):
    assert watch("watch").code == 2
    assert watch("watch", "").code in (2, 6)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("gone.mp4", "source_missing"),
        ("talk.m4a", "source_not_video"),
        ("text.mp4", "source_not_video"),
        ("97", "source_missing"),
        ("gopher://host/x", "source_unknown"),
        (f"rtsp:ada:{HIDDEN}@host/stream", "source_unknown"),
        (f"gopher://ada:{HIDDEN}@host/x?token={HIDDEN}", "source_unknown"),
        (f"ada:{HIDDEN}@host", "source_missing"),
    ],
)
def test_sources_that_cannot_be_had(watch, tmp_path, source, code):
    write_sound(tmp_path / "talk.m4a")
    (tmp_path / "text.mp4").write_text("this is no video" * 50)
    ran = watch("watch", source, "-f", "json", "--to", "events.jsonl")
    assert ran.code == 6
    (error,) = [record["error"] for record in ran.records if "error" in record]
    assert error["code"] == code
    human = watch("watch", source)
    assert human.code == 6
    assert f"[{code}]" in human.stderr
    assert "Traceback" not in human.stderr
    assert HIDDEN not in ran.stdout + ran.stderr + human.stdout + human.stderr


def test_a_server_that_is_no_video(watch, tmp_path):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>" * 100)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        address = f"http://ada:{HIDDEN}@127.0.0.1:{server.server_port}/page?token={HIDDEN}"
        ran = watch("watch", address, "-f", "json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ran.code == 6
    (error,) = [record["error"] for record in ran.records if "error" in record]
    assert error["code"] == "source_not_video"
    assert HIDDEN not in ran.stdout + ran.stderr


def test_an_unknown_group(watch, clip):
    ran = watch("watch", clip, "--group", "nobody", "-f", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] == "group_unknown"


def test_no_gallery(watch, clip, tmp_path):
    ran = watch("watch", clip, "--group", "family", "--gallery", tmp_path / "none.db")
    assert ran.code == 4


def test_a_live_source_that_never_came_is_no_success(watch):
    address = f"rtsp://ada:{HIDDEN}@127.0.0.1:{free_port()}/door"
    ran = watch("watch", address, "--seconds", "1.2", "-f", "json")
    assert ran.code == 6
    (status,) = [record["status"] for record in ran.records if "status" in record]
    assert status["frames"] == 0
    assert HIDDEN not in ran.stdout + ran.stderr


def test_a_wrong_password(watch, tmp_path):
    clip = film(tmp_path / "rtsp.mp4", [Part("ada")], 1, rate=15)
    with RtspServer({"door": clip}, tmp_path / "served", user="ada", password=HIDDEN) as server:
        ran = watch("watch", server.address("door", password=f"{HIDDEN}-wrong"), "-f", "json")
        right = watch("watch", server.address("door"), "--seconds", "2", "-g", "family")
    assert ran.code == 6
    assert ran.records[0]["error"]["code"] == "source_denied"
    assert right.code == 0
    assert "enter   ada" in right.stdout
    assert HIDDEN not in ran.stdout + ran.stderr + right.stdout + right.stderr


# the board


def status(**changes):
    return CameraStatus("door", **changes)


def test_a_run_in_a_line():
    counts = {"small": 3, "grey": 2, "no_face": 7, "named": 1}
    text = describe(status(frames=100, analysed=40, visits=1, counts=counts), 12.34)
    assert "100 frames in 12.3 s" in text
    assert "40 analysed" in text
    assert "1 visit." in text
    assert text.endswith("Not recognised: 3 too small, 2 grey frames.")
    assert "keep up" not in text
    assert "could not keep up" in describe(status(frames=1, keeps_up=False), 1)
    assert "is not there" in describe(status(error="x.mp4 is not there."), 1)


def test_the_table_of_cameras():
    cameras = [
        status(
            state="live", fps=9.96, source_fps=25, delay_s=0.123, present=["ada", "bob"], visits=7
        ),
        status(state="waiting", error="The camera\x1b[31m is down."),
        status(state="live", keeps_up=False, counts={"small": 3, "blurred": 2, "no_face": 9}),
    ]
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(status_table(cameras))
    text = console.export_text()
    for words in ("10.0", "25.0", "0.12 s", "ada, bob", "waiting", "is down.", "live, too slow"):
        assert words in text
    assert "\x1b" not in text
    assert " 5 " in text.splitlines()[-2]
