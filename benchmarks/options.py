"""What the parts of the benchmark are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What to measure against, and for how long.

    peer: the python of face_recognition's environment, or None to measure Vultus alone.
    seconds: how long cameras are watched. rounds: how often the soak kills and restarts things.
    """

    peer: Path | None
    seconds: float = 60.0
    rounds: int = 20
