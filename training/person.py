"""Age and gender: a small head on the inner features of the recognition network.

python -m training.person [--folds] [--work DIR]

The features of every face of UTKFace and of its mirror image are computed once; then two networks
of one hidden layer are trained on them, in about a minute: one for everybody, and one in whose
loss the gender of children hardly counts, since most of it cannot be seen. Adults are told by the
second, as far as the first says that they are grown up. The training is done five times on four
fifths, to calibrate on the others, and then on all faces but the fifth that is only reported on.

`--folds` makes nothing: it prints what five such heads say of faces that they have not seen, over
all of UTKFace.
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

from training.attributes import AGES, GROWN_UP, in_test, person_loss
from training.chips import Chips, share_of, utkface
from training.export import HalfGraph
from training.finish import CARD, NETWORKS, age_temperature_of, gender_scale_of, write_digests
from vultus.evaluate.attributes import ETHNICITIES, Person, report_people
from vultus.evaluate.metrics import wilson_interval
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.person import ages_of
from vultus.models.dlib_resnet import INNER_SIZE

_SEED = 3
_HIDDEN, _DROP = 192, 0.5
_EPOCHS, _BATCH, _RATE, _DECAY = 30, 256, 2e-3, 0.3
_CHILDREN = 0.1  # how much their gender counts where adults are learnt
_FARTHEST = 6.0  # standard deviations
_FOLDS = 5

Floats = NDArray[np.float32]


class Expert(nn.Module):
    """Standardised features to logits of the years and of female."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.norm = nn.Linear(INNER_SIZE, _HIDDEN), nn.LayerNorm(_HIDDEN)
        self.drop = nn.Dropout(_DROP)
        self.age, self.gender = nn.Linear(_HIDDEN, AGES), nn.Linear(_HIDDEN, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.drop(fn.relu(self.norm(self.hidden(x))))
        return {"age": self.age(x), "gender": self.gender(x)}


class Head(nn.Module):
    """(n, INNER_SIZE) to what both experts say."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.drop = nn.Dropout(_DROP)
        self.everyone, self.adults = Expert(), Expert()

    def forward(self, inner: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        x = ((inner - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
        x = self.drop(x)
        return self.everyone(x), self.adults(x)


class Answers:
    """What heads said of n faces.

    ages: logits of the years, (n, AGES); everyone, adults: of female, (n,), by either expert.
    """

    def __init__(self, count: int) -> None:
        self.ages = np.zeros((count, AGES), np.float32)
        self.everyone, self.adults = np.zeros((2, count), np.float32)

    @torch.no_grad()
    def ask(self, head: Head, inner: Tensor, rows: NDArray[np.intp]) -> None:
        everyone, adults = head.eval()(inner[rows])
        self.ages[rows] = everyone["age"].numpy()
        self.everyone[rows] = everyone["gender"][:, 0].numpy()
        self.adults[rows] = adults["gender"][:, 0].numpy()

    def shares(self, temperature: float) -> Floats:
        """Probabilities of the years."""
        made: Floats = torch.softmax(torch.from_numpy(self.ages) / temperature, 1).numpy()
        return made

    def female(self, temperature: float) -> Floats:
        """Logits, of both experts by how likely it is that somebody is grown up."""
        grown = self.shares(temperature)[:, GROWN_UP:].sum(1)
        mixed: Floats = self.everyone + grown * (self.adults - self.everyone)
        return mixed

    def calibration(self, labels: NDArray[np.int64]) -> tuple[float, float]:
        """Temperature of the ages and scale of the gender, where all faces count."""
        temperature = age_temperature_of(self.ages, labels[:, 0])
        return temperature, gender_scale_of(self.female(temperature), labels[:, 1])

    def report(self, labels: NDArray[np.int64], temperature: float, scale: float) -> None:
        """Print how well they are, as `vultus evaluate attributes` measures it."""
        female = 1 / (1 + np.exp(-scale * self.female(temperature)))
        people = [Person(*map(int, row)) for row in labels]
        told = report_people(people, ages_of(self.shares(temperature)), female)
        right, adults = (female >= 0.5) == (labels[:, 1] == 1), labels[:, 0] >= 18
        print(f"age: off by {told['age_mae']:.2f},", told["age_mae_by_band"])
        print(f"ages within their interval: {told['age_interval_coverage']:.3f}")
        _print_rate("gender", right)
        _print_rate("gender, 18 and over", right[adults])
        for place, name in enumerate(ETHNICITIES):
            _print_rate(f"  {name}", right[adults & (labels[:, 2] == place)])
        by = [group["gender_accuracy_18_plus"] for group in told["by_ethnicity"].values()]
        print(f"gap {100 * (max(by) - min(by)):.1f} points; ece {told['gender_ece']:.3f}")
        print("unsure:", told["unsure"])


def _print_rate(name: str, right: NDArray[np.bool_]) -> None:
    low, high = wilson_interval(int(right.sum()), len(right))
    print(f"{name}: {right.mean():.4f} of {len(right)}, {low:.3f} to {high:.3f}", flush=True)


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
            everyone, adults = head(inner[rows])
            loss = person_loss(everyone, labels[rows])
            loss = loss + person_loss(adults, labels[rows], _CHILDREN)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1} of {_EPOCHS}: {total / steps:.3f}", flush=True)
    return head.eval()


def train_on(views: tuple[Tensor, Tensor], labels: Tensor, rows: NDArray[np.intp]) -> Head:
    """A head for some of the faces and their mirror images."""
    return train(torch.cat([view[rows] for view in views]), labels[rows].repeat(2, 1))


def cross_validate(views: tuple[Tensor, Tensor], chips: Chips) -> Answers:
    """What is said of each face, as the Analyzer looks at it, by a head that has not seen it."""
    folds = np.array([share_of(f"fold {name}", _FOLDS) for name in chips.names])
    both, labels = (views[0] + views[1]) / 2, torch.from_numpy(chips.labels)
    answers = Answers(len(folds))
    for fold in range(_FOLDS):
        head = train_on(views, labels, np.flatnonzero(folds != fold))
        answers.ask(head, both, np.flatnonzero(folds == fold))
    return answers


def export(head: Head, temperature: float, scale: float) -> None:
    """Write `person.onnx`."""
    graph = HalfGraph()
    x = graph.node("Sub", "image", graph.constant(head.mean.numpy()))
    x = graph.node("Div", x, graph.constant(head.deviation.numpy()))
    bounds = (np.array(bound, np.float32) for bound in (-_FARTHEST, _FARTHEST))
    x = graph.node("Clip", x, *(graph.constant(bound) for bound in bounds))
    everyone, adults = (_hidden(graph, x, expert) for expert in (head.everyone, head.adults))
    ages = graph.node("Softmax", _dense(graph, everyone, head.everyone.age, 1 / temperature))
    graph.rename(ages, "ages")
    grown = graph.dense(ages, (np.arange(AGES) >= GROWN_UP).astype(np.float32)[:, None])
    said = _dense(graph, everyone, head.everyone.gender, scale)
    other = _dense(graph, adults, head.adults.gender, scale)
    mixed = graph.node("Mul", grown, graph.node("Sub", other, said))
    graph.rename(graph.node("Sigmoid", graph.node("Add", said, mixed)), "female")
    outputs: dict[str, tuple[str | int, ...]] = {"ages": ("n", AGES), "female": ("n", 1)}
    made = graph.build(("n", INNER_SIZE), outputs, name="person", kind=TensorProto.FLOAT)
    (NETWORKS / "person.onnx").write_bytes(made)
    write_digests(CARD, NETWORKS, ("person.onnx",))


def _hidden(graph: HalfGraph, x: str, expert: Expert) -> str:
    x = _dense(graph, x, expert.hidden)
    scale, shift = (part.detach().numpy() for part in (expert.norm.weight, expert.norm.bias))
    x = graph.node("LayerNormalization", x, graph.constant(scale), graph.constant(shift), axis=-1)
    return graph.node("Relu", x)


def _dense(graph: HalfGraph, x: str, layer: nn.Linear, by: float = 1.0) -> str:
    kernel, bias = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
    return graph.dense(x, kernel * np.float32(by), bias * np.float32(by))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", action="store_true", help="only cross-validate, over all faces")
    parser.add_argument("--work", type=Path, default=Path(".training"))
    asked = parser.parse_args()
    chips = utkface(Path(os.environ.get("VULTUS_SHARED", "../shared")), asked.work)
    views = features(asked.work, chips)
    test = np.array([in_test(name) for name in chips.names])
    used = np.flatnonzero(~test | asked.folds)
    chosen, learnt = chips.select(used), (views[0][used], views[1][used])
    answers = cross_validate(learnt, chosen)
    temperature, scale = answers.calibration(chosen.labels)
    print(f"age: temperature {temperature:.3f}; gender: scale {scale:.3f}")
    print(f"{_FOLDS} folds of {len(used)} faces:")
    answers.report(chosen.labels, temperature, scale)
    if asked.folds:
        return
    head = train_on(learnt, torch.from_numpy(chosen.labels), np.arange(len(used)))
    fifth = chips.select(test)
    seen = Answers(len(fifth.names))
    both = (views[0] + views[1]) / 2
    seen.ask(head, both[np.flatnonzero(test)], np.arange(len(fifth.names)))
    print(f"the fifth, {len(fifth.names)} faces:")
    seen.report(fifth.labels, temperature, scale)
    export(head, temperature, scale)


if __name__ == "__main__":
    main()
