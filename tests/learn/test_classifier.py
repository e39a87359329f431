from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes import picture
from tests.learn.people import EMBEDDER, clusters, known_analyzer
from vultus.errors import ModelMismatch, UsageError
from vultus.gallery.calibration import Calibrator
from vultus.learn.classifier import train_classifier
from vultus.learn.classifier_kinds import KINDS, fit_estimator, scores_of
from vultus.learn.judging import judge
from vultus.learn.people import LabelledFaces


def trained(faces, **more):
    return train_classifier(faces, embedder=EMBEDDER, mirror=True, **more)


def halves(faces: LabelledFaces) -> tuple[LabelledFaces, LabelledFaces]:
    odd = np.arange(len(faces)) % 2 == 1
    return faces.select(odd), faces.select(~odd)


@pytest.fixture(scope="module")
def crowd():
    """Sixty people of whom the first twenty are learnt."""
    faces = clusters([24] * 60, spread=0.3, apart=0.75)
    known = faces.targets < 20
    return faces.select(known), faces.select(~known)


@pytest.fixture(scope="module")
def svm(crowd):
    """Trained on half of what the twenty show."""
    return trained(halves(crowd[0])[0]).classifier


@pytest.mark.parametrize("kind", KINDS)
def test_known_people_are_named_and_strangers_are_not(crowd, kind):
    known, strangers = crowd
    learn, test = halves(known)
    made = trained(learn, kind=kind, far=0.01)
    answers = [made.classifier.decide(one[None])[0] for one in test.embeddings]
    found = judge(made.classifier.labels, [test.labels[t] for t in test.targets], answers)
    assert found.accuracy > 0.99
    assert found.named_rightly > 0.95
    assert found.named_wrongly < 0.01
    others = [made.classifier.decide(one[None])[0] for one in strangers.embeddings]
    assert np.mean([answer.person is not None for answer in others]) < 0.03
    # what it says of itself is about what it does
    assert abs(made.measured.named - found.named_rightly) < 0.03
    assert made.measured.can_show
    assert made.measured.false_names <= 0.01 * made.measured.strangers
    assert made.classifier.posteriors(test.embeddings).sum(axis=1) == pytest.approx(1)


def test_a_looser_rate_is_a_looser_threshold(crowd):
    both = [trained(crowd[0], kind="centroid", far=far) for far in (0.01, 0.1)]
    rates, thresholds = zip(
        *((one.measured, one.classifier.card.threshold) for one in both), strict=True
    )
    assert thresholds[0] < thresholds[1]
    assert rates[0].false_names < rates[1].false_names <= 0.1 * rates[1].strangers


def test_strangers_that_are_given_move_the_threshold(crowd):
    known, strangers = crowd
    near = known.embeddings[:200] * 0.5 + strangers.embeddings[:200] * 0.5
    without = trained(known, kind="centroid").classifier.card
    made = trained(known, kind="centroid", strangers=near)
    assert made.classifier.card.threshold < without.threshold
    assert made.measured.strangers == without.strangers + 200


def test_too_few_strangers_promise_nothing():
    made = trained(clusters([4, 4, 4]), far=0.01)
    assert not made.measured.can_show
    assert made.measured.strangers == 12
    assert made.classifier.card.threshold <= Calibrator.of(EMBEDDER).threshold


@pytest.mark.parametrize("kind", KINDS)
def test_two_people(kind):
    faces = clusters([5, 5])
    made = trained(faces, kind=kind).classifier
    probes = np.stack([faces.embeddings[0], faces.embeddings[9]])
    assert [decision.person for decision in made.decide(probes)] == ["person 0", "person 1"]


@pytest.mark.parametrize("counts", [[9], [9, 1], [1, 1]])
def test_too_few_faces_are_refused(counts):
    with pytest.raises(UsageError):
        trained(clusters(counts))


def test_two_folders_of_one_person_are_told_and_spoil_nothing():
    faces = clusters([20] * 8)
    targets = faces.targets.copy()
    targets[10:20] = 8  # half of the first person's faces under another name
    order = np.argsort(targets, kind="stable")
    split = LabelledFaces(
        faces.embeddings[order],
        targets[order],
        (*faces.labels, "person 0 again"),
        faces.sources,
        faces.digests,
    )
    made = trained(split, kind="centroid")
    assert made.measured.alike == [("person 0", "person 0 again")]
    assert made.classifier.card.threshold > 0.4  # they are 0.3 apart
    assert trained(faces, kind="centroid").measured.alike == []


