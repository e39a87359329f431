"""Taking pictures for enrolment from a camera: each is looked at, and only good ones are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from vultus.errors import FaceExists, StorageError, UsageError
from vultus.faces.analyzer import Analyzer
from vultus.faces.quality import poor_reasons
from vultus.faces.types import Face, Faces
from vultus.gallery.enrolment import Enrolment, prepare_face
from vultus.gallery.gallery import DEFAULT_GROUP, Gallery
from vultus.gallery.rows import check_name
from vultus.imaging.load import Image, load
from vultus.video.frame import Frame
from vultus.video.observer import detect_faces
from vultus.video.overlay import Label, annotate
from vultus.video.snapshots import encode_jpeg, safe_name

_JPEG_QUALITY = 95
_NUMBERED = re.compile(r"(\d{1,9})\.(jpe?g|png)", re.IGNORECASE)
_LOOK_S = Fraction(1, 5)  # between two looks at what the window shows


class Screen(Protocol):
    """Shows pictures and tells what was pressed; `vultus.video.window.Window` is one."""

    def show(self, image: Image) -> None: ...
    def keys(self) -> Sequence[str]:
        """Among others `quit` and `picture`."""
        ...


@dataclass(frozen=True)
class Taken:
    """What became of one candidate.

    media_time: seconds. picture: None where it was refused. refused: why, in plain words.
    quality: 0 to 1, and face_px: width in pixels, where it shows one face. enrolled: where asked.
    """

    media_time: float
    picture: Path | None = None
    refused: list[str] = field(default_factory=list)
    quality: float | None = None
    face_px: float | None = None
    enrolled: Enrolment | None = None


class Capture:
    """Takes pictures of one person into FOLDER/NAME/0001.jpg and on; none is ever overwritten.

    Args:
        name: of the person, and of the folder. folder: where that folder is.
        analyzer: judges the pictures. gallery: enrols them, too, into `group`.

    Raises:
        UsageError: the name cannot be a person's or a folder's.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        analyzer: Analyzer,
        *,
        gallery: Gallery | None = None,
        group: str = DEFAULT_GROUP,
    ) -> None:
        self.name = check_name(name, "person")
        self.group = check_name(group, "group")
        if safe_name(self.name) != self.name:
            raise UsageError(
                f"{name!r} cannot be the name of a folder.",
                'Leave out / \\ : * ? " < > |, and a dot at the beginning or end.',
            )
        self.folder = folder / self.name
        self._analyzer = analyzer
        self._gallery = gallery

    def timed(
        self, frames: Iterable[Frame | None], count: int, interval_s: float
    ) -> Iterator[Taken]:
        """A candidate every so many seconds of the video's time, until `count` are kept."""
        kept, step = 0, Fraction(interval_s)
        due = Fraction(0)
        for frame in frames:
            if frame is None or frame.corrupt or frame.media_time < due:
                continue
            due = frame.media_time + step
            taken = self.consider(frame)
            yield taken
            kept += taken.picture is not None
            if kept >= count:
                return

    def watched(
        self, frames: Iterable[Frame | None], screen: Screen, count: int | None = None
    ) -> Iterator[Taken]:
        """A candidate whenever `picture` is pressed, until `quit` is, or `count` are kept."""
        kept, labels, due = 0, list[Label](), Fraction(0)
        for frame in frames:
            if frame is not None:
                if frame.media_time >= due:
                    labels, due = self._labels(frame), frame.media_time + _LOOK_S
                screen.show(annotate(frame.image, labels))
            keys = screen.keys()
            if frame is not None and "picture" in keys:
                taken = self.consider(frame)
                yield taken
                kept += taken.picture is not None
            if "quit" in keys or (count is not None and kept >= count):
                return

    def consider(self, frame: Frame) -> Taken:
        """Keep this frame if it shows one good face, and say what became of it.

        Raises:
            StorageError: the picture cannot be written.
        """
        # judged as it will be read again, so that a later `enroll` knows the picture
        data = encode_jpeg(frame.image, _JPEG_QUALITY)
        image = load(data, self._analyzer.settings.limits)
        faces = self._analyzer.analyze(image, embed=False)
        moment = float(frame.media_time)
        if len(faces) != 1:
            return Taken(moment, refused=[_count_words(len(faces))])
        face = Face(faces, 0)
        quality = face.quality or {}
        score, face_px = quality["score"], quality["face_px"]
        refused = poor_reasons(quality, face.score)
        if refused:
            return Taken(moment, None, refused, score, face_px)
        path = self._save(data)
        try:
            return Taken(moment, path, [], score, face_px, self._enroll(path, image, faces))
        except FaceExists as error:
            path.unlink()
            return Taken(moment, None, [error.message], score, face_px)

    def _enroll(self, path: Path, image: Image, faces: Faces) -> Enrolment | None:
        if self._gallery is None:
            return None
        described = self._analyzer.describe(image, faces)
        face = prepare_face(self.name, image, described, str(path))
        return self._gallery.add(face, group=self.group)

    def _save(self, data: bytes) -> Path:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            taken = (_NUMBERED.fullmatch(path.name) for path in self.folder.iterdir())
            number = max((int(found[1]) for found in taken if found), default=0) + 1
            while not _write_new(self.folder / f"{number:04d}.jpg", data):
                number += 1
        except OSError as error:
            raise StorageError(
                f"{self.folder} cannot be written to: {error.strerror or error}.",
                "Free some space, or choose another folder with --out.",
            ) from error
        return self.folder / f"{number:04d}.jpg"

    def _labels(self, frame: Frame) -> list[Label]:
        """Boxes with quality, or what is wrong; green where a picture would be kept."""
        small = frame.small(self._analyzer.settings.video.detect_side_px)
        found = detect_faces(self._analyzer, frame, small)
        sure = found.scores >= self._analyzer.settings.detection.score_threshold
        faces = self._analyzer.describe(frame.image, found.select(sure), embed=False)
        return [_label(face, len(faces)) for face in faces]


def _label(face: Face, count: int) -> Label:
    quality = face.quality or {}
    wrong = poor_reasons(quality, face.score) if count == 1 else [_count_words(count)]
    x, y, width, height = (float(value) for value in face.box)
    text = wrong[0] if wrong else f"good, quality {quality['score']:.2f}"
    text = "" if face.index else text  # of several, told once
    return Label((x, y, width, height), text, known=not wrong)


def _count_words(count: int) -> str:
    return "there is no face" if count == 0 else f"there are {count} faces, one is wanted"


def _write_new(path: Path, data: bytes) -> bool:
    """Write a file whole and never over another; False where one is there."""
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    return True
