"""Boxes and names over the pictures of a video: green known, orange strangers, grey undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vultus.events.visit import Box
from vultus.faces.attributes.words import in_short
from vultus.imaging.draw import KNOWN, STRANGER, UNDECIDED, Mark, draw_faces
from vultus.imaging.load import Image

_COLOURS = {True: KNOWN, False: STRANGER, None: UNDECIDED}


@dataclass(frozen=True)
class Label:
    """A box to draw.

    box: x, y, width, height in pixels of the full frame. text: one line, may be empty.
    known: True for a person of the gallery, False for a stranger, None while nobody can say.
    notes: short lines below the text.
    """

    box: Box
    text: str = ""
    known: bool | None = None
    notes: tuple[str, ...] = ()


def name_label(
    box: Box,
    person: str | None,
    stranger: str | None = None,
    probability: float = 0.0,
    attributes: Mapping[str, Any] | None = None,
) -> Label:
    """The label of a face: a person with the probability (0 to 1) in per cent, or a stranger.

    A stranger's probability would be that of somebody else, so it is not shown. attributes: as
    events have them.
    """
    notes = in_short(attributes) if attributes else ()
    if person is not None:
        # never 100: no face is that certain
        return Label(box, f"{person} {min(99, int(probability * 100))} %", True, notes)
    return Label(box, stranger or "", None if stranger is None else False, notes)


def annotate(image: Image, labels: Sequence[Label]) -> Image:
    """A copy of an RGB image with the labels drawn."""
    return draw_faces(
        image,
        [Mark(label.box, label.text, _COLOURS[label.known], notes=label.notes) for label in labels],
    )
