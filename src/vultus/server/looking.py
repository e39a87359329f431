"""What is done with pictures for a client, measured by stage; runs in an inference thread."""

from __future__ import annotations

from collections.abc import Sequence

from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Faces
from vultus.imaging.load import Image, load
from vultus.server.inference import Cancel
from vultus.server.metrics import Metrics
from vultus.settings import DetectionSettings, LimitSettings


class Looker:
    """An `Analyzer` that stops between steps when nobody waits for the answer any more."""

    def __init__(self, analyzer: Analyzer, metrics: Metrics) -> None:
        self._analyzer = analyzer
        self._metrics = metrics

    @property
    def analyzer(self) -> Analyzer:
        return self._analyzer

    def decode(self, data: bytes, cancel: Cancel, limits: LimitSettings | None = None) -> Image:
        """Encoded bytes to an image; the limits are the settings' unless given."""
        with self._metrics.stage("decode"):
            image = load(data, limits or self._analyzer.settings.limits)
        cancel.check()
        return image

    def faces(
        self,
        image: Image,
        cancel: Cancel,
        *,
        embed: bool = True,
        quality: bool = True,
        chips: bool = False,
        points68: bool = False,
        attributes: Sequence[str] = (),
        detection: DetectionSettings | None = None,
    ) -> Faces:
        """Find the faces of an image and, as asked, describe them.

        attributes: how they look, by name. detection: how they are looked for; as the settings
        say when not given.
        """
        self._analyzer.warm_up(embed=embed, points68=points68, attributes=attributes)
        with self._metrics.stage("detect"):
            found = self._analyzer.locate(image, detection)
        self._metrics.faces.inc(len(found))
        cancel.check()
        if not (embed or quality or chips or points68 or attributes):
            return found
        with self._metrics.stage("describe"):
            found = self._analyzer.describe(
                image,
                found,
                embed=embed,
                quality=quality,
                chips=chips,
                points68=points68,
                attributes=attributes,
            )
        cancel.check()
        return found
