"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vultus.memory import release_unused


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has malloc_trim")
def test_what_was_freed_is_no_longer_resident() -> None:
    if not release_unused():
        pytest.skip("this C library has no malloc_trim")
    # pieces under the size from which glibc maps memory apart; the last one pins the heap's end
    pieces = [np.ones(8_000, np.uint8) for _ in range(20_000)]
    pin = np.ones(8_000, np.uint8)
    before = _resident_mb()
    del pieces
    release_unused()
    assert _resident_mb() < before - 100
    assert pin.sum() == 8_000


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from vultus import memory

    memory._malloc_trim.cache_clear()
    monkeypatch.setattr("sys.platform", "darwin")
    assert not release_unused()
    memory._malloc_trim.cache_clear()
