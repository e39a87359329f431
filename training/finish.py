"""Calibrate the trained network on held-back faces, and write what the package carries.

python -m training.finish [--work DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as fn

import vultus.models
from training.attributes import answers, split_fer
from training.chips import fer2013
from training.export import export
from training.expression import scores
from training.network import Network
from vultus.faces.attributes.person import ages_of

_PACKAGE = Path(vultus.models.__file__).parent
NETWORKS = _PACKAGE / "networks"
CARD = _PACKAGE / "cards" / "vultus-attributes.toml"
_MADE = ("trunk.onnx", "expression.onnx")


def temperature_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """What logits are divided by for the least cross-entropy (Guo et al., 2017)."""
    candidates = np.geomspace(0.25, 4, 161)
    wanted, given = torch.from_numpy(labels), torch.from_numpy(logits)
    costs = [float(fn.cross_entropy(given / float(t), wanted)) for t in candidates]
    return float(candidates[int(np.argmin(costs))])


def gender_scale_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """As `temperature_of`, for one logit, as what it is multiplied by."""
    both = np.stack([-logits / 2, logits / 2], axis=1)
    return 1 / temperature_of(both, labels)


def age_temperature_of(logits: NDArray[np.float32], ages: NDArray[np.int64]) -> float:
    """What the logits of the years are divided by, so that four ages of five lie in `ages_of`'s
    intervals."""

    def off(t: float) -> float:
        told = ages_of(torch.softmax(torch.from_numpy(logits) / t, 1).numpy())
        return abs(float(((told.low <= ages) & (ages <= told.high)).mean()) - 0.8)

    return float(min(np.geomspace(0.2, 2, 93), key=off))


def write_digests(card: Path, networks: Path, names: tuple[str, ...]) -> None:
    """Put the digests of the networks into their card."""
    text = card.read_text("utf-8")
    for name in names:
        digest = hashlib.sha256((networks / name).read_bytes()).hexdigest()
        text, found = re.subn(rf'("{name}" = )"[0-9a-f]+"', rf'\1"{digest}"', text)
        if not found:
            text += f'"{name}" = "{digest}"\n'
    card.write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    work = parser.parse_args().work
    shared = Path(os.environ.get("VULTUS_SHARED", "../shared"))
    network = Network().eval()
    state = torch.load(work / "expression.pt", weights_only=True)
    network.load_state_dict(state["averaged"])
    fer = split_fer(fer2013(shared, work, "train"))["tune"]
    print(f"after epoch {state['epoch']}, on the faces to tune on:", scores(network, fer))
    temperature = temperature_of(answers(network, fer, mirror=True)["expression"], fer.labels)
    print(f"expression: temperature {temperature:.3f}")
    export(network, NETWORKS, temperature)
    write_digests(CARD, NETWORKS, _MADE)


if __name__ == "__main__":
    main()
