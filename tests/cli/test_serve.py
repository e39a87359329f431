"""`vultus serve` as a process: keys, port, signals; and what keeps it from starting."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from tests.cli.watch_helpers import ROOT
from tests.events.sinks import wait_for
from vultus.errors import UsageError
from vultus.server.running import listen

KEYS = "/api/v1/keys"
CLIENT = httpx.Client(timeout=30, trust_env=False)


@contextmanager
def serving(folder, **settings):
    """The process and the lines that it told until it listened; killed if it has not ended."""
    around = {name: value for name, value in os.environ.items() if name != "VULTUS_GALLERY"}
    process = subprocess.Popen(
        [sys.executable, "-m", "vultus", "serve", "--port", "0", "--data-dir", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**around, **settings},
    )
    with process:
        try:
            lines = []
            while "listens on" not in "".join(lines):
                lines.append(process.stdout.readline())
                assert lines[-1], process.stderr.read()
            yield process, lines
        finally:
            process.kill()


def url_in(line):
    return re.search(r"http://127\.0\.0\.1:\d+", line)[0]


def ask(url, key=""):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return CLIENT.get(url, headers={"Connection": "close", **headers}).status_code


def end(process, number):
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out, err


def test_the_first_key_is_shown_once_and_goes_on_working(tmp_path):
    with serving(tmp_path) as (process, lines):
        shown, listening = lines
        key = shown.split()[-1]
        assert re.fullmatch(r"Key 'admin', shown this once: vultus_[\w-]{43}\n", shown)
        url = url_in(listening)
        # it listens when it says so: nobody has to try again
        assert ask(url + "/health") == 200
        assert (ask(url + KEYS), ask(url + KEYS, key)) == (401, 200)
        out, err = end(process, signal.SIGTERM)
        assert key not in out + err
        logged = [json.loads(line) for line in err.splitlines() if "access" in line]
        assert [(line["route"], line["status"], line["key"]) for line in logged] == [
            ("/health", 200, None), ("unknown", 401, None), (KEYS, 200, "admin"),
        ]  # fmt: skip
    with pytest.raises(httpx.TransportError):
        ask(url + "/health")
    with serving(tmp_path) as (process, lines):
        (listening,) = lines
        assert ask(url_in(listening) + KEYS, key) == 200
        end(process, signal.SIGINT)
    for path in tmp_path.iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
            assert key.encode() not in path.read_bytes()


def test_a_key_from_the_environment(tmp_path, run):
    with serving(tmp_path, VULTUS_API_KEY="my-own-secret") as (process, lines):
        (listening,) = lines
        url = url_in(listening)
        assert (ask(url + KEYS, "my-own-secret"), ask(url + KEYS, "other")) == (200, 401)
        # its port is taken
        port = url.rpartition(":")[2]
        ran = run("serve", "--port", port, "--data-dir", tmp_path / "other")
        assert (ran.code, ran.stdout) == (2, "")
        assert f"127.0.0.1:{port} cannot be listened on" in ran.stderr
        assert "--port" in ran.stderr
        # another process's change is known within seconds
        made = run(
            "keys", "create", "door", "--role", "viewer", "--gallery", tmp_path / "people.db"
        )
        key = made.stdout.strip()
        wait_for(lambda: ask(url + KEYS, key) == 403)
        _, err = end(process, signal.SIGTERM)
        assert "my-own-secret" not in err


REFUSED = {
    "no port": (["--port", "65536"], {}, 2),
    "no address of this machine": (["--host", "192.0.2.1"], {}, 2),
    "no address": (["--host", "no such host"], {}, 2),
    "a key that is too short": ([], {"VULTUS_API_KEY": "short"}, 2),
    "no such setting": ([], {"VULTUS_SERVER__PROT": "1"}, 2),
    "a log of another kind": (["--log", "xml"], {}, 2),
    "a folder in a file": (["--data-dir", "file/below"], {}, 5),
    "no gallery": (["--data-dir", "."], {}, 4),
}


@pytest.mark.parametrize(("arguments", "settings", "code"), REFUSED.values(), ids=REFUSED)
def test_what_keeps_it_from_starting(run, tmp_path, monkeypatch, arguments, settings, code):
    monkeypatch.setattr("vultus.server.logs.configure", lambda **_: None)
    monkeypatch.delenv("VULTUS_GALLERY")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").touch()
    (tmp_path / "people.db").write_text("This is a shopping list.\n" * 100)
    ran = run("serve", "--port", "0", *arguments)
    assert ran.code == code, ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert settings.get("VULTUS_API_KEY", "-secret-") not in ran.stderr


def test_two_servers_do_not_share_a_port():
    first = listen("127.0.0.1", 0)
    try:
        port = first.getsockname()[1]
        with pytest.raises(UsageError):
            listen("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # who comes early waits
    finally:
        first.close()
