"""Starting the two workers, Vultus and its peer, and asking them in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.places import ROOT

_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    )
}


class WorkerFailed(RuntimeError):
    """A worker raised or ended; the message carries its traceback."""


class Worker:
    """A process that does what it is asked, one thing at a time."""

    def __init__(self, python: Path, module: str, core: int | None = None) -> None:
        environment = dict(os.environ) | _ONE_THREAD | {"PYTHONWARNINGS": "ignore"}
        if python != Path(sys.executable):
            environment.pop("PYTHONPATH", None)  # of this python, not of that one
        self._process = subprocess.Popen(
            [str(python), "-m", module, "" if core is None else str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            encoding="utf-8",
        )

    def ask(self, op: str, **arguments: Any) -> Any:
        """The answer to one request.

        Raises:
            WorkerFailed: the worker could not answer.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"The worker ended with status {self._process.wait()}.")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer["answer"]

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def core_to_use() -> int | None:
    """One core for both sides: the last that this process may use, the least busy one mostly."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def ours(core: int | None = None) -> Worker:
    """Vultus on one thread."""
    return Worker(Path(sys.executable), "benchmarks.ours_worker", core)


def peer(python: Path, core: int | None = None) -> Worker:
    """face_recognition on one thread."""
    return Worker(python, "benchmarks.peer_worker", core)
