"""One HTML file that tells an evaluation: no script, nothing from elsewhere, light and dark."""

from __future__ import annotations

import datetime
import html
import os
import platform
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from vultus._version import __version__
from vultus.errors import StorageError
from vultus.evaluate.charts import Chart
from vultus.evaluate.plots import COLOURS, GRID, INK, PAPER, draw_svg

_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "matplotlib")
# Where the page is dark: lighter, and as far apart.
_DARK = ("#58b4ea", "#ff9a5c", "#3fcf9f", "#eaa6cb", "#ffc24d", "#9fd8f7")


@dataclass(frozen=True)
class Headline:
    """The figures that somebody reads who reads nothing else. note: how sure, of how many."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Cells are text as it is shown; the first column is to the left, others to the right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What a page tells.

    settings: how it was measured, what was measured on, and models. limits: what the figures do
    not say. made_at: with its time zone.
    """

    title: str
    lead: str
    headlines: Sequence[Headline]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    settings: Mapping[str, str]
    limits: Sequence[str]
    made_at: datetime.datetime = field(
        default_factory=lambda: datetime.datetime.now(datetime.timezone.utc)
    )


def versions() -> dict[str, str]:
    """What the figures were made with."""
    found = {"vultus": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, "system": f"{platform.system()} {platform.machine()}"}


def write_report(report: Report, path: Path) -> None:
    """Write the page; it appears whole or not at all, and replaces what is there.

    Raises:
        StorageError: it cannot be written.
        ExtraMissing: matplotlib is not installed.
    """
    page = render(report)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.", "Choose another place."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def render(report: Report) -> str:
    """The page as text."""
    when = report.made_at.astimezone(datetime.timezone.utc)
    parts = [
        f"<header><h1>{_text(report.title)}</h1><p class=lead>{_text(report.lead)}</p>",
        f'<p class=when>Measured on <time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">'
        f"{when:%Y-%m-%d %H:%M} UTC</time> by vultus {_text(__version__)}</p></header>",
        _headlines(report.headlines),
        *(_table(table) for table in report.tables),
        _section("Plots", "".join(map(_figure, report.charts))) if report.charts else "",
        _section("What these figures do not say", _list(report.limits)),
        _section("How it was measured", _pairs(report.settings)),
        _section("Versions", _pairs(versions())),
    ]
    return _PAGE.format(title=_text(report.title), style=_style(), body="\n".join(parts))


def _text(value: str) -> str:
    """Names of folders and files may hold anything, even bytes that are no letters."""
    clean = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape("".join(c if c.isprintable() else " " for c in clean))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _headlines(headlines: Sequence[Headline]) -> str:
    cells = "".join(
        f"<div><dt>{_text(one.label)}</dt><dd><b>{_text(one.value)}</b>"
        f"<span>{_text(one.note)}</span></dd></div>"
        for one in headlines
    )
    return f"<dl class=headlines>{cells}</dl>"


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{_text(name)}</th>" for name in table.header)
    rows = "".join(
        f"<tr><th scope=row>{_text(row[0])}</th>"
        + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    note = f"<p class=note>{_text(table.note)}</p>" if table.note else ""
    body = (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return _section(table.title, body + note)


def _figure(chart: Chart) -> str:
    label = _text(f"{chart.title}. {chart.caption}")
    svg = _inline(draw_svg(chart, clear=True), chart.name).replace(
        "<svg ", f'<svg role="img" aria-label="{label}" ', 1
    )
    return f"<figure>{svg}<figcaption>{_text(chart.caption)}</figcaption></figure>"


def _inline(svg: str, name: str) -> str:
    """A drawing as part of the page: in the page's colours, as wide as there is room, and with ids
    that no other drawing has."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    names = {INK: "ink", GRID: "grid", PAPER: "paper"}
    names |= {colour: f"c{place}" for place, colour in enumerate(COLOURS)}
    for colour, variable in names.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>"


def _pairs(pairs: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in pairs.items())
    return f"<dl class=pairs>{rows}</dl>"


def _style() -> str:
    light = {"ink": INK, "grid": GRID, "paper": PAPER, "soft": "#57606a", "panel": "#f4f6f8"}
    dark = {
        "ink": "#e6e9ed",
        "grid": "#3b434c",
        "paper": "#14181d",
        "soft": "#a3adb8",
        "panel": "#1e242b",
    }
    for names, colours in ((light, COLOURS), (dark, _DARK)):
        names.update({f"c{place}": colour for place, colour in enumerate(colours)})
    day, night = ("".join(f"--{k}:{v};" for k, v in names.items()) for names in (light, dark))
    return (
        f":root{{color-scheme:light dark;{day}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{night}}}}}{_RULES}"
    )


_RULES = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:2rem 1.25rem 4rem;background:var(--paper);
color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--grid)}
.lead{font-size:1.1rem;max-width:46rem;margin:0}
.when,.note,figcaption{color:var(--soft);font-size:.9rem}
.note{max-width:46rem}
.headlines{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.75rem;
margin:1.5rem 0 0}
.headlines div{background:var(--panel);border:1px solid var(--grid);border-radius:.5rem;
padding:.8rem 1rem}
.headlines dt{font-size:.9rem;color:var(--soft)}
.headlines dd{margin:0}
.headlines b{display:block;white-space:nowrap;font-size:1.5rem;font-variant-numeric:tabular-nums}
.headlines span{font-size:.85rem;color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .8rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child{text-align:left;padding-left:0}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:500}
figure{display:inline-block;vertical-align:top;width:calc(50% - 1rem);min-width:20rem;
margin:0 2rem 1.5rem 0}
figure:nth-of-type(even){margin-right:0}
figure svg{display:block;width:100%;height:auto}
figcaption{margin-top:.25rem}
li{margin:.3rem 0;max-width:50rem}
.pairs{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.25rem;margin:0}
.pairs dt{color:var(--soft)}
.pairs dd{margin:0;overflow-wrap:anywhere}
@media (max-width:44rem){figure{width:100%;margin-right:0;min-width:0}
.pairs{grid-template-columns:1fr}
.pairs dd{margin-bottom:.4rem}}
@media print{body{max-width:none;padding:0;font-size:10pt}h2{break-after:avoid}
figure,tr,.headlines div,li,.pairs{break-inside:avoid}}
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
