"""What each attribute is told from, and telling those that are asked for: nothing else is run.

`RECIPES` is the list of what is offered. An attribute that is not in it is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Flag, auto
from functools import cached_property, reduce
from operator import or_
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.coverings import Coverings
from vultus.faces.attributes.head_pose import measure_head_pose
from vultus.faces.attributes.names import ATTRIBUTES, known_attributes, parse_attributes
from vultus.faces.attributes.networks import EXPRESSIONS, AttributeNetworks, ExpressionAnswer
from vultus.faces.attributes.occlusion import OcclusionHead
from vultus.faces.attributes.person import PersonHead
from vultus.faces.attributes.picture import measure_blur, measure_exposure, measure_noise
from vultus.faces.attributes.smile import measure_smile
from vultus.faces.attributes.types import Ages, Attributes, Expressions, Occlusions
from vultus.faces.types import Faces, Quality
from vultus.imaging.load import Image

Floats = NDArray[np.float32]

_HAPPY = EXPRESSIONS.index("happy")


class Needs(Flag):
    """What must be there of the faces, and of the models, before an attribute can be told."""

    NOTHING = 0
    CHIPS = auto()
    QUALITY = auto()
    POINTS68 = auto()
    NETWORKS = auto()
    INNER = auto()


class ExpressionHead(Protocol):
    """Other expressions than the shipped ones, told from the same network's features."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Their k names."""
        ...

    def probabilities(self, features: Floats) -> Floats:
        """Features (n, 512) to probabilities (n, k), each row adding up to 1."""
        ...


class Models(Protocol):
    """What an `Analyzer` has for attributes; each is loaded when it is first asked for."""

    @property
    def attribute_networks(self) -> AttributeNetworks: ...

    @property
    def person_head(self) -> PersonHead: ...

    @property
    def coverings(self) -> Coverings: ...

    @property
    def occlusion_head(self) -> OcclusionHead: ...

    @property
    def expression_head(self) -> ExpressionHead | None: ...


class Seen:
    """Faces of one image with what `Needs` names; the networks run when they are first needed."""

    def __init__(self, image: Image, faces: Faces, models: Models) -> None:
        self.image = image
        self.faces = faces
        self._models = models

    @property
    def chips(self) -> NDArray[np.uint8]:
        return cast("NDArray[np.uint8]", self.faces.chips)

    @cached_property
    def both_maps(self) -> Floats:
        """What all branches begin with, of the faces and then of their mirror images."""
        return self._models.attribute_networks.both_maps(self.chips)

    @cached_property
    def maps(self) -> Floats:
        """Those of the faces alone."""
        if "both_maps" in vars(self):  # computed already
            return self.both_maps[: len(self.chips)]
        return self._models.attribute_networks.maps(self.chips)

    @cached_property
    def expression(self) -> ExpressionAnswer:
        return self._models.attribute_networks.expression(self.both_maps)

    @cached_property
    def person(self) -> tuple[Ages, Floats]:
        """Ages, and probabilities of female."""
        return self._models.person_head.told(cast("Floats", self.faces.inner))

    @cached_property
    def coverings(self) -> tuple[Floats, Floats]:
        """Probabilities of glasses and of a mask."""
        return self._models.coverings.told(self.maps)

    @property
    def occlusion(self) -> Occlusions:
        return self._models.occlusion_head.told(self.maps)

    @property
    def expression_head(self) -> ExpressionHead | None:
        return self._models.expression_head

    @property
    def points68(self) -> Floats:
        return cast("Floats", self.faces.points68)

    @property
    def quality(self) -> Quality:
        return cast("Quality", self.faces.quality)


@dataclass(frozen=True)
class Recipe:
    """How one attribute is told. column: its field of `Attributes`."""

    column: str
    needs: Needs
    tell: Callable[[Seen], Any]


def _expression(seen: Seen) -> Expressions:
    head = seen.expression_head
    if head is None:
        return Expressions(EXPRESSIONS, seen.expression.probabilities)
    return Expressions(head.labels, head.probabilities(seen.expression.features))


def _smile(seen: Seen) -> Floats:
    return measure_smile(seen.points68, seen.expression.probabilities[:, _HAPPY])


_OF_CHIPS = Needs.CHIPS | Needs.NETWORKS
_OF_INNER = Needs.CHIPS | Needs.NETWORKS | Needs.INNER

RECIPES: dict[str, Recipe] = {
    "age": Recipe("age", _OF_INNER, lambda seen: seen.person[0]),
    "gender": Recipe("female", _OF_INNER, lambda seen: seen.person[1]),
    "expression": Recipe("expression", _OF_CHIPS, _expression),
    "head_pose": Recipe(
        "head_pose",
        Needs.POINTS68,
        lambda seen: measure_head_pose(seen.points68, seen.faces.image_wh),
    ),
    "smile": Recipe("smile", _OF_CHIPS | Needs.POINTS68, _smile),
    "glasses": Recipe("glasses", _OF_CHIPS, lambda seen: seen.coverings[0]),
    "mask": Recipe("mask", _OF_CHIPS, lambda seen: seen.coverings[1]),
    "occlusion": Recipe("occlusion", _OF_CHIPS, lambda seen: seen.occlusion),
    "blur": Recipe("blur", Needs.QUALITY, lambda seen: measure_blur(seen.quality)),
    "exposure": Recipe("exposure", Needs.QUALITY, lambda seen: measure_exposure(seen.quality)),
    "noise": Recipe(
        "noise", Needs.NOTHING, lambda seen: measure_noise(seen.image, seen.faces.boxes)
    ),
}

OFFERED: tuple[str, ...] = tuple(name for name in ATTRIBUTES if name in RECIPES)


def asked_for(attributes: str | Iterable[str]) -> tuple[str, ...]:
    """Names one by one, or with commas between them, or `all`; those that are offered, in order.

    Raises:
        UsageError: there is no such attribute.
    """
    parse = parse_attributes if isinstance(attributes, str) else known_attributes
    return tuple(name for name in parse(cast("Any", attributes)) if name in RECIPES)


def needs_of(names: Iterable[str]) -> Needs:
    """What these attributes need together."""
    return reduce(or_, (RECIPES[name].needs for name in names), Needs.NOTHING)


def tell_attributes(names: Iterable[str], seen: Seen) -> Attributes:
    """Those attributes of all faces; `seen.faces` have what `needs_of` says."""
    recipes = [RECIPES[name] for name in names]
    return Attributes(**{recipe.column: recipe.tell(seen) for recipe in recipes})
