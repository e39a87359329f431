"""Groups in memory, ready to search. A cache: the database is the truth."""

from __future__ import annotations

import logging
from threading import Lock

import numpy as np

from vultus.errors import GroupUnknown, ModelMismatch
from vultus.gallery.labels import label_number
from vultus.gallery.matcher import Templates
from vultus.gallery.store import FaceRecord, Revision, Store
from vultus.gallery.thresholds import GroupThreshold

log = logging.getLogger("vultus.gallery")

# Faces that a named stranger brought along were seen by a camera, mostly small and soft, and such
# faces crowd together: after naming one of street_1080p, another woman there lay at 0.50 of it.
# They count as farther away by this distance, a fifth of the threshold, unless they are as good
# as a photo.
_HANDICAP = 0.106
_GOOD_AS_A_PHOTO = 0.5  # quality


class GroupIndex:
    """Templates by group, read again when the group has changed in any process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._cached: dict[tuple[str, str], tuple[Revision, Templates]] = {}

    def templates(self, group: str, model: str) -> Templates:
        """The group's faces that `model` made.

        Raises:
            GroupUnknown: there is no such group.
            ModelMismatch: the group has faces, but none of this model's.
        """
        return self.searchable(group, model)[0]

    def searchable(self, group: str, model: str) -> tuple[Templates, GroupThreshold | None]:
        """The same with the group's own threshold, where it has one."""
        try:
            revision = self._store.revision(group)
        except GroupUnknown:
            with self._lock:  # nobody's data stays behind
                self._cached.pop((group, model), None)
            raise
        with self._lock:
            cached = self._cached.get((group, model))
            if cached is None or cached[0][:3] != revision[:3]:
                # The revision was read first: a change since makes this entry stale, not wrong.
                cached = (revision, self._read(group, model))
                self._cached[group, model] = cached
            return cached[1], revision.threshold

    def forget_stale(self) -> None:
        """Let go of what was changed or deleted, by whomever, and nobody has asked for since.

        Raises:
            GalleryError: the database cannot be read.
        """
        for key in list(self._cached):
            try:
                revision = self._store.revision(key[0])
            except GroupUnknown:
                revision = None
            with self._lock:
                cached = self._cached.get(key)
                if cached is not None and (revision is None or cached[0][:3] != revision[:3]):
                    del self._cached[key]

    def _read(self, group: str, model: str) -> Templates:
        records = self._store.faces(group, crops=False)
        mine = [record for record in records if record.model == model]
        if records and not mine:
            others = ", ".join(sorted({record.model for record in records}))
            raise ModelMismatch(
                f"The faces of {group!r} were enrolled with {others}, not with {model}.",
                "Use that model, or enrol these people again.",
            )
        if len(mine) < len(records):
            log.warning(
                "%d faces of %s were made by another model than %s and are not searched",
                len(records) - len(mine),
                group,
                model,
            )
        return build_templates(mine)


def build_templates(records: list[FaceRecord]) -> Templates:
    """Faces of the same model, in any order, to searchable templates."""
    ordered = sorted(records, key=lambda record: record.person)
    first_of: dict[str, int] = {}
    for number, record in enumerate(ordered):
        first_of.setdefault(record.person, number)
    persons, starts = list(first_of), np.array(list(first_of.values()), np.intp)
    if not ordered:
        empty = np.zeros((0, 0), np.float32)
        return Templates(empty, [], starts, empty, [], [], np.zeros(0, np.float32))
    embeddings = np.stack([record.embedding for record in ordered])
    counts = np.diff([*starts, len(ordered)])
    means = np.add.reduceat(embeddings, starts, axis=0) / counts[:, None]
    return Templates(
        embeddings=embeddings,
        persons=persons,
        starts=starts,
        means=means.astype(np.float32),
        sources=[record.source for record in ordered],
        face_ids=[record.id or 0 for record in ordered],
        handicaps=np.array([_handicap(record) for record in ordered], np.float32),
    )


def _handicap(record: FaceRecord) -> float:
    of_stranger = label_number(record.source) is not None
    return _HANDICAP if of_stranger and record.quality < _GOOD_AS_A_PHOTO else 0.0
