"""What Azure's clients ask about faces that were detected: bodies, read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from vultus.gallery.wire_rows import GroupKind, ListKind, is_wire_id
from vultus.server.azure.problems import AzureError, bad_argument
from vultus.server.azure.wire import choice_in

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_MOST_IDENTIFIED = 10
_MOST_FACES = 1000
_SAME = 0.5

GROUP_MEMBERS: dict[str, GroupKind] = {
    "personGroupId": "persongroups",
    "largePersonGroupId": "largepersongroups",
}
LIST_MEMBERS: dict[str, ListKind] = {
    "faceListId": "facelists",
    "largeFaceListId": "largefacelists",
}


@dataclass(frozen=True)
class FacesQuestion:
    """Are these two faces one person?"""

    first: str
    second: str


@dataclass(frozen=True)
class PersonQuestion:
    """Is this face that person of a group?"""

    face: str
    person: str
    kind: GroupKind
    group: str


@dataclass(frozen=True)
class IdentifyQuestion:
    """Who of a group is each of these faces? At most `top` people with `least` confidence."""

    faces: tuple[str, ...]
    kind: GroupKind
    group: str
    top: int
    least: float


@dataclass(frozen=True)
class SimilarQuestion:
    """Which faces are like this one? Of `among`, or of the face list `face_list`."""

    face: str
    among: tuple[str, ...]
    kind: ListKind | None
    face_list: str
    top: int
    mode: Literal["matchPerson", "matchFace"]


def verify_question(body: dict[str, Any]) -> FacesQuestion | PersonQuestion:
    """All four raise AzureError, BadArgument unless said, where a body makes no sense."""
    if "faceId1" in body or "faceId2" in body:
        return FacesQuestion(guid_in(body, "faceId1"), guid_in(body, "faceId2"))
    face, person = guid_in(body, "faceId"), guid_in(body, "personId")
    named = [name for name in GROUP_MEMBERS if name in body]
    if len(named) != 1:
        raise bad_argument("Give either 'personGroupId' or 'largePersonGroupId'.")
    return PersonQuestion(face, person, GROUP_MEMBERS[named[0]], wire_id_in(body, named[0]))


def identify_question(body: dict[str, Any]) -> IdentifyQuestion:
    """Raises PersonGroupIdAndLargePersonGroupIdBothNotNull and ...BothNull, too."""
    faces = guids_in(body, "faceIds", 1, _MOST_IDENTIFIED)
    named = [name for name in GROUP_MEMBERS if name in body]
    if len(named) != 1:
        which = "BothNotNull" if named else "BothNull"
        raise AzureError(
            400,
            f"PersonGroupIdAndLargePersonGroupId{which}",
            "Give either 'personGroupId' or 'largePersonGroupId'.",
        )
    return IdentifyQuestion(
        faces=faces,
        kind=GROUP_MEMBERS[named[0]],
        group=wire_id_in(body, named[0]),
        top=_integer_in(body, "maxNumOfCandidatesReturned", 1, 100, 10),
        least=_share_in(body, "confidenceThreshold", _SAME),
    )


def similar_question(body: dict[str, Any]) -> SimilarQuestion:
    """Exactly one of faceIds, faceListId and largeFaceListId."""
    face = guid_in(body, "faceId")
    named = [name for name in ("faceIds", *LIST_MEMBERS) if name in body]
    if len(named) != 1:
        raise bad_argument("Give exactly one of 'faceIds', 'faceListId' and 'largeFaceListId'.")
    kind = LIST_MEMBERS.get(named[0])
    mode = choice_in(body, "mode", ("matchperson", "matchface"), "matchperson")
    return SimilarQuestion(
        face=face,
        among=() if kind else guids_in(body, "faceIds", 1, _MOST_FACES),
        kind=kind,
        face_list=wire_id_in(body, named[0]) if kind else "",
        top=_integer_in(body, "maxNumOfCandidatesReturned", 1, 1000, 20),
        mode="matchFace" if mode == "matchface" else "matchPerson",
    )


def group_question(body: dict[str, Any]) -> tuple[str, ...]:
    """The faces to group, each once."""
    faces = guids_in(body, "faceIds", 2, _MOST_FACES)
    once: dict[str, str] = {}
    for face in faces:
        once.setdefault(face.lower(), face)
    return tuple(once.values())


def guid_in(body: dict[str, Any], name: str) -> str:
    """An id of a face or person, as the client writes it."""
    return _guid(body.get(name), name)


def guids_in(body: dict[str, Any], name: str, fewest: int, most: int) -> tuple[str, ...]:
    """Several ids."""
    found = body.get(name)
    if not isinstance(found, list) or not fewest <= len(found) <= most:
        raise bad_argument(f"'{name}' is no list of {fewest} to {most} ids.")
    return tuple(_guid(value, name) for value in found)


def wire_id_in(body: dict[str, Any], name: str) -> str:
    """The id of a container."""
    found = body.get(name)
    if not isinstance(found, str) or not is_wire_id(found):
        raise bad_argument(
            f"'{name}' is invalid: 1 to 64 lower-case letters, digits, dashes and underscores."
        )
    return found


def _guid(value: object, name: str) -> str:
    if not isinstance(value, str) or not _GUID.match(value):
        raise bad_argument(f"'{name}' has no valid id, a GUID.")
    return value


def _integer_in(body: dict[str, Any], name: str, lowest: int, highest: int, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise bad_argument(f"'{name}' is no number from {lowest} to {highest}.")
    return value


def _share_in(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise bad_argument(f"'{name}' is no number from 0 to 1.")
    return float(value)
