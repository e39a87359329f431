"""`vultus compat ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from vultus.cli import options
from vultus.cli.output import Format, Output

if TYPE_CHECKING:
    from vultus.compat.install import Alias

app = typer.Typer(no_args_is_help=True, help="Programs written for face_recognition, on Vultus.")


class _PassOn(TyperCommand):
    """Hands everything after its name to another command, `--help` and `--` included."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


@app.command("face_recognition", cls=_PassOn)
def face_recognition(ctx: typer.Context) -> None:
    """Name people as the tool `face_recognition` does: same arguments, same output.

    Example: vultus compat face_recognition known/ unknown/ --cpus -1
    """
    from vultus.compat.face_recognition import face_recognition_cli

    face_recognition_cli.main(ctx.args, prog_name=ctx.command_path)


@app.command("face_detection", cls=_PassOn)
def face_detection(ctx: typer.Context) -> None:
    """Find faces as the tool `face_detection` does: same arguments, same output.

    Example: vultus compat face_detection photos/ --cpus -1
    """
    from vultus.compat.face_recognition import face_detection_cli

    face_detection_cli.main(ctx.args, prog_name=ctx.command_path)


@app.command()
def install(format: options.FormatOption = Format.human) -> None:
    """Let `import face_recognition` and its two tools mean Vultus in this environment."""
    from vultus.compat.environment import this_environment
    from vultus.compat.install import install as install_in

    alias = install_in(this_environment())
    done = "installed" if alias.changed else "was installed already"
    Output(format).data(_record(alias), f"face_recognition {alias.version} {done}: {_where(alias)}")


@app.command()
def uninstall(format: options.FormatOption = Format.human) -> None:
    """Remove what `vultus compat install` put there."""
    from vultus.compat.environment import this_environment
    from vultus.compat.install import uninstall as uninstall_from

    alias = uninstall_from(this_environment())
    line = f"face_recognition {alias.version} removed: {_where(alias)}"
    Output(format).data(_record(alias), line)


def _record(alias: Alias) -> dict[str, object]:
    return {
        "version": alias.version,
        "packages": str(alias.packages),
        "scripts": [str(path) for path in alias.scripts],
        "changed": alias.changed,
    }


def _where(alias: Alias) -> str:
    return ", ".join([str(alias.packages), *(str(path) for path in alias.scripts)])
