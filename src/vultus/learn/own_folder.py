"""A folder of folders of pictures that is ours: what we put there is written down, beside it.

Originals are only ever read. No file is overwritten, and only files that we put there, that are as
we left them and of which the original is still there, are removed. Every file appears whole or not
at all; what was interrupted goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vultus.errors import StorageError, UsageError
from vultus.events.private import FILE_MODE
from vultus.imaging.folders import is_folder
from vultus.learn.folder_names import file_name, same_name
from vultus.learn.putting import How, clear_parts, is_as_put, is_copy_of, part_of, put, put_new

STATE = ".vultus-folders.json"
_LOCK = ".vultus-folders.lock"
_MAX_STATE_BYTES = 2**28
_EMPTY = "Choose an empty folder, or one that this command made."

_PART = "@"  # between a digest and a part

Kind = Literal["sort", "cluster"]


def _two_parts(place: str) -> str:
    """Nothing that is written in the state leads out of the folder."""
    parts = place.split("/")
    bad = any(not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts)
    if len(parts) != 2 or bad:
        raise ValueError("no place in this folder")
    return place


def _one_part(name: str) -> str:
    _two_parts(f"{name}/file")
    return name


_Folder = Annotated[str, AfterValidator(_one_part)]


class Entry(BaseModel):
    """A file that we put there. key: of what; done: False while it is only meant to be."""

    model_config = ConfigDict(extra="forbid")

    key: str
    how: How = "copy"
    size: int = 0
    mtime_ns: int = 0
    done: bool = False


class State(BaseModel):
    """What is known of the folder.

    people: the folder of each known person; clusters: of each folder of somebody unknown the
    faces, by the digest of their picture and the middle of their box; last: the highest number
    that such a folder ever had; files: what lies there.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    kind: Kind
    people: dict[str, _Folder] = Field(default_factory=dict)
    clusters: dict[_Folder, list[tuple[str, int, int]]] = Field(default_factory=dict)
    last: int = Field(0, ge=0)
    files: dict[Annotated[str, AfterValidator(_two_parts)], Entry] = Field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What shall lie in a folder: a picture, or with `make` a part of it that is written anew.

    digest: SHA-256 of the picture's bytes; part: which part; name: of the file, its own if empty.
    """

    folder: str
    source: Path
    digest: str
    part: str = ""
    name: str = ""
    make: Callable[[Path], None] | None = None

    @property
    def key(self) -> str:
        """Tells again what this is."""
        return f"{self.digest}{_PART}{self.part}" if self.part else self.digest


@dataclass
class Plan:
    """new: what is to be put where; kept: what lies there already; stale: what is to go."""

    new: list[tuple[Wanted, str]] = field(default_factory=list)
    kept: int = 0
    stale: list[str] = field(default_factory=list)


@contextmanager
def opened(path: Path, kind: Kind, *, dry: bool = False) -> Iterator[OwnFolder]:
    """The folder at a path, made if need be, for this process alone. dry: nothing is made.

    Raises:
        UsageError: it is a file, holds something else, or was made by another command.
        StorageError: it cannot be written, its state cannot be read, or it is being worked on.
    """
    state = _read_state(path, kind)
    if dry:
        yield OwnFolder(path, state)
        return
    lock = FileLock(path / _LOCK, timeout=0)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        clear_parts(path)
    except Timeout:
        raise StorageError(
            f"Another process is working on {path}.", "Wait until it is done."
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield OwnFolder(path, _read_state(path, kind))
    finally:
        lock.release()


def _read_state(path: Path, kind: Kind) -> State:
    if path.exists() and not is_folder(path):
        raise UsageError(f"{path} is no folder.", _EMPTY)
    file = path / STATE
    try:
        if not file.exists():
            others = (
                [each for each in path.iterdir() if each.name != _LOCK] if path.exists() else []
            )
            if others:
                raise UsageError(f"{path} holds something else.", _EMPTY)
            return State(kind=kind)
        with file.open("rb") as opened_file:
            state = State.model_validate_json(opened_file.read(_MAX_STATE_BYTES))
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"{file} cannot be read.", "Choose another folder; this one is left as it is."
        ) from error
    if state.kind != kind:
        raise UsageError(f"{path} was made by `vultus {state.kind}`.", _EMPTY)
    return state


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Choose another place, or free some space.",
    )


class OwnFolder:
    """The folder and its state; see `opened`."""

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state

    def plan(self, wanted: Sequence[Wanted], sources: Mapping[str, Path]) -> Plan:
        """What is to be done so that there is what is wanted. Nothing is written.

        sources: all pictures there are now, by digest. What lies there of others stays: it may be
        the last copy.
        """
        plan = Plan()
        there = self._there(sources)
        needed = {(each.folder, each.key) for each in wanted}
        taken: dict[str, set[str]] = {}
        for each in wanted:
            if (each.folder, each.key) in there:
                plan.kept += 1
                continue
            if each.folder not in taken:
                taken[each.folder] = {same_name(name) for name in self._names(each.folder)}
            name = each.name or each.source.name.lstrip(".") or "picture"
            name = file_name(name, taken[each.folder])
            taken[each.folder].add(same_name(name))
            plan.new.append((each, f"{each.folder}/{name}"))
        for (folder, key), place in there.items():
            if (folder, key) not in needed and key.split(_PART)[0] in sources:
                plan.stale.append(place)
        return plan

    def _there(self, sources: Mapping[str, Path]) -> dict[tuple[str, str], str]:
        """What of the state lies there; what was meant to and is something else is forgotten."""
        found: dict[tuple[str, str], str] = {}
        for place, entry in list(self.state.files.items()):
            path, source = self.path / place, sources.get(entry.key.split(_PART)[0])
            if not entry.done and source is not None and is_copy_of(path, source, entry.key):
                self._written(place, entry)
            if entry.done and os.path.lexists(path):
                found[(place.split("/")[0], entry.key)] = place
            elif entry.done or source is not None:
                del self.state.files[place]
        return found

    def _names(self, folder: str) -> list[str]:
        path = self.path / folder
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise StorageError(
                f"{path} is a link or a file.", "Move it away; nothing is written through it."
            )
        return [each.name for each in path.iterdir()] if path.exists() else []

    def carry_out(self, plan: Plan, link: bool) -> Iterator[tuple[Wanted, How]]:
        """Do what is planned, a file a turn; the state is written before and after.

        Raises:
            StorageError: the disk is full or a file cannot be read; what is done stays.
        """
        for wanted, place in plan.new:
            self.state.files[place] = Entry(key=wanted.key)
        finished = False
        try:
            self.save()
            for wanted, place in plan.new:
                yield wanted, self._put(wanted, place, link)
            for place in plan.stale:
                self._remove(place)
            self.save()
            finished = True
        except OSError as error:
            raise _unwritable(Path(error.filename or self.path), error) from error
        finally:
            if not finished:  # Ctrl-C, too: what is done need not be looked at again
                with suppress(OSError):
                    self.save()

    def _put(self, wanted: Wanted, place: str, link: bool) -> How:
        folder, name = place.split("/")
        (self.path / folder).mkdir(exist_ok=True)
        entry = self.state.files.pop(place)
        while True:
            try:
                entry.how = self._make(wanted, self.path / folder / name, link)
                break
            except FileExistsError:  # somebody was quicker
                name = file_name(name, {same_name(each) for each in self._names(folder)})
        place = f"{folder}/{name}"
        self.state.files[place] = entry
        self._written(place, entry)
        return entry.how

    @staticmethod
    def _make(wanted: Wanted, target: Path, link: bool) -> How:
        if wanted.make is None:
            return put(wanted.source, target, link)
        put_new(target, wanted.make)
        return "crop"

    def _written(self, place: str, entry: Entry) -> None:
        told = (self.path / place).lstat()
        entry.size, entry.mtime_ns, entry.done = told.st_size, told.st_mtime_ns, True

    def _remove(self, place: str) -> None:
        """Take our file away; one that somebody changed is theirs now."""
        entry = self.state.files.pop(place)
        path = self.path / place
        if path.parent.is_symlink() or not is_as_put(path, entry.size, entry.mtime_ns):
            return
        path.unlink()
        with suppress(OSError):
            path.parent.rmdir()  # only where it is empty

    def save(self) -> None:
        """Write the state; a reader sees the old one or the new one."""
        part = part_of(self.path / STATE)
        try:
            with part.open("xb") as file:
                part.chmod(FILE_MODE)
                file.write(self.state.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path / STATE)
        finally:
            part.unlink(missing_ok=True)
