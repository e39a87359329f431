"""Open-set figures against the matcher's own decisions, one probe at a time."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import NothingToDo, UsageError
from vultus.evaluate.identification import (
    CMC_RANKS,
    Collected,
    Protocol,
    evaluate_identification,
    identification_rate,
    limit_at,
    make_templates,
    search,
    split_people,
    too_few,
)
from vultus.gallery.calibration import Calibrator
from vultus.gallery.matcher import decide

CALIBRATOR = Calibrator("dlib-resnet-128", 0.55, 20.0)
MARGIN = 0.02


def collected(people=30, seed=0, noise=0.12, lost=0.05):
    """One to five pictures of each; some without a face."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 6, people)
    counts[:2] = 5
    who = np.repeat(np.arange(people), counts)
    centres = rng.normal(0, 0.25, (people, 8))
    vectors = (centres[who] + rng.normal(0, noise, (len(who), 8))).astype(np.float32)
    return Collected(vectors, rng.random(len(who)) >= lost, who)


def decisions(given, rows, templates, threshold):
    """Whom `vultus identify` names in each picture."""
    at = Calibrator("dlib-resnet-128", threshold, 20.0)
    named = []
    for row in rows:
        told = decide(given.embeddings[row][None], templates, at, margin=MARGIN)[0]
        named.append(int(told.person) if given.found[row] and told.person else None)
    return named


@pytest.mark.parametrize("seed", range(6))
def test_rates_are_those_of_the_matcher_at_any_threshold(seed):
    given = collected(seed=seed)
    split = split_people(given, 12, Protocol(seed=seed, enrolled=1 + seed % 2), 0)
    found = search(given, split, CALIBRATOR, MARGIN)
    templates = make_templates(given, split.enrolled)
    for fpir in (0.0, 0.05, 0.2, 0.5):
        limit = limit_at(found.strangers, fpir)
        # a threshold between the first stranger too many and what is nearer: the last bit of a
        # distance depends on how many probes are searched together
        every = np.concatenate([found.mates, found.strangers])
        nearer = every[every < limit].max(initial=0)
        threshold = (nearer + min(limit, nearer + 1)) / 2
        strangers = decisions(given, split.strangers, templates, threshold)
        mates = decisions(given, split.mates, templates, threshold)
        assert np.mean([person is not None for person in strangers]) <= fpir
        right = [a == b for a, b in zip(mates, given.people[split.mates].tolist(), strict=True)]
        assert identification_rate(found, fpir) == pytest.approx(np.mean(right), abs=1e-9)
    shipped = decisions(given, split.mates, templates, CALIBRATOR.threshold)
    owners = given.people[split.mates].tolist()
    right = np.mean([a == b for a, b in zip(shipped, owners, strict=True)])
    assert found.shipped["named"] == pytest.approx(right, abs=1e-9)
    named = np.mean([person is not None for person in shipped])
    assert found.shipped["misnamed"] == pytest.approx(named - right, abs=1e-9)
    strangers = decisions(given, split.strangers, templates, CALIBRATOR.threshold)
    named = np.mean([person is not None for person in strangers])
    assert found.shipped["strangers_named"] == pytest.approx(named, abs=1e-9)


def test_no_looser_threshold_keeps_the_rate():
    rng = np.random.default_rng(5)
    for _ in range(50):
        strangers = np.round(rng.random(rng.integers(1, 200)), 2)  # ties
        for fpir in (0.01, 0.1, 0.29, 0.5):
            limit = limit_at(strangers, fpir)
            assert (strangers < limit).mean() <= fpir
            assert (strangers <= limit).mean() > fpir


@pytest.mark.parametrize("seed", range(4))
def test_ranks_by_their_definition(seed):
    given = collected(seed=seed, noise=0.2)
    split = split_people(given, 15, Protocol(enrolled=2), 1)
    found = search(given, split, CALIBRATOR, MARGIN)
    mine = {int(person) for person in given.people[split.enrolled]}
    for rank, row in zip(found.ranks, split.mates, strict=True):
        if not given.found[row]:
            assert rank == np.inf
            continue
        distances = {}
        for person in mine:
            faces = given.embeddings[split.enrolled][given.people[split.enrolled] == person]
            gaps = np.linalg.norm(faces - given.embeddings[row], axis=1)
            mean = np.linalg.norm(faces.mean(axis=0) - given.embeddings[row])
            distances[person] = (gaps.min() + mean) / 2
        order = sorted(distances, key=distances.__getitem__)
        assert rank == 1 + order.index(int(given.people[row]))


