"""`vultus replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options, watch_options
from vultus.cli.output import Format, Output

if TYPE_CHECKING:
    from vultus.events.visit import Visit
    from vultus.settings import Settings
    from vultus.video.replay import Difference
    from vultus.video.track_file import TrackReader


def replay(
    tracks: Annotated[
        Path, typer.Argument(help="File that vultus watch --tracks wrote.", show_default=False)
    ],
    group: watch_options.Group = None,
    confirm: watch_options.Confirm = None,
    stranger_looks: Annotated[
        int | None,
        typer.Option("--stranger-looks", min=1, max=50, help="Looks before a stranger."),
    ] = None,
    absence: watch_options.Absence = None,
    cooldown: watch_options.Cooldown = None,
    far: options.FarOption = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", min=0, max=1, help="Distance between best and runner-up."),
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Apply other thresholds to recorded tracks, and print which visits differ.

    The first side is what the recording's own settings give with the gallery as it is now; the
    second has the thresholds given here. Nothing is written, no event is sent.
    """
    from vultus.video.replay import compare
    from vultus.video.track_file import TrackReader

    out = Output(format)
    reader = TrackReader(tracks)
    needed = group is not None
    group = group or reader.header.group
    settings = options.settings_for()
    recorded = reader.video
    changed = watch_options.video_settings(
        recorded, confirm=confirm, absence=absence, cooldown=cooldown
    )
    if stranger_looks is not None:
        changed = changed.model_copy(update={"stranger_looks": stranger_looks})
    other = settings
    if margin is not None:
        matching = settings.matching.model_copy(update={"margin": margin})
        other = settings.model_copy(update={"matching": matching})
    first = settings.model_copy(update={"video": recorded})
    second = other.model_copy(update={"video": changed})
    before = _visits(reader, first, gallery, group, needed=needed)
    after = _visits(reader, second, gallery, group, needed=needed, far=far)
    differences = compare(before, after)
    for each in differences:
        if each.change != "same" or out.format is Format.json:
            out.data(_record(each), _line(each, settings.video.time_zone))
    same = sum(each.change == "same" for each in differences)
    out.note(f"{len(before)} visits before, {len(after)} after, {same} the same")


def _visits(
    reader: TrackReader,
    settings: Settings,
    address: str | None,
    group: str | None,
    *,
    needed: bool,
    far: float | None = None,
) -> list[Visit]:
    from vultus.video.replay import replay as replay_tracks
    from vultus.video.session import judge_of
    from vultus.video.strangers import SessionStrangers

    with options.make_gallery(address, settings, far=far) as people:
        judge = judge_of(people, group or "default", needed=needed, model=reader.header.model)
        strangers = SessionStrangers(people.calibrator)
        return replay_tracks(reader, judge, strangers, settings.video)


def _record(difference: Difference) -> dict[str, Any]:
    def side(visit: Visit | None) -> dict[str, Any] | None:
        return None if visit is None else visit.to_dict()

    return {
        "change": difference.change,
        "before": side(difference.before),
        "after": side(difference.after),
    }


def _line(difference: Difference, time_zone: str | None) -> str:
    from vultus.video.local_time import local_text

    def side(visit: Visit | None) -> str:
        if visit is None:
            return "nobody"
        sure = f" {visit.probability:.0%}" if visit.person else ""
        return f"{visit.who}{sure}, {visit.seconds:.1f} s"

    known = difference.before or difference.after
    start = local_text(known.start, time_zone) if known else ""
    return (
        f"{start}  {difference.change:5}  {side(difference.before)}  ->  {side(difference.after)}"
    )
