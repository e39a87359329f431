"""How well faces are found: against marked boxes, and against marked points. Pure functions.

Boxes are matched as PASCAL VOC does it and WIDER FACE after it: from the highest score on, each
found box belongs to the marked one that it overlaps most; that is found once, and what comes later
is false. See docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.evaluate.boxes import Boxes, MarkedBoxes
from vultus.evaluate.metrics import Bools, Floats, precision_recall, wilson_interval

OVERLAPS = (0.4, 0.5, 0.75)
USUAL = 0.5
SIZE_EDGES = (12, 24, 48, 96, 192)  # heights in pixels, each twice the one before
_COCO_POINTS = 101


@dataclass(frozen=True)
class FoundBoxes:
    """boxes: (n, 4) left, top, right, bottom in pixels; scores: (n,)."""

    boxes: Boxes
    scores: Floats


@dataclass(frozen=True)
class Judged:
    """What became of the boxes of one picture.

    scores, right: (n,) of the found boxes that count, those on ignored faces left out.
    found: (m,) which marked faces were found, ignored ones left out.
    """

    scores: Floats
    right: Bools
    found: Bools


@dataclass(frozen=True)
class Curve:
    """Precision (n,) and recall (n,) from the highest score on."""

    precision: Floats
    recall: Floats

    @property
    def interpolated(self) -> Floats:
        """The best precision at this recall or any higher one, (n,)."""
        best: Floats = np.maximum.accumulate(self.precision[::-1])[::-1]
        return best

    @property
    def voc(self) -> float:
        """Area under the interpolated curve, over all points (PASCAL VOC from 2010 on)."""
        recall = np.concatenate([[0.0], self.recall])
        return float(np.sum(np.diff(recall) * self.interpolated))

    @property
    def coco(self) -> float:
        """Mean of the interpolated precision at recall 0, 0.01, ... 1 (COCO)."""
        points = np.linspace(0, 1, _COCO_POINTS)
        places = np.searchsorted(self.recall, points, side="left")
        heights = np.append(self.interpolated, 0.0)
        return float(heights[places].mean())


def overlaps(first: Boxes, second: Boxes) -> Floats:
    """Intersection over union, (n, 4) and (m, 4) to (n, m); boxes without area overlap nothing."""
    starts = np.maximum(first[:, None, :2], second[None, :, :2])
    ends = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(ends - starts, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    share: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def judge(marked: MarkedBoxes, given: FoundBoxes, least: float) -> Judged:
    """Match the boxes of one picture; `least` is the overlap from which on a box is on a face.

    A box on an ignored face counts neither as right nor as false.
    """
    visible = ~marked.ignored
    found = np.zeros(len(marked.boxes), bool)
    order = np.argsort(-given.scores, kind="stable")
    right = np.zeros(len(order), bool)
    if not len(marked.boxes):
        return Judged(given.scores[order], right, found)
    shares = overlaps(given.boxes[order], marked.boxes)
    nearest = shares.argmax(axis=1)
    on_face = shares.max(axis=1, initial=0.0) >= least
    counts = visible[nearest] | ~on_face
    for row in np.flatnonzero(on_face & counts):
        right[row] = not found[nearest[row]]
        found[nearest[row]] = True
    return Judged(given.scores[order][counts], right[counts], found[visible])


def curve(judged: Iterable[Judged]) -> Curve:
    """Of all pictures together."""
    some = list(judged)
    scores = np.concatenate([one.scores for one in some])
    right = np.concatenate([one.right for one in some])
    return Curve(*precision_recall(scores, right, sum(len(one.found) for one in some)))


def match_points(points: Boxes, boxes: Boxes) -> int:
    """How many points are found: each lies in a box of its own, as many as can be.

    A largest matching, by augmenting paths (Kuhn, 1955); points: (n, 2), boxes: (m, 4).
    """
    inside = [
        np.flatnonzero((boxes[:, :2] <= point).all(axis=1) & (point <= boxes[:, 2:]).all(axis=1))
        for point in points
    ]
    holder: dict[int, int] = {}

    def claim(point: int, tried: set[int]) -> bool:
        for box in inside[point].tolist():
            if box in tried:
                continue
            tried.add(box)
            if box not in holder or claim(holder[box], tried):
                holder[box] = point
                return True
        return False

    return sum(claim(point, set()) for point in range(len(points)))


def report_boxes(
    marked: Sequence[MarkedBoxes], shipped: Sequence[FoundBoxes], searched: Sequence[FoundBoxes]
) -> dict[str, Any]:
    """Figures of boxes, a picture each.

    shipped: what is found with the settings as they are; precision, recall and misses are of these.
    searched: what is found with a low score threshold; the average precision is of these.
    """
    judged = [judge(*pair, USUAL) for pair in zip(marked, shipped, strict=True)]
    found = np.concatenate([one.found for one in judged])
    visible = np.concatenate([one.boxes[~one.ignored] for one in marked])
    heights = visible[:, 3] - visible[:, 1]
    right = sum(int(one.right.sum()) for one in judged)
    given = sum(len(one.right) for one in judged)
    return {
        "faces": len(found),
        "ignored": sum(int(one.ignored.sum()) for one in marked),
        "found": right,
        "recall": _share(right, len(found)),
        "recall_interval": list(wilson_interval(right, len(found))),
        "false_boxes": given - right,
        "precision": _share(right, given),
        "precision_interval": list(wilson_interval(right, given)),
        "by_height": by_height(heights, found),
        "ap": {
            f"{least:g}": {"voc": of.voc, "coco": of.coco}
            for least, of in curves(marked, searched).items()
        },
    }


def curves(marked: Sequence[MarkedBoxes], searched: Sequence[FoundBoxes]) -> dict[float, Curve]:
    """Precision and recall at each of `OVERLAPS`."""
    return {
        least: curve(judge(*pair, least) for pair in zip(marked, searched, strict=True))
        for least in OVERLAPS
    }


def by_height(heights: Floats, found: Bools) -> dict[str, dict[str, Any]]:
    """Faces, those found, and the share, by the height of the marked box."""
    bands = np.searchsorted(SIZE_EDGES, heights, side="right")
    names = [f"0-{SIZE_EDGES[0]}"]
    names += [f"{low}-{high}" for low, high in pairwise(SIZE_EDGES)]
    names += [f"{SIZE_EDGES[-1]}+"]
    counts = [(int((bands == band).sum()), int(found[bands == band].sum())) for band in range(6)]
    return {
        name: {"faces": faces, "found": seen, "recall": _share(seen, faces)}
        for name, (faces, seen) in zip(names, counts, strict=True)
    }


def report_points(points: Sequence[Boxes], boxes: Sequence[Boxes]) -> dict[str, Any]:
    """Figures of points, a picture each: boxes that hold no point of their own are false."""
    pairs = list(zip(points, boxes, strict=True))
    matched = [match_points(*pair) for pair in pairs]
    total = sum(len(one) for one in points)
    return {
        "points": total,
        "found": sum(matched),
        "recall": _share(sum(matched), total),
        "recall_interval": list(wilson_interval(sum(matched), total)),
        "false_boxes": sum(len(one) for one in boxes) - sum(matched),
        "pictures_with_misses": sum(
            count < len(one) for count, one in zip(matched, points, strict=True)
        ),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def corners_of(boxes_xywh: NDArray[np.floating]) -> Boxes:
    """x, y, width, height to left, top, right, bottom, (n, 4)."""
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
