"""`vultus capture`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Format, Output
from vultus.cli.stopping import stop_on_signal

if TYPE_CHECKING:
    from vultus.video.capture import Capture, Taken
    from vultus.video.sources.source import Source


def capture(
    name: Annotated[str, typer.Argument(help="Who will be seen.", show_default=False)],
    source: Annotated[
        str,
        typer.Option(
            "--source", help="Camera number or device, video file, rtsp:// or http(s)://."
        ),
    ] = "0",
    out_dir: Annotated[
        Path, typer.Option("--out", help="Pictures go into a folder of that name in here.")
    ] = Path("people"),
    group: Annotated[
        str | None,
        typer.Option("--group", "-g", help="Enrol the pictures into this group, too."),
    ] = None,
    enroll: Annotated[
        bool, typer.Option("--enroll", help="Enrol them into the group `default`, without --group.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            min=1,
            max=1000,
            help="Good pictures to take. [default: 10; with --window until Esc]",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0, max=3600, help="Seconds from one to the next.")
    ] = 1.0,
    window: Annotated[
        bool, typer.Option("--window", help="Show it: space takes a picture, Esc or q ends.")
    ] = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Take pictures of one person from a camera, and enrol them. Only good ones are kept.

    Example: vultus capture ada --count 5 --group friends
    """
    from vultus.video.capture import Capture
    from vultus.video.sources.opening import open_source

    out = Output(format)
    settings = options.settings_for()
    with ExitStack() as opened:
        people, analyzer = None, options.make_analyzer(settings)
        if group is not None or enroll:
            people = opened.enter_context(options.make_gallery(gallery, settings))
            analyzer = people.analyzer
        taking = Capture(name, out_dir, analyzer, gallery=people, group=group or "default")
        video = open_source(source, settings)
        opened.callback(video.close)
        opened.enter_context(stop_on_signal(video.close))
        kept, refused = 0, 0
        for taken in _take(taking, video, count, interval if not window else None):
            out.data(_record(taking, taken), _line(taken))
            kept, refused = kept + (taken.picture is not None), refused + bool(taken.refused)
    note = f"{kept} pictures taken into {taking.folder}"
    note += f", enrolled into {taking.group!r}" if people is not None and kept else ""
    out.note(note + (f", {refused} refused" if refused else ""))
    if not kept or (count is not None and kept < count):
        raise typer.Exit(FAILED)


def _take(
    taking: Capture, video: Source, count: int | None, interval_s: float | None
) -> Iterator[Taken]:
    """By time, or in a window where there is no interval."""
    if interval_s is not None:
        yield from taking.timed(video.frames(), count or 10, interval_s)
        return
    from vultus.video.window import Window

    with Window(f"Vultus: {taking.name}", video.info.size_wh) as window:
        yield from taking.watched(video.frames(), window, count)


def _record(taking: Capture, taken: Taken) -> dict[str, Any]:
    from vultus.cli.records import rounded

    done = taken.enrolled
    record: dict[str, Any] = rounded(
        {
            "person": taking.name,
            "media_time": taken.media_time,
            "picture": None if taken.picture is None else str(taken.picture),
            "refused": taken.refused,
            "quality": taken.quality,
            "face_px": taken.face_px,
            "group": None if done is None else done.group,
            "new": None if done is None else done.new,
        }
    )
    return record


def _line(taken: Taken) -> str:
    moment = f"{taken.media_time:.1f} s: "
    if taken.picture is None:
        return f"{moment}refused: {'; '.join(taken.refused)}"
    done = taken.enrolled
    after = "" if done is None else ", enrolled" if done.new else ", was enrolled before"
    return f"{moment}{taken.picture}, quality {taken.quality:.2f}{after}"
