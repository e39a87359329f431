"""The expression, second part: the network of `attributes.py` trained on, on FER2013 alone.

python -m training.expression [--epochs 20] [--work DIR]

Age and gender have done their part by then: they keep the trunk from learning FER2013 by heart
while it learns fast. What is seen from here on is grey, as FER2013 is and as the exported
network sees (`export.py`). Split as in `attributes.py`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as fn

from training.attributes import answers, split_fer
from training.augment import varied_grey
from training.chips import Chips, fer2013
from training.loop import Averaged, Checkpoint, Log, rate_at
from training.network import Network, to_planes

_SEED = 1
_BATCH, _RATE, _DECAY, _SMOOTHING = 64, 5e-4, 0.05, 0.1
Batch = tuple[NDArray[np.uint8], Tensor]


def batches(faces: Chips, seed: int) -> Iterator[Batch]:
    """All faces once, in random order, each changed at random; the next while one is learnt."""
    order = np.random.default_rng(seed).permutation(len(faces.names))
    rows = [np.sort(order[i : i + _BATCH]) for i in range(0, len(order) - _BATCH + 1, _BATCH)]

    def make(place: int) -> Batch:
        chosen = rows[place]
        pictures = varied_grey(faces.chips[chosen], np.random.default_rng((seed, place)))
        return pictures, torch.from_numpy(faces.labels[chosen])

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, 0)
        for place in range(1, len(rows) + 1):
            batch = coming.result()
            if place < len(rows):
                coming = pool.submit(make, place)
            yield batch


class Training:
    """The network on its way, without the branch for age and gender."""

    def __init__(self, begun: dict[str, Any], faces: Chips, epochs: int) -> None:
        self.faces, self.steps = faces, len(faces.names) // _BATCH
        self.network = Network()
        self.network.load_state_dict(begun)
        self.network.to(memory_format=torch.channels_last)
        self.averaged = Averaged(self.network)
        named = self.network.named_parameters()
        self._weights = [weights for name, weights in named if not name.startswith("person.")]
        self.optimiser = torch.optim.AdamW(self._weights, lr=_RATE, weight_decay=_DECAY)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: rate_at(step, [epochs * self.steps])
        )
        self._saved = {
            "network": self.network,
            "averaged": self.averaged.network,
            "optimiser": self.optimiser,
            "schedule": self.schedule,
        }

    def state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._saved.items()}

    def restore(self, state: dict[str, Any]) -> None:
        for name, part in self._saved.items():
            part.load_state_dict(state[name])

    def epoch(self, number: int) -> float:
        """Look at all faces once; returns the mean loss."""
        self.network.train()
        total = 0.0
        for step, batch in enumerate(batches(self.faces, _SEED * 1000 + number), start=1):
            total += self._step(*batch)
            self.averaged.update(self.network, number * self.steps + step)
        return total / self.steps

    def _step(self, pictures: NDArray[np.uint8], expressions: Tensor) -> float:
        planes = to_planes(pictures).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network.expression(self.network.trunk(planes))["expression"].float()
        loss = fn.cross_entropy(logits, expressions, label_smoothing=_SMOOTHING)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 5.0)
        self.optimiser.step()
        self.schedule.step()
        return loss.item()


def scores(network: Network, faces: Chips) -> dict[str, float]:
    """Accuracy on faces, and on the mean over each and its mirror image, as it is shipped."""
    told = {"one": answers(network, faces), "mirrored": answers(network, faces, mirror=True)}
    right = {name: out["expression"].argmax(1) == faces.labels for name, out in told.items()}
    return {name: float(rows.mean()) for name, rows in right.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    asked = parser.parse_args()
    torch.manual_seed(_SEED)
    begun = torch.load(asked.work / "attributes.pt", weights_only=True)["averaged"]
    shared = Path(os.environ.get("VULTUS_SHARED", "../shared"))
    fer = split_fer(fer2013(shared, asked.work, "train"))
    training = Training(begun, fer["train"], asked.epochs)
    checkpoint, log = Checkpoint(asked.work / "expression.pt"), Log(asked.work / "expression.jsonl")
    state, first = checkpoint.load(), 0
    if state is not None:
        first = state.pop("epoch")
        training.restore(state)
    for epoch in range(first, asked.epochs):
        loss = training.epoch(epoch)
        log.write(epoch=epoch + 1, loss=loss, **scores(training.averaged.network, fer["tune"]))
        checkpoint.save(epoch=epoch + 1, **training.state())


if __name__ == "__main__":
    main()
