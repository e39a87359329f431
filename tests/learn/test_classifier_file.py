from __future__ import annotations

import io
import json
import os
import stat
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from tests.learn.people import EMBEDDER, clusters
from vultus.errors import ExtraMissing, ModelDamaged, ModelMismatch, ModelMissing, StorageError
from vultus.learn import classifier_kinds
from vultus.learn.classifier import train_classifier
from vultus.learn.classifier_file import load_classifier, save_classifier
from vultus.learn.classifier_kinds import KINDS


@pytest.fixture(scope="module")
def faces():
    return clusters([6, 5, 7])


@pytest.fixture(scope="module")
def made(faces):
    return train_classifier(faces, kind="logistic", embedder=EMBEDDER, mirror=True).classifier


@pytest.fixture
def path(made, tmp_path):
    save_classifier(made, tmp_path / "people.skops")
    return tmp_path / "people.skops"


def content_of(path):
    return skops.io.load(path, trusted=[])


def write(path, content):
    path.write_bytes(skops.io.dumps(content, compression=zipfile.ZIP_DEFLATED))


def told(classifier, faces):
    """Its answers; the last digits are the memory's alignment."""
    return [
        (
            one.person,
            one.rule,
            pytest.approx(one.probability, abs=1e-5),
            one.candidates[0].reference,
        )
        for one in classifier.decide(faces.embeddings)
    ]


