"""What a distance of the default embedder is worth, measured; prints the card's [calibration].

    python benchmarks/calibrate.py

All pairs among the photos of lfw-grey are used: a few million of different people, which reach
down to a false-match rate of 1 in 100,000, and some twenty thousand of the same person. The
operating threshold is fixed. What is fitted is how fast the probability falls around it, and
what is measured is how well that holds for people whom the fit has not seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from benchmarks.places import lfw_grey
from vultus.evaluate.metrics import calibration_error
from vultus.evaluate.verification import Pairs, pair_distances, read_pairs
from vultus.faces.analyzer import Analyzer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Embeddings = dict[str, NDArray[np.float32] | None]

THRESHOLD = 0.53
RATES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FOLDS = 3
BINS = 15
_MANY_PHOTOS = 18  # people with 40 photos or more; all others have 14 at most
DATA = (
    "lfw-grey (LFW people, grey close crops): all pairs among {found} of its {photos} photos, "
    "{heavy:.0%} of the genuine ones of the 18 people with most photos; "
    "rates of matching over all these pairs; slope by logistic regression, {weighting}; "
    "calibration error on people left out of the fit, three folds"
)


@dataclass(frozen=True)
class AllPairs:
    """Distances of all pairs (n,), whether they are the same person, and both persons' numbers."""

    distances: Floats
    same: Bools
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def within(self, persons: NDArray[np.int64]) -> tuple[Floats, Bools]:
        """The pairs of which both are among these persons."""
        chosen = np.isin(self.first, persons) & np.isin(self.second, persons)
        return self.distances[chosen], self.same[chosen]


@dataclass(frozen=True)
class Fit:
    """Log-odds of being the same person: intercept - slope * distance, classes equally likely."""

    intercept: float
    slope: float

    @property
    def prior(self) -> float:
        """The share of genuine pairs at which the probability is 0.5 at THRESHOLD."""
        return float(1 / (1 + np.exp(self.intercept - self.slope * THRESHOLD)))


