"""Those whom nobody knows, under names that stay: `unknown-0001`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, GalleryMissing, StorageError
from vultus.gallery.calibration import Calibrator
from vultus.gallery.index import build_templates
from vultus.gallery.labels import stranger_label
from vultus.gallery.matcher import Templates, person_distances
from vultus.gallery.store import FaceRecord
from vultus.gallery.strangers import STRICTER, StrangerFace, StrangerStore
from vultus.video.moment import Look

log = logging.getLogger("vultus.video")

_KEPT_LOOKS = 5


class Strangers(Protocol):
    """Finds strangers again. `label`s are unique within a group."""

    def find(self, probe: NDArray[np.float32], taken: set[str]) -> str | None:
        """The stranger that a fused embedding (d,) is, none of the `taken` ones, or None."""
        ...

    def add(self, looks: Sequence[Look]) -> str:
        """A new stranger's label."""
        ...

    def learn(self, label: str, looks: Sequence[Look]) -> None:
        """Keep better looks at a stranger."""
        ...

    def was_known(self, label: str, person: str) -> None:
        """A stranger turned out to be a person of the gallery; one of this session is no more."""
        ...

    def is_ignored(self, label: str) -> bool: ...

    def named(self, label: str) -> str | None:
        """The person whom somebody has named this stranger meanwhile, or None."""
        ...


class SessionStrangers:
    """Strangers that are forgotten when the watching ends; nothing is written. Thread-safe: the
    cameras of a group share them."""

    def __init__(self, calibrator: Calibrator) -> None:
        self._lock = Lock()
        self._calibrator = calibrator
        self._limit = STRICTER * calibrator.threshold
        self._faces: dict[str, list[Look]] = {}
        self._made = 0

    def find(self, probe: NDArray[np.float32], taken: set[str]) -> str | None:
        with self._lock:
            records = [
                _record(label, self._calibrator.model_id, look.embedding)
                for label, looks in self._faces.items()
                for look in looks
            ]
        return nearest(probe, build_templates(records), taken, self._limit)

    def add(self, looks: Sequence[Look]) -> str:
        with self._lock:
            self._made += 1
            label = stranger_label(self._made)
            self._faces[label] = list(looks)
            return label

    def learn(self, label: str, looks: Sequence[Look]) -> None:
        with self._lock:
            if label in self._faces:
                self._faces[label] = _best([*self._faces[label], *looks])

    def was_known(self, label: str, person: str) -> None:
        del person
        with self._lock:
            self._faces.pop(label, None)

    def is_ignored(self, label: str) -> bool:
        del label
        return False

    def named(self, label: str) -> str | None:
        del label
        return None


class GalleryStrangers:
    """Strangers that a group of the gallery remembers, across days, cameras and processes."""

    def __init__(self, store: StrangerStore, group: str, calibrator: Calibrator) -> None:
        self._store = store
        self._group = group
        self._calibrator = calibrator
        self._limit = STRICTER * calibrator.threshold
        self._revision: object = None
        self._templates = build_templates([])
        self._ignored: frozenset[str] = frozenset()
        self._mine: set[str] = set()

    def find(self, probe: NDArray[np.float32], taken: set[str]) -> str | None:
        self._refresh()
        return nearest(probe, self._templates, taken, self._limit)

    def add(self, looks: Sequence[Look]) -> str:
        label = self._store.add(self._group, self._calibrator.model_id, _faces(looks))
        self._mine.add(label)
        return label

    def learn(self, label: str, looks: Sequence[Look]) -> None:
        try:
            self._store.learn(
                self._group, label, self._calibrator.model_id, _faces(looks), keep=_KEPT_LOOKS
            )
        except (GalleryError, StorageError) as error:  # the visit is worth more than the looks
            log.error("%s is not remembered better: %s", label, error)

    def was_known(self, label: str, person: str) -> None:
        if label in self._mine:  # an older one has a past of its own, for people to judge
            self._mine.discard(label)
            self._store.become(self._group, label, person)

    def is_ignored(self, label: str) -> bool:
        self._refresh()
        return label in self._ignored

    def named(self, label: str) -> str | None:
        self._refresh()
        if label in self._templates.persons:
            return None
        return self._store.named(self._group, label)

    def _refresh(self) -> None:
        try:
            revision = self._store.revision(self._group)
        except GalleryMissing:  # it is made with the first stranger
            return
        if revision != self._revision:
            model = self._calibrator.model_id
            faces, self._ignored = self._store.read(self._group, model)
            self._templates = build_templates(
                [_record(label, model, face.embedding) for label, face in faces]
            )
            self._revision = revision


def nearest(
    probe: NDArray[np.float32], templates: Templates, taken: set[str], threshold: float
) -> str | None:
    """Whose face a probe (d,) is, among those not taken, or None beyond the threshold."""
    if not templates.persons:
        return None
    distances = person_distances(probe[None], templates)[0][0]
    for place in np.argsort(distances, kind="stable"):
        if distances[place] > threshold:
            return None
        label: str = templates.persons[place]
        if label not in taken:
            return label
    return None


def _best(looks: Sequence[Look]) -> list[Look]:
    # the same look comes again where a visit had several tracks
    unique = {look.embedding.tobytes(): look for look in looks}
    return sorted(unique.values(), key=lambda look: -look.quality)[:_KEPT_LOOKS]


def _faces(looks: Sequence[Look]) -> list[StrangerFace]:
    return [StrangerFace(look.embedding, look.quality, look.face_px) for look in looks]


def _record(label: str, model: str, embedding: NDArray[np.float32]) -> FaceRecord:
    return FaceRecord(label, model, embedding, "", "", (0.0, 0.0, 0.0, 0.0), 0.0)
