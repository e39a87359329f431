from __future__ import annotations

import numpy as np
import pytest

from tests.gallery.crowds import crowd, face, numbered
from vultus.gallery.calibration import Calibrator
from vultus.gallery.index import build_templates
from vultus.gallery.left_out import named_at, search_left_out
from vultus.gallery.matcher import decide, distances_to_people, person_distances
from vultus.models.catalogue import EMBEDDER

MARGIN = 0.02


def records_of_all_kinds():
    """One to five faces a person; some came from a camera and count as farther away."""
    records = [face(f"p{n}", k) for n in range(12) for k in range(1 + n % 5)]
    records += [face("p3", 9, source="unknown-0001", quality=0.2)]
    return [*records, face("p4", 7, named="p5")]


@pytest.fixture(scope="module")
def group():
    templates, records = numbered(records_of_all_kinds())
    return templates, records, search_left_out(templates)


def test_distances_are_those_of_a_gallery_without_the_face(group):
    templates, records, searched = group
    for row, record in enumerate(records):
        rest = build_templates([one for one in records if one is not record])
        distances = person_distances(record.embedding[None], rest)[0][0]
        others = [
            d for d, name in zip(distances, rest.persons, strict=True) if name != record.person
        ]
        own = [d for d, name in zip(distances, rest.persons, strict=True) if name == record.person]
        assert templates.persons[searched.people[row]] == record.person
        assert searched.own[row] == pytest.approx(own[0] if own else np.inf, abs=1e-5)
        assert searched.first[row] == pytest.approx(min(others), abs=1e-5)
        assert searched.second[row] == pytest.approx(sorted(others)[1], abs=1e-5)
        nearest = rest.persons[int(np.argmin(np.where(np.isin(distances, others), distances, 9)))]
        assert templates.persons[searched.nearest[row]] == nearest


@pytest.mark.parametrize("threshold", [0.2, 0.35, 0.5, 0.6, 0.9])
def test_what_is_named_is_what_the_matcher_names(group, threshold):
    _, records, searched = group
    calibrator = Calibrator(EMBEDDER, threshold, 50)
    right, wrong, strange = (
        values <= threshold
        for values in (
            searched.right_at(MARGIN),
            searched.wrong_at(MARGIN),
            searched.stranger_at(MARGIN),
        )
    )
    for row, record in enumerate(records):
        rest = build_templates([one for one in records if one is not record])
        (decision,) = decide(record.embedding[None], rest, calibrator, margin=MARGIN)
        assert right[row] == (decision.person == record.person)
        assert wrong[row] == (decision.person not in (None, record.person))
        others = build_templates([one for one in records if one.person != record.person])
        (decision,) = decide(record.embedding[None], others, calibrator, margin=MARGIN)
        assert strange[row] == (decision.person is not None)
    assert right.any() or threshold < 0.35
    assert wrong.any() or threshold < 0.6


def test_named_at_is_where_the_matcher_begins_to_name(group):
    templates = group[0]
    probes = np.stack([face(f"s{n}").embedding for n in range(20)])
    probes[0] = templates.means[:2].mean(axis=0)  # between two people: never
    found = named_at(distances_to_people(probes, templates), MARGIN)
    assert found[0] == np.inf
    for probe, least in zip(probes[1:], found[1:], strict=True):
        if np.isfinite(least):
            for threshold, named in [(least + 1e-4, True), (least - 1e-4, False)]:
                calibrator = Calibrator(EMBEDDER, float(threshold), 50)
                (decision,) = decide(probe[None], templates, calibrator, margin=MARGIN)
                assert (decision.person is not None) is named


def test_who_is_alone_is_near_to_nobody():
    searched = search_left_out(numbered([face("ada")])[0])
    assert np.isinf([searched.own[0], searched.first[0], searched.second[0]]).all()
    assert np.isinf(searched.right_at(MARGIN)).all()
    assert np.isinf(searched.stranger_at(MARGIN)).all()
    one_person = search_left_out(numbered(crowd(1, 3))[0])
    assert (one_person.right_at(MARGIN) < 0.5).all()


def test_an_empty_group_has_no_searches():
    assert not len(search_left_out(numbered([])[0]).people)
