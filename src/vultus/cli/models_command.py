"""`vultus models ...`."""

from __future__ import annotations

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output

app = typer.Typer(no_args_is_help=True, help="The models: what they are, and preparing them.")


@app.command("list")
def list_models(format: options.FormatOption = Format.human) -> None:
    """List the models with kind, origin, licence and what they need on disk."""
    from vultus.models.catalogue import cards
    from vultus.models.store import cached_megabytes

    out = Output(format)
    folder = options.settings_for().runtime.cache_dir
    if out.format is Format.json:
        for card in cards().values():
            prepared = cached_megabytes(card, folder) is not None
            out.data({**card.model_dump(), "prepared": prepared})
        return
    rows = [
        {
            "model": card.id,
            "kind": card.kind,
            "from": f"{card.distribution} {card.version}",
            "licence of weights": card.license_weights,
            "MB": card.megabytes,
            "prepared": "yes" if cached_megabytes(card, folder) is not None else "at first use",
        }
        for card in cards().values()
    ]
    out.table(rows, "There are no models.")


@app.command()
def prepare(format: options.FormatOption = Format.human) -> None:
    """Convert all models into the cache now, rather than at first use."""
    from vultus.models.catalogue import cards
    from vultus.models.store import load

    out = Output(format)
    folder = options.settings_for().runtime.cache_dir
    for card in cards().values():
        size = sum(len(data) for data in load(card, folder).values()) / 1e6
        out.data(
            {"model": card.id, "megabytes": round(size, 1)}, f"{card.id}: {size:.1f} MB, ready"
        )
