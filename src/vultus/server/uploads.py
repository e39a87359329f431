"""A large file that a request brings, written to disk while it comes."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

from starlette.requests import Request

from vultus.errors import StorageError, UsageError
from vultus.server.bodies import drain, parts_of
from vultus.server.multipart import Head, Take, read_multipart

_MOST_PARTS = 20
_PASSING = ("export", "import")


def place_for(folder: Path, what: Literal["export", "import"], suffix: str) -> Path:
    """A name for a new file, such as `import-....zip`."""
    return folder / f"{what}-{uuid.uuid4().hex}{suffix}"


def clear_places(folder: Path) -> None:
    """Remove what `place_for` gave to requests that ended with a server that was killed.

    To be called before the first request; what waits for a job has other names.
    """
    for what in _PASSING:
        for path in folder.glob(f"{what}-*"):
            with suppress(OSError):
                path.unlink()


async def save_upload(request: Request, limit: int, path: Path) -> None:
    """Write the file that a request brings, as its body or in a form, to `path`.

    Raises:
        BodyTooLarge: it has more bytes than `limit`. ClientGone: the client went away.
        UsageError: a form without a file, or with several, or damaged.
        StorageError: the disk is full. The file may be there in part then.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        with path.open("wb") as file:
            if kind == "multipart/form-data":
                await _save_form(request, limit, file)
                return
            async for part in parts_of(request, limit):
                file.write(part)
    except OSError as error:
        await drain(request)
        raise StorageError(
            f"The upload cannot be kept: {error.strerror or 'no space is left'}.",
            "Free some space on the server.",
        ) from error


async def _save_form(request: Request, limit: int, file: BinaryIO) -> None:
    """The one file of a form; its values are left out."""
    found: list[Head] = []

    def begin(head: Head) -> Take:
        if not head.is_file:
            return len
        found.append(head)
        if len(found) > 1:
            raise UsageError("The form has several files.", "Send one a request.")
        return file.write

    await read_multipart(request, limit, begin, most=_MOST_PARTS)
    if not found:
        raise UsageError("The form has no file.", "Send one as a field with a file name.")
