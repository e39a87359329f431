"""Visits that were, and those that go on."""

from __future__ import annotations

import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vultus.errors import UsageError
from vultus.events.visit import moment_of, utc_text
from vultus.gallery.visits import VisitRecord
from vultus.imaging.pictures import annotated_path
from vultus.server.api.contract import Limit, problems
from vultus.server.api.models import Forgotten
from vultus.server.api.moments import (
    CameraWanted,
    GroupWanted,
    Moment,
    PersonWanted,
    Since,
    Until,
)
from vultus.server.api.names import LONGEST_NAME, router_of
from vultus.server.security.roles import admin, operator, viewer
from vultus.server.services import services_of

router = router_of("visits", viewer)

_LARGEST_PICTURE = 32 * 2**20
_JPEG = b"\xff\xd8\xff"
VisitMark = Annotated[
    str | None,
    Query(
        max_length=LONGEST_NAME,
        pattern="^[^,]{27},.+$",
        description="Go on behind this: `next` of the page before.",
    ),
]
VisitId = Annotated[str, InPath(min_length=1, max_length=200, description="Id of a visit.")]


class VisitInfo(BaseModel):
    """One stay of one person before one camera. Names follow when people are renamed."""

    id: str
    group: str
    person: str | None = Field(None, description="A name of the gallery, or null.")
    stranger: str | None = Field(None, description="Such as `unknown-0001`, or null.")
    camera: str
    open: bool = Field(description="Whether it goes on.")
    probability: float = Field(description="0 to 1; 1 where somebody who knows said who it is.")
    start: datetime.datetime = Field(description="First sight of the face, UTC.")
    end: datetime.datetime = Field(description="Last sight of the face so far, UTC.")
    zone: str | None = None
    picture: str | None = Field(
        None, description="Where the best picture is, for operators; null where none was kept."
    )

    @classmethod
    def of(cls, visit: VisitRecord) -> VisitInfo:
        return cls(
            id=visit.id,
            group=visit.group,
            person=visit.person,
            stranger=visit.stranger,
            camera=visit.camera,
            open=visit.type != "exit",
            probability=round(visit.probability, 6),
            start=visit.start,
            end=visit.end,
            zone=visit.zone,
            picture=picture_of(visit.id) if visit.pictures else None,
        )


class VisitPage(BaseModel):
    """Visits, the newest first."""

    visits: list[VisitInfo]
    next: str | None = Field(None, description="Where the next page goes on; null at the end.")


def picture_of(visit: str) -> str:
    """The path of a visit's best picture."""
    return f"/api/v1/visits/{visit}/picture"


@router.get(
    "/api/v1/visits", summary="List visits", responses=problems(404),
)  # fmt: skip
def list_visits(
    request: Request,
    group: GroupWanted = None,
    person: PersonWanted = None,
    camera: CameraWanted = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    after: VisitMark = None,
) -> VisitPage:
    """Visits of all cameras, the newest first: those that were not over before `since`, and began
    before `until`."""
    found = services_of(request).gallery.visits.find(
        group=group,
        person=person,
        camera=camera,
        since=since,
        until=until,
        after=None if after is None else _place_of(after),
        limit=limit + 1,
    )
    told, last = found[:limit], found[limit - 1 : limit]
    mark = f"{utc_text(last[0].start)},{last[0].id}" if len(found) > limit else None
    return VisitPage(visits=[VisitInfo.of(visit) for visit in told], next=mark)


@router.get(
    "/api/v1/visits/{visit}", summary="Get a visit", responses=problems(404),
)  # fmt: skip
def get_visit(request: Request, visit: VisitId) -> VisitInfo:
    """One visit as it stands."""
    return VisitInfo.of(services_of(request).gallery.visits.get(visit))


@router.get(
    "/api/v1/visits/{visit}/picture", summary="Get a visit's best picture",
    dependencies=[Depends(operator)], response_class=Response,
    responses={**problems(404), 200: {"content": {"image/jpeg": {}}}},
)  # fmt: skip
def get_picture(
    request: Request,
    visit: VisitId,
    annotated: Annotated[bool, Query(description="With box and name.")] = False,
) -> Response:
    """The best picture of a visit, by quality. For operators: who may only view visits sees no
    faces."""
    record = services_of(request).gallery.visits.get(visit)
    return Response(best_picture(record, annotated=annotated), media_type="image/jpeg")


@router.delete(
    "/api/v1/visits", summary="Forget visits", dependencies=[Depends(admin)],
    responses=problems(507),
)  # fmt: skip
async def forget_visits(
    request: Request,
    before: Annotated[Moment, Query(description="Those that were over before this time.")],
) -> Forgotten:
    """Remove the visits that ended before, with their events and pictures."""
    services = services_of(request)
    forget = partial(services.gallery.forget_visits, before=before)
    return Forgotten(forgotten=await services.writers.run(forget))


def best_picture(visit: VisitRecord, *, annotated: bool) -> bytes:
    """The newest picture of a visit that is still on disk, as JPEG.

    Raises:
        HTTPException: 404: there is none.
    """
    for name in reversed(visit.pictures):
        clean = Path(name)
        try:
            path = annotated_path(clean) if annotated else clean
            if path.stat().st_size <= _LARGEST_PICTURE:
                data = path.read_bytes()
                if data.startswith(_JPEG):  # a path of the database, and perhaps an older one
                    return data
        except (OSError, ValueError):
            continue
    raise HTTPException(404, "There is no picture of this visit.")


def _place_of(mark: str) -> tuple[datetime.datetime, str]:
    start, _, visit = mark.partition(",")
    try:
        return moment_of(start), visit
    except ValueError:
        raise UsageError("`after` makes no sense.", "Give `next` of the page before.") from None