def embed_photos(images: Path, mirror: bool) -> Embeddings:
    """The largest face of every photo by its name; None where no face was found."""
    analyzer = Analyzer(mirror=mirror)
    paths = sorted(images.rglob("*.jpg"))
    found: Embeddings = {}
    for number, path in enumerate(paths, start=1):
        faces = analyzer.analyze(path, quality=False)
        name = path.relative_to(images).as_posix()
        found[name] = faces.embeddings[0] if faces.embeddings is not None and len(faces) else None
        if number % 250 == 0 or number == len(paths):
            print(f"\r  {number} of {len(paths)} photos", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def all_pairs(embeddings: Embeddings) -> AllPairs:
    """Every pair of photos with a face; the folder of a photo is its person."""
    named = [(name.split("/")[0], e) for name, e in embeddings.items() if e is not None]
    _, person = np.unique([name for name, _ in named], return_inverse=True)
    vectors = np.stack([e for _, e in named]).astype(np.float64)
    squares = (vectors**2).sum(axis=1)
    square = squares[:, None] + squares[None] - 2 * vectors @ vectors.T
    first, second = np.triu_indices(len(vectors), 1)
    distances = np.sqrt(np.maximum(square[first, second], 0))
    return AllPairs(distances, person[first] == person[second], person[first], person[second])


def fit(distances: Floats, same: Bools, prior: float = 0.5) -> Fit:
    """Logistic regression by Newton's method; genuine pairs weigh `prior` of the total."""
    weights = prior_weights(same, prior)
    # centred and scaled, so that the two numbers hardly depend on each other
    x = np.stack([np.ones_like(distances), (distances - THRESHOLD) * 10], axis=1)
    answer = np.zeros(2)
    for _ in range(50):
        probabilities = 1 / (1 + np.exp(-x @ answer))
        gradient = x.T @ (weights * (same - probabilities))
        curvature = (x * (weights * probabilities * (1 - probabilities))[:, None]).T @ x
        step = np.linalg.solve(curvature, gradient)
        answer += step
        if np.abs(step).max() < 1e-9:
            break
    slope = -10 * float(answer[1])
    to_even_classes = np.log(prior / (1 - prior))
    return Fit(float(answer[0]) - to_even_classes + slope * THRESHOLD, slope)


def fit_at_threshold(distances: Floats, same: Bools) -> Fit:
    """The same fit under the very class weights that put the probability of 0.5 at THRESHOLD.

    Log-odds are not quite straight in the distance; this is the line that fits where it is used.
    """
    fitted = fit(distances, same)
    for _ in range(30):
        before, fitted = fitted.prior, fit(distances, same, fitted.prior)
        if abs(fitted.prior - before) < 1e-6:
            break
    return fitted


def probability(distances: Floats, slope: float) -> Floats:
    """The card's formula."""
    return np.asarray(1 / (1 + np.exp(slope * (distances - THRESHOLD))))


def prior_weights(same: Bools, prior: float) -> Floats:
    """Pair weights under which genuine pairs are this share of all."""
    return np.where(same, prior / same.sum(), (1 - prior) / (~same).sum())


def cross_validate(
    pairs: AllPairs, fitting: Callable[[Floats, Bools], Fit], seed: int = 7
) -> list[tuple[Fit, float]]:
    """For each fold of people: the fit on all others, and its calibration error on the fold."""
    people = np.random.default_rng(seed).permutation(pairs.first.max(initial=0) + 2)
    people = people[np.isin(people, np.union1d(pairs.first, pairs.second))]
    results = []
    for held in range(FOLDS):
        of_fold = np.arange(len(people)) % FOLDS == held
        fitted = fitting(*pairs.within(people[~of_fold]))
        distances, same = pairs.within(people[of_fold])
        weights = prior_weights(same, fitted.prior)
        error = calibration_error(probability(distances, fitted.slope), same, weights, BINS)
        results.append((fitted, error))
    return results


def operating_points(pairs: AllPairs) -> list[tuple[float, float, float]]:
    """(distance, false-match rate, true-match rate), strictest first, THRESHOLD among them."""
    impostors, genuine = np.sort(pairs.distances[~pairs.same]), np.sort(pairs.distances[pairs.same])
    # rounded down, so that the distance of the card lets through no more than the rate wished
    wished = [np.floor(impostors[int(rate * len(impostors)) - 1] * 1e4) / 1e4 for rate in RATES]
    return [
        (float(d), _share(impostors, d), _share(genuine, d)) for d in sorted([*wished, THRESHOLD])
    ]


def _share(ordered: Floats, limit: float) -> float:
    return float(np.searchsorted(ordered, limit, side="right") / len(ordered))


def card_block(
    pairs: AllPairs, slope: float, error: float, embeddings: Embeddings, weighting: str
) -> str:
    """The [calibration] table of the embedder's card, as models/catalogue.py reads it."""
    found = sum(e is not None for e in embeddings.values())
    per_person = np.bincount(pairs.first[pairs.same])
    heavy = np.sort(per_person)[-_MANY_PHOTOS:].sum() / per_person.sum()
    data = DATA.format(
        found=f"{found:,}", photos=f"{len(embeddings):,}", heavy=heavy, weighting=weighting
    )
    rows = [
        f"  {{ distance = {d:.4f}, far = {far:.2g}, tar = {tar:.4f} }},"
        for d, far, tar in operating_points(pairs)
    ]
    lines = [
        "[calibration]",
        f"slope = {slope:.2f}",
        f"threshold = {THRESHOLD}",
        f"calibration_error = {error:.4f}",
        f'data = "{data}"',
        f"genuine_pairs = {int(pairs.same.sum())}",
        f"impostor_pairs = {int((~pairs.same).sum())}",
        "points = [",
        *rows,
        "]",
    ]
    return "\n".join(lines)


def print_list(pairs: Pairs, distances: Floats) -> None:
    """The rates of THRESHOLD on LFW's own pairs, as a check from another mixture of people."""
    genuine, impostors = np.sort(distances[pairs.same]), np.sort(distances[~pairs.same])
    far, tar = _share(impostors, THRESHOLD), _share(genuine, THRESHOLD)
    print(
        f"\nAt {THRESHOLD} on the {len(pairs.same)} pairs of pairs.tsv: "
        f"FAR {far:.4f}, TAR {tar:.4f}"
    )


def print_reliability(title: str, pairs: AllPairs, fitted: Fit) -> None:
    """Predicted against observed share of genuine pairs."""
    predicted = probability(pairs.distances, fitted.slope)
    weights = prior_weights(pairs.same, fitted.prior)
    slots = np.minimum((predicted * BINS).astype(int), BINS - 1)
    total, said, seen = (
        np.bincount(slots, weights * factor, BINS) for factor in (1.0, predicted, pairs.same)
    )
    counts = np.bincount(slots, minlength=BINS)
    gaps = np.abs(said - seen)[counts > 0] / total[counts > 0]
    print(f"\n{title}: slope {fitted.slope:.2f}, genuine pairs {fitted.prior:.3f} of all")
    print(
        f"  gap of predicted and observed: mean of the bins {gaps.mean():.3f}, "
        f"largest {gaps.max():.3f}"
    )
    print("  probability    predicted  observed     pairs")
    for row in range(BINS):
        span = f"{row / BINS:.3f} - {(row + 1) / BINS:.3f}"
        shares = f"{said[row] / total[row]:.3f}      {seen[row] / total[row]:.3f}"
        print(f"  {span}  {shares}  {counts[row]:>10,}" if counts[row] else f"  {span}  none")


_FITS = {"equal": fit, "threshold": fit_at_threshold}
_WEIGHTING = {
    "equal": "classes weighted equally",
    "threshold": "classes weighted so that it is 0.5 at the threshold",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-mirror", action="store_true", help="without the mirrored face")
    parser.add_argument(
        "--weights", choices=_FITS, default="threshold", help="of the classes in the fit"
    )
    options = parser.parse_args()
    folder = lfw_grey()
    if folder is None:
        print("lfw-grey.tar is not here; set VULTUS_SHARED.", file=sys.stderr)
        return 1
    embeddings = embed_photos(folder / "images", not options.no_mirror)
    pairs = all_pairs(embeddings)
    fits = {
        name: (fitting(pairs.distances, pairs.same), cross_validate(pairs, fitting))
        for name, fitting in _FITS.items()
    }
    print("distance   false matches   true matches")
    for distance, far, tar in operating_points(pairs):
        print(f"  {distance:.4f}       {far:<9.3g}       {tar:.4f}")
    listed = read_pairs(folder / "pairs.tsv")
    print_list(listed, pair_distances(listed, embeddings))
    for name, (fitted, folds) in fits.items():
        print_reliability(f"Fitted with {name} weights", pairs, fitted)
        for number, (one, its_error) in enumerate(folds, start=1):
            print(f"  fold {number}: slope {one.slope:.2f}, calibration error {its_error:.4f}")
    fitted, folds = fits[options.weights]
    error = float(np.mean([e for _, e in folds]))
    print()
    print(card_block(pairs, fitted.slope, error, embeddings, _WEIGHTING[options.weights]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
