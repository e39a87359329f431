"""Parquet: typed, partitioned, never doubled, on disk and on other file systems."""

from __future__ import annotations

import builtins
import os
from datetime import datetime, timedelta, timezone

import pytest

from tests.events.visits import START, delivery, visit
from vultus.errors import DeliveryFailed, ExtraMissing, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.encoding import COLUMNS
from vultus.events.sinks.parquet import open_parquet

pa = pytest.importorskip("pyarrow", reason="needs the extra parquet")
dataset = pytest.importorskip("pyarrow.dataset", reason="needs the extra parquet")
fsspec = pytest.importorskip("fsspec", reason="needs the extra parquet")


def table(place, filesystem=None):
    found = dataset.dataset(place, format="parquet", partitioning="hive", filesystem=filesystem)
    return found.to_table()


def deliveries(*events):
    return [delivery(event, number) for number, event in enumerate(events)]


def test_it_reads_back_typed(tmp_path):
    sink = open_parquet(str(tmp_path / "events"))
    sink.deliver(deliveries(visit(0), visit(1, best_shot=None, zone="ramp")))
    found = table(tmp_path / "events")
    assert found.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert found.schema.field("sequence").type == pa.int32()
    assert found.schema.field("box_x").type == pa.float64()
    assert set(found.column_names) == {*COLUMNS, "day"}
    first, second = found.to_pylist()
    assert first["time"] == START
    assert first["day"] == "2026-11-21"
    assert (first["picture"], second["picture"]) == ("/shots/v0.jpg", None)
    assert second["zone"] == "ramp"


def test_columns_of_nothing_keep_their_type(tmp_path):
    sink = open_parquet(str(tmp_path))
    sink.deliver(deliveries(visit(best_shot=None)))
    sink.deliver(deliveries(visit(1)))
    assert table(tmp_path).schema.field("picture").type == pa.string()
    assert table(tmp_path).num_rows == 2


def test_a_folder_a_day_by_the_time_of_the_event(tmp_path):
    late = datetime(2026, 11, 21, 23, 59, 59, 999999, timezone.utc)
    sink = open_parquet(str(tmp_path))
    sink.deliver(deliveries(visit(0, time=late), visit(1, time=late + timedelta(microseconds=1))))
    days = sorted(folder.name for folder in tmp_path.iterdir())
    assert days == ["day=2026-11-21", "day=2026-11-22"]
    only = dataset.dataset(tmp_path, partitioning="hive").to_table(
        filter=dataset.field("day") == "2026-11-22"
    )
    assert only["visit"].to_pylist() == ["v1"]


def test_a_batch_that_comes_again_is_not_doubled(tmp_path):
    sink = open_parquet(str(tmp_path))
    sink.deliver(deliveries(visit(0), visit(1)))
    again = open_parquet(str(tmp_path))
    again.deliver(deliveries(visit(0), visit(1), visit(2)))  # more were waiting meanwhile
    assert sorted(table(tmp_path)["visit"].to_pylist()) == ["v0", "v1", "v2"]


def test_another_run_over_the_same_recording_replaces_nothing(tmp_path):
    sink = open_parquet(str(tmp_path))
    sink.deliver([delivery(visit(0), 1), delivery(visit(1), 2)])
    sink.deliver([delivery(visit(0), 3)])
    assert sorted(table(tmp_path)["visit"].to_pylist()) == ["v0", "v0", "v1"]


@pytest.mark.skipif(os.name != "posix", reason="needs the modes of POSIX")
def test_nobody_else_may_read_it(tmp_path):
    open_parquet(str(tmp_path / "events")).deliver(deliveries(visit(0)))
    for each in (tmp_path / "events").rglob("*"):
        assert each.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_any_file_system(tmp_path, kind):
    place = f"file://{tmp_path}/events" if kind == "file" else f"memory://bucket/{tmp_path.name}"
    sink = open_parquet(place)
    sink.deliver(deliveries(visit(0), visit(1)))
    sink.deliver(deliveries(visit(2)))
    system, root = fsspec.core.url_to_fs(place)
    assert table(root, system).num_rows == 3
    assert sink.key == f"parquet:{root if kind == 'file' else place}"


def test_nothing_half_is_seen(tmp_path, monkeypatch):
    sink = open_parquet(str(tmp_path))
    sink.deliver(deliveries(visit(0)))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(DeliveryFailed, match="disk full"):
        sink.deliver(deliveries(visit(1)))
    assert table(tmp_path)["visit"].to_pylist() == ["v0"]


def test_a_store_that_fails_is_tried_again_and_tells_no_secret(monkeypatch):
    sink = open_parquet("memory://bucket/events")
    sink._address = "s3://key:geheim1@bucket/events"

    def fail(*_, **__):
        raise RuntimeError("cannot reach s3://key:geheim1@bucket")

    monkeypatch.setattr(sink._system, "pipe_file", fail)
    with pytest.raises(DeliveryFailed, match=r"\*\*\*") as caught:
        sink.deliver(deliveries(visit(0)))
    assert "geheim1" not in str(caught.value)


def test_batches_are_written_when_time_is_up_or_the_program_ends(tmp_path, outbox, quick):
    sink = open_parquet(f"{tmp_path}/events?every=3600")
    assert sink.linger_s == 3600
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        for number in range(20):
            dispatcher.put(visit(number))
    assert table(tmp_path / "events").num_rows == 20
    assert len(list((tmp_path / "events").rglob("*.parquet"))) == 1


@pytest.mark.parametrize(
    "address", ["", "?every=10", "here?every=often", "here?every=-1", "here?compress=1", "no://x"]
)
def test_what_makes_no_sense_is_refused(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        open_parquet(address)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        open_parquet(str(tmp_path / "file" / "events"))


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] in ("pyarrow", "s3fs"):
            raise ImportError(f"No module named {name}")
        return real(name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        with pytest.raises(ExtraMissing, match=r"vultus\[parquet\]"):
            open_parquet("here")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(ExtraMissing, match="s3fs"):
            open_parquet("s3://bucket/events")
