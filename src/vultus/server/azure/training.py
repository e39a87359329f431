"""Training of groups and large face lists, and how it goes."""

from __future__ import annotations

import datetime
import re
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vultus.server.azure.router import AzureRouter
from vultus.server.azure.wire import any_kind, empty, told_as, without_unset
from vultus.server.services import services_of

router = AzureRouter()

_POLL_S = "1"  # without it the newer client asks every 30 seconds only
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}\Z")


@router.post("/persongroups/{wire_id}/train")
@router.post("/largepersongroups/{wire_id}/train")
@router.post("/largefacelists/{wire_id}/train")
async def train(request: Request, wire_id: str) -> Response:
    """Begins; the address in Operation-Location tells when it has ended."""
    kind, services = any_kind(request), services_of(request)
    with told_as(kind):
        await services.writers.run(partial(services.trainer.train, kind, wire_id))
    headers = {
        "Operation-Location": _absolute(request, f"/{kind}/{wire_id}/training"),
        "Retry-After": _POLL_S,
    }
    return empty(202, headers)


@router.get("/persongroups/{wire_id}/training")
@router.get("/largepersongroups/{wire_id}/training")
@router.get("/largefacelists/{wire_id}/training")
def state(request: Request, wire_id: str) -> Response:
    """How the last training went."""
    kind = any_kind(request)
    with told_as(kind):
        found = services_of(request).trainer.state(kind, wire_id)
    answer = without_unset(
        status=found.status,
        createdDateTime=_iso(found.created_at),
        lastActionDateTime=_iso(found.action_at),
        lastSuccessfulTrainingDateTime=_iso(found.success_at),
        message=found.message,
    )
    return JSONResponse(answer, headers={"Retry-After": _POLL_S})


def _absolute(request: Request, path: str) -> str:
    """An address as the client reaches this server; relative to the base where it did not say."""
    host = request.headers.get("host", "")
    if not _HOST.match(host):
        return path
    return f"{request.scope['scheme']}://{host}{request.scope['azure'].base}{path}"


def _iso(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat(timespec='microseconds')}Z"
