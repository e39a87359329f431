"""Keys of the API."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.responses import Response

from vultus.errors import UsageError
from vultus.server.api.contract import body_of, problems, takes
from vultus.server.api.models import KeyInfo, KeyList, MadeKey, NewKey
from vultus.server.api.names import router_of
from vultus.server.security.roles import Principal, admin
from vultus.server.services import services_of

router = router_of("keys", admin)


@router.get(
    "/api/v1/keys",
    summary="List keys",
    responses=problems(),
    response_model_exclude_none=True,
)
def list_keys(request: Request) -> KeyList:
    """All keys that ever were, by name; never the keys themselves."""
    return KeyList(keys=[KeyInfo.of(record) for record in services_of(request).keys.records()])


@router.post(
    "/api/v1/keys",
    summary="Make a key",
    status_code=201,
    responses=problems(409, 413, 415, 507),
    openapi_extra=takes(NewKey),
)
async def create_key(
    request: Request, response: Response, wished: Annotated[NewKey, Depends(body_of(NewKey))]
) -> MadeKey:
    """The answer has the key, this once: only its digest is kept. It is good at once."""
    services = services_of(request)
    key = await services.writers.run(partial(services.keys.create, wished.name, wished.role))
    services.ring.forget()
    response.headers["Cache-Control"] = "no-store"
    return MadeKey(name=wished.name, role=wished.role, key=key)


@router.delete(
    "/api/v1/keys/{name}", summary="Revoke a key", status_code=204, responses=problems(404, 507)
)
async def revoke_key(
    request: Request,
    name: Annotated[str, Path(min_length=1, max_length=64, description="The key's name.")],
    principal: Annotated[Principal, Depends(admin)],
) -> None:
    """It is worth nothing from now on. A key cannot revoke itself: nobody locks themselves out."""
    if name == principal.name:
        raise UsageError("A key cannot revoke itself.", "Use another admin's key.")
    services = services_of(request)
    await services.writers.run(partial(services.keys.revoke, name))
    services.ring.forget()
