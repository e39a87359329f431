"""Picture, history, sinks: in this order, and none of them lost for another."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.events.visits import START, visit
from vultus.errors import GalleryBusy, StorageError
from vultus.events.visit import Shot
from vultus.imaging.load import load
from vultus.video.frame import Frame
from vultus.video.publisher import Publisher, ShotKeeper
from vultus.video.snapshots import Snapshots


def frame(seconds, size_wh=(320, 180)):
    image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    image[: size_wh[1] // 2] = 30 + round(10 * seconds)
    return Frame(
        round(seconds * 10), Fraction(seconds), START, size_wh, lambda wanted: image.copy()
    )


class Book:
    """Says which frames hold somebody's best picture."""

    def __init__(self, *times):
        self.times = set(times)

    def shot_times(self):
        return self.times


def shot(seconds, box=(20.0, 30.0, 40.0, 40.0)):
    return Shot(float(seconds), box, 0.8)


@pytest.fixture
def keeper(tmp_path):
    return ShotKeeper(Snapshots(tmp_path / "shots"))


def entered(seconds, **changes):
    return visit(0, 0, best_shot=shot(seconds), **changes)


def test_the_best_frame_is_on_disk(keeper):
    keeper.keep(frame(1), Book(1.0))
    told = keeper.with_picture(entered(1))
    picture = load(Path(told.best_shot.picture))
    assert picture.shape == (180, 320, 3)
    assert abs(int(picture[10, 10, 0]) - 40) <= 3


def test_a_frame_that_is_nobodys_best_is_not_kept(keeper):
    keeper.keep(frame(1), Book(2.0))
    assert keeper.with_picture(entered(1)).best_shot.picture is None


def test_one_picture_for_several_events_with_one_shot(keeper):
    book = Book(1.0)
    keeper.keep(frame(1), book)
    first = keeper.with_picture(entered(1))
    keeper.drop(Book())  # a better face came, and went unsaved
    second = keeper.with_picture(visit(0, 1, best_shot=shot(1)))
    assert first.best_shot.picture == second.best_shot.picture


def test_a_better_shot_is_another_picture(keeper):
    book = Book(1.0, 2.0)
    keeper.keep(frame(1), book)
    first = keeper.with_picture(entered(1))
    keeper.keep(frame(2), book)
    second = keeper.with_picture(visit(0, 1, best_shot=shot(2)))
    assert first.best_shot.picture != second.best_shot.picture
    assert Path(first.best_shot.picture).is_file()
    assert Path(second.best_shot.picture).is_file()


def test_the_last_picture_stays_where_the_better_frame_is_gone(keeper):
    keeper.keep(frame(1), Book(1.0))
    first = keeper.with_picture(entered(1))
    told = keeper.with_picture(visit(0, 1, best_shot=shot(2)))
    assert told.best_shot.picture == first.best_shot.picture


def test_two_people_of_one_frame_have_a_picture_each(keeper):
    keeper.keep(frame(1), Book(1.0))
    told = [keeper.with_picture(visit(n, 0, best_shot=shot(1))) for n in (1, 2)]
    assert len({each.best_shot.picture for each in told}) == 2


def test_a_large_frame_is_kept_small_and_the_box_fits(keeper):
    keeper.keep(frame(1, (3840, 2160)), Book(1.0))
    told = keeper.with_picture(visit(0, 0, best_shot=shot(1, (3000.0, 1500.0, 400.0, 400.0))))
    picture = load(Path(told.best_shot.picture))
    assert picture.shape[1] <= 1920
    annotated = Path(told.best_shot.picture.replace(".jpg", "_annotated.jpg"))
    drawn = load(annotated)
    clean = drawn[round(0.75 * drawn.shape[0]) :, : drawn.shape[1] // 2]
    assert np.ptp(clean.astype(int)) < 30  # the box is at the right
    assert np.ptp(drawn[round(0.65 * drawn.shape[0]) :, drawn.shape[1] // 2 :].astype(int)) > 60


def test_a_visit_without_a_shot(keeper):
    plain = visit(0, 0, best_shot=None)
    assert keeper.with_picture(plain) is plain


def test_old_pictures_are_deleted_now_and_then(tmp_path, monkeypatch):
    cleaned = []
    snapshots = Snapshots(tmp_path, days=1)
    monkeypatch.setattr(snapshots, "clean", cleaned.append)
    keeper = ShotKeeper(snapshots)
    for _ in range(3):
        keeper.drop(Book())
    assert len(cleaned) == 1


def test_memory_holds_only_what_is_still_the_best(keeper):
    for number in range(5):
        keeper.keep(frame(number), Book(float(number)))
        keeper.drop(Book(float(number)))
    assert keeper.with_picture(entered(3)).best_shot.picture is None
    assert keeper.with_picture(entered(4)).best_shot.picture is not None


def test_picture_then_history_then_sinks(tmp_path, family):
    order = []

    class Shots:
        def with_picture(self, told):
            order.append("picture")
            return replace(told, best_shot=replace(told.best_shot, picture="/x.jpg"))

    class History:
        def record(self, record):
            order.append(("history", record.pictures))
            return True

    def put(told):
        order.append(("put", told.best_shot.picture))

    Publisher(History(), put, Shots()).publish(visit(0))
    assert order == ["picture", ("history", ("/x.jpg",)), ("put", "/x.jpg")]


def test_nothing_is_asked_for(family):
    told = visit(0)
    assert Publisher(None, None, None).publish(told) is told


def test_the_history_fails_and_says_so_once_until_it_works_again(caplog):
    broken = [True]

    class History:
        def record(self, record):
            if broken[0]:
                raise GalleryBusy("The gallery is locked.")

    put = []
    publisher = Publisher(History(), put.append, None)

    def lines():
        return len([r for r in caplog.records if "not remembered" in r.getMessage()])

    publisher.publish(visit(0))
    publisher.publish(visit(0, 1))
    assert lines() == 1
    broken[0] = False
    publisher.publish(visit(0, 2))
    broken[0] = True
    publisher.publish(visit(0, 3))
    assert lines() == 2
    assert len(put) == 4


def test_what_the_outbox_says_comes_out():
    error = StorageError("full")

    def put(_):
        raise error

    with pytest.raises(StorageError) as caught:
        Publisher(None, put, None).publish(visit(0))
    assert caught.value is error
