"""Embeddings of pictures that were seen before, on disk: a second run over a folder takes seconds.

One SQLite file in the cache folder, for its owner alone: embeddings are biometric data. A picture
is known by the digest of its bytes; no names and no paths are kept. What is damaged is made again,
and a cache that cannot be used is done without: it never is the only copy of anything.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import struct
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vultus.events.private import FILE_MODE, make_file, make_folder
from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Faces, Quality
from vultus.models import catalogue

log = logging.getLogger("vultus.learn")

FILE_NAME = "embeddings.db"
MAX_BYTES = 512 * 2**20
UNUSED_DAYS = 30

# Raised when the same models make other embeddings of a picture, or entries are written otherwise.
_RECIPE = 1
_APPLICATION = 0x56756C74  # "Vult", so that no other database is taken for ours
_FLUSH_COUNT, _FLUSH_S = 64, 2.0
_WAIT_S = 5.0
_DAY_S = 86_400
_KEPT_AFTER_PRUNING = 0.75
_DIGEST_BYTES = 16
_HEADER = struct.Struct("<IIIII")  # picture's width and height, faces, embedding, quality
_QUALITY = [field.name for field in fields(Quality)]
_BOX, _POINTS = 4, 10
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (
    key BLOB PRIMARY KEY, faces BLOB NOT NULL, used_on INTEGER NOT NULL
)
"""


def recipe_of(analyzer: Analyzer) -> str | None:
    """Changes with all that the faces of a picture depend on; None where that is not known."""
    if analyzer.detector_id is None:
        return None
    cards = catalogue.cards()
    models = (analyzer.detector_id, catalogue.LANDMARKS, analyzer.embedder_id)
    return json.dumps(
        {
            "recipe": _RECIPE,
            "models": {name: cards[name].files if name in cards else {} for name in models},
            "mirror": analyzer.mirror,
            "detection": analyzer.settings.detection.model_dump(mode="json"),
        },
        sort_keys=True,
    )


