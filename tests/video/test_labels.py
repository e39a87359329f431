"""Names are drawn on the faces that they belong to, also where the shot changes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.video.clips import write_clip
from tests.video.scenes import SIZE_WH, Part, scene
from vultus.settings import VideoSettings
from vultus.video.watching import watch


class Looking:
    """Keeps what every frame was shown with."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def show(self, frame, labels) -> bool:
        self.seen.append([label.text.split(" ")[0] for label in labels])
        return True

    def close(self) -> None:
        """Nothing to release."""


def test_no_box_outlives_its_shot(family, tmp_path):
    cut = 31  # between two analysed frames: those are 30 and 35
    dark = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8) + np.uint8(20)
    dark[::3] = 60
    frames = [scene(i / 20, [Part("ada")], number=i) if i < cut else dark for i in range(50)]
    clip = write_clip(tmp_path / "c.mp4", frames, rate=Fraction(20), size_wh=SIZE_WH)
    looking = Looking()
    video = VideoSettings(analysis_fps=4)
    list(watch(clip, group="family", gallery=family, video=video, onlookers=[looking]))
    assert looking.seen[cut - 1] == ["ada"]
    assert looking.seen[cut:] == [[]] * (50 - cut)
