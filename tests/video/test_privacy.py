"""Who is removed or forgotten leaves nothing behind, also while somebody watches."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta, timezone

import pytest

from tests.video.scenes import Part, film
from vultus.errors import GroupUnknown
from vultus.gallery.strangers import StrangerFace
from vultus.video.watching import watch


def pictures(folder):
    return sorted(path.name for path in folder.rglob("*.jpg"))


@pytest.fixture
def clip(tmp_path):
    return film(tmp_path / "clip.mp4", [Part("ada", 0.0, 9.0)], 5.0)


def test_who_is_removed_while_there_leaves_no_picture_and_no_name(family, clip, tmp_path):
    folder = tmp_path / "pictures"
    exits = []
    with watch(clip, group="family", gallery=family, snapshots=folder, on="all") as watching:
        for visit in watching:
            if visit.type == "enter":
                assert visit.person == "ada"
                family.remove("ada", group="family")
            else:
                exits.append(visit)
    assert [(e.person, e.stranger, e.best_shot, e.why) for e in exits] == [
        (None, None, None, {"rule": "forgotten"})
    ]
    assert pictures(folder) == []
    assert family.visits.find(person="ada") == []


def test_a_group_that_is_removed_while_watching_does_not_come_back(family, clip, tmp_path):
    folder = tmp_path / "pictures"
    with (
        pytest.raises(GroupUnknown),
        watch(clip, group="family", gallery=family, snapshots=folder, on="all") as watching,
    ):
        for visit in watching:
            if visit.type == "enter":
                family.remove_group("family")
    assert "family" not in [group.name for group in family.groups()]
    assert pictures(folder) == []


def test_strangers_not_seen_for_long_are_forgotten(family, clip):
    face = StrangerFace(family.faces_of("ada", group="family")[0].embedding * 0, 0.9, 80)
    label = family.strangers.add("family", family.analyzer.embedder_id, [face])
    long_ago = datetime.now(timezone.utc) - timedelta(days=31)
    import sqlalchemy as sa

    from vultus.gallery.schema import strangers

    with family.database.write() as connection:
        seen = long_ago.replace(tzinfo=None)
        connection.execute(sa.update(strangers).values(seen_at=seen))
    assert [each.label for each in family.strangers.strangers("family")] == [label]
    list(watch(clip, group="family", gallery=family))
    assert label not in [each.label for each in family.strangers.strangers("family")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_with_embeddings_are_for_the_owner_only(family, clip, tmp_path):
    tracks = tmp_path / "tracks.jsonl"
    list(watch(clip, group="family", gallery=family, tracks=tracks))
    for path in (tracks, family.database.path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
