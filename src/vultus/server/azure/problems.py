"""Azure's error codes, and what of Vultus becomes which."""

from __future__ import annotations

from starlette.responses import Response

from vultus import errors
from vultus.errors import VultusError
from vultus.server.problems import headers_of, refusal, status_of

_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Send a valid key of this "
    "server as Ocp-Apim-Subscription-Key."
)


class AzureError(Exception):
    """An answer of Azure's contract. A wire's error, so it stands outside of Vultus's own tree."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        return refusal(self.status, self.code, self.message)


def bad_argument(message: str) -> AzureError:
    """400, for whatever a client sent that makes no sense."""
    return AzureError(400, "BadArgument", message)


_CODES: tuple[tuple[type[VultusError], int, str], ...] = (
    (errors.AccessDenied, 401, "401"),
    (errors.RoleMissing, 403, "Forbidden"),
    (errors.RateExceeded, 429, "429"),
    (errors.ServerBusy, 503, "ServiceUnavailable"),
    (errors.BodyTooLarge, 413, "InvalidImageSize"),
    (errors.ContentRefused, 415, "UnsupportedMediaType"),
    (errors.ImageTooLarge, 400, "InvalidImageSize"),
    (errors.ImageError, 400, "InvalidImage"),
    (errors.FaceError, 400, "InvalidImage"),
    (errors.UrlTooLarge, 400, "InvalidImageSize"),
    (errors.UrlRefused, 400, "InvalidURL"),
    (errors.UrlFailed, 400, "InvalidURL"),
    (errors.GalleryBusy, 503, "ServiceUnavailable"),
    (errors.ModelMismatch, 400, "BadArgument"),
    (errors.StorageError, 507, "InsufficientStorage"),
    (errors.GalleryReadOnly, 507, "InsufficientStorage"),
    (errors.UsageError, 400, "BadArgument"),
)


def azure_problem(error: VultusError) -> Response:
    """The answer to a request of Azure's API that ended with this error."""
    headers = headers_of(error)
    if isinstance(error, errors.AccessDenied):
        return refusal(401, "401", _DENIED, headers)
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            return refusal(status, code, str(error), headers)
    return refusal(status_of(error), "InternalError", str(error), headers)
