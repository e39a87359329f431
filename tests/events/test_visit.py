"""The event: what goes out comes back, and the documentation knows every field."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events.visits import visit
from vultus.events.visit import Shot, Visit, utc_text

names = st.none() | st.text(max_size=30)
numbers = st.floats(-1e6, 1e6)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=timezone.utc)
)
boxes = st.tuples(numbers, numbers, numbers, numbers)
details = st.dictionaries(st.text(max_size=10), st.none() | st.booleans() | numbers, max_size=4)
visits = st.builds(
    Visit,
    id=st.text(min_size=1, max_size=40),
    type=st.sampled_from(["enter", "update", "exit"]),
    sequence=st.integers(0, 2**31 - 1),
    camera=st.text(min_size=1, max_size=40),
    group=names,
    person=names,
    stranger=names,
    probability=st.floats(0, 1),
    start=moments,
    end=moments,
    time=moments,
    media_time=numbers,
    box=boxes,
    zone=names,
    best_shot=st.none() | st.builds(Shot, numbers, boxes, st.floats(0, 1), names),
    attributes=details,
    why=details,
)


@given(visits)
def test_an_event_survives_json(made):
    event = made.to_dict()
    back = Visit.from_dict(json.loads(json.dumps(event)))
    assert back.to_dict() == event
    assert (back.id, back.sequence, back.start) == (made.id, made.sequence, made.start)


def test_times_are_told_in_utc():
    vienna = timezone(timedelta(hours=1))
    assert utc_text(datetime(2026, 11, 21, 9, 30, tzinfo=vienna)) == "2026-11-21T08:30:00.000000Z"


def test_another_schema_is_refused():
    with pytest.raises(ValueError, match="schema 2"):
        Visit.from_dict(visit().to_dict() | {"schema": 2})


def test_who_and_how_long():
    assert visit().who == "Ada"
    assert visit(person=None, stranger="unknown-0001").who == "unknown-0001"
    assert visit(sequence=7).seconds == 7.0
