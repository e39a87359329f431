"""What questions about visits and events have in common: times, and who, where."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator

from vultus.server.api.names import LONGEST_NAME

_YEAR = re.compile(r"\d{4}-")


def _written_as_a_time(value: object) -> object:
    """A number would pass as seconds since 1970: who writes 2026 means the year."""
    if isinstance(value, str) and not _YEAR.match(value):
        raise ValueError("no time in ISO 8601")
    return value


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; without a zone it is taken for UTC.

    Raises:
        ValueError: it lies before the first year, or after the last.
    """
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError("no time that a calendar has") from error


_TIME = "ISO 8601, such as 2026-11-21T08:30:00Z; without a zone it is UTC."
Moment = Annotated[datetime, BeforeValidator(_written_as_a_time), AfterValidator(in_utc)]
Since = Annotated[Moment | None, Query(description=f"From then on. {_TIME}")]
Until = Annotated[Moment | None, Query(description=f"Before then. {_TIME}")]
GroupWanted = Annotated[str | None, Query(max_length=LONGEST_NAME, description="Of this group.")]
PersonWanted = Annotated[
    str | None,
    Query(max_length=LONGEST_NAME, description="A person's name, or a stranger's label."),
]
CameraWanted = Annotated[
    str | None, Query(max_length=LONGEST_NAME, description="Before this camera.")
]
