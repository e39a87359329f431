"""Reading what Azure's clients send, and answering in their terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from vultus import errors
from vultus.errors import BodyTooLarge, UsageError, VultusError
from vultus.gallery.wire_rows import GroupKind, ListKind, Page, PersistedFace
from vultus.server.azure.problems import AzureError, bad_argument
from vultus.server.bodies import read_json

NOUNS: dict[GroupKind | ListKind, str] = {
    "persongroups": "PersonGroup",
    "largepersongroups": "LargePersonGroup",
    "facelists": "FaceList",
    "largefacelists": "LargeFaceList",
}
RECOGNITION_MODELS = ("recognition_01", "recognition_02", "recognition_03", "recognition_04")
DETECTION_MODELS = ("detection_01", "detection_02", "detection_03")
LONGEST_NAME = 128
LONGEST_DATA = 16384  # of containers and people
LONGEST_FACE_DATA = 1024
_LONGEST_START = 64
_MOST_ENTRIES = 1000
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")


@dataclass(frozen=True)
class NewContainer:
    """The body with which a container is made."""

    title: str
    user_data: str | None
    recognition_model: str


@dataclass(frozen=True)
class Change:
    """The body with which a container or person is changed; None stays."""

    title: str | None
    user_data: str | None


# paths, canonical ones: /face/persongroups/...


def group_kind(request: Request) -> GroupKind:
    """Which kind of group the path begins with."""
    return cast("GroupKind", request.scope["path"].split("/")[2])


def list_kind(request: Request) -> ListKind:
    """Which kind of face list the path begins with."""
    return cast("ListKind", request.scope["path"].split("/")[2])


def any_kind(request: Request) -> GroupKind | ListKind:
    """Which kind of container the path begins with."""
    return cast("GroupKind | ListKind", request.scope["path"].split("/")[2])


# bodies


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


async def json_object(request: Request) -> dict[str, Any]:
    """The body's members; those that are null count as not sent.

    Raises:
        AzureError: BadArgument where it is no JSON object, UnsupportedMediaType where it is
            said to be something else.
    """
    if request.headers.get("content-type") and not is_json(request):
        raise AzureError(415, "UnsupportedMediaType", "Send a JSON object as application/json.")
    try:
        body = await read_json(request)
    except BodyTooLarge as error:
        raise AzureError(413, "BadArgument", str(error)) from None
    except UsageError:
        raise bad_argument("JSON parsing error.") from None
    if not isinstance(body, dict):
        raise bad_argument("The body is no JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def text_in(body: dict[str, Any], name: str, longest: int) -> str | None:
    """A text of a body; None where it was not sent. Raises BadArgument."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_argument(f"'{name}' is no text.")
    return checked_text(value, name, longest)


def name_in(body: dict[str, Any]) -> str | None:
    """The name of a container or person, of 1 to 128 characters. Raises BadArgument."""
    name = text_in(body, "name", LONGEST_NAME)
    if name == "":
        raise bad_argument(f"'name' is empty. Give 1 to {LONGEST_NAME} characters.")
    return name


async def change_in(request: Request) -> Change:
    """What is to be changed. Raises BadArgument."""
    body = await json_object(request)
    return Change(name_in(body), text_in(body, "userData", LONGEST_DATA))


async def new_in(request: Request) -> NewContainer:
    """A container to be made. Raises BadArgument."""
    body = await json_object(request)
    return NewContainer(
        title=required(name_in(body), "name"),
        user_data=text_in(body, "userData", LONGEST_DATA),
        recognition_model=choice_in(
            body, "recognitionModel", RECOGNITION_MODELS, RECOGNITION_MODELS[0]
        ),
    )


def required(value: str | None, name: str) -> str:
    """Raises BadArgument where a member was not sent."""
    if value is None:
        raise bad_argument(f"'{name}' is missing.")
    return value


def checked_text(value: str, name: str, longest: int) -> str:
    """Raises BadArgument where it is too long, or half of a character."""
    if len(value) > longest:
        raise bad_argument(f"'{name}' has more than {longest} characters.")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise bad_argument(f"'{name}' has half of a surrogate pair.")
    return value


def choice_in(body: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    """One of several words. Raises BadArgument."""
    return _chosen(body.get(name, default), name, choices)


# queries


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """true or false, in any case. Raises BadArgument."""
    value = request.query_params.get(name, "")
    if not value:
        return default
    if value.lower() not in ("true", "false"):
        raise bad_argument(f"'{name}' is neither true nor false.")
    return value.lower() == "true"


def integer(request: Request, name: str, lowest: int, highest: int, default: int) -> int:
    """A number of the query. Raises BadArgument."""
    value = request.query_params.get(name, "")
    if not value:
        return default
    if not _INTEGER.match(value) or not lowest <= int(value) <= highest:
        raise bad_argument(f"'{name}' is no number from {lowest} to {highest}.")
    return int(value)


def choice(request: Request, name: str, choices: tuple[str, ...], default: str) -> str:
    """One of several words of the query. Raises BadArgument."""
    return _chosen(request.query_params.get(name) or default, name, choices)


def page_of(request: Request) -> Page:
    """Which entries of a list are asked for. Raises BadArgument."""
    start = request.query_params.get("start", "")
    if len(start) > _LONGEST_START:
        raise bad_argument(f"'start' has more than {_LONGEST_START} characters.")
    return Page(
        checked_text(start, "start", _LONGEST_START),
        integer(request, "top", 1, _MOST_ENTRIES, _MOST_ENTRIES),
    )


def target_of(request: Request) -> tuple[int, int, int, int] | None:
    """targetFace: left, top, width, height in pixels; None where it was not sent.

    Raises:
        AzureError: BadArgument where it is no rectangle.
    """
    value = request.query_params.get("targetFace", "")
    if not value:
        return None
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 4 or not all(_INTEGER.match(part) for part in parts):
        raise bad_argument("'targetFace' is not left,top,width,height.")
    left, top, width, height = (int(part) for part in parts)
    if left < 0 or top < 0 or width < 1 or height < 1:
        raise bad_argument("'targetFace' is out of range.")
    return left, top, width, height


def _chosen(value: object, name: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value.lower() not in choices:
        raise bad_argument(f"'{name}' is none of: {', '.join(choices)}.")
    return value.lower()


# answers


def empty(status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Success with nothing to say."""
    return Response(status_code=status, headers=headers)


def without_unset(**members: object) -> dict[str, object]:
    """The members of an answer that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def shown_face(face: PersistedFace) -> dict[str, object]:
    """A persisted face."""
    return without_unset(persistedFaceId=face.guid, userData=face.user_data)


_CODES: tuple[tuple[type[VultusError], int, str], ...] = (
    (errors.GroupUnknown, 404, "{}NotFound"),
    (errors.FaceListUnknown, 404, "{}NotFound"),
    (errors.PersonUnknown, 404, "PersonNotFound"),
    (errors.FaceUnknown, 404, "PersistedFaceNotFound"),
    (errors.GroupExists, 409, "{}Exists"),
    (errors.FaceListExists, 409, "{}Exists"),
    (errors.NotTrained, 404, "{}NotTrained"),
    (errors.TrainingRunning, 409, "{}TrainingNotFinished"),
)


@contextmanager
def told_as(kind: GroupKind | ListKind) -> Iterator[None]:
    """What goes wrong inside is told with the codes of containers of this kind."""
    try:
        yield
    except VultusError as error:
        for which, status, code in _CODES:
            if isinstance(error, which):
                raise AzureError(status, code.format(NOUNS[kind]), str(error)) from error
        raise