def test_an_answer_says_why(crowd, svm):
    made = svm
    (decision,) = made.decide(crowd[0].embeddings[31:32], top=4)
    first = decision.candidates[0]
    assert (decision.person, decision.rule) == ("person 1", "named")
    assert decision.probability >= 0.5
    assert len(decision.candidates) == 4
    assert first.reference == "person 1/31.jpg"
    assert first.best_distance < 1e-3
    assert decision.runner_up == decision.candidates[1].person
    (stranger,) = made.decide(-crowd[0].embeddings[:1])
    assert (stranger.person, stranger.rule) == (None, "threshold")
    assert stranger.probability < 0.5
    (broken,) = made.decide(np.full((1, 128), np.nan, np.float32))
    assert broken.person is None
    assert made.decide(np.zeros((0, 128), np.float32)) == []


def test_nobody_is_in_a_picture_twice(crowd, svm):
    made = svm
    own = crowd[0].embeddings[0]
    other = (own + crowd[0].embeddings[1]) / 2
    decisions = made.decide(np.stack([other, own, crowd[0].embeddings[30]]))
    assert sorted(d.rule for d in decisions) == ["named", "named", "taken"]
    assert [d.person for d in decisions].count("person 0") == 1


def test_of_two_that_are_equally_near_one_is_named(svm, crowd):
    one = crowd[0].embeddings[1]
    assert [d.rule for d in svm.decide(np.stack([one, one, one]))] == ["named", "taken", "taken"]


def test_between_two_people_it_names_nobody():
    faces = clusters([12, 12, 12], apart=0.5)
    made = trained(faces, kind="logistic").classifier
    made = replace(made, card=made.card.model_copy(update={"threshold": 2.0}))
    means = [faces.embeddings[start : start + 12].mean(axis=0) for start in (0, 12, 24)]
    (decision,) = made.decide(np.mean(means, axis=0)[None])
    assert (decision.person, decision.rule) == (None, "margin")
    assert decision.probability < 0.5
    assert made.decide(means[0][None])[0].person == "person 0"


def test_probabilities_are_calibrated(crowd, svm):
    known, strangers = crowd
    made, test = svm, halves(known)[1]
    answers = [made.decide(one[None])[0] for one in (*test.embeddings, *strangers.embeddings)]
    right = np.array([False] * len(answers))
    right[: len(test)] = [
        answer.candidates[0].person == test.labels[target]
        for answer, target in zip(answers, test.targets, strict=False)
    ]
    sure = np.array([answer.probability > 0.9 for answer in answers])
    unlike = np.array([answer.probability < 0.1 for answer in answers])
    assert right[sure].mean() > 0.98
    assert right[unlike].mean() < 0.05


def test_embeddings_of_another_kind_are_refused(svm):
    made = svm
    with pytest.raises(ModelMismatch, match="not of other-512"):
        made.require("other-512", mirror=True)
    with pytest.raises(ModelMismatch, match="with the mirrored face"):
        made.require(EMBEDDER, mirror=False)
    with pytest.raises(ModelMismatch, match="128 numbers"):
        made.decide(np.zeros((1, 64), np.float32))
    with pytest.raises(ModelMismatch, match="no embeddings"):
        made.identify_faces(known_analyzer().analyze(picture("ada"), embed=False))


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("people", [2, 5])
def test_scores_are_those_of_scikit_learn(kind, people):
    faces = clusters([6] * people)
    estimator = fit_estimator(kind, faces.embeddings, faces.targets)
    found = scores_of(kind, estimator, faces.embeddings, faces.targets, faces.embeddings)
    theirs = estimator.decision_function(faces.embeddings)
    mine = found[:, 1] if people == 2 else found
    np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert (found.argmax(axis=1) == estimator.predict(faces.embeddings)).all()


def test_neighbours_and_centroids_are_those_of_scikit_learn():
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

    faces = clusters([9, 3, 6], spread=1.5)
    probes = clusters([20, 20, 20], spread=1.5, seed=0).embeddings
    votes = KNeighborsClassifier(5, weights="distance").fit(faces.embeddings, faces.targets)
    found = scores_of("knn", None, faces.embeddings, faces.targets, probes)
    assert (found.argmax(axis=1) == votes.predict(probes)).mean() > 0.98  # but for ties
    centres = NearestCentroid().fit(faces.embeddings, faces.targets)
    found = scores_of("centroid", None, faces.embeddings, faces.targets, probes)
    assert (found.argmax(axis=1) == centres.predict(probes)).all()


def test_judging_counts_what_was_answered(crowd, svm):
    made = svm
    rows = [0, 30, 60]
    answers = [made.decide(crowd[0].embeddings[row : row + 1])[0] for row in rows]
    found = judge(made.labels, ["person 0", "person 2", "nobody known"], answers)
    assert (found.known, found.strangers) == (2, 1)
    assert found.accuracy == found.named_rightly == found.named_wrongly == 0.5
    assert found.strangers_named == 1
    assert found.confused == [("person 2", "person 1", 1)]
    assert found.to_dict()["confused"] == [
        {"shown": "person 2", "answered": "person 1", "count": 1}
    ]
    assert judge(made.labels, [], []).accuracy is None
