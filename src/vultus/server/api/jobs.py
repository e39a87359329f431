"""Jobs: work that goes on after the answer, also over a restart of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vultus.errors import ContentRefused
from vultus.server.api.contract import Limit, problems
from vultus.server.api.job_models import EnrolmentJobResult, JobInfo, JobPage, VideoJobResult
from vultus.server.api.names import GroupName, router_of
from vultus.server.bodies import drain
from vultus.server.jobs.enrolment import EnrolmentWish
from vultus.server.jobs.kinds import ENROLMENT
from vultus.server.jobs.runner import Upload
from vultus.server.jobs.store import JobRecord, State
from vultus.server.security.roles import Principal, operator
from vultus.server.services import Services, services_of
from vultus.server.uploads import save_upload

router = router_of("jobs", operator)

JobId = Annotated[str, Path(min_length=1, max_length=36, description="Id of a job.")]
Owner = Annotated[Principal, Depends(operator)]
_ZIP_TYPES = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
_FILE = {"schema": {"type": "string", "format": "binary"}}
FORM_WITH_FILE = {
    "schema": {
        "type": "object",
        "properties": {"file": _FILE["schema"]},
        "required": ["file"],
    }
}
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Accepted: it will be done, also when the server is killed now.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "The job."}},
    }
}
_ARCHIVE = {
    "requestBody": {
        "required": True,
        "description": "A zip with a folder a person, or with pictures named after people; or a "
        "form with it.",
        "content": {
            "application/zip": _FILE,
            "application/octet-stream": _FILE,
            "multipart/form-data": FORM_WITH_FILE,
        },
    }
}


@asynccontextmanager
async def receiving(services: Services) -> AsyncIterator[Upload]:
    """A place for the file that comes with a job; it is gone again unless a job took it."""
    upload = await run_in_threadpool(services.jobs.receive)
    try:
        yield upload
    finally:
        services.jobs.release(upload)  # also when the request was cancelled: nothing is awaited


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepted(record: JobRecord, response: Response) -> JobInfo:
    """The answer to a request that became a job."""
    response.headers["Location"] = f"/api/v1/jobs/{record.id}"
    return JobInfo.of(record)


@router.post(
    "/api/v1/groups/{group}/enrolments",
    summary="Enrol many people",
    status_code=202,
    response_model=JobInfo,
    response_model_exclude_none=True,
    responses={**problems(413, 415, 507), **ACCEPTED},
    openapi_extra=_ARCHIVE,
)
async def enrol_many(
    request: Request,
    response: Response,
    group: GroupName,
    owner: Owner,
    largest: Annotated[
        bool, Query(description="Take the largest face of a picture with several.")
    ] = False,
    keep_crops: Annotated[bool, Query(description="Keep the aligned faces too.")] = False,
    skip_folders: Annotated[
        int | None,
        Query(
            ge=0,
            le=10,
            description="So many folders around those of the people do not count; it is asked "
            "for where one folder holds all others.",
        ),
    ] = None,
) -> JobInfo:
    """A job that enrols every picture of a zip; the group is made if need be."""
    services = services_of(request)
    kind = content_type(request)
    if kind and kind not in (*_ZIP_TYPES, "multipart/form-data"):
        await drain(request)
        raise ContentRefused(f"An archive does not come as {kind[:100]}.", "Send a zip.")
    wish = EnrolmentWish(group, largest, keep_crops, skip_folders)
    async with receiving(services) as upload:
        await save_upload(request, services.settings.server.max_upload_bytes, upload.path)
        jobs = services.jobs
        total = await run_in_threadpool(jobs.enrolment.count, upload.path, wish)
        submit = partial(jobs.submit, upload, ENROLMENT, owner.name, asdict(wish), total=total)
        record = await services.writers.run(submit)
    return accepted(record, response)


@router.get(
    "/api/v1/jobs",
    summary="List jobs",
    responses=problems(404),
    response_model=JobPage,
    response_model_exclude_none=True,
)
def list_jobs(
    request: Request,
    state: Annotated[State | None, Query(description="In this state only.")] = None,
    kind: Annotated[str | None, Query(max_length=50, description="Of this kind only.")] = None,
    limit: Limit = 100,
    before: Annotated[
        str | None,
        Query(max_length=36, description="Go on behind this: `next` of the page before."),
    ] = None,
) -> JobPage:
    """Jobs of all keys, the newest first."""
    jobs = services_of(request).jobs
    found = jobs.find(state=state, kind=kind, before=before, limit=limit + 1)
    told = [JobInfo.of(record) for record in found[:limit]]
    return JobPage(jobs=told, next=told[-1].id if len(found) > limit else None)


@router.get(
    "/api/v1/jobs/{job}",
    summary="Get a job",
    responses=problems(404),
    response_model=JobInfo,
    response_model_exclude_none=True,
)
def get_job(request: Request, job: JobId) -> JobInfo:
    """How a job stands."""
    return JobInfo.of(services_of(request).jobs.get(job))


@router.get(
    "/api/v1/jobs/{job}/result",
    summary="Get the result of a job",
    responses=problems(404, 409),
    response_model=EnrolmentJobResult | VideoJobResult,
    response_model_exclude_unset=True,
)
def get_result(request: Request, job: JobId) -> dict[str, Any]:
    """What a job answers; of a cancelled one, what was done until then."""
    return services_of(request).jobs.store.result(job)


@router.post(
    "/api/v1/jobs/{job}/cancel",
    summary="Cancel a job",
    responses=problems(404, 507),
    response_model=JobInfo,
    response_model_exclude_none=True,
)
async def cancel_job(request: Request, job: JobId) -> JobInfo:
    """One that waits ends at once, one that runs with its next picture or frame; people who are
    enrolled already stay. One that has ended stays as it is."""
    services = services_of(request)
    return JobInfo.of(await services.writers.run(partial(services.jobs.cancel, job)))


@router.delete(
    "/api/v1/jobs/{job}",
    summary="Forget a job",
    status_code=204,
    responses=problems(404, 409, 507),
)
async def forget_job(request: Request, job: JobId) -> Response:
    """A job that has ended, with its result."""
    services = services_of(request)
    await services.writers.run(partial(services.jobs.store.remove, job))
    return Response(status_code=204)
