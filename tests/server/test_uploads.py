"""Files that pass through the folder of uploads."""

from __future__ import annotations

from tests.server.live import live_server, settings_in
from vultus.server.services import uploads_of
from vultus.server.uploads import clear_places, place_for


def test_what_a_killed_server_left_is_gone_and_jobs_keep_theirs(tmp_path):
    for what in ("export", "import"):
        place_for(tmp_path, what, ".vultus.zip").touch()
    kept = [tmp_path / "job-1.upload", tmp_path / "exported.txt"]
    for path in kept:
        path.touch()
    clear_places(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_folder_that_is_not_there_yet_needs_no_clearing(tmp_path):
    clear_places(tmp_path / "uploads")


def test_a_server_clears_before_it_answers(tmp_path):
    settings = settings_in(tmp_path)
    left = place_for(uploads_of(settings), "export", ".vultus.zip")
    left.touch()
    with live_server(settings):
        assert not left.exists()
