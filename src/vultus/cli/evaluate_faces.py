"""The one face of each picture of a folder, for evaluations of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vultus.cli.folder_faces import describe_pictures, make_describer, tell_unreadable
from vultus.cli.output import Output
from vultus.errors import NothingToDo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.faces.analyzer import Analyzer


@dataclass(frozen=True)
class FolderEmbeddings:
    """rows: (m,) pictures that could be read, by their place; embeddings: (m, d), zeros where no
    face was found; found: (m,) whether one was; digests: of the files. left_out: the others, as
    data."""

    analyzer: Analyzer
    rows: NDArray[np.intp]
    embeddings: NDArray[np.float32]
    found: NDArray[np.bool_]
    digests: list[str]
    left_out: list[dict[str, Any]]


def embed_folder(
    out: Output, paths: Sequence[Path], jobs: int, *, mirror: bool | None, cached: bool
) -> FolderEmbeddings:
    """Embed the large face in the middle of each picture.

    Raises:
        NothingToDo: there is no face in any picture.
    """
    import numpy as np

    analyzer, at_once = make_describer(jobs, len(paths), mirror)
    looked = describe_pictures(out, analyzer, paths, at_once, cached=cached)
    tell_unreadable(out, looked)
    usable = [row for row, one in enumerate(looked) if one.error is None]
    faces = [looked[row].main for row in usable]
    vectors = [None if face is None else face.embedding for face in faces]
    known = [vector for vector in vectors if vector is not None]
    if not known:
        raise NothingToDo("No face was found in any picture.", "Give pictures of faces.")
    nothing = np.zeros_like(known[0])
    return FolderEmbeddings(
        analyzer,
        np.array(usable, np.intp),
        np.stack([nothing if vector is None else vector for vector in vectors]),
        np.array([vector is not None for vector in vectors], bool),
        [looked[row].digest for row in usable],
        [
            {"source": str(one.path), "code": one.error.code}
            for one in looked
            if one.error is not None
        ],
    )
