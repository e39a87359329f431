"""The pictures in a zip, read one by one and never unpacked: its names lead nowhere."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from vultus.errors import ArchiveInvalid, ImageTooLarge, ImageUnreadable, NothingToDo, UsageError
from vultus.imaging.folders import ENDINGS, Picture
from vultus.imaging.load import readable

_MOST_FILES = 20_000
_MOST_AT_ONCE = 4 * 2**20  # bytes; the list of files is read in one go
_PART = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags
_RUBBISH = "__MACOSX"
# What zipfile may raise on bytes that are no whole zip.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Member:
    """A picture in the archive; `place` is where it lies among the people's folders."""

    info: zipfile.ZipInfo
    place: PurePosixPath

    @property
    def name(self) -> str:
        """How it is called in answers and in the gallery."""
        return readable(str(self.place))

    @property
    def person(self) -> str:
        """Whom it shows, as with a folder of pictures."""
        return Picture(Path(self.place), Path(self.place)).person


@dataclass(frozen=True)
class PictureArchive:
    """An open zip. members: its pictures in order; skipped: how many other files it has."""

    members: list[Member]
    skipped: int
    _zip: zipfile.ZipFile
    _max_bytes: int

    def read(self, member: Member) -> bytes:
        """One picture's file.

        Raises:
            ImageUnreadable: it is damaged, encrypted or compressed in a strange way.
            ImageTooLarge: it has more bytes than a picture may have.
        """
        info = member.info
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise ImageUnreadable(
                f"{member.name} is encrypted, or compressed in a way that is not known.",
                "Make a plain zip.",
            )
        if info.file_size > self._max_bytes:
            raise ImageTooLarge(
                f"{member.name} has more than {self._max_bytes:,} bytes.", "Make it smaller."
            )
        data = bytearray()
        try:
            with self._zip.open(info) as file:  # gives no more than the size that it announced
                while part := file.read(_PART):
                    data += part
        except _BROKEN as error:
            raise ImageUnreadable(
                f"{member.name} is damaged in the archive.", "Make it again."
            ) from error
        return bytes(data)


@contextmanager
def open_pictures(
    path: Path, *, max_bytes: int, max_total: int, skip_folders: int | None = None
) -> Iterator[PictureArchive]:
    """The pictures in a zip with a folder a person, or with pictures named after people.

    Args:
        max_bytes: of one picture. max_total: of all files together, as they announce themselves.
        skip_folders: so many folders around those of the people do not count. Not given: none,
            and where that may be wrong it is asked for.

    Raises:
        ArchiveInvalid: no zip, a damaged one, too many files, or names that lead elsewhere.
        UsageError: it is not clear which folders are the people's. NothingToDo: no picture.
    """
    with path.open("rb") as file:
        try:
            opened = zipfile.ZipFile(_Careful(file))
        except _BROKEN as error:
            raise ArchiveInvalid("This is no zip, or a damaged one.", "Send a zip.") from error
        with opened:
            files = [info for info in opened.infolist() if not info.is_dir()]
            _check(files, max_total)
            members = _members(files, skip_folders)
            yield PictureArchive(members, len(files) - len(members), opened, max_bytes)


class _Careful:
    """An open file of which nobody reads much at once, whatever its headers say."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seekable, self.seek, self.tell = file.seekable, file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > _MOST_AT_ONCE:
            raise zipfile.BadZipFile("more at once than a list of files has")
        data = self._file.read(_MOST_AT_ONCE + 1 if size < 0 else size)
        if len(data) > _MOST_AT_ONCE:
            raise zipfile.BadZipFile("more at once than a list of files has")
        return data


def _check(files: Sequence[zipfile.ZipInfo], max_total: int) -> None:
    if len(files) > _MOST_FILES:
        raise ArchiveInvalid(f"The archive has more than {_MOST_FILES:,} files.", "Send several.")
    if sum(info.file_size for info in files) > max_total:
        raise ArchiveInvalid(
            f"The archive's files have more than {max_total:,} bytes when they are unpacked.",
            "Send several.",
        )
    if any(_leads_elsewhere(_place(info)) for info in files):
        raise ArchiveInvalid("The archive has names that lead out of it.", "Make it anew.")


def _leads_elsewhere(place: PurePosixPath) -> bool:
    return place.is_absolute() or ".." in place.parts or ":" in str(place)[:2]


def _place(info: zipfile.ZipInfo) -> PurePosixPath:
    """Some programs write UTF-8 without saying so, some decompose é, some have their own slash."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    return PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))


def _members(files: Sequence[zipfile.ZipInfo], skip_folders: int | None) -> list[Member]:
    """The pictures, always in the same order."""
    found = [(place, info) for info in files if _is_picture(place := _place(info))]
    if not found:
        raise NothingToDo(
            f"There is no picture in the archive ({len(files)} other files).",
            f"Pictures end with {' '.join(sorted(ENDINGS))}.",
        )
    skip = skip_folders
    if skip is None:
        skip = 0
        _require_clear([place for place, _ in found])
    found.sort(key=lambda each: (each[0], each[1].header_offset))
    return [
        Member(info, PurePosixPath(*(place.parts[skip:] or place.parts[-1:])))
        for place, info in found
    ]


def _is_picture(place: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == _RUBBISH for part in place.parts)
    return place.suffix.lower() in ENDINGS and not hidden


def _require_clear(places: Sequence[PurePosixPath]) -> None:
    """A folder around the folders of the people must not be taken for one person."""
    one_folder = len({place.parts[0] for place in places}) == 1
    if one_folder and all(len(place.parts) > 2 for place in places):
        raise UsageError(
            "All pictures lie in folders within one folder: is that a person, or around people?",
            "Say skip_folders=1 where the inner folders are the people's, otherwise 0.",
        )
