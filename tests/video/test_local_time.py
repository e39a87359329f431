from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from vultus.errors import UsageError
from vultus.video.local_time import local_text

MORNING = datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2026-11-21 08:30:00"),
        ("Europe/Vienna", "2026-11-21 09:30:00"),
        ("Asia/Kolkata", "2026-11-21 14:00:00"),
        ("Pacific/Auckland", "2026-11-21 21:30:00"),
        ("Pacific/Honolulu", "2026-11-20 22:30:00"),
    ],
)
def test_times_are_shown_in_the_zone(zone, text):
    assert local_text(MORNING, zone) == text


def test_summer_time():
    assert local_text(datetime(2026, 7, 1, 8, tzinfo=timezone.utc), "Europe/Vienna").endswith(
        "10:00:00"
    )


def test_the_zone_of_the_moment_does_not_matter():
    elsewhere = MORNING.astimezone(timezone(timedelta(hours=-7)))
    assert local_text(elsewhere, "Europe/Vienna") == local_text(MORNING, "Europe/Vienna")


def test_the_machines_own_zone_where_none_is_set(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert local_text(MORNING, None) == "2026-11-21 17:30:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("zone", ["Nowhere/Atlantis", "", "../../etc/passwd", "Europe", "a\0b"])
def test_a_zone_that_is_not_there(zone):
    with pytest.raises(UsageError, match="time zone"):
        local_text(MORNING, zone)
