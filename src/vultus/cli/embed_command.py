"""`vultus embed`: embeddings into a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.cli.run import PictureRun

if TYPE_CHECKING:
    from vultus.faces.types import Faces
    from vultus.imaging.draw import Mark


def embed(
    paths: options.Paths,
    out_file: Annotated[
        Path, typer.Option("--out", "-o", help="FILE.npz or FILE.parquet.", show_default=False)
    ],
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
    min_face: options.MinFaceOption = None,
) -> None:
    """Write a row a face: source, face number, box, score, quality and embedding.

    Example: vultus embed photos/ --out faces.parquet
    """
    from vultus.cli.embedding_table import EmbeddingTable

    out = Output(format)
    table = EmbeddingTable(out_file)
    run = PictureRun(out, paths, jobs)
    settings = options.settings_for(run.jobs, min_face_px=min_face)
    analyzer = options.make_analyzer(settings, mirror=mirror)

    def answer(source: str, faces: Faces) -> list[Mark]:
        table.add(source, faces)
        out.data({"source": source, "faces": len(faces)}, f"{source}: {len(faces)} faces")
        return []

    failed: typer.Exit | None = None
    try:
        run.go("Embedding", settings.limits, analyzer.analyze, answer)
    except typer.Exit as some_failed:  # the other pictures are worth keeping
        failed = some_failed
    table.save()
    out.note(f"{table.rows} faces in {out_file}")
    if failed is not None:
        raise failed
