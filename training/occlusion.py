"""Covered eyes and mouths: a small head on the trunk of the attribute network.

python -m training.occlusion [--work DIR]

To be run again whenever `trunk.onnx` changes. Covers are drawn on the faces of UTKFace. A tenth
of the faces, by the digests of their file names, is held back for the slope of the probabilities.
Where they pass 0.5 is set on real photos: lfw-grey, whose covered eyes were told by eye, halved by
person, and `mask.tar`, halved by file. Each half is reported with the value set on the other; the
mean of both values is shipped.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training import photos
from training.chips import Chips, share_of, utkface
from training.cover_head import (
    HELD_PARTS,
    Made,
    balanced,
    calibration_error,
    export,
    fit,
    logits_of,
    slopes,
)
from training.coverings import landmarks, maps_of, taken, trunk_session
from training.covers import cover_eyes, cover_forehead, cover_mouth, cover_nothing
from training.finish import CARD, NETWORKS, write_digests
from training.loop import Log
from vultus.faces.attributes.occlusion import PARTS
from vultus.models.session import OnnxSession

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]

LABELS = Path(__file__).resolve().parents[1] / "tests/reference/lfw_occlusion.json"

_SEED = 11
_PROCESSES = 2
_PICTURES = 3  # made of each face
_COVERED = 0.35  # of the pictures, each part
# How much of the eyes' own contrast is left: less, and they count as covered; more, as seen.
_HIDDEN, _SEEN = 0.3, 0.6


class Real(NamedTuple):
    """Faces of photos. half: (n,) bool, which of the two halves each belongs to."""

    maps: Floats
    covered: NDArray[np.bool_]
    half: NDArray[np.bool_]


def made_picture(task: tuple[Bytes, Floats, Bytes, int]) -> tuple[Bytes, tuple[bool, bool]] | None:
    """A face as it might come, and whether its eyes and its mouth are covered; None in doubt."""
    chip, points, other, seed = task
    random = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    eyes, mouth, forehead = random.random(3) < (_COVERED, _COVERED, 0.25)
    out = cover_forehead(chip, points, other, random) if forehead else chip
    if mouth:
        out = cover_mouth(out, points, other, random)
    cover = cover_eyes if eyes else cover_nothing
    out = cover(out, points, other, random)
    left = contrast_left(chip, out, points)
    if _HIDDEN <= left <= _SEEN:
        return None
    return taken(out, random), (left < _HIDDEN, bool(mouth))


def contrast_left(before: Bytes, after: Bytes, points: Floats) -> float:
    """How much of what there was to see of the eyes is still there: 1 all, 0 nothing."""
    shares = []
    for eye in (points[36:42], points[42:48]):
        left, top = np.clip(np.floor(eye.min(0)).astype(int) - 2, 0, None)
        right, bottom = np.ceil(eye.max(0)).astype(int) + 3
        old, new = (
            np.asarray(chip[top:bottom, left:right], np.float64).mean(2).ravel()
            for chip in (before, after)
        )
        if not old.size:
            continue
        old, new = old - old.mean(), new - new.mean()
        shares.append((old * new).sum() / max(float((old**2).sum()), 1e-9))
    return float(np.mean(shares)) if shares else 0.0


def make(faces: Chips, trunk: OnnxSession) -> Made:
    """Several pictures of each face, through the trunk."""
    random = np.random.default_rng(_SEED)
    found = np.flatnonzero(faces.found)
    points = list(landmarks(faces.chips))
    tasks = [
        (i, points[i], int(random.choice(found)), int(random.integers(2**31)))
        for i in found
        for _ in range(_PICTURES)
    ]
    maps, labels, held = [], [], []
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for start in range(0, len(tasks), 512):
            part = tasks[start : start + 512]
            given = [
                (np.asarray(faces.chips[i]), p, np.asarray(faces.chips[o]), s)
                for i, p, o, s in part
            ]
            done = list(pool.map(made_picture, given, chunksize=32))
            kept = [(i, made) for (i, *_), made in zip(part, done, strict=True) if made is not None]
            pictures = np.stack([picture for _, (picture, _) in kept])
            maps.append(maps_of(trunk, pictures).astype(np.float16))
            labels += [covered for _, (_, covered) in kept]
            held += [share_of(faces.names[i], HELD_PARTS) == 0 for i, _ in kept]
    return Made(
        torch.from_numpy(np.concatenate(maps)),
        torch.tensor(labels, dtype=torch.float32),
        np.array(held),
    )


def threshold(logits: Floats, covered: NDArray[np.bool_]) -> float:
    """Where the balanced accuracy is highest: the middle of all such places."""
    tried = np.linspace(-8, 8, 641)
    scores = np.array([balanced(logits > t, covered)["balanced_accuracy"] for t in tried])
    return float(np.median(tried[scores >= scores.max() - 1e-9]))


def real_faces(shared: Path, work: Path, trunk: OnnxSession) -> dict[str, Real]:
    """For each part the photos that it is told on."""
    told = json.loads(LABELS.read_text())["eyes"]
    lfw = photos.lfw(shared, work)
    files = [str(name).split("/")[-1] for name in lfw.names]
    clear = np.array([file not in told["doubtful"] for file in files])
    covered = np.array([file in told["covered"] for file in files])
    half = np.array([share_of(person, 2) == 0 for person in lfw.people])
    masked = photos.masks(shared, work)
    halves = np.array([share_of(str(name).split("/")[-1], 2) == 0 for name in masked.names])
    with_mask = np.array([folder == "with_mask" for folder in masked.people])
    return {
        "eyes": Real(maps_of(trunk, lfw.chips[clear]), covered[clear], half[clear]),
        "mouth": Real(maps_of(trunk, masked.chips), with_mask, halves),
    }


def crossed(logits: Floats, faces: Real, slope: float) -> tuple[float, Floats]:
    """The bias to ship, and probabilities of each half with the bias that was set on the other."""
    biases = [threshold(logits[faces.half == h], faces.covered[faces.half == h]) for h in (0, 1)]
    others = np.where(faces.half, biases[0], biases[1])
    return float(np.mean(biases)), 1 / (1 + np.exp(-(logits - others) * slope))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("VULTUS_SHARED", "../shared"))
    trunk, log = trunk_session(), Log(work / "occlusion.jsonl")
    made = make(utkface(shared, work), trunk)
    head = fit(made, _SEED, log)
    slope, bias = slopes(head, made), np.zeros(len(PARTS))
    for k, (part, faces) in enumerate(real_faces(shared, work, trunk).items()):
        logits = logits_of(head, torch.from_numpy(faces.maps))[:, k]
        bias[k], told = crossed(logits, faces, slope[k])
        log.write(
            test=part,
            faces=len(told),
            covered=int(faces.covered.sum()),
            **balanced(told >= 0.5, faces.covered),
            ece=calibration_error(told, faces.covered),
        )
    (NETWORKS / "occlusion.onnx").write_bytes(export(head, PARTS, slope, bias))
    write_digests(CARD, NETWORKS, ("occlusion.onnx",))


if __name__ == "__main__":
    main()
