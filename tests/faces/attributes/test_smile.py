from __future__ import annotations

import hashlib
import tarfile

import numpy as np
import pytest

from tests.shared import shared
from vultus.faces.attributes.smile import measure_smile
from vultus.imaging.load import load


def face(
    *, width: float = 0.55, raised: float = 0.02, opening: float = 0.0, lip: float = 0.16
) -> np.ndarray:
    """Points of a level face whose outer corners of the eyes are 100 pixels apart, in its units."""
    points = np.zeros((68, 2), np.float32)
    points[36], points[45] = (0, 0), (1, 0)
    points[33] = (0.5, 0.5)
    points[51] = (0.5, 0.5 + lip)
    points[62] = (0.5, 0.73)
    points[66] = (0.5, 0.73 + opening)
    points[[48, 54]] = [(0.5 + side * width / 2, 0.73 + opening / 2 - raised) for side in (-1, 1)]
    return points * 100 + 50


def turned(points: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return (points @ matrix * scale + 300).astype(np.float32)


def smile_of(points: np.ndarray, **more: float) -> float:
    happy = {name: np.array([value], np.float32) for name, value in more.items()}
    return float(measure_smile(points[None], **happy)[0])


def test_a_wide_mouth_with_raised_corners_smiles():
    assert smile_of(face(width=0.75, raised=0.1, lip=0.12)) > 0.9
    assert smile_of(face(width=0.5, raised=-0.02, lip=0.18)) < 0.1


def test_each_sign_of_a_smile_makes_it_more_likely():
    plain = smile_of(face())
    assert smile_of(face(width=0.6)) > plain
    assert smile_of(face(raised=0.05)) > plain
    assert smile_of(face(opening=0.05)) > plain
    assert smile_of(face(lip=0.13)) > plain


@pytest.mark.parametrize("degrees", [-40, 0, 90])
@pytest.mark.parametrize("scale", [0.2, 5])
def test_size_and_tilt_of_the_face_do_not_count(degrees, scale):
    assert smile_of(turned(face(), degrees, scale)) == pytest.approx(smile_of(face()), abs=1e-3)


def test_the_expression_raises_and_lowers_it():
    shape = smile_of(face(width=0.6))
    assert smile_of(face(width=0.6), happy=0.99) > shape
    assert smile_of(face(width=0.6), happy=0.01) < shape
    for certain in (0.0, 1.0):
        assert 0 < smile_of(face(), happy=certain) < 1


def labelled(count: int) -> list[tuple[str, bool]]:
    """Photos of people who were not fitted on, happy and neutral in turn."""
    with tarfile.open(shared("lfw-grey.tar")) as tar:
        rows = tar.extractfile("lfw-grey/expressions.tsv").read().decode().splitlines()[1:]
    held = [row.split("\t") for row in rows]
    held = [
        (name, label)
        for name, label in held
        if int(hashlib.sha256(name.split("/")[0].encode()).hexdigest(), 16) % 2
    ]
    chosen = []
    for label in ("happiness", "neutral"):
        of_label = [name for name, its in held if its == label]
        chosen += [(name, label == "happiness") for name in of_label[:: len(of_label) // count]]
    return chosen


def test_photos_of_people_who_were_not_fitted_on(analyzer, lfw):
    """Over all 1,517 of them the balanced accuracy is 0.858."""
    right = {True: [], False: []}
    for name, smiling in labelled(40):
        image = lfw(f"lfw-grey/images/{name}")
        faces = analyzer.locate(image)
        faces = analyzer.describe(image, faces, embed=False, quality=False, points68=True)
        right[smiling].append((measure_smile(faces.points68)[0] > 0.5) == smiling)
    assert min(len(side) for side in right.values()) >= 40
    assert np.mean([np.mean(side) for side in right.values()]) > 0.78


def test_a_mirrored_photo_smiles_as_much(analyzer):
    image = load(shared("photos/people/obama/2.jpg"))
    smiles = [
        measure_smile(analyzer.analyze(picture, embed=False, points68=True).points68[:1])[0]
        for picture in (image, np.ascontiguousarray(image[:, ::-1]))
    ]
    assert smiles[0] == pytest.approx(smiles[1], abs=0.15)


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -np.inf, 1e30])
def test_points_of_no_face_have_no_smile(value):
    points = np.stack([face(), np.full((68, 2), value, np.float32)])
    smiles = measure_smile(points, np.array([0.5, 0.5], np.float32))
    assert np.isfinite(smiles[0])
    assert np.isnan(smiles[1])


def test_no_faces():
    smiles = measure_smile(np.zeros((0, 68, 2), np.float32), np.zeros(0, np.float32))
    assert smiles.shape == (0,)
    assert smiles.dtype == np.float32
