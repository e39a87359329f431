"""Which folder each picture of a collection belongs into: known people by name, others by cluster.

Nothing is read or written here. Folders of unknown people keep their names: a face that was in one
stays in it, and new faces join it, unless it is somebody known by now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vultus.gallery.calibration import Calibrator
from vultus.learn.clustering import FoundFace, cluster_faces, faces_of
from vultus.learn.embeddings import FolderFaces
from vultus.learn.folder_names import folder_name
from vultus.learn.own_folder import State, Wanted

OTHERS = "others"
NO_FACES = "no-faces"
_UNKNOWN = "unknown-{:03d}"
_IS_UNKNOWN = re.compile(r"unknown-\d+", re.IGNORECASE)


@dataclass(frozen=True)
class SortedFolder:
    """person: whose it is, None where nobody is known; pictures: how many belong into it."""

    name: str
    person: str | None
    pictures: int


@dataclass(frozen=True)
class Sorting:
    """folders: known people by name, unknown ones, `others`, `no-faces`; wanted: what lies in
    them."""

    folders: list[SortedFolder]
    wanted: list[Wanted]


def sort_pictures(
    pictures: Sequence[FolderFaces],
    persons: Sequence[Sequence[str | None]],
    calibrator: Calibrator,
    state: State,
    *,
    min_pictures: int = 2,
) -> Sorting:
    """Sort pictures, no two with the same bytes; people and clusters are written into `state`.

    Args:
        persons: of each picture the person of each face, None for those whom nobody knows.

    A picture belongs into the folder of each person in it; into `others` where it shows nobody
    who has a folder, and into `no-faces` where it shows no face.
    """
    found = faces_of(pictures)
    named = [persons[face.picture][face.index] for face in found]
    people = _people_folders(state, [person for person in named if person is not None])
    owners = {people[person]: person for person in people}
    placed: dict[str, list[FoundFace]] = {}
    for face, person in zip(found, named, strict=True):
        if person is not None:
            placed.setdefault(people[person], []).append(face)
    unknown = [face for face, person in zip(found, named, strict=True) if person is None]
    clusters = _unknown_folders(state, unknown, pictures, calibrator, min_pictures)
    in_a_folder = {
        face.picture for faces in (*placed.values(), *clusters.values()) for face in faces
    }
    with_faces = {face.picture for face in found}
    rows = {
        **{name: sorted({face.picture for face in placed[name]}) for name in sorted(placed)},
        **{name: sorted({face.picture for face in clusters[name]}) for name in sorted(clusters)},
        OTHERS: sorted(with_faces - in_a_folder),
        NO_FACES: sorted(set(range(len(pictures))) - with_faces),
    }
    return Sorting(
        [
            SortedFolder(name, owners.get(name), len(numbers))
            for name, numbers in rows.items()
            if numbers
        ],
        [
            Wanted(name, pictures[number].path, pictures[number].digest)
            for name, numbers in rows.items()
            for number in numbers
        ],
    )


def _people_folders(state: State, named: Sequence[str]) -> dict[str, str]:
    """The folder of each known person; once given it stays theirs."""
    for person in sorted(set(named) - set(state.people)):
        wanted = f"{person}_" if _IS_UNKNOWN.fullmatch(person.strip()) else person
        state.people[person] = folder_name(
            wanted, [OTHERS, NO_FACES, *state.people.values(), *state.clusters]
        )
    return {person: state.people[person] for person in set(named)}


def _unknown_folders(
    state: State,
    faces: Sequence[FoundFace],
    pictures: Sequence[FolderFaces],
    calibrator: Calibrator,
    min_pictures: int,
) -> dict[str, list[FoundFace]]:
    """The faces of each unknown person's folder: what there was, with new faces, and new ones."""
    names = list(state.clusters)
    begun = _begun(state, names, faces)
    number_of = {id(face): number for face, number in zip(faces, begun, strict=True)}
    found = cluster_faces(faces, calibrator, begun=begun, min_pictures=min_pictures)
    folders: dict[str, list[FoundFace]] = {}
    for group in found.groups:
        old = next((number_of[id(face)] for face in group if number_of[id(face)] is not None), None)
        if old is None:
            state.last += 1
        folders[_UNKNOWN.format(state.last) if old is None else names[old]] = group
    here = {picture.digest for picture in pictures}
    for name in names:  # of pictures that are not there now it is known as before
        away = [key for key in state.clusters[name] if key[0] not in here]
        state.clusters[name] = away
    for name, group in folders.items():
        keys = [(face.digest, *face.middle) for face in group]
        state.clusters[name] = [*state.clusters.get(name, []), *keys]
    state.clusters = {name: keys for name, keys in state.clusters.items() if keys}
    return folders


def _begun(state: State, names: Sequence[str], faces: Sequence[FoundFace]) -> list[int | None]:
    """The number of the folder that each face was in before."""
    before: dict[str, list[tuple[int, int, int]]] = {}
    for number, name in enumerate(names):
        for digest, x, y in state.clusters[name]:
            before.setdefault(digest, []).append((x, y, number))
    return [_where(face, before.get(face.digest, ())) for face in faces]


def _where(face: FoundFace, places: Sequence[tuple[int, int, int]]) -> int | None:
    left, top, width, height = (float(value) for value in face.face.box)
    inside = [
        (abs(x - face.middle[0]) + abs(y - face.middle[1]), number)
        for x, y, number in places
        if left <= x <= left + width and top <= y <= top + height
    ]
    return min(inside)[1] if inside else None
