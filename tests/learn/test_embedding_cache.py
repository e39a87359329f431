from __future__ import annotations

import sqlite3
import stat
import sys
import time

import numpy as np
import pytest

from tests.fakes import fake_analyzer, picture
from tests.learn.people import EMBEDDER, known_analyzer
from vultus.learn import embedding_cache
from vultus.learn.embedding_cache import FILE_NAME, UNUSED_DAYS, EmbeddingCache, recipe_of

DIGEST = "ab" * 32


@pytest.fixture
def faces():
    return known_analyzer().analyze(picture("ada", "bob"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def filled(folder, faces, count=1):
    with EmbeddingCache(folder, "recipe") as cache:
        for number in range(count):
            cache.put(f"{number:064x}" if count > 1 else DIGEST, faces)
    return folder / FILE_NAME


def get(folder, recipe="recipe"):
    with EmbeddingCache(folder, recipe) as cache:
        return cache.get(DIGEST, EMBEDDER)


def test_what_is_put_comes_back_by_another_process(folder, faces):
    filled(folder, faces)
    found = get(folder)
    np.testing.assert_array_equal(found.embeddings, faces.embeddings)
    assert found.embedder == EMBEDDER
    assert get(folder, "another recipe") is None


def test_it_is_for_its_owner_alone_and_names_nothing(folder, faces):
    path = filled(folder, faces)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        path.chmod(0o644)
        get(folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert DIGEST.encode() not in path.read_bytes()
    assert [each.name for each in folder.iterdir()] == [FILE_NAME]  # one file to delete


def test_the_recipe_changes_with_what_embeddings_depend_on():
    base = known_analyzer()
    other = base.settings.detection.model_copy(update={"score_threshold": 0.5})
    settings = base.settings.model_copy(update={"detection": other})
    recipes = {
        recipe_of(base),
        recipe_of(known_analyzer(mirror=False)),
        recipe_of(known_analyzer(settings)),
    }
    assert len(recipes) == 3
    assert recipe_of(fake_analyzer()) is None  # a detector that does not say who it is
    assert EmbeddingCache.of(fake_analyzer()) is None


def test_an_entry_of_which_a_bit_is_changed_is_made_again(folder, faces, caplog):
    path = filled(folder, faces)
    database = sqlite3.connect(path)
    (data,) = database.execute("SELECT faces FROM pictures").fetchone()
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 4
        database.execute("UPDATE pictures SET faces = ?", (bytes(changed),))
        database.commit()
        assert get(folder) is None
    for wrong in (b"", data[:30], "text", 7, data + b"more"):
        database.execute("UPDATE pictures SET faces = ?", (wrong,))
        database.commit()
        assert get(folder) is None
    database.close()
    assert "is damaged and is made again" in caplog.text


@pytest.mark.parametrize("cut", [10, 500, 3000])
def test_a_file_that_is_cut_off_is_begun_again(folder, faces, cut):
    path = filled(folder, faces, 20)
    path.write_bytes(path.read_bytes()[:cut])
    with EmbeddingCache(folder, "recipe") as cache:
        cache.get(DIGEST, EMBEDDER)
        cache.put(DIGEST, faces)
    filled(folder, faces)  # what broke it while reading begins anew with the next run
    assert get(folder) is not None


def test_something_else_in_its_place_is_begun_again(folder, faces, caplog):
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"not a database at all" * 100)
    filled(folder, faces)
    assert get(folder) is not None
    assert "is begun again" in caplog.text


def test_it_does_not_grow_without_end(folder, faces):
    limit = 200_000
    path = filled(folder, faces, 400)
    assert path.stat().st_size > limit
    with EmbeddingCache(folder, "recipe", max_bytes=limit) as cache:
        assert cache.get(f"{399:064x}", EMBEDDER) is not None
    assert path.stat().st_size < limit
    kept = sum(
        EmbeddingCache(folder, "recipe").get(f"{number:064x}", EMBEDDER) is not None
        for number in range(0, 400, 40)
    )
    assert 0 < kept < 10


def test_what_nobody_used_for_long_is_dropped(folder, faces, monkeypatch):
    filled(folder, faces)
    now = time.time()
    monkeypatch.setattr(embedding_cache.time, "time", lambda: now + 86_400 * UNUSED_DAYS)
    assert get(folder) is not None  # used today, then
    later = now + 86_400 * 2 * UNUSED_DAYS
    monkeypatch.setattr(embedding_cache.time, "time", lambda: later)
    assert get(folder) is not None
    monkeypatch.setattr(embedding_cache.time, "time", lambda: later + 86_400 * (UNUSED_DAYS + 1))
    EmbeddingCache(folder, "recipe").close()
    assert get(folder) is None


def test_another_process_that_holds_it_costs_the_cache_and_not_the_work(folder, faces, monkeypatch):
    path = filled(folder, faces)
    monkeypatch.setattr(embedding_cache, "_WAIT_S", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with EmbeddingCache(folder, "recipe") as cache:
        cache.put("cd" * 32, faces)
        assert cache.get(DIGEST, EMBEDDER) is None
    other.execute("ROLLBACK")
    other.close()
    assert get(folder) is not None  # and it is whole
