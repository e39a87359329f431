from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage.data")

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("how", ["threads", "fork", "spawn"])
def test_threads_and_processes_answer_as_one_alone(how):
    """Models were used before the fork: a child that went on with its parent's would hang."""
    if how not in ("threads", *multiprocessing.get_all_start_methods()):
        pytest.skip(f"this system has no {how}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.compat.face_recognition.api_process", how],
        cwd=ROOT,
        env=os.environ | {"VULTUS_RUNTIME__THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"
