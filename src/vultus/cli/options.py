"""Options that several commands share, and making an Analyzer and a Gallery from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli.output import Format
from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.faces.analyzer import Analyzer
    from vultus.gallery.gallery import Gallery
    from vultus.learn.classifier import Classifier
    from vultus.learn.head import ExpressionHead
    from vultus.settings import Settings

FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="How to answer. JSON: one line each.")
]
Paths = Annotated[
    list[Path], typer.Argument(help="Pictures, or folders of them.", show_default=False)
]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=0, max=256, help="Pictures at once; 0: one a core.")
]
AnnotateOption = Annotated[
    Path | None,
    typer.Option("--annotate", help="Write copies with boxes and names into this folder."),
]
MirrorOption = Annotated[
    bool | None,
    typer.Option(
        "--mirror/--no-mirror",
        help="Average with the mirrored face: slower, fewer errors. [default: mirror]",
        show_default=False,
    ),
]
FarOption = Annotated[
    float | None,
    typer.Option("--far", help="Wished rate of false matches, such as 1e-3; picks the threshold."),
]
LargestOption = Annotated[
    bool, typer.Option("--largest", help="Take the largest face where a picture has several.")
]
GalleryOption = Annotated[
    str | None,
    typer.Option(
        "--gallery",
        help="Path of the gallery, or a database address. "
        "[env: VULTUS_GALLERY] [default: a file in your data folder]",
        show_default=False,
    ),
]
GroupOption = Annotated[str, typer.Option("--group", "-g", help="Group of people.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
MinFaceOption = Annotated[
    int | None,
    typer.Option(
        "--min-face",
        min=12,
        max=2000,
        help="Smallest face in pixels. [default: 24, more in a large picture]",
        show_default=False,
    ),
]
ScoreOption = Annotated[
    float | None,
    typer.Option("--score-threshold", min=0, max=1, help="Lowest detector score. [default: 0.95]"),
]
MaxFacesOption = Annotated[
    int | None, typer.Option("--max-faces", min=1, max=10_000, help="At most so many a picture.")
]
AttributesOption = Annotated[
    str | None,
    typer.Option(
        "--attributes",
        help="How the faces look: age,gender,expression,... or `all`. See docs/attributes.md.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Expressions as `vultus train expression` learnt them, in place of the shipped ones.",
        show_default=False,
    ),
]
ClassifierOption = Annotated[
    Path | None,
    typer.Option(
        "--classifier",
        help="People as `vultus train classifier` learnt them, in place of a group.",
        show_default=False,
    ),
]
SecondLookOption = Annotated[
    bool | None,
    typer.Option(
        "--second-look/--no-second-look",
        help="Look again, harder, where no face was found. [default: second-look]",
        show_default=False,
    ),
]


def settings_for(jobs: int = 1, **detection: Any) -> Settings:
    """The settings, with the command line's values before all others."""
    from vultus.settings import load_settings

    overrides: dict[str, Any] = {}
    chosen = {name: value for name, value in detection.items() if value is not None}
    if chosen:
        overrides["detection"] = chosen
    settings = load_settings(**overrides)
    if jobs > 1 and not settings.runtime.threads:
        # one thread a network: the pictures share the cores
        overrides["runtime"] = {"threads": 1}
        settings = load_settings(**overrides)
    return settings


def attributes_of(text: str | None) -> tuple[str, ...]:
    """Raises UsageError where there is no such attribute."""
    from vultus.faces.attributes.describing import asked_for

    return asked_for(text or "")


def head_of(model: Path | None, asked: Sequence[str]) -> ExpressionHead | None:
    """What tells expressions in place of the shipped network, where a file was named.

    Raises:
        UsageError: expressions are not asked for. ModelMissing, ModelDamaged, ModelMismatch: the
        file cannot be used.
    """
    if model is None:
        return None
    if "expression" not in asked:
        raise UsageError(
            "--model tells expressions, and they are not asked for.", "Add --attributes expression."
        )
    from vultus.learn.head import load_head, networks_id

    return load_head(model, networks_id())


def classifier_of(file: Path | None, **others: object) -> Classifier | None:
    """The classifier of a file, if one was named; others: options of the gallery, by name.

    Raises:
        UsageError: options of the gallery stand beside it. ModelMissing, ModelDamaged,
        ModelMismatch, ExtraMissing: the file cannot be used.
    """
    if file is None:
        return None
    beside = [f"--{name}" for name, value in others.items() if value is not None]
    if beside:
        raise UsageError(
            f"--classifier stands in place of a group; {', '.join(beside)} says nothing with it.",
            "Leave one of them out: people and threshold are in the classifier's file.",
        )
    from vultus.learn.classifier_file import load_classifier

    return load_classifier(file)


def make_analyzer(settings: Settings, *, mirror: bool | None = None) -> Analyzer:
    from vultus.faces.analyzer import Analyzer

    return Analyzer(settings, mirror=mirror)


def make_gallery(
    address: str | None,
    settings: Settings | None = None,
    *,
    mirror: bool | None = None,
    far: float | None = None,
) -> Gallery:
    from vultus.gallery.gallery import Gallery

    settings = settings or settings_for()
    return Gallery(
        address, settings=settings, analyzer=make_analyzer(settings, mirror=mirror), far=far
    )
