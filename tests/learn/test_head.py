from __future__ import annotations

import datetime
import io
import json
import os
import stat
import sys
import zipfile

import numpy as np
import pytest

from vultus.errors import ModelDamaged, ModelMismatch, ModelMissing, StorageError
from vultus.learn.head import ExpressionHead, HeadCard, load_head, networks_id, save_head
from vultus.models import catalogue

NETWORKS = "a" * 64


def card(**changes) -> HeadCard:
    fields = {
        "labels": ["froh", "müde\n[x]"],
        "features": 6,
        "networks": NETWORKS,
        "temperature": 2.0,
        "counts": [10, 20],
        "strength": 0.1,
        "accuracy": 0.9,
        "balanced_accuracy": 0.8,
        "made_at": datetime.datetime(2026, 11, 21, tzinfo=datetime.timezone.utc),
        "vultus": "1.0",
    }
    return HeadCard.model_validate(fields | changes)


def head(**changes) -> ExpressionHead:
    random = np.random.default_rng(0)
    return ExpressionHead(
        card(**changes),
        random.normal(0, 1, (2, 6)).astype(np.float32),
        random.normal(0, 1, 2).astype(np.float32),
    )


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "my.vultus"
    save_head(head(), path)
    return path


def rewritten(path, name, data):
    """The same file with one member changed, or left out."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = data
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            if content is not None:
                archive.writestr(member, content)
    return path


def array(values, **options) -> bytes:
    data = io.BytesIO()
    np.save(data, values, **options)
    return data.getvalue()


def test_what_is_saved_is_read(saved, tmp_path):
    again = load_head(saved, NETWORKS)
    assert again.labels == ("froh", "müde\n[x]")
    assert again.card == head().card
    features = np.random.default_rng(1).normal(0, 1, (5, 6)).astype(np.float32)
    assert np.array_equal(again.probabilities(features), head().probabilities(features))
    assert list(tmp_path.iterdir()) == [saved]  # nothing half-written stays


def test_probabilities_are_those_of_the_formula():
    made = head()
    features = np.ones((1, 6), np.float32)
    logits = (made.weights.sum(axis=1) + made.bias) / 2
    expected = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose(made.probabilities(features), expected, atol=1e-6)
    assert made.probabilities(np.zeros((0, 6), np.float32)).shape == (0, 2)


def test_features_of_another_size(saved):
    with pytest.raises(ModelMismatch, match="6 features"):
        load_head(saved, NETWORKS).probabilities(np.zeros((1, 7), np.float32))


def test_a_head_of_other_networks(saved):
    with pytest.raises(ModelMismatch, match="other networks"):
        load_head(saved, "b" * 64)


def test_the_id_of_the_networks_is_that_of_trunk_and_expression(monkeypatch):
    before = networks_id()
    files = dict(catalogue.card(catalogue.ATTRIBUTES).files)
    changed = {"person.onnx": before, "expression.onnx": networks_id()}
    for name, digest in changed.items():
        other = catalogue.card(catalogue.ATTRIBUTES).model_copy(
            update={"files": {**files, name: digest}}
        )
        monkeypatch.setattr(catalogue, "card", lambda _, other=other: other)
        assert (networks_id() == before) is (name == "person.onnx")


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelMissing):
        load_head(tmp_path / "none.vultus", NETWORKS)


@pytest.mark.parametrize("size", [0, 1, 10, 100, -1, -30, -200])
def test_a_file_that_was_cut_off(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(ModelDamaged):
        load_head(saved, NETWORKS)


def test_flipped_bytes_are_refused_or_harmless(saved):
    whole = saved.read_bytes()
    features = np.ones((1, 6), np.float32)
    for place in range(0, len(whole), 7):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            again = load_head(saved, NETWORKS)
        except (ModelDamaged, ModelMismatch):
            continue
        assert np.array_equal(again.probabilities(features), head().probabilities(features))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("head.json", None),
        ("weights.npy", None),
        ("weights.npy", array(np.zeros((2, 7), np.float32))),
        ("weights.npy", array(np.zeros((2, 6), np.float64))),
        ("weights.npy", array(np.full((2, 6), np.nan, np.float32))),
        ("weights.npy", array(np.array([[object()] * 6] * 2, object), allow_pickle=True)),
        ("weights.npy", b"\x93NUMPY\x01\x00"),
        ("bias.npy", array(np.array([np.inf, 0], np.float32))),
        ("bias.npy", b"x" * 2**20),
        ("head.json", b"[1]"),
        ("head.json", b"{}"),
        ("head.json", b"{" * 100_000),
        ("head.json", b" " * 2**19),
    ],
)
def test_members_that_are_not_what_they_should_be(saved, name, data):
    with pytest.raises(ModelDamaged):
        load_head(rewritten(saved, name, data), NETWORKS)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"kind": "age"},
        {"labels": ["one"], "counts": [1]},
        {"labels": ["same", "same"]},
        {"labels": ["", "b"]},
        {"labels": ["x" * 101, "b"]},
        {"labels": [f"{n}" for n in range(201)], "counts": [1] * 201},
        {"counts": [1, 2, 3]},
        {"features": 10**9},
        {"temperature": 0},
        {"temperature": float("nan")},
        {"networks": "../../etc"},
        {"unknown": 1},
    ],
)
def test_cards_that_make_no_sense(saved, changes):
    with zipfile.ZipFile(saved) as archive:
        told = json.loads(archive.read("head.json"))
    with pytest.raises(ModelDamaged):
        load_head(rewritten(saved, "head.json", json.dumps(told | changes)), NETWORKS)


def test_a_newer_format_is_called_so(saved):
    with pytest.raises(ModelDamaged, match="newer Vultus"):
        load_head(rewritten(saved, "head.json", b'{"format": 2, "more": 1}'), NETWORKS)


def test_places_that_are_no_file(tmp_path):
    with pytest.raises(ModelDamaged):
        load_head(tmp_path, NETWORKS)
    with pytest.raises(StorageError):
        save_head(head(), tmp_path / "nowhere" / "my.vultus")
    with pytest.raises(StorageError):
        save_head(head(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelDamaged):
        load_head(tmp_path / "pipe", NETWORKS)


def test_a_failure_leaves_the_old_file(saved, monkeypatch, tmp_path):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space"):
        save_head(head(temperature=1.0), saved)
    assert saved.read_bytes() == before
    assert list(tmp_path.iterdir()) == [saved]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_others_may_read_it_as_any_file(saved, tmp_path):
    (tmp_path / "any").touch()
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE((tmp_path / "any").stat().st_mode)
