"""Person groups and large person groups."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vultus.gallery.containers import Container
from vultus.server.azure.router import AzureRouter
from vultus.server.azure.wire import (
    change_in,
    empty,
    flag,
    group_kind,
    new_in,
    page_of,
    told_as,
    without_unset,
)
from vultus.server.services import services_of

router = AzureRouter()

_ID_OF = {"persongroups": "personGroupId", "largepersongroups": "largePersonGroupId"}


@router.put("/persongroups/{wire_id}")
@router.put("/largepersongroups/{wire_id}")
async def create(request: Request, wire_id: str) -> Response:
    """409 where the id is taken, also by a group made here under this name."""
    kind, new = group_kind(request), await new_in(request)
    services = services_of(request)
    make = partial(
        services.containers.create,
        kind,
        wire_id,
        new.title,
        user_data=new.user_data,
        recognition_model=new.recognition_model,
    )
    with told_as(kind):
        await services.writers.run(make)
    return empty()


@router.get("/persongroups")
@router.get("/largepersongroups")
def page(request: Request) -> Response:
    """By id, those made here among them."""
    kind, model = group_kind(request), flag(request, "returnRecognitionModel")
    found = services_of(request).containers.page(kind, page_of(request))
    return JSONResponse([_shown(container, model) for container in found])


@router.get("/persongroups/{wire_id}")
@router.get("/largepersongroups/{wire_id}")
def get(request: Request, wire_id: str) -> Response:
    """One of them, without its people."""
    kind, model = group_kind(request), flag(request, "returnRecognitionModel")
    with told_as(kind):
        found = services_of(request).containers.find(kind, wire_id)
    return JSONResponse(_shown(found, model))


@router.patch("/persongroups/{wire_id}")
@router.patch("/largepersongroups/{wire_id}")
async def update(request: Request, wire_id: str) -> Response:
    """What is not sent stays."""
    kind, change = group_kind(request), await change_in(request)
    services = services_of(request)
    apply = partial(
        services.containers.update,
        kind,
        wire_id,
        title=change.title,
        user_data=change.user_data,
    )
    with told_as(kind):
        await services.writers.run(apply)
    return empty()


@router.delete("/persongroups/{wire_id}")
@router.delete("/largepersongroups/{wire_id}")
async def delete(request: Request, wire_id: str) -> Response:
    """With everybody in it; the id is free then."""
    kind, services = group_kind(request), services_of(request)
    with told_as(kind):
        await services.writers.run(partial(services.containers.delete, kind, wire_id))
    return empty()


def _shown(container: Container, model: bool) -> dict[str, object]:
    """One made here has no recognition model: faces of every one may be looked for in it."""
    return {
        _ID_OF[container.kind]: container.wire_id,
        **without_unset(
            name=container.title,
            userData=container.user_data,
            recognitionModel=container.recognition_model if model else None,
        ),
    }
