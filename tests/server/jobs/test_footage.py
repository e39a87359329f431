"""Which uploads are videos, and which hosts of streams may be asked."""

from __future__ import annotations

import socket

import pytest

from tests.fakes import picture, png
from tests.video.clips import write_clip
from vultus.errors import SourceNotVideo, UrlFailed, UrlRefused
from vultus.server.jobs.footage import is_stream, look_into, pinned
from vultus.settings import VideoSettings


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 20, rate=10)


def upload(tmp_path, data: bytes):
    path = tmp_path / "job-1.upload"
    path.write_bytes(data)
    return path


def test_a_video_tells_how_long_it_is_whatever_it_is_called(tmp_path, clip):
    found = look_into(upload(tmp_path, clip.read_bytes()), VideoSettings())
    assert (found.frames, found.rate) == (20, 10)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx"), ("ts", "mpeg4")]
)
def test_the_usual_containers_are_read(tmp_path, suffix, codec):
    path = write_clip(tmp_path / f"clip.{suffix}", 10, rate=10, codec=codec)
    found = look_into(upload(tmp_path, path.read_bytes()), VideoSettings())
    assert 8 <= found.frames <= 10


def test_playlists_and_scripts_are_not_followed(tmp_path, clip):
    """What FFmpeg would open of itself: other files of this machine, other addresses."""
    piece = write_clip(tmp_path / "piece.ts", 10, rate=10, codec="mpeg4")
    followed = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{piece.name}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {clip}\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    }
    for text in followed.values():
        with pytest.raises(SourceNotVideo, match="no video of a kind"):
            look_into(upload(tmp_path, text.encode()), VideoSettings())


@pytest.mark.parametrize("data", [b"", b"hello " * 500, png(picture("ada")), bytes(5000)], ids=len)
def test_what_is_no_video_is_told_so_without_a_path(tmp_path, data):
    with pytest.raises(SourceNotVideo) as refused:
        look_into(upload(tmp_path, data), VideoSettings())
    assert str(tmp_path) not in str(refused.value)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.mkv"
    clip = write_clip(tmp_path / "clip.mkv", 10, rate=10, sound=True)
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(SourceNotVideo, match="no pictures"):
        look_into(upload(tmp_path, path.read_bytes()), VideoSettings())


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("http://host/clip.mp4", False),
        ("HTTPS://host/clip.mp4", False),
        ("rtsp://u:p@host:8554/door", True),
        ("rtsps://host/door", True),
    ],
)
def test_an_address_is_of_a_file_or_of_something_live(url, live):
    assert is_stream(url) is live


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "0",
        "picamera:",
        "ftp://host/x",
        "concat:a|b",
        "rtsp://",
        "rtsp:host",
        "rtsp://[half",
        "rtsp://host/a b",
        "rtsp://host/\n",
        "rtsp://" + "x" * 2048,
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(UrlRefused):
        is_stream(url)


def resolver(monkeypatch, *addresses):
    def resolve(host, port, **_):
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_the_address_that_was_judged_is_the_one_that_is_asked(monkeypatch):
    resolver(monkeypatch, "93.184.216.34", "2606:2800:220:1::1")
    assert (
        pinned("rtsp://u:p%40x@camera.example/door?a=1", allow_private=False)
        == "rtsp://u:p%40x@93.184.216.34:554/door?a=1"
    )
    resolver(monkeypatch, "2606:2800:220:1::1")
    assert pinned("rtsps://c.example/d", allow_private=False).startswith("rtsps://[2606:2800")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["93.184.216.34", "192.168.1.1"]],
)
def test_private_hosts_are_refused_unless_they_are_allowed(monkeypatch, addresses):
    resolver(monkeypatch, *addresses)
    with pytest.raises(UrlRefused, match="not on the public internet") as refused:
        pinned("rtsp://u:geheim@camera/door", allow_private=False)
    assert "geheim" not in str(refused.value)
    assert addresses[0] in pinned("rtsp://camera/door", allow_private=True)


def test_a_host_that_is_not_there_is_told_so(monkeypatch):
    resolver(monkeypatch)
    with pytest.raises(UrlFailed, match="cannot be found") as failed:
        pinned("rtsp://u:geheim@camera/door", allow_private=True)
    assert "geheim" not in str(failed.value)


@pytest.mark.parametrize("url", ["rtsp://host:99999/door", "rtsp://host:x/door", "http://host/x"])
def test_an_address_that_is_none_of_a_stream_is_refused(url):
    with pytest.raises(UrlRefused):
        pinned(url, allow_private=True)
