"""docs/events.md says what there is, and its Python runs."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.events.visits import visit
from vultus.events.encoding import COLUMNS
from vultus.events.sinks.mqtt_address import _OPTIONS
from vultus.events.sinks.opening import _OPENERS
from vultus.events.verify import sign
from vultus.events.visit import Visit
from vultus.gallery.schema import events

PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text("utf-8")


def section(title):
    return re.search(rf"^###? {title}\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S).group(1)


def test_every_field_is_documented():
    documented = set(re.findall(r"^\| `(\w+)`", section("The event"), re.M))
    event = visit().to_dict()
    assert documented == set(event) | set(event["best_shot"])


def test_the_example_is_an_event():
    block = re.search(r"```json\n(.*?)```", PAGE, re.S).group(1)
    assert Visit.from_dict(json.loads(block)).to_dict() == json.loads(block)


def test_every_sink_and_option_is_documented():
    for scheme in _OPENERS:
        assert re.search(rf"`{re.escape(scheme)}[:`]", section("Sinks")), scheme
    for option in _OPTIONS["mqtts"]:
        assert f"`{option}`" in section("MQTT")


@pytest.mark.parametrize(
    ("title", "columns"), [("CSV", COLUMNS), ("SQL", [column.name for column in events.columns])]
)
def test_every_column_is_documented(title, columns):
    assert set(columns) <= set(re.findall(r"`(\w+)`", section(title)))


def test_the_two_sentences_are_there():
    assert "Never drive a lock from a face match alone" in PAGE
    assert "biometric personal data" in PAGE


def test_the_receiver_runs(capsys):
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "docs/events.md", "exec"), scope)  # noqa: S102
    body = json.dumps(visit().to_dict()).encode()
    headers = {"X-Vultus-Signature": sign(body, scope["SECRET"], int(time.time()))}
    assert scope["receive"](body, headers) == 204
    assert scope["receive"](body, headers) == 204
    assert capsys.readouterr().out == "enter Ada\n"
    assert scope["receive"](body + b" ", headers) == 401
    assert scope["receive"](body, {}) == 401
