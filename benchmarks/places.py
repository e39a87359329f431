"""Where the benchmarks find and leave things. Nothing measured is ever committed but the report."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".bench"
REPORT = ROOT / "docs" / "benchmarks.md"
RESULTS = CACHE / "results.json"
PEER = CACHE / "peer"

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")
# Not a picture on purpose; the library refuses it, which is another test's business.
_BROKEN = "corrupted.png"


def shared_data() -> Path | None:
    """The folder of research data, or None where this machine has none."""
    folder = ROOT / os.environ.get("VULTUS_SHARED", "../shared") / "data"
    return folder if folder.is_dir() else None


def photos(part: str = "") -> list[Path]:
    """Readable pictures of `photos`, or of one folder in it; empty without the research data."""
    data = shared_data()
    if data is None:
        return []
    found = sorted((data / "photos" / part).rglob("*"))
    return [p for p in found if p.suffix.lower() in PICTURE_ENDINGS and p.name != _BROKEN]


def lfw_grey() -> Path | None:
    """The unpacked `lfw-grey` (images/ and pairs.tsv), or None without the research data."""
    folder = CACHE / "lfw-grey"
    if (folder / "pairs.tsv").exists():
        return folder
    data = shared_data()
    if data is None or not (data / "lfw-grey.tar").exists():
        return None
    # Under another name first: a run that is cut off must not leave half of it behind.
    unpacking = CACHE / f"unpacking-{os.getpid()}"
    with tarfile.open(data / "lfw-grey.tar") as archive:
        archive.extractall(unpacking, filter="data")
    try:
        (unpacking / "lfw-grey").rename(folder)
    except OSError:
        if not (folder / "pairs.tsv").exists():  # else another run was faster
            raise
    finally:
        shutil.rmtree(unpacking)
    return folder


def clip(name: str) -> Path | None:
    """A video of the research data, or None where this machine has none."""
    data = shared_data()
    path = None if data is None else data / "videos" / name
    return path if path is not None and path.exists() else None


def people() -> Path | None:
    """The folder with a folder of photos for each person, or None."""
    data = shared_data()
    return None if data is None else data / "photos" / "people"
