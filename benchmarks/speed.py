"""One chip to its embedding, and one photo to the embeddings of its faces; both sides in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.pictures import chips_of, photos_640x480
from benchmarks.spread import compare, in_words, summarise
from benchmarks.tables import TIMES, Figure, table, times
from benchmarks.workers import Worker

Data = dict[str, Any]

_CHIP_ROUNDS = 8
_PHOTO_ROUNDS = 7
_WARM_UP = 3
# Fewer are no verdict: in the one portrait used without data, the peer sees three faces.
_FEWEST_PHOTOS = 10


def measure_chip(options: Options) -> Data:
    """Embedding of aligned 150x150 chips, and how far both sides' numbers are apart."""
    core = workers.core_to_use()
    with tempfile.TemporaryDirectory() as name, workers.ours(core) as ours:
        path = Path(name) / "chips.npy"
        np.save(path, chips_of(photos_640x480(Path(name))))
        count = ours.ask("chips", path=str(path))
        if options.peer is None:
            answers = [
                ours.ask("embed", index=i) for _ in range(_CHIP_ROUNDS) for i in range(count)
            ]
            return {"chips": count, "ours": summarise([a["seconds"] for a in answers[_WARM_UP:]])}
        with workers.peer(options.peer, core) as peer:
            peer.ask("chips", path=str(path))
            return {"chips": count} | _alternate_chips(ours, peer, count)


def _alternate_chips(ours: Worker, peer: Worker, count: int) -> Data:
    kept: tuple[list[Data], list[Data]] = ([], [])
    differences, lengths = [], []
    for i in range(_WARM_UP):
        ours.ask("embed", index=i % count), peer.ask("embed", index=i % count)
    for _ in range(_CHIP_ROUNDS):
        for index in range(count):
            answers = [side.ask("embed", index=index) for side in (ours, peer)]
            for side, answer in zip(kept, answers, strict=True):
                side.append(answer)
            a, b = (np.array(answer["embedding"]) for answer in answers)
            differences.append(float(np.abs(a - b).max()))
            lengths.append(float(np.linalg.norm(a - b)))
    return _compare_answers(*kept) | {
        "largest_difference": max(differences),
        "distance": max(lengths),
    }


def _compare_answers(ours: list[Data], peer: list[Data]) -> Data:
    """By the clock, and by the processor's time, which other programs hardly disturb."""
    clock, work = ([[a[key] for a in side] for side in (ours, peer)] for key in ("seconds", "work"))
    return compare(*clock) | {"work_ratio": compare(*work)["ratio"]}


def measure_photo(options: Options) -> Data:
    """From a 640x480 JPEG file to the embeddings of all faces, defaults of both."""
    core = workers.core_to_use()
    with tempfile.TemporaryDirectory() as name, workers.ours(core) as ours:
        paths = photos_640x480(Path(name))
        if options.peer is None:
            return _summary([_time_photo(path, ours, None) for path in paths])
        with workers.peer(options.peer, core) as peer:
            return _summary([_time_photo(path, ours, peer) for path in paths])


def _time_photo(path: Path, ours: Worker, peer: Worker | None) -> Data:
    sides = {"ours": ours} | ({"peer": peer} if peer else {})
    row: Data = {"photo": path.stem}
    for side, worker in sides.items():  # also warms both up for this picture
        row[f"{side}_faces"] = len(worker.ask("photo", path=str(path))["boxes"])
        row[f"{side}_answers"] = []
    for _ in range(_PHOTO_ROUNDS):
        for side, worker in sides.items():
            answer = worker.ask("photo", path=str(path))
            row[f"{side}_answers"].append({key: answer[key] for key in ("seconds", "work")})
    return row


def _summary(rows: list[Data]) -> Data:
    if "peer_answers" not in rows[0]:
        seconds = [answer["seconds"] for row in rows for answer in row["ours_answers"]]
        return {"rows": rows, "ours": summarise(seconds)}
    portraits = [row for row in rows if row["ours_faces"] == row["peer_faces"] == 1]
    groups = [row for row in rows if row["ours_faces"] == row["peer_faces"] >= 4]
    kinds = {"all": rows, "one_face": portraits, "groups": groups}
    return {"rows": rows} | {
        kind: _compare_rows(chosen) for kind, chosen in kinds.items() if chosen
    }


def _compare_rows(rows: list[Data]) -> Data:
    ours, peer = ([a for row in rows for a in row[f"{side}_answers"]] for side in ("ours", "peer"))
    faces = {
        f"{side}_faces": sum(row[f"{side}_faces"] for row in rows) for side in ("ours", "peer")
    }
    return _compare_answers(ours, peer) | faces | {"photos": len(rows)}


def chip_figures(data: Data) -> list[Figure]:
    if "ratio" not in data:
        return []
    ratio, difference = data["ratio"]["median"], data["largest_difference"]
    return [
        Figure("embedding one face, times as fast as dlib", "10", f"{ratio:.1f}", ratio >= 10),
        Figure(
            "largest difference of a number of the embedding from dlib's",
            "under 0.00001",
            f"{difference:.1e}",
            difference < 1e-5,
        ),
    ]


def chip_details(data: Data) -> list[str]:
    lines = [
        f"One aligned 150x150 chip to its 128 numbers; {data['chips']} chips of the photos below, "
        f"{_CHIP_ROUNDS} rounds."
    ]
    rows = [times("embedding", data)]
    return [*lines, "", *table(("", *TIMES), rows)]


def photo_figures(data: Data) -> list[Figure]:
    figures = []
    for kind, name in (("one_face", "with one face"), ("all", "all")):
        if kind in data and data[kind]["photos"] >= _FEWEST_PHOTOS:
            ratio = data[kind]["ratio"]["median"]
            title = f"640x480 photo to embeddings, times as fast as face_recognition, {name}"
            figures.append(Figure(title, "8", f"{ratio:.2f}", ratio >= 8))
    return figures


def photo_details(data: Data) -> list[str]:
    lines = [
        "From the JPEG file (640x480, portraits and groups with black bars, quality 92) to the "
        f"embeddings of all its faces, with the defaults of both; {_PHOTO_ROUNDS} rounds. Vultus "
        "also rates the quality of each face here.",
        "",
    ]
    if "ours" in data:
        return [*lines, f"Vultus: {in_words(data['ours'], ' ms')}."]
    names = {
        "all": "all",
        "one_face": "both found one face",
        "groups": "both found the same four or more",
    }
    rows = [
        (*times(f"{names[kind]} ({data[kind]['photos']})", data[kind]), *_faces(data[kind]))
        for kind in names
        if kind in data
    ]
    head = ("photos", *TIMES, "faces found by Vultus", "by the peer")
    each = [
        (
            row["photo"],
            *(f"{_median_ms(row, side):.1f}" for side in ("ours", "peer")),
            *_faces(row),
        )
        for row in data["rows"]
    ]
    each_head = ("photo", "Vultus, ms", "face_recognition, ms", "faces, Vultus", "faces, peer")
    return [*lines, *table(head, rows), "", "Each photo, medians:", "", *table(each_head, each)]


def _median_ms(row: Data, side: str) -> float:
    return float(np.median([answer["seconds"] for answer in row[f"{side}_answers"]])) * 1000


def _faces(row: Data) -> tuple[str, str]:
    return str(row["ours_faces"]), str(row["peer_faces"])
