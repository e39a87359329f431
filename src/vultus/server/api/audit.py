"""Who changed what about whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from vultus.server.api.contract import Limit, problems
from vultus.server.api.models import Change, ChangePage
from vultus.server.api.moments import Since
from vultus.server.api.names import router_of
from vultus.server.security.roles import admin
from vultus.server.services import services_of

router = router_of("audit", admin)
_LONGEST = 200
_LAST_ID = 2**53  # more is none that JSON can tell exactly


@router.get(
    "/api/v1/audit",
    summary="List changes of people",
    responses=problems(),
    response_model_exclude_none=True,
)
def list_changes(
    request: Request,
    subject: Annotated[
        str | None,
        Query(max_length=_LONGEST, description="Id of a person or face, or a group's name."),
    ] = None,
    actor: Annotated[
        str | None, Query(max_length=_LONGEST, description="Name of a key, or `local:USER`.")
    ] = None,
    since: Since = None,
    before: Annotated[
        int | None,
        Query(ge=1, le=_LAST_ID, description="Go on behind this: `next` of the page before."),
    ] = None,
    limit: Limit = 100,
) -> ChangePage:
    """The newest first. Nothing takes a row away; no row has the name of a person."""
    audit = services_of(request).gallery.audit
    found = audit.find(subject=subject, actor=actor, since=since, before_id=before, limit=limit + 1)
    told = [Change.of(record) for record in found[:limit]]
    return ChangePage(changes=told, next=told[-1].id if len(found) > limit else None)
