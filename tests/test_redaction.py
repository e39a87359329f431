"""One rule for what is shown of addresses, wherever they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.redaction import key_of, redact, redact_address, secrets_of, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mqtt://ada:hush@host:1883/base", "mqtt://ada:***@host:1883/base"),
        ("mqtt://u:hu/sh@h/x", "mqtt://u:***@h/x"),
        ("https://u:p/w@h/x", "https://u:***@h/x"),
        ("https://u:1/w@h/x", "https://u:***@h/x"),
        ("rtsp://u:12?34@host/x", "rtsp://u:***@host/x"),
        ("https://ada:hu@sh@host/p", "https://ada:***@host/p"),
        ("https://hush@host", "https://***@host"),
        ("https://host?secret=hush&n=2", "https://host?secret=***&n=***"),
        ("https://host/?user=hush", "https://host/?user=***"),
        ("https://host/p?channel=1", "https://host/p?channel=1"),
        ("https://host/p?email=a@b", "https://host/p?email=***"),
        ("http://host:80/x?e=a@b&code=hush", "http://host:***@b?code=***"),
        ("https://host/p?access_token=hush#hush", "https://host/p?access_token=***"),
        ("https://api.telegram.org/bot123:AB-c/send", "https://api.telegram.org/***/send"),
        ("https://discord.com/api/webhooks/12/ab", "https://discord.com/api/webhooks/***/***"),
        ("http://ha:8123/api/webhook/door", "http://ha:8123/api/webhook/***"),
        (
            "https://hooks.slack.com/services/T0/B0/x",
            "https://hooks.slack.com/services/***/***/***",
        ),
        ("rtsp://nvr:7447/abcDEF0123456789", "rtsp://nvr:7447/***"),
        ("https://h/550e8400-e29b-41d4-a716-446655440000", "https://h/***"),
        ("https://host/front-door-camera-2/garden", "https://host/front-door-camera-2/garden"),
    ],
)
def test_secrets_are_hidden(address, shown):
    assert redact_address(address) == shown
    assert redact(f"no '{address}', {address}") == f"no '{shown}', {shown}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("events.jsonl", "events.jsonl"),
        ("admin:hush@10.0.0.3/live", "admin:***@10.0.0.3/live"),
        ("mqtt:u:hush@h", "mqtt:***@h"),
        ("http://u:hush hush@host/", "http://u:***@host/"),
    ],
)
def test_what_is_hardly_an_address(address, shown):
    assert redact_address(address) == shown


@given(st.text("abc1:@/?#&;=% ", max_size=12), st.text("abc:/?&=%", max_size=12))
def test_a_password_is_never_shown(noise, rest):
    address = f"mqtt://u:geheim{noise}GEHEIM@host/{rest}"
    for told in (redact_address(address), key_of(address), key_of(address, show_path=False)):
        assert "geheim" not in told.lower()
    assert "geheim" not in without_secrets(f"no {address}", address).lower()


def test_keys_are_stable_and_different_and_tell_nothing():
    addresses = [
        f"https://host/{path}"
        for path in (
            "bot1:A/x",
            "bot1:B/x",
            "api/webhook/a",
            "api/webhook/b",
            "m?token=a",
            "m?token=b",
        )
    ]
    for show in (True, False):
        keys = [key_of(address, show_path=show) for address in addresses]
        assert len(set(keys)) == len(keys)
        assert keys == [key_of(address, show_path=show) for address in addresses]
    assert key_of(addresses[0], show_path=False) == "https://host/***019ecda3fe"  # for ever
    assert key_of("postgresql://ada:a@Host/db") == "postgresql://host/db"
    assert key_of("postgresql://bob:b@host/db?password=c") == "postgresql://host/db"
    assert key_of("postgresql://host/db?host=a") != key_of("postgresql://host/db?host=b")
    assert key_of("http://h:80/x?e=a@b") != key_of("http://h:80/y?e=a@b")
    assert key_of("https://host/", show_path=False) == "https://host"


def test_messages_of_others_are_cleaned():
    address = "postgresql://ada:p%40ss9@host/db?password=hush1"
    text = "cannot connect to postgresql://ada:p%40ss9@host with p@ss9, hush1"
    assert without_secrets(text, address) == "cannot connect to postgresql://***@host with ***, ***"
    assert secrets_of("events.jsonl") == []


def test_the_path_of_a_webhook_is_cleaned_away():
    address = "https://h/api/webhook/porch?id=hush1"
    text = "404: /api/webhook/porch?id=hush1, no porch"
    assert without_secrets(text, address, whole_path=True) == "404: ***, no ***"
    assert "porch" not in without_secrets("no porch", address)
    assert without_secrets("no door of h", "https://h/door", whole_path=True) == "no *** of h"
