"""Videos as jobs: people and visits by the time of the video."""

from __future__ import annotations

import shutil
from functools import partial
from threading import Event, Timer

import pytest

from tests.server.jobs.waiting import wait_until
from tests.video.clips import write_clip
from tests.video.scenes import LiveFilm, Part, enroll, film, scene_analyzer, settings_in
from tests.video.sources.web import WebServer
from tests.video.told import TWO
from vultus.errors import (
    GroupUnknown,
    ServerError,
    SourceError,
    SourceTimeout,
    UrlFailed,
    UrlRefused,
)
from vultus.events.visit import Visit
from vultus.gallery.gallery import Gallery
from vultus.server.jobs import video as module
from vultus.server.jobs.journal import Journal
from vultus.server.jobs.runner import JobCancelled, JobStopped, Task
from vultus.server.jobs.store import JobStore
from vultus.server.jobs.video import VideoWork, kept
from vultus.video import session
from vultus.video.budget import Budget
from vultus.video.sources.live import LiveReader


class Bench:
    """A gallery that knows ada and bob, and one upload that may be worked on several times."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.settings = settings_in(folder).model_copy(update={"allow_private_urls": True})
        self.gallery = Gallery(settings=self.settings, analyzer=scene_analyzer(self.settings))
        enroll(self.gallery, "ada", "bob")
        self.work = VideoWork(self.settings, self.gallery, Budget(1))
        self.store = JobStore(self.gallery.database)
        self.upload = folder / "job-1.upload"
        self.journal = Journal(folder / "job-1.journal")

    def task(self, clip=None, **options) -> Task:
        if clip is not None:
            shutil.copy(clip, self.upload)
        elif not self.upload.exists():
            self.upload.touch()
        request = {"camera": "video", "group": "family", **options}
        number = len(self.store.find())
        record = self.store.add(f"job-{number}", "video", "kiosk", request)
        return Task(record, self.upload, self.journal, Event())


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.gallery.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "long.mp4", [Part("ada")], 20, rate=10)


def test_a_video_tells_who_was_there_and_when(bench, clip):
    task = bench.task(clip)
    answer = bench.work(task)
    assert (task.done, task.total) == (80, 80)
    assert (answer["frames"], answer["seconds"], answer["damaged"]) == (80, 4.0, 0)
    assert [(each["person"], each["stranger"]) for each in answer["people"]] == [
        ("ada", None),
        (None, "unknown-0001"),
    ]
    (ada,) = answer["people"][0]["visits"]
    assert (ada["start_s"], ada["end_s"]) == pytest.approx((0.5, 1.9))
    assert answer["people"][0]["seconds"] == pytest.approx(1.4)
    visit = next(each for each in answer["visits"] if each["visit"] == ada["visit"])
    assert (visit["type"], visit["person"], visit["why"]["rule"]) == ("exit", "ada", "named")
    told = {name: value for name, value in visit.items() if name not in ("start_s", "end_s")}
    assert Visit.from_dict(told).person == "ada"
    assert answer["counts"]["frames"] == answer["analysed"] > 0
    assert answer["truncated"] is False
    assert "attributes" not in answer


def test_nothing_of_it_stays_unless_it_is_asked_for(bench, clip):
    bench.work(bench.task(clip))
    assert bench.gallery.visits.find() == []
    assert bench.gallery.strangers.strangers("family") == []
    bench.work(bench.task(clip, remember=True, camera="yard"))
    found = bench.gallery.visits.find(group="family")
    assert {visit.camera for visit in found} == {"yard"}
    assert len(found) == 2
    assert len(bench.gallery.strangers.strangers("family")) == 1


def test_the_time_of_a_recording_may_be_told(bench, clip):
    answer = bench.work(bench.task(clip, started_at="2026-11-21T08:30:00+00:00"))
    assert answer["visits"][0]["start"] == "2026-11-21T08:30:00.500000Z"


def test_references_of_the_command_line_are_told_without_their_folders(bench, clip, tmp_path):
    folder = tmp_path / "private" / "photos"
    for visit in bench.work(bench.task(clip))["visits"]:
        assert str(folder) not in str(visit)
        assert "/" not in (visit["why"].get("reference") or "")


def test_attributes_come_by_the_time_of_the_video(bench, clip, monkeypatch):
    real = module._Answer.add

    def add(self, event):
        real(self, Visit.from_dict({**event.to_dict(), "attributes": {"mask": False}}))

    monkeypatch.setattr(module._Answer, "add", add)
    attributes = bench.work(bench.task(clip, attributes=True))["attributes"]
    assert len(attributes) == 4
    assert attributes[0]["attributes"] == {"mask": False}
    assert attributes[0]["media_time"] <= attributes[1]["media_time"]


def test_too_many_visits_are_cut_off(bench, clip, monkeypatch):
    monkeypatch.setattr(module, "_MOST_VISITS", 1)
    answer = bench.work(bench.task(clip))
    assert len(answer["visits"]) == 1
    assert answer["truncated"] is True


def test_each_frame_takes_a_turn_that_others_may_have(bench, clip):
    taken = []

    class Counting(Budget):
        def turn(self):
            taken.append(1)
            return super().turn()

    bench.work._budget = Counting(1)
    answer = bench.work(bench.task(clip))
    assert len(taken) == answer["analysed"]


def test_a_group_that_is_gone_is_told_so(bench, clip):
    with pytest.raises(GroupUnknown):
        bench.work(bench.task(clip, group="nobody"))


def test_errors_do_not_tell_where_the_upload_lies(bench, tmp_path):
    empty = write_clip(tmp_path / "empty.mp4", 1)
    data = empty.read_bytes()
    start = data.index(b"mdat") + 4
    bench.upload.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(SourceError) as failed:
        bench.work(bench.task())
    assert str(tmp_path) not in str(failed.value)


# cancelled, stopped, killed


def when_it_runs(task, call):
    """Call it from another thread when some frames are done."""

    def wait():
        wait_until(lambda: task.done > 5)
        call()

    timer = Timer(0, wait)
    timer.start()
    return timer


def test_a_cancelled_video_tells_what_was_seen(bench, long_clip):
    task = bench.task(long_clip)
    when_it_runs(task, task.cancelled.set)
    with pytest.raises(JobCancelled) as cancelled:
        bench.work(task)
    assert 5 < cancelled.value.result["frames"] < 200


def test_a_stopped_video_begins_again_as_often_as_it_must(bench, long_clip):
    for _ in range(6):
        task = bench.task(long_clip)
        task.stopping.set()
        with pytest.raises(JobStopped):
            bench.work(task)
    task = bench.task(long_clip)
    assert bench.work(task)["frames"] == 200


def test_a_video_that_ends_the_server_again_and_again_is_given_up(bench, clip):
    for _ in range(5):
        bench.journal.note({"begin": True})  # and no more was ever heard of it
    with pytest.raises(ServerError, match="ended 5 times"):
        bench.work(bench.task(clip))


# by address


@pytest.fixture
def web(clip, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    shutil.copy(clip, folder / "yard.mp4")
    with WebServer(folder) as server:
        yield server


def test_a_linked_file_is_fetched_once_and_watched(bench, web):
    url = web.address("yard.mp4")
    assert bench.work.check_url(url) is False
    answer = bench.work(bench.task(url=url))
    assert answer["people"][0]["person"] == "ada"
    assert web.asked == ["/yard.mp4"]
    bench.work(bench.task(url=url))  # after a kill, say
    assert web.asked == ["/yard.mp4"]


def test_a_fetch_that_was_cut_off_by_a_kill_is_done_again(bench, web):
    bench.upload.write_bytes(b"half")
    assert bench.work(bench.task(url=web.address("yard.mp4")))["frames"] == 80


def test_what_cannot_be_fetched_is_told(bench, web):
    with pytest.raises(UrlFailed, match="404"):
        bench.work(bench.task(url=web.address("nothing.mp4")))


def test_a_playlist_is_a_file_and_no_video(bench, web):
    with pytest.raises(SourceError, match="no video of a kind"):
        bench.work(bench.task(url=web.address("live.m3u8")))


def test_a_fetch_ends_when_the_job_does(bench, web):
    task = bench.task(url=web.address("silent"))
    Timer(0.3, task.cancelled.set).start()
    with pytest.raises(JobCancelled):
        bench.work(task)


def test_private_addresses_are_refused_unless_they_are_allowed(bench, web):
    strict = bench.settings.model_copy(update={"allow_private_urls": False})
    work = VideoWork(strict, bench.gallery, Budget(1))
    with pytest.raises(UrlRefused, match="public internet"):
        work.check_url("rtsp://127.0.0.1/door")
    with pytest.raises(UrlRefused, match="public internet"):
        work(bench.task(url="rtsp://127.0.0.1/door", seconds=1))
    with pytest.raises(UrlRefused, match="public internet"):
        work(bench.task(url=web.address("yard.mp4")))
    assert web.asked == []


def test_no_password_is_kept(bench):
    assert kept({"url": "rtsp://u:geheim@host/door", "group": "g"}) == {
        "url": "rtsp://u:***@host/door",
        "group": "g",
    }
    assert kept({"url": None}) == {"url": None}


# live


@pytest.fixture
def stream(monkeypatch):
    """Something live behind every address; `asked` are the addresses."""
    asked = []

    def play(feed):
        def open_source(address, own, *, patient=False, started_at=None):
            asked.append(address)
            return LiveReader("camera", feed, own.video, patient=True)

        monkeypatch.setattr(session, "open_source", open_source)
        return asked

    return play


def test_a_stream_is_watched_for_so_long(bench, stream):
    asked = stream(partial(LiveFilm, [Part("ada")]))
    answer = bench.work(bench.task(url="rtsp://u:p@localhost/door", seconds=1.0))
    assert asked[0].endswith(":554/door")
    assert "localhost" not in asked[0]  # the address that was judged
    assert 5 < answer["frames"] < 60
    assert answer["people"][0]["person"] == "ada"
    assert answer["seconds"] is None


def test_a_stream_that_shows_nothing_fails(bench, stream, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_FRAME_S", 0.3)
    stream(partial(LiveFilm, show=lambda _: None))
    with pytest.raises(SourceTimeout, match="Nothing was to be seen"):
        bench.work(bench.task(url="rtsp://localhost/door", seconds=60.0))


@pytest.mark.parametrize(("told", "end"), [("stopping", JobStopped), ("cancelled", JobCancelled)])
def test_a_stream_that_ends_before_it_shows_anything_has_not_failed(bench, stream, told, end):
    stream(partial(LiveFilm, show=lambda _: None))
    task = bench.task(url="rtsp://localhost/door", seconds=60.0)
    getattr(task, told).set()
    with pytest.raises(end):
        bench.work(task)
