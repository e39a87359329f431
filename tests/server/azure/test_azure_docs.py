"""docs/azure.md says what is so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.server.azure.clients import person_photo
from tests.server.live import KEY
from vultus.server.azure.attributes import ANSWERED, KNOWN
from vultus.server.azure.paths import PREFIX, VERSIONS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "azure.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_on_the_page_runs(live, block, tmp_path, monkeypatch, capsys):
    shutil.copy(person_photo("obama", 5), tmp_path / "party.jpg")
    monkeypatch.chdir(tmp_path)
    code = block.replace("http://127.0.0.1:8000", live.url).replace("YOUR-KEY", KEY)
    assert code.count(live.url) == code.count(KEY) == 1
    scope: dict[str, object] = {}
    exec(compile(code, "docs/azure.md", "exec"), scope)  # noqa: S102
    if hasattr(scope["client"], "face"):  # the older one is not closed there
        scope["client"].close()
    assert re.search(r"[0-9a-f-]{36} \d\d", capsys.readouterr().out)


def test_both_clients_are_on_the_page():
    assert len(BLOCKS) == 2


def test_every_attribute_is_documented_as_answered_or_not():
    rows = dict(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (yes|not yet) \|", PAGE, re.M))
    told = {name: answer for names, answer in rows.items() for name in re.findall(r"\w+", names)}
    assert told == {name: "yes" if name in ANSWERED else "not yet" for name in KNOWN}


def test_every_version_is_documented():
    for version in VERSIONS:
        assert f"`{version}`" in PAGE or f"/face/{version}`" in PAGE


def test_what_is_said_not_to_be_there_is_not(live):
    for path in ("snapshots", "detectLiveness/singleModal/sessions", "persons", "x", "v9/detect"):
        answer = live.client.post(f"{PREFIX}/v1.0/{path}", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
