"""JSON lines between the benchmark and its workers. Standard library only: both pythons run it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

Handler = Callable[..., Any]


def pin(core: int | None) -> None:
    """Keep this process and all its later threads on one core, where the system can do that."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer requests {"op": NAME, ...} on stdin until it closes."""
    # Libraries may print; the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": handlers[request.pop("op")](**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
