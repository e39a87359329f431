"""What detect makes of bodies: sizes, formats, addresses, nonsense."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.azure.clients import BASE, OCTETS, person_photo, refused
from tests.server.azure.pictures import detect, found, web_of
from tests.server.live import Live, live_server, settings_in
from tests.shared import shared

MB = 2**20


@pytest.fixture(scope="module")
def open_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that may fetch pictures from this machine."""
    settings = settings_in(tmp_path_factory.mktemp("open"), allow_private_urls=True)
    with live_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    pages = {
        "/obama.jpg": person_photo("obama", 5).read_bytes(),
        "/nobody.jpg": shared("photos/noface/cf_017_0.jpg").read_bytes(),
        "/page.html": b"<html>" + b"no picture " * 200,
        "/tiny.jpg": b"x" * 1023,
        "/huge.jpg": b"x" * (6 * MB + 1),
    }
    with web_of(pages) as address:
        yield address


def padded(size: int) -> bytes:
    """A photo with so many bytes: decoders stop at the end of the picture."""
    return person_photo("obama", 5).read_bytes().ljust(size, b"\0")


def by_url(live: Live, body: object) -> object:
    return live.client.post(f"{BASE}/detect", json=body)


# sizes


def test_just_under_six_megabytes_pass(live):
    assert len(found(live, padded(int(5.9 * MB)))) == 1


@pytest.mark.parametrize("size", [6 * MB + 1, int(6.5 * MB), 12 * MB, 40 * MB])
def test_more_than_six_megabytes_are_refused_and_the_answer_arrives(live, size):
    assert refused(detect(live, padded(size))) == (400, "InvalidImageSize")


@pytest.mark.parametrize("megabytes", [7, 12])
def test_so_are_chunks_without_an_announced_length(live, megabytes):
    def chunks() -> Iterator[bytes]:
        yield person_photo("obama", 5).read_bytes()
        yield from (b"\0" * 2**16 for _ in range(megabytes * 16))

    answer = live.client.post(f"{BASE}/detect", content=chunks(), headers=OCTETS)
    assert refused(answer) == (400, "InvalidImageSize")


def test_chunks_are_put_together(live):
    data = person_photo("obama", 5).read_bytes()
    parts = (data[start : start + 1000] for start in range(0, len(data), 1000))
    answer = live.client.post(f"{BASE}/detect", content=parts, headers=OCTETS)
    assert len(answer.json()) == 1


@pytest.mark.parametrize("size", [0, 1, 1023])
def test_less_than_a_kilobyte_is_refused(live, size):
    assert refused(detect(live, b"\xff" * size)) == (400, "InvalidImageSize")


# what is no picture


@pytest.mark.parametrize("data", [b"no picture at all " * 100, b"\xff\xd8\xff\xe0" + b"\0" * 5000])
def test_bytes_that_are_no_picture_are_refused(live, data):
    assert refused(detect(live, data)) == (400, "InvalidImage")


def test_a_damaged_picture_is_refused(live):
    answer = detect(live, shared("photos/odd/corrupted.png"))
    assert refused(answer) == (400, "InvalidImage")
    assert "/" not in answer.json()["error"]["message"]  # no path of this machine


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "video/mp4"])
def test_other_kinds_of_body_are_refused(live, kind):
    data = person_photo("obama", 5).read_bytes()
    answer = live.client.post(f"{BASE}/detect", content=data, headers={"Content-Type": kind})
    assert refused(answer) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"url": 3}',
        b'{"url": null}',
        b"\xff\xfe{}",
        b"[" * 9,
    ],
)
def test_json_that_names_no_picture_is_refused(live, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = live.client.post(f"{BASE}/detect", content=body, headers=headers)
    assert refused(answer) == (400, "BadArgument")


# addresses


def test_a_picture_by_address(open_live, web):
    answer = by_url(open_live, {"url": f"{web}/obama.jpg"})
    assert [sorted(face) for face in answer.json()] == [["faceId", "faceRectangle"]]
    assert by_url(open_live, {"url": f"{web}/nobody.jpg"}).json() == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nothing.jpg", "InvalidURL"),
        ("/page.html", "InvalidImage"),
        ("/tiny.jpg", "InvalidImageSize"),
        ("/huge.jpg", "InvalidImageSize"),
    ],
)
def test_what_an_address_leads_to_may_be_refused(open_live, web, path, code):
    assert refused(by_url(open_live, {"url": web + path})) == (400, code)


@pytest.mark.parametrize(
    "url", ["", "no address", "ftp://example.org/x.jpg", "file:///etc/passwd", "http://"]
)
def test_what_is_no_address_is_refused(open_live, url):
    assert refused(by_url(open_live, {"url": url})) == (400, "InvalidURL")


def test_addresses_of_this_machine_are_refused_unless_allowed(live, web):
    answer = by_url(live, {"url": f"{web}/obama.jpg"})
    assert refused(answer) == (400, "InvalidURL")


# who asks


def test_a_wrong_key_is_told_before_anything_else(live):
    for headers in ({"X-Api-Key": "wrong"}, {"X-Api-Key": ""}):
        answer = live.client.post(f"{BASE}/detect?faceIdTimeToLive=1", headers=headers)
        assert refused(answer) == (401, "401")


def test_a_key_for_viewers_does_not_detect(live):
    key = live.services.keys.create("looks-on", "viewer")
    live.services.ring.forget()
    answer = live.client.post(f"{BASE}/detect", headers={"X-Api-Key": key})
    assert refused(answer) == (403, "Forbidden")
