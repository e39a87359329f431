"""Run in other processes by test_store."""

from __future__ import annotations

from pathlib import Path

from vultus.models import store
from vultus.models.catalogue import card


def convert(model_id: str, folder: str, start, answers) -> None:
    """Wait for the others, then load a model; answers with the sizes of its files."""
    start.wait(60)
    files = store.load(card(model_id), Path(folder))
    answers.put({name: len(data) for name, data in files.items()})
