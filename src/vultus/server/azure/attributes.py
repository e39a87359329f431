"""Attributes of faces in Azure's terms: those that can be answered, and never an invented value.

Yaw, pitch and roll have Azure's signs as they are; its published answers that come with landmarks
show it: yaw is positive where the nose lies to the right in the image, pitch negative where the
face looks down, roll positive where it is tilted clockwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from vultus.faces.noise import measure_noise
from vultus.faces.types import Faces
from vultus.imaging.load import Image
from vultus.server.azure.problems import bad_argument

KNOWN: tuple[str, ...] = (
    "age",
    "gender",
    "headPose",
    "smile",
    "facialHair",
    "glasses",
    "emotion",
    "hair",
    "makeup",
    "occlusion",
    "accessories",
    "blur",
    "exposure",
    "noise",
    "mask",
    "qualityForRecognition",
)

# Bounds of the levels: the first value of each but the lowest. Microsoft's, but for the quality.
_BLUR = ((0.75, "high"), (0.25, "medium"), (0.0, "low"))
_EXPOSURE = ((0.75, "overExposure"), (0.25, "goodExposure"), (0.0, "underExposure"))
_NOISE = ((0.7, "high"), (0.3, "medium"), (0.0, "low"))
# Of 878 photos of lfw-grey, most of them made small, blurred or dark, so many matched another
# photo of the person: 94 % of those with `high`, 82 % with `medium`; of blurred ones 90 % with
# `high`, 77 % with `medium` and 42 % with `low`.
_QUALITY = ((0.65, "high"), (0.3, "medium"), (0.0, "low"))
# Noise of this deviation counts as 1. Noise that counts as 0.3 moved the embeddings of 16 photos
# by 0.1 (median), as 0.7 by 0.25; the threshold is 0.53.
_MOST_NOISE = 40.0
_BY_NAME = {name.lower(): name for name in KNOWN}


@dataclass(frozen=True)
class _Look:
    """What attributes of one face are told from. quality: by name, see `faces.types.Quality`."""

    quality: dict[str, float]
    noise: float  # standard deviation in grey levels


_Value: TypeAlias = dict[str, object] | str


def _head_pose(look: _Look) -> _Value:
    angles = {name: round(look.quality[f"{name}_deg"], 1) for name in ("pitch", "roll", "yaw")}
    return {name: angle + 0.0 for name, angle in angles.items()}  # no minus before a zero


def _blur(look: _Look) -> _Value:
    return _graded("blurLevel", 1 - look.quality["sharpness"], _BLUR)


def _exposure(look: _Look) -> _Value:
    return _graded("exposureLevel", look.quality["brightness"] / 255, _EXPOSURE)


def _noise(look: _Look) -> _Value:
    return _graded("noiseLevel", look.noise / _MOST_NOISE, _NOISE)


def _quality(look: _Look) -> _Value:
    return _level(look.quality["score"], _QUALITY)


_MAKERS: dict[str, Callable[[_Look], _Value]] = {
    "headPose": _head_pose,
    "blur": _blur,
    "exposure": _exposure,
    "noise": _noise,
    "qualityForRecognition": _quality,
}
ANSWERED: tuple[str, ...] = tuple(name for name in KNOWN if name in _MAKERS)


def named_attributes(text: str) -> tuple[str, ...]:
    """The attributes of a list with commas, in Azure's spelling; they may come in any case.

    Raises:
        AzureError: BadArgument where Azure has no such attribute.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name.lower() not in _BY_NAME]
    if unknown:
        raise bad_argument(f"'returnFaceAttributes' knows only: {', '.join(KNOWN)}.")
    return tuple(dict.fromkeys(_BY_NAME[name.lower()] for name in asked))


def needs_quality(names: tuple[str, ...]) -> bool:
    """Whether any of these attributes is told from the quality of faces."""
    return any(name in _MAKERS for name in names)


def attributes_of(names: tuple[str, ...], image: Image, faces: Faces) -> list[dict[str, object]]:
    """Of each face those of the attributes that can be answered; the others are left out.

    `faces` were found in `image`, with their quality where `needs_quality`.
    """
    makers = {name: _MAKERS[name] for name in names if name in _MAKERS}
    noise = np.zeros(len(faces), np.float32)
    if "noise" in makers:
        noise = measure_noise(image, faces.boxes)
    looks = [
        _Look(face.quality or {}, float(level)) for face, level in zip(faces, noise, strict=True)
    ]
    return [{name: maker(look) for name, maker in makers.items()} for look in looks]


def _graded(name: str, value: float, bounds: tuple[tuple[float, str], ...]) -> _Value:
    value = round(min(max(value, 0.0), 1.0), 2)
    return {name: _level(value, bounds), "value": value}


def _level(value: float, bounds: tuple[tuple[float, str], ...]) -> str:
    return next((name for bound, name in bounds if value >= bound), bounds[-1][1])
