"""Times as people read them: in the configured zone. What is stored is UTC."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import lru_cache

from vultus.errors import UsageError


def local_text(moment: datetime, time_zone: str | None) -> str:
    """`2026-11-21 09:30:00` in an IANA zone, or in the machine's.

    Raises:
        UsageError: there is no such zone.
    """
    return moment.astimezone(_zone(time_zone)).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=8)
def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"There is no time zone {name!r}.", "Name one like Europe/Vienna."
        ) from error
