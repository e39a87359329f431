"""Making people of clusters: the same faces are the same person each time, whatever the name is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vultus.errors import FaceExists, GalleryMissing, GroupUnknown
from vultus.gallery.enrolment import Enrolment, PreparedFace, prepare_face
from vultus.gallery.gallery import Gallery
from vultus.gallery.store import FaceRecord, Person
from vultus.imaging.load import load, readable
from vultus.learn.clustering import FoundFace

_PERSON = "person-{:03d}"


def person_name(number: int) -> str:
    """What the cluster with this number is called, from 1 on."""
    return _PERSON.format(number)


@dataclass(frozen=True)
class EnrolledCluster:
    """person: who the cluster is in the group; others: faces left alone, as they are somebody
    else's there already."""

    person: str
    done: list[Enrolment]
    others: int


def enrol_clusters(
    gallery: Gallery, group: str, clusters: Sequence[Sequence[FoundFace]]
) -> list[EnrolledCluster]:
    """Enrol each cluster as a person; it is on disk when this returns.

    A cluster of which faces are enrolled already is the person whom most of them are, under the
    name that this person has by now. The others are `person-001` and on, what is free.

    Raises:
        ImageError: a picture is gone meanwhile; the clusters before it are enrolled.
    """
    known = _enrolled(gallery, group)
    prepared = [[_prepare(gallery, face) for face in cluster] for cluster in clusters]
    owners = [[_owner(face.record, known) for face in cluster] for cluster in prepared]
    named = [_most_common(names) for names in owners]
    taken = {person.name for person in _people(gallery, group)}
    answers, number = [], 0
    for cluster, name in zip(prepared, named, strict=True):
        person = name
        while person is None:
            number += 1
            person = None if person_name(number) in taken else person_name(number)
        answers.append(_enrol(gallery, group, person, cluster))
    return answers


def _enrol(
    gallery: Gallery, group: str, person: str, cluster: Sequence[PreparedFace]
) -> EnrolledCluster:
    done, others = [], 0
    for face in cluster:
        mine = PreparedFace(replace(face.record, person=person), face.warnings)
        try:
            done.append(gallery.add(mine, group=group))
        except FaceExists:
            others += 1
    return EnrolledCluster(person, done, others)


def _prepare(gallery: Gallery, found: FoundFace) -> PreparedFace:
    image = load(found.path, gallery.settings.limits)
    one = found.face.faces.select(slice(found.index, found.index + 1))
    return prepare_face("", image, one, readable(str(found.path)))


def _people(gallery: Gallery, group: str) -> list[Person]:
    try:
        return gallery.people(group)
    except (GroupUnknown, GalleryMissing):  # it is made with the first face
        return []


def _enrolled(gallery: Gallery, group: str) -> dict[str, list[FaceRecord]]:
    """The faces of the group by the digest of their picture."""
    known: dict[str, list[FaceRecord]] = {}
    for person in _people(gallery, group):
        for record in gallery.faces_of(person.name, group=group):
            known.setdefault(record.digest, []).append(record)
    return known


def _owner(face: FaceRecord, known: dict[str, list[FaceRecord]]) -> str | None:
    """Whose this very face is: of the same picture, with a middle inside the box."""
    x, y = (face.box[axis] + face.box[axis + 2] / 2 for axis in (0, 1))
    for record in known.get(face.digest, ()):
        left, top, width, height = record.box
        if left <= x <= left + width and top <= y <= top + height and record.model == face.model:
            return record.person
    return None


def _most_common(names: Sequence[str | None]) -> str | None:
    found = Counter(name for name in names if name is not None).most_common(1)
    return found[0][0] if found else None
