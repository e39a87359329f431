"""Charts as pictures, by matplotlib (extra `plots`), which is imported when one is drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from vultus.errors import ExtraMissing, StorageError
from vultus.evaluate.charts import Chart, Scale, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart with any kind of colour vision (Okabe and Ito, 2008), and by their dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
INK, GRID, PAPER = "#1b1f24", "#d3d7dc", "#ffffff"
_SIZE_INCHES = (6.4, 4.4)
_DOTS_PER_INCH = 160
_TICKS = (
    1e-4,
    2e-4,
    5e-4,
    1e-3,
    2e-3,
    5e-3,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
)
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it: pictures are the same everywhere
    "font.size": 10,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.facecolor": PAPER,
    "legend.edgecolor": GRID,
    "svg.fonttype": "path",
}


def require_plots() -> None:
    """That there is something to draw with, before anything is measured.

    Raises:
        ExtraMissing: there is not.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            "Plots and reports need matplotlib.", "Install it: pip install 'vultus[plots]'."
        ) from error


def save_plots(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Write each chart as PNG and SVG, named after the chart; what is there is replaced.

    Raises:
        StorageError: the folder cannot be made or written to.
        ExtraMissing: matplotlib is not installed.
    """
    require_plots()
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            for ending, data in (("png", draw_png(chart)), ("svg", draw_svg(chart).encode())):
                path = folder / f"{chart.name}.{ending}"
                path.write_bytes(data)
                written.append(path)
    except OSError as error:
        raise StorageError(
            f"Plots cannot be written to {folder}: {error.strerror or error}.",
            "Choose another folder.",
        ) from error
    return written


def draw_png(chart: Chart) -> bytes:
    """1024 x 704 pixels on white."""
    data = io.BytesIO()
    with _styled(chart):
        _draw(chart).savefig(data, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return data.getvalue()


def draw_svg(chart: Chart, *, clear: bool = False) -> str:
    """The same as lines; the same bytes for the same chart. clear: no paper behind it."""
    data = io.StringIO()
    with _styled(chart):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        _draw(chart, clear=clear).savefig(data, format="svg", metadata=nothing, transparent=clear)
    return data.getvalue()


def _styled(chart: Chart) -> Any:
    from matplotlib import rc_context

    # ids inside a file are made from the salt: of two charts on one page none may be the same
    style: Any = {**_STYLE, "svg.hashsalt": chart.name}
    return rc_context(style)


def _draw(chart: Chart, *, clear: bool = False) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    figure.set_facecolor("none" if clear else PAPER)
    axes = figure.add_subplot()
    axes.set_facecolor("none" if clear else PAPER)
    _set_titles(axes, chart)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(True, axis="y" if chart.categories else "both")
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":", label="ideal")
    for place, series in enumerate(chart.series):
        _draw_series(axes, chart, series, place)
    if chart.mark:
        at, words = chart.mark
        axes.axvline(at, color=INK, linewidth=1.2, linestyle="--", label=words)
    _set_axis(axes, "x", chart.x_scale, chart.x_limits, percent="x" in chart.percent)
    _set_axis(axes, "y", chart.y_scale, chart.y_limits, percent="y" in chart.percent)
    if chart.whole_x:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.categories:
        axes.set_xticks(range(len(chart.categories)), chart.categories)
        axes.tick_params(axis="x", length=0)
    if len(axes.get_legend_handles_labels()[0]) > 1:  # below: nothing is covered
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _set_titles(axes: Axes, chart: Chart) -> None:
    axes.set_title(chart.title, loc="left", pad=20 if chart.subtitle else 8)
    if chart.subtitle:
        axes.annotate(
            chart.subtitle,
            (0, 1),
            xytext=(0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9,
        )


def _draw_series(axes: Axes, chart: Chart, series: Series, place: int) -> None:
    colour = COLOURS[place % len(COLOURS)]
    dashes: Any = DASHES[place % len(DASHES)]
    xs = _scaled(series.xs, chart.x_scale)
    ys = _scaled(series.ys, chart.y_scale)
    if series.kind == "area":
        axes.stairs(ys, xs, fill=True, color=colour, alpha=0.35)
        axes.stairs(ys, xs, color=colour, linewidth=1.6, linestyle=dashes, label=series.label)
    elif series.kind == "bars":
        _draw_bars(axes, chart, series, place)
    elif series.kind == "points":
        axes.errorbar(xs, ys, yerr=_reach(series), fmt="none", color=colour, capsize=3)
        most = max(series.sizes, default=1)
        areas = [20 + 140 * size / most for size in series.sizes]
        axes.scatter(
            xs, ys, s=areas or 40, color=colour, label=series.label, zorder=3, clip_on=False
        )
    else:
        drawn = {"steps": "steps-post", "steps-back": "steps-pre"}.get(series.kind, "default")
        few = series.kind == "line" and len(xs) <= 20
        axes.plot(
            xs,
            ys,
            color=colour,
            linestyle=dashes,
            linewidth=2,
            drawstyle=drawn,
            marker="o" if few else None,
            markersize=4,
            label=series.label,
        )


def _draw_bars(axes: Axes, chart: Chart, series: Series, place: int) -> None:
    """Bars of several series stand side by side; each carries its value."""
    width = 0.8 / len(chart.series)
    shift = (place - (len(chart.series) - 1) / 2) * width
    places = [x + shift for x in series.xs]
    axes.bar(
        places,
        series.ys,
        width * 0.92,
        color=COLOURS[place % len(COLOURS)],
        hatch=("", "//", "..")[place % 3],
        edgecolor=PAPER,
        label=series.label,
    )
    if series.low:
        axes.errorbar(places, series.ys, yerr=_reach(series), fmt="none", color=INK, capsize=4)


def _reach(series: Series) -> list[list[float]] | None:
    """How far the bars of a series go down and up, never below nothing by rounding."""
    if not series.low:
        return None
    return [
        [max(0.0, y - low) for y, low in zip(series.ys, series.low, strict=True)],
        [max(0.0, high - y) for y, high in zip(series.ys, series.high, strict=True)],
    ]


def _set_axis(
    axes: Axes, which: str, scale: Scale, limits: tuple[float, float] | None, *, percent: bool
) -> None:
    setter = getattr(axes, f"set_{which}lim")
    if scale == "deviate" and limits is not None:
        inside = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
        labels = [f"{tick * 100:g} %" for tick in inside]
        getattr(axes, f"set_{which}ticks")(_scaled(inside, scale), labels)
        setter(*_scaled(limits, scale))
        return
    if scale == "log":
        getattr(axes, f"set_{which}scale")("log")
    if percent:
        from matplotlib.ticker import FuncFormatter

        axis = getattr(axes, f"{which}axis")
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g} %"))
    if limits is not None:
        setter(*limits)


def _scaled(values: Sequence[float], scale: Scale) -> list[float]:
    if scale != "deviate":
        return [float(value) for value in values]
    least = 1e-9  # a rate of nothing lies infinitely far out
    return [NormalDist().inv_cdf(float(np.clip(value, least, 1 - least))) for value in values]
