"""`python -m benchmarks`: measure Vultus and face_recognition side by side, write the report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from benchmarks import (
    accuracy,
    attributes,
    classifier,
    clustering,
    compat_tool,
    detection,
    face_recognition_compat,
    folder,
    machine,
    memory,
    mmod,
    server,
    server_load,
    soak,
    speed,
    startup,
    video,
    video_cameras,
    video_stages,
    video_street,
    workers,
)
from benchmarks.options import Options
from benchmarks.peer import PeerMissing, peer_python
from benchmarks.places import CACHE, REPORT, ROOT
from benchmarks.report import (
    Results,
    about_section,
    figures_section,
    load_results,
    part_section,
    save_results,
    with_reported,
    write_sections,
)
from benchmarks.tables import Figure


@dataclass(frozen=True)
class Part:
    """One measurement: `measure` returns plain data, or None where it cannot be made here.

    usual: made when nothing is chosen.
    """

    title: str
    measure: Callable[[Options], dict[str, Any] | None]
    figures: Callable[[dict[str, Any]], list[Figure]]
    details: Callable[[dict[str, Any]], list[str]]
    usual: bool = True


PARTS = {
    "chip": Part("Embedding", speed.measure_chip, speed.chip_figures, speed.chip_details),
    "photo": Part(
        "Photo to embeddings", speed.measure_photo, speed.photo_figures, speed.photo_details
    ),
    "compat_tool": Part(
        "The tool face_recognition", compat_tool.measure, compat_tool.figures, compat_tool.details
    ),
    "accuracy": Part("Accuracy", accuracy.measure, accuracy.figures, accuracy.details),
    "detection": Part("Detection", detection.measure, detection.figures, detection.details),
    "mmod": Part("dlib's MMOD detector", mmod.measure, mmod.figures, mmod.details),
    "compat": Part(
        "In place of face_recognition",
        face_recognition_compat.measure,
        face_recognition_compat.figures,
        face_recognition_compat.details,
    ),
    "attributes": Part("Attributes", attributes.measure, attributes.figures, attributes.details),
    "folder": Part("A folder of photos", folder.measure, folder.figures, folder.details),
    "classifier": Part("Classifier", classifier.measure, classifier.figures, classifier.details),
    "clustering": Part(
        "Grouping faces", clustering.measure, clustering.figures, clustering.details
    ),
    "memory": Part("Memory", memory.measure, memory.figures, memory.details),
    "startup": Part("Start", startup.measure, startup.figures, startup.details),
    "video": Part("Video", video.measure, video.figures, video.details),
    "street": Part(
        "Video of 1080p", video_street.measure, video_street.figures, video_street.details
    ),
    "stages": Part(
        "Where the time of a video goes",
        video_stages.measure,
        video_stages.figures,
        video_stages.details,
    ),
    "cameras": Part(
        "Four cameras", video_cameras.measure, video_cameras.figures, video_cameras.details
    ),
    "cameras_long": Part(
        "Four cameras for longer",
        video_cameras.measure,
        video_cameras.long_figures,
        video_cameras.details,
        usual=False,
    ),
    "server": Part("Server", server.measure, server.figures, server.details),
    "server_load": Part(
        "Server under load", server_load.measure, server_load.figures, server_load.details
    ),
    "soak": Part("Soak", soak.measure, soak.figures, soak.details, usual=False),
}


def main(arguments: list[str] | None = None) -> int:
    chosen = _parse(arguments)
    CACHE.mkdir(exist_ok=True)
    try:
        peer = None if chosen.no_peer else peer_python(chosen.peer)
    except PeerMissing as error:
        print(f"{error}\n`--no-peer` measures Vultus alone.", file=sys.stderr)
        return 1
    options = Options(peer, chosen.seconds, chosen.rounds)
    results = load_results()
    about = machine.about()
    for name in chosen.only or [name for name, part in PARTS.items() if part.usual]:
        print(f"{PARTS[name].title} ...", flush=True)
        data = PARTS[name].measure(options)
        if data is None:
            print("  left out: its data are not on this machine")
            continue
        results[name] = {"about": about, "data": data}
        save_results(results)
        for figure in PARTS[name].figures(data):
            print(f"  {figure.name}: {figure.measured} (wanted: {figure.wanted})")
    if options.peer is not None:
        with workers.peer(options.peer) as beside:
            results["peer"] = beside.ask("versions")
        save_results(results)
    write_report(results, about)
    print(f"Written: {REPORT.relative_to(ROOT)}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="run this part (repeatable)")
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument(
        "--peer", type=Path, help="the python of an environment with face_recognition"
    )
    beside.add_argument("--no-peer", action="store_true", help="measure Vultus alone")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which cameras run")
    parser.add_argument("--rounds", type=int, default=20, help="kills of each server in the soak")
    return parser.parse_args(arguments)


def write_report(results: Results, about: dict[str, str]) -> None:
    """All parts that were ever measured here; a partial run keeps the others."""
    measured = {name: part for name, part in PARTS.items() if name in results}
    figures = [f for name, part in measured.items() for f in part.figures(results[name]["data"])]
    sections = {
        "figures": figures_section(with_reported(figures)),
        "machine": about_section(about, results.get("peer")),
    }
    for name, part in measured.items():
        lines = part.details(results[name]["data"])
        sections[name] = part_section(part.title, lines, results[name]["about"])
    write_sections(sections)


if __name__ == "__main__":
    raise SystemExit(main())
