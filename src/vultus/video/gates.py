"""Which faces are worth recognising, and the word for why one is not."""

from __future__ import annotations

from vultus.faces.types import Faces
from vultus.settings import VideoSettings

SMALL, BLURRED, TURNED, DOUBTFUL = "small", "blurred", "turned", "doubtful"

REASONS: dict[str, str] = {
    SMALL: "the face is too small",
    BLURRED: "the face is blurred",
    TURNED: "the face is turned away",
    DOUBTFUL: "it may not be a face",
}


class Gates:
    """What a face must have before it is aligned, and before it is embedded."""

    def __init__(self, settings: VideoSettings) -> None:
        self._settings = settings

    def before_alignment(
        self, box_width: float, score: float, yaw_deg: float, pitch_deg: float
    ) -> str | None:
        """The gate that stops a face by what detection alone tells, or None."""
        limits = self._settings
        if box_width < limits.gate_face_px:
            return SMALL
        if score < limits.gate_score:
            return DOUBTFUL
        if abs(yaw_deg) > limits.gate_yaw_deg or abs(pitch_deg) > limits.gate_pitch_deg:
            return TURNED
        return None

    def before_embedding(self, faces: Faces, row: int) -> str | None:
        """The gate that stops an aligned face, or None."""
        quality = faces.quality
        blurred = quality is not None and quality.sharpness[row] < self._settings.gate_sharpness
        return BLURRED if blurred else None
