"""Makes face_recognition_reference.json: what face_recognition itself answers, as numbers.

Run it in an environment that has face_recognition 1.3.0, dlib and pillow installed:

    python tests/reference/make_face_recognition_reference.py SHARED/data OUT.json

`faces`: per picture the locations that were given (top, right, bottom, left) and for each the 68
points and the 5, the SHA-256 of the chip dlib cuts by each, and its two encodings. `jitters`: what
the first calls with `num_jitters` answer in a process, in this order.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import dlib
import face_recognition
import numpy as np
from face_recognition import api

# Faces of 60 to 800 pixels, one to four in a picture.
PHOTOS = (
    "people/obama/1.jpg",
    "people/biden/2.jpg",
    "people/kit_harington/2.jpg",
    "people/alex_lacamoire/2.png",
    "people/cf_a/002_A.jpg",
    "people/cf_b/008_B.jpg",
    "groups/two_people.jpg",
    "groups/cf_012_4.jpg",
    "odd/obama-1080p.jpg",
    "odd/32bit.png",
)
LFW_PHOTOS = 6
JITTERED = "people/biden/2.jpg"
JITTERS = (2, 10)
DIGITS = 6


def pictures(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    for name in PHOTOS:
        yield name, face_recognition.load_image_file(data / "photos" / name)
    with tarfile.open(data / "lfw-grey.tar") as tar:
        names = sorted(n for n in tar.getnames() if n.endswith("_0001.jpg"))
        for name in names[5 :: len(names) // LFW_PHOTOS][:LFW_PHOTOS]:
            file = io.BytesIO(tar.extractfile(name).read())
            yield name, face_recognition.load_image_file(file)


def locations(image: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Those found, and of the first one a box that hangs over the picture's corner."""
    found = face_recognition.face_locations(image, 1 if max(image.shape) < 900 else 0)[:4]
    if not found:
        return []
    top, right, bottom, left = found[0]
    return [
        *found,
        (top - bottom // 2, right - right // 2, bottom - bottom // 2, left - right // 2),
    ]


def answers(image: np.ndarray, location: tuple[int, int, int, int]) -> dict:
    told: dict = {"location": list(location)}
    for model in ("large", "small"):
        (face,) = api._raw_face_landmarks(image, [location], model)
        chip = dlib.get_face_chip(image, face, 150, 0.25)
        (encoding,) = face_recognition.face_encodings(image, [location], model=model)
        told[model] = {
            "points": [[point.x, point.y] for point in face.parts()],
            "chip": hashlib.sha256(np.ascontiguousarray(chip).tobytes()).hexdigest(),
            "encoding": [round(value, DIGITS) for value in encoding.tolist()],
        }
    return told


def main(data: Path, out: Path) -> None:
    # first: dlib's random numbers go on from call to call
    image = face_recognition.load_image_file(data / "photos" / JITTERED)
    location = locations(image)[0]
    jitters = []
    for count in JITTERS:
        (encoding,) = face_recognition.face_encodings(image, [location], count)
        jitters.append({"count": count, "encoding": [round(v, DIGITS) for v in encoding.tolist()]})
    faces = {
        name: [answers(image, location) for location in locations(image)]
        for name, image in pictures(data)
    }
    reference = {
        "dlib": dlib.__version__,
        "jittered": {"photo": JITTERED, "location": list(location), "answers": jitters},
        "faces": faces,
    }
    out.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
    print(sum(map(len, faces.values())), "faces")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
