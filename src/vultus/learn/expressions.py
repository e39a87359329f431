"""Which of the seven expressions a folder's name means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vultus.faces.attributes.networks import EXPRESSIONS

_SYNONYMS = {
    "angry": ("anger", "mad"),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared", "frightened"),
    "happy": ("happiness", "joy", "joyful"),
    "neutral": (),
    "sad": ("sadness",),
    "surprise": ("surprised",),
}
_MEANING = {
    word: place for place, name in enumerate(EXPRESSIONS) for word in (name, *_SYNONYMS[name])
}


def expression_of(name: str) -> int | None:
    """The place in `EXPRESSIONS` that a name means: `Happy`, `happiness`, `3_happy`; else None."""
    return _MEANING.get(re.sub(r"^[\W\d_]+|[\W\d_]+$", "", name.casefold()))


def expressions_of(names: Sequence[str]) -> list[int] | None:
    """The places that names mean, where each means another one; else None."""
    places = [place for name in names if (place := expression_of(name)) is not None]
    return places if len(set(places)) == len(names) else None
