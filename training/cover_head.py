"""A small head on the trunk of the attribute network, for what covers a face."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional as fn

from training.export import MAPS, HalfGraph
from training.loop import Log

Floats = NDArray[np.floating]

HELD_PARTS = 10  # a tenth of the faces is held back
_EPOCHS, _BATCH, _RATE, _DECAY = 10, 128, 2e-3, 0.02


class Made(NamedTuple):
    """maps: (n, 64, 13, 13) 16-bit floats; labels: (n, 2), a column a cover; held: (n,) bool."""

    maps: Tensor
    labels: Tensor
    held: NDArray[np.bool_]


class Head(nn.Module):
    """The trunk's maps to a logit a cover. Few channels, but it keeps places."""

    def __init__(self, scale: float, covers: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv = nn.Conv2d(64, 24, 3, 2, 1)
        self.first, self.last = nn.Linear(24 * 7 * 7, 32), nn.Linear(32, covers)
        self.drop = nn.Dropout(0.3)

    def forward(self, maps: Tensor) -> Tensor:
        x = fn.relu(self.conv(maps * self.scale)).flatten(1)
        return self.last(fn.relu(self.first(self.drop(x))))


def fit(made: Made, seed: int, log: Log) -> Head:
    torch.manual_seed(seed)
    kept = torch.from_numpy(np.flatnonzero(~made.held))
    head = Head(1 / float(made.maps[kept[:2000]].float().std()), made.labels.shape[1])
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = len(kept) // _BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_EPOCHS * steps)
    for epoch in range(_EPOCHS):
        order, total = kept[torch.randperm(len(kept))], 0.0
        for chosen in order[: steps * _BATCH].split(_BATCH):
            logits = head(made.maps[chosen].float())
            loss = fn.binary_cross_entropy_with_logits(logits, made.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        log.write(epoch=epoch + 1, loss=total / steps)
    return head.eval()


@torch.no_grad()
def logits_of(head: Head, maps: Tensor) -> Floats:
    return torch.cat([head(part.float()) for part in maps.split(256)]).numpy()


def slopes(head: Head, made: Made) -> Floats:
    """What to multiply the logits by, so that probabilities are right on the held-back tenth."""
    held = torch.from_numpy(made.held)
    logits = torch.from_numpy(logits_of(head, made.maps[held]))
    tried = torch.logspace(-1.0, 0.5, 151)
    losses = [
        fn.binary_cross_entropy_with_logits(logits * t, made.labels[held], reduction="none").mean(0)
        for t in tried
    ]
    return tried[torch.stack(losses).argmin(0)].numpy()


def export(head: Head, names: tuple[str, ...], slope: Floats, bias: Floats) -> bytes:
    """One output a cover; logits are (logit - bias) * slope, so that 0.5 lies at the bias."""

    def weights(layer: nn.Conv2d | nn.Linear) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return layer.weight.detach().numpy(), layer.bias.detach().numpy()

    graph = HalfGraph()
    kernel, shift = weights(head.conv)
    x = graph.conv("image", kernel * np.float32(head.scale), shift, stride=2, pad=1)
    x = graph.node("Flatten", graph.node("Relu", x), axis=1)
    kernel, shift = weights(head.first)
    x = graph.node("Relu", graph.dense(x, kernel.T, shift))
    kernel, shift = weights(head.last)
    for k, name in enumerate(names):
        row, moved = kernel[k : k + 1].T * slope[k], (shift[k : k + 1] - bias[k]) * slope[k]
        logit = graph.dense(x, row.astype(np.float32), moved.astype(np.float32))
        graph.rename(graph.node("Sigmoid", logit), name)
    outputs: dict[str, tuple[str | int, ...]] = {name: ("n", 1) for name in names}
    return graph.build(MAPS, outputs, name="covers", kind=TensorProto.FLOAT)


def balanced(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> dict[str, float]:
    found, left = float(said[true].mean()), float((~said[~true]).mean())
    return {"balanced_accuracy": (found + left) / 2, "found": found, "left_alone": left}


def calibration_error(probabilities: Floats, true: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error of the answer given (Guo et al., 2017)."""
    sure = np.maximum(probabilities, 1 - probabilities)
    right = (probabilities >= 0.5) == true
    places = np.minimum(((sure - 0.5) * 2 * bins).astype(int), bins - 1)
    gaps = [
        abs(float(sure[places == b].mean() - right[places == b].mean())) * (places == b).mean()
        for b in range(bins)
        if (places == b).any()
    ]
    return float(sum(gaps))
