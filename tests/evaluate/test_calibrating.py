from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.gallery.crowds import crowd, face, numbered
from vultus.errors import NothingToDo, UsageError
from vultus.evaluate.calibrating import NOBODY, Strangers, measure
from vultus.evaluate.showable import (
    errors_allowed,
    require_showable,
    strangers_needed,
    upper_limit,
)
from vultus.gallery.calibration import Calibrator
from vultus.gallery.left_out import named_at
from vultus.gallery.matcher import decide, distances_to_people
from vultus.models.catalogue import EMBEDDER, card

NOW = Calibrator.of(EMBEDDER)
MARGIN = 0.02


def strangers_of(records, names=None) -> Strangers:
    labels = sorted({record.person for record in records})
    return Strangers(
        np.stack([record.embedding for record in records]),
        np.array([labels.index(record.person) for record in records], np.intp),
        labels,
        [record.source for record in records],
    )


def others(count: int, faces: int = 1) -> Strangers:
    return strangers_of(crowd(count, faces, prefix="s"))


def calibrated(records, strangers=NOBODY, *, far=0.05, **more):
    return measure(numbered(records)[0], strangers, NOW, far=far, margin=MARGIN, **more)


# what a sample can show


@pytest.mark.parametrize("errors", [0, 1, 7, 40])
@pytest.mark.parametrize("trials", [41, 300, 100_000])
def test_the_limit_is_that_of_clopper_and_pearson(errors, trials):
    expected = stats.beta.ppf(0.95, errors + 1, trials - errors)
    assert upper_limit(errors, trials) == pytest.approx(expected, rel=1e-9)


