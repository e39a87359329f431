"""Fit the weights of `vultus.faces.attributes.smile` on lfw-grey and say how good they are.

python -m training.smile [--work DIR]

One half of the people is fitted on, the other is reported on; a digest of the name decides. Prints
the numbers to put into the module: those of the mouth's shape, and those that join it with the
shipped network's `happy`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from training.chips import share_of
from training.photos import lfw
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.networks import EXPRESSIONS
from vultus.faces.attributes.smile import log_odds, measure_smile, shape_features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".training"))
    work = parser.parse_args().work
    photos = lfw(Path(os.environ.get("VULTUS_SHARED", "../shared")), work)
    labelled = photos.select(photos.expressions != "")
    smiles = labelled.expressions == "happiness"
    fitted = np.array([share_of(person, 2) == 0 for person in labelled.people])
    networks = Analyzer().attribute_networks
    told = networks.expression(networks.both_maps(labelled.chips))
    happy = told.probabilities[:, EXPRESSIONS.index("happy")]
    features = shape_features(labelled.points68)
    scale = features[fitted].std(0)
    shape = LogisticRegression(class_weight="balanced", C=10)
    shape.fit(features[fitted] / scale, smiles[fitted])
    odds = shape.decision_function(features / scale)
    print(f"{fitted.sum()} photos fitted on, {(~fitted).sum()} to report on")
    print("shape: width, raise, opening, lip, bias:", shape.coef_[0] / scale, shape.intercept_)
    both = LogisticRegression(class_weight="balanced", C=10)
    columns = np.stack([odds, log_odds(happy)], axis=1)
    both.fit(columns[fitted], smiles[fitted])
    print("with the expression: shape, happy, bias:", both.coef_[0], both.intercept_)
    ways = {
        "shape": odds,
        "happy": log_odds(happy),
        "both": both.decision_function(columns),
        "as shipped, shape": measure_smile(labelled.points68) - 0.5,
        "as shipped, both": measure_smile(labelled.points68, happy) - 0.5,
    }
    for name, values in ways.items():
        right = balanced_accuracy_score(smiles[~fitted], values[~fitted] > 0)
        area = roc_auc_score(smiles[~fitted], values[~fitted])
        print(f"{name}: balanced accuracy {right:.3f}, area under the curve {area:.3f}")


if __name__ == "__main__":
    main()
