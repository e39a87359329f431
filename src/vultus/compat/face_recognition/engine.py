"""What answers the functions: the process's Analyzer, and models that it has no use for.

Models are loaded when they are first needed, by one thread while others wait. A forked process
loads its own: networks of its parent have threads that it did not get.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vultus.compat.face_recognition.boxes import FoundByCnn, Rectangle

if TYPE_CHECKING:
    from vultus.faces.analyzer import Analyzer
    from vultus.faces.embedder import Embedder
    from vultus.faces.mmod import MmodDetector
    from vultus.faces.mtcnn import Detections
    from vultus.faces.shape_predictor import ShapePredictor
    from vultus.settings import Settings

Image = NDArray[np.uint8]
Chip = NDArray[np.uint8]  # (150, 150, 3)

# From the squares of `faces.alignment`, which suit landmarks, to boxes nearer to those of dlib's
# HOG detector: larger, and shifted towards where the nose points. Fitted on 39 photos at two
# sizes, on 227 faces that both find; either half gives about the same. dlib's own come in steps
# of 20 % of the side, which nobody can foretell.
_SIDE_OF_SQUARE = 1.05
_SHIFT_OF_NOSE = 0.3  # of what lies between the nose and the middle of the eyes, across
# A little less than the smallest box that dlib draws in a picture as it is, 73; half of it in one
# that is enlarged once. MTCNN's box is narrower than what is drawn here (1.06: `faces.alignment`).
_SMALLEST_BOX_PX = 71
_WIDTH_OF_BOX = 1 / (1.06 * _SIDE_OF_SQUARE)
_PROPOSAL = 0.7  # a little faster than the default; HOG finds far fewer faces
_SMALLEST_FACE_PX = 12  # of the setting `detection.min_face_px`
# Faces whose embeddings are asked for at once, in copies with `num_jitters`
COPIES_AT_ONCE = 64

_loading = Lock()
_cnn: dict[tuple[int, bool], MmodDetector] = {}  # by process
_frugal: Analyzer | None = None

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_loading.acquire,
        after_in_parent=_loading.release,
        after_in_child=_loading.release,
    )


@contextmanager
def one_thread_a_network(*, encodings: bool = False) -> Iterator[None]:
    """For who looks at pictures one a core, or wants one core only; of the whole process.

    A number of threads in the settings goes before.

    Args:
        encodings: they will be asked for; loads what they need at once.
    """
    global _frugal  # noqa: PLW0603
    frugal = _make_frugal_analyzer(encodings)  # before there are several threads who would
    import cv2

    before = _frugal, cv2.getNumThreads()
    _frugal = frugal
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        _frugal = before[0]
        cv2.setNumThreads(before[1])


def _analyzer() -> Analyzer:
    if _frugal is not None:
        return _frugal
    from vultus.shortcuts import default_analyzer

    return default_analyzer()


@cache
def _make_frugal_analyzer(encodings: bool) -> Analyzer:
    settings = _frugal_settings()
    with ThreadPoolExecutor(1) as pool:
        # the largest network is loaded while Python reads modules
        embedder = pool.submit(_load_embedder, settings) if encodings else None
        from vultus.faces.analyzer import Analyzer

        analyzer = Analyzer(settings, embedder=embedder.result() if embedder else None)
    if encodings:
        analyzer.warm_up()
    return analyzer


def _load_embedder(settings: Settings) -> Embedder:
    from vultus.faces.embedder import DlibResNet
    from vultus.models.catalogue import EMBEDDER
    from vultus.models.session import load_sessions

    return DlibResNet(load_sessions(EMBEDDER, settings.runtime)["resnet"], EMBEDDER)


def _frugal_settings() -> Settings:
    from vultus.settings import load_settings

    settings = load_settings()
    return settings if settings.runtime.threads else load_settings(runtime={"threads": 1})


def find_like_hog(image: Image, upsample: int) -> list[Rectangle]:
    """Faces found by the default detector, as squares in the style of dlib's, largest first."""
    from vultus.faces.detection import find_faces

    analyzer = _analyzer()
    smallest = _SMALLEST_BOX_PX * _WIDTH_OF_BOX / 2 ** min(upsample, 10)
    settings = analyzer.settings.detection.model_copy(
        update={"min_face_px": max(_SMALLEST_FACE_PX, round(smallest))}
    )
    with _loading:
        detector = analyzer.detector
    found = find_faces(detector, image, settings, proposal=_PROPOSAL)
    boxes = np.rint(_hog_boxes(found)).astype(int)
    return [Rectangle(*box) for box in boxes.tolist()]


