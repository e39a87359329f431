"""What can be had of CompreFace's face collections: the pictures, not the embeddings.

Its REST API (docs/Rest-API-description.md of exadel-inc/CompreFace) lists examples as
`{"faces": [{"image_id", "subject"}], "page_number", ...}` and gives each one's picture. Its
embeddings (in the database with the `calculator` that made them) are of other networks.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

from vultus.errors import ImportInvalid, ModelMismatch
from vultus.imaging.folders import ENDINGS, is_folder
from vultus.imaging.load import readable
from vultus.migrate.people import (
    PersonPicture,
    Plan,
    Skipped,
    children,
    holds_people,
    limited,
    plan_people,
    require_folder,
)
from vultus.migrate.plain import read_json

_EXPECTED = (
    "a folder a subject with pictures in it, or pictures named by their image_id beside the "
    "answers of GET /api/v1/recognition/faces as .json"
)
_DUMPS = (".sql", ".dump", ".csv", ".tsv", ".backup")
_MOST_NODES = 10_000


def plan_compreface(path: Path) -> Plan:
    """A folder a subject, or the API's list of examples with pictures named by `image_id`.

    path: the folder, or the list's JSON file with the pictures beside or below it.

    Raises:
        ImportInvalid: it is none of these. ModelMismatch: embeddings of CompreFace's networks.
        NothingToDo: there is no picture.
    """
    if not is_folder(path):
        _refuse_embeddings(path)
        if path.suffix.lower() != ".json":
            require_folder(path, _EXPECTED)
        rows = _rows(read_json(path))
        if not rows:
            raise ImportInvalid(
                f"{readable(str(path))} lists no examples.", f"Expected {_EXPECTED}."
            )
        return _plan_listed(path.parent, rows)
    rows = [row for place in children(path) for row in _rows(_value_of(place))]
    if rows:
        return _plan_listed(path, rows)
    for place in (path, path / "images"):
        if holds_people(place):
            return plan_people(place)
    for place in children(path):
        _refuse_embeddings(place)
    raise ImportInvalid(f"{readable(str(path))} is not of CompreFace.", f"Expected {_EXPECTED}.")


def _value_of(path: Path) -> Any:
    """What a JSON file holds; None where it is none."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        return read_json(path)
    except ImportInvalid:
        return None


def _refuse_embeddings(path: Path) -> None:
    """Raises ModelMismatch where a file is the database's, or has embeddings."""
    dumped = path.suffix.lower() in _DUMPS and path.is_file()
    if dumped or _has_embeddings(_value_of(path)):
        raise ModelMismatch(
            f"{readable(str(path))} holds embeddings of CompreFace's networks (FaceNet, ArcFace, "
            "as its `calculator` says); those of another network cannot be converted.",
            "Fetch the pictures over its API and import these; docs/migrating.md says how.",
        )


def _has_embeddings(value: Any) -> bool:
    waiting = deque([value])
    for _ in range(_MOST_NODES):
        if not waiting:
            return False
        node = waiting.popleft()
        if isinstance(node, dict):
            if {"embedding", "embeddings"} & node.keys():
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node[:_MOST_NODES])
    return False


def _rows(value: Any) -> list[dict[str, Any]]:
    """The examples of an answer of the API, of several in a list, or a bare list of them."""
    if isinstance(value, dict):
        value = value.get("faces")
    if not isinstance(value, list):
        return []
    rows: list[dict[str, Any]] = []
    for item in value:
        if isinstance(item, dict) and "image_id" in item:
            rows.append(item)
        elif isinstance(item, dict) and isinstance(item.get("faces"), list):
            rows += [row for row in item["faces"] if isinstance(row, dict)]
    return rows


def _plan_listed(folder: Path, rows: list[dict[str, Any]]) -> Plan:
    plan, files, seen = Plan(), _files_by_stem(folder), set()
    for row in rows:
        image, subject = row.get("image_id"), row.get("subject")
        if not isinstance(image, str) or not isinstance(subject, str):
            plan.skipped.append(Skipped(folder, "an example without image_id or subject"))
            continue
        key = image.lower()
        if key in seen:
            continue
        seen.add(key)
        if key in files:
            plan.pictures.append(PersonPicture(files[key], subject))
        else:
            plan.skipped.append(Skipped(folder / key, "no picture has this image_id as its name"))
    return limited(plan, folder)


def _files_by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in a folder and below it by their names without ending, which may be missing."""
    found: dict[str, Path] = {}
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(root) / name
            if path.suffix.lower() in ENDINGS or not path.suffix:
                found.setdefault(path.stem.lower(), path)
    return found
