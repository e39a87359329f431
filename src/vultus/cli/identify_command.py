"""`vultus identify`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.cli.run import PictureRun

DEFAULT_GROUP = "default"

if TYPE_CHECKING:
    from vultus.gallery.gallery import Identification
    from vultus.imaging.draw import Mark
    from vultus.imaging.load import Image
    from vultus.learn.classifier import Classifier
    from vultus.learn.head import ExpressionHead
    from vultus.settings import Settings


def identify(
    paths: options.Paths,
    group: options.GroupOption = DEFAULT_GROUP,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    annotate: options.AnnotateOption = None,
    far: options.FarOption = None,
    mirror: options.MirrorOption = None,
    top: Annotated[int, typer.Option("--top", min=1, max=100, help="Candidates a face.")] = 3,
    jobs: options.JobsOption = 0,
    min_face: options.MinFaceOption = None,
    attributes: options.AttributesOption = None,
    model: options.ModelOption = None,
    classifier: options.ClassifierOption = None,
) -> None:
    """Name the people in pictures; each person at most once a picture, strangers stay unnamed.

    Example: vultus identify party.jpg --group friends --annotate out/
    """
    out = Output(format)
    run = PictureRun(out, paths, jobs, annotate)
    settings = options.settings_for(run.jobs, min_face_px=min_face)
    asked = options.attributes_of(attributes)
    head = options.head_of(model, asked)
    named = None if group == DEFAULT_GROUP else group
    known = options.classifier_of(classifier, group=named, gallery=gallery, far=far)
    if known is not None:
        name = _by_classifier(known, settings, mirror, head, top, asked)
        run.go("Identifying", settings.limits, name, lambda *found: _answer(out, *found))
        return
    with options.make_gallery(gallery, settings, mirror=mirror, far=far) as people:
        people.analyzer.expression_head = head
        people.people(group)  # an unknown group fails before the work
        run.go(
            "Identifying",
            settings.limits,
            lambda image: people.identify(image, group=group, top=top, attributes=asked),
            lambda source, found: _answer(out, source, found),
        )


def _by_classifier(
    known: Classifier,
    settings: Settings,
    mirror: bool | None,
    head: ExpressionHead | None,
    top: int,
    attributes: Sequence[str],
) -> Callable[[Image], list[Identification]]:
    """Names the faces of a picture as the classifier does."""
    analyzer = options.make_analyzer(settings, mirror=known.mirror if mirror is None else mirror)
    known.require(analyzer.embedder_id, mirror=analyzer.mirror)  # before the work
    analyzer.expression_head = head
    return lambda image: known.identify_faces(
        analyzer.analyze(image, attributes=attributes), top=top
    )


def _answer(out: Output, source: str, found: list[Identification]) -> list[Mark]:
    from vultus.cli.records import identification_record, looks_of

    record = {"source": source, "faces": [identification_record(one) for one in found]}
    lines = [f"{source}: {len(found)} face{'' if len(found) == 1 else 's'}"]
    for number, one in enumerate(found, start=1):
        lines += [f"  {number}. {_describe(one)}", *looks_of(one.face)]
    out.data(record, lines)
    return marks_of(found)


def marks_of(found: list[Identification]) -> list[Mark]:
    """What to draw: names in one colour, strangers in another; how they look below."""
    from vultus.faces.attributes.words import in_short
    from vultus.imaging.draw import KNOWN, STRANGER, Mark

    return [
        Mark(
            one.face.box,
            f"{one.person} {one.probability:.0%}" if one.person else "unknown",
            KNOWN if one.person else STRANGER,
            notes=in_short(one.face.attributes or {}),
        )
        for one in found
    ]


def _describe(found: Identification) -> str:
    from vultus.cli.records import place_of
    from vultus.gallery.matcher import RULES

    place = place_of(found.face)
    if found.person:
        nearest = next(c for c in found.candidates if c.person == found.person)
        return (
            f"{found.person} ({found.probability:.0%}), {place}; "
            f"distance {nearest.distance:.2f}, nearest to {nearest.reference}"
        )
    reasons = [RULES[found.why["rule"]], *found.why["poor"]]
    if found.candidates:
        best = found.candidates[0]
        reasons.insert(1, f"nearest is {best.person} at {best.distance:.2f}")
    return f"unknown, {place}; {'; '.join(reasons)}"
