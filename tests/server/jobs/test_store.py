"""Jobs in the database: what was accepted is kept, what ended is told until it is forgotten."""

from __future__ import annotations

import datetime

import pytest

from vultus.errors import JobUnfinished, JobUnknown, ServerBusy
from vultus.gallery.database import Database
from vultus.server.jobs.store import JobStore


@pytest.fixture
def store(address):
    database = Database(str(address))
    with database.write(create=True):
        pass
    yield JobStore(database, most_waiting=3)
    database.close()


def add(store, *names):
    return [store.add(name, "kind", "kiosk", {"group": "friends"}, total=7) for name in names]


def test_a_job_is_as_it_was_accepted(store):
    (job,) = add(store, "one")
    assert store.get("one") == job
    assert (job.state, job.owner, job.request) == ("queued", "kiosk", {"group": "friends"})
    assert (job.done, job.total, job.error, job.started_at) == (0, 7, None, None)
    assert job.created_at.tzinfo is datetime.timezone.utc
    with pytest.raises(JobUnfinished, match="it is queued"):
        store.result("one")


def test_an_unknown_job_is_unknown(store):
    calls = (store.get, store.result, store.remove, lambda job: store.find(before=job))
    for call in calls:
        with pytest.raises(JobUnknown):
            call("nobody")


def test_too_many_waiting_jobs_are_refused(store):
    store.require_room()
    add(store, "one", "two", "three")
    with pytest.raises(ServerBusy, match="3 jobs wait") as refused:
        store.require_room()
    assert refused.value.retry_after_s > 1
    with pytest.raises(ServerBusy):
        add(store, "four")
    store.begin("one")
    add(store, "four")


def test_a_job_begins_unless_it_has_ended(store):
    add(store, "one", "two")
    assert store.begin("one").state == "running"
    assert store.begin("one").started_at is not None  # its end could not be written
    assert store.cancel_waiting("two")
    assert store.begin("two") is None
    assert store.begin("nobody") is None
    assert store.cancel_waiting("one")  # nobody is at it: it waits to be tried again
    assert not store.cancel_waiting("one")


def test_a_job_ends_with_a_result_or_an_error(store):
    add(store, "one", "two")
    store.begin("one")
    store.finish("one", "succeeded", done=7, total=7, result={"a": [1]}, request={})
    assert store.result("one") == {"a": [1]}
    job = store.get("one")
    assert (job.state, job.done, job.error, job.request) == ("succeeded", 7, None, {})
    assert job.ended_at >= job.started_at
    store.finish("two", "failed", error={"code": "no_face", "message": "none"})
    assert store.get("two").error == {"code": "no_face", "message": "none"}
    with pytest.raises(JobUnfinished, match="it is failed"):
        store.result("two")


def test_after_a_crash_everything_waits_again_in_its_order(store):
    add(store, "one", "two", "three")
    store.begin("one")
    store.begin("two")
    store.finish("two", "failed")
    store.requeue("one")
    store.begin("three")
    assert [(job.id, job.state) for job in store.recover()] == [
        ("one", "queued"),
        ("three", "queued"),
    ]


def test_jobs_are_listed_page_by_page_the_newest_first(store):
    add(store, "one", "two", "three")
    store.begin("two")
    assert [job.id for job in store.find()] == ["three", "two", "one"]
    assert [job.id for job in store.find(limit=2)] == ["three", "two"]
    assert [job.id for job in store.find(before="two")] == ["one"]
    assert [job.id for job in store.find(state="running")] == ["two"]
    assert store.find(kind="other") == []


def test_what_has_ended_can_be_forgotten_and_nothing_else(store):
    add(store, "one", "two")
    with pytest.raises(JobUnfinished, match="Cancel it first"):
        store.remove("one")
    store.finish("one", "succeeded")
    store.remove("one")
    assert [job.id for job in store.find()] == ["two"]


def test_jobs_that_ended_long_ago_are_forgotten(store):
    add(store, "one", "two")
    store.finish("one", "succeeded")
    now = datetime.datetime.now(datetime.timezone.utc)
    assert store.forget(before=now - datetime.timedelta(days=1)) == 0
    assert store.forget(before=now + datetime.timedelta(days=1)) == 1
    assert [job.id for job in store.find()] == ["two"]
