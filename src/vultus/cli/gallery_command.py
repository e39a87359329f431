"""`vultus gallery ...`."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Format, Output
from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.gallery.checking import Finding

app = typer.Typer(no_args_is_help=True, help="The gallery as a whole: what may be wrong in it.")


@app.callback()
def _root() -> None:
    """So that `check` keeps its name while it is the only command."""


@app.command()
def check(
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group.", show_default=False)
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            "--kinds",
            help="Look for these only: same_person,mislabelled,duplicate,poor,few.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        int,
        typer.Option("--photos", min=1, max=100, help="Good photos that everybody should have."),
    ] = 3,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Look for wrong names, doubles, poor and repeated photos, and people with too few.

    Each finding comes with its evidence and the commands that mend it. Ends with status 1 where
    something was found.

    Example: vultus gallery check --group friends
    """
    out = Output(format)
    from vultus.gallery.checking import KINDS, check_group

    wanted = _kinds(kinds, list(KINDS))
    counts: Counter[str] = Counter()
    with options.make_gallery(gallery) as people:
        names = [each.name for each in people.groups()] if group is None else [group]
        for name in names:
            for found in check_group(people, name, photos=photos):
                if found.kind in wanted:
                    counts[found.kind] += 1
                    commands = commands_for(found, name, gallery)
                    out.data(_record(found, name, commands), _lines(found, name, commands))
    told = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    out.note(f"{sum(counts.values())} findings: {told}" if told else "Nothing was found.")
    if counts:
        raise typer.Exit(FAILED)


def _kinds(text: str | None, known: list[str]) -> list[str]:
    if text is None:
        return known
    wanted = [word.strip() for word in text.split(",")]
    unknown = [word for word in wanted if word not in known]
    if unknown:
        raise UsageError(f"There is no kind {unknown[0]!r}.", f"Choose of {', '.join(known)}.")
    return wanted


def commands_for(found: Finding, group: str, address: str | None) -> list[str]:
    """What mends a finding, as it can be typed into a shell."""
    where = ["--group", group]
    if address is not None and "@" not in address:  # an address with a password is not shown
        where += ["--gallery", address]
    if found.kind == "same_person":
        return [_command("people merge", where, found.person, found.other or "")]
    more = _command("enroll", ["--name", found.person, *where], "MORE.jpg")
    if found.kind == "few":
        return [more]
    commands = [_command("people remove-face", where, str(found.face))]
    if found.kind == "mislabelled" and _is_file(found.source):
        enrolled = ["--name", found.other or "", "--largest", *where]
        commands.append(_command("enroll", enrolled, found.source or ""))
    return commands


def _command(name: str, optional: list[str], *arguments: str) -> str:
    """Options first; what follows `--` may begin with a dash."""
    guard = ["--"] if any(argument.startswith("-") for argument in arguments) else []
    return " ".join(["vultus", name, *map(shlex.quote, [*optional, *guard, *arguments])])


def _is_file(source: str | None) -> bool:
    try:
        return source is not None and Path(source).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _record(found: Finding, group: str, commands: list[str]) -> dict[str, Any]:
    from dataclasses import asdict

    from vultus.cli.records import rounded

    told: dict[str, Any] = rounded(asdict(found))
    return {"kind": told.pop("kind"), "group": group, **told, "commands": commands}


def _lines(found: Finding, group: str, commands: list[str]) -> list[str]:
    return [f"{group}: {_describe(found)}", *(f"    {command}" for command in commands)]


def _describe(found: Finding) -> str:
    face = f"face {found.face} of {found.person} ({found.source})"
    other = f"face {found.other_face} of {found.other} ({found.other_source})"
    if found.kind == "same_person":
        return (
            f"{found.person} and {found.other} look like one person, typically {found.distance:.2f}"
            f" apart ({found.probability:.0%}); nearest are {face} and {other}"
        )
    if found.kind == "mislabelled":
        return (
            f"{face} looks like {found.other}: {found.distance:.2f} from {found.other} "
            f"({found.probability:.0%}), {found.own_distance:.2f} from {found.person}'s other "
            f"faces; nearest is {other}"
        )
    if found.kind == "duplicate":
        return (
            f"{face} is the same photo as face {found.other_face} ({found.other_source}), "
            f"{found.distance:.2f} apart"
        )
    if found.kind == "poor":
        return f"{face} is poor: quality {found.quality:.2f}"
    good = found.faces or 0
    told = f"{found.person} needs more photos: {good or 'none'} good"
    if good < 2:  # there are no others that could recognise it
        return told
    return f"{told}, of which {found.recognised} are recognised by the others"
