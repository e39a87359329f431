from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from tests.gallery.workers import record
from vultus.gallery.calibration import Calibrator
from vultus.gallery.index import build_templates
from vultus.gallery.matcher import (
    RULES,
    Decision,
    Templates,
    _decide_one,
    assign,
    decide,
    distances_to,
    distances_to_people,
    person_distances,
)

# assignment

COSTS = st.floats(0, 2, width=32)
WHOLE = st.integers(0, 4).map(float)  # many ties


def matrices(elements):
    shapes = st.tuples(st.integers(0, 9), st.integers(0, 9))
    return hnp.arrays(np.float64, shapes, elements=elements)


def best_by_scipy(distances: np.ndarray, limit: float) -> float:
    """The greatest sum of `limit - distance` that an assignment can reach."""
    gains = np.maximum(limit - distances, 0)
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())


@given(st.one_of(matrices(COSTS), matrices(WHOLE)), st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_assignment_is_scipys(costs, limit):
    columns = assign(costs, limit)
    pairs = [(row, column) for row, column in enumerate(columns) if column is not None]
    assert len(columns) == len(costs)
    assert len({column for _, column in pairs}) == len(pairs)
    assert all(costs[pair] <= limit for pair in pairs)
    gain = sum(limit - costs[pair] for pair in pairs)
    assert gain == pytest.approx(best_by_scipy(costs, limit), abs=1e-9)


def test_a_large_assignment_is_scipys():
    rng = np.random.default_rng(0)
    for shape in [(60, 300), (300, 60), (120, 120)]:
        costs = rng.random(shape)
        pairs = [(r, c) for r, c in enumerate(assign(costs, 0.3)) if c is not None]
        gain = sum(0.3 - costs[pair] for pair in pairs)
        assert gain == pytest.approx(best_by_scipy(costs, 0.3), abs=1e-9)


def test_more_pairs_go_before_a_cheaper_one():
    assert assign(np.array([[0.1, 0.2], [0.15, 9.0]]), 0.5) == [1, 0]


def test_nothing_over_the_limit_is_paired():
    assert assign(np.array([[0.6, 0.7], [0.8, 0.5]]), 0.5) == [None, 1]
    assert assign(np.array([[0.6]]), 0.5) == [None]


# distances


@given(
    hnp.arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32)),
    hnp.arrays(np.float32, (4, 5), elements=st.floats(-2, 2, width=32)),
)
def test_distances_are_euclidean(probes, gallery):
    expected = np.linalg.norm(probes[:, None].astype(float) - gallery[None], axis=2)
    found = distances_to(probes, gallery)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-3)  # near zero the formula cancels


def templates(**people: list[tuple[float, float]]) -> Templates:
    """People with faces in the plane."""
    return build_templates(
        [
            record(name, f"{name}-{number}", embedding=np.array(place, np.float32))
            for name, places in people.items()
            for number, place in enumerate(places)
        ]
    )


def test_a_persons_distance_is_the_mean_of_the_nearest_face_and_the_middle():
    known = templates(bob=[(5, 0)], ada=[(0, 0), (2, 0), (1, 3)])
    distances, nearest = person_distances(np.array([(0, 1)], np.float32), known)
    assert known.persons == ["ada", "bob"]
    assert distances[0] == pytest.approx([(1 + 1) / 2, np.hypot(5, 1)], abs=1e-5)
    assert [known.sources[row] for row in nearest[0]] == ["ada-0", "bob-0"]


def test_distances_to_people_are_the_same_without_saying_which_face():
    rng = np.random.default_rng(3)
    known = build_templates(
        [record(f"person {n % 7}", f"unknown-{n:04d}", quality=n / 30) for n in range(1, 31)]
    )
    assert 0 < np.count_nonzero(known.handicaps) < 30
    probes = rng.normal(0, 0.1, (5, 128)).astype(np.float32)
    np.testing.assert_array_equal(
        distances_to_people(probes, known), person_distances(probes, known)[0]
    )


def test_templates_of_records_in_any_order():
    rng = np.random.default_rng(0)
    records = [record(name, f"{name}{i}") for i in range(3) for name in ("cyd", "ada", "bob")]
    found = build_templates(records)
    assert found.persons == ["ada", "bob", "cyd"]
    assert found.starts.tolist() == [0, 3, 6]
    for row in rng.permutation(9):
        expected = next(known for known in records if known.source == found.sources[row])
        np.testing.assert_array_equal(found.embeddings[row], expected.embedding)
        person = found.persons[np.searchsorted(found.starts, row, side="right") - 1]
        assert person == expected.person
    ada = [known.embedding for known in records if known.person == "ada"]
    np.testing.assert_allclose(found.means[0], np.mean(ada, axis=0), atol=1e-6)


# decisions

CALIBRATOR = Calibrator("plane", threshold=1.0, slope=10.0)


def decided(known: Templates, *probes: tuple[float, float], margin=0.1, top=3) -> list[Decision]:
    places = np.array(probes, np.float32).reshape(-1, 2)
    return decide(places, known, CALIBRATOR, margin=margin, top=top)


PAIR = templates(ada=[(0, 0)], bob=[(2, 0)])


