from __future__ import annotations

import numpy as np
import pytest

from tests.video.builders import between, judge, look, vector
from vultus.gallery.matcher import Decision
from vultus.video.evidence import Evidence


def evidence(*looks) -> Evidence:
    made = Evidence()
    for each in looks:
        assert made.add(each)
    return made


def decision(person: str | None, rule: str = "named", probability: float = 0.9) -> Decision:
    return Decision(person, probability, rule, [], None)


def test_looks_are_fused_by_quality():
    fused = evidence(look("ada", 0.4, quality=0.9), look("ada", quality=0.3)).fused()
    np.testing.assert_allclose(fused, vector("ada", 0.3), atol=1e-6)
    assert fused.dtype == np.float32


def test_a_look_without_quality_counts_hardly_and_breaks_nothing():
    fused = evidence(look("ada", quality=0.0), look("ada", 0.4, quality=0.0)).fused()
    np.testing.assert_allclose(fused, vector("ada", 0.2), atol=1e-6)


def test_the_best_five_looks_are_kept_by_quality():
    qualities = [0.3, 0.9, 0.1, 0.5, 0.7, 0.2, 0.6]
    found = evidence(*(look("ada", 0.01 * k, quality=q) for k, q in enumerate(qualities)))
    assert [each.quality for each in found.looks] == [0.9, 0.7, 0.6, 0.5, 0.3]
    assert found.count == 7


def test_likeness_has_no_say_in_which_looks_are_kept():
    near = [look("ada", 0.0, quality=0.2)] * 5
    far = [look("ada", 0.45, quality=0.8, aside=k) for k in range(5)]
    assert {each.quality for each in evidence(*near, *far).looks} == {0.8}


def test_one_strange_look_is_left_out():
    found = evidence(look("ada"), look("ada"), look("bob"), look("ada"))
    assert found.count == 3
    assert not found.outliers
    np.testing.assert_allclose(found.fused(), vector("ada"), atol=1e-6)


def test_two_strange_looks_in_a_row_are_another_face():
    found = evidence(look("ada"), look("ada"), look("bob"))
    assert not found.add(look("bob", 0.1))
    other = found.restart()
    assert other.count == 2
    np.testing.assert_allclose(other.fused(), vector("bob", 0.05), atol=1e-6)


def test_strange_looks_that_are_not_in_a_row_split_nothing():
    found = Evidence()
    for _ in range(5):
        assert found.add(look("ada"))
        assert found.add(look("bob"))


def test_looks_in_a_row_that_agree_are_counted():
    found = evidence(look("ada"))
    for person, agreeing in [("ada", 1), ("ada", 2), ("bob", 1), ("ada", 1), ("ada", 2)]:
        found.judge(decision(person))
        assert (found.candidate, found.agreeing) == (person, agreeing)
    found.judge(decision(None, "margin"))
    assert found.agreeing == 0


def test_looks_in_a_row_that_are_nobodys_are_counted():
    found = evidence(look("xen"))
    for _ in range(3):
        found.judge(decision(None, "threshold", 0.01))
    assert found.strange == 3
    found.judge(decision("ada"))
    assert found.strange == 0


def test_a_look_that_is_nearly_somebody_known_counts_half():
    found = evidence(look("ada", 0.55))
    found.judge(judge("ada")(found.fused()[None])[0])
    assert found.decision.rule == "threshold"
    assert 0.15 < found.decision.probability < 0.5
    assert found.strange == 0.5


@pytest.mark.parametrize("rule", ["margin", "taken"])
def test_somebody_known_but_we_cannot_say_who_is_no_stranger(rule):
    found = evidence(look(between("ada", "bob", 0.5)))
    found.judge(decision(None, "threshold", 0.01))
    found.judge(decision(None, rule, 0.7))
    assert found.strange == 0


def test_a_poor_picture_is_nobody_not_even_a_stranger():
    found = evidence(look("xen", quality=0.19))
    for _ in range(10):
        found.judge(decision(None, "threshold", 0.01))
    assert found.strange == 0
    found.add(look("xen", quality=0.21))
    found.judge(decision(None, "threshold", 0.01))
    assert found.strange == 1
