"""`vultus keys ...`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.server.security.keys import KeyStore

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of `vultus serve`: make, list, revoke. A running server heeds it within seconds.",
)


class RoleName(str, Enum):
    """What a key may do; see vultus.server.security.roles."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"


Name = Annotated[str, typer.Argument(help="The key's name.", show_default=False)]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="As of `vultus serve`. [env: VULTUS_DATA_DIR] [default: your data folder]",
        show_default=False,
    ),
]


@app.command()
def create(
    name: Name,
    role: Annotated[
        RoleName,
        typer.Option(
            help="viewer: reads visits and events; operator: also enrols, identifies and corrects "
            "people, and sees cameras; admin: everything.",
            show_default=False,
        ),
    ],
    data_dir: DataDirOption = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Make a key, and show it this once: only its digest is kept."""
    if format is Format.quiet:
        raise UsageError("Nobody would see the key.", "Leave --format quiet out.")
    output = Output(format)
    with _key_store(data_dir, gallery) as keys:
        key = keys.create(name, role.value)
    output.data({"name": name, "role": role.value, "key": key}, key)
    if format is Format.human:
        output.note(f"The key {name!r} for {role.value}s; it is shown this once.")


@app.command("list")
def list_keys(
    data_dir: DataDirOption = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """List the keys that ever were, with role and times."""
    with _key_store(data_dir, gallery) as keys:
        rows: list[dict[str, Any]] = [
            {
                "name": record.name,
                "role": record.role,
                "created_at": _shown(record.created_at),
                "revoked_at": record.revoked_at and _shown(record.revoked_at),
            }
            for record in keys.records()
        ]
    Output(format).table(rows, "There are no keys.")


@app.command()
def revoke(
    name: Name,
    yes: options.YesOption = False,
    data_dir: DataDirOption = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Make a key worth nothing; its name is never used again."""
    if not yes:
        typer.confirm(f"Revoke the key {name!r} for ever?", abort=True, err=True)
    with _key_store(data_dir, gallery) as keys:
        keys.revoke(name)
    Output(format).data({"name": name, "revoked": True}, f"{name} is revoked")


@contextmanager
def _key_store(data_dir: Path | None, gallery: str | None) -> Iterator[KeyStore]:
    from vultus.gallery.database import Database
    from vultus.server.security.keys import KeyStore
    from vultus.settings import load_settings

    settings = load_settings(**({} if data_dir is None else {"data_dir": data_dir}))
    database = Database(gallery or settings.gallery)
    try:
        yield KeyStore(database)
    finally:
        database.close()


def _shown(moment: datetime.datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
