"""Embedding a folder of photos, beside what its networks alone take on the same pictures.

The networks alone: detector, shape predictor and embedder on pictures that are decoded already.
The folder: read, known by their digest, decoded, rated, and kept in a cache, too. Both on as many
threads, with the same Analyzer, block by block in turn, so that what else the machine does meets
both.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks.options import Options
from benchmarks.places import lfw_grey
from benchmarks.tables import Figure, table
from vultus.faces.analyzer import Analyzer
from vultus.imaging.load import Image, load
from vultus.learn.embedding_cache import EmbeddingCache, recipe_of
from vultus.learn.embeddings import embed_pictures
from vultus.settings import load_settings
from vultus.work import work_through

Data = dict[str, Any]

_JOBS = 2
_BLOCK = 100
_LIMIT = 1.15


def measure(options: Options, photos: int | None = None) -> Data | None:
    """None without the data set. photos: so many of them; all when not given."""
    del options
    folder = lfw_grey()
    if folder is None:
        return None
    paths = sorted((folder / "images").rglob("*.jpg"))[:photos]
    cv2.setNumThreads(1)
    analyzer = Analyzer(load_settings(runtime={"threads": 1}))
    analyzer.warm_up()
    alone, whole, again = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
    recipe = recipe_of(analyzer)
    if recipe is None:
        raise RuntimeError("the default models have no recipe")
    with tempfile.TemporaryDirectory() as place, EmbeddingCache(Path(place), recipe) as cache:
        for number, block in enumerate(_blocks(paths)):
            images = [load(path) for path in block]
            sides = [
                (alone, partial(_networks, analyzer, images)),
                (whole, partial(_folder, analyzer, block, cache)),
            ]
            for spent, run in sides if number % 2 else reversed(sides):
                _timed(spent, run)
            _timed(again, partial(_folder, analyzer, block, cache))
    return {
        "photos": len(paths),
        "jobs": _JOBS,
        "networks_s": alone,
        "folder_s": whole,
        "again_s": again,
    }


def _blocks(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (paths[start : start + _BLOCK] for start in range(0, len(paths), _BLOCK))


def _networks(analyzer: Analyzer, images: Sequence[Image]) -> int:
    def run(image: Image) -> int:
        faces = analyzer.locate(image)
        return len(analyzer.describe(image, faces, quality=False))

    return sum(result.answer or 0 for result in work_through(images, run, _JOBS))


def _folder(analyzer: Analyzer, paths: Sequence[Path], cache: EmbeddingCache) -> int:
    found = embed_pictures(analyzer, paths, cache=cache, jobs=_JOBS)
    return sum(len(one.faces) for one in found if one.faces is not None)


def _timed(spent: list[float], run: Callable[[], int]) -> None:
    """Adds wall time and processor time."""
    wall, work = time.perf_counter(), time.process_time()
    if not run():
        raise RuntimeError("no face was found")
    spent[0] += time.perf_counter() - wall
    spent[1] += time.process_time() - work


def figures(data: Data) -> list[Figure]:
    ratio = data["folder_s"][0] / data["networks_s"][0]
    return [
        Figure(
            f"Embedding a folder of {data['photos']:,} photos, {data['jobs']} threads",
            "within 15 % of its networks alone",
            f"{ratio - 1:+.1%}",
            ratio <= _LIMIT,
        )
    ]


def details(data: Data) -> list[str]:
    count = data["photos"]
    rows = [
        (name, f"{wall:.1f} s", f"{1000 * wall / count:.1f} ms", f"{1000 * work / count:.1f} ms")
        for name, (wall, work) in (
            ("networks alone, on decoded pictures", data["networks_s"]),
            ("the folder, for the first time", data["folder_s"]),
            ("the folder again, from the cache", data["again_s"]),
        )
    ]
    return [
        f"{count:,} photos of lfw-grey, {data['jobs']} threads, one for each network; both in turn,"
        f" {_BLOCK} photos at a time. The folder includes reading, digests, decoding, rating and"
        " the cache.",
        "",
        *table(("what", "time", "a photo", "processor time a photo"), rows),
    ]
