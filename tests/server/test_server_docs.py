"""The examples of docs/server.md and of examples/ run as they are printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.api.quick import enrol, quick_server
from tests.server.jobs.zips import photo, zip_bytes

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {"party.jpg": photo("ada", "cyd"), "one.jpg": photo("ada"), "other.jpg": photo("bob")}
PEOPLE = {"ada/1.png": photo("ada", shade=5), "bob/1.png": photo("bob"), "dan/1.png": photo()}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with quick_server(tmp_path_factory.mktemp("docs")) as live:
        assert enrol(live, "friends", "ada").status_code == 200
        yield live


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the examples name."""
    for name, data in {**PICTURES, "people.zip": zip_bytes(PEOPLE)}.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command, **environment):
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_blocks_of_the_page_run(server, folder, capsys):
    page = (ROOT / "docs/server.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    code = "\n".join(blocks).replace("YOUR-KEY", server.key)
    code = re.sub(r"http://127\.0\.0\.1:8000", server.url, code)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102
    names["vultus"].close()
    told = capsys.readouterr().out
    assert "False" in told
    assert "ada 1.0" in told
    assert (names["state"], names["result"]["failed"]) == ("succeeded", 1)


def test_the_program_with_httpx_runs(server, folder):
    program = str(ROOT / "examples/server_client.py")
    told = run([sys.executable, program, server.url, server.key, "people.zip", "party.jpg"])
    assert "dan/1.png shows no face" in told
    assert "party.jpg: ada (100%), near enough" in told
    assert "party.jpg: a stranger" in told


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not there")
def test_the_program_with_curl_runs(server, folder):
    program = str(ROOT / "examples/server_client.sh")
    arguments = [server.url, "ada", "one.jpg", "party.jpg"]
    told = run(["sh", program, *arguments], VULTUS_KEY=server.key)
    assert '"person":"ada"' in told
