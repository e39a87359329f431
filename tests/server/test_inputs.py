"""Pictures in every way that a client may send them, and everything that is none."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from types import SimpleNamespace

import pytest

from tests.server.senders import FORM, form, request_of
from vultus.errors import BodyTooLarge, ContentRefused, ImageTooLarge, UrlRefused, UsageError
from vultus.server.inputs import Picture, one_picture, pictures_of, read_inputs, two_pictures
from vultus.settings import Settings

PICTURE = bytes(range(256)) * 8
LIMIT = 4096  # of a picture; a body may have 32 times that
JSON = "application/json"


class Fetcher:
    async def fetch(self, url: str) -> bytes:
        if "private" in url:
            raise UrlRefused("not on the public internet")
        return b"from " + url.encode()


def services() -> SimpleNamespace:
    settings = Settings(
        limits={"max_image_bytes": LIMIT}, server={"max_body_bytes": 32 * LIMIT}, gallery="unused"
    )
    return SimpleNamespace(settings=settings, fetcher=Fetcher())


def ask(function, body, kind=""):
    return asyncio.run(function(request_of(body, kind), services()))


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def encoded(data: bytes = PICTURE) -> str:
    return base64.b64encode(data).decode()


# the body itself


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "IMAGE/PNG", "image/x-strange; q=1", "application/octet-stream", ""]
)
def test_a_picture_is_the_body_itself(kind):
    assert ask(one_picture, [PICTURE[:100], PICTURE[100:]], kind) == Picture("picture", PICTURE)


@pytest.mark.parametrize("kind", ["", "image/jpeg"])
def test_an_empty_body_is_no_picture(kind):
    with pytest.raises(UsageError, match="no picture in the request"):
        ask(one_picture, b"", kind)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "video/mp4", "nonsense", "é"]
)
def test_a_body_of_another_kind_is_refused(kind):
    for function in (one_picture, two_pictures):
        with pytest.raises(ContentRefused):
            ask(function, PICTURE, kind)


def test_a_body_without_end_is_cut_off_at_the_limit():
    request = request_of(itertools.repeat(b"x" * 2**16), "image/jpeg")
    with pytest.raises(BodyTooLarge, match="4,096 bytes"):
        asyncio.run(one_picture(request, services()))
    assert request.receive.sent < 80 * 2**20  # thrown away, so that the client hears the answer


# forms


def test_every_file_of_a_form_is_a_picture_whatever_its_field():
    body = form(
        ('name="x"; filename="one.jpg"', PICTURE),
        ('name="person"', "Zoë".encode()),
        ('name="x"; filename="dir/two.png"', b"2"),
    )
    found = ask(read_inputs, body, FORM)
    assert found.pictures == [Picture("one.jpg", PICTURE, "x"), Picture("two.png", b"2", "x")]
    assert found.fields == {"person": "Zoë"}


def test_a_form_may_come_byte_by_byte():
    body = form(('name="x"; filename="one.jpg"', PICTURE))
    parts = (body[i : i + 1] for i in range(len(body)))
    assert ask(one_picture, parts, FORM).data == PICTURE


def test_a_picture_in_a_form_needs_no_filename_where_it_says_what_it_is():
    head = 'name="x"\r\nContent-Type: image/jpeg'
    assert ask(one_picture, form((head, PICTURE)), FORM) == Picture("picture", PICTURE, "x")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\pictures\\\\me.jpg", "me.jpg"),
        ("a\tb\x7f.jpg", "ab.jpg"),
        ("..", ".."),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
        ("/", "picture"),
    ],
)
def test_a_filename_is_shown_without_what_does_not_belong_there(given, kept):
    body = form((f'name="x"; filename="{given}"', PICTURE))
    assert ask(one_picture, body, FORM).name == kept


def test_a_field_where_nobody_chose_a_file_is_no_picture():
    with pytest.raises(UsageError, match="no picture"):
        ask(one_picture, form(('name="x"; filename=""', b"")), FORM)


def test_a_form_without_a_file_is_told_so():
    with pytest.raises(UsageError, match="no picture"):
        ask(one_picture, form(('name="image"', b"not a file")), FORM)


def test_one_picture_is_one():
    body = form(('name="x"; filename="1"', b"1"), ('name="y"; filename="2"', b"2"))
    with pytest.raises(UsageError, match="2 came"):
        ask(one_picture, body, FORM)
    assert [picture.data for picture in ask(pictures_of, body, FORM)] == [b"1", b"2"]


whole = form(('name="x"; filename="1.jpg"', PICTURE))
BROKEN = {
    "cut off in a part": whole[:-200],
    "cut off before the end": whole[:-4],
    "no form at all": b"hello",
    "empty": b"",
    "another boundary": whole.replace(b"b0undary", b"other"),
    "a part without a name": form(('filename="1.jpg"', PICTURE)),
    "no header": b"--b0undary\r\n\r\ndata\r\n--b0undary--\r\n",
    "a header without end": b"--b0undary\r\nContent-Disposition: " + b"x" * 20_000,
    "a header's name without end": b"--b0undary\r\n" + b"x" * 20_000,
    "too many headers": b"--b0undary\r\n" + b"a: b\r\n" * 1000,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_form_is_told_so(body):
    with pytest.raises(UsageError, match=r"no whole multipart|no picture"):
        ask(one_picture, body, FORM)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"{FORM}{'x' * 300}"])
def test_a_form_without_a_sane_boundary_is_told_so(kind):
    with pytest.raises(UsageError, match="no whole multipart"):
        ask(one_picture, whole, kind)


def test_a_form_has_limits_of_its_own():
    with pytest.raises(ImageTooLarge, match="4,096"):
        ask(one_picture, form(('name="x"; filename="1"', b"x" * (LIMIT + 1))), FORM)
    with pytest.raises(UsageError, match="A value in the form has more than"):
        ask(one_picture, form(('name="x"', b"x" * 65_537)), FORM)
    with pytest.raises(BodyTooLarge):
        ask(pictures_of, form(*[('name="x"; filename="1"', b"x" * LIMIT)] * 33), FORM)
    with pytest.raises(UsageError, match="too many parts"):
        ask(pictures_of, form(*[('name="x"; filename="1"', b"x")] * 201), FORM)


def test_what_would_be_ignored_is_refused():
    body = form(('name="x"; filename="1"', b"1"), ('name="min_face"', b"40"))
    with pytest.raises(UsageError, match="there is: min_face"):
        ask(one_picture, body, FORM)
    with pytest.raises(UsageError, match="there is: min_face"):
        ask(one_picture, as_json({"image": encoded(), "min_face": 40}), JSON)


# JSON


@pytest.mark.parametrize(
    "text",
    [
        encoded(),
        "data:image/jpeg;base64," + encoded(),
        "DATA:;BASE64," + encoded(),
        "\n".join(encoded()[i : i + 76] for i in range(0, 4000, 76)),
    ],
)
def test_a_picture_comes_as_base64(text):
    assert ask(one_picture, as_json({"image": text}), JSON) == Picture("picture", PICTURE)
    assert ask(one_picture, as_json({"image": text, "url": None}), JSON).data == PICTURE


@pytest.mark.parametrize(
    "text", ["?", "abc", "ab=c", "data:image/jpeg;base64", "data:image/jpeg,abcd", "é", "\udc80"]
)
def test_what_is_no_base64_is_told_so_without_repeating_it(text):
    with pytest.raises(UsageError) as failed:
        ask(one_picture, as_json({"image": text}), JSON)
    assert failed.value.message == "The image is no base64."


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT])
def test_base64_of_a_picture_that_is_too_large_is_refused(size):
    with pytest.raises((ImageTooLarge, BodyTooLarge)):
        ask(one_picture, as_json({"image": encoded(b"x" * size)}), JSON)
    assert ask(one_picture, as_json({"image": encoded(b"x" * LIMIT)}), JSON).data == b"x" * LIMIT


def test_a_picture_comes_by_address():
    found = ask(one_picture, as_json({"url": "http://host/a/b%20c.jpg?secret=1"}), JSON)
    assert found == Picture("b c.jpg", b"from http://host/a/b%20c.jpg?secret=1")
    assert ask(one_picture, as_json({"url": "http://host"}), JSON).name == "picture"
    assert ask(one_picture, as_json({"url": "http://[half"}), JSON).name == "picture"
    with pytest.raises(UrlRefused):
        ask(one_picture, as_json({"url": "http://private/"}), JSON)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 50_000, b"nope", b'{"image": NaN}', b'{"image": 1e999999, }'],
)
def test_what_is_no_json_is_told_so(body):
    for function in (one_picture, two_pictures):
        with pytest.raises(UsageError, match=r"no JSON|JSON object"):
            ask(function, body, JSON)


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        None,
        7,
        {},
        {"image": 7},
        {"url": ["http://host"]},
        {"image": None},
        {"image": encoded(), "url": "http://host"},
        {"image": {"image": encoded()}},
    ],
)
def test_json_of_another_shape_is_told_so(value):
    with pytest.raises(UsageError):
        ask(one_picture, as_json(value), JSON)


# two pictures


def test_two_pictures_come_in_a_form_by_name_or_by_order():
    one, two = ('name="{}"; filename="1"', b"1"), ('name="{}"; filename="2"', b"2")

    def data(first: str, second: str) -> list[bytes]:
        body = form((one[0].format(first), one[1]), (two[0].format(second), two[1]))
        return [picture.data for picture in ask(two_pictures, body, FORM)]

    assert data("a", "b") == data("x", "x") == [b"1", b"2"]
    assert data("b", "a") == [b"2", b"1"]


def test_two_pictures_come_in_json():
    body = as_json({"a": {"image": encoded()}, "b": {"url": "http://host/b.jpg"}})
    first, second = ask(two_pictures, body, JSON)
    assert (first.name, first.data) == ("a", PICTURE)
    assert (second.name, second.data) == ("b.jpg", b"from http://host/b.jpg")


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"image": encoded()}},
        {"a": encoded(), "b": encoded()},
        {"a": {"image": encoded()}, "b": {}},
        {"a": {"image": encoded()}, "b": {"image": encoded()}, "c": 1},
        {"a": {"image": encoded()}, "b": {"image": encoded(), "x": 1}},
    ],
)
def test_two_pictures_are_two(value):
    with pytest.raises(UsageError):
        ask(two_pictures, as_json(value), JSON)


@pytest.mark.parametrize("count", [1, 3])
def test_two_files_are_two(count):
    with pytest.raises(UsageError, match="Two pictures are wanted"):
        ask(two_pictures, form(*[('name="x"; filename="1"', b"1")] * count), FORM)


@pytest.mark.parametrize("part", [b"{},", b"[],", b"0,", b'"",'])
def test_json_of_members_without_end_is_refused_before_it_is_read(part):
    """60 MB of them would be gigabytes of objects, and hold up everybody meanwhile."""
    with pytest.raises(UsageError, match="a few members"):
        ask(one_picture, b'{"image": [' + part * 10_001 + b"0]}", JSON)
