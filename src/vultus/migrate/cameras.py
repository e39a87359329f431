"""What Double Take and Frigate keep of known people: a folder a person, in a place of their own.

Double Take: `.storage/train/NAME/*.jpg`; its database.db names the same files again
(api/src/util/db.util.js and fs.util.js of jakowenko/double-take). Frigate from 0.16:
`/media/frigate/clips/faces/NAME/*.webp`, and in `train` what it saw and nobody has named yet
(frigate/const.py and data_processing/common/face/model.py of blakeblackshear/frigate).
"""

from __future__ import annotations

from pathlib import Path

from vultus.errors import ImportInvalid
from vultus.imaging.folders import is_folder
from vultus.imaging.load import readable
from vultus.migrate.people import (
    Plan,
    Skipped,
    count_files,
    holds_people,
    plan_people,
    require_folder,
)

_STORAGE = "Double Take's storage folder, with train/NAME/*.jpg in it"
_LIBRARY = "Frigate's face library, clips/faces/NAME/*.webp"
_TRAIN = "train"
_UNCONFIRMED = "what cameras saw, confirmed by nobody"


def plan_double_take(folder: Path) -> Plan:
    """Double Take's storage folder, its `train` in it, or the folder that holds `.storage`.

    Raises:
        ImportInvalid: it is none of these. NothingToDo: nobody was trained.
    """
    require_folder(folder, _STORAGE)
    candidates = [folder / _TRAIN, folder / ".storage" / _TRAIN]
    train = next((place for place in candidates if is_folder(place)), None)
    if train is None and folder.name == _TRAIN:
        train = folder
    if train is None:
        raise ImportInvalid(
            f"{readable(str(folder))} is not of Double Take: it has neither train nor "
            ".storage/train.",
            f"Name {_STORAGE}; in its container it is /.storage.",
        )
    plan = plan_people(train)
    for name in ("matches", "latest"):
        place = train.parent / name
        if is_folder(place):
            plan.skipped.append(Skipped(place, _UNCONFIRMED, count_files(place)))
    return plan


def plan_frigate(folder: Path) -> Plan:
    """Frigate's media folder, its `clips`, or the face library itself.

    Raises:
        ImportInvalid: it is none of these. NothingToDo: the library is empty.
    """
    require_folder(folder, _LIBRARY)
    candidates = [folder / "clips" / "faces", folder / "faces"]
    library = next((place for place in candidates if is_folder(place)), None)
    if library is None and (folder.name == "faces" or holds_people(folder)):
        library = folder
    if library is None:
        raise ImportInvalid(
            f"{readable(str(folder))} is not of Frigate: it has neither clips/faces nor faces, and "
            "no folders of people with pictures.",
            f"Name {_LIBRARY}; in its container it is /media/frigate/clips/faces.",
        )
    if holds_people(library / _TRAIN):
        raise ImportInvalid(
            f"{readable(str(library))} has people in train, where Frigate has single pictures.",
            "If it is Double Take's: vultus import double-take.",
        )
    return plan_people(library, leave={_TRAIN: _UNCONFIRMED})
