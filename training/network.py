"""The attribute network: a trunk that all attributes share, and a branch for each.

It begins as the first two thirds of dlib's face recognition ResNet, whose filters were learnt
from millions of faces (CC0), looks at the middle of an aligned chip, and is then trained as a
whole. Batch normalisation, which dlib had folded away, is put back as the identity: without it
the same training took three times as many epochs. `training.export` folds it again.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as fn

from vultus.models import catalogue, store
from vultus.models.attributes import CROP
from vultus.models.dlib_resnet import CHIP_MEAN, CHIP_SCALE, Conv, read_convolutions

SIDE = CROP[2] - CROP[0]
AGES = 101  # classes, 0 to 100 years
_TRUNK_BLOCKS = 7  # three of 32 channels, four of 64
_BRANCH_BLOCKS = 4  # three of 128 channels, one of 256
FEATURES = 128 + 128 + 256


class Block(nn.Module):
    """A residual block; see `vultus.models.dlib_resnet` for how the sides are brought together."""

    def __init__(self, first: Conv, second: Conv) -> None:
        super().__init__()
        self.first, self.second = Convolution(first), Convolution(second)
        self.down = first.stride == 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(fn.relu(self.first(x)))
        if self.down:
            x = fn.avg_pool2d(x, 2)
            missing = x.shape[-1] - y.shape[-1], x.shape[-2] - y.shape[-2]
            y = fn.pad(y, (0, missing[0], 0, missing[1]))
            x = fn.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return fn.relu(x + y)


class Convolution(nn.Module):
    """A convolution and its batch normalisation, which `measure` makes an identity."""

    def __init__(self, source: Conv) -> None:
        super().__init__()
        out, inside, size, _ = source.kernel.shape
        self.conv = nn.Conv2d(inside, out, size, source.stride, source.pad)
        self.norm = nn.BatchNorm2d(out)
        with torch.no_grad():
            self.conv.weight.copy_(torch.from_numpy(source.kernel.copy()))
            self.conv.bias.copy_(torch.from_numpy(source.bias.copy()))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def folded(self) -> Conv:
        """Both as one convolution."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        kernel = self.conv.weight * scale[:, None, None, None]
        bias = (self.conv.bias - self.norm.running_mean) * scale + self.norm.bias
        stride, pad = self.conv.stride[0], self.conv.padding[0]
        return Conv(kernel.detach().numpy(), bias.detach().numpy(), stride, pad)


class Trunk(nn.Module):
    """(n, 3, side, side) of 0 to 255, to (n, 64, 13, 13)."""

    def __init__(self, convolutions: list[Conv]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(CHIP_MEAN).reshape(1, 3, 1, 1))
        self.stem = Convolution(convolutions[0])
        self.blocks = nn.Sequential(*_blocks(convolutions[1:], 0, _TRUNK_BLOCKS))

    def forward(self, image: Tensor) -> Tensor:
        x = fn.relu(self.stem((image - self.mean) / CHIP_SCALE))
        return self.blocks(fn.max_pool2d(x, 3, 2))


class Branch(nn.Module):
    """The trunk's maps to `FEATURES` numbers, and from those to the answers of each head."""

    def __init__(self, convolutions: list[Conv], heads: dict[str, int], drop: float) -> None:
        super().__init__()
        blocks = _blocks(convolutions[1:], _TRUNK_BLOCKS, _BRANCH_BLOCKS)
        self.middle, self.last = nn.Sequential(*blocks[:3]), blocks[3]
        self.drop = nn.Dropout(drop)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, n) for name, n in heads.items()})

    def features(self, x: Tensor) -> Tensor:
        middle = self.middle(x)
        last = self.last(middle)
        pooled = middle.mean((2, 3)), middle.amax((2, 3)), last.mean((2, 3))
        return torch.cat(pooled, dim=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.drop(self.features(x))
        return {name: head(features) for name, head in self.heads.items()}


class Network(nn.Module):
    """One trunk, a branch for the expression, one for age and gender."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = dlib_convolutions()
        self.trunk = Trunk(convolutions)
        self.expression = Branch(convolutions, {"expression": 7}, drop=0.3)
        self.person = Branch(convolutions, {"age": AGES, "gender": 1}, drop=0.5)


@torch.no_grad()
def measure(network: Network, faces: Tensor) -> None:
    """Set the statistics of all normalisations to those of some faces, so that nothing changes."""

    def note(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        norm.running_mean.copy_(x.mean((0, 2, 3)))
        norm.running_var.copy_(x.var((0, 2, 3)))
        norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
        norm.bias.copy_(norm.running_mean)

    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    maps = network.eval().trunk(faces)
    network.expression(maps)
    network.person(maps)
    for hook in hooks:
        hook.remove()


def dlib_convolutions() -> list[Conv]:
    """The convolutions of the recognition network, as its weight file has them."""
    weights = store.read_weights(catalogue.card(catalogue.EMBEDDER))
    return read_convolutions(weights)


def _blocks(convolutions: list[Conv], start: int, count: int) -> list[Block]:
    pairs = list(zip(convolutions[::2], convolutions[1::2], strict=True))
    return [Block(*pair) for pair in pairs[start : start + count]]


def to_planes(chips: NDArray[np.uint8]) -> Tensor:
    """Chips cut to the network's crop, (n, side, side, 3) uint8, as its input."""
    return torch.from_numpy(np.ascontiguousarray(chips.transpose(0, 3, 1, 2))).float()
