"""The classic recipe in Python, a function a step: align, train a classifier, classify.

The commands `vultus align`, `train classifier` and `classify` do the same with bars and tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vultus.errors import VultusError
from vultus.faces.analyzer import Analyzer
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.matcher import Decision
from vultus.imaging.folders import find_pictures
from vultus.learn.aligning import (
    AlignedFolder,
    AlignedPicture,
    How,
    align_pictures,
    check_places,
    choose_options,
)
from vultus.learn.classifier import Classifier, train_classifier
from vultus.learn.classifier_file import load_classifier
from vultus.learn.classifier_kinds import Kind, require_learn
from vultus.learn.embedding_cache import EmbeddingCache
from vultus.learn.embeddings import FolderFaces, embed_pictures
from vultus.learn.folders import read_classes
from vultus.learn.judging import Judgement, judge
from vultus.learn.open_set import Measured
from vultus.learn.people import (
    MAX_PEOPLE,
    Floats,
    Gathered,
    LabelledFaces,
    Split,
    choose_train_images,
    gather,
    split_people,
)
from vultus.settings import load_settings
from vultus.work import choose_jobs

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Trained:
    """classifier: save it with `save_classifier`. measured: by cross-validation; tested: on the
    pictures that were kept back, None without `split`; gathered: what was left out, and why."""

    classifier: Classifier
    measured: Measured
    tested: Judgement | None
    gathered: Gathered


@dataclass(frozen=True)
class Classified:
    """One picture. decision: who its main face is; None where it shows none, or with an error.

    learnt: the classifier was trained on this very picture.
    """

    path: Path
    decision: Decision | None
    error: VultusError | None
    learnt: bool


def align(
    folder: Folder,
    out: Folder,
    *,
    size: int = 160,
    margin: int | None = None,
    how: How = "margin",
    force: bool = False,
    jobs: int = 0,
    analyzer: Analyzer | None = None,
) -> list[AlignedPicture]:
    """Cut the main face out of every picture of a folder into another; see `AlignedFolder`.

    margin: pixels of `size` that are not of the detector's box, 32 unless given; not with
    `how="aligned"`.

    Raises:
        NothingToDo: there is no picture. UsageError, StorageError: options or `out` cannot be used.
    """
    options = choose_options(size, margin, how)
    check_places(Path(folder), Path(out))
    pictures = find_pictures([Path(folder)]).pictures
    place = AlignedFolder(Path(out), options, force=force)
    made, at_once = _analyzer(analyzer, jobs, len(pictures))
    return list(align_pictures(made, pictures, place, jobs=at_once))


def train(
    folder: Folder,
    *,
    kind: Kind = "svm",
    min_images_per_class: int = 40,
    train_images_per_class: int | None = None,
    split: bool = False,
    seed: int | None = None,
    far: float = 0.01,
    strangers: Sequence[Path] = (),
    cache: bool = True,
    jobs: int = 0,
    analyzer: Analyzer | None = None,
) -> Trained:
    """Train a classifier on one folder a person; see `train_classifier`.

    Args:
        min_images_per_class: people with fewer usable pictures are left out.
        split: train on `train_images_per_class` of each (35, or seven of eight where
            `min_images_per_class` is below 40), the first or, with a seed, any; test on the rest,
            and on the people left out as strangers.
        strangers: pictures of people who are none of them, for the threshold.
        cache: keep embeddings in the cache folder of the settings.

    Raises:
        UsageError: fewer than two people are left, or a split leaves nothing to measure on.
        ExtraMissing: scikit-learn is not installed.
    """
    require_learn()
    train = choose_train_images(min_images_per_class, train_images_per_class) if split else None
    pictures = read_classes(Path(folder), MAX_PEOPLE)
    made, at_once = _analyzer(analyzer, jobs, len(pictures.paths) + len(strangers))
    found = list(_looked(made, [*pictures.paths, *strangers], at_once, cache))
    gathered = gather(Path(folder), pictures, found[: len(pictures.paths)], EMBEDDING_SIZE)
    parts = split_people(
        gathered.faces,
        at_least=min_images_per_class,
        train=train,
        seed=seed,
    )
    learnt = train_classifier(
        parts.learnt,
        kind=kind,
        embedder=made.embedder_id,
        mirror=made.mirror,
        far=far,
        strangers=embeddings_of(found[len(pictures.paths) :]),
    )
    tested = judge_rest(learnt.classifier, parts) if split else None
    return Trained(learnt.classifier, learnt.measured, tested, gathered)


def classify(
    paths: Folder | Iterable[Folder],
    classifier: Classifier | Folder,
    *,
    top: int = 3,
    cache: bool = True,
    jobs: int = 0,
    analyzer: Analyzer | None = None,
) -> Iterator[Classified]:
    """Name the person in each picture below the paths; strangers stay unnamed.

    Raises:
        NothingToDo: there is no picture. ModelMismatch: the classifier knows other embeddings.
    """
    known = classifier if isinstance(classifier, Classifier) else load_classifier(Path(classifier))
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    files = [one.path for one in find_pictures([Path(path) for path in several]).pictures]
    made, at_once = _analyzer(analyzer, jobs, len(files), mirror=known.mirror)
    known.require(made.embedder_id, mirror=made.mirror)
    for one in _looked(made, files, at_once, cache):
        main = one.main
        decision = None
        if main is not None:
            decision = known.decide(np.asarray(main.embedding)[None], top=top)[0]
        yield Classified(one.path, decision, one.error, known.was_learnt(one.digest))


def embeddings_of(found: Sequence[FolderFaces]) -> Floats:
    """Embeddings (m, d) of the main faces of those pictures that show one."""
    mains = [one.main for one in found]
    vectors = [np.asarray(main.embedding) for main in mains if main is not None]
    return np.array(vectors, np.float32).reshape(-1, EMBEDDING_SIZE)


def judge_rest(classifier: Classifier, parts: Split) -> Judgement:
    """Judged by the pictures kept back, and by people with too few pictures, as strangers."""
    shown: list[str] = []
    decisions: list[Decision] = []
    for faces in (parts.tested, parts.dropped):
        shown += _names(faces)
        # one by one: each is a picture of its own, and may be anybody
        decisions += [classifier.decide(one[None], top=1)[0] for one in faces.embeddings]
    return judge(classifier.labels, shown, decisions)


def _names(faces: LabelledFaces) -> list[str]:
    return [faces.labels[target] for target in faces.targets]


def _looked(
    analyzer: Analyzer, paths: Sequence[Path], at_once: int, cached: bool
) -> Iterator[FolderFaces]:
    with (EmbeddingCache.of(analyzer) if cached else None) or nullcontext() as cache:
        yield from embed_pictures(analyzer, paths, cache=cache, jobs=at_once)


def _analyzer(
    given: Analyzer | None, jobs: int, pictures: int, mirror: bool | None = None
) -> tuple[Analyzer, int]:
    """An Analyzer for so many pictures at once, and how many threads there will be."""
    at_once = choose_jobs(jobs, pictures)
    if given is not None:
        return given, at_once
    settings = load_settings()
    if at_once > 1 and not settings.runtime.threads:
        runtime = settings.runtime.model_copy(update={"threads": 1})
        settings = settings.model_copy(update={"runtime": runtime})
    return Analyzer(settings, mirror=mirror), at_once
