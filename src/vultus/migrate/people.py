"""Folders of pictures as other programs keep them: what each picture's person is called.

Enrolling is the gallery's business; here it is decided which pictures, of whom, and which not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vultus.errors import ImportInvalid, NothingToDo
from vultus.imaging.folders import ENDINGS, find_pictures, is_folder
from vultus.imaging.load import readable

MAX_PICTURES = 100_000
_ZIP = b"PK\x03\x04"
# `ada-2`, `ada_0002`, `ada 2`, `ada (2)`, but not a name that is a number
_NUMBERED = re.compile(r"(?P<name>.*[^\W\d_].*?)(?:[ _-]+\d{1,5}| ?\(\d{1,5}\))")


@dataclass(frozen=True)
class PersonPicture:
    """A picture and whom it shows."""

    path: Path
    person: str


@dataclass(frozen=True)
class Skipped:
    """What is not taken over, and why; `count` pictures or files."""

    path: Path
    reason: str
    count: int = 1


@dataclass
class Plan:
    """What is to be enrolled and what is not; `notes` are words to the person at the terminal."""

    pictures: list[PersonPicture] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_folder(folder: Path, *, numbered: bool = False) -> Plan:
    """The known-people folder of face_recognition's tools, or a folder a person.

    A picture at the top shows who its name says, `Barack Obama.jpg`; one in a folder shows who the
    folder's name says. numbered: numbers at the end of a picture's name count its person's
    pictures: `obama-2.jpg` is obama, too.

    Raises:
        ImportInvalid: it is no folder. NothingToDo: it holds no picture.
    """
    require_folder(folder, "a folder with a picture or a folder of pictures for each person")
    found = find_pictures([folder])
    plan = Plan()
    for picture in found.pictures:
        person, inside = picture.person, len(picture.place.parts) > 1
        counted = None if inside else _NUMBERED.fullmatch(person)
        if counted and numbered:
            person = counted["name"]
        plan.pictures.append(PersonPicture(picture.path, person))
    if found.skipped:
        plan.skipped.append(Skipped(folder, "not a picture by its name", found.skipped))
    _skip_links(folder, plan)
    if not numbered:
        plan.notes += _look_numbered(plan.pictures, folder)
    return limited(plan, folder)


def _look_numbered(pictures: list[PersonPicture], folder: Path) -> list[str]:
    """A word where the names of pictures at the top seem to count one person's pictures."""
    names = [p.person for p in pictures if p.path.parent == folder]
    counted = [name for name in names if _NUMBERED.fullmatch(name)]
    if not counted:
        return []
    return [
        f"{len(counted)} pictures have names that end with a number; each is a person of its own, "
        "as in face_recognition. With --numbered they are more pictures of one person."
    ]


def plan_people(folder: Path, *, leave: Mapping[str, str] | None = None) -> Plan:
    """A folder a person, with pictures right in it; pictures beside these show nobody.

    leave: folders that are none of a person, by name, with the reason.
    """
    plan = Plan()
    for place in children(folder):
        if not is_folder(place):
            if not place.name.startswith("."):
                plan.skipped.append(Skipped(place, "not in a folder of a person"))
            continue
        reason = (leave or {}).get(place.name)
        if reason is None and place.is_symlink():
            reason = "a link to another folder"
        if reason is not None:
            plan.skipped.append(Skipped(place, reason, count_files(place)))
        elif not place.name.startswith("."):
            _take_person(place, plan)
    return limited(plan, folder)


def _take_person(folder: Path, plan: Plan) -> None:
    try:
        found = find_pictures([folder])
    except NothingToDo:
        plan.skipped.append(Skipped(folder, "no picture in it", count_files(folder)))
        return
    plan.pictures += [PersonPicture(picture.path, folder.name) for picture in found.pictures]
    if found.skipped:
        plan.skipped.append(Skipped(folder, "not a picture by its name", found.skipped))


def _skip_links(folder: Path, plan: Plan) -> None:
    for place in children(folder):
        if place.is_symlink() and is_folder(place):
            plan.skipped.append(Skipped(place, "a link to another folder", count_files(place)))


def limited(plan: Plan, folder: Path) -> Plan:
    """The plan. Raises ImportInvalid: more pictures than are taken at once; NothingToDo: none."""
    if len(plan.pictures) > MAX_PICTURES:
        raise ImportInvalid(
            f"{readable(str(folder))} has more than {MAX_PICTURES:,} pictures.",
            "Import it in parts.",
        )
    if not plan.pictures:
        raise NothingToDo(
            f"There is no picture to import in {readable(str(folder))}.",
            "A folder for each person, with pictures in it, was looked for.",
        )
    return plan


def require_folder(path: Path, expected: str) -> None:
    """Raises ImportInvalid where a path is no folder, with what was expected there."""
    if is_folder(path):
        return
    shown = readable(str(path))
    try:
        with path.open("rb") as file:
            packed = file.read(len(_ZIP)) == _ZIP
    except (OSError, ValueError):
        raise ImportInvalid(f"There is no folder {shown}.", f"Expected {expected}.") from None
    if packed:
        raise ImportInvalid(
            f"{shown} is a zip archive.", f"Unpack it first, and name the folder: {expected}."
        )
    raise ImportInvalid(f"{shown} is no folder.", f"Expected {expected}.")


def children(folder: Path) -> list[Path]:
    """What lies in a folder, sorted. Raises ImportInvalid: it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise ImportInvalid(
            f"{readable(str(folder))} cannot be read: {error.strerror or error}.",
            "Check its permissions.",
        ) from error


def holds_people(folder: Path) -> bool:
    """Whether some folder in this one has pictures right in it."""
    return is_folder(folder) and any(
        is_folder(place) and not place.name.startswith(".") and any(pictures_in(place))
        for place in children(folder)
    )


def pictures_in(folder: Path) -> Iterator[Path]:
    """The pictures right in a folder, by their names."""
    for path in children(folder):
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file():
            yield path


def count_files(folder: Path) -> int:
    """How many files lie in a folder and below it; links are not followed."""
    return sum(len(files) for _, _, files in os.walk(folder))
