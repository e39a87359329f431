"""The tool `face_detection IMAGE_TO_CHECK`: where faces are in which picture.

A line a face: path, top, right, bottom and left in pixels, separated by commas. Arguments, lines
and status are those of face_recognition 1.3.0, with `--upsample` of its later source.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vultus.compat.face_recognition import api
from vultus.compat.face_recognition.tool import (
    Tool,
    for_each,
    image_files_in_folder,
    say,
)

Location = tuple[int, int, int, int]

__all__ = [
    "image_files_in_folder",
    "main",
    "print_result",
    "process_images_in_process_pool",
    "test_image",
]


def print_result(filename: str, location: Location) -> None:
    """The line of one face; `location` is top, right, bottom, left in pixels."""
    top, right, bottom, left = location
    say(f"{filename},{top},{right},{bottom},{left}")


def test_image(image_to_check: str, model: str, upsample: int = 0) -> None:
    """Print where faces are in a picture.

    Raises:
        OSError, ValueError, ImageTooLarge: the picture cannot be read.
    """
    process_images_in_process_pool([image_to_check], 1, model, upsample)


def process_images_in_process_pool(
    images_to_check: Sequence[str], number_of_cpus: int, model: str, upsample: int = 0
) -> None:
    """`test_image` on each, as many at once as `number_of_cpus` says, -1 for all cores.

    The name is the original's; these are threads, and the lines come in the order of the pictures.

    Raises:
        ValueError: no such number of cores.
        OSError, ValueError, ImageTooLarge: a picture cannot be read.
    """

    def look(path: str) -> list[Location]:
        return api.face_locations(api.load_image_file(path), upsample, model)

    def answer(path: str, locations: list[Location]) -> None:
        for location in locations:
            print_result(path, location)

    for_each(images_to_check, look, list, answer, number_of_cpus)


@click.command(cls=Tool)
@click.argument("image_to_check")
@click.option("--cpus", default=1, help="Pictures at once; -1: as many as there are cores.")
@click.option("--model", default="hog", help="Detector: hog (fast) or cnn. [default: hog]")
@click.option(
    "--upsample",
    default=0,
    type=click.IntRange(min=0),
    help="How often to enlarge the picture before; each time finds faces half as large.",
)
def main(image_to_check: str, cpus: int, model: str, upsample: int) -> None:
    """Find the faces in a picture, or in all pictures of a folder."""
    is_folder = Path(image_to_check).is_dir()
    images = image_files_in_folder(image_to_check) if is_folder else [image_to_check]
    process_images_in_process_pool(images, cpus if is_folder else 1, model, upsample)


if __name__ == "__main__":
    main()
