"""Glasses and masks: a small head on the trunk of the attribute network.

python -m training.coverings [--work DIR]

To be run again whenever `trunk.onnx` changes. Faces of UTKFace and of a seventh of FER2013's
`train` that wear glasses, as told by eye (`glasses.json`), and drawn glasses and masks on those
that wear none; a tenth of the faces, by the digests of their file names, is held back for the
temperatures. The faces of LFW, labelled by eye, and those of `mask.tar` are looked at only to
report.
"""

from __future__ import annotations

import argparse
import json
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training import chips as sets
from training.attributes import in_test
from training.cover_head import (
    HELD_PARTS,
    Made,
    balanced,
    calibration_error,
    export,
    fit,
    slopes,
)
from training.draw_coverings import with_glasses, with_mask, with_something
from training.finish import CARD, NETWORKS, write_digests
from training.loop import Log
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.coverings import KINDS, Coverings
from vultus.models.session import OnnxSession
from vultus.settings import load_settings

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]

_LABELS = Path(__file__).with_name("glasses.json")
_LFW_LABELS = Path(__file__).resolve().parents[1] / "tests/reference/lfw_glasses.json"

_SEED = 7
_PROCESSES = 2
# Pictures made of a face that wears none, and of one that wears glasses; on how many of the first
# some are drawn. FER2013 is too coarse for that: a frame would be finer than the eyes.
_PICTURES = {"utkface": (3, 5), "fer2013": (1, 3)}
_DRAWN = {"utkface": 0.35, "fer2013": 0.0}
_FER_PARTS = 7  # of FER2013, whose faces are small and hard to tell by eye, one part
# The square in which dlib's mean face of 68 points has its eyes and nose where chips have theirs.
_START = np.array([[9.3, 5.5, 138.7, 135.0]])


def labels_of(data_set: str, names: list[str]) -> NDArray[np.int8]:
    """1 glasses, 0 none, -1 doubtful: as seen by eye."""
    told = json.loads(_LABELS.read_text())[data_set]
    values = {name: 1 for name in told["glasses"]} | {name: -1 for name in told["doubtful"]}
    return np.array([values.get(name, 0) for name in names], np.int8)


def landmarks(chips: Bytes) -> Iterator[Floats]:
    """The 68 points of each aligned chip; the search starts where alignment puts a mean face."""
    predictor = Analyzer(load_settings()).predictor68
    for chip in chips:
        yield predictor.predict(np.asarray(chip), _START)[0]


def made_picture(task: tuple[Bytes, Floats, bool, float, int]) -> tuple[Bytes, tuple[bool, bool]]:
    """A face as it might come, and whether it wears glasses and a mask.

    task: chip, landmarks, whether it wears glasses, how often to draw some if not, seed.
    """
    chip, points, wears, share, seed = task
    random = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    glasses, mask = not wears and random.random() < share, random.random() < 0.35
    if random.random() < 0.15:
        chip = with_something(chip, random)
    if mask:
        chip = with_mask(chip, points, random)
    if glasses:
        chip = with_glasses(chip, points, random)
    if random.random() < 0.3:
        chip = _ended_at_chin(chip, random)
    return taken(chip, random), (wears or glasses, mask)


def _ended_at_chin(chip: Bytes, random: np.random.Generator) -> Bytes:
    """As where a tight crop is aligned: black below, which is no black mask."""
    out = chip.copy()
    out[int(random.uniform(0.68, 0.9) * len(chip)) :] = 0
    return out


def taken(chip: Bytes, random: np.random.Generator) -> Bytes:
    """A chip as another camera, aligner or archive would have made it."""
    out = _cropped(_moved(chip, random), random)
    if random.random() < 0.6:  # small or blurred
        side = int(np.exp(random.uniform(np.log(36), np.log(140))))
        out = cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA)
        out = cv2.resize(out, chip.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    out = out.astype(np.float32)
    if random.random() < 0.35:
        out = np.repeat(out.mean(2, keepdims=True), 3, axis=2)
    if random.random() < 0.3:  # sharpened
        out += (out - cv2.GaussianBlur(out, (0, 0), 1.5)) * random.uniform(0, 1.5)
    mean = out.mean()
    out = (out - mean) * random.uniform(0.6, 1.4) + mean + random.uniform(-30, 30)
    if random.random() < 0.3:
        out *= np.exp(random.normal(0, 0.07, 3))
    if random.random() < 0.3:
        out += random.normal(0, random.uniform(2, 8), (*out.shape[:2], 1))
    done = np.clip(out, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(20, 80))]
        done = cv2.imdecode(cv2.imencode(".jpg", done, quality)[1], cv2.IMREAD_COLOR)
    return done


