"""Expression, age and gender: one network, trained on FER2013 and UTKFace together.

python -m training.attributes [--cycles 16] [--work DIR]

Every step takes some faces of each set; what a set does not label does not count. A tenth of
FER2013's `train` and an eighth of UTKFace's training part are held back to tune and calibrate on;
FER2013's `public_test` and the fifth of UTKFace are looked at only to report.
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

from training.augment import plain, varied
from training.chips import Chips, fer2013, share_of, utkface
from training.loop import Averaged, Checkpoint, Log, rate_at
from training.network import AGES, Network, measure, to_planes

_SEED = 7
_FER_BATCH, _UTK_BATCH = 64, 16
_RATE, _HEAD_RATE, _DECAY = 6e-4, 1e-3, 0.05
_SMOOTHING = 0.1
Batch = tuple[NDArray[np.uint8], Tensor, Tensor]
_YEARS = torch.arange(AGES, dtype=torch.float32)

GROWN_UP = 13  # years, from which on a gender shows
TUNE_PARTS = 8  # of what is left of UTKFace, an eighth is to tune on


def in_test(name: str) -> bool:
    """Whether a file of UTKFace is of the fifth that is only reported on.

    The files at hand were chosen by a digest of their names before: a third of them, not a fifth,
    has the remainder 0. Three fifths of that third are a fifth.
    """
    return share_of(name, 5) == 0 and share_of(f"test {name}", 5) < 3


def split_utk(chips: Chips) -> dict[str, Chips]:
    """`train`, `tune` and `test`, by the digests of the file names."""
    test = np.array([in_test(name) for name in chips.names])
    tune = np.array([share_of(f"tune {name}", TUNE_PARTS) == 0 for name in chips.names]) & ~test
    return {
        "train": chips.select(~test & ~tune),
        "tune": chips.select(tune),
        "test": chips.select(test),
    }


def split_fer(chips: Chips) -> dict[str, Chips]:
    tune = np.array([share_of(name, 10) == 0 for name in chips.names])
    return {"train": chips.select(~tune), "tune": chips.select(tune)}


def age_target(ages: Tensor) -> Tensor:
    """A bell over the years around each age, wider for the old, (n, AGES)."""
    spread = (0.6 + 0.06 * ages)[:, None]
    bell = torch.exp(-0.5 * ((_YEARS - ages[:, None]) / spread) ** 2)
    return bell / bell.sum(1, keepdim=True)


def person_loss(out: dict[str, Tensor], labels: Tensor, children: float = 1.0) -> Tensor:
    """Age as a distribution and its mean (Gao et al., 2018), and gender.

    children: how much the gender of somebody under 13 counts.
    """
    ages = labels[:, 0].clamp(max=AGES - 1).float()
    logs = fn.log_softmax(out["age"], dim=1)
    divergence = fn.kl_div(logs, age_target(ages), reduction="batchmean")
    mean = (logs.exp() * _YEARS).sum(1)
    off = ((mean - ages).abs() / (4 + 0.1 * ages)).mean()
    wanted = labels[:, 1].float() * 0.9 + 0.05
    counts = torch.where(ages < GROWN_UP, children, 1.0)
    gender = fn.binary_cross_entropy_with_logits(out["gender"][:, 0], wanted, counts)
    return 0.5 * divergence + 0.5 * off + gender


def batches(fer: Chips, utk: Chips, steps: int, seed: int) -> Iterator[Batch]:
    """Pictures of both sets, those of FER2013 first, and the labels of each."""
    random = np.random.default_rng(seed)
    fer_order, utk_order = _endless(len(fer.names), random), _endless(len(utk.names), random)

    def make(seed: int, first: NDArray[np.intp], second: NDArray[np.intp]) -> Batch:
        own = np.random.default_rng(seed)
        pictures = [varied(fer.chips[first], own), varied(utk.chips[second], own)]
        return (
            np.concatenate(pictures),
            torch.from_numpy(fer.labels[first]),
            torch.from_numpy(utk.labels[second]),
        )

    with ThreadPoolExecutor(1) as pool:
        coming = None
        for _ in range(steps + 1):
            chosen = (
                np.array([next(fer_order) for _ in range(_FER_BATCH)]),
                np.array([next(utk_order) for _ in range(_UTK_BATCH)]),
            )
            following = pool.submit(make, int(random.integers(2**31)), *chosen)
            if coming is not None:
                yield coming.result()
            coming = following


def _endless(count: int, random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from random.permutation(count)


@torch.no_grad()
def answers(
    network: Network, chips: Chips, *, mirror: bool = False, batch: int = 64
) -> dict[str, NDArray[np.float32]]:
    """Logits of all heads; mirror: their mean over each chip and its mirror image."""
    found: dict[str, list[Tensor]] = {"expression": [], "age": [], "gender": []}
    for start in range(0, len(chips.names), batch):
        planes = to_planes(plain(chips.chips[start : start + batch]))
        views = torch.cat([planes, planes.flip(3)]) if mirror else planes
        maps = network.trunk(views)
        for name, out in {**network.expression(maps), **network.person(maps)}.items():
            found[name].append(sum(out.chunk(2)) / 2 if mirror else out)
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def scores(network: Network, fer: Chips, utk: Chips) -> dict[str, float]:
    out = answers(network, fer)["expression"]
    told = answers(network, utk)
    shares = torch.softmax(torch.from_numpy(told["age"]), 1).numpy()
    ages, gender = utk.labels[:, 0], utk.labels[:, 1]
    off = np.abs(shares @ np.arange(AGES) - ages)
    right = (told["gender"][:, 0] > 0) == (gender == 1)
    return {
        "expression": float((out.argmax(1) == fer.labels).mean()),
        "age": float(off.mean()),
        "age_0_12": float(off[ages <= 12].mean()),
        "gender": float(right.mean()),
        "gender_18": float(right[ages >= 18].mean()),
    }


class Training:
    """A network on its way: everything that a checkpoint holds."""

    def __init__(self, fer: dict[str, Chips], utk: dict[str, Chips], cycles: list[int]) -> None:
        self.fer, self.utk = fer, utk
        self.steps = len(fer["train"].names) // _FER_BATCH  # an epoch
        self.network = Network().to(memory_format=torch.channels_last)
        first, *_ = next(batches(fer["train"], utk["train"], 1, _SEED))
        measure(self.network, to_planes(first))
        self.averaged = Averaged(self.network)
        named = list(self.network.named_parameters())
        heads = [weights for name, weights in named if ".heads." in name]
        rest = [weights for name, weights in named if ".heads." not in name]
        self.optimiser = torch.optim.AdamW(
            [{"params": rest, "lr": _RATE}, {"params": heads, "lr": _HEAD_RATE}],
            weight_decay=_DECAY,
        )
        lengths = [epochs * self.steps for epochs in cycles]
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: rate_at(step, lengths)
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
        """Look at all of FER2013 once; returns the mean loss."""
        self.network.train()
        total, seed = 0.0, _SEED * 1000 + number
        faces = batches(self.fer["train"], self.utk["train"], self.steps, seed)
        for step, (pictures, expressions, people) in enumerate(faces, start=1):
            total += self._step(pictures, expressions, people)
            self.averaged.update(self.network, number * self.steps + step)
            if step % 100 == 0:
                print(f"epoch {number + 1}, {step} of {self.steps}: {total / step:.3f}", flush=True)
        return total / self.steps

    def _step(self, pictures: NDArray[np.uint8], expressions: Tensor, people: Tensor) -> float:
        with torch.autocast("cpu", torch.bfloat16):
            planes = to_planes(pictures).contiguous(memory_format=torch.channels_last)
            maps = self.network.trunk(planes)
            expression = self.network.expression(maps[:_FER_BATCH])["expression"].float()
            person = self.network.person(maps[_FER_BATCH:])
        loss = fn.cross_entropy(expression, expressions, label_smoothing=_SMOOTHING)
        loss = loss + person_loss({name: out.float() for name, out in person.items()}, people)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        return loss.item()


def train(shared: Path, work: Path, cycles: list[int]) -> None:
    """Train, or go on from the last checkpoint."""
    torch.manual_seed(_SEED)
    fer, utk = split_fer(fer2013(shared, work, "train")), split_utk(utkface(shared, work))
    training = Training(fer, utk, cycles)
    checkpoint, log = Checkpoint(work / "attributes.pt"), Log(work / "attributes.jsonl")
    state, first = checkpoint.load(), 0
    if state is not None:
        first = state.pop("epoch")
        training.restore(state)
    for epoch in range(first, sum(cycles)):
        loss = training.epoch(epoch)
        tuned = scores(training.averaged.network, fer["tune"], utk["tune"])
        log.write(epoch=epoch + 1, loss=loss, **tuned)
        checkpoint.save(epoch=epoch + 1, **training.state())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, nargs="+", default=[16], help="epochs of each cosine")
    parser.add_argument("--work", type=Path, default=Path(".training"))
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    train(Path(os.environ.get("VULTUS_SHARED", "../shared")), asked.work, asked.cycles)


if __name__ == "__main__":
    main()
