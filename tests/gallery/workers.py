"""Records for the tests of this folder, and what is run in other processes."""

from __future__ import annotations

import hashlib
from multiprocessing.context import SpawnContext

import numpy as np

from vultus.gallery.database import Database
from vultus.gallery.store import FaceRecord, Store
from vultus.models.catalogue import EMBEDDER


def record(person: str, source: str = "", *, model: str = EMBEDDER, **more: object) -> FaceRecord:
    """A face with random numbers; the same person and source always have the same ones."""
    source = source or f"{person}.jpg"
    seed = hashlib.sha256(f"{person} {source}".encode())
    rng = np.random.default_rng(list(seed.digest()))
    fields: dict[str, object] = {
        "embedding": rng.normal(0, 0.1, 128).astype(np.float32),
        "digest": hashlib.sha256(source.encode()).hexdigest(),
        "box": (1.0, 2.0, 30.0, 40.0),
        "quality": 0.5,
    }
    return FaceRecord(person=person, model=model, source=source, **{**fields, **more})


def store(address: object) -> Store:
    return Store(Database(str(address)))


def enroll_many(address: str, person: str, count: int, start, told) -> None:
    """Enrol `count` faces of a person, and tell of each one that is done."""
    database = Database(address)
    start.wait(60)
    for number in range(count):
        Store(database).add_face("team", record(person, f"{person}-{number}.jpg"))
        told.send(number)
    database.close()
    told.close()


def start_enrolling(context: SpawnContext, address: object, person: str, count: int, start):
    """A process that runs `enroll_many`, and the end of a pipe that hears of it."""
    heard, told = context.Pipe(duplex=False)
    process = context.Process(
        target=enroll_many, args=(str(address), person, count, start, told), daemon=True
    )
    process.start()
    told.close()
    return process, heard


def drain(heard) -> list[int]:
    """All that was told until the other side was gone."""
    found = []
    while True:
        try:
            found.append(heard.recv())
        except EOFError:
            return found
