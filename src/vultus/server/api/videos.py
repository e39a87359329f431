"""Videos and streams: who was in them, as a job."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vultus.errors import ContentRefused, UsageError
from vultus.gallery.rows import check_name
from vultus.server.api.contract import Question, body_of, problems
from vultus.server.api.job_models import JobInfo
from vultus.server.api.jobs import (
    ACCEPTED,
    FORM_WITH_FILE,
    Owner,
    accepted,
    content_type,
    receiving,
)
from vultus.server.api.moments import Moment
from vultus.server.api.names import LONGEST_NAME, router_of
from vultus.server.bodies import drain
from vultus.server.jobs.kinds import VIDEO
from vultus.server.jobs.runner import Upload
from vultus.server.jobs.video import VideoWish
from vultus.server.security.roles import operator
from vultus.server.services import Services, services_of
from vultus.server.uploads import save_upload
from vultus.video.camera import LONGEST_NAME as LONGEST_CAMERA

router = router_of("videos", operator)

_LONGEST_S = 3600.0
_FIRST_YEAR, _LAST_YEAR = 1880, 9000
_FILE = {"schema": {"type": "string", "format": "binary"}}


class VideoLink(Question):
    """Where a video is."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="A file behind http or https; something live behind rtsp or rtsps.",
    )


_VIDEO = {
    "requestBody": {
        "required": True,
        "description": "The file itself, a form with it, or where it is.",
        "content": {
            "video/*": _FILE,
            "application/octet-stream": _FILE,
            "multipart/form-data": FORM_WITH_FILE,
            "application/json": {"schema": VideoLink.model_json_schema()},
        },
    }
}


def _recorded(moment: datetime) -> datetime:
    """Whether somebody may have recorded a video then, and its last frame has a time as well.

    Raises:
        ValueError: nobody can have.
    """
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise ValueError("no time at which a video was recorded")
    return moment


class VideoOptions(BaseModel):
    """What is wanted of a video."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    group: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_NAME,
        description="People to look for; without it those of the default group, if there is one.",
    )
    remember: bool = Field(
        False, description="Keep visits and strangers in the gallery, as a camera does."
    )
    attributes: bool = Field(False, description="Tell attributes by the time of the video.")
    seconds: float | None = Field(
        None, gt=0, le=_LONGEST_S, description="How long something live is watched; needed there."
    )
    started_at: Annotated[Moment, AfterValidator(_recorded)] | None = Field(
        None, description="When it was recorded; otherwise what the file says. UTC without a zone."
    )
    camera: str = Field(
        "video", min_length=1, max_length=LONGEST_CAMERA, description="Its name in the visits."
    )

    def wish(self, url: str | None = None) -> VideoWish:
        return VideoWish(
            camera=check_name(self.camera, "camera"),
            group=None if self.group is None else check_name(self.group, "group"),
            remember=self.remember,
            attributes=self.attributes,
            seconds=self.seconds,
            started_at=None if self.started_at is None else self.started_at.isoformat(),
            url=url,
        )


@router.post(
    "/api/v1/videos",
    summary="Look through a video",
    status_code=202,
    response_model=JobInfo,
    response_model_exclude_none=True,
    responses={**problems(404, 413, 415, 507), **ACCEPTED},
    openapi_extra=_VIDEO,
)
async def watch_video(
    request: Request,
    response: Response,
    owner: Owner,
    options: Annotated[VideoOptions, Query()],
) -> JobInfo:
    """A job whose result tells people, visits and why nobody was recognised."""
    services = services_of(request)
    kind = content_type(request)
    known = ("", "application/octet-stream", "multipart/form-data", "application/json")
    if kind not in known and not kind.startswith("video/"):
        await drain(request)
        raise ContentRefused(f"A video does not come as {kind[:100]}.", "Send video/mp4 or so.")
    async with receiving(services) as upload:
        url = None
        if kind == "application/json":
            url = (await _read_link(request)).url
        else:
            most = services.settings.server.max_upload_bytes
            await save_upload(request, most, upload.path)
        wish = options.wish(url)
        total = await run_in_threadpool(_frames, services, upload, wish)
        submit = partial(services.jobs.submit, upload, VIDEO, owner.name, asdict(wish), total=total)
        record = await services.writers.run(submit)
    return accepted(record, response)


_read_link = body_of(VideoLink)


def _frames(services: Services, upload: Upload, wish: VideoWish) -> int | None:
    """Look whether it is a video at all; the rest shows in the job."""
    jobs = services.jobs
    if wish.group is not None:
        services.gallery.require_group(wish.group)
    if wish.url is None:
        return jobs.video.check(upload.path).frames
    if jobs.video.check_url(wish.url) and wish.seconds is None:
        raise UsageError(
            "Something live has no end.", "Say how long it is to be watched: ?seconds=60."
        )
    return None
