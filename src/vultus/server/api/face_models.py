"""What the native API says about the faces of a picture, in JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from vultus.faces.types import Face, Faces
from vultus.gallery.gallery import Identification
from vultus.gallery.matcher import RULES, Rule
from vultus.gallery.verification import Verification
from vultus.server.api.models import Box

Point = tuple[float, float]
_DIGITS = 4


class FaceQuality(BaseModel):
    """How good the picture of a face is."""

    face_px: float = Field(description="Width of the box in pixels.")
    sharpness: float = Field(description="0 (blurred) to 1 (crisp).")
    brightness: float = Field(description="Mean grey value, 0 to 255.")
    contrast: float = Field(description="Standard deviation of grey, 0 to 127.")
    yaw_deg: float = Field(description="Positive: turned to its left, the viewer's right.")
    pitch_deg: float = Field(description="Positive: looks up.")
    roll_deg: float = Field(description="Positive: tilted clockwise.")
    score: float = Field(description="Everything together, 0 to 1.")


class Age(BaseModel):
    """In years; null where it could not be told."""

    value: float | None
    low: float | None = Field(description="In an interval that holds the age four times of five.")
    high: float | None


class Labelled(BaseModel):
    """One of two, or `unsure`."""

    label: str
    probability: float | None = Field(
        description="Of the likelier label, also where that is unsure; null where nobody can say."
    )


class Expression(BaseModel):
    """What the face shows, which need not be what is felt."""

    label: str = Field(description="The likeliest.")
    probabilities: dict[str, float]


class HeadPose(BaseModel):
    """Where the head is turned; null where it could not be told."""

    pitch_deg: float | None = Field(description="Positive: looks up.")
    yaw_deg: float | None = Field(description="Positive: turned to its left, the viewer's right.")
    roll_deg: float | None = Field(description="Positive: tilted clockwise.")


class Occlusion(BaseModel):
    """What is covered; null where it could not be told."""

    eyes: bool | None
    forehead: bool | None
    mouth: bool | None


class Graded(BaseModel):
    """A number and its level."""

    level: str
    value: float | None


class FaceAttributes(BaseModel):
    """How a face looks: what was asked for. docs/attributes.md says how sure each is."""

    age: Age | None = None
    gender: Labelled | None = Field(None, description="`female`, `male` or `unsure`.")
    expression: Expression | None = None
    head_pose: HeadPose | None = None
    smile: float | None = Field(None, description="0 to 1; null where it could not be told.")
    glasses: Labelled | None = Field(None, description="`glasses`, `none` or `unsure`.")
    mask: Labelled | None = Field(None, description="`mask`, `none` or `unsure`.")
    occlusion: Occlusion | None = None
    blur: Graded | None = Field(None, description="`low`, `medium` or `high`; 0 to 1.")
    exposure: Graded | None = Field(None, description="`under`, `good` or `over`; 0 to 1.")
    noise: Graded | None = Field(None, description="`low`, `medium` or `high`; 0 to 1.")


_ATTRIBUTES = Field(None, description="How the face looks, as far as it was asked for.")


class DetectedFace(BaseModel):
    """A face of a picture."""

    box: Box
    score: float = Field(description="The detector's, 0 to 1.")
    landmarks: list[Point] = Field(
        description="x and y of left eye, right eye, nose, left and right corner of the mouth, as "
        "seen in the picture."
    )
    landmarks68: list[Point] | None = Field(
        None, description="Jaw, brows, nose, eyes and mouth in the order of iBUG 300-W, if wanted."
    )
    quality: FaceQuality | None = Field(None, description="Left out where it is not wanted.")
    attributes: FaceAttributes | None = _ATTRIBUTES


class EmbeddedFace(DetectedFace):
    """A face with what tells people apart."""

    embedding: list[float] = Field(
        description="The Euclidean distance between two of the same model tells people apart."
    )


class DetectedFaces(BaseModel):
    """The faces of a picture, the largest first."""

    source: str = Field(description="What the picture is called.")
    width: int = Field(description="Of the upright picture, in pixels, as all places are.")
    height: int
    faces: list[DetectedFace]


class EmbeddedFaces(BaseModel):
    """The faces of a picture, the largest first."""

    source: str
    width: int
    height: int
    model: str = Field(description="What made the embeddings; two models' are not comparable.")
    faces: list[EmbeddedFace]


class Candidate(BaseModel):
    """A person that a face may be."""

    person: str
    probability: float
    distance: float = Field(description="Mean of `best_distance` and that to the person's mean.")
    best_distance: float = Field(description="To the nearest enrolled face.")
    reference: str = Field(description="What the picture of that face is called.")


class Why(BaseModel):
    """Why a face has this name, or none."""

    rule: Rule
    reason: str = Field(description="The rule in words.")
    threshold: float = Field(description="The distance at which the probability is 0.5.")
    reference: str | None = Field(description="The nearest enrolled picture.")
    runner_up: str | None = Field(description="Who else it could best be.")
    margin: float | None = Field(description="By how much the runner-up is worse, a distance.")
    face_px: float | None
    sharpness: float | None
    yaw_deg: float | None
    quality: float | None
    poor: list[str] = Field(description="What is poor in the picture.")


class IdentifiedFace(BaseModel):
    """Who a face is. Score, candidates and `why` are there with `explain`."""

    box: Box
    person: str | None = Field(description="A name, or null for a stranger.")
    probability: float = Field(
        description="That it is the best candidate, 0.5 at the threshold; 0 where nobody is "
        "enrolled."
    )
    score: float | None = Field(None, description="The detector's, 0 to 1.")
    candidates: list[Candidate] | None = Field(None, description="The nearest people.")
    why: Why | None = None
    attributes: FaceAttributes | None = _ATTRIBUTES


class IdentifiedFaces(BaseModel):
    """Who is in a picture, the largest face first; each person at most once."""

    source: str
    width: int
    height: int
    group: str
    faces: list[IdentifiedFace]


class Comparison(BaseModel):
    """Whether two faces are one person's."""

    same: bool
    probability: float = Field(description="Calibrated, 0.5 at the threshold.")
    distance: float
    threshold: float
    a: Box = Field(description="The face of the first picture that was compared.")
    b: Box = Field(description="That of the second.")


