"""`vultus.compat.face_recognition` beside what it stands in for: the same calls, both in turn."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.pictures import photos_640x480
from benchmarks.places import lfw_grey, photos
from benchmarks.spread import compare
from benchmarks.tables import Figure, table
from benchmarks.workers import Worker

Data = dict[str, Any]
Boxes = list[list[int]]  # top, right, bottom, left

_WORKER = "benchmarks.face_recognition_worker"
_FACES = 200
_MODELS = ("small", "large")
_THRESHOLD, _NEAR_LOW, _NEAR_HIGH = 0.6, 0.58, 0.62
_TIMED_PHOTOS = 12
_ROUNDS = 3
_SAME_PLACE = 0.3  # of the side: boxes whose centres are nearer show the same face


def measure(options: Options) -> Data | None:
    """Encodings for the same boxes, boxes, and the time of a photo; None without peer or data."""
    folder = lfw_grey()
    if options.peer is None or folder is None:
        return None
    core = workers.core_to_use()
    with ExitStack() as stack:
        ours = stack.enter_context(Worker(Path(sys.executable), _WORKER, core))
        peer = stack.enter_context(Worker(options.peer, _WORKER, core))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        located = {path: _locate(path, ours, peer) for path in photos()}
        return {
            "encodings": _compare_encodings(ours, peer, folder / "images", located),
            "boxes": _compare_boxes(list(located.values())),
            "photo": _compare_times(ours, peer, photos_640x480(scratch)),
        }


def _locate(path: Path, ours: Worker, peer: Worker) -> tuple[Boxes, Boxes]:
    mine, theirs = (side.ask("locate", path=str(path), upsample=1) for side in (ours, peer))
    return mine, theirs


def _compare_encodings(
    ours: Worker, peer: Worker, images: Path, located: dict[Path, tuple[Boxes, Boxes]]
) -> Data:
    """For the peer's boxes: of the photos, then of one picture of every n-th person of LFW."""
    kept: dict[str, tuple[list[list[float]], list[list[float]]]] = {m: ([], []) for m in _MODELS}
    people = sorted(images.glob("*/*_0001.jpg"))
    for path in [*located, *people[:: max(1, len(people) // _FACES)]]:
        if path in located:
            locations = located[path][1]
        else:
            locations = peer.ask("locate", path=str(path), upsample=0)
        for model, sides in kept.items():
            for side, vectors in zip((ours, peer), sides, strict=True):
                asked = {"path": str(path), "locations": locations, "model": model}
                vectors.extend(side.ask("encode", **asked))
        if len(kept["small"][0]) >= _FACES:
            break
    return {m: _agreement(*(np.array(side) for side in sides)) for m, sides in kept.items()}


def _agreement(ours: NDArray[np.float64], peer: NDArray[np.float64]) -> Data:
    apart = np.linalg.norm(ours - peer, axis=1)
    mine, theirs = _pair_distances(ours), _pair_distances(peer)
    near = [(d >= _NEAR_LOW) & (d <= _NEAR_HIGH) for d in (mine, theirs)]
    other = (mine <= _THRESHOLD) != (theirs <= _THRESHOLD)
    return {
        "faces": len(apart),
        "median": float(np.median(apart)),
        "p95": float(np.quantile(apart, 0.95)),
        "largest": float(apart.max()),
        "pairs": len(mine),
        "decided_otherwise": int(other.sum()),
        "decided_otherwise_not_near": int((other & ~near[0] & ~near[1]).sum()),
    }


def _pair_distances(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = np.triu_indices(len(vectors), 1)
    distances: NDArray[np.float64] = np.linalg.norm(vectors[first] - vectors[second], axis=1)
    return distances


def _compare_boxes(located: list[tuple[Boxes, Boxes]]) -> Data:
    """How far the default detector's squares lie from those of dlib's HOG detector."""
    errors: list[list[float]] = []
    found, missed, more = 0, 0, 0
    for boxes in located:
        mine, theirs = (np.array(side, float).reshape(-1, 4) for side in boxes)
        found += len(theirs)
        more += len(mine)
        for top, right, bottom, left in theirs:
            side = max(right - left, bottom - top) + 1
            shift = np.abs(mine - (top, right, bottom, left)) / side
            middle = np.abs(mine[:, [0, 3]] + mine[:, [2, 1]] - (top + bottom, left + right)) / 2
            same = (middle < _SAME_PLACE * side).all(axis=1)
            if not same.any():
                missed += 1
                continue
            errors.append(shift[same][shift[same].max(axis=1).argmin()].tolist())
    worst = np.array(errors).max(axis=1)
    return {
        "peer_faces": found,
        "our_faces": more,
        "missed": missed,
        "median": float(np.median(worst)),
        "p95": float(np.quantile(worst, 0.95)),
        "within": float((worst <= 0.15).mean()),
    }


def _compare_times(ours: Worker, peer: Worker, paths: list[Path]) -> Data:
    seconds: tuple[list[float], list[float]] = ([], [])
    for path in paths:
        if len(seconds[0]) == _TIMED_PHOTOS * _ROUNDS:
            break
        first = [side.ask("time", path=str(path))["faces"] for side in (ours, peer)]  # warms up
        if first != [1, 1]:
            continue  # else one side would have more to encode
        for _ in range(_ROUNDS):
            for side, kept in zip((ours, peer), seconds, strict=True):
                kept.append(side.ask("time", path=str(path))["seconds"])
    return compare(*seconds) | {"photos": len(seconds[0]) // _ROUNDS}


def figures(data: Data) -> list[Figure]:
    rows = []
    for model, agreement in data["encodings"].items():
        median, p95 = agreement["median"], agreement["p95"]
        otherwise = agreement["decided_otherwise_not_near"]
        rows += [
            Figure(
                f"encodings of {agreement['faces']} faces, `{model}`, median distance to dlib's",
                "0.001 or less",
                f"{median:.1e}",
                median <= 0.001,
            ),
            Figure(f"the same, `{model}`, 95 %", "under 0.02", f"{p95:.1e}", p95 < 0.02),
            Figure(
                f"pairs decided otherwise than by dlib's, `{model}`, outside 0.58 to 0.62",
                "0",
                str(otherwise),
                otherwise == 0,
            ),
        ]
    ratio = data["photo"]["ratio"]["median"]
    title = "`face_encodings(image)` of a 640x480 photo, times as fast as face_recognition"
    return [*rows, Figure(title, "8", f"{ratio:.1f}", ratio >= 8)]


def details(data: Data) -> list[str]:
    photo, boxes = data["photo"], data["boxes"]
    head = ("landmarks", "faces", "median", "95 %", "largest", "pairs", "decided otherwise")
    rows = [
        (
            f"`{model}`",
            str(found["faces"]),
            *(f"{found[name]:.1e}" for name in ("median", "p95", "largest")),
            f"{found['pairs']:,}",
            str(found["decided_otherwise"]),
        )
        for model, found in data["encodings"].items()
    ]
    ours, peer = (photo[side]["median"] for side in ("ours", "peer"))
    return [
        "`vultus.compat.face_recognition` and face_recognition are asked the same. Distances "
        "between both encodings of a face, for the locations that the original found:",
        "",
        *table(head, rows),
        "",
        f"`face_encodings(image)` of {photo['photos']} photos of 640x480 in which both find one "
        f"face, processor time with one thread: {ours:.0f} ms against {peer:.0f} ms.",
        "",
        f"`face_locations` on the photos: the original's HOG detector finds {boxes['peer_faces']} "
        f"faces, Vultus {boxes['our_faces']}, among them all but {boxes['missed']} of these. The "
        f"edge farthest from the original's is off by {boxes['median']:.0%} of the side (median; "
        f"95 %: {boxes['p95']:.0%}); {boxes['within']:.0%} of the boxes are within 15 %.",
    ]
