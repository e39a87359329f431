from __future__ import annotations

import numpy as np

from tests.shared import shared
from vultus.settings import Settings
from vultus.video.budget import Sampler
from vultus.video.cuts import CutFinder
from vultus.video.sources.opening import open_source

RNG = np.random.default_rng(0)


def scene(colour: tuple[int, int, int], spread: int = 20) -> np.ndarray:
    noise = RNG.normal(0, spread, (180, 320, 1))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def test_the_first_picture_is_no_cut():
    assert not CutFinder().is_cut(scene((200, 80, 80)))


def test_the_same_scene_goes_on():
    finder = CutFinder()
    assert not any(finder.is_cut(scene((200, 80, 80))) for _ in range(5))


def test_somebody_who_walks_through_is_no_cut():
    finder = CutFinder()
    background = scene((90, 110, 90))
    for left in range(0, 280, 15):
        picture = background.copy()
        picture[60:140, left : left + 30] = (230, 180, 160)
        assert not finder.is_cut(picture)


def test_another_scene_is_a_cut_once():
    finder = CutFinder()
    cuts = [finder.is_cut(scene((200, 80, 80))) for _ in range(2)]
    cuts += [finder.is_cut(scene((60, 90, 180))) for _ in range(3)]
    assert cuts == [False, False, True, False, False]


def test_two_finders_share_nothing():
    one, other = CutFinder(), CutFinder()
    one.is_cut(scene((200, 80, 80)))
    assert not other.is_cut(scene((60, 90, 180)))
    assert not one.is_cut(scene((200, 80, 80)))


def test_the_size_of_the_picture_may_change():
    finder = CutFinder()
    picture = scene((200, 80, 80))
    finder.is_cut(picture)
    assert not finder.is_cut(picture.repeat(2, axis=0).repeat(2, axis=1))


def cuts_of(name: str, rate: float) -> list[int]:
    source = open_source(str(shared(f"videos/{name}")), Settings())
    finder, sampler = CutFinder(), Sampler(rate)
    try:
        due = (frame for frame in source.frames() if frame and sampler.is_due(frame.media_time))
        return [frame.index for frame in due if finder.is_cut(frame.small(960))]
    finally:
        source.close()


def test_the_three_cuts_of_a_real_clip():
    """By eye the shots begin with the frames 20, 82 and 211; every third frame is looked at."""
    found = cuts_of("hamilton_short.mp4", 10)
    assert len(found) == 3
    assert all(0 <= index - first < 3 for index, first in zip(found, (20, 82, 211), strict=True))


def test_a_real_clip_without_a_cut():
    assert cuts_of("street_1080p.mp4", 10) == []
