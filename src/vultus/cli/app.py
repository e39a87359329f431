"""`vultus`: the commands, and how each of them ends."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vultus._version import __version__
from vultus.cli import (
    align_command,
    calibrate_command,
    capture_command,
    classify_command,
    cluster_command,
    compat_command,
    demo_command,
    detect_command,
    doctor_command,
    embed_command,
    enroll_command,
    evaluate_command,
    gallery_command,
    groups_command,
    identify_command,
    import_command,
    info_command,
    keys_command,
    models_command,
    people_command,
    replay_command,
    serve_command,
    sort_command,
    strangers_command,
    train_command,
    verify_command,
    visits_command,
    watch_command,
)
from vultus.cli.exit_codes import FAILED, INTERRUPTED, STORAGE, exit_code
from vultus.cli.output import Format, Output
from vultus.errors import StorageError, VultusError
from vultus.work import end_swiftly

_ARGUMENTS = "vultus.arguments"


class _Group(TyperGroup):
    """Ends every command in one way: Vultus's errors as a message and a documented status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VultusError as error:
            Output(_asked_format(ctx.meta[_ARGUMENTS])).error(error)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted. What was reported as done is kept.\n")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # `vultus ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except OSError as error:  # stdout itself: a full disk behind `> file`
            sys.stderr.write(f"error: cannot write: {error.strerror} [{StorageError.code}]\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(STORAGE) from None


def _asked_format(arguments: list[str]) -> Format:
    """The format on the command line; an error may come before it was parsed."""
    text = " ".join(arguments)
    asked = re.findall(r"(?:^| )(?:--format[ =]|-f ?=?)(human|json|quiet)(?= |$)", text)
    return Format(asked[-1]) if asked else Format.human


app = typer.Typer(
    name="vultus",
    cls=_Group,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Face detection and recognition on your own machine, in photos and in live video.",
    epilog="Start with: vultus enroll photos/people --group friends; "
    "vultus identify party.jpg --group friends --annotate out/; vultus watch 0 --group friends",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vultus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


for command in (
    detect_command.detect,
    verify_command.verify,
    enroll_command.enroll,
    identify_command.identify,
    embed_command.embed,
    align_command.align,
    classify_command.classify,
    cluster_command.cluster,
    sort_command.sort,
    calibrate_command.calibrate,
    watch_command.watch,
    capture_command.capture,
    replay_command.replay,
    doctor_command.doctor,
    serve_command.serve,
):
    app.command()(command)
app.add_typer(people_command.app, name="people")
app.add_typer(strangers_command.app, name="strangers")
app.add_typer(visits_command.app, name="visits")
app.add_typer(groups_command.app, name="groups")
app.add_typer(gallery_command.app, name="gallery")
app.add_typer(import_command.app, name="import")
app.add_typer(keys_command.app, name="keys")
app.add_typer(models_command.app, name="models")
app.add_typer(evaluate_command.app, name="evaluate")
app.add_typer(train_command.app, name="train")
app.add_typer(compat_command.app, name="compat")
app.command()(info_command.info)
app.command()(demo_command.demo)


def main() -> None:
    """The console script."""
    end_swiftly()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that the terminal lacks is escaped
            stream.reconfigure(errors="backslashreplace")
    app()
