"""The Analyzer joins detector, aligner and embedder; it is the only way to get faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vultus.faces.alignment import place_points
from vultus.faces.attributes.coverings import Coverings
from vultus.faces.attributes.describing import (
    ExpressionHead,
    Needs,
    Seen,
    asked_for,
    needs_of,
    tell_attributes,
)
from vultus.faces.attributes.networks import AttributeNetworks
from vultus.faces.attributes.occlusion import OcclusionHead
from vultus.faces.attributes.person import PersonHead
from vultus.faces.detection import Detector, find_faces
from vultus.faces.embedder import DlibResNet, Embedder, embed_mirrored, look_mirrored
from vultus.faces.mtcnn import Detections, Mtcnn
from vultus.faces.quality import measure_quality
from vultus.faces.shape_predictor import ShapePredictor
from vultus.faces.types import Faces
from vultus.imaging.align import cut_chips
from vultus.imaging.geometry import corners_to_xywh, xywh_to_corners
from vultus.imaging.load import Image, ImageSource, load
from vultus.models import catalogue, store
from vultus.models.session import Session, load_sessions
from vultus.settings import DetectionSettings, Settings, load_settings


class Analyzer:
    """Image to `Faces`. Thread-safe; models are loaded when they are first needed.

    Args:
        settings: detection, limits and runtime; read from the environment when not given.
        mirror: average each embedding with that of the mirrored face; the setting
            `embedding.mirror` when not given.
        detector, embedder: others than the default ones, for tests and new models.
        expression: tells the attribute `expression` in place of the shipped network.

    Asked for less it does less: without `embed`, `quality` and `chips` no face is aligned, the
    68 points are found without cutting faces out, and of the networks for attributes those run
    that are needed.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        mirror: bool | None = None,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
        expression: ExpressionHead | None = None,
    ) -> None:
        self.settings = settings or load_settings()
        self.mirror = self.settings.embedding.mirror if mirror is None else mirror
        self._given_detector = detector
        self._given_embedder = embedder
        self.expression_head = expression
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
        return self.resnet if self._given_embedder is None else self._given_embedder

    @cached_property
    def resnet(self) -> DlibResNet:
        """The default embedder, whose inner features tell age and gender; loaded when needed."""
        nets = load_sessions(catalogue.EMBEDDER, self.settings.runtime)
        return DlibResNet(nets["resnet"], catalogue.EMBEDDER)

    @cached_property
    def attribute_networks(self) -> AttributeNetworks:
        """Tell the expression of chips; loaded when first used."""
        nets = self.attribute_sessions
        return AttributeNetworks(nets["trunk"], nets["expression"])

    @cached_property
    def person_head(self) -> PersonHead:
        """Tells age and gender from the inner features of `resnet`."""
        return PersonHead(self.attribute_sessions["person"])

    @cached_property
    def coverings(self) -> Coverings:
        """Tells glasses and masks from the maps of `attribute_networks`; loaded with these."""
        return Coverings(self.attribute_sessions["coverings"])

    @cached_property
    def occlusion_head(self) -> OcclusionHead:
        """Tells what is covered, as `coverings` does its part."""
        return OcclusionHead(self.attribute_sessions["occlusion"])

    @cached_property
    def attribute_sessions(self) -> Mapping[str, Session]:
        """The networks behind these four, by name; loaded together when first used."""
        return load_sessions(catalogue.ATTRIBUTES, self.settings.runtime)

    @property
    def embedder_id(self) -> str:
        """The id of the model that makes the embeddings; known without loading it."""
        return self._given_embedder.model_id if self._given_embedder else catalogue.EMBEDDER

    @property
    def detector_id(self) -> str | None:
        """The id of the model that finds faces; None for a given one that does not tell it."""
        if self._given_detector is None:
            return catalogue.DETECTOR
        return getattr(self._given_detector, "model_id", None)

    def warm_up(
        self,
        *,
        embed: bool = True,
        points68: bool = False,
        attributes: str | Iterable[str] = (),
    ) -> None:
        """Load the models now rather than with the first picture."""
        needs = needs_of(asked_for(attributes))
        with self._loading:
            self._load_together("detector", "predictor", *(("embedder",) if embed else ()))
        self._load(needs | Needs.POINTS68 if points68 else needs)

    def _load_together(self, *names: str) -> None:
        """These properties, each in a thread: half the time on two cores."""
        missing = [name for name in names if name not in self.__dict__]
        if len(missing) < 2:
            for name in missing:
                getattr(self, name)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(missing)) as pool:
            list(pool.map(partial(getattr, self), missing))

    def _load(self, needs: Needs) -> None:
        """The models that not everybody needs; no two threads load one at once."""
        if not needs & (Needs.POINTS68 | Needs.NETWORKS | Needs.INNER):
            return
        with self._loading:
            if Needs.POINTS68 in needs:
                _ = self.predictor68
            if Needs.NETWORKS in needs:
                _ = self.attribute_sessions
            if Needs.INNER in needs:
                _ = self.resnet

    def analyze(
        self,
        source: ImageSource,
        *,
        embed: bool = True,
        quality: bool = True,
        chips: bool = False,
        points68: bool = False,
        attributes: str | Iterable[str] = (),
    ) -> Faces:
        """Find the faces of one picture and, as asked, embed, rate, cut out, place 68 points.

        attributes: names of `ATTRIBUTES`, or `all`: how the faces look.

        Raises:
            ImageError: the picture cannot be used.
            ModelError: a model cannot be loaded.
            UsageError: there is no such attribute.
        """
        names = asked_for(attributes)
        image = load(source, self.settings.limits)
        self.warm_up(embed=embed, points68=points68, attributes=names)
        faces = self.locate(image)
        if not (embed or quality or chips or points68 or names):
            return faces
        return self.describe(
            image,
            faces,
            embed=embed,
            quality=quality,
            chips=chips,
            points68=points68,
            attributes=names,
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
        attributes: str | Iterable[str] = (),
    ) -> Faces:
        """Align faces that were located in this image and, as asked, embed, rate, cut them out.

        Where `points68` is all that is asked for, only those points are placed. What was needed
        for attributes alone is not among the columns of the answer.
        """
        names = asked_for(attributes)
        wanted = needs_of(names)
        wanted |= Needs.CHIPS if embed or chips else Needs.NOTHING
        wanted |= Needs.QUALITY if quality else Needs.NOTHING
        wanted |= Needs.POINTS68 if points68 else Needs.NOTHING
        seen = self._prepare(image, faces, wanted & ~Needs.INNER)
        if embed:
            chips_of = cast("NDArray[np.uint8]", seen.chips)
            seen = self.embed(seen, chips_of, inner=Needs.INNER in wanted)
        seen = self._prepare(image, seen, wanted)
        told = replace(
            seen,
            chips=seen.chips if chips else faces.chips,
            quality=seen.quality if quality else faces.quality,
            points68=seen.points68 if points68 else faces.points68,
            inner=None,
        )
        if not names:
            return told
        return replace(told, attributes=tell_attributes(names, Seen(image, seen, self)))

    def tell(self, image: Image, faces: Faces, attributes: str | Iterable[str]) -> Faces:
        """Attributes of faces that were described; of these columns none is made again."""
        names = asked_for(attributes)
        seen = self._prepare(image, faces, needs_of(names))
        told = tell_attributes(names, Seen(image, seen, self))
        return replace(faces, attributes=told, inner=None)

    def _prepare(self, image: Image, faces: Faces, needs: Needs) -> Faces:
        """The faces with those columns that are needed and not there yet; models are loaded."""
        self._load(needs)
        found = Detections(xywh_to_corners(faces.boxes), faces.scores, faces.landmarks)
        if Needs.POINTS68 in needs and faces.points68 is None:
            faces = replace(faces, points68=place_points(self.predictor68, image, found))
        unrated = Needs.QUALITY in needs and faces.quality is None
        if faces.chips is None and (unrated or Needs.CHIPS in needs):
            points = place_points(self.predictor, image, found)
            faces = replace(faces, alignment=points, chips=cut_chips(image, points))
        if unrated:
            cut = cast("NDArray[np.uint8]", faces.chips)
            faces = replace(faces, quality=measure_quality(faces, cut))
        if Needs.INNER in needs and faces.inner is None:
            cut = cast("NDArray[np.uint8]", faces.chips)
            faces = replace(faces, inner=self.look(cut)[1])
        return faces

    def embed(self, faces: Faces, chips: NDArray[np.uint8], *, inner: bool = False) -> Faces:
        """Embeddings for faces from their aligned chips, uint8 (n, 150, 150, 3).

        inner: keep what `tell` needs for age and gender, where the same network makes both.
        """
        inside = None
        if inner and self._given_embedder is None:
            vectors, inside = self.look(chips)
        else:
            vectors = (
                embed_mirrored(self.embedder, chips) if self.mirror else self.embedder.embed(chips)
            )
        return replace(
            faces,
            embeddings=vectors.astype(np.float32),
            embedder=self.embedder.model_id,
            inner=inside,
        )

    def look(self, chips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings of the default embedder, and its inner features, which tell age and gender.

        Both are the means of the chips and their mirror images, unless `mirror` is off.
        """
        return look_mirrored(self.resnet, chips) if self.mirror else self.resnet.look(chips)

    def analyze_batch(
        self,
        sources: Iterable[ImageSource],
        *,
        embed: bool = True,
        quality: bool = True,
        attributes: str | Iterable[str] = (),
    ) -> Iterator[Faces]:
        """One `Faces` a picture, in order, one picture in memory at a time."""
        names = asked_for(attributes)
        return (
            self.analyze(source, embed=embed, quality=quality, attributes=names)
            for source in sources
        )
