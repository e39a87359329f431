"""The tool `face_recognition KNOWN_PEOPLE_FOLDER IMAGE_TO_CHECK`: who is in which picture.

A line a face: path and name, separated by a comma, with `--show-distance 1` the distance, too.
Arguments, lines and status are those of face_recognition 1.3.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vultus.compat.face_recognition import api, engine
from vultus.compat.face_recognition.tool import (
    Tool,
    for_each,
    image_files_in_folder,
    say,
)

Encoding = NDArray[np.float64]
Found = list[tuple[str, float | None]]

__all__ = [
    "image_files_in_folder",
    "main",
    "print_result",
    "process_images_in_process_pool",
    "scan_known_people",
    "test_image",
]

_LONGEST_SIDE = 1600
_STRANGER = "unknown_person"
_NOBODY = "no_persons_found"


def scan_known_people(known_people_folder: str) -> tuple[list[str], list[Encoding]]:
    """Names, from the names of the pictures in a folder, and an encoding, float64 (128,), each.

    Says so on stdout where a picture shows nobody, or several of whom the first is taken.

    Raises:
        OSError: there is no such folder. OSError, ValueError, ImageTooLarge: a picture cannot be
        read.
    """
    return _scan(known_people_folder, cpus=1)


def _scan(folder: str, cpus: int) -> tuple[list[str], list[Encoding]]:
    names: list[str] = []
    encodings: list[Encoding] = []

    def take(path: str, faces: list[Encoding]) -> None:
        if len(faces) > 1:
            say(f"WARNING: More than one face found in {path}. Only considering the first face.")
        if not faces:
            say(f"WARNING: No faces found in {path}. Ignoring file.")
            return
        names.append(Path(path).stem)
        encodings.append(faces[0])

    def look(path: str) -> list[engine.Chip]:
        return api.face_chips(api.load_image_file(path))

    for_each(image_files_in_folder(folder), look, engine.encode_together, take, cpus)
    return names, encodings


def print_result(
    filename: str, name: str, distance: float | None, show_distance: bool = False
) -> None:
    """The line of one face, or of a picture without one."""
    say(f"{filename},{name},{distance}" if show_distance else f"{filename},{name}")


def test_image(
    image_to_check: str,
    known_names: Sequence[str],
    known_face_encodings: Sequence[Encoding],
    tolerance: float = 0.6,
    show_distance: bool = False,
) -> None:
    """Print who is in a picture: for each face everybody within `tolerance`.

    Raises:
        OSError, ValueError, ImageTooLarge: the picture cannot be read.
    """
    process_images_in_process_pool(
        [image_to_check], known_names, known_face_encodings, 1, tolerance, show_distance
    )


def process_images_in_process_pool(
    images_to_check: Sequence[str],
    known_names: Sequence[str],
    known_face_encodings: Sequence[Encoding],
    number_of_cpus: int,
    tolerance: float,
    show_distance: bool,
) -> None:
    """`test_image` on each, as many at once as `number_of_cpus` says, -1 for all cores.

    The name is the original's; these are threads, and the lines come in the order of the pictures.

    Raises:
        ValueError: no such number of cores.
        OSError, ValueError, ImageTooLarge: a picture cannot be read.
    """

    def look(path: str) -> list[engine.Chip]:
        return api.face_chips(_shrink(api.load_image_file(path)))

    def answer(path: str, faces: list[Encoding]) -> None:
        for name, distance in _identify(faces, known_names, known_face_encodings, tolerance):
            print_result(path, name, distance, show_distance)

    for_each(images_to_check, look, engine.encode_together, answer, number_of_cpus)


def _identify(
    faces: Sequence[Encoding], names: Sequence[str], known: Sequence[Encoding], tolerance: float
) -> Found:
    found: Found = []
    for face in faces:
        distances = api.face_distance(known, face)
        near = [(n, d) for n, d in zip(names, distances, strict=False) if d <= tolerance]
        found += near or [(_STRANGER, None)]
    return found or [(_NOBODY, None)]


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As the original does it, since faces in the smaller picture have other encodings."""
    if max(image.shape) <= _LONGEST_SIDE:
        return image
    picture = Pillow.fromarray(image)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Pillow.Resampling.LANCZOS)
    return np.asarray(picture)


class _EncodingTool(Tool):
    encodes = True


@click.command(cls=_EncodingTool)
@click.argument("known_people_folder")
@click.argument("image_to_check")
@click.option("--cpus", default=1, help="Pictures at once; -1: as many as there are cores.")
@click.option(
    "--tolerance",
    default=0.6,
    help="Largest distance at which a face is a person. Lower: fewer wrong names. [default: 0.6]",
)
@click.option("--show-distance", default=False, type=bool, help="Add the distance to each line.")
def main(
    known_people_folder: str,
    image_to_check: str,
    cpus: int,
    tolerance: float,
    show_distance: bool,
) -> None:
    """Name the people in a picture, or in all pictures of a folder.

    KNOWN_PEOPLE_FOLDER holds a picture of each person, named as the person: obama.jpg.
    """
    is_folder = Path(image_to_check).is_dir()
    names, known = _scan(known_people_folder, cpus if is_folder else 1)
    images = image_files_in_folder(image_to_check) if is_folder else [image_to_check]
    process_images_in_process_pool(
        images, names, known, cpus if is_folder else 1, tolerance, show_distance
    )


if __name__ == "__main__":
    main()
