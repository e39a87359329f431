"""What the parts of the benchmark are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`peer`: the python of face_recognition's environment, or None to measure Vultus alone."""

    peer: Path | None