def test_a_split_enrols_faces_alone_and_keeps_people_apart():
    given = collected(people=40, lost=0.3)
    protocol = Protocol(enrolled=3, probes=2)
    split = split_people(given, 20, protocol, 0)
    assert given.found[split.enrolled].all()
    assert len(set(given.people[split.enrolled])) == 20
    assert not set(given.people[split.strangers]) & set(given.people[split.enrolled])
    assert set(given.people[split.mates]) <= set(given.people[split.enrolled])
    assert not set(split.mates) & set(split.enrolled)
    assert np.bincount(given.people[split.enrolled]).max() <= 3
    for rows in (split.mates, split.strangers):
        assert np.bincount(given.people[rows]).max() <= 2
    again = split_people(given, 20, protocol, 0)
    assert again.enrolled.tolist() == split.enrolled.tolist()
    other = split_people(given, 20, protocol, 1)
    assert other.enrolled.tolist() != split.enrolled.tolist()


def test_the_report_says_what_it_cannot_state():
    given = collected(people=60)
    told = evaluate_identification(
        given, CALIBRATOR, margin=MARGIN, protocol=Protocol((10, 50, 2000), splits=3)
    )
    assert [one["size"] for one in told["galleries"]] == [10, 50]
    assert told["skipped"][0]["size"] == 2000
    assert told["galleries"][0]["tpir_at_fpir"]["0.01"]["mean"] > 0
    few = told["galleries"][1]
    assert few["tpir_at_fpir"] == {"0.01": None, "0.001": None}
    assert "100 are needed" in few["not_stated"]["0.01"]
    assert "1000 are needed" in few["not_stated"]["0.001"]
    for one in told["galleries"]:
        assert one["cmc"] == sorted(one["cmc"])
        assert len(one["cmc"]) == CMC_RANKS
        assert one["cmc"][0] == pytest.approx(one["rank_1"]["mean"])
        assert one["trade_off"]["fnir"] == sorted(one["trade_off"]["fnir"], reverse=True)


def test_a_thousand_strangers_state_a_thousandth():
    assert too_few(999, 0.001) is not None
    assert too_few(1000, 0.001) is None
    assert too_few(100, 0.01) is None


def test_people_who_are_easy_to_tell_are_told():
    given = collected(people=130, noise=0.001, lost=0)
    told = evaluate_identification(
        given, CALIBRATOR, margin=MARGIN, protocol=Protocol((20,), splits=4)
    )
    (one,) = told["galleries"]
    assert one["rank_1"] == {"mean": 1.0, "std": 0.0}
    assert one["tpir_at_fpir"]["0.01"]["mean"] == 1


def test_faces_that_are_not_found_are_never_named():
    """Probes without a face count as missed, however easy the others are."""
    given = collected(people=40, noise=0.001, lost=0)
    found = given.found.copy()
    found[np.unique(given.people, return_index=True)[1]] = False  # the first picture of each
    given = Collected(given.embeddings, found, given.people)
    split = split_people(given, 30, Protocol(), 0)
    told = search(given, split, CALIBRATOR, MARGIN)
    lost = ~given.found[split.mates]
    assert lost.any()
    assert np.isinf(told.mates[lost]).all()
    assert not told.right[lost].any()
    assert told.right[~lost].all()


@pytest.mark.parametrize(
    "protocol",
    [Protocol(()), Protocol((0,)), Protocol(splits=0), Protocol(enrolled=0), Protocol(seed=-1)],
)
def test_refuses_a_protocol_without_sense(protocol):
    with pytest.raises(UsageError):
        evaluate_identification(collected(), CALIBRATOR, margin=MARGIN, protocol=protocol)


def test_refuses_people_with_one_picture_each():
    given = Collected(np.eye(9, dtype=np.float32), np.ones(9, bool), np.arange(9))
    with pytest.raises(NothingToDo, match="second picture"):
        evaluate_identification(given, CALIBRATOR, margin=MARGIN, protocol=Protocol((3,), splits=2))


def test_refuses_when_no_size_is_possible():
    with pytest.raises(NothingToDo, match="No gallery size"):
        evaluate_identification(
            collected(people=5), CALIBRATOR, margin=MARGIN, protocol=Protocol((5, 100))
        )
