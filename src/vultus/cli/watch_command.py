"""`vultus watch`."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vultus.cli import options, watch_options
from vultus.cli.exit_codes import SOURCE
from vultus.cli.output import Format, Output
from vultus.cli.stopping import stop_on_signal
from vultus.cli.watch_board import Board
from vultus.errors import UsageError, VultusError

if TYPE_CHECKING:
    from vultus.events.visit import Visit
    from vultus.learn.classifier import Classifier
    from vultus.learn.head import ExpressionHead
    from vultus.settings import Settings
    from vultus.video.camera import Camera
    from vultus.video.onlookers import Onlooker


def watch(
    source: watch_options.Source = None,
    config: watch_options.Config = None,
    group: watch_options.Group = None,
    camera: watch_options.CameraName = None,
    to: watch_options.To = None,
    record: watch_options.Record = None,
    window: watch_options.Window = False,
    snapshots: watch_options.Snapshots = None,
    keep_days: watch_options.KeepDays = None,
    keep_mb: watch_options.KeepMb = None,
    tracks: watch_options.Tracks = None,
    zone: watch_options.Zone = None,
    mask: watch_options.Mask = None,
    fps: watch_options.Fps = None,
    min_face: watch_options.GateFace = None,
    confirm: watch_options.Confirm = None,
    attributes: watch_options.Attributes = None,
    model: options.ModelOption = None,
    classifier: options.ClassifierOption = None,
    absence: watch_options.Absence = None,
    cooldown: watch_options.Cooldown = None,
    far: options.FarOption = None,
    remember: watch_options.Remember = True,
    started_at: watch_options.StartedAt = None,
    seconds: watch_options.Seconds = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Tell who comes and goes: before a camera, in a stream, in a file. One event a visit.

    Never drive a lock from a face match alone: a photograph of a face matches like the face.
    """
    settings = options.settings_for()
    video = watch_options.video_settings(settings.video, fps, min_face, confirm, absence, cooldown)
    settings = settings.model_copy(update={"video": video})
    if (source is None) == (config is None):
        raise UsageError(
            "Nothing to watch." if source is None else "A source and a file of cameras.",
            "Name a source, as in `vultus watch 0`, or --config cameras.toml.",
        )
    if config is not None:
        _refuse_beside_config(
            group, camera, record, snapshots, keep_days, keep_mb, tracks, zone, mask, attributes
        )
        from vultus.video.camera import read_cameras

        found = read_cameras(config, video)
        cameras, to = found.camera, [*found.to, *(to or ())]
    else:
        one = watch_options.camera_of(source or "", camera, group, video, zone, mask)
        files = {"record": record, "snapshots": snapshots, "tracks": tracks}
        asked = options.attributes_of(attributes)
        kept = {"snapshots_days": keep_days, "snapshots_mb": keep_mb, "attributes": asked}
        cameras = [one.model_copy(update={**files, **kept})]
    head = options.head_of(model, [name for camera in cameras for name in camera.attributes])
    known = options.classifier_of(classifier, group=group, gallery=gallery, far=far)
    watching = _Watching(cameras, settings, gallery, to or [], config is not None, head, known)
    watching.run(
        Output(format),
        remember=remember,
        far=far,
        started_at=_with_zone(started_at),
        seconds=seconds,
        window=window,
    )


@dataclass(frozen=True)
class _Watching:
    """What is watched, and where the events go. patient: cameras that are down are waited for;
    head: tells expressions in place of the shipped network; people: tells who faces are in place
    of a group."""

    cameras: list[Camera]
    settings: Settings
    gallery: str | None
    to: list[str]
    patient: bool
    head: ExpressionHead | None
    people: Classifier | None

    def run(
        self,
        out: Output,
        *,
        remember: bool,
        far: float | None,
        started_at: datetime.datetime | None,
        seconds: float | None,
        window: bool,
    ) -> None:
        """Watch until the end, and answer every event as it comes."""
        from vultus.video.watching import watch_cameras

        with ExitStack() as opened:
            watching = opened.enter_context(
                watch_cameras(
                    self.cameras,
                    gallery=self.gallery,
                    on="all",
                    to=self.to,
                    remember=remember,
                    classifier=self.people,
                    far=far,
                    patient=self.patient,
                    expression=self.head,
                    settings=self.settings,
                    started_at=started_at,
                    onlookers=_windows(window, self.cameras),
                )
            )
            opened.enter_context(stop_on_signal(watching.stop, seconds))
            board = opened.enter_context(Board(out, watching, live=self.patient))
            try:
                for visit in watching:
                    board.event(visit.to_dict(), _line(visit, self.settings.video.time_zone))
            except VultusError:
                if self.patient:  # of several cameras, others may have gone on
                    opened.pop_all().close()
                    board.sum_up()
                raise
        board.sum_up()
        if not self.patient and not board.saw_anything:
            raise typer.Exit(SOURCE)


def _refuse_beside_config(*options: object) -> None:
    """What belongs to one camera stands in the file of cameras."""
    if any(option is not None for option in options):
        raise UsageError(
            "These options are for one camera, and --config has several: --group, --camera, "
            "--record, --snapshots, --keep-days, --keep-mb, --tracks, --zone, --mask, "
            "--attributes.",
            "Write them into the file; docs/video.md shows its format.",
        )


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
    from vultus.faces.attributes.words import in_words
    from vultus.video.local_time import local_text
    from vultus.video.zones import OUTSIDE

    parts = [local_text(visit.time, time_zone), visit.camera, visit.type.ljust(6)]
    parts += [visit.who or "somebody"]
    # never 100: no face is that certain
    parts += [f"{min(99, int(visit.probability * 100))}%"] if visit.person else []
    if visit.zone:
        parts.append(visit.zone if visit.zone == OUTSIDE else f"in {visit.zone}")
    parts += [f"after {visit.seconds:.1f} s"] if visit.type == "exit" else []
    words = in_words(visit.attributes)
    parts += [words] if words else []
    shot = visit.best_shot
    parts += [shot.picture] if shot and shot.picture else []
    return "  ".join(parts)
