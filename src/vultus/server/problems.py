"""One table: error code to HTTP status; and the one form in which errors leave."""

from __future__ import annotations

import logging
import math
from typing import Any

from starlette.responses import JSONResponse, Response

from vultus import errors
from vultus.errors import VultusError

log = logging.getLogger("vultus.server")

_BY_CLASS: tuple[tuple[type[VultusError], int], ...] = (
    (errors.ImageTooLarge, 413),
    (errors.ImageError, 400),
    (errors.FaceError, 422),
    (errors.ModelError, 500),
    (errors.GalleryMissing, 404),
    (errors.GalleryBusy, 503),
    (errors.GalleryReadOnly, 507),
    (errors.GroupUnknown, 404),
    (errors.PersonUnknown, 404),
    (errors.StrangerUnknown, 404),
    (errors.VisitUnknown, 404),
    (errors.FaceUnknown, 404),
    (errors.FaceListUnknown, 404),
    (errors.GroupExists, 409),
    (errors.PersonExists, 409),
    (errors.FaceExists, 409),
    (errors.FaceListExists, 409),
    (errors.NotTrained, 409),
    (errors.TrainingRunning, 409),
    (errors.ModelMismatch, 409),
    (errors.ArchiveInvalid, 400),
    (errors.GalleryError, 500),
    (errors.SourceError, 400),
    (errors.DeliveryError, 502),
    (errors.UrlTooLarge, 413),
    (errors.UrlRefused, 400),
    (errors.UrlFailed, 400),
    (errors.AccessDenied, 401),
    (errors.RoleMissing, 403),
    (errors.RateExceeded, 429),
    (errors.ServerBusy, 503),
    (errors.BodyTooLarge, 413),
    (errors.ContentRefused, 415),
    (errors.KeyUnknown, 404),
    (errors.KeyExists, 409),
    (errors.JobUnknown, 404),
    (errors.JobUnfinished, 409),
    (errors.CameraUnknown, 404),
    (errors.CameraExists, 409),
    (errors.CameraDown, 503),
    (errors.FaceIdUnknown, 404),
    (errors.ServerError, 500),
    (errors.TracksInvalid, 400),
    (errors.ExtraMissing, 501),
    (errors.StorageError, 507),
    (errors.NothingToDo, 422),
    (errors.UsageError, 400),
    (errors.VultusError, 500),
)
_NAMES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "content_refused",
}


def status_of(error: VultusError) -> int:
    """The HTTP status of an error."""
    return next(status for kind, status in _BY_CLASS if isinstance(error, kind))


def problem(error: VultusError) -> Response:
    """The answer to a request of the native API that ended with this error."""
    return refusal(status_of(error), error.code, str(error), headers_of(error))


def headers_of(error: VultusError) -> dict[str, str]:
    """What a client needs beside status and body."""
    if isinstance(error, errors.RateExceeded | errors.ServerBusy | errors.CameraDown):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, errors.GalleryBusy):
        return {"Retry-After": "5"}
    if isinstance(error, errors.AccessDenied):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def refusal(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> Response:
    """`{"error": {"code", "message"}}`, the form that Azure's clients know too."""
    # JSON may bring half a character, which no answer can hold
    told = message.encode("utf-8", "replace").decode("utf-8")
    body: dict[str, Any] = {"error": {"code": code, "message": told}}
    return JSONResponse(body, status, headers)


def code_of_status(status: int) -> str:
    """The code of an error that is HTTP's own, such as an unknown path."""
    return _NAMES.get(status, "http_error" if status < 500 else "internal_error")
