"""Verification on LFW's own pairs (lfw-grey), judged for both sides by the same code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.places import CACHE, lfw_grey
from benchmarks.tables import Figure, table
from vultus.errors import ImageError
from vultus.evaluate.metrics import true_accept_rate
from vultus.evaluate.verification import Pairs, evaluate_verification, read_pairs
from vultus.faces.analyzer import Analyzer

Data = dict[str, Any]
Answer = NDArray[np.float32] | ImageError | None

_PEER_PROCESSES = 2
_ALL_PAIRS_FARS = (0.01, 0.001, 0.0001)


def measure(options: Options) -> Data | None:
    """Vultus, Vultus with mirrored faces, and the peer; None without lfw-grey."""
    folder = lfw_grey()
    if folder is None:
        return None
    pairs = read_pairs(folder / "pairs.tsv")
    images = folder / "images"

    def judge(embed_all: Callable[[list[Path]], list[Answer]]) -> Data:
        kept: list[Answer] = []

        def embed_and_keep(paths: list[Path]) -> list[Answer]:
            kept.extend(embed_all(paths))
            return kept

        report = asdict(evaluate_verification(pairs, images, embed_and_keep))
        return report | {"all_pairs": _all_pairs_rates(pairs.images, kept)}

    sides = {"ours": judge(_by_vultus(mirror=True)), "plain": judge(_by_vultus(mirror=False))}
    if options.peer is not None:
        vectors = _peer_embeddings(options.peer, images, pairs)
        sides["peer"] = judge(
            lambda paths: [vectors[p.relative_to(images).as_posix()] for p in paths]
        )
    return {"sides": sides}


def _all_pairs_rates(names: list[str], answers: list[Answer]) -> dict[str, float]:
    """True-match rates over every pair of the photos: millions of strangers instead of 841."""
    vectors = np.full((len(names), 128), np.nan)
    for row, answer in zip(vectors, answers, strict=True):
        if isinstance(answer, np.ndarray):
            row[:] = answer
    squares = (vectors**2).sum(axis=1)
    square = squares[:, None] + squares[None] - 2 * vectors @ vectors.T
    _, person = np.unique([name.split("/")[0] for name in names], return_inverse=True)
    first, second = np.triu_indices(len(names), 1)
    square = square[first, second]
    distances = np.where(np.isnan(square), np.inf, np.sqrt(np.maximum(square, 0)))
    same = person[first] == person[second]
    return {f"{far:g}": true_accept_rate(distances, same, far) for far in _ALL_PAIRS_FARS}


def _by_vultus(*, mirror: bool) -> Callable[[list[Path]], list[Answer]]:
    analyzer = Analyzer(mirror=mirror)

    def embed_all(paths: list[Path]) -> list[Answer]:
        answers: list[Answer] = []
        for faces in analyzer.analyze_batch(paths, quality=False):
            found = faces.embeddings is not None and len(faces)
            answers.append(faces.embeddings[0] if found else None)
            _progress("Vultus, mirrored" if mirror else "Vultus", len(answers), len(paths))
        return answers

    return embed_all


def _peer_embeddings(python: Path, images: Path, pairs: Pairs) -> dict[str, Answer]:
    """The peer's first face of every picture, from its file in .bench where it has one."""
    with workers.peer(python) as worker:
        versions = worker.ask("versions")
    name = f"lfw-grey-face_recognition-{versions['face_recognition']}-dlib-{versions['dlib']}.npz"
    names = pairs.images
    if not (CACHE / name).exists():
        vectors = _embed_by_peer(python, [images / name for name in names])
        np.savez(CACHE / f"part-{name}", names=names, vectors=vectors)
        (CACHE / f"part-{name}").replace(CACHE / name)
    with np.load(CACHE / name, allow_pickle=False) as file:
        kept = dict(zip(file["names"].tolist(), file["vectors"], strict=True))
    return {name: None if np.isnan(kept[name]).any() else kept[name] for name in names}


def _embed_by_peer(python: Path, paths: list[Path]) -> NDArray[np.float32]:
    """One row a picture, NaN where no face was found."""
    vectors = np.full((len(paths), 128), np.nan, np.float32)
    idle: SimpleQueue[workers.Worker] = SimpleQueue()
    done: list[int] = []

    def embed(row: int) -> None:
        worker = idle.get()
        try:
            found = worker.ask("photo", path=str(paths[row]), embeddings=True)["embeddings"]
        finally:
            idle.put(worker)
        if found:
            vectors[row] = found[0]
        done.append(row)
        _progress("face_recognition (once, some minutes)", len(done), len(paths))

    started = [workers.peer(python) for _ in range(_PEER_PROCESSES)]
    try:
        for worker in started:
            idle.put(worker)
        with ThreadPoolExecutor(_PEER_PROCESSES) as pool:
            list(pool.map(embed, range(len(paths))))
    finally:
        for worker in started:
            worker.__exit__(None, None, None)
    return vectors


def _progress(who: str, done: int, of: int) -> None:
    if done % 100 == 0 or done == of:
        print(f"\r  {who}: {done} of {of}", end="\n" if done == of else "", flush=True)


def figures(data: Data) -> list[Figure]:
    sides = data["sides"]
    if "peer" not in sides:
        return []
    ours, peer = sides["ours"], sides["peer"]
    found = []
    for title, get, better in (
        ("accuracy on 1,682 pairs of LFW", lambda s: s["accuracy"], 1),
        ("true matches at 0.1 % false matches, LFW", lambda s: s["tar_at_far"]["0.001"], 1),
        ("the same over all pairs of the photos", lambda s: s["all_pairs"]["0.001"], 1),
        ("faces not found in 2,202 LFW photos", lambda s: s["not_found"], -1),
    ):
        mine, theirs = get(ours), get(peer)
        wanted, measured = (_number(value) for value in (theirs, mine))
        word = "at least" if better > 0 else "at most"
        wanted = f"{word} {wanted} (face_recognition)"
        found.append(Figure(title, wanted, measured, better * mine >= better * theirs))
    return found


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def details(data: Data) -> list[str]:
    first = data["sides"]["ours"]
    lines = [
        f"{first['pairs']:,} of LFW's own verification pairs, {first['images']:,} photos (grey, "
        "cropped close to the face, 350x350: harder than LFW itself). Accuracy is cross-validated "
        "over three folds; a pair with a face that was not found counts as different. Vultus "
        "takes the largest face, face_recognition its first. At a false-match rate of 0.1 % of "
        "841 pairs of different people no false match at all is allowed, so the nearest one of "
        "them alone decides that figure. The last three columns rest on every pair of the same "
        "photos, about 2.4 million of different people, and so on much firmer ground.",
        "",
    ]
    names = {"ours": "Vultus", "plain": "Vultus, `mirror=False`", "peer": "face_recognition"}
    rows = [_row(names[side], report) for side, report in data["sides"].items()]
    head = (
        "",
        "accuracy (deviation over folds)",
        "TAR at FAR 1 %",
        "TAR at FAR 0.1 %",
        "equal error rate",
        "not found",
        "all pairs: TAR at FAR 1 %",
        "0.1 %",
        "0.01 %",
    )
    return [*lines, *table(head, rows)]


def _row(name: str, report: Data) -> tuple[str, ...]:
    rates = report["tar_at_far"]
    return (
        name,
        f"{report['accuracy']:.4f} ({report['accuracy_std']:.4f})",
        f"{rates['0.01']:.3f}",
        f"{rates['0.001']:.3f}",
        f"{report['eer']:.3f}",
        str(report["not_found"]),
        *(f"{rate:.3f}" for rate in report["all_pairs"].values()),
    )
