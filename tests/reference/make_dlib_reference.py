"""Makes dlib_reference.json: what dlib itself answers, as numbers, for tests to compare with.

Run it in an environment that has dlib, pillow, numpy and face_recognition_models installed:

    python tests/reference/make_dlib_reference.py SHARED/data OUT.json

`embeddings`: a chip is pixels 25, 27, ... 323 of a 350 x 350 photo in both directions (150 x
150, no interpolation, so that everybody gets the same pixels) and the 128 numbers of dlib's
ResNet. `landmarks`: a box (left, top, right, bottom, both ends inclusive), the five points and
the 68.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

PEOPLE = 60


def weights(name: str) -> str:
    files = metadata.distribution("face_recognition_models").files or []
    return str(next(file.locate() for file in files if file.name == name))


def pictures(archive: Path) -> dict[str, np.ndarray]:
    """The first photo of every n-th person, by its path in the archive."""
    with tarfile.open(archive) as tar:
        names = sorted(n for n in tar.getnames() if n.endswith("_0001.jpg"))
        chosen = names[:: len(names) // PEOPLE][:PEOPLE]
        return {
            name: np.asarray(Image.open(io.BytesIO(tar.extractfile(name).read())).convert("RGB"))
            for name in chosen
        }


def main(data: Path, out: Path) -> None:
    encoder = dlib.face_recognition_model_v1(weights("dlib_face_recognition_resnet_model_v1.dat"))
    predictors = {
        "points": dlib.shape_predictor(weights("shape_predictor_5_face_landmarks.dat")),
        "points68": dlib.shape_predictor(weights("shape_predictor_68_face_landmarks.dat")),
    }
    detector = dlib.get_frontal_face_detector()
    embeddings, landmarks = {}, {}
    for name, image in pictures(data / "lfw-grey.tar").items():
        chip = np.ascontiguousarray(image[25:325:2, 25:325:2])
        embeddings[name] = [float(v) for v in encoder.compute_face_descriptor(chip)]
        for box in detector(image, 1)[:1]:
            landmarks[name] = [points(predictors, image, box)]
    photos = data / "photos"
    for path in sorted([*photos.glob("groups/cf_*.jpg"), *photos.glob("people/*/*.*")]):
        image = np.asarray(Image.open(path).convert("RGB"))
        boxes = detector(image, 1)
        name = path.relative_to(photos).as_posix()
        landmarks[name] = [points(predictors, image, box) for box in boxes]
    reference = {"dlib": dlib.__version__, "embeddings": embeddings, "landmarks": landmarks}
    out.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
    print(len(embeddings), "embeddings,", sum(map(len, landmarks.values())), "faces")


def points(
    predictors: dict[str, dlib.shape_predictor], image: np.ndarray, box: dlib.rectangle
) -> dict:
    placed = {
        name: [[point.x, point.y] for point in predictor(image, box).parts()]
        for name, predictor in predictors.items()
    }
    return {"box": [box.left(), box.top(), box.right(), box.bottom()], **placed}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
