"""Addresses: each opens its sink, nonsense is refused at once, secrets stay secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from vultus.errors import UsageError, VultusError
from vultus.events.sinks.jsonl import JsonLinesSink
from vultus.events.sinks.opening import open_sink, open_sinks
from vultus.settings import Settings


def opened(address, gallery=None):
    sink = open_sink(address, Settings(), gallery)
    sink.idle() if "127" not in address else None
    sink.close()
    return sink


@pytest.mark.parametrize(
    ("address", "kind", "key"),
    [
        ("events.jsonl", "JsonLinesSink", "jsonl:{here}/events.jsonl"),
        ("new/EVENTS.JSONL", "JsonLinesSink", "jsonl:{here}/new/EVENTS.JSONL"),
        ("events.ndjson", "JsonLinesSink", "jsonl:{here}/events.ndjson"),
        ("jsonl:log", "JsonLinesSink", "jsonl:{here}/log"),
        ("events.csv", "CsvSink", "csv:{here}/events.csv"),
        ("csv:log", "CsvSink", "csv:{here}/log"),
        ("sql:events.db", "SqlSink", "sql:{here}/events.db"),
        ("sql", "SqlSink", "sql:{here}/people.db"),
        ("mqtt://ada:geheim1@127.0.0.1", "MqttSink", "mqtt://127.0.0.1:1883/vultus"),
        ("mqtts://127.0.0.1/home?insecure=1", "MqttSink", "mqtts://127.0.0.1:8883/home"),
        ("http://127.0.0.1:1/a?n=1", "WebhookSink", "http://127.0.0.1:1/***d9323eeb0b"),
        ("HTTPS://ada:geheim1@127.0.0.1", "WebhookSink", "https://127.0.0.1"),
    ],
)
def test_every_address_has_its_sink(address, kind, key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = opened(address, "people.db")
    assert type(sink).__name__ == kind
    assert sink.key == key.format(here=tmp_path)
    assert sink.batch >= 1
    assert opened(address, "people.db").key == sink.key


def test_parquet_has_its_sink(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    monkeypatch.chdir(tmp_path)
    assert opened("parquet:events?every=10").key == f"parquet:{tmp_path}/events"


def test_the_standard_output_is_of_this_run():
    assert opened("-").key != opened("-").key


@pytest.mark.parametrize(
    "address",
    ["", " ", "events", "events.txt", "ftp://host/x", "jsonl:", "csv: ", "-x", "sqlite:///x.db"],
)
def test_nonsense_is_refused(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        opened(address)
    assert "Known are" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["jsonl:{}", "csv:{}", "{}/file/x.jsonl", "parquet:{}/file"])
def test_what_cannot_be_written_is_refused(address, tmp_path):
    (tmp_path / "file").write_text("in the way")
    if address.startswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
    with pytest.raises(UsageError):
        opened(address.format(tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError):
        opened(str(tmp_path / "events.jsonl"))


def test_all_sinks_or_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = open_sinks(["a.jsonl", "b.csv"], Settings(), None)
    assert [sink.key for sink in opened] == [f"jsonl:{tmp_path}/a.jsonl", f"csv:{tmp_path}/b.csv"]
    for sink in opened:
        sink.close()
    closed = []
    monkeypatch.setattr(JsonLinesSink, "close", lambda sink: closed.append(sink.key))
    for addresses in (["a.jsonl", "nonsense"], ["a.jsonl", "jsonl:a.jsonl"]):
        with pytest.raises(UsageError):
            open_sinks(addresses, Settings(), None)
    assert len(closed) == 3


def test_no_sink_is_imported_before_it_is_needed():
    code = (
        "import sys, vultus.events.sinks.opening, vultus.events.dispatcher\n"
        "heavy = {'httpx', 'paho', 'pyarrow', 'fsspec', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "address",
    [
        "mqtt://u:ge/heim@h/x",
        "mqtt://u:1/ge+heim@h/x",
        "mqtt://u:1?geheim@h",
        "mqtt://u:geheim@h?colour=red",
        "mqtts://u:ge?heim@h",
        "mqtt:u:geheim@h",
        "https://u:ge/heim@h/x",
        "https:u:geheim@h/x",
        "https:/u:geheim@h/x",
        "jsonl:https://u:geheim@h/x.jsonl",
        "ftp://u:ge#heim@h",
        "u:geheim@h",
        "sql:postgresql://u:ge/heim@h/db",
        "sql:u:geheim@h/db",
        "sql:mysql://u:geheim@h/db",
        "sql:nothing://u:geheim@h/db",
    ],
)
def test_what_is_refused_tells_no_password(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VultusError) as caught:
        opened(address)
    for secret in ("geheim", "heim@", "'ge'", "ge+"):
        assert secret not in str(caught.value) + repr(caught.value.__cause__)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    ["bot123:ABCdef/sendMessage", "api/webhooks/12/tok", "api/webhook/door", "services/T0/B0/x"],
)
def test_the_path_of_a_webhook_is_a_secret(path):
    keys = {opened(f"https://ada:x@127.0.0.1/{each}").key for each in (path, path, f"{path}2")}
    assert len(keys) == 2
    for key in keys:
        assert re.fullmatch(r"https://127\.0\.0\.1/\*\*\*[0-9a-f]{10}", key)
