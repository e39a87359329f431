"""MTCNN (Zhang et al., 2016): a fast network proposes boxes, two larger ones refine them.

P-Net slides over an image pyramid, R-Net and O-Net look at each candidate again, at 24 and 48
pixels. Candidates are cut from the pyramid level that is just larger than what the network
wants: a small crop, already smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.imaging.geometry import overlaps_exceed, suppress_overlaps, to_squares
from vultus.imaging.load import Image
from vultus.imaging.resample import resize, with_border
from vultus.models.session import Session

Floats = NDArray[np.float32]

_CELL = 12  # P-Net's window in pixels
_STRIDE = 2
# P-Net sees so many black pixels around each level, so that its window may hang over the border
# by half: faces at the edge and faces larger than the picture are found at no second cost.
_BORDER = 6
_SMALLEST_LEVEL = 8
_SMALLEST_HALVED = 120  # for crops only: sides that are halved once more
_SAME_PLACE = 0.5  # overlap of R-Net's answers that are about one face
_SURE = 0.98  # score of a face so plain that another look at it tells nothing new
_FOLLOW_SCORE = 0.3  # R-Net's, at a place where a face just was
_CROP_PIXELS_AT_ONCE = 32 * 24**2  # 32 crops for R-Net, 8 for O-Net
_STRIP_PIXELS = 2**15
_MOST_PROPOSALS = 3000  # bounds the work on a picture that is all texture


@dataclass(frozen=True)
class Search:
    """How to look: the smallest face, the scores to reach in each stage, and the pyramid's step."""

    min_face_px: float
    proposal: float = 0.6
    refinement: float = 0.7
    output: float = 0.7
    pyramid_factor: float = 0.709  # halves the area


@dataclass(frozen=True)
class Detections:
    """boxes (n, 4) corners, scores (n,), landmarks (n, 5, 2), all float32."""

    boxes: Floats
    scores: Floats
    landmarks: Floats

    def select(self, index: NDArray[np.generic]) -> Detections:
        return Detections(self.boxes[index], self.scores[index], self.landmarks[index])

    def joined(self, more: Detections) -> Detections:
        return Detections(
            np.concatenate([self.boxes, more.boxes]),
            np.concatenate([self.scores, more.scores]),
            np.concatenate([self.landmarks, more.landmarks]),
        )


_NOTHING = Detections(
    np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
)


@dataclass(frozen=True)
class _Level:
    scale: float
    image: Image


