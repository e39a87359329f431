"""What every training needs: a schedule, a running mean of weights, checkpoints, a log."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn


def rate_at(step: int, cycles: Sequence[int], warm_up: int = 200) -> float:
    """The part of the learning rate at a step: in each cycle up, then down along a cosine.

    cycles: their lengths in steps (Loshchilov and Hutter, 2017).
    """
    for length in cycles:
        if step < length:
            break
        step -= length
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, length - warm_up)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done))) + 0.005


class Averaged:
    """The running mean of a network's weights, which is steadier than the last of them."""

    def __init__(self, network: nn.Module, keep: float = 0.998) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._keep = keep

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        keep = min(self._keep, (1 + step) / (10 + step))
        theirs = network.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(theirs[name], 1 - keep)


class Checkpoint:
    """The state of a training in one file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, **state: Any) -> None:
        part = self._path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._path)

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None. Only tensors and plain values are read."""
        if not self._path.exists():
            return None
        return torch.load(self._path, weights_only=True)


class Log:
    """One line of JSON an epoch, on the screen and in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()

    def write(self, **values: Any) -> None:
        values["minutes"] = (time.monotonic() - self._began) / 60
        line = json.dumps(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
        )
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")
