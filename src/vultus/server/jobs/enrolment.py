"""Bulk enrolment: a zip with pictures of many people, one picture after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vultus.errors import (
    FaceError,
    FaceExists,
    GalleryBusy,
    GalleryReadOnly,
    ImageError,
    StorageError,
    UsageError,
    VultusError,
)
from vultus.gallery.enrolment import prepare_face
from vultus.gallery.gallery import Gallery
from vultus.gallery.rows import check_name
from vultus.server.inference import Cancel
from vultus.server.jobs.archive import Member, PictureArchive, open_pictures
from vultus.server.jobs.journal import Journal
from vultus.server.jobs.runner import JobCancelled, Task
from vultus.server.looking import Looker
from vultus.settings import Settings
from vultus.video.budget import Budget

# what may be wrong with one picture while the next one is fine
_OF_ONE: tuple[type[VultusError], ...] = (ImageError, FaceError, FaceExists, UsageError)
# What passes by itself, or when somebody has made room: the job goes on with the same picture.
WAITS_FOR: tuple[type[VultusError], ...] = (GalleryBusy, GalleryReadOnly, StorageError)
# A picture in whose middle the server was killed so often is left alone: it may be the reason.
_MOST_TRIES = 3
_UNPACKED = 2  # times the largest upload; pictures hardly shrink in a zip
_NOBODY_LEAVES = Cancel()
_Told = dict[str, Any]
_POISON = {
    "error": {
        "code": "internal_error",
        "message": f"The server ended {_MOST_TRIES} times while it worked on this picture.",
    }
}


@dataclass(frozen=True)
class EnrolmentWish:
    """What is to be enrolled, and how; see `Gallery.enroll` and `open_pictures`."""

    group: str
    largest: bool = False
    keep_crops: bool = False
    skip_folders: int | None = None


class BulkEnrolment:
    """The work of such a job; a turn at the networks for each picture."""

    def __init__(
        self, settings: Settings, gallery: Gallery, looker: Looker, budget: Budget
    ) -> None:
        self._settings = settings
        self._gallery = gallery
        self._looker = looker
        self._budget = budget

    def count(self, path: Path, wish: EnrolmentWish) -> int:
        """How many pictures an upload has. Raises as `open_pictures`."""
        with self._open(path, wish) as archive:
            return len(archive.members)

    def __call__(self, task: Task) -> dict[str, Any]:
        """Enrol what was not enrolled before a stop or crash; the answer tells of every picture.

        Raises:
            JobStopped, JobCancelled: as `Task.check`. Those of `WAITS_FOR`, and others that have
                nothing to do with a picture.
        """
        wish = EnrolmentWish(**task.record.request)
        results, tries = _done_before(task.journal)
        with self._open(task.upload, wish) as archive:
            task.progress(len(results), len(archive.members))
            for number, member in enumerate(archive.members[len(results) :], len(results)):
                try:
                    task.check()
                except JobCancelled as cancelled:
                    raise JobCancelled(_answer(wish, results, archive)) from cancelled
                give_up, tries = tries >= _MOST_TRIES, 0
                work = partial(self._enrol, archive, member, wish)
                told = {"source": member.name, "person": member.person}
                told |= _noted(task.journal, number, told, (lambda: _POISON) if give_up else work)
                results.append(told)
                task.progress(len(results))
            return _answer(wish, results, archive)

    def _open(
        self, path: Path, wish: EnrolmentWish
    ) -> contextlib.AbstractContextManager[PictureArchive]:
        return open_pictures(
            path,
            max_bytes=self._settings.limits.max_image_bytes,
            max_total=_UNPACKED * self._settings.server.max_upload_bytes,
            skip_folders=wish.skip_folders,
        )

    def _enrol(self, archive: PictureArchive, member: Member, wish: EnrolmentWish) -> _Told:
        try:
            person = check_name(member.person, "person")
            data = archive.read(member)
            with self._budget.turn():
                image = self._looker.decode(data, _NOBODY_LEAVES)
                faces = self._looker.faces(image, _NOBODY_LEAVES, chips=wish.keep_crops)
            face = prepare_face(person, image, faces, member.name, largest=wish.largest)
            done = self._gallery.add(face, group=wish.group)
        except _OF_ONE as error:
            return {"error": error.to_dict()}
        return {"new": done.new, "quality": round(done.quality, 4), "warnings": done.warnings}


def _noted(journal: Journal, number: int, told: _Told, work: Callable[[], _Told]) -> _Told:
    """What `work` says about a picture, when it is in the journal behind what is `told` already."""
    place = journal.note({"begin": number})
    try:
        found = work()
        journal.note({"of": number, "result": told | found})
    except WAITS_FOR:  # tried again later, and none of the picture's faults
        journal.cut(place)
        raise
    return found


def _done_before(journal: Journal) -> tuple[list[_Told], int]:
    """What became of the first pictures, and how often the next one was begun in vain."""
    results: list[_Told] = []
    tries = 0
    for entry in journal.entries():
        if "begin" in entry:
            tries += 1
            continue
        tries = 0
        if "result" in entry:
            results.append(entry["result"])
    return results, tries


def _answer(wish: EnrolmentWish, results: Sequence[_Told], archive: PictureArchive) -> _Told:
    failed = sum("error" in told for told in results)
    new = sum(told.get("new", False) for told in results)
    return {
        "group": wish.group,
        "enrolled": new,
        "known": len(results) - failed - new,
        "failed": failed,
        "skipped": archive.skipped,
        "pictures": list(results),
    }
