"""The catalogue: one card a model. A card is data, and is refused when it is incomplete."""

from __future__ import annotations

import sys
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vultus.errors import ModelDamaged, ModelUnknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DETECTOR = "mtcnn"
LANDMARKS = "dlib-5-points"
LANDMARKS_68 = "dlib-68-points"
EMBEDDER = "dlib-resnet-128"
MMOD = "dlib-mmod"
ATTRIBUTES = "vultus-attributes"

Text = Annotated[str, Field(min_length=2)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperatingPoint(_Data):
    """A distance at or below which two faces are called the same, and what that costs."""

    distance: float = Field(gt=0)
    far: float = Field(ge=0, le=1, description="false-match rate that was measured")
    tar: float = Field(ge=0, le=1, description="true-match rate that was measured")


class Calibration(_Data):
    """From distance to the probability of being the same person, as it was measured.

    probability = 1 / (1 + exp(slope * (distance - threshold))), so it is 0.5 at the threshold.
    """

    slope: float = Field(gt=0)
    threshold: float = Field(gt=0)
    calibration_error: float = Field(ge=0, le=1, description="expected calibration error, 15 bins")
    data: Text
    genuine_pairs: int = Field(gt=0)
    impostor_pairs: int = Field(gt=0)
    points: list[OperatingPoint] = Field(min_length=1, description="strictest first")


class Card(_Data):
    """What is known of one model."""

    id: Text
    kind: Literal["detector", "landmarks", "embedder", "attributes"]
    title: Text
    distribution: Text
    version: Text
    license_code: Text
    license_weights: Text
    training_data: Text
    reference: Text
    input: Text
    normalisation: Text
    output: Text
    megabytes: float = Field(gt=0)
    files: dict[str, Sha256] = Field(min_length=1, description="weight files and their digests")
    outputs: list[str] = Field(description="files that the conversion makes, if one is needed")
    calibration: Calibration | None = None

    @property
    def ours(self) -> bool:
        """Trained by the recipes in `training/`, and carried by this package as it is run."""
        return self.distribution == "vultus"


def parse_card(text: str, name: str) -> Card:
    """Read a card from TOML.

    Raises:
        ModelDamaged: the card is incomplete or says something that makes no sense.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text)
        card = Card.model_validate(data)
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ModelDamaged(f"The card {name} is refused: {error}", "Complete the card.") from error
    if card.kind == "embedder" and card.calibration is None:
        raise ModelDamaged(
            f"The card {name} is refused: an embedder without calibration.",
            "Measure it: `python benchmarks/calibrate.py`.",
        )
    return card


@cache
def cards() -> dict[str, Card]:
    """All cards by model id."""
    folder = resources.files("vultus.models") / "cards"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    found = [parse_card(file.read_text("utf-8"), file.name) for file in files]
    return {card.id: card for card in found}


def card(model_id: str) -> Card:
    """The card of one model.

    Raises:
        ModelUnknown: there is no such model.
    """
    try:
        return cards()[model_id]
    except KeyError:
        known = ", ".join(sorted(cards()))
        raise ModelUnknown(
            f"There is no model called {model_id!r}.", f"Choose one of: {known}."
        ) from None
