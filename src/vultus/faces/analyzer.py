"""The Analyzer joins detector, aligner and embedder; it is the only way to get faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vultus.faces.alignment import place_points
from vultus.faces.detection import Detector, find_faces
from vultus.faces.embedder import DlibResNet, Embedder, embed_mirrored
from vultus.faces.mtcnn import Detections, Mtcnn
from vultus.faces.quality import measure_quality
from vultus.faces.shape_predictor import ShapePredictor
from vultus.faces.types import Faces
from vultus.imaging.align import cut_chips
from vultus.imaging.geometry import corners_to_xywh, xywh_to_corners
from vultus.imaging.load import Image, ImageSource, load
from vultus.models import catalogue, store
from vultus.models.session import load_sessions
from vultus.settings import DetectionSettings, Settings, load_settings


class Analyzer:
    """Image to `Faces`. Thread-safe; models are loaded when they are first needed.

    Args:
        settings: detection, limits and runtime; read from the environment when not given.
        mirror: average each embedding with that of the mirrored face; the setting
            `embedding.mirror` when not given.
        detector, embedder: others than the default ones, for tests and new models.

    Asked for less it does less: without `embed`, `quality` and `chips` no face is aligned, and
    the 68 points are found without cutting faces out.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        mirror: bool | None = None,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self.settings = settings or load_settings()
        self.mirror = self.settings.embedding.mirror if mirror is None else mirror
        self._given_detector = detector
        self._given_embedder = embedder
        self._loading = Lock()

    @cached_property
    def detector(self) -> Detector:
        """Finds faces; loaded when first used."""
        if self._given_detector is not None:
            return self._given_detector
        nets = load_sessions(catalogue.DETECTOR, self.settings.runtime)
        return Mtcnn(nets["pnet"], nets["rnet"], nets["onet"])

    @cached_property
    def predictor(self) -> ShapePredictor:
        """Finds the points that chips are aligned by; loaded when first used."""
        return self._load_predictor(catalogue.LANDMARKS)

    @cached_property
    def predictor68(self) -> ShapePredictor:
        """Finds the 68 points of iBUG 300-W; loaded when first used.

        Its weights are not for commercial use: see `docs/models.md`.
        """
        return self._load_predictor(catalogue.LANDMARKS_68)

    def _load_predictor(self, model_id: str) -> ShapePredictor:
        files = store.load(catalogue.card(model_id), self.settings.runtime.cache_dir)
        return ShapePredictor.from_npz(files["predictor.npz"])

    @cached_property
    def embedder(self) -> Embedder:
        """Describes chips; loaded when first used."""
        if self._given_embedder is not None:
            return self._given_embedder
        nets = load_sessions(catalogue.EMBEDDER, self.settings.runtime)
        return DlibResNet(nets["resnet"], catalogue.EMBEDDER)

    @property
    def embedder_id(self) -> str:
        """The id of the model that makes the embeddings; known without loading it."""
        return self._given_embedder.model_id if self._given_embedder else catalogue.EMBEDDER

    def warm_up(self, *, embed: bool = True, points68: bool = False) -> None:
        """Load the models now rather than with the first picture."""
        with self._loading:
            _ = self.detector, self.predictor
            if embed:
                _ = self.embedder
            if points68:
                _ = self.predictor68

    def analyze(
        self,
        source: ImageSource,
        *,
        embed: bool = True,
        quality: bool = True,
        chips: bool = False,
        points68: bool = False,
    ) -> Faces:
        """Find the faces of one picture and, as asked, embed, rate, cut out, place 68 points.

        Raises:
            ImageError: the picture cannot be used.
            ModelError: a model cannot be loaded.
        """
        image = load(source, self.settings.limits)
        self.warm_up(embed=embed, points68=points68)
        faces = self.locate(image)
        if not (embed or quality or chips or points68):
            return faces
        return self.describe(
            image, faces, embed=embed, quality=quality, chips=chips, points68=points68
        )

    def locate(self, image: Image, detection: DetectionSettings | None = None) -> Faces:
        """Only find the faces of an RGB image, as `detection` says or the settings do."""
        found = find_faces(self.detector, image, detection or self.settings.detection)
        size_wh = (image.shape[1], image.shape[0])
        return Faces(corners_to_xywh(found.boxes), found.scores, found.landmarks, size_wh)

    def follow(self, image: Image, boxes: NDArray[np.float32], score: float) -> Faces:
        """Find faces again near places (n, 4), x, y, width, height, where they just were.

        Much faster than `locate`, and blind for everything else. score: the detector's least.
        """
        found = self.detector.follow(image, xywh_to_corners(boxes), score)
        size_wh = (image.shape[1], image.shape[0])
        return Faces(corners_to_xywh(found.boxes), found.scores, found.landmarks, size_wh)

    def describe(
        self,
        image: Image,
        faces: Faces,
        *,
        embed: bool = True,
        quality: bool = True,
        chips: bool = False,
        points68: bool = False,
    ) -> Faces:
        """Align faces that were located in this image and, as asked, embed, rate, cut them out.

        Where `points68` is all that is asked for, only those points are placed.
        """
        found = Detections(xywh_to_corners(faces.boxes), faces.scores, faces.landmarks)
        if points68:
            with self._loading:  # the model is large: no two threads load it at once
                predictor68 = self.predictor68
            faces = replace(faces, points68=place_points(predictor68, image, found))
            if not (embed or quality or chips):
                return faces
        points = place_points(self.predictor, image, found)
        cut = cut_chips(image, points)
        faces = replace(faces, alignment=points, chips=cut if chips else None)
        if quality:
            faces = replace(faces, quality=measure_quality(faces, cut))
        return self.embed(faces, cut) if embed else faces

    def embed(self, faces: Faces, chips: NDArray[np.uint8]) -> Faces:
        """Embeddings for faces from their aligned chips, uint8 (n, 150, 150, 3)."""
        vectors = (
            embed_mirrored(self.embedder, chips) if self.mirror else self.embedder.embed(chips)
        )
        return replace(
            faces, embeddings=vectors.astype(np.float32), embedder=self.embedder.model_id
        )

    def analyze_batch(
        self, sources: Iterable[ImageSource], *, embed: bool = True, quality: bool = True
    ) -> Iterator[Faces]:
        """One `Faces` a picture, in order, one picture in memory at a time."""
        return (self.analyze(source, embed=embed, quality=quality) for source in sources)
