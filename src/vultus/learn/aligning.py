"""Cutting the face out of every picture of a folder into another folder, to be learnt from.

The first step of the classic recipe (D. Sandberg's facenet, `align_dataset_mtcnn.py`): the folders
stay, each picture becomes one face. What was done is written down, and not done again.
"""

from __future__ import annotations

import contextlib
import csv
import io
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vultus.errors import NoFace, StorageError, UsageError, VultusError
from vultus.events.private import make_file, make_folder
from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Face
from vultus.imaging.align import cut_chips, cut_square
from vultus.imaging.folders import Picture, is_folder
from vultus.imaging.load import Image, load, readable
from vultus.learn.embeddings import main_face
from vultus.work import Result, work_through

How = Literal["margin", "aligned"]

TABLE = "alignment.csv"
ABOUT = "alignment.json"
MARGIN_PX = 32
SIZE_PX = 160
_MAX_ABOUT_BYTES = 2**16
_DONE = "aligned"
_FINAL = (_DONE, NoFace.code)  # anything else may be mended, and is tried again


class Options(BaseModel):
    """How faces are cut; a folder holds faces of one kind only.

    size: side of the faces in pixels. margin: so many of them are not of the detector's box.
    how: `margin`, a square around the box; `aligned`, turned so that the eyes are level and in
    their place, as the recognition network is fed (`margin` says nothing there).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    size: int = Field(SIZE_PX, ge=16, le=2048)
    margin: int = Field(MARGIN_PX, ge=0, le=1024)
    how: How = "margin"

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.margin >= self.size:
            raise ValueError("the margin leaves nothing of the face")
        return self

    def cut(self, analyzer: Analyzer, image: Image, face: Face) -> NDArray[np.uint8]:
        """The face of an image, uint8 (size, size, 3)."""
        if self.how == "aligned":
            one = face.faces.select(slice(face.index, face.index + 1))
            placed = analyzer.describe(image, one, embed=False, quality=False, chips=True)
            chips = cut_chips(image, np.asarray(placed.alignment), self.size)
            return np.asarray(chips[0])
        x, y, width, height = (float(value) for value in face.box)
        # so that the box, without the margin, fills the rest of the face's picture
        half = max(width, height) * self.size / (self.size - self.margin) / 2
        middle = np.array([x + width / 2, y + height / 2])
        return cut_square(image, np.concatenate([middle - half, middle + half]), self.size)


def choose_options(size: int, margin: int | None, how: How) -> Options:
    """The options, with the margin of the recipe where none is given.

    Raises:
        UsageError: they do not fit together, or are out of range.
    """
    if how == "aligned" and margin is not None:
        raise UsageError(
            "--margin says nothing with --how aligned.", "Leave it out: the eyes give the scale."
        )
    wide = 0 if how == "aligned" else MARGIN_PX if margin is None else margin
    if wide >= size:
        raise UsageError(
            f"A margin of {wide} pixels leaves nothing of {size}.", "Choose a smaller --margin."
        )
    try:
        return Options(size=size, margin=wide, how=how)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(
            f"{first['loc'][0]}: {first['msg']}.", "Example: size 160, margin 32, how margin."
        ) from None


def check_places(folder: Path, out_folder: Path) -> None:
    """Faces must not land among the pictures that the next run reads. Raises UsageError."""
    if not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", "Name a folder of pictures.")
    if out_folder.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{out_folder} lies in {folder}, whose pictures are read.", "Choose a place beside it."
        )


@dataclass(frozen=True)
class Row:
    """One picture in the table.

    picture: its place below the folder; status: `aligned`, or the code of what is wrong; face: the
    file that was written; faces: how many it shows; reason: for people. bytes, modified_ns: of the
    picture, so that a changed one is done again; face_bytes: of the file that was written.
    """

    picture: str
    status: str
    face: str = ""
    faces: int = 0
    reason: str = ""
    bytes: int = 0
    modified_ns: int = 0
    face_bytes: int = 0


_COLUMNS = [field.name for field in fields(Row)]


@dataclass(frozen=True)
class AlignedPicture:
    """A picture that was worked on now, or, `resumed`, before."""

    picture: Picture
    row: Row
    resumed: bool = False


class AlignedFolder:
    """A folder of faces with the table of what became of each picture.

    Args:
        force: use a folder that holds something else, or faces of other options; these are cut
            again, and files of the same names replaced.

    Raises:
        UsageError: it is not empty and not ours, or of other options, and `force` is not given.
        StorageError: it cannot be made or read.
    """

    def __init__(self, folder: Path, options: Options, *, force: bool = False) -> None:
        self.folder = folder
        self.options = options
        try:
            make_folder(folder)
            if any(folder.iterdir()) and not force:
                self._check()
            self.rows = {} if force else self._read_table()
            self._write(ABOUT, options.model_dump_json(indent=1).encode())
            self._write_table()
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be used: {error.strerror or error}.", "Choose another folder."
            ) from error

    def _check(self) -> None:
        again = "Choose another folder, or give --force: files of the same names are replaced."
        try:
            with (self.folder / ABOUT).open("rb") as file:
                about = Options.model_validate_json(file.read(_MAX_ABOUT_BYTES))
        except (OSError, ValidationError):
            raise UsageError(
                f"{self.folder} is not empty, and `vultus align` did not make it.", again
            ) from None
        if about != self.options:
            was = f"--size {about.size} --margin {about.margin} --how {about.how}"
            raise UsageError(f"{self.folder} holds faces cut with {was}.", again)

    def _read_table(self) -> dict[str, Row]:
        """What was done: the last line of each picture that makes sense."""
        rows: dict[str, Row] = {}
        with (
            contextlib.suppress(FileNotFoundError),
            (self.folder / TABLE).open(newline="", encoding="utf-8", errors="replace") as file,
        ):
            for found in csv.DictReader(line.replace("\0", "") for line in file):
                with contextlib.suppress(ValueError, TypeError, KeyError, csv.Error):
                    row = _row_of(found)
                    rows[row.picture] = row
        return rows

    def is_done(self, picture: Picture) -> Row | None:
        """The row of a picture that is as it was, with its face whole on disk."""
        row = self.rows.get(_place(picture))
        if row is None or row.status not in _FINAL:
            return None
        try:
            stat = picture.path.stat()
            same = (stat.st_size, stat.st_mtime_ns) == (row.bytes, row.modified_ns)
            if row.status == _DONE and same:
                same = (self.folder / row.face).stat().st_size == row.face_bytes
        except (OSError, ValueError):
            return None
        return row if same else None

    def write_face(self, name: Path, face: NDArray[np.uint8]) -> int:
        """Write a face as PNG, whole or not at all; returns its size in bytes."""
        done, data = cv2.imencode(".png", np.ascontiguousarray(face[:, :, ::-1]))
        if not done:
            raise StorageError(f"{name} cannot be encoded.", "Choose another --size.")
        try:
            (self.folder / name.parent).mkdir(parents=True, exist_ok=True)
            self._write(str(name), data.tobytes())
        except OSError as error:
            raise StorageError(
                f"{self.folder / name} cannot be written: {error.strerror or error}.",
                "Free some space, or choose another folder; what is done is kept.",
            ) from error
        return len(data)

    def note(self, row: Row) -> None:
        """Write down at once what became of a picture."""
        self.rows[row.picture] = row
        try:
            with (self.folder / TABLE).open("a", newline="", encoding="utf-8") as file:
                file.write(_lines([row]))
        except OSError as error:
            raise StorageError(
                f"{self.folder / TABLE} cannot be written: {error.strerror or error}.",
                "Free some space; what is done is kept.",
            ) from error

    def finish(self) -> None:
        """Write the table anew, a line a picture, by name."""
        try:
            self._write_table()
        except OSError as error:
            raise StorageError(
                f"{self.folder / TABLE} cannot be written: {error.strerror or error}.",
                "Free some space.",
            ) from error

    def _write_table(self) -> None:
        header = ",".join(_COLUMNS) + "\n"
        rows = [self.rows[name] for name in sorted(self.rows)]
        self._write(TABLE, (header + _lines(rows)).encode("utf-8"))

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            make_file(part)
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def align_pictures(
    analyzer: Analyzer, pictures: Sequence[Picture], folder: AlignedFolder, *, jobs: int = 1
) -> Iterator[AlignedPicture]:
    """Cut the face out of each picture, in their order; those that are done already are not.

    Of several faces the large one in the middle is taken, see `main_face`.

    Raises:
        StorageError: the folder cannot be written.
    """
    names = _names(pictures)

    def work(picture: Picture) -> AlignedPicture:
        row = folder.is_done(picture)
        if row is not None:
            return AlignedPicture(picture, row, resumed=True)
        image = load(picture.path, analyzer.settings.limits)
        analyzer.warm_up(embed=False)
        faces = analyzer.locate(image)
        face = main_face(faces)
        if face is None:
            raise NoFace(f"{picture.path} shows no face.", "Take a picture with a clear face.")
        name = names[picture.place]
        size = folder.write_face(name, folder.options.cut(analyzer, image, face))
        stat = picture.path.stat()
        return AlignedPicture(
            picture,
            Row(
                _place(picture),
                _DONE,
                name.as_posix(),
                len(faces),
                bytes=stat.st_size,
                modified_ns=stat.st_mtime_ns,
                face_bytes=size,
            ),
        )

    try:
        for result in work_through(pictures, work, jobs):
            found = result.answer or _skipped(result)
            if not found.resumed:
                folder.note(found.row)
            yield found
    finally:
        folder.finish()


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many pictures ended how, the most frequent first."""
    return dict(Counter(row.status for row in rows).most_common())


