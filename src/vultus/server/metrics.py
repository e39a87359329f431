"""What Prometheus may ask, at /metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters of one server; several servers in one process do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vultus_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "vultus_request_seconds",
            "From the first byte to the last of the answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queued = Gauge(
            "vultus_queue", "Requests that wait for the networks", registry=self.registry
        )
        self.rejected = Counter(
            "vultus_queue_rejected", "Requests answered with 503", registry=self.registry
        )
        self.wait_seconds = Histogram(
            "vultus_queue_seconds",
            "Time in the queue",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "vultus_inference_seconds",
            "Inference by stage",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.faces = Counter("vultus_faces_detected", "Faces found", registry=self.registry)
        self.people = Gauge(
            "vultus_gallery_people", "People enrolled", ["group"], registry=self.registry
        )
        self.enrolled = Gauge(
            "vultus_gallery_faces", "Faces enrolled", ["group"], registry=self.registry
        )
        self.face_ids = Gauge(
            "vultus_face_ids", "Detected faces kept for identification", registry=self.registry
        )

        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; what counts it is looked up once, which takes longer than to count."""
        key = method, route, status
        found = self._answered.get(key)
        if found is None:
            found = self.requests.labels(*key), self.request_seconds.labels(route)
            self._answered[key] = found
        found[0].inc()
        found[1].observe(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures one stage: decode, detect, describe, match."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - began)

    def text(self) -> bytes:
        """All of them, in Prometheus' own form."""
        return generate_latest(self.registry)
