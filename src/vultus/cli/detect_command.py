"""`vultus detect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.cli.run import PictureRun

if TYPE_CHECKING:
    from vultus.faces.types import Faces
    from vultus.imaging.draw import Mark


def detect(
    paths: options.Paths,
    format: options.FormatOption = Format.human,
    annotate: options.AnnotateOption = None,
    jobs: options.JobsOption = 0,
    min_face: options.MinFaceOption = None,
    score_threshold: options.ScoreOption = None,
    max_faces: options.MaxFacesOption = None,
    second_look: options.SecondLookOption = None,
    attributes: options.AttributesOption = None,
    model: options.ModelOption = None,
) -> None:
    """Find faces: boxes, scores, landmarks, quality and, as asked, how they look.

    Example: vultus detect photos/ --format json --annotate out/
    """
    out = Output(format)
    run = PictureRun(out, paths, jobs, annotate)
    settings = options.settings_for(
        run.jobs,
        min_face_px=min_face,
        score_threshold=score_threshold,
        max_faces=max_faces,
        second_look=second_look,
    )
    asked = options.attributes_of(attributes)
    analyzer = options.make_analyzer(settings)
    analyzer.expression_head = options.head_of(model, asked)
    run.go(
        "Detecting",
        settings.limits,
        lambda image: analyzer.analyze(image, embed=False, attributes=asked),
        lambda source, faces: _answer(out, source, faces),
    )


def _answer(out: Output, source: str, faces: Faces) -> list[Mark]:
    from vultus.cli.records import looks_of, picture_record, place_of
    from vultus.faces.attributes.words import in_short
    from vultus.faces.quality import poor_reasons
    from vultus.imaging.draw import KNOWN, Mark

    lines = [f"{source}: {len(faces)} face{'' if len(faces) == 1 else 's'}"]
    for number, face in enumerate(faces, start=1):
        quality = face.quality or {}
        poor = "; ".join(poor_reasons(quality, face.score))
        lines.append(
            f"  {number}. {place_of(face)}, score {face.score:.2f}, "
            f"quality {quality.get('score', 0):.2f}" + (f" ({poor})" if poor else "")
        )
        lines += looks_of(face)
    out.data(picture_record(source, faces), lines)
    return [
        Mark(face.box, f"{face.score:.2f}", KNOWN, face.landmarks, in_short(face.attributes or {}))
        for face in faces
    ]