def repacked(path, change):
    """The file with `change(name, data)` done to each member; its checksums are right again."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_the_same_after_reading(kind, faces, tmp_path):
    before = train_classifier(faces, kind=kind, embedder=EMBEDDER, mirror=False).classifier
    save_classifier(before, tmp_path / "a.skops")
    after = load_classifier(tmp_path / "a.skops")
    assert after.card == before.card
    assert (after.embedder, after.mirror) == (EMBEDDER, False)
    assert after.faces.sources == before.faces.sources
    assert told(after, faces) == told(before, faces)
    assert after.was_learnt(faces.digests[3].tobytes().hex() + "00" * 16)
    assert not after.was_learnt("00" * 32)


def test_it_is_for_its_owner_alone_and_appears_whole(made, path, tmp_path):
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["people.skops"]
    with pytest.raises(StorageError):
        save_classifier(made, tmp_path / "gone" / "people.skops")


def test_no_file_is_told(tmp_path):
    with pytest.raises(ModelMissing):
        load_classifier(tmp_path / "gone.skops")
    with pytest.raises(ModelDamaged):
        load_classifier(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ModelDamaged):
            load_classifier(tmp_path / "pipe")


def test_a_changed_bit_is_seen_or_changes_nothing(made, path, faces):
    data = path.read_bytes()
    seen = 0
    for place in range(0, len(data), len(data) // 150):
        changed = bytearray(data)
        changed[place] ^= 16
        path.write_bytes(bytes(changed))
        try:
            after = load_classifier(path)
        except ModelDamaged:
            seen += 1
            continue
        assert told(after, faces) == told(made, faces)
    assert seen > 140


@pytest.mark.parametrize("part", [0, 10, 0.5, 0.99])
def test_a_file_that_is_cut_off(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data)) if part < 1 else part])
    with pytest.raises(ModelDamaged, match="is no trained classifier"):
        load_classifier(path)


@pytest.mark.parametrize(
    "evil",
    [
        LogisticRegression,  # a type, not a value
        os.path.join,  # a function
        Pipeline([("one", LogisticRegression())]),  # trusted by skops, and not by us
        np.random.default_rng(0),
        {1, 2},
        np.array(["text"]),
        np.array([{}], object),
        np.float64,
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_not_trusted_is_not_made(path, evil, monkeypatch):
    content = content_of(path)
    content["sources"] = evil
    write(path, content)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(ModelDamaged):
        load_classifier(path)


def test_a_type_that_hides_is_found(path, monkeypatch):
    """Whatever skops might make something of is looked at, also where it has no business."""

    def hide(name, data):
        if name != "schema.json":
            return data
        schema = json.loads(data)
        schema["content"]["card"]["hidden"] = [
            {"__module__": "os", "__class__": "system", "__loader__": "TypeNode"}
        ]
        return json.dumps(schema)

    repacked(path, hide)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(ModelDamaged, match=r"not trusted: os\.system"):
        load_classifier(path)


def test_a_bomb_is_not_unpacked(path, tmp_path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(50_000_000))
    with pytest.raises(ModelDamaged, match="unpacks to"):
        load_classifier(path)
    with zipfile.ZipFile(tmp_path / "many.skops", "w") as archive:
        for number in range(1000):
            archive.writestr(str(number), b"")
    with pytest.raises(ModelDamaged, match="other members"):
        load_classifier(tmp_path / "many.skops")
    deep = "[" * 100_000 + "]" * 100_000
    with zipfile.ZipFile(tmp_path / "deep.skops", "w") as archive:
        archive.writestr("schema.json", deep)
    with pytest.raises(ModelDamaged):
        load_classifier(tmp_path / "deep.skops")


def test_an_array_that_promises_more_than_there_is(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 128)}
    )

    def promise(name, data):
        return header.getvalue() if name.endswith(".npy") else data

    repacked(path, promise)
    with pytest.raises(ModelDamaged, match="no array of numbers"):
        load_classifier(path)


def _card(content, **changes):
    return {**content, "card": json.dumps(json.loads(content["card"]) | changes)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: _card(c, format=2), "newer Vultus"),
        (lambda c: _card(c, threshold=-1), "threshold"),
        (lambda c: _card(c, labels=["a", "a", "b"]), "twice"),
        (lambda c: _card(c, labels=["a", "b"]), "do not fit"),
        (lambda c: _card(c, kind="svm"), "none for svm"),
        (lambda c: _card(c, kind="centroid"), "needs no estimator"),
        (lambda c: _card(c, unknown=1), "unknown"),
        (lambda c: {**c, "card": "[]"}, "card"),
        (lambda c: {**c, "card": "{"}, "no trained classifier"),
        (lambda c: {**c, "sources": "{}"}, "not"),
        (lambda c: {**c, "sources": "[1]"}, "no names"),
        (lambda c: {**c, "targets": c["targets"][::-1].copy()}, "do not fit"),
        (lambda c: {**c, "targets": c["targets"] * 2}, "do not fit"),
        (lambda c: {**c, "embeddings": c["embeddings"] * np.float32(np.nan)}, "none"),
        (lambda c: {**c, "embeddings": c["embeddings"][:, :64].copy()}, "of shape"),
        (lambda c: {**c, "digests": c["digests"].astype(np.int64)}, "uint8"),
        (lambda c: {**c, "estimator": None}, "none for logistic"),
        (lambda c: {name: c[name] for name in c if name != "digests"}, "parts"),
    ],
)
def test_contents_that_do_not_fit_are_refused(path, change, said):
    write(path, change(content_of(path)))
    with pytest.raises(ModelDamaged, match=said):
        load_classifier(path)


@pytest.mark.parametrize("name", ["coef_", "intercept_"])
@pytest.mark.parametrize("value", [np.zeros(2), np.full((3, 128), np.inf), "text"])
def test_an_estimator_that_does_not_fit_is_refused(path, name, value):
    content = content_of(path)
    setattr(content["estimator"], name, value)
    write(path, content)
    with pytest.raises(ModelDamaged, match=name):
        load_classifier(path)


def test_another_models_embeddings_are_refused(path):
    write(path, _card(content_of(path), embedder="arcface-512"))
    with pytest.raises(ModelMismatch, match="arcface-512"):
        load_classifier(path)


def test_without_scikit_learn_it_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for call in (classifier_kinds.require_learn, lambda: load_classifier(path)):
        with pytest.raises(ExtraMissing, match=r"vultus\[learn\]"):
            call()
