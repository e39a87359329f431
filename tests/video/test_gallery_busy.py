"""A gallery that another process holds up while a camera is watched."""

from __future__ import annotations

import pytest

import vultus
from tests.video.scenes import FilmSource, Part
from vultus.errors import GalleryBusy


@pytest.mark.parametrize("call", ["decide", "add", "read", "revision"])
def test_a_gallery_that_is_held_up_costs_looks_and_not_the_camera(family, play, monkeypatch, call):
    """Another process holds it for a second; what could not be asked is asked again."""
    owner = family if call == "decide" else family.strangers
    in_earnest, asked = getattr(owner, call), []

    def busy(*args, **options):
        asked.append(1)
        if len(asked) <= 3:
            raise GalleryBusy("The gallery is locked.")
        return in_earnest(*args, **options)

    monkeypatch.setattr(owner, call, busy)
    parts = [Part("ada"), Part("cyd", x=200, speed=0)]
    play(door=FilmSource(parts, 8.0))
    with vultus.watch("door", group="family", gallery=family) as watching:
        found = {visit.who for visit in watching}
    assert found == {"ada", "unknown-0001"}
    assert len(asked) > 3
    if call == "decide":
        assert watching.status[0].counts["gallery_busy"] == 3
