"""Noses of the group photos that lie in a box, and boxes without a nose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.places import photos, shared_data
from benchmarks.tables import Figure, table

Data = dict[str, Any]
Point = list[float]
Box = list[float]


def match(noses: list[Point], boxes: list[Box]) -> int:
    """How many noses are found: each box stands for one nose in it, each nose for one box."""
    box_of: dict[int, int] = {}

    def claim(nose: int, tried: set[int]) -> bool:
        x, y = noses[nose]
        for number, (left, top, right, bottom) in enumerate(boxes):
            if left <= x <= right and top <= y <= bottom and number not in tried:
                tried.add(number)
                holder = next((n for n, b in box_of.items() if b == number), None)
                if holder is None or claim(holder, tried):
                    box_of[nose] = number
                    return True
        return False

    return sum(claim(nose, set()) for nose in range(len(noses)))


def measure(options: Options) -> Data | None:
    """All marked photos and the one without a face; None without the photos."""
    data = shared_data()
    marks = data / "photos" / "groups" / "noses.json" if data else None
    if marks is None or not marks.exists():
        return None
    noses: dict[Path, list[Point]] = {
        marks.parent / name: points for name, points in json.loads(marks.read_text("utf-8")).items()
    }
    noses |= {path: [] for path in photos("noface")}
    with workers.ours() as ours:
        sides = {"ours": _score(ours, noses)}
    if options.peer is not None:
        with workers.peer(options.peer) as peer:
            sides["peer"] = _score(peer, noses)
    return {"noses": sum(map(len, noses.values())), "photos": len(noses), "sides": sides}


def _score(worker: workers.Worker, noses: dict[Path, list[Point]]) -> Data:
    found = false = 0
    missed: list[str] = []
    for path, points in noses.items():
        boxes = worker.ask("photo", path=str(path))["boxes"]
        here = match(points, boxes)
        found += here
        false += len(boxes) - here
        if here < len(points):
            missed.append(f"{path.name}: {len(points) - here}")
    return {"found": found, "false": false, "missed": missed}


def figures(data: Data) -> list[Figure]:
    ours = data["sides"]["ours"]
    title = f"faces found in {data['photos']} photos with {data['noses']} marked noses"
    met = ours["found"] == data["noses"] and not ours["false"]
    measured = f"{ours['found']}, {ours['false']} false"
    return [Figure(title, f"{data['noses']}, no false box", measured, met)]


def details(data: Data) -> list[str]:
    lines = [
        f"{data['noses']} noses are marked in group photos of about 800x533 pixels; one more photo "
        "shows no face. A nose is found when a box of its own holds it; other boxes are false.",
        "",
    ]
    names = {"ours": "Vultus", "peer": "face_recognition"}
    rows = [
        (names[side], str(s["found"]), str(s["false"]), ", ".join(s["missed"]) or "none")
        for side, s in data["sides"].items()
    ]
    return [*lines, *table(("", "noses found", "false boxes", "noses missed"), rows)]
