"""`vultus serve`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli.output import Format, Output

if TYPE_CHECKING:
    from vultus.server.services import Services
    from vultus.settings import Settings

_FIRST_KEY = "admin"


class LogFormat(str, Enum):
    """For programs, or for people."""

    json = "json"
    text = "text"


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. [default: 127.0.0.1]", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="Port; 0: any free one. [default: 8000]", show_default=False
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Folder for gallery, outbox and uploads. [env: VULTUS_DATA_DIR] "
            "[default: your data folder]",
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            help="A key with the role admin. Others on this machine see the command line: rather "
            "set VULTUS_API_KEY. [default: one is made at the first start and shown once]",
            show_default=False,
        ),
    ] = None,
    allow_private_urls: Annotated[
        bool,
        typer.Option(
            "--allow-private-urls",
            help="Let addresses of pictures point to this machine and private networks.",
        ),
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log", help="How to log on stderr.")
    ] = LogFormat.json,
) -> None:
    """Serve Azure's Face API and the native API to other programs.

    Azure's clients work by changing endpoint and key: see docs/azure.md. The native API is
    described at http://HOST:PORT/docs.
    """
    from vultus.server.logs import configure
    from vultus.server.running import alone_in, listen, serve
    from vultus.server.services import make_services

    overrides = _overrides(host, port, data_dir, api_key, allow_private_urls)
    settings = _settings(overrides)
    output, server = Output(Format.human), settings.server
    with alone_in(settings.data_folder), listen(server.host, server.port) as listener:
        configure(as_json=log_format is LogFormat.json)
        services = make_services(settings)
        _first_key(services, output)
        bound = listener.getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        output.data({}, f"Vultus listens on http://{shown}:{bound[1]} (API: /docs)")
        serve(services, listener)


def _overrides(
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    api_key: str | None,
    allow_private_urls: bool,
) -> dict[str, Any]:
    server = {"host": host, "port": port}
    chosen: dict[str, Any] = {"server": {k: v for k, v in server.items() if v is not None}}
    if data_dir is not None:
        chosen["data_dir"] = data_dir
    if api_key is not None:
        chosen["api_key"] = api_key
    if allow_private_urls:
        chosen["allow_private_urls"] = True
    return chosen


def _settings(overrides: dict[str, Any]) -> Settings:
    from vultus.settings import load_settings

    return load_settings(**overrides)


def _first_key(services: Services, output: Output) -> None:
    """Without any key nobody could ask anything: make one, and show it this once."""
    if services.settings.api_key is not None:
        return
    if any(record.revoked_at is None for record in services.keys.records()):
        return
    names = {record.name for record in services.keys.records()}
    name = next(n for n in (_FIRST_KEY, *map("admin-{}".format, range(2, 1000))) if n not in names)
    key = services.keys.create(name, "admin")
    output.data({}, f"Key {name!r}, shown this once: {key}")
