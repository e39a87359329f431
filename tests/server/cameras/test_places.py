"""Where a camera of the server may write."""

from __future__ import annotations

from pathlib import Path

import pytest

from vultus.errors import UsageError
from vultus.server.cameras.places import inside, sink_within

DATA = Path("/data/cameras")


@pytest.mark.parametrize("path", ["door.mp4", "a/b/door.mp4", "door.d/..door", "Tür 1.mp4"])
def test_paths_lie_below_the_folder(path):
    assert inside(DATA, path, "record") == DATA / path


@pytest.mark.parametrize(
    "path",
    ["/nowhere/x", "../people.db", "a/../../b", "..", "", ".", "~/a", "~root", "a\nb", "\0"],
)
def test_paths_that_lead_elsewhere(path):
    with pytest.raises(UsageError, match="record"):
        inside(DATA, path, "record")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://u:p@host/base", "mqtt://u:p@host/base"),
        ("https://host/path", "https://host/path"),
        ("events.jsonl", "jsonl:/data/cameras/events.jsonl"),
        ("a/events.NDJSON", "jsonl:/data/cameras/a/events.NDJSON"),
        ("events.csv", "csv:/data/cameras/events.csv"),
        ("csv:events.txt", "csv:/data/cameras/events.txt"),
        ("JSONL:events", "jsonl:/data/cameras/events"),
        ("parquet:events?every=5", "parquet:/data/cameras/events?every=5"),
        ("parquet:s3://bucket/events", "parquet:s3://bucket/events"),
        ("sql:events.db", "sql:/data/cameras/events.db"),
        ("sql:postgresql+psycopg://u@h/d", "sql:postgresql+psycopg://u@h/d"),
        ("sql", None),
        ("sql:", None),
    ],
)
def test_sinks(address, expected):
    assert sink_within(DATA, address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "-", "", "events", "/srv/events.jsonl", "../events.jsonl", "jsonl:/srv/events", "jsonl:",
        "jsonl:../x", "csv:~/x", "parquet:/srv/x", "parquet:file:///srv/x", "parquet:local://x",
        "parquet:simplecache::s3://b", "parquet:memory://x", "parquet:", "sql:/srv/x.db",
        "sql:sqlite:////srv/x.db", "sql:sqlite://x", "sql:mysql://h/d", "sql:u:p@host", "ftp://h/x",
        "file:///srv/x.jsonl", "gopher:x", "sql:postgresqlite://x",
    ],
)  # fmt: skip
def test_no_sinks(address):
    with pytest.raises(UsageError, match="to"):
        sink_within(DATA, address)


def test_a_refused_sink_shows_no_secret():
    with pytest.raises(UsageError) as told:
        sink_within(DATA, "ftp://user:geheim@host/x")
    assert "geheim" not in str(told.value)
