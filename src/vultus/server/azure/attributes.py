"""Attributes of faces in Azure's terms: those that can be answered, and never an invented value.

Each is made of the attributes of `faces.attributes`; where these cannot say, it is left out. Yaw,
pitch and roll have Azure's signs as they are; its published answers that come with landmarks show
it: yaw is positive where the nose lies to the right in the image, pitch negative where the face
looks down, roll positive where it is tilted clockwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vultus.faces.attributes.describing import OFFERED
from vultus.faces.types import Faces
from vultus.server.azure.problems import bad_argument

KNOWN: tuple[str, ...] = (
    "age",
    "gender",
    "headPose",
    "smile",
    "facialHair",
    "glasses",
    "emotion",
    "hair",
    "makeup",
    "occlusion",
    "accessories",
    "blur",
    "exposure",
    "noise",
    "mask",
    "qualityForRecognition",
)
_QUALITY = "qualityForRecognition"

# The first value of each level but the lowest. Of 878 photos of lfw-grey, most of them made small,
# blurred or dark, so many matched another photo of the person: 94 % of those with `high`, 82 %
# with `medium`; of blurred ones 90 % with `high`, 77 % with `medium` and 42 % with `low`.
_QUALITIES = ((0.65, "high"), (0.3, "medium"), (0.0, "low"))
_BY_NAME = {name.lower(): name for name in KNOWN}

# Ours to Azure's. It knows one more, contempt, which nobody is asked to tell here: it gets 0.
_EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}

Row = Mapping[str, Any]  # of `Attributes`


@dataclass(frozen=True)
class _Maker:
    """of: the attributes it is made of. make: its value, or None where it cannot be told.

    also: attributes that say more where they are there.
    """

    of: tuple[str, ...]
    make: Callable[[Row], Any]
    also: tuple[str, ...] = ()


def _age(row: Row) -> float | None:
    age: float | None = row["age"]["value"]
    return age


def _gender(row: Row) -> str | None:
    return _sure(row["gender"])


def _head_pose(row: Row) -> dict[str, float] | None:
    angles = {name: row["head_pose"][f"{name}_deg"] for name in ("pitch", "roll", "yaw")}
    return None if None in angles.values() else angles


def _smile(row: Row) -> float | None:
    smile: float | None = row["smile"]
    return smile


def _emotion(row: Row) -> dict[str, float] | None:
    told = row["expression"]["probabilities"]
    if set(told) != set(_EMOTIONS):  # others than the shipped ones
        return None
    emotions = {theirs: told[ours] for ours, theirs in _EMOTIONS.items()}
    return dict(sorted({**emotions, "contempt": 0.0}.items()))


def _glasses(row: Row) -> str | None:
    """Eyes are covered behind dark ones. Whether these are for swimming cannot be told."""
    dark = row.get("occlusion", {}).get("eyes")
    worn = "sunglasses" if dark else "readingGlasses"
    return {"glasses": worn, "none": "noGlasses"}.get(_sure(row["glasses"]) or "")


def _mask(row: Row) -> dict[str, Any]:
    label = _sure(row["mask"])
    if label is None:
        return {"type": "uncertain"}
    if label == "mask":  # whether also over the nose cannot be told
        return {"type": "faceMask"}
    return {"type": "noMask", "noseAndMouthCovered": False}


def _accessories(row: Row) -> list[dict[str, Any]] | None:
    """Those that are surely there, where anything is sure."""
    labels = {name: _sure(row[name]) for name in ("glasses", "mask")}
    if set(labels.values()) == {None}:
        return None
    return [
        {"type": name, "confidence": row[name]["probability"]}
        for name, label in labels.items()
        if label == name
    ]


def _occlusion(row: Row) -> dict[str, bool] | None:
    names = {"forehead": "foreheadOccluded", "eyes": "eyeOccluded", "mouth": "mouthOccluded"}
    told = {names[part]: row["occlusion"][part] for part in names}
    return {name: covered for name, covered in told.items() if covered is not None} or None


def _graded(name: str, ending: str = "") -> Callable[[Row], dict[str, Any] | None]:
    def make(row: Row) -> dict[str, Any] | None:
        level, value = row[name]["level"], row[name]["value"]
        return None if value is None else {f"{name}Level": f"{level}{ending}", "value": value}

    return make


def _sure(told: Row) -> str | None:
    label: str = told["label"]
    return None if label == "unsure" else label


_MAKERS: dict[str, _Maker] = {
    "age": _Maker(("age",), _age),
    "gender": _Maker(("gender",), _gender),
    "headPose": _Maker(("head_pose",), _head_pose),
    "smile": _Maker(("smile",), _smile),
    "glasses": _Maker(("glasses",), _glasses, also=("occlusion",)),
    "emotion": _Maker(("expression",), _emotion),
    "occlusion": _Maker(("occlusion",), _occlusion),
    "accessories": _Maker(("glasses", "mask"), _accessories),
    "blur": _Maker(("blur",), _graded("blur")),
    "exposure": _Maker(("exposure",), _graded("exposure", "Exposure")),
    "noise": _Maker(("noise",), _graded("noise")),
    "mask": _Maker(("mask",), _mask),
}
_OFFERED = {name: maker for name, maker in _MAKERS.items() if set(maker.of) <= set(OFFERED)}
ANSWERED: tuple[str, ...] = tuple(name for name in KNOWN if name in (*_OFFERED, _QUALITY))


def named_attributes(text: str) -> tuple[str, ...]:
    """The attributes of a list with commas, in Azure's spelling; they may come in any case.

    Raises:
        AzureError: BadArgument where Azure has no such attribute.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name.lower() not in _BY_NAME]
    if unknown:
        raise bad_argument(f"'returnFaceAttributes' knows only: {', '.join(KNOWN)}.")
    return tuple(dict.fromkeys(_BY_NAME[name.lower()] for name in asked))


def needs_quality(names: tuple[str, ...]) -> bool:
    """Whether any of these attributes is told from the quality of faces."""
    return _QUALITY in names


def needed_attributes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Our own attributes that Azure's are made of."""
    makers = [_OFFERED[name] for name in names if name in _OFFERED]
    needed = {each for maker in makers for each in (*maker.of, *maker.also)}
    return tuple(name for name in OFFERED if name in needed)


def attributes_of(names: tuple[str, ...], faces: Faces) -> list[dict[str, Any]]:
    """Of each face those of the attributes that can be answered; the others are left out.

    `faces` have their `needed_attributes`, and their quality where `needs_quality`.
    """
    told = []
    for face in faces:
        row, answers = face.attributes or {}, {}
        for name in names:
            if name == _QUALITY:
                answers[name] = _quality((face.quality or {})["score"])
            elif name in _OFFERED:
                answers[name] = _OFFERED[name].make(row)
        told.append({name: value for name, value in answers.items() if value is not None})
    return told


def _quality(score: float) -> str:
    return next((name for bound, name in _QUALITIES if score >= bound), _QUALITIES[-1][1])
