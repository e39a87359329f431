"""A server whose faces are coloured squares (see `tests.fakes`), and short ways to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.fakes import fake_analyzer, picture, png
from tests.server.live import Live, live_server, settings_in
from vultus.server import services as services_module

PNG = {"Content-Type": "image/png"}


@contextmanager
def quick_server(folder: Path, **changes: Any) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_module, "Analyzer", fake_analyzer)
        with live_server(settings_in(folder, **changes)) as live:
            yield live


def path_of(group: str, person: str | None = None, *rest: str) -> str:
    """The path of a group or person, whatever they are called."""
    parts = ["/api/v1/groups", quote(group, safe="").replace(".", "%2E")]
    if person is not None:
        parts += ["people", quote(person, safe="").replace(".", "%2E")]
    return "/".join([*parts, *rest])


def enrol(
    live: Live, group: str, person: str, *who: str, shade: int = 0, **options: Any
) -> httpx.Response:
    """Enrol one picture that shows these, or the person alone."""
    content = png(picture(*(who or (person,)), shade=shade))
    path = path_of(group, person, "faces")
    return live.client.post(path, content=content, headers=PNG, params=options)


def face_ids(live: Live, group: str, person: str) -> list[str]:
    return [face["id"] for face in live.client.get(path_of(group, person)).json()["faces"]]


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which must have nothing but the one form."""
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    return answer.status_code, body["error"]["code"]


def headers_of(live: Live, role: str) -> dict[str, str]:
    """The headers of a new key with this role; its name is the role's with a number."""
    names = {record.name for record in live.services.keys.records()}
    name = next(name for name in (f"{role}-{n}" for n in range(1000)) if name not in names)
    key = live.services.keys.create(name, role)
    live.services.ring.forget()
    return {"X-Api-Key": key}
