"""Submitting jobs, and waiting for what other threads do."""

from __future__ import annotations

import time
from collections.abc import Callable

from vultus.server.jobs.runner import JobRunner
from vultus.server.jobs.store import JobRecord


def wait_until(is_so: Callable[[], bool], what: str = "it") -> None:
    """Waits for what another thread does."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.005)


def submit(runner: JobRunner, data: bytes = b"data", **request: object) -> str:
    upload = runner.receive()
    upload.path.write_bytes(data)
    record = runner.submit(upload, "kind", "kiosk", {"group": "friends", **request}, total=3)
    runner.release(upload)
    return record.id


def ended(runner: JobRunner, job_id: str) -> JobRecord:
    wait_until(lambda: not runner.get(job_id).is_open, "the end of the job")
    return runner.get(job_id)
