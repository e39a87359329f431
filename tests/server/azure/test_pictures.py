"""The pictures that faces are added from: formats, sizes, addresses, which face is meant."""

from __future__ import annotations

import io
import uuid

import numpy as np
import pytest
from PIL import Image

from tests.server.azure.clients import OCTETS, done, group_photo, person_photo, refused, send
from tests.shared import shared

LIST = "/facelists/pictures"
TARGETS = {"left": "234,22,150,199", "right": "788,44,152,207"}  # of two_people.jpg


@pytest.fixture(scope="module")
def live(unguarded):
    """A server with an empty list."""
    done(send(unguarded, "PUT", LIST, json={"name": "Pictures"}))
    return unguarded


def add(live, data: bytes, query: str = "", kind: str | None = "application/octet-stream"):
    headers = {} if kind is None else {"Content-Type": kind}
    return send(live, "POST", f"{LIST}/persistedfaces{query}", content=data, headers=headers)


def add_url(live, body: object, query: str = ""):
    return send(live, "POST", f"{LIST}/persistedfaces{query}", json=body)


def added(answer) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["persistedFaceId"]


def count(live) -> int:
    return len(send(live, "GET", LIST).json()["persistedFaces"])


def embedding(live, guid: str) -> np.ndarray:
    model = live.services.gallery.analyzer.embedder_id
    found = live.services.trained.faces("facelists", "pictures", model)
    return found.embeddings[found.guids.index(guid)]


@pytest.fixture
def photo() -> bytes:
    return person_photo("obama", 5).read_bytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF"])
def test_formats(live, form, photo):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(buffer, form)
    guid = added(add(live, buffer.getvalue()))
    original = added(add(live, photo))
    assert np.linalg.norm(embedding(live, guid) - embedding(live, original)) < 0.4


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "APPLICATION/OCTET-STREAM; x=y", "image/jpeg", None]
)
def test_kinds_of_content(live, photo, kind):
    added(add(live, photo, kind=kind))


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "video/mp4"])
def test_other_kinds_of_content_are_refused(live, photo, kind):
    assert refused(add(live, photo, kind=kind)) == (415, "UnsupportedMediaType")


def test_a_chunked_upload(live, photo):
    parts = (photo[start : start + 4096] for start in range(0, len(photo), 4096))
    answer = send(live, "POST", f"{LIST}/persistedfaces", content=parts, headers=OCTETS)
    added(answer)


def test_pictures_that_cannot_be_used(live, photo):
    before = count(live)
    none = shared("photos/noface/cf_017_0.jpg").read_bytes()
    two = group_photo("two_people.jpg").read_bytes()
    for data, code in (
        (b"", "InvalidImageSize"),
        (b"x" * 1023, "InvalidImageSize"),
        (b"x" * 1024, "InvalidImage"),
        (photo[:4000], "InvalidImage"),
        (shared("photos/odd/corrupted.png").read_bytes() + b"x" * 1024, "InvalidImage"),
        (none, "InvalidImage"),
        (two, "InvalidImage"),
    ):
        assert refused(add(live, data)) == (400, code)
    assert count(live) == before


def test_a_picture_has_at_most_six_megabytes(live, photo):
    padded = photo + b"\0" * (6 * 2**20 - len(photo))
    added(add(live, padded))
    assert refused(add(live, padded + b"\0")) == (400, "InvalidImageSize")
    parts = (b"\0" * 2**16 for _ in range(104))  # 6.5 MB, and nobody says so before
    answer = send(live, "POST", f"{LIST}/persistedfaces", content=parts, headers=OCTETS)
    assert refused(answer) == (400, "InvalidImageSize")