def picture_of(source: str, faces: Faces) -> dict[str, Any]:
    """What all answers about one picture begin with."""
    width, height = faces.image_wh
    return {"source": source, "width": width, "height": height}


def box_of(face: Face) -> dict[str, float]:
    names: tuple[Literal["x", "y", "width", "height"], ...] = ("x", "y", "width", "height")
    return {name: round(float(value), 1) for name, value in zip(names, face.box, strict=True)}


def face_of(face: Face) -> dict[str, Any]:
    """A face with what was asked for."""
    told: dict[str, Any] = {
        "box": box_of(face),
        "score": round(face.score, _DIGITS),
        "landmarks": _points(face.landmarks),
    }
    if face.points68 is not None:
        told["landmarks68"] = _points(face.points68)
    if face.quality is not None:
        told["quality"] = {name: round(value, _DIGITS) for name, value in face.quality.items()}
    if face.attributes is not None:
        told["attributes"] = face.attributes
    if face.embedding is not None:
        # as few digits as tell a float32 from every other one
        told["embedding"] = [float(str(value)) for value in face.embedding]
    return told


def identified(found: Identification, *, explain: bool) -> dict[str, Any]:
    """Who a face is and, as asked, why."""
    told: dict[str, Any] = {
        "box": box_of(found.face),
        "person": found.person,
        "probability": round(found.probability, _DIGITS),
    }
    if found.face.attributes is not None:
        told["attributes"] = found.face.attributes
    if not explain:
        return told
    why = {name: _rounded(value) for name, value in found.why.items()}
    why["reason"] = RULES[found.why["rule"]]
    why["reference"] = _file_only(found.why["reference"])
    return told | {
        "score": round(found.face.score, _DIGITS),
        "candidates": [
            {
                "person": candidate.person,
                "probability": round(candidate.probability, _DIGITS),
                "distance": round(candidate.distance, _DIGITS),
                "best_distance": round(candidate.best_distance, _DIGITS),
                "reference": _file_only(candidate.reference),
            }
            for candidate in found.candidates
        ],
        "why": why,
    }


def comparison(found: Verification, a: Face, b: Face) -> dict[str, Any]:
    """Whether two faces are one person's."""
    return {
        "same": found.same,
        "probability": round(found.probability, _DIGITS),
        "distance": round(found.distance, _DIGITS),
        "threshold": round(found.threshold, _DIGITS),
        "a": box_of(a),
        "b": box_of(b),
    }


def _points(points: Any) -> list[Point]:
    return [(round(float(x), 1), round(float(y), 1)) for x, y in points]


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value


def _file_only(source: str | None) -> str | None:
    """What was enrolled on the command line is called by its path, which is nobody's business."""
    return None if source is None else source.replace("\\", "/").rpartition("/")[2]
