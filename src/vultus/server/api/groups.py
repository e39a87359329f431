"""Groups of people."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from vultus.gallery.rows import check_name
from vultus.server.api.contract import After, Limit, body_of, problems, takes
from vultus.server.api.models import GroupInfo, GroupPage, NewName
from vultus.server.api.names import GroupName, router_of
from vultus.server.security.roles import operator
from vultus.server.services import services_of

router = router_of("groups", operator)


@router.get(
    "/api/v1/groups",
    summary="List groups",
    responses=problems(),
    response_model_exclude_none=True,
)
def list_groups(request: Request, limit: Limit = 100, after: After = None) -> GroupPage:
    """Groups by name, with the number of their people and faces."""
    found = services_of(request).gallery.groups(after=after, limit=limit + 1)
    told = [GroupInfo.of(group) for group in found[:limit]]
    return GroupPage(groups=told, next=told[-1].name if len(found) > limit else None)


@router.post(
    "/api/v1/groups",
    summary="Make an empty group",
    status_code=201,
    responses=problems(409, 413, 415, 507),
    response_model_exclude_none=True,
    openapi_extra=takes(NewName),
)
async def create_group(
    request: Request, wished: Annotated[NewName, Depends(body_of(NewName))]
) -> GroupInfo:
    """Enrolling makes groups too; this one is for a group that has nobody yet."""
    name, services = check_name(wished.name, "group"), services_of(request)

    def create() -> GroupInfo:
        services.gallery.create_group(name)
        return GroupInfo.of(services.gallery.group(name))

    return await services.writers.run(create)


@router.get(
    "/api/v1/groups/{group}",
    summary="Get a group",
    responses=problems(404),
    response_model_exclude_none=True,
)
def get_group(request: Request, group: GroupName) -> GroupInfo:
    """One group, with the number of its people and faces."""
    return GroupInfo.of(services_of(request).gallery.group(group))


@router.patch(
    "/api/v1/groups/{group}",
    summary="Rename a group",
    responses=problems(404, 409, 413, 415, 507),
    response_model_exclude_none=True,
    openapi_extra=takes(NewName),
)
async def rename_group(
    request: Request, group: GroupName, wished: Annotated[NewName, Depends(body_of(NewName))]
) -> GroupInfo:
    """Give a group another name. Cameras go on looking for the old one."""
    name, services = check_name(wished.name, "group"), services_of(request)

    def rename() -> GroupInfo:
        services.gallery.rename_group(group, name)
        return GroupInfo.of(services.gallery.group(name))

    return await services.writers.run(rename)


@router.delete(
    "/api/v1/groups/{group}",
    summary="Remove a group",
    status_code=204,
    responses=problems(404, 507),
)
async def remove_group(request: Request, group: GroupName) -> None:
    """Remove a group with all its people, faces, strangers, visits and their pictures."""
    services = services_of(request)
    await services.writers.run(partial(services.gallery.remove_group, group))
