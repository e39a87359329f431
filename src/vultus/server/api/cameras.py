"""Cameras that the server watches."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncGenerator
from functools import partial
from threading import Event
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vultus.errors import CameraDown, ContentRefused, UsageError
from vultus.server.api.contract import problems
from vultus.server.api.names import router_of
from vultus.server.bodies import drain, read_json
from vultus.server.cameras.manager import CameraView
from vultus.server.cameras.options import CameraOptions, shown
from vultus.server.cameras.preview import Peephole
from vultus.server.security.roles import admin, operator
from vultus.server.services import Services, services_of
from vultus.server.streams import EndlessResponse
from vultus.video.camera import LONGEST_NAME

router = router_of("cameras", operator)

_LARGEST_BODY = 2**18
_BOUNDARY = "vultus-frame"
_LOOK_S = 0.02
_FRAME_S = 5.0  # a snapshot waits so long for a frame
_SILENT_S = 10.0  # a preview that shows nothing new for so long ends

CameraName = Annotated[
    str, Path(min_length=1, max_length=LONGEST_NAME, description="Name of a camera.")
]
Width = Annotated[
    int, Query(ge=64, le=3840, description="In pixels; never more than the video has.")
]
Annotate = Annotated[bool, Query(description="With boxes and names.")]
_ADMIN = [Depends(admin)]


class CameraInfo(BaseModel):
    """A camera as it was added, and how it stands."""

    name: str
    options: dict[str, Any] = Field(
        description="What was given, passwords and tokens as ***; docs/video.md has all options."
    )
    created_at: datetime.datetime
    status: dict[str, Any] = Field(
        description="State and counters as in docs/video.md; also the state `stopped`."
    )
    restarts: int = Field(description="How often it failed and was begun again.")

    @classmethod
    def of(cls, view: CameraView) -> CameraInfo:
        return cls(
            name=view.record.name,
            options=shown(view.record.options),
            created_at=view.record.created_at,
            status=view.status.to_dict(),
            restarts=view.restarts,
        )


class CameraList(BaseModel):
    """All cameras by name."""

    cameras: list[CameraInfo]


async def json_object(request: Request) -> dict[str, Any]:
    """The body, a JSON object.

    Raises:
        UsageError: it is none. ContentRefused: it is something else. BodyTooLarge.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        await drain(request)
        raise ContentRefused(f"{kind[:100]!r} is not understood here.", "Send JSON.")
    found = await read_json(request, _LARGEST_BODY)
    if not isinstance(found, dict):
        raise UsageError("The body is no JSON object.", "Send a camera: name and source at least.")
    return found


Values = Annotated[dict[str, Any], Depends(json_object)]


