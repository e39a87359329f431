"""Names of people as names of folders, which every file system takes and none mixes up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

MAX_BYTES = 120  # of 255 that file systems take, so that a number may follow

_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.I)


def folder_name(name: str, taken: Collection[str] = ()) -> str:
    """A folder's name for this name, another one than those in `taken`.

    Separators and what Windows refuses become `_`; a name that Windows keeps for devices, that is
    hidden or ends with a dot is changed; a long one is cut. Names that differ only in upper and
    lower case, or in how letters are composed, are one folder for some file systems: the second of
    such names gets a number.
    """
    cleaned = _REFUSED.sub("_", unicodedata.normalize("NFC", name))
    cleaned = _cut(cleaned.strip(), MAX_BYTES).rstrip(". ")
    if not cleaned or cleaned.startswith("."):
        cleaned = f"_{cleaned}"
    if _OF_WINDOWS.fullmatch(cleaned):
        cleaned = f"{cleaned}_"
    known = {same_name(each) for each in taken}
    free, number = cleaned, 1
    while same_name(free) in known:
        number += 1
        free = f"{cleaned} ({number})"
    return free


def file_name(name: str, taken: Collection[str]) -> str:
    """A file's name, another one than those in `taken`, which `same_name` made."""
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (name, "")
    free, number = name, 1
    while same_name(free) in taken:
        number += 1
        free = f"{stem}-{number}{ending}"
    return free


def same_name(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(text: str, most_bytes: int) -> str:
    return text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")
