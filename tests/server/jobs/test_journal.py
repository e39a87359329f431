"""The journal of a job: whole lines, whatever happened while one was written."""

from __future__ import annotations

import resource
import signal

import pytest

from vultus.errors import StorageError
from vultus.server.jobs.journal import Journal


def test_what_was_noted_is_there_for_the_next_process(tmp_path):
    path = tmp_path / "journal"
    assert Journal(path).entries() == []
    Journal(path).note({"begin": 1})
    Journal(path).note({"of": 1, "person": "Zoë\n"})
    assert Journal(path).entries() == [{"begin": 1}, {"of": 1, "person": "Zoë\n"}]
    assert path.stat().st_mode & 0o077 == 0


def test_a_line_that_a_crash_cut_off_was_never_written(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b'{"a": 1}\n{"b": ')
    assert Journal(path).entries() == [{"a": 1}]
    Journal(path).note({"c": 3})
    assert Journal(path).entries() == [{"a": 1}, {"c": 3}]


def test_a_full_disk_that_takes_a_part_is_an_error(tmp_path):
    """The system writes what fits, and says no more than how much that was."""
    path = tmp_path / "journal"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot be kept"):
            Journal(path).note({"begin": 100_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert Journal(path).entries() == []


def test_a_journal_that_cannot_be_kept_is_an_error(tmp_path):
    (tmp_path / "folder").mkdir()
    journal = Journal(tmp_path / "folder")
    for call in (journal.entries, lambda: journal.note({})):
        with pytest.raises(StorageError, match="cannot be kept") as failed:
            call()
        assert str(tmp_path) not in str(failed.value)
