"""JSON lines and CSV: whole lines, each event once, whatever the crash left behind."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys

import pytest

from tests.events.visits import delivery, visit
from vultus.errors import DeliveryFailed, UsageError
from vultus.events.encoding import COLUMNS
from vultus.events.sinks.csv_file import CsvSink
from vultus.events.sinks.jsonl import JsonLinesSink, StdoutSink
from vultus.events.visit import Visit

KINDS = {"jsonl": JsonLinesSink, "csv": CsvSink}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def path(tmp_path, kind):
    return tmp_path / "new" / f"events.{kind}"


def deliver(kind, path, *events, attempt=1):
    sink = KINDS[kind](path)
    try:
        sink.deliver([delivery(event, number, attempt) for number, event in enumerate(events)])
    finally:
        sink.close()


def names(kind, path):
    content = path.read_bytes()
    assert content.endswith(b"\n")
    if kind == "csv":
        return [(row["visit"], int(row["sequence"])) for row in rows(path)]
    events = [json.loads(line) for line in content.splitlines()]
    return [(event["visit"], event["sequence"]) for event in events]


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def test_events_are_appended(kind, path):
    deliver(kind, path, visit(0), visit(1))
    deliver(kind, path, visit(2))
    assert names(kind, path) == [("v0", 0), ("v1", 0), ("v2", 0)]


def test_what_is_there_already_is_not_written_twice(kind, path):
    deliver(kind, path, visit(0), visit(1))
    # a crash before anybody noted that v1 had arrived
    deliver(kind, path, visit(1), visit(2), attempt=2)
    assert names(kind, path) == [("v0", 0), ("v1", 0), ("v2", 0)]


def test_another_run_over_the_same_recording_is_written_again(kind, path):
    deliver(kind, path, visit(0))
    deliver(kind, path, visit(0))
    assert names(kind, path) == [("v0", 0), ("v0", 0)]


def test_what_an_older_run_wrote_is_not_taken_for_this_one(kind, path):
    deliver(kind, path, visit(0), visit(1), visit(2))
    # the second run was killed before it wrote anything, or after one line
    deliver(kind, path, visit(0), visit(1), attempt=2)
    assert names(kind, path) == [(f"v{number}", 0) for number in (0, 1, 2, 0, 1)]
    deliver(kind, path, visit(0, probability=0.5), attempt=1)
    deliver(kind, path, visit(0, probability=0.5), visit(1), attempt=2)
    assert names(kind, path)[5:] == [("v0", 0), ("v1", 0)]
    deliver(kind, path, visit(1, probability=0.5), attempt=2)  # same name, other content
    assert len(names(kind, path)) == 8


def test_a_batch_that_was_written_in_part_is_completed(kind, path):
    deliver(kind, path, visit(0), visit(1))
    sink = KINDS[kind](path)
    batch = [delivery(visit(n), n, attempt=2 if n < 3 else 1) for n in range(1, 5)]
    sink.deliver(batch)
    sink.deliver([delivery(visit(4), attempt=2), delivery(visit(4), 9)])
    sink.close()
    assert names(kind, path) == [(f"v{number}", 0) for number in (0, 1, 2, 3, 4, 4)]


@pytest.mark.skipif(os.name != "posix", reason="needs the modes of POSIX")
def test_nobody_else_may_read_it(kind, path):
    deliver(kind, path, visit(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    deliver(kind, path, visit(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_torn_line_is_repaired_wherever_it_was_torn(kind, path):
    deliver(kind, path, visit(0), visit(1))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        deliver(kind, path, visit(0), visit(1), attempt=2)
        assert path.read_bytes() == whole, length


def test_a_foreign_file_is_left_alone(kind, path):
    path.parent.mkdir()
    for content in (b"my diary, without an end", b"my diary\n", b'{"mine": 1}\n', b"\x00\xff\n\n"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="something else than events"):
            KINDS[kind](path)
        assert path.read_bytes() == content


def test_a_file_that_is_moved_away_is_made_again(kind, path):
    sink = KINDS[kind](path)
    sink.deliver([delivery(visit(0))])
    path.rename(path.with_suffix(".1"))
    sink.deliver([delivery(visit(1))])
    sink.close()
    assert names(kind, path) == [("v1", 0)]
    assert names(kind, path.with_suffix(".1")) == [("v0", 0)]


def test_a_full_disk_is_no_loss(kind, path, monkeypatch):
    sink = KINDS[kind](path)
    sink.deliver([delivery(visit(0))])
    real = os.write
    with monkeypatch.context() as patch:

        def full(file, content):
            if len(content) > 10:
                return real(file, content[:10])
            raise OSError(28, "No space left on device")

        patch.setattr(os, "write", full)
        with pytest.raises(DeliveryFailed, match="No space left"):
            sink.deliver([delivery(visit(1))])
    sink.deliver([delivery(visit(1), attempt=2)])  # what was written of it may be whole
    sink.close()
    sink.close()
    assert names(kind, path) == [("v0", 0), ("v1", 0)]


def test_a_folder_that_goes_away_is_a_failure_to_try_again(kind, path):
    sink = KINDS[kind](path)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("in the way")
    with pytest.raises(DeliveryFailed):
        sink.deliver([delivery(visit(0))])
    path.parent.unlink()
    sink.deliver([delivery(visit(0))])
    sink.close()
    assert names(kind, path) == [("v0", 0)]


def test_another_file_in_its_place_is_a_failure_to_try_again(kind, path):
    sink = KINDS[kind](path)
    path.unlink()
    path.write_bytes(b"my diary")
    with pytest.raises(DeliveryFailed, match="something else"):
        sink.deliver([delivery(visit(0))])
    sink.close()
    assert path.read_bytes() == b"my diary"


def test_only_the_tail_of_a_long_file_is_read(kind, path, monkeypatch):
    deliver(kind, path, *[visit(number) for number in range(30)])
    monkeypatch.setattr("vultus.events.sinks.lines._TAIL_BYTES", 3000)
    deliver(kind, path, visit(29), visit(30), attempt=2)
    assert names(kind, path) == [(f"v{number}", 0) for number in range(31)]


def test_json_lines_are_the_events(tmp_path):
    event = visit(camera='a "b"\n\u2028ü', attributes={"text": "\r\n"})
    deliver("jsonl", tmp_path / "e.jsonl", event)
    (line,) = (tmp_path / "e.jsonl").read_text("utf-8").split("\n")[:-1]
    assert Visit.from_dict(json.loads(line)) == event


def test_csv_has_flat_columns(tmp_path):
    deliver("csv", tmp_path / "e.csv", visit(), visit(1, best_shot=None, zone="ramp"))
    first, second = rows(tmp_path / "e.csv")
    assert tuple(first) == COLUMNS
    assert first["box_x"] == "10.0"
    assert first["picture"] == "/shots/v0.jpg"
    assert json.loads(first["why"]) == {"rule": "named", "looks": 2}
    assert (second["picture"], second["zone"]) == ("", "ramp")


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_no_cell_becomes_a_formula(tmp_path, evil):
    event = visit(camera=evil, person=evil, id=evil, box=(-3.0, 1, 1, 1))
    deliver("csv", tmp_path / "e.csv", event)
    deliver("csv", tmp_path / "e.csv", event, attempt=2)  # found again under its changed name
    (row,) = rows(tmp_path / "e.csv")
    assert row["camera"] == f"'{evil}"
    assert row["box_x"] == "-3.0"  # a number stays one


def test_a_row_is_one_line(tmp_path):
    deliver("csv", tmp_path / "e.csv", visit(camera="two\r\nlines\u2028three"))
    assert len((tmp_path / "e.csv").read_bytes().splitlines()) == 2
    assert rows(tmp_path / "e.csv")[0]["camera"] == "two lines three"


def test_the_standard_output_gets_lines(capsys):
    sink = StdoutSink()
    sink.deliver([delivery(visit(0)), delivery(visit(1))])
    sink.close()
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["visit"] for line in lines] == ["v0", "v1"]


def test_a_reader_who_leaves_ends_the_standard_output(monkeypatch):
    class Stream:
        def __init__(self, error):
            self.error = error

        def write(self, _):
            raise self.error

    monkeypatch.setattr(sys, "stdout", Stream(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        StdoutSink().deliver([delivery(visit())])
    monkeypatch.setattr(sys, "stdout", Stream(OSError(28, "No space left on device")))
    with pytest.raises(DeliveryFailed):
        StdoutSink().deliver([delivery(visit())])
