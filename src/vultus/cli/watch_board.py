"""What a watching command shows: a line an event, and how the cameras stand."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vultus.cli.output import Format, Output, printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from vultus.events.dispatcher import SinkStatus
    from vultus.video.watcher import CameraStatus
    from vultus.video.watching import Watch

_STATUS_EVERY_S = 10.0
_REFRESH_A_SECOND = 2

# Why a face was not recognised, in words.
OF_FACES = {
    "small": "too small",
    "blurred": "blurred",
    "turned": "turned away",
    "doubtful": "perhaps no face",
    "below_threshold": "like nobody enough",
    "margin": "between two people",
    "taken": "like somebody who is there already",
    "too_short": "seen too briefly",
}
# Why a frame was not looked at.
OF_FRAMES = {"grey": "grey frames", "smeared": "smeared frames", "frozen": "frozen frames"}


class Board:
    """Events as they come; for several cameras a table that refreshes, or JSON now and then."""

    def __init__(self, out: Output, watching: Watch, *, live: bool) -> None:
        self._out = out
        self._watching = watching
        self._live: Live | None = None
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._printing = threading.Lock()
        self._reporter: threading.Thread | None = None
        if live and out.format is Format.json:
            self._reporter = threading.Thread(target=self._report, daemon=True)
        elif live and out.format is Format.human and sys.stderr.isatty():
            self._live = self._make_live()

    def __enter__(self) -> Board:
        if self._live is not None:
            self._live.start()
        if self._reporter is not None:
            self._reporter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._live is not None:
            self._live.stop()
        if self._reporter is not None:
            self._reporter.join()

    def event(self, record: dict[str, Any], line: str) -> None:
        """One event of one visit."""
        with self._printing:
            if self._live is not None and sys.stdout.isatty():
                self._live.console.print(printable(line), markup=False, highlight=False)
            else:
                self._out.data(record, line)

    def sum_up(self) -> None:
        """How it went, when it is over: counts, and why nothing was recognised."""
        seconds = time.monotonic() - self._began
        for status in self._watching.status:
            if self._out.format is Format.json:
                self._out.data({"status": status.to_dict()})
            self._out.note(f"{status.camera}: {describe(status, seconds)}")
        for sink in self._watching.sinks:
            if sink.pending or sink.set_aside:
                self._out.note(_sink_line(sink))

    @property
    def saw_anything(self) -> bool:
        """Whether any camera gave a frame."""
        return any(status.frames for status in self._watching.status)

    def _report(self) -> None:
        while not self._ended.wait(_STATUS_EVERY_S):
            with self._printing:
                for status in self._watching.status:
                    self._out.data({"status": status.to_dict()})
                for sink in self._watching.sinks:
                    self._out.data({"sink": asdict(sink)})

    def _make_live(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        return Live(
            get_renderable=lambda: status_table(self._watching.status),
            console=Console(stderr=True),
            refresh_per_second=_REFRESH_A_SECOND,
            transient=True,
            redirect_stdout=False,
        )


def _sink_line(sink: SinkStatus) -> str:
    parts = [f"{sink.pending} events wait for it and are kept"] if sink.pending else []
    parts += [f"{sink.set_aside} were refused and set aside"] if sink.set_aside else []
    parts += [sink.last_error] if sink.last_error else []
    return f"{sink.key}: {'; '.join(parts)}"


def describe(status: CameraStatus, seconds: float) -> str:
    """One camera's run in a line."""
    empty = status.counts.get("no_face", 0)
    parts = [f"{status.frames} frames in {seconds:.1f} s"]
    parts += [f"{status.analysed} analysed, {empty} of them without a face"]
    parts += ["1 visit" if status.visits == 1 else f"{status.visits} visits"]
    parts += [status.error.rstrip(".")] if status.error and not status.frames else []
    reasons = [
        f"{status.counts[name]} {words}"
        for name, words in {**OF_FACES, **OF_FRAMES}.items()
        if status.counts.get(name)
    ]
    if not status.keeps_up:
        parts.append("could not keep up: lower --fps, or watch the camera's smaller stream")
    return "; ".join(parts) + (". Not recognised: " + ", ".join(reasons) if reasons else "") + "."


def status_table(statuses: list[CameraStatus]) -> Table:
    """All cameras, a row each."""
    from rich.table import Column, Table

    names = ("camera", "state", "fps", "of", "delay", "there now", "visits", "not recognised")
    table = Table(*(Column(name, no_wrap=True, overflow="ellipsis") for name in names))
    for status in statuses:
        reasons = sum(status.counts.get(name, 0) for name in OF_FACES)
        table.add_row(
            printable(status.camera),
            status.state if status.keeps_up else f"{status.state}, too slow",
            f"{status.fps:.1f}",
            f"{status.source_fps:.1f}",
            f"{status.delay_s:.2f} s",
            printable(", ".join(status.present)),
            str(status.visits),
            printable(status.error or str(reasons)),
        )
    return table
