"""Made-up people whose faces lie as those of real ones do: apart by 0.75, their own by 0.3."""

from __future__ import annotations

import hashlib

import numpy as np

from vultus.gallery.index import build_templates
from vultus.gallery.matcher import Templates
from vultus.gallery.store import FaceRecord
from vultus.models.catalogue import EMBEDDER

APART, OWN = 0.047, 0.019  # standard deviations of each of 128 numbers


def place(person: str) -> np.ndarray:
    """Where a person's faces lie; always the same."""
    return _rng(person).normal(0, APART, 128).astype(np.float32)


def face(person: str, number: int = 0, *, named: str = "", **more: object) -> FaceRecord:
    """A face of a person, enrolled under that or another name."""
    noise = _rng(f"{person} {number}").normal(0, OWN, 128)
    source = f"{person}-{number}.jpg"
    fields: dict[str, object] = {
        "source": source,
        "embedding": (place(person) + noise).astype(np.float32),
        "digest": hashlib.sha256(source.encode()).hexdigest(),
        "box": (0.0, 0.0, 90.0, 120.0),
        "quality": 0.8,
    }
    return FaceRecord(named or person, EMBEDDER, **{**fields, **more})


def crowd(people: int, faces: int = 3, prefix: str = "p") -> list[FaceRecord]:
    return [face(f"{prefix}{n:04d}", k) for n in range(people) for k in range(faces)]


def numbered(records: list[FaceRecord]) -> tuple[Templates, list[FaceRecord]]:
    """Templates of the records, and the records in the templates' order, with ids from 1."""
    ordered = sorted(records, key=lambda record: record.person)
    kept = [FaceRecord(**{**vars(one), "id": n}) for n, one in enumerate(ordered, start=1)]
    return build_templates(kept), kept


def _rng(text: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
