"""What a camera is worth for recognition: measured for a while, told in plain words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vultus.faces.analyzer import Analyzer
from vultus.faces.quality import POOR_FACE_PX
from vultus.faces.types import Faces, Quality
from vultus.settings import VideoSettings
from vultus.video.budget import Sampler
from vultus.video.frame import Frame
from vultus.video.health import FrameHealth
from vultus.video.observer import detect_faces
from vultus.video.sources.live import LiveReader
from vultus.video.sources.source import Source

# Edges of the histograms, in the units of `Quality`.
BINS: dict[str, tuple[float, ...]] = {
    "face_px": (0, 20, 30, 40, 60, 90, 150, 10_000),
    "sharpness": (0, 0.12, 0.25, 0.4, 0.6, 1.01),
    "yaw_deg": (0, 15, 30, 45, 60, 91),
    "pitch_deg": (0, 15, 30, 45, 91),
    "brightness": (0, 45, 80, 120, 170, 215, 256),
}
_GOOD_FACE_PX = 60
_TURNED_DEG = 40
_BLURRED = 0.2
_DARK, _BRIGHT = 45.0, 215.0
_MANY_DROPPED = 0.02
_BUSY = 0.9


@dataclass
class Examination:
    """What was measured. `histograms`: counts for the bins of `BINS`; share: of one processor
    core that analysing at the asked rate takes; verdict: sentences, the most important first."""

    source: str
    seconds: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    frames: int = 0
    fps: float = 0.0
    examined: int = 0
    faces: int = 0
    frames_with_faces: int = 0
    dropped: int = 0
    damaged: int = 0
    reconnects: int = 0
    bad_frames: dict[str, int] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, list[int]] = field(default_factory=dict)
    analysis_ms: float = 0.0
    share: float = 0.0
    verdict: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "bins": {name: list(edges) for name, edges in BINS.items()},
        }


class Doctor:
    """Examines a source for some time.

    Args:
        seconds: of the video, and of the clock for a live one.
    """

    def __init__(self, analyzer: Analyzer, settings: VideoSettings, seconds: float) -> None:
        self._analyzer = analyzer
        self._settings = settings
        self._seconds = seconds
        self._qualities: list[Quality] = []
        self._spent = 0.0

    def examine(self, source: Source) -> Examination:
        """Measure until the time is over or the source ends."""
        found = Examination(source.info.name)
        sampler = Sampler(self._settings.detect_fps)
        health = FrameHealth(self._settings, live=source.info.live)
        self._analyzer.warm_up(embed=False)
        began = time.monotonic()
        media = (0.0, 0.0)
        for frame in source.frames():
            elapsed = time.monotonic() - began
            if elapsed > self._seconds and source.info.live:
                break
            if frame is None:
                continue
            moment = float(frame.media_time)
            first = media[0] if found.frames else moment
            if moment - first > self._seconds:
                break
            media = (first, moment)
            found.frames, found.size_wh = found.frames + 1, frame.size_wh
            if sampler.is_due(frame.media_time):
                self._look(frame, health, found)
        found.seconds = media[1] - media[0]
        self._sum_up(source, health, found)
        return found

    def _look(self, frame: Frame, health: FrameHealth, found: Examination) -> None:
        began = time.process_time()
        small = frame.small(self._settings.detect_side_px)
        if health.check(frame, small) is not None:
            return
        faces: Faces = detect_faces(self._analyzer, frame, small)
        if len(faces):
            faces = self._analyzer.describe(frame.image, faces, embed=False)
            found.frames_with_faces += 1
        if faces.quality is not None:
            self._qualities.append(faces.quality)
        found.faces += len(faces)
        found.examined += 1
        self._spent += time.process_time() - began

    def _sum_up(self, source: Source, health: FrameHealth, found: Examination) -> None:
        found.damaged = source.damaged
        found.bad_frames = health.counts
        if isinstance(source, LiveReader):
            state = source.state
            found.frames, found.dropped = state.decoded, state.dropped
            found.reconnects = state.reconnects
        found.fps = (found.frames - 1) / found.seconds if found.seconds > 0 else 0.0
        if found.examined:
            found.analysis_ms = 1000 * self._spent / found.examined
        found.share = found.analysis_ms / 1000 * self._settings.detect_fps
        for name, edges in BINS.items():
            values = self._column(name)
            found.histograms[name] = [int(n) for n in np.histogram(values, edges)[0]]
            if len(values):
                found.medians[name] = round(float(np.median(values)), 3)
        found.verdict = judge(found)

    def _column(self, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        parts = [np.abs(getattr(quality, name)) for quality in self._qualities]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def judge(found: Examination) -> list[str]:
    """What to think of the camera and what to do, in sentences."""
    verdict = [*_of_the_stream(found)]
    if not found.examined:
        return [*verdict, "Not one good frame came: check the camera and its cable."]
    if not found.faces:
        return [
            *verdict,
            "No face was seen: let somebody walk past, as people do here, and run it again.",
        ]
    poor = [*_of_the_faces(found.medians)]
    return [*poor, *verdict] or ["Good: faces here are large, sharp and turned to the camera."]


def _of_the_faces(medians: dict[str, float]) -> Sequence[str]:
    width = medians["face_px"]
    remedy = "move closer, zoom in, or use the camera's main stream"
    checks = (
        (
            width < POOR_FACE_PX,
            f"Faces here are {width:.0f} pixels wide: nobody can be identified; {remedy}.",
        ),
        (
            POOR_FACE_PX <= width < _GOOD_FACE_PX,
            f"Faces here are {width:.0f} pixels wide: recognition works at times; {remedy}.",
        ),
        (
            medians["sharpness"] < _BLURRED,
            "Faces are blurred: more light or a shorter exposure, and check the focus.",
        ),
        (
            medians["yaw_deg"] > _TURNED_DEG,
            "Faces are turned to the side: place the camera where people look when they come.",
        ),
        (
            medians["pitch_deg"] > _TURNED_DEG,
            "Faces are seen from above or below: hang the camera nearer to the height of eyes.",
        ),
        (medians["brightness"] < _DARK, "Faces are too dark: add light from the front."),
        (medians["brightness"] > _BRIGHT, "Faces are too bright: lower the exposure."),
    )
    return [sentence for applies, sentence in checks if applies]


def _of_the_stream(found: Examination) -> Sequence[str]:
    bad = Counter(found.bad_frames)
    checks = (
        (
            found.reconnects > 0,
            f"The connection broke {found.reconnects} times: check network and camera.",
        ),
        (
            bad["smeared"] + found.damaged > _MANY_DROPPED * max(found.frames, 1),
            f"{bad['smeared']} of {found.examined + sum(bad.values())} frames were smeared and "
            f"{found.damaged} packets lost: use TCP, a cable, or a lower bit rate.",
        ),
        (bad["frozen"] > 0, "The picture froze at times: restart the camera."),
        (bad["grey"] > 0, f"{bad['grey']} frames were one flat colour: check the lens."),
        (
            found.share > _BUSY,
            f"Searching takes {found.share:.0%} of a core: lower video.detect_fps or "
            "video.detect_side_px, or watch a smaller stream.",
        ),
    )
    return [sentence for applies, sentence in checks if applies]