class EmbeddingCache:
    """Faces with embeddings and quality by the digest of a picture, for one recipe. Thread-safe.

    Args:
        folder: the cache folder of the settings.
        recipe: see `recipe_of`.
        max_bytes: the least recently used are dropped beyond this size.

    Nothing is raised where the disk fails: the cache is done without, which a warning says.
    """

    def __init__(self, folder: Path, recipe: str, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = folder / FILE_NAME
        self._recipe = recipe
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._pending: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._flushed = time.monotonic()
        self._today = int(time.time() // _DAY_S)
        self._connection = self._open()

    @classmethod
    def of(cls, analyzer: Analyzer) -> EmbeddingCache | None:
        """The cache for what this Analyzer makes; None where its models have no id."""
        recipe = recipe_of(analyzer)
        return None if recipe is None else cls(analyzer.settings.runtime.cache_dir, recipe)

    def __enter__(self) -> EmbeddingCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, digest: str, embedder: str) -> Faces | None:
        """The faces of the picture with this digest, None where it was not seen or is damaged."""
        key = self._key(digest)
        with self._lock:
            data = self._pending.get(key) or self._read(key)
        return None if data is None else _unpacked(key, data, embedder)

    def put(self, digest: str, faces: Faces) -> None:
        """Remember the faces of a picture; written soon, and at the latest by `close`."""
        key = self._key(digest)
        packed = _packed(key, faces)
        with self._lock:
            self._pending[key] = packed
            late = time.monotonic() - self._flushed > _FLUSH_S
            if late or len(self._pending) >= _FLUSH_COUNT:
                self._flush()

    def close(self) -> None:
        """Write what waits, and drop what is old or too much."""
        with self._lock:
            self._flush()
            if self._connection is not None:
                self._prune(self._connection)
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _key(self, digest: str) -> bytes:
        return hashlib.sha256(f"{digest}\n{self._recipe}".encode()).digest()

    def _open(self) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except sqlite3.OperationalError as error:  # locked, read-only, full
            self._do_without(error)
        except sqlite3.DatabaseError as error:  # its bytes make no sense
            log.warning("the embedding cache is damaged and is begun again: %s", error)
            try:
                self._path.unlink()
                return self._connect()
            except (OSError, sqlite3.Error) as again:
                self._do_without(again)
        except OSError as error:
            self._do_without(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        make_folder(self._path.parent)
        make_file(self._path)
        self._path.chmod(FILE_MODE)
        connection = sqlite3.connect(
            self._path, timeout=_WAIT_S, check_same_thread=False, isolation_level=None
        )
        try:
            # what is deleted is overwritten, and the file gives its room back
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            found = connection.execute("PRAGMA application_id").fetchone()[0]
            if found not in (0, _APPLICATION):
                raise sqlite3.DatabaseError("it is a database of another program")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute("SELECT key, faces, used_on FROM pictures LIMIT 1").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, key: bytes) -> bytes | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(
                "SELECT faces, used_on FROM pictures WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error as error:
            self._fail(error)
            return None
        if row is None or not isinstance(row[0], bytes):
            return None
        if row[1] != self._today:
            self._used.append(key)
        return row[0]

    def _flush(self) -> None:
        rows = [(key, data, self._today) for key, data in self._pending.items()]
        used = [(self._today, key) for key in self._used]
        self._pending.clear()
        self._used.clear()
        self._flushed = time.monotonic()
        if self._connection is None or not (rows or used):
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", rows)
            self._connection.executemany("UPDATE pictures SET used_on = ? WHERE key = ?", used)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(error)

    def _prune(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute(
                "DELETE FROM pictures WHERE used_on < ?", (self._today - UNUSED_DAYS,)
            )
            if self._size(connection) > self._max_bytes:
                count = connection.execute("SELECT COUNT(*) FROM pictures").fetchone()[0]
                share = _KEPT_AFTER_PRUNING * self._max_bytes / self._size(connection)
                connection.execute(
                    "DELETE FROM pictures WHERE key IN "
                    "(SELECT key FROM pictures ORDER BY used_on LIMIT ?)",
                    (count - int(count * share),),
                )
            # `execute` would give back one page: it takes one step of what returns no rows
            connection.executescript("PRAGMA incremental_vacuum")
        except sqlite3.Error as error:
            self._fail(error)

    @staticmethod
    def _size(connection: sqlite3.Connection) -> int:
        """Bytes in use; pages that are free already do not count."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _fail(self, error: sqlite3.Error) -> None:
        """From now on without; a file whose bytes make no sense is begun again by the next run."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                self._path.unlink()
        self._do_without(error)

    @staticmethod
    def _do_without(error: Exception) -> None:
        log.warning("embeddings are not kept: the cache cannot be used: %s", error)


def _packed(key: bytes, faces: Faces) -> bytes:
    """Header, columns, and before them a digest: SQLite itself would not see a changed bit."""
    embeddings = np.asarray(faces.embeddings, "<f4")
    quality = faces.quality
    rated = [] if quality is None else [np.asarray(getattr(quality, n), "<f4") for n in _QUALITY]
    header = _HEADER.pack(*faces.image_wh, len(faces), embeddings.shape[1], len(rated))
    columns = [faces.boxes, faces.scores, faces.landmarks, embeddings, *rated]
    body = header + b"".join(np.ascontiguousarray(c, "<f4").tobytes() for c in columns)
    return _digest(key, body) + body


def _digest(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=key).digest()


def _unpacked(key: bytes, data: bytes, embedder: str) -> Faces | None:
    body = data[_DIGEST_BYTES:]
    if len(body) < _HEADER.size or data[:_DIGEST_BYTES] != _digest(key, body):
        log.warning("an entry of the embedding cache is damaged and is made again")
        return None
    width, height, count, size, rated = _HEADER.unpack_from(body)
    values = np.frombuffer(body, "<f4", offset=_HEADER.size).astype(np.float32)
    if len(values) != count * (_BOX + 1 + _POINTS + size + rated) or rated not in (
        0,
        len(_QUALITY),
    ):
        return None
    columns: list[NDArray[np.float32]] = []
    at = 0
    for wide in (_BOX, 1, _POINTS, size, *[1] * rated):
        columns.append(values[at : at + count * wide])
        at += count * wide
    return Faces(
        columns[0].reshape(count, _BOX),
        columns[1],
        columns[2].reshape(count, 5, 2),
        (width, height),
        embeddings=columns[3].reshape(count, size),
        embedder=embedder,
        quality=Quality(*columns[4:]) if rated else None,
    )
