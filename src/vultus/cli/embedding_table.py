"""Embeddings as a table on disk: .npz with NumPy alone, .parquet with the extra of that name."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from vultus.errors import StorageError, UsageError
from vultus.imaging.load import readable

if TYPE_CHECKING:
    from vultus.faces.types import Faces

_KINDS = (".npz", ".parquet")


class EmbeddingTable:
    """Collects faces, then writes them; the file appears whole or not at all.

    Raises:
        UsageError: the file's ending is none that is known, or pyarrow is missing.
        StorageError: its folder does not exist.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in _KINDS:
            raise UsageError(
                f"{path} ends with neither .npz nor .parquet.", "Name the file accordingly."
            )
        if path.suffix == ".parquet":
            _check_pyarrow()
        if not path.parent.is_dir():
            raise StorageError(f"There is no folder {path.parent}.", "Make it first.")
        self._path = path
        self._sources: list[str] = []
        self._numbers: list[int] = []
        self._parts: list[Faces] = []

    @property
    def rows(self) -> int:
        return len(self._sources)

    def add(self, source: str, faces: Faces) -> None:
        self._sources += [readable(source)] * len(faces)
        self._numbers += range(len(faces))
        self._parts.append(faces)

    def columns(self) -> dict[str, np.ndarray]:
        """source, face, box (n, 4), score, quality, embedding (n, d), model."""
        some = [faces for faces in self._parts if len(faces)]
        model = some[0].embedder if some else ""
        return {
            "source": np.array(self._sources, dtype=str),
            "face": np.array(self._numbers, np.int32),
            "box": _stack([faces.boxes for faces in some], 4),
            "score": _stack([faces.scores[:, None] for faces in some], 1)[:, 0],
            "quality": _stack([_scores(faces)[:, None] for faces in some], 1)[:, 0],
            "embedding": _stack([_embeddings(faces) for faces in some], 0),
            "model": np.array([model] * self.rows, dtype=str),
        }

    def save(self) -> None:
        """Write what was collected.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            with tempfile.NamedTemporaryFile(
                dir=self._path.parent, prefix=self._path.name, suffix=".part", delete=False
            ) as file:
                temporary = Path(file.name)
            try:
                self._write(temporary)
                temporary.replace(self._path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
        except OSError as error:
            raise StorageError(
                f"{self._path} cannot be written: {error.strerror or error}.",
                "Choose another place, or free some space.",
            ) from error

    def _write(self, path: Path) -> None:
        columns = self.columns()
        if self._path.suffix == ".npz":
            with path.open("wb") as file:
                np.savez(file, **cast(Any, columns))
            return
        import pyarrow as pa
        from pyarrow import parquet

        arrays = {
            name: pa.array(list(values) if values.ndim > 1 else values)
            for name, values in columns.items()
        }
        parquet.write_table(pa.table(arrays), path)


def _stack(parts: list[np.ndarray], width: int) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def _scores(faces: Faces) -> np.ndarray:
    return faces.quality.score if faces.quality is not None else np.zeros(len(faces), np.float32)


def _embeddings(faces: Faces) -> np.ndarray:
    return faces.embeddings if faces.embeddings is not None else np.zeros((len(faces), 0))


def _check_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed.", "pip install 'vultus[parquet]'"
        ) from None