def _moved(chip: Bytes, random: np.random.Generator) -> Bytes:
    middle = (len(chip) - 1) / 2
    angle, scale = random.normal(0, 5), np.exp(random.normal(0, 0.06))
    move = cv2.getRotationMatrix2D((middle, middle), angle, scale)
    move[:, 2] += random.normal(0, 3, 2)
    out = cv2.warpAffine(chip, move, chip.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return out[:, ::-1] if random.random() < 0.5 else out


def _cropped(chip: Bytes, random: np.random.Generator) -> Bytes:
    """With black where the picture that it was cut from may have ended."""
    if random.random() > 0.35:
        return np.ascontiguousarray(chip)
    side, middle = len(chip), (len(chip) - 1) / 2
    there = np.ones((side, side), np.uint8)
    for _ in range(random.integers(1, 4)):
        there = np.rot90(there, random.integers(4)).copy()
        there[: int(random.uniform(0, 0.25) * side)] = 0
    turn = cv2.getRotationMatrix2D((middle, middle), random.normal(0, 8), 1)
    return chip * cv2.warpAffine(there, turn, (side, side))[..., None]


def trunk_session() -> OnnxSession:
    data = (NETWORKS / "trunk.onnx").read_bytes()
    return OnnxSession(data, "trunk.onnx", load_settings().runtime)


def maps_of(trunk: OnnxSession, chips: Bytes) -> NDArray[np.float32]:
    parts = [trunk.run(np.asarray(chips[i : i + 8]))[0] for i in range(0, len(chips), 8)]
    return np.concatenate(parts)


def sources(shared: Path, work: Path) -> dict[str, sets.Chips]:
    """The faces to make pictures of: those that the detector saw.

    UTKFace's fifth for tests is left out, though what is told of it here is something else.
    """
    fer = sets.fer2013(shared, work, "train")
    part = np.array([sets.share_of(name, _FER_PARTS) == 0 for name in fer.names])
    utk = sets.utkface(shared, work)
    test = np.array([in_test(name) for name in utk.names])
    return {"utkface": utk.select(utk.found & ~test), "fer2013": fer.select(part & fer.found)}


def make(data_set: str, faces: sets.Chips, trunk: OnnxSession) -> Made:
    """Several pictures of each face, through the trunk. Doubtful faces are left out."""
    random = np.random.default_rng(_SEED)
    chips = faces.chips if faces.chips.ndim == 4 else np.repeat(faces.chips[..., None], 3, axis=3)
    told = labels_of(data_set, faces.names)
    tasks, held = [], []
    for i, points in enumerate(landmarks(chips)):
        if told[i] < 0:
            continue
        count = _PICTURES[data_set][told[i]]
        seeds = random.integers(2**31, size=count)
        tasks += [(i, points, told[i] > 0, _DRAWN[data_set], int(seed)) for seed in seeds]
        held += [sets.share_of(faces.names[i], HELD_PARTS) == 0] * count
    maps, labels = [], []
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for start in range(0, len(tasks), 512):
            part = [(chips[i], *rest) for i, *rest in tasks[start : start + 512]]
            pictures, worn = zip(*pool.map(made_picture, part, chunksize=32), strict=True)
            maps.append(maps_of(trunk, np.stack(pictures)).astype(np.float16))
            labels += worn
    return Made(
        torch.from_numpy(np.concatenate(maps)),
        torch.tensor(labels, dtype=torch.float32),
        np.array(held),
    )


def joined(parts: list[Made]) -> Made:
    maps, labels, held = zip(*parts, strict=True)
    return Made(torch.cat(maps), torch.cat(labels), np.concatenate(held))


def report(shared: Path, work: Path, trunk: OnnxSession, log: Log) -> None:
    """The figures on pictures that nothing was trained on."""
    runtime = load_settings().runtime
    data = (NETWORKS / "coverings.onnx").read_bytes()
    coverings = Coverings(OnnxSession(data, "coverings.onnx", runtime))
    worn = json.loads(_LFW_LABELS.read_text())
    lfw = {"archive": shared / "data/lfw-grey.tar", "wanted": worn}
    masks = _file_names(shared / "data/mask.tar")
    masked = {"archive": shared / "data/mask.tar", "wanted": {n: n[:5] == "with_" for n in masks}}
    for kind, test in zip(KINDS, (lfw, masked), strict=True):
        chips, true = _aligned(work / f"coverings-{kind}", **test)
        told = coverings.told(maps_of(trunk, chips))[KINDS.index(kind)]
        scores = balanced(told >= 0.5, true)
        sure = np.maximum(told, 1 - told) >= 0.75
        scores["sure"] = float(sure.mean())
        scores["right_where_sure"] = float(((told >= 0.5) == true)[sure].mean())
        log.write(
            test=kind,
            faces=len(true),
            worn=int(true.sum()),
            **scores,
            ece=calibration_error(told, true),
        )


def _file_names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return [Path(name).name for name in tar.getnames() if name.endswith(".jpg")]


def _aligned(
    folder: Path, archive: Path, wanted: dict[str, int]
) -> tuple[Bytes, NDArray[np.bool_]]:
    def label(path: Path) -> list[int] | None:
        return [int(wanted[path.name])] if path.name in wanted else None

    made = sets._made(folder, archive, label, grey=False)
    return np.asarray(made.chips), made.labels.astype(bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("VULTUS_SHARED", "../shared"))
    log = Log(work / "coverings.jsonl")
    trunk = trunk_session()
    faces = sources(shared, work)
    made = joined([make(name, chips, trunk) for name, chips in faces.items()])
    head = fit(made, _SEED, log)
    slope = slopes(head, made)
    data = export(head, KINDS, slope, np.zeros(len(KINDS)))
    (NETWORKS / "coverings.onnx").write_bytes(data)
    write_digests(CARD, NETWORKS, ("coverings.onnx",))
    log.write(pictures=len(made.held), slopes=slope.tolist(), kilobytes=len(data) / 1e3)
    report(shared, work, trunk, log)


if __name__ == "__main__":
    main()