class Mtcnn:
    """Finds faces with five landmarks. Holds three sessions and no other state."""

    def __init__(self, proposal: Session, refinement: Session, output: Session) -> None:
        self._pnet = proposal
        self._rnet = refinement
        self._onet = output

    def detect(self, image: Image, search: Search) -> Detections:
        """All faces of about `min_face_px` or more; boxes may reach over the image's border."""
        levels = _pyramid(image, search.min_face_px, search.pyramid_factor)
        boxes = self._propose(levels[1:], search.proposal)
        if len(boxes):
            boxes = self._refine(levels, boxes, search.refinement)
        if not len(boxes):
            return _NOTHING
        return self._output(levels, boxes, search.output)

    def follow(self, image: Image, boxes: Floats, score: float) -> Detections:
        """The faces at or near these places, (n, 4) corners, without searching elsewhere.

        R-Net and O-Net only: a fifth of the time of `detect`. In any order; a face that has gone
        is missing.
        """
        if not len(boxes):
            return _NOTHING
        levels = [_Level(1.0, image)]
        while min(levels[-1].image.shape[:2]) >= _SMALLEST_HALVED:
            last = levels[-1]
            half_wh = (last.image.shape[1] // 2, last.image.shape[0] // 2)
            levels.append(_Level(last.scale / 2, resize(last.image, half_wh)))
        near = self._refine(levels, to_squares(boxes), _FOLLOW_SCORE)
        return self._output(levels, near, score) if len(near) else _NOTHING

    def _propose(self, levels: list[_Level], threshold: float) -> Floats:
        if not levels:  # the image is smaller than any face looked for
            return _NOTHING.boxes
        found = [self._propose_at(level, threshold) for level in levels]
        boxes = np.concatenate([b for b, _ in found])
        scores = np.concatenate([s for _, s in found])
        if len(scores) > _MOST_PROPOSALS:
            best = np.argsort(-scores)[:_MOST_PROPOSALS]
            boxes, scores = boxes[best], scores[best]
        kept = suppress_overlaps(boxes[:, :4], scores, 0.7)
        windows, shifts = boxes[kept, :4], boxes[kept, 4:]
        return to_squares(_regress(windows, shifts))

    def _propose_at(self, level: _Level, threshold: float) -> tuple[Floats, Floats]:
        """Windows with their regression, (n, 8), and scores, (n,), in pixels of the image."""
        maps = self._map(with_border(level.image, _BORDER))
        odds = maps[4]
        rows, columns = np.nonzero(odds > np.log(threshold / (1 - threshold)))
        scores = odds[rows, columns]
        if len(scores) > _MOST_PROPOSALS:
            best = np.argsort(-scores)[:_MOST_PROPOSALS]
            rows, columns, scores = rows[best], columns[best], scores[best]
        starts = np.stack([columns, rows], axis=1).astype(np.float32) * _STRIDE - _BORDER
        windows = np.concatenate([starts, starts + _CELL], axis=1) / np.float32(level.scale)
        kept = suppress_overlaps(windows, scores, 0.5)
        shifts = maps[:4, rows[kept], columns[kept]].T
        return np.concatenate([windows[kept], shifts], axis=1), scores[kept]

    def _map(self, image: Image) -> Floats:
        """P-Net's answer everywhere, (5, rows, columns); in strips, which is the same in less
        memory: a window of 12 pixels every 2, so strips that share 10 rows meet exactly."""
        rows = max(2, _STRIP_PIXELS // image.shape[1] // _STRIDE)
        starts = range(0, max(1, (image.shape[0] - _CELL) // _STRIDE + 1), rows)
        strips = [
            image[start * _STRIDE :]
            if start == starts[-1]
            else image[start * _STRIDE : (start + rows) * _STRIDE + _CELL - _STRIDE]
            for start in starts
        ]
        return np.concatenate([self._pnet.run(strip[None])[0][0] for strip in strips], axis=1)

    def _refine(self, levels: list[_Level], boxes: Floats, threshold: float) -> Floats:
        shifts, scores = _run_in_parts(self._rnet, levels, boxes, 24)
        good = np.flatnonzero(scores[:, 1] > threshold)
        boxes, shifts, face = boxes[good], shifts[good], scores[good, 1]
        kept = suppress_overlaps(boxes, face, 0.7)
        return to_squares(_regress(boxes[kept], shifts[kept]))

    def _output(self, levels: list[_Level], boxes: Floats, threshold: float) -> Detections:
        """O-Net's answers for these boxes, the best first.

        Of those that overlap the best is asked for, and the others only where that is not surely a
        face. In 424 photos 800 instead of 1,928 are asked for, and the same faces are found; with
        the photo mirrored, landmarks come as near as before (0.046 widths of the eyes; 0.048).
        """
        best = suppress_overlaps(boxes, -np.arange(len(boxes), dtype=np.float32), _SAME_PLACE)
        good, found = self._ask(levels, boxes[best], threshold)
        sure = boxes[best[good[found.scores > _SURE]]]
        others = np.delete(boxes, best, axis=0)
        others = others[~overlaps_exceed(others, sure, _SAME_PLACE).any(axis=1)]
        if len(others):
            found = found.joined(self._ask(levels, others, threshold)[1])
        kept = suppress_overlaps(found.boxes, found.scores, 0.7, of_smaller=True)
        return found.select(kept)

    def _ask(
        self, levels: list[_Level], boxes: Floats, threshold: float
    ) -> tuple[NDArray[np.intp], Detections]:
        """Which of these boxes O-Net calls a face, and what it makes of them."""
        shifts, points, scores = _run_in_parts(self._onet, levels, boxes, 48)
        good = np.flatnonzero(scores[:, 1] > threshold)
        boxes, shifts, points = boxes[good], shifts[good], points[good]
        starts, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None, :]
        # five x, then five y, in fractions of the box
        landmarks = starts + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides
        return good, Detections(
            _regress(boxes, shifts), scores[good, 1], landmarks.astype(np.float32)
        )


def _run_in_parts(
    network: Session, levels: list[_Level], boxes: Floats, size: int
) -> list[NDArray[np.float32]]:
    """The network's outputs for all boxes; so many at once as the processor's cache holds."""
    count = _CROP_PIXELS_AT_ONCE // size**2
    parts = [
        network.run(_crops(levels, boxes[start : start + count], size))
        for start in range(0, len(boxes), count)
    ]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def _regress(boxes: Floats, shifts: Floats) -> Floats:
    """Move each corner by the network's shift, given in fractions of the box."""
    sides = boxes[:, 2:] - boxes[:, :2]
    moved: Floats = (boxes + shifts * np.concatenate([sides, sides], axis=1)).astype(np.float32)
    return moved


def _pyramid(image: Image, min_face_px: float, factor: float) -> list[_Level]:
    """The image itself, then the levels in which P-Net looks for faces."""
    levels = [_Level(1.0, image)]
    scale = _CELL / min_face_px
    height, width = image.shape[:2]
    while min(height, width) * scale >= _SMALLEST_LEVEL:
        size_wh = (round(width * scale), round(height * scale))
        source = levels[-1].image if len(levels) > 1 else image
        levels.append(_Level(scale, resize(source, size_wh)))
        scale *= factor
    return levels


def _crops(levels: list[_Level], boxes: Floats, size: int) -> NDArray[np.uint8]:
    """Square crops, uint8 (n, size, size, 3); what lies outside the image is black."""
    scales = np.array([level.scale for level in levels])
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-3)
    # the smallest level in which a box still has `size` pixels, else the largest there is
    fits = sides[:, None] * scales >= size
    chosen = np.where(fits, scales, np.inf).argmin(axis=1)
    chosen = np.where(fits.any(axis=1), chosen, scales.argmax())
    used = scales[chosen]
    factors = size / (sides * used)
    # pixel centres: x_crop + 0.5 = (x_level + 0.5 - left) * factor
    shifts = 0.5 * factors[:, None] - 0.5 - boxes[:, :2] * used[:, None] * factors[:, None]
    crops = np.empty((len(boxes), size, size, 3), np.uint8)
    matrix = np.zeros((2, 3))
    for crop, level, factor, shift in zip(crops, chosen, factors, shifts, strict=True):
        matrix[0, 0] = matrix[1, 1] = factor
        matrix[:, 2] = shift
        cv2.warpAffine(levels[level].image, matrix, (size, size), dst=crop)
    return crops