def _inlined(schema: Any, found: dict[str, Any]) -> Any:
    """A schema without references, which mean something else within an OpenAPI document."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name:
            return _inlined(found[name], found)
        return {key: _inlined(value, found) for key, value in schema.items() if key != "$defs"}
    return [_inlined(each, found) for each in schema] if isinstance(schema, list) else schema


def _takes_camera(*, named: bool) -> dict[str, Any]:
    whole = CameraOptions.model_json_schema()
    schema = _inlined(whole, whole.get("$defs", {}))
    schema["required"] = ["name", "source"] if named else ["source"]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.get("/api/v1/cameras", summary="List cameras", responses=problems())
def list_cameras(request: Request) -> CameraList:
    """All cameras with their states and counters."""
    views = services_of(request).cameras.views()
    return CameraList(cameras=[CameraInfo.of(view) for view in views])


@router.post(
    "/api/v1/cameras",
    summary="Add a camera",
    status_code=201,
    dependencies=_ADMIN,
    responses=problems(404, 409, 413, 415, 507),
    openapi_extra=_takes_camera(named=True),
)
async def add_camera(request: Request, values: Values) -> CameraInfo:
    """Watch a camera from now on, also after a restart of the server.

    It is added even if it cannot be reached yet: its state says how it stands.
    """
    services = services_of(request)
    add = partial(services.cameras.add, values)
    return CameraInfo.of(await services.camera_changes.run(add))


@router.get("/api/v1/cameras/{camera}", summary="Get a camera", responses=problems(404))
def get_camera(request: Request, camera: CameraName) -> CameraInfo:
    """One camera with its state and counters."""
    return CameraInfo.of(services_of(request).cameras.view(camera))


@router.put(
    "/api/v1/cameras/{camera}",
    summary="Change a camera",
    dependencies=_ADMIN,
    responses=problems(404, 413, 415, 507),
    openapi_extra=_takes_camera(named=False),
)
async def replace_camera(request: Request, camera: CameraName, values: Values) -> CameraInfo:
    """Replace all options of a camera, and begin it anew.

    An address sent as it was shown, with ***, stays as it was.
    """
    services = services_of(request)
    replace = partial(services.cameras.replace, camera, values)
    return CameraInfo.of(await services.camera_changes.run(replace))


@router.delete(
    "/api/v1/cameras/{camera}",
    summary="Remove a camera",
    status_code=204,
    dependencies=_ADMIN,
    responses=problems(404, 507),
)
async def remove_camera(request: Request, camera: CameraName) -> None:
    """Stop watching a camera and forget it. Its visits, events and pictures stay."""
    services = services_of(request)
    await services.camera_changes.run(partial(services.cameras.remove, camera))


@router.post(
    "/api/v1/cameras/{camera}/start",
    summary="Watch a camera",
    dependencies=_ADMIN,
    responses=problems(404, 507),
)
async def start_camera(request: Request, camera: CameraName) -> CameraInfo:
    """Watch a camera that was stopped; one that has ended begins anew."""
    return await _enable(services_of(request), camera, enabled=True)


@router.post(
    "/api/v1/cameras/{camera}/stop",
    summary="Stop watching a camera",
    dependencies=_ADMIN,
    responses=problems(404, 507),
)
async def stop_camera(request: Request, camera: CameraName) -> CameraInfo:
    """Watch a camera no more, until it is started again. Whoever is there leaves properly."""
    return await _enable(services_of(request), camera, enabled=False)


async def _enable(services: Services, camera: str, *, enabled: bool) -> CameraInfo:
    change = partial(services.cameras.enable, camera, enabled=enabled)
    return CameraInfo.of(await services.camera_changes.run(change))


@router.get(
    "/api/v1/cameras/{camera}/snapshot.jpg",
    summary="Look once",
    response_class=Response,
    responses={**problems(404), 200: {"content": {"image/jpeg": {}}}},
)
async def snapshot(
    request: Request, camera: CameraName, annotated: Annotate = True, width: Width = 3840
) -> Response:
    """The next frame as JPEG."""
    services = services_of(request)
    peephole = await run_in_threadpool(services.cameras.peephole, camera)
    data = await next_picture(peephole, width, services.stopping, annotated=annotated)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get(
    "/api/v1/cameras/{camera}/preview.mjpeg",
    summary="Look through a camera",
    response_class=Response,
    responses={**problems(404), 200: {"content": {"multipart/x-mixed-replace": {}}}},
)
async def preview(
    request: Request,
    camera: CameraName,
    width: Width = 960,
    fps: Annotated[float, Query(ge=0.1, le=15, description="Most pictures a second.")] = 5,
    annotated: Annotate = True,
) -> Response:
    """The newest frames as motion JPEG, until one of both sides has enough.

    It ends when the camera has shown nothing for ten seconds. Eight can watch a camera at once.
    """
    services = services_of(request)
    peephole = await run_in_threadpool(services.cameras.peephole, camera)
    peephole.enter()
    return EndlessResponse(
        motion_jpeg(peephole, width, fps, annotated=annotated),
        media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
        stopping=services.stopping,
        ended=peephole.leave,
    )


async def next_picture(
    peephole: Peephole, width: int, stopping: Event, *, annotated: bool
) -> bytes:
    """One picture from now, as JPEG.

    Raises:
        CameraDown: none came in time. ServerBusy: too many watch already.
    """
    with peephole.open():
        began = deadline = time.monotonic()
        deadline += _FRAME_S
        while (look := peephole.newest) is None or look.at < began:
            if time.monotonic() > deadline or stopping.is_set():
                raise CameraDown("The camera shows nothing now.", "Its state tells why.")
            await asyncio.sleep(_LOOK_S)
        return await run_in_threadpool(peephole.jpeg, look, width, annotated=annotated)


async def motion_jpeg(
    peephole: Peephole, width: int, fps: float, *, annotated: bool
) -> AsyncGenerator[bytes, None]:
    """Parts of a multipart answer: the newest frame each time, none twice."""
    shown, since = 0, time.monotonic()
    while not peephole.over and time.monotonic() - since < _SILENT_S:
        look = peephole.newest
        if look is None or look.number == shown:
            await asyncio.sleep(_LOOK_S)
            continue
        shown, since = look.number, time.monotonic()
        data = await run_in_threadpool(peephole.jpeg, look, width, annotated=annotated)
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"
        await asyncio.sleep(max(0.0, since + 1 / fps - time.monotonic()))
    yield f"--{_BOUNDARY}--\r\n".encode()
