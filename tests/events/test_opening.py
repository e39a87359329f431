"""Addresses: each opens its sink, nonsense is refused at once, secrets stay secret."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import UsageError
from vultus.events.redact import redact, secrets_of, without_secrets
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
        ("http://127.0.0.1:1/a?n=1", "WebhookSink", "http://127.0.0.1:1/a?n=1"),
        ("HTTPS://ada:geheim1@127.0.0.1", "WebhookSink", "HTTPS://127.0.0.1"),
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
    ("address", "shown"),
    [
        ("mqtt://ada:geheim1@host:1883/base", "mqtt://host:1883/base"),
        ("https://ada:geh@eim1@host/p", "https://host/p"),
        ("https://geheim1@host", "https://host"),
        ("https://host?secret=geheim1&n=2", "https://host?secret=***&n=2"),
        ("https://host/p?api_key=geheim1", "https://host/p?api_key=***"),
        ("https://host/p?access_token=geheim1#geheim1", "https://host/p?access_token=***"),
        ("events.jsonl", "events.jsonl"),
        ("https://host/front-door-camera-2/garden", "https://host/front-door-camera-2/garden"),
    ],
)
def test_secrets_are_left_out(address, shown):
    assert redact(address) == shown


def test_two_tokens_are_two_addresses():
    first, second = (f"https://host/api/webhook/{letter * 8}0123456789" for letter in "ab")
    assert redact(first).startswith("https://host/api/webhook/***")
    assert redact(first) != redact(second)
    assert redact(first) == redact(first)
    assert "0123456789" not in redact(first)
    uuid = "https://host/550e8400-e29b-41d4-a716-446655440000"
    assert "550e8400" not in redact(uuid)


@given(st.text("abc:@/?&=%", max_size=12).filter(lambda text: "geheim" not in text))
def test_a_password_is_never_shown(noise):
    address = f"mqtt://u:geheim{noise.replace('/', '').replace('?', '')}@host/{noise}"
    assert "geheim" not in redact(address)


def test_messages_of_others_are_cleaned():
    address = "postgresql://ada:p%40ss9@host/db?password=geheim1"
    text = "cannot connect to postgresql://ada:p%40ss9@host with p@ss9, geheim1"
    assert without_secrets(text, address) == "cannot connect to postgresql://***@host with ***, ***"
    assert secrets_of("events.jsonl") == []
