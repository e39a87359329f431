"""`Gallery`: pictures in, people enrolled; pictures in, people named."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vultus.errors import FaceExists, ModelMismatch, UsageError
from vultus.faces.analyzer import Analyzer
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.faces.quality import poor_reasons
from vultus.faces.types import Face, Faces
from vultus.gallery.archive import read_archive, write_archive
from vultus.gallery.audit import AuditStore
from vultus.gallery.calibration import Calibrator
from vultus.gallery.database import Database
from vultus.gallery.enrolment import Enrolment, PreparedFace, prepare_face, source_name
from vultus.gallery.index import GroupIndex
from vultus.gallery.matcher import Candidate, Decision, Templates, decide
from vultus.gallery.rows import check_name
from vultus.gallery.store import FaceRecord, Group, Person, Store, unknown_face
from vultus.gallery.strangers import StrangerStore
from vultus.gallery.thresholds import GroupThreshold, write_threshold
from vultus.gallery.visits import VisitStore
from vultus.imaging.folders import find_pictures, is_folder
from vultus.imaging.load import ImageSource, load
from vultus.imaging.pictures import delete_pictures
from vultus.models import catalogue
from vultus.settings import Settings, load_settings

DEFAULT_GROUP = "default"


@dataclass(frozen=True)
class Identification:
    """Who one face of a picture is; `person` is None for a stranger.

    probability: of the best candidate, calibrated, 0.5 at the threshold.
    why: rule, threshold, reference picture, runner-up, margin and what is poor in the picture.
    """

    face: Face
    person: str | None
    probability: float
    candidates: list[Candidate]
    why: dict[str, Any]


class Gallery:
    """Groups of people with their enrolled faces, in one database.

    Args:
        address: path of a file (made when somebody is enrolled) or a database address; the
            setting `gallery` when not given.
        analyzer: finds and embeds faces; one with the default models when not given.
        far: wished rate of false matches, picks the threshold; when not given a group's own as
            `vultus calibrate` measured it, else that of the settings or of the model.

    Everything that changes people is on disk when the call returns.
    """

    def __init__(
        self,
        address: str | Path | None = None,
        *,
        settings: Settings | None = None,
        analyzer: Analyzer | None = None,
        far: float | None = None,
    ) -> None:
        self.settings = settings or (analyzer.settings if analyzer else load_settings())
        self.database = Database(str(address or self.settings.gallery))
        self.analyzer = analyzer or Analyzer(self.settings)  # loads its models when first used
        self._far = far if far is not None else self.settings.matching.far
        self._insists = far is not None  # whatever was measured for a group
        self._store = Store(self.database)
        self._index = GroupIndex(self._store)
        self.strangers = StrangerStore(self.database)
        self.visits = VisitStore(self.database)
        self.audit = AuditStore(self.database)

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    @cached_property
    def calibrator(self) -> Calibrator:
        """What distances of this gallery's model are worth, at the wished rate."""
        return Calibrator.of(self.analyzer.embedder_id, self._far)

    def calibrator_at(self, far: float | None) -> Calibrator:
        """The same for another rate, or the gallery's own. Raises UsageError: not measured."""
        return self.calibrator if far is None else Calibrator.of(self.analyzer.embedder_id, far)

    def calibrator_with(
        self, measured: GroupThreshold | None, far: float | None = None
    ) -> Calibrator:
        """The same for a group with this threshold of its own, unless a rate was asked for."""
        calibrator = self.calibrator_at(far)
        if measured is None or far is not None or self._insists:
            return calibrator
        return measured.applied_to(calibrator)

    def calibrator_for(self, group: str, far: float | None = None) -> Calibrator:
        """What names people of a group. Raises GroupUnknown."""
        return self.calibrator_with(self._store.revision(group).threshold, far)

    # enrolling

    def enroll(
        self,
        person: str,
        sources: ImageSource | Iterable[ImageSource],
        *,
        group: str = DEFAULT_GROUP,
        largest: bool = False,
        keep_crops: bool = False,
    ) -> list[Enrolment]:
        """Enrol pictures of one person; group and person are made when they are not there.

        Args:
            sources: one picture or several; a folder stands for the pictures below it.
            largest: take the largest face where a picture has several, instead of refusing it.
            keep_crops: store the aligned face too, so that a later model can be applied to it.

        Raises:
            NoFace, SeveralFaces, ImageError, FaceExists: for the first picture that cannot be
                enrolled; the ones before it are.
        """
        person, group = check_name(person, "person"), check_name(group, "group")
        return [
            self.add(
                self.prepare(person, source, largest=largest, keep_crop=keep_crops), group=group
            )
            for source in _each(sources)
        ]

    def enroll_folder(
        self, folder: str | Path, *, group: str = DEFAULT_GROUP, largest: bool = False
    ) -> list[Enrolment]:
        """Enrol a folder with a folder a person, or with pictures named after the person.

        Raises:
            As `enroll`, and NothingToDo where there is no picture.
        """
        found = find_pictures([Path(folder)])
        return [
            self.add(self.prepare(picture.person, picture.path, largest=largest), group=group)
            for picture in found.pictures
        ]

    def prepare(
        self, person: str, source: ImageSource, *, largest: bool = False, keep_crop: bool = False
    ) -> PreparedFace:
        """Find and embed the face of a picture; nothing is written yet."""
        image = load(source, self.settings.limits)
        faces = self.analyzer.analyze(image, chips=keep_crop)
        return prepare_face(person, image, faces, source_name(source), largest=largest)

    def add(self, face: PreparedFace, *, group: str = DEFAULT_GROUP) -> Enrolment:
        """Write a prepared face; it is on disk when this returns.

        Raises:
            FaceExists: the same picture is another person's in this group.
        """
        return _enrolment(face, group, self._store.add_face(group, face.record) is not None)

    def add_each(
        self, faces: Sequence[PreparedFace], *, group: str = DEFAULT_GROUP
    ) -> list[Enrolment | FaceExists | UsageError]:
        """Write many prepared faces at once; one that is refused leaves the others."""
        answers = self._store.add_each(group, [face.record for face in faces])
        return [
            _enrolment(face, group, answer) if isinstance(answer, bool) else answer
            for face, answer in zip(faces, answers, strict=True)
        ]

    def check(self, face: PreparedFace, *, group: str = DEFAULT_GROUP) -> Enrolment:
        """What `add` would answer, or raise; nothing is written."""
        return _enrolment(face, group, self._store.check_face(group, face.record))

    # identifying

    def identify(
        self,
        source: ImageSource,
        *,
        group: str = DEFAULT_GROUP,
        top: int = 3,
        attributes: str | Iterable[str] = (),
    ) -> list[Identification]:
        """Name the faces of a picture; each person at most once.

        attributes: how the faces look, by name; `found.face.attributes` has them.

        Raises:
            GroupUnknown: there is no such group. ModelMismatch: it is another model's.
        """
        self._index.templates(group, self.analyzer.embedder_id)  # fail before the work
        faces = self.analyzer.analyze(source, attributes=attributes)
        return self.identify_faces(faces, group=group, top=top)

    def identify_faces(
        self,
        faces: Faces,
        *,
        group: str = DEFAULT_GROUP,
        top: int = 3,
        far: float | None = None,
    ) -> list[Identification]:
        """Name faces that were already found and embedded in one picture; `far` as in `decide`."""
        if faces.embeddings is None or faces.embedder is None:
            raise ModelMismatch("These faces have no embeddings.", "Analyze with embed=True.")
        templates, measured = self._index.searchable(group, faces.embedder)
        calibrator = self.calibrator_with(measured, far)
        margin = self.settings.matching.margin
        decisions = decide(faces.embeddings, templates, calibrator, margin=margin, top=top)
        return identifications(faces, decisions, calibrator.threshold)

    def decide(
        self,
        embeddings: NDArray[np.float32],
        embedder: str,
        *,
        group: str = DEFAULT_GROUP,
        top: int = 3,
        far: float | None = None,
    ) -> list[Decision]:
        """Who the faces of one picture are, together, from embeddings (n, d) of this model.

        far: wished rate of false matches for this once; the group's threshold when not given.

        Raises:
            GroupUnknown: there is no such group. ModelMismatch: it is another model's.
        """
        templates, measured = self._index.searchable(group, embedder)
        calibrator = self.calibrator_with(measured, far)
        margin = self.settings.matching.margin
        return decide(embeddings, templates, calibrator, margin=margin, top=top)

    def forget_stale(self) -> None:
        """Let go of faces in memory that are no longer those of the database."""
        self._index.forget_stale()

    def templates(self, group: str = DEFAULT_GROUP) -> Templates:
        """What a group is searched by. Raises GroupUnknown, ModelMismatch."""
        return self._index.templates(group, self.analyzer.embedder_id)

    # people and groups

    def groups(self, *, after: str | None = None, limit: int | None = None) -> list[Group]:
        """All groups by name, with the number of their people and faces.

        Or a page of them: at most `limit` behind the name `after`.
        """
        return self._store.groups(after=after, limit=limit)

    def group(self, name: str) -> Group:
        """One group. Raises GroupUnknown."""
        return self._store.group(name)

    def require_group(self, name: str) -> None:
        """Raises GroupUnknown, or GalleryMissing, where there is no such group."""
        self._store.revision(name)

    def create_group(self, name: str) -> None:
        """Make an empty group. Raises GroupExists where the name is taken."""
        self._store.create_group(name)

    def rename_group(self, name: str, new_name: str) -> None:
        """Raises GroupUnknown, or GroupExists where the new name is taken."""
        self._store.rename_group(name, new_name)

    def set_threshold(self, group: str, measured: GroupThreshold | None) -> None:
        """Give a group a threshold of its own, or take it away. Raises GroupUnknown."""
        write_threshold(self.database, group, measured)

    def remove_group(self, name: str) -> None:
        """Remove a group with all its people, faces, strangers, visits and their pictures."""
        delete_pictures(self._store.remove_group(name))

    def people(
        self, group: str | None = None, *, after: str | None = None, limit: int | None = None
    ) -> list[Person]:
        """The people of a group, or of all groups; or a page of a group as in `groups`."""
        return self._store.people(group, after=after, limit=limit)

    def person(self, name: str, *, group: str = DEFAULT_GROUP) -> Person:
        """One person. Raises GroupUnknown, PersonUnknown."""
        return self._store.person(group, name)

    def person_of_guid(self, guid: str) -> Person:
        """One person of whatever group, by id. Raises PersonUnknown."""
        return self._store.person_of_guid(guid)

    def faces_of(self, person: str, *, group: str = DEFAULT_GROUP) -> list[FaceRecord]:
        """The enrolled faces of one person."""
        return self._store.faces(group, person=person)

    def faces(self, group: str = DEFAULT_GROUP) -> list[FaceRecord]:
        """All enrolled faces of a group, without their crops. Raises GroupUnknown."""
        return self._store.faces(group, crops=False)

    def face(self, guid: str, *, person: str, group: str = DEFAULT_GROUP) -> FaceRecord:
        """One enrolled face by its guid. Raises GroupUnknown, PersonUnknown, FaceUnknown."""
        found = self._store.faces(group, person=person, guid=guid)
        if not found:
            raise unknown_face(group, guid)
        return found[0]

    def rename(self, person: str, new_name: str, *, group: str = DEFAULT_GROUP) -> None:
        """Raises PersonUnknown, or PersonExists where the new name is taken."""
        self._store.rename_person(group, person, new_name)

    def move(self, person: str, new_group: str, *, group: str = DEFAULT_GROUP) -> None:
        """Move a person to another group, made if need be. Raises PersonExists there."""
        self._store.move_person(group, person, new_group)

    def merge(self, person: str, into: str, *, group: str = DEFAULT_GROUP) -> None:
        """Give all faces of `person` to `into`."""
        self._store.merge_people(group, person, into)

    def remove(self, person: str, *, group: str = DEFAULT_GROUP) -> None:
        """Remove a person with all faces, visits and their pictures."""
        delete_pictures(self._store.remove_person(group, person))

    def remove_face(
        self, face: int | str, *, group: str = DEFAULT_GROUP, person: str | None = None
    ) -> None:
        """Remove one enrolled face by its id or guid (see `faces_of`). Raises FaceUnknown."""
        self._store.remove_face(group, face, person=person)

    # those whom nobody knows, see `video`

    def name_stranger(self, label: str, person: str, *, group: str = DEFAULT_GROUP) -> int:
        """Make `unknown-0001` a person, new or known; returns how many past visits followed.

        Raises:
            GroupUnknown, StrangerUnknown: there is no such group or stranger.
        """
        return self.strangers.name(group, label, person)

    def forget_stranger(self, label: str, *, group: str = DEFAULT_GROUP) -> None:
        """Remove a stranger with all visits and their pictures. Raises StrangerUnknown."""
        delete_pictures(self.strangers.forget(group, label))

    def forget_strangers(
        self, *, unseen_since: datetime.datetime, group: str = DEFAULT_GROUP
    ) -> int:
        """Remove the strangers not seen since then, as above; returns how many."""
        count, pictures = self.strangers.forget_unseen(group, since=unseen_since)
        delete_pictures(pictures)
        return count

    def forget_visits(self, *, before: datetime.datetime) -> int:
        """Remove the visits that ended before, with their pictures; returns how many."""
        count, pictures = self.visits.forget(before=before)
        delete_pictures(pictures)
        return count

    def export_group(self, group: str, path: str | Path) -> int:
        """Write a group to one file; returns the number of faces."""
        records = self._store.faces(group)
        write_archive(Path(path), group, records)
        return len(records)

    def import_group(self, path: str | Path, *, group: str | None = None) -> tuple[str, int]:
        """Read a file that `export_group` wrote, all of it or nothing.

        Returns the group's name (the exported one unless `group` is given) and how many faces
        were new.
        """
        name, records = read_archive(Path(path))
        name = group or name
        dimensions = {record.embedding.shape for record in records}
        embedders = {card.id for card in catalogue.cards().values() if card.kind == "embedder"}
        known = {record.model for record in records} <= embedders
        if not dimensions <= {(EMBEDDING_SIZE,)} or not known:
            raise ModelMismatch(
                f"{path} holds faces of a model that is not known here.", "Upgrade Vultus."
            )
        if not records:
            self._store.create_group(name)
        return name, self._store.add_faces(name, records)


