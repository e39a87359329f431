"""Makes mmod_reference.json: the boxes that dlib's MMOD detector itself finds.

Run it in an environment that has dlib, pillow, numpy and face_recognition_models installed:

    python tests/reference/make_mmod_reference.py SHARED/data OUT.json

A box is left, top, right, bottom (both ends inclusive, not clipped) and the confidence, in
dlib's order. `photos` are looked at as they are, `upsampled` after so many doublings; `crops` are
small parts of photos, (left, top, right, bottom), some so narrow that dlib's layout gets odd.
`enlarged` and `shrunk` are some pixels of noise, by its size (height x width), that dlib made twice
as large, or five sixths as large.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

PHOTOS = (
    "groups/cf_000_5.jpg",
    "groups/cf_010_2.jpg",
    "groups/cf_011_3.jpg",
    "groups/cf_012_4.jpg",
    "groups/cf_013_4.jpg",
    "groups/cf_014_5.jpg",
    "groups/cf_015_6.jpg",
    "groups/cf_016_8.jpg",
    "groups/kit_with_rose.jpg",
    "groups/multiface.jpg",
    "groups/obama_and_biden.jpg",
    "groups/two_people.jpg",
    "noface/cf_017_0.jpg",
    "odd/obama-1080p.jpg",
    "odd/obama_partial_face.jpg",
    "odd/obama_partial_face2.jpg",
    "people/alex_lacamoire/1.jpg",
    "people/biden/2.jpg",
    "people/cf_b/007_B.jpg",
    "people/cf_b/008_B.jpg",
    "people/kit_harington/2.jpg",
    "people/obama/2.jpg",
    "people/obama/5.jpg",
    "people/rose_leslie/2.jpg",
)
UPSAMPLED = (
    ("noface/cf_017_0.jpg", 1),
    ("people/cf_b/007_B.jpg", 1),
    ("people/kit_harington/2.jpg", 1),
    ("people/obama/5.jpg", 1),
    ("people/obama/5.jpg", 2),
)
CROPPED = ("groups/cf_000_5.jpg", "groups/cf_013_4.jpg", "groups/multiface.jpg")
CROPS = 12  # of each
NOISE = ((33, 47), (5, 3001))
MEAN = np.float32(122.782)


def crops(image: np.ndarray, faces: list[list[float]], rng: np.random.Generator) -> list[list[int]]:
    """Random parts around a face, from one that hardly holds it to three times its size."""
    parts = []
    for _ in range(CROPS):
        left, top, right, bottom = (int(v) for v in faces[rng.integers(len(faces))][:4])
        before, after = rng.integers(-10, right - left, (2, 2)).tolist()
        parts.append(
            [
                max(0, left - before[0]),
                max(0, top - before[1]),
                min(image.shape[1], right + after[0]),
                min(image.shape[0], bottom + after[1]),
            ]
        )
    narrow = [left + 20, top, left + 60, min(image.shape[0], bottom + 200)]
    return [*parts, narrow]


def resized(height: int, width: int, larger: bool) -> list[float]:
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    if larger:
        return dlib.resize_image(noise, 2 * height + 1, 2 * width + 2)[::7, ::29].ravel().tolist()
    red = (noise[:, :, 0] - MEAN) / np.float32(256)
    small = dlib.resize_image(red, int(height * 5 / 6), int(width * 5 / 6))[::2, ::11]
    return [round(float(value), 6) for value in small.ravel()]


def main(data: Path, out: Path) -> None:
    files = metadata.distribution("face_recognition_models").files or []
    name = next(str(f.locate()) for f in files if f.name == "mmod_human_face_detector.dat")
    detector = dlib.cnn_face_detection_model_v1(name)

    def look(image: np.ndarray, upsample: int = 0) -> list[list[float]]:
        found = [(face.rect, face.confidence) for face in detector(image, upsample)]
        return [[r.left(), r.top(), r.right(), r.bottom(), round(c, 5)] for r, c in found]

    def photo(path: str) -> np.ndarray:
        return np.asarray(Image.open(data / "photos" / path).convert("RGB"))

    photos = {path: look(photo(path)) for path in PHOTOS}
    rng = np.random.default_rng(11)
    cropped = []
    for path in CROPPED:
        image = photo(path)
        for part in crops(image, photos[path], rng):
            left, top, right, bottom = part
            seen = look(np.ascontiguousarray(image[top:bottom, left:right]))
            cropped.append([path, part, seen])
    reference = {
        "dlib": dlib.__version__,
        "photos": photos,
        "upsampled": [[path, times, look(photo(path), times)] for path, times in UPSAMPLED],
        "crops": cropped,
        "enlarged": {f"{h}x{w}": resized(h, w, larger=True) for h, w in NOISE},
        "shrunk": {f"{h}x{w}": resized(h, w, larger=False) for h, w in NOISE},
    }
    out.write_text(json.dumps(reference, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