def test_without_errors_it_is_the_rule_of_three():
    assert upper_limit(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert upper_limit(0, 0) == upper_limit(5, 5) == 1


@pytest.mark.parametrize("far", [0.3, 0.05, 0.01, 1e-3, 1e-4])
def test_so_many_strangers_show_a_rate_and_one_fewer_do_not(far):
    needed = strangers_needed(far)
    assert needed == pytest.approx(3 / far, rel=0.2)
    assert errors_allowed(far, needed) == 0
    assert errors_allowed(far, needed - 1) is None
    require_showable(far, needed)
    many = errors_allowed(far, 5 * needed)
    assert upper_limit(many, 5 * needed) <= far < upper_limit(many + 1, 5 * needed)


@pytest.mark.parametrize("strangers", [2, 59, 700])
def test_a_refusal_tells_a_rate_that_is_not_refused_and_how_many_are_needed(strangers):
    with pytest.raises(UsageError) as refused:
        require_showable(1e-4, strangers)
    told = float(refused.value.hint.split("--far ")[1].split(";")[0])
    assert told <= 1.1 * upper_limit(0, strangers)
    require_showable(told, strangers)
    assert f"{strangers_needed(1e-4) - strangers:,} more strangers" in refused.value.hint


@pytest.mark.parametrize("far", [0, 1, -0.1, 2, float("nan"), float("inf")])
def test_a_rate_lies_between_0_and_1(far):
    with pytest.raises(UsageError, match="makes no sense"):
        require_showable(far, 10**9)


@pytest.mark.parametrize("far", [1e-12, 1e-300])
def test_a_rate_that_nobody_could_show(far):
    with pytest.raises(UsageError) as refused:
        require_showable(far, 100)
    assert "far too many" in refused.value.hint


# the threshold


def test_it_is_the_loosest_that_the_sample_allows():
    group, strangers = crowd(40, 3), others(400)
    found = calibrated(group, strangers)
    assert found["counted"] == 400 + 20
    assert found["rate"]["at_most"] <= 0.05
    allowed = errors_allowed(0.05, 420)
    templates = numbered(group)[0]
    for step, fits in [(0, True), (0.01, False)]:
        calibrator = Calibrator(EMBEDDER, found["threshold"] + step, 50)
        named = [
            decide(probe[None], templates, calibrator, margin=MARGIN)[0].person
            for probe in strangers.embeddings
        ]
        wrong = sum(person is not None for person in named)
        assert (wrong <= allowed) is fits
        if not step:
            assert wrong == pytest.approx(found["rate"]["false_names"], abs=20)


def test_the_promise_holds_for_fresh_strangers():
    """19 times of 20 at least; 12 measurements, so two may break it by chance."""
    broken = 0
    for number in range(12):
        group = crowd(30, 2, prefix=f"g{number}-")
        found = calibrated(group, strangers_of(crowd(150, 1, prefix=f"s{number}-")))
        fresh = strangers_of(crowd(600, 1, prefix=f"f{number}-"))
        distances = distances_to_people(fresh.embeddings, numbered(group)[0])
        broken += np.mean(named_at(distances, MARGIN) <= found["threshold"]) > 0.05
    assert broken <= 2


def test_many_pictures_of_few_strangers_show_no_more_than_few():
    with pytest.raises(UsageError, match="25 strangers cannot show"):
        calibrated(crowd(10), others(20, faces=50))


def test_a_stranger_of_many_pictures_counts_once():
    many = [face("s0000", n) for n in range(200)]
    alone = calibrated(crowd(10), others(100))
    together = calibrated(crowd(10), strangers_of([*crowd(100, 1, prefix="s"), *many[1:]]))
    assert together["counted"] == alone["counted"]
    assert together["threshold"] == pytest.approx(alone["threshold"], abs=0.05)


def test_the_people_of_the_group_stand_in_where_there_are_no_strangers():
    found = calibrated(crowd(200, 2))
    assert (found["strangers"], found["counted"]) == (0, 100)
    assert found["rate"]["at_most"] <= 0.05
    assert found["nearest_strangers"] == []


def test_no_looser_than_what_was_measured_for_the_model():
    found = calibrated(crowd(2), others(100), far=0.9)
    assert found["loosest"]
    assert found["threshold"] == card(EMBEDDER).calibration.points[-1].distance


# what it costs, and who is alike


def test_what_it_costs_is_what_leaving_out_shows():
    group = [*crowd(10, 3), face("p0003", 8, named="p0004")]
    found = calibrated(group, others(300), far=0.02)
    named = found["named"]
    assert (named["faces"], named["people"]) == (31, 10)
    assert named["misnamed"] == 1
    assert named["named"] == (31 - 1 - named["missed"]) / 31
    assert found["before"]["threshold"] == NOW.threshold


def test_with_one_photo_each_nobody_knows_what_it_costs():
    found = calibrated(crowd(30, 1), others(100))
    assert found["named"] == {"faces": 0, "people": 0, "named": None, "missed": 0, "misnamed": 0}


def test_pairs_who_are_too_alike_are_told_with_their_faces():
    twin = face("p0001", 3, embedding=face("p0001", 0).embedding * 0.55, named="twin")
    found = calibrated([*crowd(40, 3), twin], others(100), far=0.3)
    first = found["alike"]["pairs"][0]
    assert {first["person"], first["other"]} == {"p0001", "twin"}
    assert first["too_alike"]
    assert found["alike"]["too_alike"] >= 1
    assert {first["source"], first["other_source"]} >= {"p0001-3.jpg"}
    distances = [pair["distance"] for pair in found["alike"]["pairs"]]
    assert distances == sorted(distances)


def test_one_person_under_two_names_is_told_and_does_not_spoil_the_rate():
    double = [face("p0001", 7 + n, named="zoe") for n in range(3)]
    clean, found = (calibrated([*crowd(40, 3), *more], others(100)) for more in ([], double))
    assert [(one["person"], one["other"]) for one in found["same_person"]] == [("p0001", "zoe")]
    assert found["threshold"] == pytest.approx(clean["threshold"], abs=0.05)


def test_a_face_under_a_wrong_name_is_told_and_does_not_spoil_the_rate():
    wrong = face("p0002", 8, named="p0001")
    clean, found = (calibrated([*crowd(40, 3), *more], others(100)) for more in ([], [wrong]))
    (told,) = found["mislabelled"]
    assert (told["person"], told["other"], told["source"]) == ("p0001", "p0002", wrong.source)
    assert found["threshold"] == pytest.approx(clean["threshold"], abs=0.05)
    assert found["threshold"] > told["distance"] + 0.1
    assert clean["mislabelled"] == []


def test_strangers_who_are_enrolled_are_left_out_and_told():
    by_face, by_name = face("p0001", 9, named="x"), face("unlike", 0, named="p0002")
    strangers = strangers_of([*crowd(100, 1, prefix="s"), by_face, by_name])
    found = calibrated(crowd(40, 3), strangers)
    told = {one["stranger"]: one["person"] for one in found["looks_enrolled"]}
    assert told["x"] == "p0001"
    assert set(told) == {"x", "p0002"}
    assert found["strangers"] == 100
    counted = calibrated(crowd(40, 3), strangers, count_enrolled=True)
    assert counted["looks_enrolled"] == []
    assert counted["strangers"] == 102
    assert counted["nearest_strangers"][0]["stranger"] == "x"


def test_nobody_enrolled():
    with pytest.raises(NothingToDo):
        calibrated([], others(100))


@pytest.mark.parametrize(("strangers", "far"), [(NOBODY, 0.5), (others(10), 0.05)])
def test_one_person_needs_strangers(strangers, far):
    with pytest.raises(UsageError, match="strangers"):
        calibrated(crowd(1, 3), strangers, far=far)
    assert calibrated(crowd(1, 3), others(100))["counted"] == 100
