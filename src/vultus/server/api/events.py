"""What the cameras tell: events that were, and those that come."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from vultus.errors import VisitUnknown
from vultus.events.log import EventFilter, EventLog, Name
from vultus.server.api.contract import Limit, problems
from vultus.server.api.moments import CameraWanted, GroupWanted, PersonWanted, Since, Until
from vultus.server.api.names import LONGEST_NAME, router_of
from vultus.server.api.visits import picture_of
from vultus.server.cameras.feed import Event, Gap, Listener, TooSlow, name_of
from vultus.server.security.roles import viewer
from vultus.server.services import services_of
from vultus.server.streams import EndlessResponse

router = router_of("events", viewer)

_EVENT = r"^.+:[0-9]{1,9}$"
HEARTBEAT_S = 15.0
_RETRY_MS = 2000


_LONGEST_EVENT = LONGEST_NAME + 10
EventMark = Annotated[
    str | None,
    Query(
        max_length=_LONGEST_EVENT,
        pattern=_EVENT,
        description="Go on behind this event, VISIT:SEQUENCE; `next` of the page before.",
    ),
]


class EventPage(BaseModel):
    """Events as docs/events.md describes them; a picture is named by its path on this server."""

    events: list[dict[str, Any]]
    next: str | None = Field(None, description="Where the next page goes on; null at the end.")


async def wanted_events(
    group: GroupWanted = None, person: PersonWanted = None, camera: CameraWanted = None
) -> EventFilter:
    """Which events are asked for."""
    return EventFilter(group, person, camera)


Wanted = Annotated[EventFilter, Depends(wanted_events)]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which come first.")]


@router.get("/api/v1/events", summary="List events", responses=problems(404))
def list_events(
    request: Request,
    wanted: Wanted,
    since: Since = None,
    until: Until = None,
    order: Order = "oldest",
    limit: Limit = 100,
    after: EventMark = None,
) -> EventPage:
    """Events as they were told then, in the order in which they were written."""
    found = find_events(
        services_of(request).cameras.events,
        wanted,
        since=since,
        until=until,
        after=None if after is None else _name_of(after),
        newest_first=order == "newest",
        limit=limit + 1,
    )
    told = [shown_event(event) for event in found[:limit]]
    return EventPage(events=told, next=_id_of(told[-1]) if len(found) > limit else None)


@router.get(
    "/api/v1/events/stream",
    summary="Follow events",
    response_class=Response,
    responses={**problems(), 200: {"content": {"text/event-stream": {}}}},
)
async def follow_events(
    request: Request,
    wanted: Wanted,
    after: EventMark = None,
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=_LONGEST_EVENT, pattern=_EVENT, description="As `after`; goes before it."
        ),
    ] = None,
) -> Response:
    """Every new event as a server-sent event, until one of both sides has enough.

    Its id is VISIT:SEQUENCE; sent back as Last-Event-ID, nothing is lost and nothing comes twice.
    A comment comes every 15 seconds. Where the event asked for has been forgotten, an event
    `gap` comes first, and then those from now on.
    """
    asked = last_event_id or after
    mark = None if asked is None else _name_of(asked)
    services = services_of(request)
    feed = services.cameras.feed
    listener = feed.listen(wanted, mark)
    return EndlessResponse(
        event_stream(listener, asked),
        media_type="text/event-stream",
        stopping=services.stopping,
        ended=lambda: feed.leave(listener),
    )


def find_events(log: EventLog, wanted: EventFilter, **asked: Any) -> list[Event]:
    """As `EventLog.find`.

    Raises:
        VisitUnknown: there is no event `after`.
    """
    try:
        return log.find(wanted, **asked)
    except LookupError:
        raise VisitUnknown("There is no event `after`.", "It may have been forgotten.") from None


def shown_event(event: Event) -> Event:
    """An event without the paths of this machine."""
    shot = event["best_shot"]
    if not shot or not shot["picture"]:
        return event
    return {**event, "best_shot": {**shot, "picture": picture_of(event["visit"])}}


async def event_stream(listener: Listener, after: str | None) -> AsyncGenerator[bytes, None]:
    """Server-sent events, as bytes. after: what a listener that goes on asked for."""
    yield f"retry: {_RETRY_MS}\n\n".encode()
    while True:
        try:
            event = await listener.next(HEARTBEAT_S)
        except Gap:
            yield _sent("gap", {"after": after})
        except TooSlow:
            yield b": too slow; go on with Last-Event-ID\n\n"
            return
        else:
            yield b":\n\n" if event is None else _sent_event(event)


def _sent_event(event: Event) -> bytes:
    return f"id: {_id_of(event)}\n".encode() + _sent(event["type"], shown_event(event))


def _sent(kind: str, data: dict[str, Any]) -> bytes:
    text = json.dumps(data, ensure_ascii=False)  # never a line end: JSON writes them as \n
    return f"event: {kind}\ndata: {text}\n\n".encode()


def _id_of(event: Event) -> str:
    visit, sequence = name_of(event)
    return f"{visit}:{sequence}"


def _name_of(text: str) -> Name:
    visit, _, sequence = text.rpartition(":")
    return visit, int(sequence)
