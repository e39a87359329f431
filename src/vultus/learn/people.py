"""Faces of people from folders: what a classifier is trained on, and what was left out and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError, VultusError
from vultus.imaging.load import readable
from vultus.learn.embeddings import FolderFaces
from vultus.learn.folders import PictureSet

Floats = NDArray[np.float32]

MAX_PEOPLE = 20_000
_TRAIN, _TRAIN_OF = 35, 40  # pictures of a person, by the recipe
DIGEST_BYTES = 16


@dataclass(frozen=True)
class LabelledFaces:
    """n faces of k people, one a picture, those of one person next to each other.

    embeddings: (n, d) float32; targets: (n,) places in labels; labels: k names; sources: n places
    of the pictures below their folder; digests: uint8 (n, 16), of the files' bytes.
    """

    embeddings: Floats
    targets: NDArray[np.intp]
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    digests: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many faces each person has, (k,)."""
        return np.bincount(self.targets, minlength=len(self.labels))

    def select(self, rows: NDArray[np.generic]) -> LabelledFaces:
        """Some of the faces, by mask or indices; people without a face are gone."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        kept, targets = np.unique(self.targets[rows], return_inverse=True)
        return LabelledFaces(
            self.embeddings[rows],
            targets.astype(np.intp),
            tuple(self.labels[place] for place in kept),
            tuple(self.sources[int(row)] for row in rows),
            self.digests[rows],
        )


@dataclass(frozen=True)
class Gathered:
    """faces: what can be learnt from. Of the other pictures, by their places in the set:

    errors: cannot be read; faceless: show no face; twice: the same picture of the same person, and
    that one; contradicting: the same picture in two people's folders. without: people of whom no
    picture shows a face.
    """

    faces: LabelledFaces
    errors: dict[int, VultusError]
    faceless: list[int]
    twice: dict[int, int]
    contradicting: list[tuple[int, int]]
    without: list[str]


def gather(folder: Path, pictures: PictureSet, found: Sequence[FolderFaces], size: int) -> Gathered:
    """One face a picture, the large one in the middle; pictures that say nothing new left out.

    A picture that lies in two people's folders is left out of both: nobody can say whose it is.
    found: of the pictures, in their order; size: numbers of an embedding.
    """
    errors = {row: one.error for row, one in enumerate(found) if one.error is not None}
    mains = [one.main for one in found]
    faceless = [row for row, main in enumerate(mains) if main is None and found[row].error is None]
    rows = [row for row, main in enumerate(mains) if main is not None]
    stacked = np.array([main.embedding for main in mains if main is not None], np.float32)
    embeddings = stacked.reshape(-1, size)
    twice, contradicting = _repeated(rows, embeddings, found, pictures.targets)
    out = {*twice, *(row for pair in contradicting for row in pair)}
    kept = np.array([place for place, row in enumerate(rows) if row not in out], np.intp)
    mine = [rows[int(place)] for place in kept]
    digests = b"".join(bytes.fromhex(found[row].digest)[:DIGEST_BYTES] for row in mine)
    all_faces = LabelledFaces(
        embeddings[kept],
        np.array([pictures.targets[row] for row in mine], np.intp),
        pictures.labels,
        tuple(readable(found[row].path.relative_to(folder).as_posix()) for row in mine),
        np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES),
    )
    counts = all_faces.counts
    without = [label for label, count in zip(pictures.labels, counts, strict=True) if not count]
    faces = all_faces.select(np.arange(len(mine), dtype=np.intp))
    return Gathered(faces, errors, faceless, twice, contradicting, without)


def _repeated(
    rows: Sequence[int], embeddings: Floats, found: Sequence[FolderFaces], targets: Sequence[int]
) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """Pictures that are there more than once: of one person, and of several."""
    twice: dict[int, int] = {}
    contradicting: list[tuple[int, int]] = []
    for group in _same(rows, embeddings, found):
        first: dict[int, int] = {}
        for row in group:
            if targets[row] in first:
                twice[row] = first[targets[row]]
            else:
                first[targets[row]] = row
        one, *others = first.values()
        contradicting += [(one, other) for other in others]
    return twice, contradicting


def _same(rows: Sequence[int], embeddings: Floats, found: Sequence[FolderFaces]) -> list[list[int]]:
    """Pictures of the same bytes or the same pixels (and so of the same embedding), two or more."""
    by_digest: dict[str, int] = {}
    by_embedding: dict[bytes, int] = {}
    groups: dict[int, list[int]] = defaultdict(list)
    for row, embedding in zip(rows, embeddings, strict=True):
        first = by_embedding.setdefault(embedding.tobytes(), row)
        groups[by_digest.setdefault(found[row].digest, first)].append(row)
    return [group for group in groups.values() if len(group) > 1]


@dataclass(frozen=True)
class Split:
    """learnt: faces to train on; tested: faces of the same people, to measure on; dropped: faces of
    people with too few pictures, who are strangers for it."""

    learnt: LabelledFaces
    tested: LabelledFaces
    dropped: LabelledFaces


def choose_train_images(at_least: int, wanted: int | None) -> int:
    """How many pictures of each person are trained on where the others are measured on.

    at_least: pictures that everybody has; wanted: None for 35 of 40, as the recipe does, and
    seven of eight where there are fewer.

    Raises:
        UsageError: two to train on and one to measure on cannot be had.
    """
    if at_least <= 2:
        raise UsageError(
            "To train on two pictures of each person and to measure on others takes three.",
            "Choose --min-images-per-class 3 or more, or leave --split out.",
        )
    train = min(_TRAIN, at_least * _TRAIN // _TRAIN_OF) if wanted is None else wanted
    if train < 2:
        raise UsageError("One picture of each person is too few to train on.", "Choose 2 or more.")
    if train >= at_least:
        raise UsageError(
            f"--train-images-per-class {train} leaves no picture to test of people with "
            f"{at_least} pictures.",
            "Choose fewer, or more --min-images-per-class.",
        )
    return train


def split_people(
    faces: LabelledFaces, *, at_least: int, train: int | None = None, seed: int | None = None
) -> Split:
    """Choose the people with enough pictures and, where `train` is given, so many of each.

    Of each the first by name, or, with a seed, any.

    Raises:
        UsageError: fewer than two people have `at_least` pictures.
    """
    enough = faces.counts >= at_least
    if enough.sum() < 2:
        raise _too_few(faces, at_least, int(enough.sum()))
    known = enough[faces.targets]
    trained = known.copy()
    if train is not None:
        random = None if seed is None else np.random.default_rng(seed)
        for target in np.flatnonzero(enough):
            rows = np.flatnonzero(faces.targets == target)
            rows = rows if random is None else random.permutation(rows)
            trained[rows[train:]] = False
    return Split(faces.select(trained), faces.select(known & ~trained), faces.select(~known))


def _too_few(faces: LabelledFaces, at_least: int, enough: int) -> UsageError:
    counts = np.sort(faces.counts)[::-1]
    found = f"{enough} of {len(faces.labels)} people" if len(faces.labels) else "Nobody"
    hint = "Give more people, a folder each with at least two pictures that show a face."
    if len(counts) > 1 and counts[1] >= 2:
        hint = f"Give more pictures, or --min-images-per-class {counts[1]} or less."
    has = "has" if enough == 1 or not len(faces.labels) else "have"
    return UsageError(
        f"A classifier needs two people or more; {found} {has} {at_least} usable pictures.", hint
    )
