"""How good the picture of a face is, and what is wrong with it in plain words.

Measured on the aligned chip, so that a face is judged and not its background, and on the five
landmarks. The pose is an estimate from five points: good enough to tell a turned face from a
frontal one, not an angle to report to a decimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.faces.types import Quality

if TYPE_CHECKING:
    from vultus.faces.types import Faces

Floats = NDArray[np.float32]

# Below these a face is poor; each has its own words.
POOR_FACE_PX = 40
POOR_SHARPNESS = 0.25
DARK, BRIGHT = 45, 215
POOR_CONTRAST = 18
POOR_YAW_DEG, POOR_PITCH_DEG = 40, 35
POOR_DETECTION = 0.8

# The chip's middle, where the face is and the background is not.
_INNER = slice(25, 125)
# A Laplacian's mean strength, in parts of the contrast, at which a chip counts as fully sharp:
# most good colour photos reach it; the upscaled crops of lfw-grey have a median of 0.41 of it.
_CRISP = 0.30
# In a level face the nose tip lies so far down from the eyes to the mouth (median over lfw-grey);
# turned by 90 degrees it would move by so much of the face's span.
_LEVEL_NOSE = 0.54
_NOSE_DEPTH = 0.55


def measure_quality(faces: Faces, chips: NDArray[np.uint8]) -> Quality:
    """Quality of all faces from their landmarks and aligned chips, uint8 (n, 150, 150, 3)."""
    yaw, pitch, roll = estimate_pose(faces.landmarks)
    sharpness, brightness, contrast = _measure_chips(chips)
    width = faces.boxes[:, 2].astype(np.float32)
    score = (
        _quality_of_view(faces, yaw, pitch)
        * (0.3 + 0.7 * _ramp(sharpness, 0.05, 0.5))
        * _ramp(contrast, 5, 35)
        * np.minimum(_ramp(brightness, 15, 70), 1 - _ramp(brightness, 195, 250))
    )
    columns = (width, sharpness, brightness, contrast, yaw, pitch, roll, score)
    return Quality(*(column.astype(np.float32) for column in columns))


def quality_ceiling(faces: Faces) -> Floats:
    """The score that each face has at most, (n,): known without aligning it."""
    yaw, pitch, _ = estimate_pose(faces.landmarks)
    return _quality_of_view(faces, yaw, pitch)


def _quality_of_view(faces: Faces, yaw: Floats, pitch: Floats) -> Floats:
    """The part of the score that box, landmarks and detector tell."""
    part: Floats = (
        _ramp(faces.boxes[:, 2], 16, 90)
        * (1 - 0.8 * _ramp(np.abs(yaw), 15, 70))
        * (1 - 0.6 * _ramp(np.abs(pitch), 15, 60))
        * _ramp(faces.scores, 0.3, 0.95)
    )
    return part


def estimate_pose(landmarks: Floats) -> tuple[Floats, Floats, Floats]:
    """Yaw, pitch and roll in degrees, each (n,), from five landmarks (n, 5, 2)."""
    left, right, nose = landmarks[:, 0], landmarks[:, 1], landmarks[:, 2]
    mouth = landmarks[:, 3:5].mean(axis=1)
    eyes = (left + right) / 2
    across = right - left
    roll = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    # axes of the face in the image: along the eyes, and from the eyes to the mouth
    down = mouth - eyes
    width = np.maximum(np.linalg.norm(across, axis=1), 1e-6)
    height = np.maximum(np.linalg.norm(down, axis=1), 1e-6)
    span = np.maximum(width, height)
    along = across / width[:, None]
    offset = nose - eyes
    sideways = np.sum(offset * along, axis=1) - np.sum(down * along, axis=1) * _LEVEL_NOSE
    yaw = np.degrees(np.arcsin(np.clip(sideways / span / _NOSE_DEPTH, -1, 1)))
    level = np.sum(offset * down, axis=1) / height**2
    pitch = np.degrees(np.arcsin(np.clip((_LEVEL_NOSE - level) / _NOSE_DEPTH, -1, 1)))
    return yaw.astype(np.float32), pitch.astype(np.float32), roll.astype(np.float32)


def _measure_chips(chips: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    measured = np.zeros((len(chips), 3), np.float32)
    for row, chip in zip(measured, chips, strict=True):
        grey = cv2.cvtColor(chip[_INNER, _INNER], cv2.COLOR_RGB2GRAY)
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
        edges = float(np.abs(cv2.Laplacian(grey, cv2.CV_16S)).mean())
        row[:] = min(1.0, edges / max(deviation, 4.0) / _CRISP), mean, deviation
    return measured[:, 0], measured[:, 1], measured[:, 2]


def _ramp(values: Floats, low: float, high: float) -> Floats:
    """0 at `low` and below, 1 at `high` and above, straight in between."""
    ramp: Floats = np.clip((values - low) / (high - low), 0, 1)
    return ramp


def poor_reasons(quality: dict[str, float], detector_score: float) -> list[str]:
    """What is wrong with a face's picture, in plain words; empty when nothing is."""
    checks = [
        (
            quality["face_px"] < POOR_FACE_PX,
            f"the face is {quality['face_px']:.0f} pixels wide, {POOR_FACE_PX} or more are needed",
        ),
        (quality["sharpness"] < POOR_SHARPNESS, "the face is blurred"),
        (quality["brightness"] < DARK, "the face is too dark"),
        (quality["brightness"] > BRIGHT, "the face is too bright"),
        (quality["contrast"] < POOR_CONTRAST, "the face has too little contrast"),
        (abs(quality["yaw_deg"]) > POOR_YAW_DEG, "the face is turned to the side"),
        (abs(quality["pitch_deg"]) > POOR_PITCH_DEG, "the face looks up or down"),
        (detector_score < POOR_DETECTION, "it may not be a face"),
    ]
    return [words for poor, words in checks if poor]
