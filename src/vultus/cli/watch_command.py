"""`vultus watch`."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options, watch_options
from vultus.cli.output import Format, Output
from vultus.cli.stopping import stop_on_signal
from vultus.cli.watch_board import Board
from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.events.visit import Visit
    from vultus.settings import Settings
    from vultus.video.camera import Camera
    from vultus.video.onlookers import Onlooker


def watch(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Camera number or device, picamera:, video file, folder, rtsp:// or http(s)://.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="File of cameras (cameras.toml) instead of a source."),
    ] = None,
    group: watch_options.Group = None,
    camera: watch_options.CameraName = None,
    to: watch_options.To = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write annotated video (.mp4, .mkv).")
    ] = None,
    window: Annotated[
        bool, typer.Option("--window", help="Show it. Esc or q ends, space saves a picture.")
    ] = False,
    snapshots: Annotated[
        Path | None, typer.Option("--snapshots", help="Save the best picture of each visit here.")
    ] = None,
    keep_days: watch_options.KeepDays = None,
    keep_mb: watch_options.KeepMb = None,
    tracks: Annotated[
        Path | None, typer.Option("--tracks", help="Write what was tracked, for vultus replay.")
    ] = None,
    zone: watch_options.Zone = None,
    mask: watch_options.Mask = None,
    fps: watch_options.Fps = None,
    min_face: watch_options.GateFace = None,
    confirm: watch_options.Confirm = None,
    absence: watch_options.Absence = None,
    cooldown: watch_options.Cooldown = None,
    far: options.FarOption = None,
    remember: Annotated[
        bool,
        typer.Option("--remember/--no-remember", help="Keep strangers and visits in the gallery."),
    ] = True,
    started_at: Annotated[
        datetime.datetime | None,
        typer.Option("--started-at", help="When a file was recorded. [default: the file's time]"),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="End after so many seconds.")
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Tell who comes and goes: before a camera, in a stream, in a file. One event a visit.

    Never drive a lock from a face match alone: a photograph of a face matches like the face.
    """
    from vultus.video.watching import watch_cameras

    out = Output(format)
    settings = options.settings_for()
    video = watch_options.video_settings(settings.video, fps, min_face, confirm, absence, cooldown)
    settings = settings.model_copy(update={"video": video})
    if (source is None) == (config is None):
        raise UsageError(
            "Nothing to watch." if source is None else "A source and a file of cameras.",
            "Name a source, as in `vultus watch 0`, or --config cameras.toml.",
        )
    if config is not None:
        cameras, to = _from_file(config, settings, to)
    else:
        from vultus.video.camera import Camera
        from vultus.video.session import camera_name

        cameras = [
            Camera(
                name=camera or camera_name(source or ""),
                source=source or "",
                group=group,
                zones=watch_options.parse_zones(zone),
                masks=watch_options.parse_masks(mask),
                record=record,
                snapshots=snapshots,
                snapshots_days=keep_days,
                snapshots_mb=keep_mb,
                tracks=tracks,
                video=video,
            )
        ]
    with ExitStack() as opened:
        watching = opened.enter_context(
            watch_cameras(
                cameras,
                gallery=gallery,
                on="all",
                to=to or (),
                remember=remember,
                far=far,
                patient=config is not None,
                settings=settings,
                started_at=_with_zone(started_at),
                onlookers=_windows(window, cameras),
            )
        )
        opened.enter_context(stop_on_signal(watching.stop, seconds))
        board = opened.enter_context(Board(out, watching, live=config is not None))
        for visit in watching:
            board.event(visit.to_dict(), _line(visit, video.time_zone))
    board.sum_up()


def _from_file(
    config: Path, settings: Settings, to: list[str] | None
) -> tuple[list[Camera], list[str]]:
    from vultus.video.camera import read_cameras

    found = read_cameras(config, settings.video)
    return found.camera, [*found.to, *(to or ())]


def _windows(wanted: bool, cameras: list[Camera]) -> list[Onlooker]:
    if not wanted:
        return []
    if len(cameras) > 1:
        raise UsageError("A window shows one camera.", "Watch it without --config.")
    from vultus.video.onlookers import WindowView

    return [WindowView(cameras[0].name, cameras[0].snapshots or Path())]


def _with_zone(moment: datetime.datetime | None) -> datetime.datetime | None:
    """A time that somebody typed is meant in the machine's zone."""
    return None if moment is None else moment.astimezone()


def _line(visit: Visit, time_zone: str | None) -> str:
    """A visit's event in a line: time, camera, what, who, how sure, how long."""
    from vultus.video.local_time import local_text

    parts = [local_text(visit.time, time_zone), visit.camera, visit.type.ljust(6)]
    parts += [visit.who or "somebody"]
    parts += [f"{visit.probability:.0%}"] if visit.person else []
    parts += [f"in {visit.zone}"] if visit.zone else []
    parts += [f"after {visit.seconds:.1f} s"] if visit.type == "exit" else []
    shot = visit.best_shot
    parts += [shot.picture] if shot and shot.picture else []
    return "  ".join(parts)