def _hog_boxes(found: Detections) -> NDArray[np.float32]:
    """Corners, (n, 4), about as dlib's HOG detector draws them."""
    from vultus.faces.alignment import dlib_squares

    squares, points = dlib_squares(found), found.landmarks
    centres = (squares[:, :2] + squares[:, 2:]) / 2
    centres[:, 0] += _SHIFT_OF_NOSE * (points[:, 2, 0] - points[:, :2, 0].mean(axis=1))
    half = (squares[:, 2:] - squares[:, :2]) * (_SIDE_OF_SQUARE / 2)
    return np.concatenate([centres - half, centres + half], axis=1, dtype=np.float32)


def find_by_cnn(images: list[Image], upsample: int) -> list[list[FoundByCnn]]:
    """Faces found by dlib's MMOD network, as it finds them."""
    return [
        [FoundByCnn(Rectangle(*box[:4]), box.confidence) for box in boxes]
        for boxes in _cnn_detector().detect(images, upsample)
    ]


def _cnn_detector() -> MmodDetector:
    from vultus.faces.mmod import MmodDetector

    with _loading:
        key = os.getpid(), _frugal is not None
        if key not in _cnn:
            _cnn[key] = MmodDetector.from_settings(_frugal.settings if _frugal else None)
        return _cnn[key]


def place_landmarks(image: Image, boxes: list[Rectangle], *, large: bool) -> NDArray[np.int64]:
    """dlib's 68 or 5 points in whole pixels, (n, p, 2)."""
    corners = np.array([box.corners() for box in boxes], np.float64).reshape(-1, 4)
    return _predictor(large).predict_pixels(image, corners)


def _predictor(large: bool) -> ShapePredictor:
    analyzer = _analyzer()
    with _loading:
        return analyzer.predictor68 if large else analyzer.predictor


def cut_chips(image: Image, points: list[NDArray[np.int64]]) -> list[Chip]:
    """dlib's chip of each face with these landmarks, (p, 2)."""
    from vultus.imaging.dlib_chip import chip_place, cut_chip

    return [cut_chip(image, chip_place(face)) for face in points]


def encode(chips: list[Chip], jitters: int = 1) -> list[NDArray[np.float64]]:
    """dlib's 128 numbers of each chip, float64 (128,)."""
    if not chips:
        return []
    if jitters <= 1:
        return list(_embed(np.stack(chips)))
    return [_mean_of_copies(chip, jitters) for chip in chips]


def encode_together(pictures: list[list[Chip]]) -> list[list[NDArray[np.float64]]]:
    """`encode` of the chips of several pictures, in fewer runs of the network."""
    numbers = iter(encode([chip for chips in pictures for chip in chips]))
    return [[next(numbers) for _ in chips] for chips in pictures]


def _mean_of_copies(chip: Image, count: int) -> NDArray[np.float64]:
    from vultus.compat.face_recognition.jitter import jitter

    total = np.zeros(128)
    for start in range(0, count, COPIES_AT_ONCE):
        total += _embed(jitter(chip, min(COPIES_AT_ONCE, count - start))).sum(axis=0)
    return total / count


def _embed(chips: Image) -> NDArray[np.float64]:
    analyzer = _analyzer()
    with _loading:
        embedder = analyzer.embedder
    return embedder.embed(chips).astype(np.float64)
