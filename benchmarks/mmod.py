"""dlib's MMOD detector with and without dlib: the same boxes, and how long they take."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.places import photos
from benchmarks.spread import compare, in_words, summarise
from benchmarks.tables import TIMES, Figure, table, times
from benchmarks.workers import Worker
from vultus.imaging.load import load

Data = dict[str, Any]
Box = list[float]

_PHOTOS = 20
_MOST_PIXELS = 1_500_000  # dlib takes seconds for each megapixel
_ROUNDS = 2
_WANTED_PIXELS = 2


def measure(options: Options) -> Data | None:
    """Twenty photos of groups and people, decoded once for both; None without them."""
    core = workers.core_to_use()
    with tempfile.TemporaryDirectory() as name:
        pictures = _pictures(Path(name))
        if not pictures:
            return None
        with Worker(Path(sys.executable), "benchmarks.mmod_worker", core) as ours:
            if options.peer is None:
                return _summary([_row(path, {"ours": ours}) for path in pictures])
            with Worker(options.peer, "benchmarks.mmod_peer_worker", core) as peer:
                return _summary([_row(path, {"ours": ours, "peer": peer}) for path in pictures])


def _pictures(folder: Path) -> list[Path]:
    made: list[Path] = []
    for path in [*photos("groups"), *photos("people")]:
        if len(made) == _PHOTOS:
            break
        image = load(path)
        if image.shape[0] * image.shape[1] <= _MOST_PIXELS:
            made.append(folder / f"{path.parent.name}_{path.stem}.npy")
            np.save(made[-1], image)
    return made


def _row(path: Path, sides: dict[str, Worker]) -> Data:
    height, width = np.load(path, mmap_mode="r").shape[:2]
    row: Data = {"photo": path.stem, "size": f"{width}x{height}"}
    row |= {f"{side}_answers": [] for side in sides}
    for _ in range(_ROUNDS):
        for side, worker in sides.items():
            answer = worker.ask("boxes", path=str(path))
            row[f"{side}_boxes"] = answer.pop("boxes")
            row[f"{side}_answers"].append(answer)
    return row


def _summary(rows: list[Data]) -> Data:
    ours = [answer for row in rows for answer in row["ours_answers"]]
    if "peer_answers" not in rows[0]:
        return {"rows": rows, "ours": summarise([answer["seconds"] for answer in ours])}
    peer = [answer for row in rows for answer in row["peer_answers"]]
    clock, work = ([[a[key] for a in side] for side in (ours, peer)] for key in ("seconds", "work"))
    return {"rows": rows} | compare(*clock) | {"work_ratio": compare(*work)["ratio"]}


def apart(ours: list[Box], peer: list[Box]) -> float | None:
    """The largest difference of a coordinate in pixels; None where the counts differ."""
    if len(ours) != len(peer):
        return None
    corners = [np.array(boxes).reshape(-1, 5)[:, :4] for boxes in (ours, peer)]
    return float(np.abs(corners[0] - corners[1]).max(initial=0))


def figures(data: Data) -> list[Figure]:
    if "ratio" not in data:
        return []
    rows = data["rows"]
    distances = [apart(row["ours_boxes"], row["peer_boxes"]) for row in rows]
    near = sum(d is not None and d <= _WANTED_PIXELS for d in distances)
    same = sum(d == 0 for d in distances)
    ratio = data["work_ratio"]["median"]
    return [
        Figure(
            f"photos of {len(rows)} with MMOD's boxes as dlib's, same count and within 2 pixels",
            str(len(rows)),
            f"{near}, {same} to the pixel",
            near == len(rows),
        ),
        Figure("MMOD boxes of a photo, times as fast as dlib", "8", f"{ratio:.1f}", ratio >= 8),
    ]


def details(data: Data) -> list[str]:
    lines = [
        f'dlib\'s network for `model="cnn"`, {len(data["rows"])} photos as they are, from pixels '
        f"to boxes, one thread each, in turn, {_ROUNDS} rounds. dlib as `pip install dlib` builds "
        "it, without a BLAS library of its own.",
        "",
    ]
    if "ratio" not in data:
        return [*lines, f"Vultus: {in_words(data['ours'], ' ms')}."]
    each = [
        (
            row["photo"],
            row["size"],
            *(f"{_median_ms(row, side):.0f}" for side in ("ours", "peer")),
            str(len(row["ours_boxes"])),
            str(len(row["peer_boxes"])),
            _in_pixels(apart(row["ours_boxes"], row["peer_boxes"])),
        )
        for row in data["rows"]
    ]
    head = (
        "photo",
        "size",
        "Vultus, ms",
        "dlib, ms",
        "boxes, Vultus",
        "boxes, dlib",
        "apart, pixels",
    )
    return [*lines, *table(("", *TIMES), [times("boxes of a photo", data)]), "", *table(head, each)]


def _in_pixels(distance: float | None) -> str:
    return "other boxes" if distance is None else f"{distance:.0f}"


def _median_ms(row: Data, side: str) -> float:
    return float(np.median([answer["seconds"] for answer in row[f"{side}_answers"]])) * 1000