def test_near_to_one_person_it_is_this_person():
    (decision,) = decided(PAIR, (0.2, 0))
    assert (decision.person, decision.rule) == ("ada", "named")
    assert [candidate.person for candidate in decision.candidates] == ["ada", "bob"]
    assert decision.margin == pytest.approx(1.6, abs=1e-3)
    first = decision.candidates[0]
    assert first.distance == pytest.approx(0.2, abs=1e-3)
    assert first.best_distance == pytest.approx(0.2, abs=1e-3)
    assert first.reference == "ada-0"
    assert decision.probability == first.probability
    assert first.probability == pytest.approx(float(CALIBRATOR.probability(first.distance)))


def test_far_from_everybody_it_is_a_stranger():
    (decision,) = decided(PAIR, (0, 1.05))
    assert (decision.person, decision.rule) == (None, "threshold")
    assert decision.candidates[0].person == "ada"
    assert decision.probability < 0.5


def test_at_the_threshold_a_face_is_named():
    (decision,) = decided(templates(ada=[(0, 0)]), (0, 1))
    assert decision.person == "ada"
    assert decision.probability == pytest.approx(0.5)
    assert decision.margin is None


def test_between_two_people_it_is_neither():
    (decision,) = decided(PAIR, (0.97, 0))
    assert (decision.person, decision.rule) == (None, "margin")
    assert decided(PAIR, (0.97, 0), margin=0.05)[0].person == "ada"
    assert decided(PAIR, (0.97, 0), margin=0.0)[0].person == "ada"


def test_a_person_is_named_once_and_the_next_best_is_not_taken_instead():
    near, nearer = decided(PAIR, (0.5, 0), (0.1, 0))
    assert (nearer.person, nearer.rule) == ("ada", "named")
    assert (near.person, near.rule) == (None, "taken")
    assert near.candidates[0].person == "ada"


def test_nobody_is_enrolled():
    for decision in decided(templates(), (0, 0), (1, 1)):
        assert decision == Decision(None, 0.0, "no_people", [], None)


def test_no_faces_need_no_decision():
    assert decided(PAIR) == []
    assert decided(templates()) == []


@pytest.mark.parametrize("top", [1, 2, 5])
def test_at_most_so_many_candidates(top):
    known = templates(ada=[(0, 0)], bob=[(0.5, 0)], cyd=[(5, 0)])
    (decision,) = decided(known, (0, 0), top=top)
    assert [c.person for c in decision.candidates] == ["ada", "bob", "cyd"][:top]
    assert decision.margin == pytest.approx(0.5, abs=1e-3)  # known even where one is shown


PLACES = st.tuples(st.floats(-2, 2, width=16), st.floats(-2, 2, width=16))


@given(
    st.lists(PLACES, max_size=6),
    st.lists(PLACES, max_size=5),
    st.sampled_from([0.0, 0.1, 0.5]),
)
def test_whatever_the_faces_the_rules_hold(probes, people, margin):
    known = templates(**{f"p{number}": [place] for number, place in enumerate(people)})
    decisions = decided(known, *probes, margin=margin)
    named = [decision.person for decision in decisions if decision.person]
    assert len(set(named)) == len(named)
    for decision in decisions:
        assert decision.rule in RULES
        assert (decision.person is not None) == (decision.rule == "named")
        if decision.rule != "named":
            continue
        own = next(c for c in decision.candidates if c.person == decision.person)
        assert own.distance <= CALIBRATOR.threshold
        assert decision.margin is None or decision.margin >= margin


def test_the_order_of_faces_does_not_matter():
    rng = np.random.default_rng(0)  # no two distances are equal
    for _ in range(100):
        probes = [tuple(place) for place in rng.uniform(-1, 3, (rng.integers(1, 6), 2))]
        forward = decided(PAIR, *probes)
        backward = decided(PAIR, *probes[::-1])[::-1]
        assert [d.person for d in forward] == [d.person for d in backward]
        assert [d.rule for d in forward] == [d.rule for d in backward]


def far_templates(people: int) -> Templates:
    """People on the axes, so that distances can be chosen freely below."""
    return templates(**{f"p{number}": [(float(number), 0.0)] for number in range(people)})


def rivals(distances: list[list[float]], margin: float = 0.02) -> list[tuple[str | None, str]]:
    """Name and rule of each face, from a matrix of distances."""
    matrix = np.array(distances, np.float32)
    assigned = assign(matrix, CALIBRATOR.threshold)
    known = far_templates(matrix.shape[1])
    answers = []
    for row in range(len(matrix)):
        decision = _decide_one(
            row,
            assigned,
            np.zeros((len(matrix), 2), np.float32),
            matrix,
            np.tile(np.arange(matrix.shape[1]), (len(matrix), 1)),
            known,
            CALIBRATOR,
            margin,
            3,
        )
        answers.append((decision.person, decision.rule))
    return answers


def test_a_far_face_does_not_take_the_name_of_a_near_one():
    limit = CALIBRATOR.threshold
    answers = rivals([[limit - 0.25, limit - 0.01], [limit - 0.01, limit + 1]])
    assert answers == [("p0", "named"), (None, "taken")]


def test_a_brother_in_the_picture_settles_who_the_other_is():
    limit = CALIBRATOR.threshold
    answers = rivals([[limit - 0.3, limit - 0.1], [limit - 0.15, limit - 0.13]])
    assert answers == [("p0", "named"), ("p1", "named")]


def test_two_faces_that_could_change_places_are_not_named():
    limit = CALIBRATOR.threshold
    answers = rivals([[limit - 0.2, limit - 0.2], [limit - 0.2, limit - 0.2]])
    assert answers == [(None, "margin"), (None, "margin")]
