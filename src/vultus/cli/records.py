"""Faces and decisions as the JSON records that the documentation promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vultus.faces.types import Face, Faces
    from vultus.gallery.gallery import Identification

_DIGITS = 4


def rounded(value: Any) -> Any:
    """Floats to a few digits, inside lists and dictionaries too."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def box_record(face: Face) -> dict[str, float]:
    names = ("x", "y", "width", "height")
    return {name: round(float(value), 1) for name, value in zip(names, face.box, strict=True)}


def face_record(face: Face) -> dict[str, Any]:
    """One face of `detect`."""
    return {
        "box": box_record(face),
        "score": rounded(face.score),
        "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in face.landmarks],
        "quality": rounded(face.quality or {}),
        **_attributes(face),
    }


def picture_record(source: str, faces: Faces) -> dict[str, Any]:
    """One picture of `detect`."""
    width, height = faces.image_wh
    return {
        "source": source,
        "width": width,
        "height": height,
        "faces": [face_record(face) for face in faces],
    }


def identification_record(found: Identification) -> dict[str, Any]:
    """One face of `identify`."""
    return {
        "box": box_record(found.face),
        "score": rounded(found.face.score),
        "person": found.person,
        "probability": rounded(found.probability),
        "candidates": [
            {
                "person": candidate.person,
                "probability": rounded(candidate.probability),
                "distance": rounded(candidate.distance),
            }
            for candidate in found.candidates
        ],
        "why": rounded(found.why),
        **_attributes(found.face),
    }


def _attributes(face: Face) -> dict[str, Any]:
    """Where any were asked for."""
    return {} if face.attributes is None else {"attributes": face.attributes}


def looks_of(face: Face) -> list[str]:
    """How a face looks, for people: a line below the face's own, where it was asked for."""
    from vultus.faces.attributes.words import in_words

    words = in_words(face.attributes or {})
    return [f"     {words}"] if words else []


def place_of(face: Face) -> str:
    """Size and place of a face, for people."""
    x, y, width, height = (round(float(value)) for value in face.box)
    return f"{width} x {height} at ({x}, {y})"
