"""Age and gender: a small head on the inner features of the recognition network.

python -m training.person [--work DIR]

The features of every face of UTKFace and of its mirror image are computed once; then a network of
one hidden layer is trained on them in about two minutes. A network that was trained on the pictures
themselves, though begun from the same weights (`attributes.py`), told the gender of adults 2 points
worse: four thousand faces teach less than the millions that the recognition network has seen.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional as fn

from training.attributes import AGES, in_test, person_loss
from training.chips import Chips, share_of, utkface
from training.export import HalfGraph
from training.finish import CARD, NETWORKS, age_temperature_of, gender_scale_of, write_digests
from vultus.faces.analyzer import Analyzer
from vultus.models.dlib_resnet import INNER_SIZE

_SEED = 3
_HIDDEN, _DROP = 192, 0.5
_EPOCHS, _BATCH, _RATE, _DECAY, _NOISE = 30, 128, 2e-3, 0.3, 0.1
_FARTHEST = 6.0  # standard deviations


class Head(nn.Module):
    """(n, INNER_SIZE) to logits of the years and of female."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.hidden = nn.Linear(INNER_SIZE, _HIDDEN)
        self.norm = nn.LayerNorm(_HIDDEN)
        self.drop = nn.Dropout(_DROP)
        self.age, self.gender = nn.Linear(_HIDDEN, AGES), nn.Linear(_HIDDEN, 1)

    def forward(self, inner: Tensor) -> dict[str, Tensor]:
        x = ((inner - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
        if self.training:
            x = x + _NOISE * torch.randn_like(x)
        x = self.drop(fn.relu(self.norm(self.hidden(self.drop(x)))))
        return {"age": self.age(x), "gender": self.gender(x)}


def features(work: Path, chips: Chips) -> tuple[Tensor, Tensor]:
    """Inner features of all faces, and of their mirror images, computed once."""
    kept = work / "utkface-inner.npz"
    if not kept.exists():
        resnet, pictures = Analyzer().resnet, np.asarray(chips.chips)
        views = pictures, np.ascontiguousarray(pictures[:, :, ::-1])
        np.savez(kept, *(resnet.look(view)[1] for view in views))
    with np.load(kept) as found:
        return torch.from_numpy(found["arr_0"]), torch.from_numpy(found["arr_1"])


def train(inner: Tensor, labels: Tensor) -> Head:
    """A head for faces (n, INNER_SIZE) with labels (n, 3) as `utkface` has them."""
    torch.manual_seed(_SEED)
    head = Head(inner.mean(0), inner.std(0) + 1e-6)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = len(inner) // _BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, _EPOCHS * steps)
    for epoch in range(_EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(inner))[: steps * _BATCH].split(_BATCH):
            loss = person_loss(head(inner[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {_EPOCHS}: {total / steps:.3f}", flush=True)
    return head.eval()


@torch.no_grad()
def report(name: str, head: Head, inner: Tensor, labels: NDArray[np.int64]) -> None:
    out = head(inner)
    told = (out["age"].softmax(1) @ torch.arange(AGES, dtype=torch.float32)).numpy()
    ages, women = labels[:, 0], labels[:, 1] == 1
    off, right = np.abs(told - ages), (out["gender"][:, 0].numpy() > 0) == women
    adults = ages >= 18
    print(
        f"{name}: age {off.mean():.2f}, 0-12 {off[ages <= 12].mean():.2f}, "
        f"gender {right.mean():.3f}, 18+ {right[adults].mean():.3f}"
    )


def export(head: Head, age_temperature: float, gender_scale: float) -> None:
    """Write `person.onnx`."""
    graph = HalfGraph()
    x = graph.node("Sub", "image", graph.constant(head.mean.numpy()))
    x = graph.node("Div", x, graph.constant(head.deviation.numpy()))
    bounds = (np.array(bound, np.float32) for bound in (-_FARTHEST, _FARTHEST))
    x = graph.node("Clip", x, *(graph.constant(bound) for bound in bounds))
    x = graph.dense(x, *_weights(head.hidden))
    scale, shift = (part.detach().numpy() for part in (head.norm.weight, head.norm.bias))
    x = graph.node("LayerNormalization", x, graph.constant(scale), graph.constant(shift), axis=-1)
    x = graph.node("Relu", x)
    kernel, bias = _weights(head.age)
    ages = graph.dense(x, kernel / np.float32(age_temperature), bias / np.float32(age_temperature))
    graph.rename(graph.node("Softmax", ages, axis=1), "ages")
    kernel, bias = _weights(head.gender)
    gender = graph.dense(x, kernel * np.float32(gender_scale), bias * np.float32(gender_scale))
    graph.rename(graph.node("Sigmoid", gender), "female")
    outputs: dict[str, tuple[str | int, ...]] = {"ages": ("n", AGES), "female": ("n", 1)}
    made = graph.build(("n", INNER_SIZE), outputs, name="person", kind=TensorProto.FLOAT)
    (NETWORKS / "person.onnx").write_bytes(made)
    write_digests(CARD, NETWORKS, ("person.onnx",))


def _weights(layer: nn.Linear) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return layer.weight.detach().numpy().T, layer.bias.detach().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    work = parser.parse_args().work
    chips = utkface(Path(os.environ.get("VULTUS_SHARED", "../shared")), work)
    inner, mirrored = features(work, chips)
    labels = torch.from_numpy(chips.labels)
    test = np.array([in_test(name) for name in chips.names])
    tune = np.array([share_of(f"tune {name}", 8) == 0 for name in chips.names]) & ~test
    rows = torch.from_numpy(np.flatnonzero(~test & ~tune))
    head = train(torch.cat([inner[rows], mirrored[rows]]), labels[rows].repeat(2, 1))
    with torch.no_grad():
        out = {name: logits.numpy() for name, logits in head(inner[np.flatnonzero(tune)]).items()}
    temperature = age_temperature_of(out["age"], chips.labels[tune, 0])
    scale = gender_scale_of(out["gender"][:, 0], chips.labels[tune, 1])
    print(f"age: temperature {temperature:.3f}; gender: scale {scale:.3f}")
    for name, mask in (("tuned on", tune), ("the fifth", test)):
        report(name, head, inner[np.flatnonzero(mask)], chips.labels[mask])
    export(head, temperature, scale)


if __name__ == "__main__":
    main()
