"""The kinds of jobs that there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from vultus.gallery.gallery import Gallery
from vultus.server.jobs.enrolment import WAITS_FOR, BulkEnrolment
from vultus.server.jobs.runner import JobRunner, Kind
from vultus.server.jobs.store import JobStore
from vultus.server.jobs.video import VideoWork, kept
from vultus.server.looking import Looker
from vultus.settings import Settings
from vultus.video.budget import Budget

ENROLMENT, VIDEO = "enrolment", "video"
KINDS = (ENROLMENT, VIDEO)
_WAITING_UPLOADS = 5  # times the largest one, all together
_STOP_S = 20.0


class Jobs(JobRunner):
    """The jobs of a server.

    Args:
        folder: where uploads lie until their job is done.
        budget: turns at the networks, shared with requests and cameras.
    """

    def __init__(
        self,
        settings: Settings,
        gallery: Gallery,
        looker: Looker,
        *,
        budget: Budget,
        folder: Callable[[], Path],
        stopping: Event,
    ) -> None:
        self.enrolment = BulkEnrolment(settings, gallery, looker, budget)
        self.video = VideoWork(settings, gallery, budget)
        # a lane each: people are enrolled while a long video goes on
        kinds = {
            ENROLMENT: Kind(1, self.enrolment, waits_for=WAITS_FOR),
            VIDEO: Kind(2, self.video, kept),
        }
        super().__init__(
            JobStore(gallery.database),
            folder,
            kinds,
            stopping=stopping,
            keep_days=settings.server.jobs_days,
            most_bytes=_WAITING_UPLOADS * settings.server.max_upload_bytes,
        )

    def close(self, timeout_s: float = _STOP_S) -> None:
        super().close(timeout_s)
