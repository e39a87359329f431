"""One camera from frames to visits: sample, check, analyse, keep the book, show and publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

from vultus.events.visit import Visit
from vultus.imaging.load import Image
from vultus.settings import VideoSettings
from vultus.video.ahead import Due, due_frames
from vultus.video.book import VisitBook
from vultus.video.budget import Budget, Sampler, Throttle
from vultus.video.cuts import CutFinder
from vultus.video.frame import Frame
from vultus.video.health import FrameHealth
from vultus.video.observer import Observer
from vultus.video.onlookers import Onlooker, those_looking
from vultus.video.opening import Opening
from vultus.video.overlay import Label, name_label
from vultus.video.publisher import Publisher
from vultus.video.sources.live import LiveReader, LiveState
from vultus.video.sources.source import Source
from vultus.video.track_file import TrackWriter

_OVER = ("ended", "failed")
T = TypeVar("T")


@dataclass
class CameraStatus:
    """How one camera stands.

    state: `connecting`, `live`, `waiting` (for a source that is down), `running` (a file),
    `ended` or `failed`. fps: analysed frames a second. delay_s: from a frame to its analysis.
    counts: what became of frames and tracks, see docs/video.md. keeps_up: False when less is
    analysed than was asked for.
    """

    camera: str
    source: str = ""
    state: str = "connecting"
    error: str | None = None
    fps: float = 0.0
    source_fps: float = 0.0
    keeps_up: bool = True
    delay_s: float = 0.0
    frames: int = 0
    analysed: int = 0
    dropped: int = 0
    damaged: int = 0
    reconnects: int = 0
    present: list[str] = field(default_factory=list)
    visits: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Watcher:
    """Watches one source until it ends or `stop` is called.

    Args:
        open_source: opens it, in a thread of its own, which may be left behind.
        onlookers, tracks: made when the watching begins, closed when it ends.
        check: raises what broke elsewhere, such as in a sink; called at least every second.
    """

    def __init__(
        self,
        camera: str,
        open_source: Callable[[], Source],
        observer: Observer,
        book: VisitBook,
        publisher: Publisher,
        settings: VideoSettings,
        *,
        budget: Budget,
        onlookers: Callable[[Source], Sequence[Onlooker]] = lambda _: (),
        tracks: Callable[[], TrackWriter] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._observer = observer
        self._book = book
        self._publisher = publisher
        self._settings = settings
        self._budget = budget
        self._make_onlookers = onlookers
        self._make_tracks = tracks
        self._tracks: TrackWriter | None = None
        self._check = check
        self._sampler = Sampler(settings.analysis_fps)
        self._throttle = Throttle(settings.processor_share, settings.analysis_fps)
        self._health: FrameHealth | None = None
        self._source: Source | None = None
        self._onlookers: Sequence[Onlooker] | None = None
        self._last: tuple[Fraction, float] | None = None
        self._status = CameraStatus(camera)
        self._shown_cuts = CutFinder()
        self._outdated = False
        self._stopping = False
        self._opening = Opening(open_source)

    def stop(self) -> None:
        """End soon; open visits are closed properly. From any thread."""
        self._stopping = True
        self._opening.give_up()
        if self._source is not None:
            self._source.close()

    def events(self) -> Generator[Visit, None, None]:
        """The visits' events as they happen, until the source ends.

        Raises:
            SourceError, ModelError, ...: whatever ends the watching, as it is.
        """
        try:
            yield from self._watch()
            self._status.state = "ended"
        except GeneratorExit:  # whoever iterates has enough
            self._status.state = "ended"
            raise
        except BaseException as error:
            self._status.state = "failed"
            self._status.error = str(error) or type(error).__name__
            yield from self._publish(self._book.finish())  # whoever was there is told, too
            raise
        finally:
            try:
                self._leave_all()
            finally:
                self._close()

    def _leave_all(self) -> None:
        """Whoever is still there when the watching breaks off leaves for the sinks too."""
        _do_all([partial(self._publisher.publish, event) for event in self._book.finish()])

    def _watch(self) -> Iterator[Visit]:
        self._tracks = self._make_tracks() if self._make_tracks is not None else None
        self._source = source = self._opening.wait()
        if source is None or self._stopping:  # meanwhile
            return
        self._status.source = source.info.name
        self._health = health = FrameHealth(self._settings, live=source.info.live)
        side = self._settings.detect_side_px
        with closing(due_frames(source, self._sampler, side)) as frames:
            for due in frames:
                self._check()
                yield from self._take(due, source, health)
                if self._stopping:
                    break
        yield from self._publish(self._book.finish())

    def _take(self, due: Due, source: Source, health: FrameHealth) -> Iterator[Visit]:
        frame, live = due.frame, source.info.live
        if frame is None:
            yield from self._pass_time()
            return
        self._status.frames += 1
        analysed = due.small is not None and (not live or self._throttle.may_analyse())
        if due.small is not None and analysed:
            yield from self._publish(self._analyse(frame, due.small, health, live=live))
            self._outdated = False
            if self._publisher.shots is not None:
                self._publisher.shots.drop(self._book)
        self._throttle.saw(frame.index + 1)
        if self._onlookers is None:  # only now a live source knows its size
            self._onlookers = self._make_onlookers(source)
        looking = those_looking(self._onlookers)
        if looking:
            self._show(frame, looking, analysed=analysed)

    def _analyse(
        self, frame: Frame, small: Image, health: FrameHealth, *, live: bool
    ) -> list[Visit]:
        if health.check(frame, small) is not None:  # skipped, and time passes all the same
            return self._book.tick(frame.media_time, frame.taken_at)
        with self._budget.turn():
            began = time.monotonic()
            moment = self._observer.observe(frame, small)
        # without a turn: a gallery that is held up holds up no other camera
        if self._tracks is not None:  # before the book: what it says must not be lost
            self._tracks.write(moment)
        events = self._book.update(moment)
        self._status.analysed += 1
        self._throttle.analysed(began, self._status.analysed)
        if live:
            now = datetime.now(timezone.utc)
            self._status.delay_s = (now - frame.taken_at).total_seconds()
        self._last = frame.media_time, time.monotonic()
        if self._publisher.shots is not None:
            self._publisher.shots.keep(frame, self._book)
        return events

    def _pass_time(self) -> Iterator[Visit]:
        """Nothing new came: who was there may have left."""
        if self._last is None:
            return
        media_time, since = self._last
        passed = Fraction(time.monotonic() - since).limit_denominator(1000)
        yield from self._publish(self._book.tick(media_time + passed, datetime.now(timezone.utc)))

    def _publish(self, events: Sequence[Visit]) -> Iterator[Visit]:
        """All are on their way before the first is handed out: whoever iterates may break off."""
        self._status.visits += sum(event.type == "enter" for event in events)
        yield from _do_all([partial(self._publisher.publish, event) for event in events])

    def _show(self, frame: Frame, onlookers: Sequence[Onlooker], *, analysed: bool) -> None:
        if self._shown_cuts.is_cut(frame.image) and not analysed:
            self._outdated = True  # another shot: nobody knows yet who is in it
        labels = [] if self._outdated else self._labels(frame)
        going_on = [onlooker.show(frame, labels) for onlooker in onlookers]
        self._stopping = self._stopping or not all(going_on)

    def _labels(self, frame: Frame) -> list[Label]:
        labels = []
        for number, box in self._observer.expected(frame.media_time).items():
            identity, probability = self._book.who(number)
            person, stranger = (identity.person, identity.stranger) if identity else (None, None)
            told = self._book.attributes(number)
            labels.append(name_label(box, person, stranger, probability, told))
        return labels

    def _close(self) -> None:
        """Release everything, also when some of it cannot be."""
        parts = [each.close for each in self._onlookers or ()]
        parts += [part.close for part in (self._source, self._tracks) if part is not None]
        _do_all(parts)

    @property
    def status(self) -> CameraStatus:
        """How the camera stands now, a copy; safe to ask from any thread."""
        status, source = replace(self._status), self._source
        if source is not None:
            status.damaged = source.damaged
        if isinstance(source, LiveReader):
            _take_over(source.state, status)
        elif source is not None and status.state == "connecting":
            status.state = "running"
        status.fps, status.source_fps = self._throttle.fps, self._throttle.source_fps
        status.keeps_up = self._throttle.keeps_up
        status.present = sorted(stay.identity.name for stay in self._book.open_visits)
        bad = self._health.counts if self._health else {}
        status.counts = {**self._book.counts, **bad}
        return status


def _take_over(live: LiveState, status: CameraStatus) -> None:
    status.dropped, status.reconnects = live.dropped, live.reconnects
    if status.state not in _OVER:
        status.state = live.phase
        status.error = None if live.error is None else str(live.error)


def _do_all(parts: Sequence[Callable[[], T]]) -> list[T]:
    """Do every part, also when some of them fail; raises what the first one failed with."""
    done: list[T] = []
    failed: Exception | None = None
    for part in parts:
        try:
            done.append(part())
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return done
