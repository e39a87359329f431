"""The outbox: nothing lost, nothing twice, whatever happens between."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.events.visits import START, visit
from vultus.errors import StorageError
from vultus.events.outbox import Outbox, SinkCounts
from vultus.events.visit import Shot

LATER = START + timedelta(hours=1)


def names(deliveries):
    return [(item.event["visit"], item.event["sequence"]) for item in deliveries]


def test_events_come_in_order_and_whole(outbox):
    events = [visit(number) for number in range(5)]
    for event in events:
        assert outbox.put(event, ["a", "b"])
    assert [item.event for item in outbox.pending("a", 3)] == [e.to_dict() for e in events[:3]]
    assert [item.attempt for item in outbox.pending("a", 3)] == [1, 1, 1]
    ids = [item.id for item in outbox.pending("b", 9)]
    assert ids == sorted(set(ids))


def test_the_same_event_is_put_once_even_after_delivery(outbox):
    assert outbox.put(visit(), ["a"])
    assert not outbox.put(visit(), ["a"])
    outbox.delivered("a", [item.id for item in outbox.pending("a", 9)])
    assert not outbox.put(visit(), ["a"])
    assert outbox.pending("a", 9) == []
    assert outbox.put(visit(sequence=1), ["a"])


def test_what_all_sinks_have_is_removed(outbox):
    outbox.put(visit(), ["a", "b"])
    number = outbox.pending("a", 1)[0].id
    outbox.delivered("a", [number])
    assert names(outbox.pending("b", 9)) == [("v0", 0)]
    outbox.delivered("b", [number])
    outbox.delivered("b", [number])  # saying it twice counts once
    with sqlite3.connect(outbox.path) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    connection.close()
    assert outbox.counts() == [SinkCounts("a", 0, 1, 0, None), SinkCounts("b", 0, 1, 0, None)]


def test_failures_count_and_refusals_are_kept(outbox):
    for number in range(2):
        outbox.put(visit(number), ["a"])
    first, second = outbox.pending("a", 9)
    outbox.failed("a", [first.id, second.id], "no route")
    assert [item.attempt for item in outbox.pending("a", 9)] == [2, 2]
    outbox.set_aside("a", [first.id], "too large")
    assert names(outbox.pending("a", 9)) == [("v1", 0)]
    assert outbox.counts() == [SinkCounts("a", 1, 0, 1, "too large")]
    assert outbox.bring_back("a") == 1
    assert [item.attempt for item in outbox.pending("a", 9)] == [3, 2]
    assert outbox.forget("a") == 2
    assert outbox.counts() == []


def test_an_event_for_nobody_is_not_kept(outbox):
    outbox.put(visit(), [])
    assert outbox.counts() == []
    assert len(outbox.open_visits("door")) == 1


def test_everything_is_there_after_a_restart(tmp_path):
    with Outbox(tmp_path / "new" / "outbox.db") as outbox:
        outbox.put(visit(), ["a"])
    with Outbox(tmp_path / "new" / "outbox.db") as outbox:
        assert names(outbox.pending("a", 9)) == [("v0", 0)]
        assert [item.attempt for item in outbox.pending("a", 9)] == [1]


def test_visits_are_open_from_enter_to_exit(outbox):
    outbox.put(visit(1), [])
    outbox.put(visit(2, camera="yard"), [])
    outbox.put(visit(1, 1, person="Bob"), [])
    assert [open_.person for open_ in outbox.open_visits("door")] == ["Bob"]
    outbox.put(visit(1, 2, type="exit"), [])
    assert outbox.open_visits("door") == []
    assert [open_.id for open_ in outbox.open_visits("yard")] == ["v2"]


def test_interrupted_visits_get_their_exit(tmp_path):
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put(visit(1, 0), [])
        outbox.put(visit(1, 1), [])
    with Outbox(tmp_path / "outbox.db") as outbox:
        (end,) = outbox.close_interrupted("door", LATER)
        assert (end.type, end.sequence, end.time) == ("exit", 2, LATER)
        assert end.end == START + timedelta(seconds=1)  # last seen, not now
        assert end.why == {"rule": "interrupted"}
        outbox.put(end, ["a"])
        assert outbox.close_interrupted("door", LATER) == []


def test_visits_of_a_living_process_are_left_alone(tmp_path):
    with Outbox(tmp_path / "outbox.db") as alive, Outbox(tmp_path / "outbox.db") as other:
        alive.put(visit(1), [])
        assert other.close_interrupted("door", LATER) == []
        assert len(other.open_visits("door")) == 1
        assert len(alive.close_interrupted("door", LATER)) == 1  # its own it may end
    with Outbox(tmp_path / "outbox.db") as other:
        assert len(other.close_interrupted("door", LATER)) == 1


def test_interrupted_visits_of_all_cameras_get_their_exit(tmp_path):
    with Outbox(tmp_path / "outbox.db") as killed:
        killed.put(visit(1), [])
        killed.put(visit(2, camera="yard"), [])
    with Outbox(tmp_path / "outbox.db") as alive, Outbox(tmp_path / "outbox.db") as other:
        alive.put(visit(3, camera="shed"), [])
        assert {each.camera for each in alive.open_visits()} == {"door", "yard", "shed"}
        exits = alive.close_all_interrupted(LATER)
        assert [(each.id, each.sequence) for each in exits] == [("v1", 1), ("v2", 1)]
        assert other.close_all_interrupted(LATER) == exits  # at the same time
        assert [other.put(each, ["a"]) for each in exits] == [True, True]
        assert [alive.put(each, ["a"]) for each in exits] == [False, False]
        assert alive.close_all_interrupted(LATER) == []
        assert names(alive.pending("a", 9)) == [("v1", 1), ("v2", 1)]


def test_a_run_over_the_same_recording_tells_everything_again(tmp_path):
    with Outbox(tmp_path / "outbox.db") as killed:
        killed.put(visit(1), ["a"])
        killed.put(visit(1, 1), ["a"])
    with Outbox(tmp_path / "outbox.db") as again:
        (end,) = again.close_all_interrupted(LATER)
        assert again.put(end, ["a"])
        assert all(again.put(visit(1, number), ["a"]) for number in range(4))  # also number 2
        assert names(again.pending("a", 9)) == [("v1", n) for n in (0, 1, 2, 0, 1, 2, 3)]


def test_a_visit_that_was_opened_again_is_not_ended(tmp_path):
    with Outbox(tmp_path / "outbox.db") as killed:
        killed.put(visit(1), [])
        killed.put(visit(1, 1), [])
    with Outbox(tmp_path / "outbox.db") as one, Outbox(tmp_path / "outbox.db") as two:
        (end,) = one.close_all_interrupted(LATER)
        two.put(visit(1), [])
        assert not one.put(end, ["a"])
        assert [each.sequence for each in one.open_visits()] == [0]


def test_an_interrupted_visit_lasted_until_the_face_was_last_seen(tmp_path):
    with Outbox(tmp_path / "outbox.db") as killed:
        killed.put(visit(1), [])
        there = visit(1, 7, end=LATER, box=(1.0, 2.0, 3.0, 4.0), media_time=9.5, person="Bob")
        killed.still_there([there, visit(2)])
        killed.still_there([])
        killed.still_there([visit(1)])  # older: what is known stays
        with Outbox(tmp_path / "outbox.db") as other:
            other.still_there([visit(1, end=LATER + timedelta(hours=1))])  # not its visit
        (held,) = killed.open_visits()
    assert (held.end, held.sequence, held.person) == (LATER, 0, "Ada")
    with Outbox(tmp_path / "outbox.db") as outbox:
        (end,) = outbox.close_all_interrupted(LATER + timedelta(hours=9))
    assert (end.end, end.seconds, end.sequence) == (LATER, 3600.0, 1)


def test_a_client_has_one_name_for_ever(tmp_path):
    found = []
    for name in ("a.db", "a.db", "b.db"):
        with Outbox(tmp_path / name) as outbox:
            found.append((outbox.client_id("mqtt://h/x"), outbox.client_id("mqtt://h/y")))
    assert found[0] == found[1]
    assert len({*found[0], *found[2]}) == 4


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="needs the modes of POSIX")
def test_nobody_else_may_read_it(tmp_path):
    path = tmp_path / "new" / "below" / "outbox.db"
    with Outbox(path) as outbox:
        outbox.put(visit(), ["a"])
        outbox.claim("a", 1)
        assert {mode(each) for each in path.parent.rglob("*") if each.is_file()} == {0o600}
        assert {mode(each) for each in (path.parent, path.parent.parent)} == {0o700}
        assert mode(path.with_name("outbox.db-locks")) == 0o700
    path.chmod(0o640)  # somebody wants it so
    with Outbox(path) as outbox:
        outbox.put(visit(), ["a"])
    assert mode(path) == 0o640


def test_one_process_a_sink(tmp_path):
    with Outbox(tmp_path / "outbox.db") as first, Outbox(tmp_path / "outbox.db") as second:
        assert first.claim("a", 10)
        assert not first.claim("a", 10)
        assert not second.claim("a", 10)
        assert second.claim("b", 10)
        first.release("a")
        assert second.claim("a", 10)


def test_what_a_killed_process_may_have_sent_is_a_second_attempt(tmp_path):
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.claim("a", 2)
        for number in range(3):
            outbox.put(visit(number), ["a"])
        # closed without `release`, as by a kill
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.claim("a", 2)
        assert [item.attempt for item in outbox.pending("a", 9)] == [2, 2, 1]
        outbox.release("a")
        outbox.claim("a", 2)
        assert [item.attempt for item in outbox.pending("a", 9)] == [2, 2, 1]


def test_threads_and_instances_share_one_file(tmp_path):
    def put_many(start: int) -> None:
        with Outbox(tmp_path / "outbox.db") as own:
            for number in range(start, start + 20):
                own.put(visit(number), ["a"])
                assert own.put(visit(number), ["a"]) is False

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put_many, [0, 20, 40]))
    with Outbox(tmp_path / "outbox.db") as outbox:
        assert sorted(names(outbox.pending("a", 999))) == sorted((f"v{n}", 0) for n in range(60))


def test_processes_make_one_outbox_together(tmp_path):
    code = (
        "import sys\nfrom tests.events.visits import visit\n"
        "from vultus.events.outbox import Outbox\n"
        "with Outbox(sys.argv[1]) as outbox:\n"
        "    for n in range(10): outbox.put(visit(sys.argv[2] + str(n)), ['a'])\n"
    )
    path = tmp_path / "outbox.db"
    running = [subprocess.Popen([sys.executable, "-c", code, path, n]) for n in "xyz"]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with Outbox(path) as outbox:
        assert len(outbox.pending("a", 99)) == 30


def test_other_files_are_refused_in_plain_words(tmp_path):
    (tmp_path / "text").write_text("not a database at all, but some text " * 100)
    with pytest.raises(StorageError, match="is no outbox"):
        Outbox(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StorageError, match="is a database, but no outbox"):
        Outbox(tmp_path / "other.db")
    with pytest.raises(StorageError, match="cannot be used"):
        Outbox(tmp_path / "text" / "below" / "outbox.db")


def test_a_newer_schema_is_refused(tmp_path):
    Outbox(tmp_path / "outbox.db").close()
    with sqlite3.connect(tmp_path / "outbox.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StorageError, match="schema 99"):
        Outbox(tmp_path / "outbox.db")


def test_a_full_disk_loses_nothing_that_was_taken(outbox):
    outbox.put(visit(0), ["a"])
    with outbox._file.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageError, match=r"cannot be written.*full.*Free some space"):
        for number in range(1, 200):
            outbox.put(visit(number, why={"text": "x" * 500}), ["a"])
    kept = names(outbox.pending("a", 999))
    assert kept == [(f"v{n}", 0) for n in range(len(kept))]
    with outbox._file.reading() as connection:
        connection.execute("PRAGMA max_page_count=100000")
    assert outbox.put(visit(len(kept)), ["a"])


def test_closed_is_closed(outbox):
    outbox.close()
    outbox.close()
    assert outbox.closed
    for act in (lambda: outbox.put(visit(), ["a"]), lambda: outbox.claim("a", 1)):
        with pytest.raises(StorageError, match="is closed"):
            act()
    with Outbox(outbox.path) as other:
        assert other.claim("a", 1)  # nothing is held on to


def test_an_event_that_is_no_json_is_an_error_of_the_caller(outbox):
    with pytest.raises(ValueError, match="JSON"):
        outbox.put(visit(probability=float("nan")), ["a"])
    assert outbox.open_visits("door") == []


def test_a_path_that_is_no_unicode_is_no_obstacle(outbox):
    shot = Shot(0.0, (1.0, 1.0, 1.0, 1.0), 0.5, "/shots/\udcff.jpg")
    outbox.put(visit(best_shot=shot), ["a"])
    assert outbox.pending("a", 1)[0].event["best_shot"]["picture"] == "/shots/?.jpg"


def test_names_are_forgotten_at_last(outbox, monkeypatch):
    monkeypatch.setattr("vultus.events.outbox._REMEMBERED", 5)
    for number in range(20):
        outbox.put(visit(number, type="exit"), [])
    with sqlite3.connect(outbox.path) as connection:
        assert connection.execute("SELECT count(*) FROM known").fetchone() == (5,)
    connection.close()