def test_the_target_is_the_face_that_overlaps_best(live):
    image = group_photo("two_people.jpg")
    analyzer = live.services.gallery.analyzer
    right, left = analyzer.analyze(image).embeddings
    data = image.read_bytes()
    # rough rectangles will do, and such as reach over both
    for target, expected in (
        (TARGETS["left"], left),
        (TARGETS["right"], right),
        ("200,0,300,300", left),
        (" 700 ,0,400,661", right),
        ("0,0,900,600", left),
    ):
        guid = added(add(live, data, f"?targetFace={target}"))
        np.testing.assert_allclose(embedding(live, guid), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("1000,500,50,50", "InvalidImage"),  # nobody is there
        ("1,2,3", "BadArgument"),
        ("1,2,3,4,5", "BadArgument"),
        ("a,b,c,d", "BadArgument"),
        ("1.5,2,30,40", "BadArgument"),
        ("-1,0,30,40", "BadArgument"),
        ("0,0,0,40", "BadArgument"),
        ("0,0,40,-1", "BadArgument"),
        ("1126,0,40,40", "BadArgument"),  # behind the right edge
        ("0,661,40,40", "BadArgument"),
        ("9" * 30 + ",0,1,1", "BadArgument"),
    ],
)
def test_targets_that_name_no_face(live, target, code):
    before = count(live)
    data = group_photo("two_people.jpg").read_bytes()
    assert refused(add(live, data, f"?targetFace={target}")) == (400, code)
    assert count(live) == before


def test_other_parts_of_the_query(live, photo):
    for query in (f"userData={'x' * 1025}", "detectionModel=detection_99", "detectionModel=1"):
        assert refused(add(live, photo, f"?{query}")) == (400, "BadArgument")
    for model in ("detection_01", "detection_02", "Detection_03"):
        added(add(live, photo, f"?detectionModel={model}&userData={'x' * 1024}&other=1"))


def test_a_picture_by_address(live, photo_url, photo):
    guid = added(add_url(live, {"url": photo_url("people/obama/5.jpg")}, "?userData=x"))
    np.testing.assert_allclose(embedding(live, guid), embedding(live, added(add(live, photo))))


def test_addresses_that_lead_to_no_picture(live, photo_url, tmp_path):
    for url, code in (
        ("", "InvalidURL"),
        ("no address", "InvalidURL"),
        ("file:///etc/passwd", "InvalidURL"),
        ("ftp://127.0.0.1/x.jpg", "InvalidURL"),
        ("http://127.0.0.1:1/x.jpg", "InvalidURL"),
        (photo_url("nothing\n.jpg"), "InvalidURL"),
        (photo_url("groups/noses.json"), "InvalidImageSize"),
        (photo_url("noface/cf_017_0.jpg"), "InvalidImage"),
        (photo_url("groups/two_people.jpg"), "InvalidImage"),
    ):
        assert refused(add_url(live, {"url": url})) == (400, code), url


@pytest.mark.parametrize(
    "body", ["{}", '{"url": null}', '{"url": 5}', '{"url": ["x"]}', "[]", '"x"', "null", "", "{"]
)
def test_addresses_that_are_none(live, body):
    answer = add(live, body.encode(), kind="application/json")
    assert refused(answer) == (400, "BadArgument")


def test_an_address_of_half_a_letter(live):
    answer = add(live, b'{"url": "http://\\ud800/x.jpg"}', kind="application/json")
    assert refused(answer) == (400, "InvalidURL")


def test_private_addresses_are_refused_unless_allowed(live, photo_url, monkeypatch):
    monkeypatch.setattr(live.services.fetcher, "_allow_private", False)
    answer = add_url(live, {"url": photo_url("people/obama/5.jpg")})
    assert refused(answer) == (400, "InvalidURL")


def test_before_a_picture_is_read_its_place_has_to_be_there(live, photo):
    answer = send(live, "POST", "/facelists/nowhere/persistedfaces", content=photo, headers=OCTETS)
    assert refused(answer) == (404, "FaceListNotFound")
    path = f"/largepersongroups/nowhere/persons/{uuid.uuid4()}/persistedfaces"
    answer = send(live, "POST", path, json={"url": "http://127.0.0.1:1/"})
    assert refused(answer) == (404, "LargePersonGroupNotFound")
