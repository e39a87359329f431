"""`vultus doctor`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.cli.stopping import stop_on_signal

if TYPE_CHECKING:
    from vultus.video.doctor import Examination

_BAR = 30


def doctor(
    source: Annotated[
        str,
        typer.Argument(
            help="Camera number or device, video file, rtsp:// or http(s)://.", show_default=False
        ),
    ],
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=86_400, help="How long to look.")
    ] = 60.0,
    format: options.FormatOption = Format.human,
) -> None:
    """Tell whether a camera is fit for recognition: sizes, blur, pose and light of its faces.

    Let people pass as they usually do while it runs.
    """
    from vultus.video.doctor import Doctor
    from vultus.video.sources.opening import open_source

    out = Output(format)
    settings = options.settings_for()
    examiner = Doctor(options.make_analyzer(settings), settings.video, seconds)
    opened = open_source(source, settings)
    try:
        with stop_on_signal(opened.close):
            out.note(f"looking for {seconds:g} seconds; Ctrl-C ends earlier")
            found = examiner.examine(opened)
    finally:
        opened.close()
    out.data(found.to_dict(), _lines(found))


def _lines(found: Examination) -> list[str]:
    from vultus.video.doctor import BINS

    width, height = found.size_wh
    lines = [
        f"{found.source}: {width}x{height}, {found.fps:.1f} frames a second, "
        f"{found.seconds:.1f} seconds",
        f"{found.faces} faces in {found.frames_with_faces} of {found.examined} frames that were "
        f"examined; {found.dropped} frames dropped, {found.damaged} packets damaged, "
        f"{found.reconnects} reconnects",
        f"one search takes {found.analysis_ms:.0f} ms, {found.share:.0%} of a core",
    ]
    if found.faces:
        for name, edges in BINS.items():
            lines += ["", f"{name} (median {found.medians[name]:g})"]
            lines += _histogram(edges, found.histograms[name])
    return [*lines, "", *found.verdict]


def _histogram(edges: tuple[float, ...], counts: list[int]) -> list[str]:
    most = max([*counts, 1])
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels[-1] = f"{edges[-2]:g} or more"
    return [
        f"  {label:>12}  {'#' * round(_BAR * count / most)} {count}"
        for label, count in zip(labels, counts, strict=True)
    ]
