from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from tests.fakes import COLOURS, fake_analyzer
from tests.shared import shared
from tests.video.builders import faces_picture, frame_of
from vultus.settings import Settings, VideoSettings
from vultus.video.doctor import BINS, Doctor, Examination, judge
from vultus.video.frame import Frame
from vultus.video.sources.opening import open_source
from vultus.video.sources.source import SourceInfo

GOOD = {"face_px": 90.0, "sharpness": 0.7, "yaw_deg": 8.0, "pitch_deg": 6.0, "brightness": 120.0}
FINE = "Good: faces here are large, sharp and turned to the camera."


def examination(medians: dict[str, float] | None = None, **more: object) -> Examination:
    fields = {"examined": 100, "faces": 80, "frames": 500, "share": 0.2, **more}
    return Examination("cam", medians={**GOOD, **(medians or {})}, **fields)


def test_a_good_camera():
    assert judge(examination()) == [FINE]


def test_faces_of_29_pixels():
    assert judge(examination({"face_px": 29.2})) == [
        "Faces here are 29 pixels wide: nobody can be identified; move closer, zoom in, or use "
        "the camera's main stream."
    ]


@pytest.mark.parametrize(
    ("medians", "words"),
    [
        ({"face_px": 39.4}, "39 pixels wide: nobody can be identified"),
        ({"face_px": 40.0}, "40 pixels wide: recognition works at times"),
        ({"face_px": 59.0}, "59 pixels wide: recognition works at times"),
        ({"sharpness": 0.19}, "blurred"),
        ({"yaw_deg": 41.0}, "turned to the side"),
        ({"pitch_deg": 41.0}, "from above or below"),
        ({"brightness": 44.0}, "too dark"),
        ({"brightness": 216.0}, "too bright"),
    ],
)
def test_what_is_wrong_with_the_faces(medians, words):
    (sentence,) = judge(examination(medians))
    assert words in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"reconnects": 3}, "broke 3 times"),
        ({"damaged": 30}, "30 packets lost"),
        ({"bad_frames": {"smeared": 20}}, "20 of 120 frames were smeared"),
        ({"bad_frames": {"frozen": 1}}, "froze"),
        ({"bad_frames": {"grey": 4}}, "4 frames were one flat colour"),
        ({"share": 1.3}, "130% of a core"),
    ],
)
def test_what_is_wrong_with_the_stream(found, words):
    (sentence,) = judge(examination(**found))
    assert words in sentence


def test_a_few_lost_packets_are_nothing():
    assert judge(examination(damaged=2)) == [FINE]


def test_the_most_important_comes_first():
    sentences = judge(examination({"face_px": 20.0, "brightness": 20.0}, reconnects=1))
    assert [
        words in line for words, line in zip(("20 pix", "dark", "broke"), sentences, strict=True)
    ]


def test_a_camera_without_one_good_frame():
    (grey, sentence) = judge(examination(examined=0, faces=0, bad_frames={"grey": 9}))
    assert "one flat colour" in grey
    assert "Not one good frame" in sentence


def test_nobody_came():
    (sentence,) = judge(examination(faces=0))
    assert "No face was seen" in sentence


class FakeSource:
    """Pictures, ten a second."""

    def __init__(self, pictures: list[np.ndarray | None], *, live: bool = False) -> None:
        self.info = SourceInfo("fake", live, (640, 240))
        self.pictures, self.damaged = pictures, 0

    def frames(self) -> Iterator[Frame | None]:
        for index, picture in enumerate(self.pictures):
            yield picture if picture is None else frame_of(picture, Fraction(index, 10), index)

    def close(self) -> None: ...


def moving(side: int, count: int) -> list[np.ndarray]:
    red, green = COLOURS["ada"], COLOURS["bob"]
    return [
        faces_picture((red, 40 + k % 9, 40, side), (green, 400, 40, side)) for k in range(count)
    ]


def examine(pictures, seconds: float = 60, *, live: bool = False, **video: object) -> Examination:
    settings = VideoSettings(detect_fps=5, **video)
    return Doctor(fake_analyzer(), settings, seconds).examine(FakeSource(pictures, live=live))


def test_faces_are_measured():
    found = examine(moving(80, 50))
    assert (found.frames, found.examined, found.faces) == (50, 25, 50)
    assert (found.frames_with_faces, found.size_wh) == (25, (640, 240))
    assert found.seconds == pytest.approx(4.9)
    assert found.fps == pytest.approx(10)
    assert found.medians["face_px"] == pytest.approx(80, abs=1)
    assert sum(found.histograms["face_px"]) == 50
    assert found.histograms["face_px"][BINS["face_px"].index(60)] == 50
    assert found.analysis_ms > 0
    assert found.share == pytest.approx(found.analysis_ms / 1000 * 5)


def test_small_faces_are_told():
    found = examine(moving(29, 30))
    assert found.verdict[0].startswith("Faces here are 29 pixels wide: nobody can be identified")


def test_it_ends_with_the_time_of_the_video():
    assert examine(moving(80, 100), seconds=2).seconds == pytest.approx(2)


def test_times_without_a_frame_are_passed_over():
    assert examine([None, *moving(80, 20), None, None]).frames == 20


def test_pictures_without_a_face():
    found = examine([np.full((240, 640, 3), 90, np.uint8) * 0 + k for k in range(1, 4)])
    assert found.faces == 0
    assert found.medians == {}
    assert all(sum(counts) == 0 for counts in found.histograms.values())


def test_a_source_that_gives_nothing():
    found = examine([])
    assert (found.frames, found.fps, found.seconds, found.share) == (0, 0, 0, 0)
    assert "Not one good frame" in found.verdict[-1]


def test_every_measure_has_bins_that_hold_all_of_it():
    found = examine(moving(80, 20))
    for name, edges in BINS.items():
        assert list(edges) == sorted(edges)
        assert len(found.histograms[name]) == len(edges) - 1
        assert sum(found.histograms[name]) == found.faces


def test_what_was_found_goes_into_json():
    record = json.loads(json.dumps(examine(moving(80, 20)).to_dict()))
    assert record["source"] == "fake"
    assert set(record["bins"]) == set(record["histograms"]) == set(BINS)
    assert record["verdict"]


def test_a_real_street(analyzer):
    """Two thirds of a second; by eye the faces in front are 55 to 100 pixels wide."""
    source = open_source(str(shared("videos/street_1080p.mp4")), Settings())
    found = Doctor(analyzer, VideoSettings(), 0.65).examine(source)
    source.close()
    assert found.size_wh == (1920, 1080)
    assert found.fps == pytest.approx(25)
    assert found.faces >= 4 * found.examined
    assert 35 < found.medians["face_px"] < 80
    assert found.damaged == 0
