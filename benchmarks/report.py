"""docs/benchmarks.md: every section stands between its own markers and is replaced alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.places import REPORT, RESULTS
from benchmarks.tables import Figure, table

Results = dict[str, dict[str, Any]]

_HEAD = """# Benchmarks

Measured by `make bench`, which anybody can repeat; each section says when and on what.
"""


def load_results(path: Path = RESULTS) -> Results:
    """What earlier runs measured, by part; empty where there is nothing."""
    try:
        results: Results = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return results


def save_results(results: Results, path: Path = RESULTS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(results, indent=1), "utf-8")
    new.replace(path)


def replace_section(text: str, name: str, body: str) -> str:
    """The text with this section's body put between its markers, at the end where it is new."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: section, text)
    return f"{text.rstrip()}\n\n{section}\n"


def write_sections(sections: dict[str, str], path: Path = REPORT) -> None:
    """Write these sections and leave all others as they are."""
    text = path.read_text("utf-8") if path.exists() else _HEAD
    for name, body in sections.items():
        text = replace_section(text, name, body)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def figures_section(figures: list[Figure]) -> str:
    """The table of what was wanted and what was measured."""
    rows = [(f.name, f.wanted, f.measured, "yes" if f.met else "**no**") for f in figures]
    lines = [
        "## Figures wanted and measured",
        "",
        *table(("figure", "wanted", "measured", "met"), rows),
    ]
    return "\n".join(lines)


def with_reported(measured: list[Figure], path: Path = REPORT) -> list[Figure]:
    """The report's figures in its order, renewed; those that were measured elsewhere stay."""
    text = path.read_text("utf-8") if path.exists() else ""
    section = text.partition("<!-- begin figures -->")[2].partition("<!-- end figures -->")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    reported = {row[0]: Figure(row[0], row[1], row[2], row[3] == "yes") for row in rows[2:]}
    return list((reported | {figure.name: figure for figure in measured}).values())


def about_section(about: dict[str, str], peer: dict[str, str] | None) -> str:
    """The machine of the latest run, all versions, and how to repeat it."""
    beside = ", ".join(f"{name} {version}" for name, version in (peer or {}).items())
    rows = [(name, value) for name, value in about.items()]
    rows.append(("beside it", beside or "nothing was measured beside it in this run"))
    lines = [
        "## Machine and method",
        "",
        *table(("latest run", ""), rows),
        "",
        "To repeat it: `make bench`, or `python -m benchmarks` with the project's python. "
        "`--only NAME` runs one part, `--peer PYTHON` uses an environment that has "
        "face_recognition, "
        "`--no-peer` measures Vultus alone, `--seconds` says how long cameras run. `make soak` "
        "runs them for ten minutes and kills servers in twenty rounds. Without the research data "
        "(`VULTUS_SHARED`, default "
        "`../shared`) speed is measured on one portrait and the other parts are left out.",
        "",
        "Both sides run at the same time as processes of their own, with one thread each on the "
        "same core, and are asked in turn on the same picture, so that what disturbs the machine "
        "disturbs both. Times are medians, in brackets the middle 80 %; a ratio is that of "
        "the medians, in brackets the middle 80 % of the ratios of neighbouring measurements.",
    ]
    return "\n".join(lines)


def part_section(title: str, lines: list[str], about: dict[str, str]) -> str:
    where = f"{about['processor']}, {about['cores']} cores"
    return "\n".join([f"## {title}", "", *lines, "", f"*Measured on {about['date']}, {where}.*"])
