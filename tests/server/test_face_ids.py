from __future__ import annotations

import uuid

import numpy as np
import pytest

from vultus.errors import FaceIdUnknown
from vultus.server.face_ids import DetectedFace, FaceIds


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def face(value: float = 0.0) -> DetectedFace:
    return DetectedFace(np.full(128, value, np.float32), "model", "recognition_04")


def test_a_face_is_known_until_its_time_is_over():
    clock = Clock()
    ids = FaceIds(10, clock)
    key = ids.add(face(0.5), 60)
    assert str(uuid.UUID(key)) == key
    clock.now = 59.9
    assert ids.get(key.upper()).embedding[0] == 0.5
    clock.now = 60.0
    with pytest.raises(FaceIdUnknown):
        ids.get(key)
    assert len(ids) == 1
    ids.forget_expired()
    assert len(ids) == 0


def test_who_was_never_there_is_unknown():
    with pytest.raises(FaceIdUnknown):
        FaceIds(10).get(str(uuid.uuid4()))


def test_where_there_are_too_many_those_go_first_that_expire_first():
    clock = Clock()
    ids = FaceIds(3, clock)
    keys = [ids.add(face(), seconds) for seconds in (100, 50, 200)]
    ids.add(face(), 300)
    assert len(ids) == 3
    with pytest.raises(FaceIdUnknown):
        ids.get(keys[1])
    assert ids.get(keys[0]).label == "recognition_04"
