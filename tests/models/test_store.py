from __future__ import annotations

import multiprocessing
from pathlib import Path

import filelock
import pytest

from tests.models import workers
from vultus.errors import ModelDamaged, ModelMissing, StorageError
from vultus.models import store
from vultus.models.catalogue import DETECTOR, LANDMARKS_68, card

CARD = card(DETECTOR)
REAL_CONVERT = store._convert_into


@pytest.fixture
def conversions(monkeypatch) -> list[str]:
    """What was converted since the test began."""
    seen: list[str] = []

    def counted(folder, model_card):
        seen.append(model_card.id)
        return REAL_CONVERT(folder, model_card)

    monkeypatch.setattr(store, "_convert_into", counted)
    return seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    return store.load(CARD, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def cache(tmp_path, whole) -> Path:
    """A cache in which the detector lies converted."""
    store.load(CARD, tmp_path)
    return tmp_path


def cached_file(cache: Path, name: str) -> Path:
    (found,) = cache.glob(f"*/{name}")
    return found


def test_a_model_is_converted_once_then_read(tmp_path, conversions):
    first = store.load(CARD, tmp_path)
    assert list(first) == CARD.outputs
    assert conversions == [DETECTOR]
    assert store.load(CARD, tmp_path) == first
    assert conversions == [DETECTOR]


def test_conversion_makes_the_same_bytes_every_time(cache, whole):
    assert store.load(CARD, cache) == whole


def test_nothing_half_written_stays(cache):
    assert not list(cache.rglob("*.part"))
    names = {path.name for path in cache.glob("*/*")} - {".lock"}
    assert names == {f"{name}{end}" for name in CARD.outputs for end in ("", ".sha256")}


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a byte flipped": flip_a_byte,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "emptied": lambda path: path.write_bytes(b""),
    "removed": Path.unlink,
    "digest removed": lambda path: path.with_name(path.name + ".sha256").unlink(),
    "digest emptied": lambda path: path.with_name(path.name + ".sha256").write_text(""),
    "digest not text": lambda path: path.with_name(path.name + ".sha256").write_bytes(b"\xff"),
    "digest of another": lambda path: path.with_name(path.name + ".sha256").write_text("0" * 64),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_made_again(cache, whole, conversions, damage):
    damage(cached_file(cache, "rnet.onnx"))
    assert store.load(CARD, cache) == whole
    assert conversions == [DETECTOR]
    assert store.load(CARD, cache) == whole
    assert conversions == [DETECTOR]


def test_a_whole_cache_can_be_read_where_nothing_can_be_written(cache, whole, monkeypatch):
    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(filelock, "FileLock", refuse)
    assert store.load(CARD, cache) == whole


def test_a_cache_folder_that_is_a_file_is_told(tmp_path):
    path = tmp_path / "cache"
    path.write_text("I am a file")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        store.load(CARD, path)
    assert "VULTUS_RUNTIME__CACHE_DIR" in caught.value.hint
    assert path.read_text() == "I am a file"


def test_a_folder_in_place_of_a_cached_file_is_told(cache):
    path = cached_file(cache, "pnet.onnx")
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        store.load(CARD, cache)
    assert not list(cache.rglob("*.part"))


def test_a_full_disk_is_told_and_leaves_no_part(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        store.load(CARD, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.onnx"))


def test_waiting_for_another_process_ends(tmp_path, monkeypatch):
    folder = tmp_path / f"{CARD.id}-{store._key(CARD)}"
    folder.mkdir()
    monkeypatch.setattr(store, "_LOCK_SECONDS", 0.05)
    with (
        filelock.FileLock(folder / ".lock"),
        pytest.raises(StorageError, match="Another process"),
    ):
        store.load(CARD, tmp_path)


def test_weights_with_another_digest_are_refused(tmp_path):
    files = {**CARD.files, "rnet.lz4": "0" * 64}
    with pytest.raises(ModelDamaged, match=r"rnet\.lz4 has the SHA-256"):
        store.load(CARD.model_copy(update={"files": files}), tmp_path)
    assert not list(tmp_path.rglob("*.onnx"))


def test_other_weights_have_a_cache_of_their_own():
    files = {**CARD.files, "rnet.lz4": "0" * 64}
    assert store._key(CARD) != store._key(CARD.model_copy(update={"files": files}))


def test_a_distribution_that_is_not_installed_is_told(tmp_path):
    missing = CARD.model_copy(update={"distribution": "vultus-no-such-distribution"})
    with pytest.raises(ModelMissing, match="vultus-no-such-distribution") as caught:
        store.load(missing, tmp_path)
    assert "pip install" in caught.value.hint


def test_a_file_missing_from_its_distribution_is_told(tmp_path):
    files = {**CARD.files, "qnet.lz4": "0" * 64}
    with pytest.raises(ModelMissing, match=r"qnet\.lz4"):
        store.load(CARD.model_copy(update={"files": files}), tmp_path)


def test_the_file_of_the_68_points_is_refused_when_it_is_another(tmp_path, monkeypatch):
    """It has gone through many hands; nothing of another file is decoded."""
    wanted = card(LANDMARKS_68)
    (name,) = wanted.files
    other = wanted.model_copy(update={"files": {name: "0" * 64}})
    monkeypatch.setattr(store, "import_module", None)
    with pytest.raises(ModelDamaged, match=f"{name} has the SHA-256"):
        store.load(other, tmp_path)
    assert store.cached_megabytes(other, tmp_path) is None


def test_the_size_of_a_cached_model(cache, tmp_path_factory):
    size = store.cached_megabytes(CARD, cache)
    assert size == pytest.approx(CARD.megabytes, rel=0.5)
    assert store.cached_megabytes(CARD, tmp_path_factory.mktemp("empty")) is None


def test_two_processes_that_convert_at_once_both_succeed(tmp_path, whole):
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=workers.convert, args=(DETECTOR, str(tmp_path), start, answers))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    answers.close()
    assert found == [{name: len(data) for name, data in whole.items()}] * 2
    assert not list(tmp_path.rglob("*.part"))
    assert store.load(CARD, tmp_path) == whole
