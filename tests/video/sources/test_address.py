from __future__ import annotations

import subprocess
import sys

import pytest

from vultus.errors import SourceUnknown
from vultus.video.sources.address import Kind, parse_address, redact


@pytest.mark.parametrize(
    ("address", "kind", "target"),
    [
        ("0", Kind.CAMERA, "0"),
        (" 12 ", Kind.CAMERA, "12"),
        ("/dev/video3", Kind.CAMERA, "/dev/video3"),
        ("/dev/v4l/by-id/usb-cam-index0", Kind.CAMERA, "/dev/v4l/by-id/usb-cam-index0"),
        ("picamera:", Kind.PICAMERA, "0"),
        ("picamera:1", Kind.PICAMERA, "1"),
        ("holiday.mp4", Kind.FILE, "holiday.mp4"),
        (r"c:\films\a.mp4", Kind.FILE, r"c:\films\a.mp4"),
        ("name:with:colons.mp4", Kind.FILE, "name:with:colons.mp4"),
        ("file:///films/a%20b.mp4", Kind.FILE, "/films/a b.mp4"),
        ("rtsp://host/x", Kind.RTSP, "rtsp://host/x"),
        ("RTSPS://[::1]:322/x", Kind.RTSP, "RTSPS://[::1]:322/x"),
        ("http://host:80/x?a=1", Kind.HTTP, "http://host:80/x?a=1"),
        ("https://u:p@host", Kind.HTTP, "https://u:p@host"),
    ],
)
def test_what_addresses_mean(address, kind, target):
    parsed = parse_address(address)
    assert (parsed.kind, parsed.target) == (kind, target)


def test_a_folder_is_one(tmp_path):
    assert parse_address(str(tmp_path)).kind is Kind.FOLDER


@pytest.mark.parametrize(
    "address",
    [
        "",
        "   ",
        "a\0b",
        "-1",
        "picamera:x",
        "picamera",
        "ftp://host/x",
        "rtsp://",
        "rtsp:///path",
        "rtsp://host:99999/x",
        "rtsp://host:port/x",
        "rtsp:/host/x",
        "http:host",
        "http://u:hush hush@host/",
        "rtsp://user:hush/hush@host/x",
        "rtsp:/user:hush@host/x",
    ],
)
def test_senseless_addresses_say_so_and_what_to_write(address):
    with pytest.raises(SourceUnknown) as raised:
        parse_address(address)
    assert raised.value.hint
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://u:hush@host:554/x", "rtsp://u:***@host:554/x"),
        ("rtsp://u:hu@sh@host/x", "rtsp://u:***@host/x"),
        ("rtsp://u:hu@sh/hush@host/x", "rtsp://u:***@host/x"),
        ("rtsp://u:hush?hush@host/x", "rtsp://u:***@host/x"),
        ("rtsp://u:hu#sh@host/x", "rtsp://u:***@host/x"),
        ("rtsp://hush@host/x", "rtsp://***@host/x"),
        ("rtsp://u:hush@[::1]:554/x", "rtsp://u:***@[::1]:554/x"),
        ("rtsp://[::1]:554/x", "rtsp://[::1]:554/x"),
        ("http://h/x?token=hush&channel=1", "http://h/x?token=***&channel=1"),
        ("http://h/x?loginpas=hush;Channel=1", "http://h/x?loginpas=***&Channel=1"),
        ("http://h/x?hush", "http://h/x?***"),
        ("http://h/x?a=1#access_token=hush", "http://h/x?a=***"),
        ("http://h/x#hush", "http://h/x"),
        (
            "rtsp://h/user=a_password=hush_channel=1.sdp",
            "rtsp://h/user=a_password=***_channel=1.sdp",
        ),
        ("rtsp://h/token=hush/x", "rtsp://h/token=***/x"),
        ("http://h/plain/path.mp4", "http://h/plain/path.mp4"),
    ],
)
def test_secrets_are_hidden(address, shown):
    assert redact(address) == shown
    assert redact(f"cannot open '{address}': no, {address}") == (
        f"cannot open '{shown}': no, {shown}"
    )


def test_an_address_shows_no_secret_wherever_it_is_printed():
    parsed = parse_address("rtsp://u:hush@host/x?key=hush")
    assert "hush" not in repr(parsed)
    assert "hush" not in str(parsed)
    assert parsed.name == "rtsp://u:***@host/x?key=***"


def test_a_login_without_scheme_is_no_file_to_be_shown():
    assert parse_address("admin:hush@10.0.0.3/live").name == "admin:***@10.0.0.3/live"


def test_a_file_with_an_at_sign_keeps_its_name(tmp_path):
    path = tmp_path / "me@home.mp4"
    path.touch()
    assert parse_address(str(path)).name == str(path)


def test_understanding_addresses_loads_no_decoder():
    code = "import sys, vultus.video.sources.address as a; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
