"""What the native API says about jobs, in JSON."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel, Field

from vultus.server.api.contract import Problem
from vultus.server.jobs.store import JobRecord, State


class JobInfo(BaseModel):
    """Work that goes on after the answer; ask again until it has ended."""

    id: str
    kind: str = Field(examples=["enrolment", "video"])
    state: State
    owner: str = Field(description="Name of the key that asked for it.")
    group: str | None = Field(None, description="The people it is about, where it was said.")
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    done: int = Field(description="Pictures, or frames of a video.")
    total: int | None = Field(None, description="Left out where nobody knows.")
    cancelling: bool = Field(False, description="It ends with the next picture or frame.")
    error: Problem | None = Field(
        None, description="Why it failed; of one that has not ended, what it waits for."
    )

    @classmethod
    def of(cls, record: JobRecord) -> JobInfo:
        return cls(
            id=record.id,
            kind=record.kind,
            state=record.state,
            owner=record.owner,
            group=record.request.get("group"),
            created_at=record.created_at,
            started_at=record.started_at,
            ended_at=record.ended_at,
            done=record.done,
            total=record.total,
            cancelling=record.cancelling,
            error=None if record.error is None else Problem.model_validate(record.error),
        )


class JobPage(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobInfo]
    next: str | None = Field(None, description="Where older jobs go on (`before`).")


class PictureResult(BaseModel):
    """What became of one picture: `new` and what follows, or `error`."""

    source: str = Field(description="Its path in the archive.")
    person: str
    new: bool | None = Field(
        None, description="False where this person was enrolled with this picture already."
    )
    quality: float | None = Field(None, description="0 to 1.")
    warnings: list[str] | None = Field(None, description="What is poor in the picture.")
    error: Problem | None = None


class EnrolmentJobResult(BaseModel):
    """What became of an archive of pictures."""

    group: str
    enrolled: int
    known: int = Field(description="Were enrolled before.")
    failed: int
    skipped: int = Field(description="Files that are no pictures by their names.")
    pictures: list[PictureResult]


class SeenVisit(BaseModel):
    """One stay of somebody, in seconds since the first frame."""

    visit: str
    start_s: float
    end_s: float
    probability: float


class SeenPerson(BaseModel):
    """Somebody in a video: a person of the gallery, or a stranger under a label."""

    person: str | None
    stranger: str | None = Field(
        description="A label of this video alone, unless it was asked to remember."
    )
    seconds: float = Field(description="How long the face was there, all visits together.")
    visits: list[SeenVisit]


class SeenAttributes(BaseModel):
    """What else was seen of a face at a time."""

    media_time: float = Field(description="Seconds since the first frame.")
    visit: str
    attributes: dict[str, Any]


class VideoJobResult(BaseModel):
    """Who was in a video, and when."""

    group: str | None
    frames: int
    analysed: int = Field(description="Frames in which faces were looked for.")
    damaged: int = Field(description="Parts that could not be decoded.")
    seconds: float | None = Field(description="Of the video; null where its rate is not known.")
    people: list[SeenPerson]
    visits: list[dict[str, Any]] = Field(
        description="The last event of each visit (docs/events.md), with `start_s` and `end_s`."
    )
    counts: dict[str, int] = Field(
        description="Why nothing was recognised: what became of frames and faces (docs/video.md)."
    )
    truncated: bool = Field(description="Whether there were too many visits to tell them all.")
    attributes: list[SeenAttributes] | None = Field(
        None, description="By time, where they were asked for."
    )
