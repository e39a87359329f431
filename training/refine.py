"""The branches once more, on the trunk as it is: longer, and from softer labels.

python -m training.refine [--epochs 14] [--work DIR]

Labels of FER2013 and UTKFace are often doubtful. The trained branches become teachers of their own
copies, which learn half from the label and half from what the teacher says of the very same
picture (Furlanello et al., Born-Again Neural Networks, 2018). The trunk stays, so the heads of
other attributes that stand on it stay right.
"""

from __future__ import annotations

import argparse
import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as fn

from training.attributes import AGES, age_target, batches, scores, split_fer, split_utk
from training.chips import Chips, fer2013, utkface
from training.loop import Averaged, Checkpoint, Log, rate_at
from training.network import Network, to_planes

_SEED = 11
_FER_BATCH, _UTK_BATCH = 64, 32
_RATE, _DECAY = 5e-4, 0.05
_OF_TEACHER = 0.5
_YEARS = torch.arange(AGES, dtype=torch.float32)


def soft_cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    return -(wanted * fn.log_softmax(logits, dim=1)).sum(1).mean()


def mixed(labels: Tensor, taught: Tensor) -> Tensor:
    """What to learn: part of it the label says, part of it the teacher."""
    return (1 - _OF_TEACHER) * labels + _OF_TEACHER * taught


class Refinement:
    """Branches that learn on a trunk that does not."""

    def __init__(self, network: Network, fer: dict[str, Chips], utk: dict[str, Chips]) -> None:
        self.network, self.fer, self.utk = network, fer, utk
        self.teacher = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        network.trunk.eval().requires_grad_(requires_grad=False)
        self.averaged = Averaged(network)
        learning = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, lr=_RATE, weight_decay=_DECAY)
        self.steps = len(fer["train"].names) // _FER_BATCH
        self.schedule: Any = None

    def plan(self, epochs: int) -> None:
        lengths = [epochs * self.steps]
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: rate_at(step, lengths)
        )

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.averaged.network.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])

    def epoch(self, number: int) -> float:
        """Look at all of FER2013 once; returns the mean loss."""
        self.network.expression.train()
        self.network.person.train()
        total, seed = 0.0, _SEED * 1000 + number
        sizes = (_FER_BATCH, _UTK_BATCH)
        faces = batches(self.fer["train"], self.utk["train"], self.steps, seed, sizes)
        for step, batch in enumerate(faces, start=1):
            total += self._step(*batch)
            self.averaged.update(self.network, number * self.steps + step)
            if step % 100 == 0:
                print(f"epoch {number + 1}, {step} of {self.steps}: {total / step:.3f}", flush=True)
        return total / self.steps

    def _step(self, pictures: NDArray[np.uint8], expressions: Tensor, people: Tensor) -> float:
        with torch.autocast("cpu", torch.bfloat16):
            planes = to_planes(pictures).contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                maps = self.network.trunk(planes)
                first, second = maps[:_FER_BATCH], maps[_FER_BATCH:]
                taught = {**self.teacher.expression(first), **self.teacher.person(second)}
            out = {**self.network.expression(first), **self.network.person(second)}
        out = {name: logits.float() for name, logits in out.items()}
        taught = {name: logits.float() for name, logits in taught.items()}
        loss = _loss(out, taught, expressions, people)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        return loss.item()


def _loss(
    out: dict[str, Tensor], taught: dict[str, Tensor], expressions: Tensor, people: Tensor
) -> Tensor:
    hard = fn.one_hot(expressions, 7).float() * 0.95 + 0.05 / 7
    expression = mixed(hard, taught["expression"].softmax(1))
    ages = people[:, 0].clamp(max=AGES - 1).float()
    years = mixed(age_target(ages), taught["age"].softmax(1))
    off = (out["age"].softmax(1) @ _YEARS - years @ _YEARS).abs() / (4 + 0.1 * ages)
    gender = mixed(people[:, 1].float() * 0.95 + 0.025, taught["gender"][:, 0].sigmoid())
    return (
        soft_cross_entropy(out["expression"], expression)
        + 0.5 * soft_cross_entropy(out["age"], years)
        + 0.5 * off.mean()
        + fn.binary_cross_entropy_with_logits(out["gender"][:, 0], gender)
    )


def refine(shared: Path, work: Path, epochs: int) -> None:
    """Refine what `training.attributes` made, or go on from the last checkpoint."""
    torch.manual_seed(_SEED)
    fer, utk = split_fer(fer2013(shared, work, "train")), split_utk(utkface(shared, work))
    network = Network()
    begun = torch.load(work / "attributes.pt", weights_only=True)
    network.load_state_dict(begun["averaged"])
    refinement = Refinement(network.to(memory_format=torch.channels_last), fer, utk)
    refinement.plan(epochs)
    checkpoint, log = Checkpoint(work / "refined.pt"), Log(work / "refined.jsonl")
    state, first = checkpoint.load(), 0
    if state is not None:
        first = state.pop("epoch")
        refinement.restore(state)
    for epoch in range(first, epochs):
        loss = refinement.epoch(epoch)
        tuned = scores(refinement.averaged.network, fer["tune"], utk["tune"])
        log.write(epoch=epoch + 1, loss=loss, **tuned)
        checkpoint.save(epoch=epoch + 1, **refinement.state())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    asked = parser.parse_args()
    refine(Path(os.environ.get("VULTUS_SHARED", "../shared")), asked.work, asked.epochs)


if __name__ == "__main__":
    main()