def _skipped(result: Result[Picture, AlignedPicture]) -> AlignedPicture:
    error = result.error or VultusError("no answer")
    size = modified = 0
    with contextlib.suppress(OSError, ValueError):
        stat = result.task.path.stat()
        size, modified = stat.st_size, stat.st_mtime_ns
    row = Row(
        _place(result.task), error.code, reason=error.message, bytes=size, modified_ns=modified
    )
    return AlignedPicture(result.task, row)


def _place(picture: Picture) -> str:
    return readable(picture.place.as_posix())


def _names(pictures: Sequence[Picture]) -> dict[Path, Path]:
    """The file of each picture's face: its own name, ending with .png.

    Where that would be the name of several, the old ending stays before it.
    """
    # a file system may take Ada.png and ada.png for one
    plain = Counter(str(picture.place.with_suffix("")).casefold() for picture in pictures)
    return {
        picture.place: Path(f"{picture.place}.png")
        if plain[str(picture.place.with_suffix("")).casefold()] > 1
        else picture.place.with_suffix(".png")
        for picture in pictures
    }


def _lines(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(asdict(row).values() for row in rows)
    return text.getvalue()


def _row_of(found: dict[str, str]) -> Row:
    numbers = {name: int(found[name]) for name in ("faces", "bytes", "modified_ns", "face_bytes")}
    texts = {name: found[name] for name in ("picture", "status", "face", "reason")}
    face = Path(texts["face"])
    if face.is_absolute() or ".." in face.parts:
        raise ValueError("a face lies elsewhere")
    return Row(**texts, **numbers)  # type: ignore[arg-type]
