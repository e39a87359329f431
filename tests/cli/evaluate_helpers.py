"""Folders of pictures whose faces are coloured squares, for the tests of `vultus evaluate`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.fakes import GAP, SIDE, picture


def write_people(folder: Path, **photos: int) -> Path:
    """So many photos of each person, each a little darker than the one before."""
    for person, count in photos.items():
        (folder / person).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image = picture(person, shade=2 * number)
            Image.fromarray(image).save(folder / person / f"{number}.png")
    return folder


def write_group(path: Path, *people: str) -> list[list[int]]:
    """One photo of several people; returns left, top, right, bottom of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*people)).save(path)
    lefts = [GAP + place * (SIDE + GAP) for place in range(len(people))]
    return [[left, GAP, left + SIDE, GAP + SIDE] for left in lefts]
