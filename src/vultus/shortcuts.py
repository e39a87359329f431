"""`vultus.detect`, `vultus.embed` and `vultus.verify`: one call each, with the default models.

They share one Analyzer a process, a forked one too: networks have threads that a fork loses.
Make your own `Analyzer` for other settings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from threading import Lock

from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Faces
from vultus.gallery.verification import Verification
from vultus.gallery.verification import verify as verify_with
from vultus.imaging.load import ImageSource

_making = Lock()
_made: dict[int, Analyzer] = {}  # by process; of a parent's, nothing is touched, not even to end it

if hasattr(os, "register_at_fork"):
    # nobody forks while another thread is in here, so that the lock is free in both processes
    os.register_at_fork(
        before=_making.acquire,
        after_in_parent=_making.release,
        after_in_child=_making.release,
    )


def default_analyzer() -> Analyzer:
    """The Analyzer that the functions below share; settings are read when it is made."""
    process = os.getpid()
    with _making:
        if process not in _made:
            _made[process] = Analyzer()
        return _made[process]


def detect(source: ImageSource, *, attributes: str | Iterable[str] = ()) -> Faces:
    """The faces of a picture, largest first, with boxes, scores, landmarks and quality.

    `source` is a path, encoded bytes, an open binary file or an RGB array (height, width, 3).
    `attributes` says what else is told of each face, such as `["age", "expression"]` or `"all"`.

    Raises:
        ImageError: the picture cannot be used. UsageError: there is no such attribute.
    """
    return default_analyzer().analyze(source, embed=False, attributes=attributes)


def embed(source: ImageSource, *, attributes: str | Iterable[str] = ()) -> Faces:
    """As `detect`, with embeddings, float32 (n, 128): the Euclidean distance tells people apart."""
    return default_analyzer().analyze(source, attributes=attributes)


def verify(
    first: ImageSource, second: ImageSource, *, far: float | None = None, largest: bool = False
) -> Verification:
    """Whether two pictures show the same person: `.same`, `.probability`, `.distance`.

    Args:
        far: wished rate of false matches; the model's operating threshold when not given.
        largest: take the largest face where a picture has several, instead of refusing it.

    Raises:
        NoFace, SeveralFaces: a picture does not show exactly one face.
    """
    return verify_with(first, second, analyzer=default_analyzer(), far=far, largest=largest)
