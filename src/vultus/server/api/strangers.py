"""Those whom a camera saw and nobody knows."""

from __future__ import annotations

import datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Query, Request

from vultus.gallery.rows import check_name
from vultus.server.api.contract import Limit, body_of, problems, takes
from vultus.server.api.models import Forgotten, Heed, Named, Naming, StrangerInfo, StrangerPage
from vultus.server.api.names import GroupName, Label, router_of
from vultus.server.security.roles import operator
from vultus.server.services import services_of

router = router_of("strangers", operator)
_STRANGERS = "/api/v1/groups/{group}/strangers"
_STRANGER = _STRANGERS + "/{label}"
_CENTURY = 36_500


@router.get(
    _STRANGERS,
    summary="List strangers",
    responses=problems(404),
    response_model_exclude_none=True,
)
def list_strangers(
    request: Request,
    group: GroupName,
    limit: Limit = 100,
    after: Annotated[
        str | None,
        Query(
            pattern=r"^unknown-[0-9]{4,9}$",
            description="Go on behind this label: `next` of the page before.",
        ),
    ] = None,
) -> StrangerPage:
    """Strangers of a group by number, with the number of their visits."""
    strangers = services_of(request).gallery.strangers
    found = strangers.strangers(group, after=after, limit=limit + 1)
    told = [StrangerInfo.of(stranger) for stranger in found[:limit]]
    return StrangerPage(strangers=told, next=told[-1].label if len(found) > limit else None)


@router.delete(
    _STRANGERS, summary="Forget strangers not seen for long", responses=problems(404, 507)
)
async def forget_strangers(
    request: Request,
    group: GroupName,
    unseen_days: Annotated[
        float, Query(ge=0, le=_CENTURY, description="Those who were not seen for so many days.")
    ],
) -> Forgotten:
    """With all visits and their pictures."""
    now = datetime.datetime.now(datetime.timezone.utc)
    since = now - datetime.timedelta(days=unseen_days)
    services = services_of(request)
    forget = partial(services.gallery.forget_strangers, unseen_since=since, group=group)
    return Forgotten(forgotten=await services.writers.run(forget))


@router.patch(
    _STRANGER,
    summary="Ignore a stranger, or heed one again",
    responses=problems(404, 413, 415, 507),
    openapi_extra=takes(Heed),
)
async def heed_stranger(
    request: Request,
    group: GroupName,
    label: Label,
    wished: Annotated[Heed, Depends(body_of(Heed))],
) -> StrangerInfo:
    """Visits of somebody who is ignored, the neighbour or the postman, are not announced."""
    services = services_of(request)
    strangers = services.gallery.strangers

    def heed() -> StrangerInfo:
        strangers.ignore(group, label, ignored=wished.ignored)
        return StrangerInfo.of(strangers.stranger(group, label))

    return await services.writers.run(heed)


@router.delete(
    _STRANGER, summary="Forget a stranger", status_code=204, responses=problems(404, 507)
)
async def forget_stranger(request: Request, group: GroupName, label: Label) -> None:
    """With all visits and their pictures."""
    services = services_of(request)
    await services.writers.run(partial(services.gallery.forget_stranger, label, group=group))


@router.post(
    _STRANGER + "/name",
    summary="Name a stranger",
    responses=problems(404, 413, 415, 507),
    openapi_extra=takes(Naming),
)
async def name_stranger(
    request: Request,
    group: GroupName,
    label: Label,
    wished: Annotated[Naming, Depends(body_of(Naming))],
) -> Named:
    """The best faces are enrolled as that person's, new or known; past visits follow."""
    person, services = check_name(wished.person, "person"), services_of(request)
    name = partial(services.gallery.name_stranger, label, person, group=group)
    visits = await services.writers.run(name)
    return Named(person=person, group=group, visits=visits)
