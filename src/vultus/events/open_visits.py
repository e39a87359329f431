"""The outbox's memory of visits that have entered and not exited."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vultus.events.visit import Visit

INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class OpenVisit:
    """run: that told the visit's last event."""

    visit: Visit
    run: str


def find_all(connection: sqlite3.Connection, camera: str | None) -> list[OpenVisit]:
    """Of one camera or, with None, of all."""
    rows = connection.execute(
        "SELECT body, run FROM open_visits"
        " WHERE :camera IS NULL OR camera = :camera ORDER BY rowid",
        {"camera": camera},
    ).fetchall()
    return [OpenVisit(Visit.from_dict(json.loads(body)), run) for body, run in rows]


def find(connection: sqlite3.Connection, visit: str) -> OpenVisit | None:
    row = connection.execute(
        "SELECT body, run FROM open_visits WHERE visit = ?", (visit,)
    ).fetchone()
    return row and OpenVisit(Visit.from_dict(json.loads(row[0])), row[1])


def remember(connection: sqlite3.Connection, visit: Visit, body: str, run: str) -> None:
    """Take note of an event: the visit goes on, or it is over."""
    if visit.type == "exit":
        connection.execute("DELETE FROM open_visits WHERE visit = ?", (visit.id,))
    else:
        connection.execute(
            "INSERT INTO open_visits (visit, camera, run, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (visit) DO UPDATE SET run = excluded.run, body = excluded.body",
            (visit.id, visit.camera, run, body),
        )


def refresh(connection: sqlite3.Connection, visits: Sequence[Visit], run: str) -> None:
    """Take over when and where the faces of these were last seen, and nothing else."""
    for visit in visits:
        held = find(connection, visit.id)
        if held is None or held.run != run:
            continue
        seen = replace(
            held.visit,
            end=max(held.visit.end, visit.end),
            media_time=visit.media_time,
            box=visit.box,
            zone=visit.zone,
        )
        connection.execute(
            "UPDATE open_visits SET body = ? WHERE visit = ?", (body_of(seen), visit.id)
        )


def missing_exit(visit: Visit, now: datetime) -> Visit:
    """The `exit` that a crash kept a visit from. end stays when the face was last seen."""
    return replace(
        visit,
        type="exit",
        sequence=visit.sequence + 1,
        time=now,
        why={"rule": INTERRUPTED},
    )


def is_missing_exit(visit: Visit) -> bool:
    return visit.type == "exit" and visit.why.get("rule") == INTERRUPTED


def body_of(visit: Visit) -> str:
    """The event as JSON. Raises ValueError for what JSON cannot say."""
    event: dict[str, Any] = visit.to_dict()
    text = json.dumps(event, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="replace").decode()  # a path may hold what is no Unicode
