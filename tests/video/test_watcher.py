"""One camera: which frames are looked at, what time that passes does, and how it stands."""

from __future__ import annotations

import time
from dataclasses import fields
from fractions import Fraction

import pytest

import vultus
from tests.video.scenes import FilmSource, LiveFilm, Part, at_most, no_thread_left
from vultus.video.sources.live import LiveReader
from vultus.video.watcher import CameraStatus


def watch(family, **video):
    """The watching of `door` with other video settings."""
    changed = family.settings.video.model_copy(update=video)
    return vultus.watch("door", group="family", gallery=family, on="all", video=changed)


def live(family, feed, **video):
    settings = family.settings.video.model_copy(update=video)
    return lambda: LiveReader("door", feed, settings)


@pytest.mark.parametrize(
    ("rate", "fps", "expected"),
    [
        (Fraction(20), 10, 20),
        (Fraction(20), 5, 10),
        (Fraction(20), 40, 40),
        (Fraction(30000, 1001), 10, 20),
        (Fraction(20), 0.5, 1),
    ],
)
def test_a_file_is_sampled_by_its_own_time(family, play, rate, fps, expected):
    play(door=FilmSource([Part("ada")], 2.0, rate=rate))
    with watch(family, analysis_fps=fps) as watching:
        list(watching)
    assert watching.status[0].analysed == expected


def test_every_frame_of_a_file_is_handed_out(family, play):
    source = FilmSource([Part("ada")], 3.0)
    play(door=source)
    with watch(family, analysis_fps=1) as watching:
        list(watching)
    assert source.handed_out == watching.status[0].frames == 60


def test_the_share_of_the_processor_is_not_for_files(family, play):
    """A recording has no hurry: the same result whatever the share."""
    runs = []
    for share in (1.0, 0.01):
        play(door=FilmSource([Part("ada")], 2.0))
        with watch(family, processor_share=share) as watching:
            runs.append([(event.id, event.type, event.media_time) for event in watching])
        assert watching.status[0].analysed == 20
    assert runs[0] == runs[1]


def test_a_live_camera_keeps_to_its_share(family, play):
    slow = family.analyzer.detector.detect

    def detect(image, search):
        time.sleep(0.05)
        return slow(image, search)

    family.analyzer.detector.detect = detect
    analysed = []
    for share in (1.0, 0.2):
        play(door=live(family, lambda: LiveFilm([Part("ada")])))
        with watch(family, processor_share=share, detect_fps=20, analysis_fps=20) as watching:
            with at_most(0.9, watching.stop):
                list(watching)
            analysed.append(watching.status[0].analysed)
    assert 0 < analysed[1] < 0.6 * analysed[0]


def test_people_leave_while_nothing_comes(family, play):
    """The stream stays open and sends nothing."""

    class Silent(LiveFilm):
        def pictures(self):
            for picture in super().pictures():
                silent = time.monotonic() - self._began > 1.0
                yield None if silent else picture

    play(door=live(family, lambda: Silent([Part("ada")])))
    with no_thread_left(), watch(family, absence_s=0.5) as watching, at_most(8, watching.stop):
        assert next(watching).type == "enter"
        left = next(watching)
        assert left.type == "exit"
        assert watching.status[0].present == []
        assert left.end < left.time
        assert 0.5 < (left.time - left.end).total_seconds() < 4
        assert left.media_time == pytest.approx((left.time - left.start).total_seconds(), abs=1.5)


def test_nobody_leaves_before_anybody_came(family, play):
    class Silent(LiveFilm):
        def pictures(self):
            while not self.closed:
                time.sleep(0.02)
                yield None

    play(door=live(family, Silent))
    with no_thread_left(), watch(family) as watching, at_most(1.3, watching.stop):
        assert list(watching) == []
    assert watching.status[0].frames == 0


def test_the_live_states(family, play):
    play(door=live(family, lambda: LiveFilm([Part("ada")], name="door")))
    with watch(family) as watching:
        assert watching.status[0].state == "connecting"
        next(watching)
        (status,) = watching.status
        assert (status.state, status.error, status.present) == ("live", None, ["ada"])
        assert status.source == "door"
        assert status.frames >= status.analysed > 0
        assert status.keeps_up
        time.sleep(0.3)  # nobody takes frames meanwhile
        assert watching.status[0].dropped > 0
    (status,) = watching.status
    assert (status.state, status.present) == ("ended", [])


def test_a_status_is_data(family, play):
    play(door=FilmSource([Part("ada")], 1.0))
    with watch(family) as watching:
        list(watching)
    (status,) = watching.status
    record = status.to_dict()
    assert set(record) == {field.name for field in fields(CameraStatus)}
    assert record["counts"] == status.counts
    assert record["source"] == "film"
