"""Groups as files: out of the gallery, and into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from vultus.errors import VultusError
from vultus.gallery.audit import note
from vultus.gallery.gallery import Gallery
from vultus.server.api.contract import problems
from vultus.server.api.models import Imported
from vultus.server.api.names import LONGEST_NAME, SHOWABLE, GroupName, router_of
from vultus.server.security.roles import admin
from vultus.server.services import services_of
from vultus.server.uploads import place_for, save_upload

router = router_of("transfer", admin)
_SUFFIX = ".vultus.zip"
_PART_BYTES = 2**18
_ZIP = {"schema": {"type": "string", "format": "binary"}}
_ARCHIVE = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form with it.",
        "content": {
            "application/zip": _ZIP,
            "application/octet-stream": _ZIP,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _ZIP["schema"]},
                    "required": ["file"],
                }
            },
        },
    }
}


@router.get(
    "/api/v1/groups/{group}/export",
    summary="Export a group",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": _ZIP}, "description": "What an import takes."},
        **problems(404, 507),
    },
)
async def export_group(request: Request, group: GroupName) -> Response:
    """One zip with all people, embeddings and kept crops: biometric data, not encrypted."""
    services = services_of(request)
    path = place_for(services.uploads, "export", _SUFFIX)
    try:
        await run_in_threadpool(write_out, services.gallery, group, path)
        await services.writers.run(partial(note_export, services.gallery, group))
        return SentOnce(path, group + _SUFFIX)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@router.post(
    "/api/v1/import",
    summary="Import a group",
    status_code=201,
    responses=problems(409, 413, 507),
    openapi_extra=_ARCHIVE,
)
async def import_group(
    request: Request,
    group: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=LONGEST_NAME,
            description="Into this group rather.",
            json_schema_extra=SHOWABLE,
        ),
    ] = None,
) -> Imported:
    """All of what an export wrote, or nothing. Faces that are there already are left alone."""
    services = services_of(request)
    path = place_for(services.uploads, "import", _SUFFIX)
    try:
        await save_upload(request, services.settings.server.max_upload_bytes, path)
        name, count = await services.writers.run(partial(read_in, services.gallery, path, group))
    finally:
        path.unlink(missing_ok=True)
    return Imported(group=name, new_faces=count)


def write_out(gallery: Gallery, group: str, path: Path) -> None:
    """Write a group to a file. Raises as `Gallery.export_group`."""
    with _unnamed(path):
        gallery.export_group(group, path)


def note_export(gallery: Gallery, group: str) -> None:
    """Write into the audit that a group leaves; before anybody has it."""
    with gallery.database.write() as connection:
        note(connection, "group.export", group)


def read_in(gallery: Gallery, path: Path, group: str | None) -> tuple[str, int]:
    """Read a file that an export wrote. Raises and returns as `Gallery.import_group`."""
    with _unnamed(path):
        return gallery.import_group(path, group=group)


@contextmanager
def _unnamed(path: Path) -> Iterator[None]:
    """Clients have sent or asked for `the archive`; where it lies is none of their business."""
    try:
        yield
    except VultusError as error:
        if str(path) not in error.message:
            raise
        raise type(error)(error.message.replace(str(path), "The archive"), error.hint) from error


class SentOnce(StreamingResponse):
    """A file that is deleted when it was sent, or when the client has gone."""

    def __init__(self, path: Path, filename: str) -> None:
        self._path = path
        headers = {
            "Content-Length": str(path.stat().st_size),
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(filename, safe='')}",
            "Cache-Control": "no-store",
        }
        super().__init__(_parts(path), headers=headers, media_type="application/zip")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._path.unlink(missing_ok=True)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            yield part