def identifications(
    faces: Faces, decisions: Sequence[Decision], threshold: float
) -> list[Identification]:
    """Faces of one picture with what was decided of each, and why."""
    return [
        Identification(
            face,
            decision.person,
            decision.probability,
            decision.candidates,
            _why(face, decision, threshold),
        )
        for face, decision in zip(faces, decisions, strict=True)
    ]


def _enrolment(face: PreparedFace, group: str, new: bool) -> Enrolment:
    record = face.record
    return Enrolment(record.person, group, record.source, new, record.quality, face.warnings)


def _why(face: Face, decision: Decision, threshold: float) -> dict[str, Any]:
    named = (c for c in decision.candidates if c.person == decision.person)
    first = next(named, decision.candidates[0] if decision.candidates else None)
    quality = face.quality or {}
    return {
        "rule": decision.rule,
        "threshold": threshold,
        "reference": first.reference if first else None,
        "runner_up": decision.runner_up,
        "margin": decision.margin,
        "face_px": quality.get("face_px"),
        "sharpness": quality.get("sharpness"),
        "yaw_deg": quality.get("yaw_deg"),
        "quality": quality.get("score"),
        "poor": poor_reasons(quality, face.score) if quality else [],
    }


def _each(sources: ImageSource | Iterable[ImageSource]) -> Iterator[ImageSource]:
    """One picture or several, folders replaced by what is in them."""
    single = isinstance(sources, str | os.PathLike | bytes | np.ndarray)
    several = [sources] if single or hasattr(sources, "read") else sources
    for source in cast("Iterable[ImageSource]", several):
        if isinstance(source, str | os.PathLike) and is_folder(Path(source)):
            yield from (picture.path for picture in find_pictures([Path(source)]).pictures)
        else:
            yield source
