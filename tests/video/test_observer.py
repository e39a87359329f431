"""From frames to moments, with faces that are coloured squares; see `tests.fakes`."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.fakes import COLOURS, ColourEmbedder, SquareDetector, SquarePredictor
from tests.video.builders import faces_picture, frame_of
from vultus.faces.analyzer import Analyzer
from vultus.settings import Settings, VideoSettings
from vultus.video.moment import Moment
from vultus.video.observer import Observer
from vultus.video.zones import Zones

RED, GREEN, BLUE = COLOURS["ada"], COLOURS["bob"], COLOURS["cyd"]


class Watched(SquareDetector):
    """Tells how often it searched and followed, and in what size of picture."""

    def __init__(self) -> None:
        self.searched: list[tuple[int, int]] = []
        self.followed: list[np.ndarray] = []
        self._following = False

    def detect(self, image, search):
        if not self._following:
            self.searched.append((image.shape[1], image.shape[0]))
        return super().detect(image, search)

    def follow(self, image, boxes, score):
        self.followed.append(boxes)
        self._following = True
        found = super().follow(image, boxes, score)
        self._following = False
        return found


class Counting(ColourEmbedder):
    def __init__(self) -> None:
        self.faces = 0

    def embed(self, chips):
        self.faces += len(chips)
        return super().embed(chips)


class Setup:
    """An observer with its parts; `sure` are the tracks that are named already."""

    def __init__(self, zones: Zones | None = None, **video: object) -> None:
        self.detector, self.embedder, self.sure = Watched(), Counting(), set()
        analyzer = Analyzer(
            Settings(), mirror=False, detector=self.detector, embedder=self.embedder
        )
        analyzer.predictor = SquarePredictor()
        self.settings = VideoSettings(**video)
        self.observer = Observer(
            analyzer, self.settings, zones or Zones(), lambda number: number in self.sure
        )

    def see(self, image: np.ndarray, seconds: float) -> Moment:
        frame = frame_of(image, seconds)
        return self.observer.observe(frame, frame.small(self.settings.detect_side_px))


ONE = faces_picture((RED, 300, 60, 80))


def looks(moments: list[Moment], track: int = 1) -> list[float]:
    """When a track was worth a look."""
    return [
        float(moment.media_time)
        for moment in moments
        for sighting in moment.sightings
        if sighting.track == track and sighting.look is not None
    ]


def test_a_moment_of_an_empty_frame():
    moment = Setup().see(np.zeros((240, 640, 3), np.uint8), 1.5)
    assert moment.sightings == ()
    assert (moment.index, float(moment.media_time), moment.size_wh) == (15, 1.5, (640, 240))


def test_everybody_in_a_frame_is_seen_and_described():
    moment = Setup().see(faces_picture((RED, 60, 60, 80), (GREEN, 300, 60, 80)), 0)
    assert [sighting.track for sighting in moment.sightings] == [1, 2]
    for sighting, left in zip(moment.sightings, (60, 300), strict=True):
        assert sighting.box == pytest.approx((left, 60, 80, 80), abs=2)
        assert sighting.poor is None
        assert 0 < sighting.quality <= 1
        assert sighting.look.embedding.shape == (128,)
        assert sighting.look.face_px == pytest.approx(80, abs=2)
    red, green = (sighting.look.embedding for sighting in moment.sightings)
    assert red[0] > red[1]
    assert green[1] > green[0]


def test_boxes_are_pixels_of_the_full_frame():
    setup = Setup(detect_side_px=320)
    large = faces_picture((RED, 700, 200, 160), size_wh=(1280, 480))
    moment = setup.see(large, 0)
    assert setup.detector.searched == [(320, 120)]
    assert moment.sightings[0].box == pytest.approx((700, 200, 160, 160), abs=6)


def test_faces_are_cut_from_the_full_frame_of_the_same_moment():
    """The small copy has the same faces in grey."""
    setup = Setup(detect_side_px=320)
    frame = frame_of(faces_picture((RED, 700, 200, 160), size_wh=(1280, 480)))
    small = faces_picture(((99, 99, 99), 175, 50, 40), size_wh=(320, 120))
    (sighting,) = setup.observer.observe(frame, small).sightings
    assert sighting.look.embedding[0] > 2 * sighting.look.embedding[1]
    assert sighting.look.face_px == pytest.approx(160, abs=6)


def test_the_whole_frame_is_searched_now_and_then_and_faces_followed_in_between():
    setup = Setup(detect_fps=5)
    moments = [setup.see(ONE, k / 10) for k in range(10)]
    assert (len(setup.detector.searched), len(setup.detector.followed)) == (5, 5)
    assert {sighting.track for moment in moments for sighting in moment.sightings} == {1}
    assert np.allclose(setup.detector.followed[-1], [[300, 60, 380, 140]], atol=3)


def test_where_nobody_is_nothing_is_followed():
    setup = Setup(detect_fps=5)
    empty = np.zeros((240, 640, 3), np.uint8)
    for k in range(4):
        setup.see(empty, k / 10)
    assert [len(boxes) for boxes in setup.detector.followed] == [0, 0]


def test_looks_at_one_face_come_at_most_every_fifth_of_a_second():
    setup = Setup()
    times = looks([setup.see(ONE, k / 10) for k in range(8)])
    assert times == pytest.approx([0, 0.2, 0.4, 0.6])


def test_an_unknown_face_is_looked_at_ever_more_rarely():
    setup = Setup()
    times = looks([setup.see(ONE, k / 10) for k in range(200)])
    gaps = np.round(np.diff(times), 3)
    assert gaps[0] == pytest.approx(0.2)
    assert gaps[-1] == pytest.approx(2.0)
    assert (np.diff(gaps) >= -1e-6).all()
    assert setup.embedder.faces == len(times) < 25


def test_a_sure_track_is_hardly_looked_at_any_more():
    setup = Setup()
    setup.sure = {1}
    times = looks([setup.see(ONE, k / 10) for k in range(41)])
    assert times == pytest.approx([0, 2, 4])


def test_a_much_worse_face_is_not_embedded():
    setup = Setup()
    setup.see(ONE, 0)
    side, moments = 80, []
    for k in range(1, 12):
        side = max(40, side - 4)
        moments.append(setup.see(faces_picture((RED, 300, 60, side)), k / 5))
    assert moments[0].sightings[0].look is not None
    assert moments[-1].sightings[0].look is None
    assert {each.sightings[0].track for each in moments} == {1}


@pytest.mark.parametrize(
    ("video", "side", "word"),
    [({"gate_face_px": 100}, 80, "small"), ({"gate_score": 0.995}, 80, "doubtful"),
     ({}, 30, "small")],
)  # fmt: skip
def test_a_gate_says_why_a_face_is_not_recognised(video, side, word):
    setup = Setup(**video)
    (sighting,) = setup.see(faces_picture((RED, 300, 60, side)), 0).sightings
    assert (sighting.poor, sighting.look) == (word, None)
    assert setup.embedder.faces == 0


def test_a_blurred_face_is_not_recognised():
    setup = Setup()
    (sighting,) = setup.see(cv2.GaussianBlur(ONE, (0, 0), 12), 0).sightings
    assert (sighting.poor, sighting.look) == ("blurred", None)
    assert setup.embedder.faces == 0


def test_a_turned_face_is_followed_but_not_recognised(monkeypatch):
    setup = Setup()

    def turned(image, boxes):
        raise AssertionError("it was aligned")

    setup.observer._analyzer.predictor.predict = turned
    detect = setup.detector.detect

    def detect_turned(image, search):
        found = detect(image, search)
        found.landmarks[:, 2, 0] += 30
        return found

    monkeypatch.setattr(setup.detector, "detect", detect_turned)
    (sighting,) = setup.see(ONE, 0).sightings
    assert (sighting.track, sighting.poor, sighting.quality) == (1, "turned", None)


def test_faces_under_a_mask_are_not_looked_at():
    right = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
    setup = Setup(Zones(masks=[right]))
    picture = faces_picture((RED, 60, 60, 80), (GREEN, 400, 60, 80))
    moments = [setup.see(picture, k / 10) for k in range(3)]
    assert [len(moment.sightings) for moment in moments] == [1, 1, 1]
    assert setup.embedder.faces == 2


def test_a_cut_ends_all_tracks_and_searches_at_once():
    setup = Setup(detect_fps=1)
    for k in range(3):
        setup.see(ONE, k / 10)
    other = faces_picture((RED, 300, 60, 80))
    other[170:] = (90, 120, 200)
    other[170:, :, 0] += np.arange(640, dtype=np.uint8) % 7
    moment = setup.see(np.ascontiguousarray(np.where(other == 0, 1, other))[:240], 0.3)
    assert moment.ended == (1,)
    assert len(setup.detector.searched) == 2


def test_a_face_that_is_gone_ends_its_track():
    setup = Setup()
    setup.see(ONE, 0)
    empty = np.zeros((240, 640, 3), np.uint8)
    empty[200:, :40] = ONE[60:100, 300:340]  # so that the colours stay much the same
    ended = [setup.see(np.zeros_like(ONE), k / 10).ended for k in range(1, 16)]
    assert [number for numbers in ended for number in numbers] == [1]


def test_where_faces_are_in_frames_that_are_not_analysed():
    setup = Setup()
    for k in range(5):
        setup.see(faces_picture((RED, 300 + 4 * k, 60, 80)), k / 10)
    x = setup.observer.expected(Fraction(45, 100))[1][0]
    assert 314 < x < 322
    assert setup.observer.expected(Fraction(2)) == {}


def test_two_observers_share_nothing():
    one, other = Setup(), Setup()
    both = faces_picture((RED, 60, 60, 80), (GREEN, 300, 60, 80))
    assert [s.track for s in one.see(both, 0).sightings] == [1, 2]
    assert [s.track for s in other.see(ONE, 0).sightings] == [1]
    assert [s.track for s in other.see(ONE, 0.1).sightings] == [1]


def test_the_same_frames_give_the_same_moments():
    def run() -> list[tuple]:
        setup = Setup()
        pictures = [faces_picture((RED, 60 + 5 * k, 60, 80), (BLUE, 400, 60, 60)) for k in range(9)]
        moments = [setup.see(picture, k / 10) for k, picture in enumerate(pictures)]
        return [
            (m.index, s.track, s.box, s.quality, s.look and s.look.embedding.tobytes())
            for m in moments
            for s in m.sightings
        ]

    assert run() == run()
