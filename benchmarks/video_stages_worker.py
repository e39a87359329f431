"""How long each part of watching takes: alone, and within a watched clip. See video_stages.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from vultus.gallery.gallery import Gallery
    from vultus.video.frame import Frame

Times = dict[str, list[float]]

_SEARCHED = 5  # every so many frames
_SCORE = 0.8  # as the observer asks for


def alone(path: str, gallery: Gallery) -> Times:
    """Seconds of every call of each stage; every fifth frame is searched for faces."""
    from vultus.video.sources.opening import open_source

    times: Times = defaultdict(list)
    source = open_source(path, gallery.settings)
    began = perf_counter()
    for frame in source.frames():
        times["decode"].append(perf_counter() - began)
        if frame is not None:
            _one_frame(frame, gallery, times)
        began = perf_counter()
    source.close()
    return dict(times)


def _one_frame(frame: Frame, gallery: Gallery, times: Times) -> None:
    from vultus.video.observer import detect_faces

    analyzer = gallery.analyzer
    with _timed(times, "convert"):
        image = frame.image
    with _timed(times, "small"):
        small = frame.small(gallery.settings.video.detect_side_px)
    if frame.index % _SEARCHED:
        return
    with _timed(times, "detect"):
        faces = detect_faces(analyzer, frame, small)
    if not len(faces):
        return
    near = faces.boxes * (small.shape[1] / image.shape[1])
    with _timed(times, "follow"):
        analyzer.follow(small, near, _SCORE)
    one = faces.select([0])
    with _timed(times, "describe"):
        one = analyzer.describe(image, one, embed=False, chips=True)
    with _timed(times, "embed"):
        analyzer.embed(one, one.chips)


@contextmanager
def _timed(times: Times, name: str) -> Iterator[None]:
    start = perf_counter()
    yield
    times[name].append(perf_counter() - start)


def watched(path: str, gallery: Gallery, group: str | None) -> dict[str, Any]:
    """The processor's seconds of each part in one watched clip, and of all of it.

    What threads of FFmpeg and of the networks do beside the calling one is in `all` alone.
    """
    import vultus
    from vultus.faces.analyzer import Analyzer
    from vultus.video.book import VisitBook
    from vultus.video.frame import Frame
    from vultus.video.health import FrameHealth
    from vultus.video.sources.decoding import Decoder
    from vultus.video.sources.pixels import Converter
    from vultus.video.tracker import Tracker

    parts = {
        "decode": (Decoder, "_decode"),
        "convert": (Converter, "_scale"),
        "small": (Frame, "small"),
        "health": (FrameHealth, "check"),
        "detect": (Analyzer, "locate"),
        "follow": (Analyzer, "follow"),
        "describe": (Analyzer, "describe"),
        "embed": (Analyzer, "embed"),
        "track": (Tracker, "update"),
        "book": (VisitBook, "update"),
    }
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    with ExitStack() as patched:
        for name, (owner, method) in parts.items():
            clocked = _clocked(getattr(owner, method), name, seconds, calls)
            patched.enter_context(mock.patch.object(owner, method, clocked))
        start = process_time()
        with vultus.watch(path, group=group, gallery=gallery, remember=False) as watching:
            visits = len(list(watching))
            status = watching.status[0]
        total = process_time() - start
    seconds["small"] -= seconds["convert"]  # which it asks for
    return {
        "all": total,
        "seconds": dict(seconds),
        "calls": dict(calls),
        "frames": status.frames,
        "analysed": status.analysed,
        "visits": visits,
    }


def _clocked(
    function: Callable[..., Any], name: str, seconds: dict[str, float], calls: dict[str, int]
) -> Callable[..., Any]:
    def clocked(*arguments: Any, **named: Any) -> Any:
        start = thread_time()
        try:
            return function(*arguments, **named)
        finally:
            seconds[name] += thread_time() - start
            calls[name] += 1

    return clocked
