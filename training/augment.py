"""Chips as they might have been: moved, turned, mirrored, lit, tinted, blurred, covered."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.attributes import CROP

Bytes = NDArray[np.uint8]

SIDE = CROP[2] - CROP[0]
_CENTRE = ((CROP[0] + CROP[2] - 1) / 2, (CROP[1] + CROP[3] - 1) / 2)


def plain(chips: Bytes) -> Bytes:
    """The network's crop of chips (n, 150, 150[, 3]), with three channels."""
    cut = np.asarray(chips[:, CROP[1] : CROP[3], CROP[0] : CROP[2]])
    return cut if cut.ndim == 4 else np.repeat(cut[..., None], 3, axis=3)


def varied(chips: Bytes, random: np.random.Generator, *, strength: float = 1.0) -> Bytes:
    """As `plain`, each chip changed at random."""
    return np.stack([_varied(np.asarray(chip), random, strength) for chip in chips])


def varied_grey(chips: Bytes, random: np.random.Generator) -> Bytes:
    """Grey chips (n, 150, 150) as `varied`, but less blurred, lit more widely and without tint."""
    return np.stack([_varied_grey(np.asarray(chip), random) for chip in chips])


def _varied_grey(chip: Bytes, random: np.random.Generator) -> Bytes:
    out = _moved(chip, random, 1.1).astype(np.float32)
    if random.random() < 0.12:
        out = cv2.GaussianBlur(out, (0, 0), random.uniform(0.5, 1.8))
    mean = out.mean()
    out = (out - mean) * random.uniform(0.6, 1.4) + mean + random.uniform(-30, 30)
    if random.random() < 0.1:
        out += random.normal(0, random.uniform(2, 8), (SIDE, SIDE)).astype(np.float32)
    grey = np.clip(out, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        _cover(grey, random)
    return np.repeat(grey[..., None], 3, axis=2)


def _varied(chip: Bytes, random: np.random.Generator, strength: float) -> Bytes:
    out = _moved(chip, random, strength).astype(np.float32)
    if random.random() < 0.25:
        out = cv2.GaussianBlur(out, (0, 0), random.uniform(0.5, 2.0))
    grey = out.ndim == 2
    if grey:
        out = np.repeat(out[..., None], 3, axis=2)
    elif random.random() < 0.25:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2)
    mean = out.mean()
    out = (out - mean) * random.uniform(0.65, 1.4) + mean + random.uniform(-30, 30)
    if random.random() < 0.5:  # the tint of skin on a grey one, of the light on others
        out *= _tint(random, of_skin=grey)
    if random.random() < 0.2:
        out += random.normal(0, random.uniform(2, 8), (SIDE, SIDE, 1)).astype(np.float32)
    out = np.clip(out, 0, 255).astype(np.uint8)
    if random.random() < 0.25 * strength:
        _cover(out, random)
    return out


def _moved(chip: Bytes, random: np.random.Generator, strength: float) -> Bytes:
    angle = random.normal(0, 6 * strength)
    scale = np.exp(random.normal(0, 0.07 * strength))
    transform = cv2.getRotationMatrix2D(_CENTRE, angle, scale)
    transform[0] *= random.choice((-1, 1)) * np.exp(random.normal(0, 0.03 * strength))
    centre = transform @ (*_CENTRE, 1)
    transform[:, 2] += (SIDE - 1) / 2 - centre + random.normal(0, 3 * strength, 2)
    return cv2.warpAffine(
        chip, transform, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _tint(random: np.random.Generator, *, of_skin: bool) -> NDArray[np.float32]:
    spread = random.normal(0, 0.06, 3)
    if of_skin:
        spread += np.array([0.12, -0.05, -0.14]) * random.uniform(0, 1.5)
    return np.exp(spread).astype(np.float32)


def _cover(chip: Bytes, random: np.random.Generator) -> None:
    height, width = random.integers(10, 45, 2)
    top, left = random.integers(0, SIDE - height), random.integers(0, SIDE - width)
    shade = random.integers(0, 256, chip.shape[2:])
    chip[top : top + height, left : left + width] = shade
