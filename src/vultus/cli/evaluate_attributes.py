"""`vultus evaluate attributes`: the pictures, the networks and what is printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vultus.cli.face_pictures import (
    left_out_records,
    look_at_faces,
    make_looker,
    tell_left_out,
)
from vultus.cli.output import Output
from vultus.cli.records import rounded
from vultus.cli.tables import confusion_lines, table_lines
from vultus.errors import NothingToDo, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.errors import VultusError
    from vultus.faces.analyzer import Analyzer
    from vultus.learn.head import ExpressionHead

Answer = TypeVar("Answer")


class Kind(str, Enum):
    """What is measured."""

    expression = "expression"
    age_gender = "age-gender"


@dataclass
class _Measured(Generic[Answer]):
    """rows: the places of the pictures that answers are of; whole: how many of those were taken as
    the crop they are, because no face was found in them."""

    paths: Sequence[Path]
    rows: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    errors: dict[int, VultusError] = field(default_factory=dict)
    whole: int = 0
    began: float = field(default_factory=time.monotonic)

    def record(self, images: int, figures: dict[str, Any]) -> dict[str, Any]:
        """The answer of the command; images: how many there are, usable or not."""
        return {
            "images": images,
            "used": len(self.rows),
            **figures,
            "whole_pictures": self.whole,
            "left_out": left_out_records(self.paths, self.errors),
            "seconds": time.monotonic() - self.began,
        }


def _measure(
    out: Output,
    paths: Sequence[Path],
    jobs: int,
    ask: Callable[[Analyzer, NDArray[np.uint8]], Answer],
) -> _Measured[Answer]:
    """What the networks answer to the face of each picture.

    Raises:
        NothingToDo: no picture can be used.
    """
    from vultus.learn.cutting import cut_faces

    found: _Measured[Answer] = _Measured(paths)
    analyzer, at_once = make_looker(jobs, len(paths))
    for looked in look_at_faces(
        out,
        paths,
        at_once,
        lambda some: cut_faces(analyzer, some),
        lambda chips: ask(analyzer, chips),
    ):
        found.errors |= {looked.first + row: error for row, error in looked.cut.errors.items()}
        if looked.answer is not None:
            found.rows += (looked.first + looked.cut.rows).tolist()
            found.answers.append(looked.answer)
            found.whole += int((~looked.cut.found).sum())
    tell_left_out(out, paths, found.errors)
    if not found.rows:
        raise NothingToDo("No picture can be used.", "Give pictures of faces, or crops of them.")
    return found


def evaluate_expression(out: Output, folder: Path, model: Path | None, jobs: int) -> None:
    """Measure the shipped network, or a trained head, on a folder a class."""
    import numpy as np

    from vultus.evaluate.attributes import report_labels
    from vultus.faces.attributes.networks import EXPRESSIONS
    from vultus.learn.folders import read_classes
    from vultus.learn.head import load_head, networks_id

    head = load_head(model, networks_id()) if model else None
    labels = head.labels if head else EXPRESSIONS
    pictures = read_classes(folder)
    places = _places(pictures.labels, head)
    unknown = {
        name: pictures.count(row) for row, name in enumerate(pictures.labels) if places[row] is None
    }
    if len(unknown) == len(places):
        raise UsageError(
            f"No folder in {folder} has the name of an expression.",
            f"Name them after what they show: {', '.join(labels)}.",
        )
    for name, count in unknown.items():
        out.note(f"{name}: not an expression that is told; its {count} pictures are left out.")
    known = [
        (path, place)
        for path, target in zip(pictures.paths, pictures.targets, strict=True)
        if (place := places[target]) is not None
    ]

    def ask(analyzer: Analyzer, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        networks = analyzer.attribute_networks
        answer = networks.expression(networks.both_maps(chips))
        return head.probabilities(answer.features) if head else answer.probabilities

    found = _measure(out, [path for path, _ in known], jobs, ask)
    targets = np.array([known[row][1] for row in found.rows], np.intp)
    figures = report_labels(labels, targets, np.concatenate(found.answers))
    record = found.record(len(pictures.paths), {**figures, "unknown_labels": unknown})
    lines = [
        _counts(record),
        *confusion_lines(record["confusion"]),
        f"accuracy {record['accuracy']:.3f}, balanced accuracy "
        f"{record['balanced_accuracy']:.3f}, calibration error {record['ece']:.3f}",
    ]
    out.data(rounded(record), lines)


def _places(names: Sequence[str], head: ExpressionHead | None) -> list[int | None]:
    """Which label each folder's name means: a head's own ones as they are written."""
    from vultus.learn.expressions import expression_of

    if head is None:
        return [expression_of(name) for name in names]
    return [head.labels.index(name) if name in head.labels else None for name in names]


def evaluate_age_gender(out: Output, folder: Path, jobs: int) -> None:
    """Measure age and gender on pictures that are named as UTKFace names them."""
    import numpy as np

    from vultus.evaluate.attributes import person_of, report_people
    from vultus.faces.attributes.types import Ages
    from vultus.imaging.folders import find_pictures, is_folder

    if not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", "Give a folder of pictures.")
    pictures = find_pictures([folder]).pictures
    known = [
        (picture.path, person)
        for picture in pictures
        if (person := person_of(picture.path.name)) is not None
    ]
    if not known:
        raise NothingToDo(
            f"No picture in {folder} is named as UTKFace names them.",
            "age_gender_ethnicity_date.jpg: 31_1_2_20170105174739309.jpg.",
        )
    unlabelled = len(pictures) - len(known)
    if unlabelled:
        out.note(f"{unlabelled} pictures have no age, gender and ethnicity in their names.")
    found = _measure(
        out,
        [path for path, _ in known],
        jobs,
        lambda analyzer, chips: analyzer.person_head.told(analyzer.look(chips)[1]),
    )
    ages = Ages(
        *(
            np.concatenate([getattr(told, name) for told, _ in found.answers])
            for name in ("value", "low", "high")
        )
    )
    female = np.concatenate([female for _, female in found.answers])
    figures = report_people([known[row][1] for row in found.rows], ages, female)
    record = found.record(len(pictures), {**figures, "unlabelled": unlabelled})
    out.data(rounded(record), _people_lines(record))


def _people_lines(record: dict[str, Any]) -> list[str]:
    groups = {**record["by_band"], **record["by_gender"], **record["by_ethnicity"]}
    unsure = record["unsure"]
    header = ["", "images", "age error", "gender", "gender, 18+"]
    whole = ("used", "age_mae", "gender_accuracy", "gender_accuracy_18_plus")
    rows = [["all", *(record[name] for name in whole)]]
    rows += [[name, *told.values()] for name, told in groups.items()]
    sure = unsure["gender_accuracy"]
    return [
        _counts(record),
        *table_lines(header, rows),
        f"ages within their interval {record['age_interval_coverage']:.3f}; calibration error of "
        f"the gender {record['gender_ece']:.3f}",
        f"gender unsure {unsure['share']:.3f}"
        + ("" if sure is None else f", accuracy of the others {sure:.3f}"),
    ]


def _counts(record: dict[str, Any]) -> str:
    return (
        f"{record['images']} pictures, {record['used']} used, {record['whole_pictures']} of them "
        f"as a whole (no face found), {record['seconds']:.1f} seconds"
    )
