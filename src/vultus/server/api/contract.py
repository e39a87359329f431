"""What every operation of the native API has in common: its errors, and JSON within a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from vultus.errors import ContentRefused
from vultus.server.api.names import LONGEST_NAME
from vultus.server.bodies import drain, read_json

_MOST = 1000
Limit = Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")]
After = Annotated[
    str | None,
    Query(max_length=LONGEST_NAME, description="Go on behind this: `next` of the page before."),
]


class Problem(BaseModel):
    """What went wrong: a stable code for programs (docs/errors.md), a message for people."""

    code: str = Field(examples=["group_unknown"])
    message: str = Field(examples=["There is no group 'friends'; there are: none."])


class ProblemAnswer(BaseModel):
    """The body of every answer that is an error."""

    error: Problem


class Question(BaseModel):
    """A JSON body of a request; what is not understood in it is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


_MEANINGS = {
    400: "The request makes no sense, or what it brings cannot be used",
    401: "No key, or a wrong one",
    403: "The key's role does not allow it",
    404: "There is no such thing",
    409: "It is there already, or does not fit what is there",
    413: "More bytes or pixels than the limits allow",
    415: "A body of a kind that is not understood",
    422: "A parameter or a picture is not as it must be",
    429: "Too many requests with this key; Retry-After says when to come again",
    503: "The server or its database is busy; Retry-After says when to come again",
    507: "The disk is full, or nothing can be written to it",
}
_USUAL = (400, 401, 403, 422, 429, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of an operation: the errors of every one, and these."""
    return {
        status: {"model": ProblemAnswer, "description": _MEANINGS[status]}
        for status in sorted({*_USUAL, *statuses})
    }


def takes(model: type[Question]) -> dict[str, Any]:
    """For `openapi_extra=` of an operation that reads its body with `body_of`."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def body_of(model: type[Question]) -> Callable[[Request], Awaitable[Any]]:
    """A dependency that reads a JSON body, within a limit while reading."""

    async def read(request: Request) -> Any:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind.lower() != "application/json":
            await drain(request)
            raise ContentRefused(f"{kind[:100]!r} is not understood here.", "Send JSON.")
        data = await read_json(request)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            told = error.errors(include_url=False, include_context=False, include_input=False)
            raise RequestValidationError(
                [{**each, "loc": ("body", *each["loc"])} for each in told]
            ) from error

    return read
