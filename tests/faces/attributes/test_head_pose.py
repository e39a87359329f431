from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.shared import shared
from vultus.faces.attributes.head_pose import _USED, MEAN_FACE, measure_head_pose
from vultus.imaging.load import load

WIDTHS_OF_EYES = 1.5  # a face is about so many times as wide as its eyes are apart


def turned(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """The rotation of a head that looks up, turns to the viewer's right and tilts clockwise."""
    x, y, z = np.radians((-pitch, -yaw, roll))
    around_x = [(1, 0, 0), (0, np.cos(x), -np.sin(x)), (0, np.sin(x), np.cos(x))]
    around_y = [(np.cos(y), 0, np.sin(y)), (0, 1, 0), (-np.sin(y), 0, np.cos(y))]
    around_z = [(np.cos(z), -np.sin(z), 0), (np.sin(z), np.cos(z), 0), (0, 0, 1)]
    return np.array(around_z) @ around_y @ around_x


def seen(
    pose: tuple[float, float, float],
    *,
    wh: tuple[int, int] = (640, 480),
    at: tuple[float, float] = (0.5, 0.5),
    face_px: float = 150,
    head: np.ndarray = MEAN_FACE,
) -> np.ndarray:
    """The 68 points of a head in this pose, seen in perspective; those that are not used are 0."""
    focal = max(wh)
    far = focal * WIDTHS_OF_EYES / face_px
    middle = (np.array(at) - 0.5) * wh * far / focal
    placed = head @ turned(*pose).T + (*middle, far)
    points = np.zeros((68, 2), np.float32)
    points[list(_USED)] = placed[:, :2] / placed[:, 2:] * focal + np.array(wh) / 2
    return points


def told(points: np.ndarray, wh: tuple[int, int] = (640, 480)) -> np.ndarray:
    """Pitch, yaw and roll, (n, 3)."""
    poses = measure_head_pose(points, wh)
    return np.stack([poses.pitch, poses.yaw, poses.roll], axis=1)


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (25, 0, 0), (-25, 0, 0), (0, 50, 0), (0, -50, 0), (0, 0, 40), (15, 30, -20)]
)
def test_a_turned_face_model_gives_its_pose(pose):
    assert told(seen(pose)[None])[0] == pytest.approx(pose, abs=0.2)


def test_signs_are_those_of_the_picture():
    nose, chin_to_brow = 30, (51, 27)
    level = seen((0, 0, 0))
    assert seen((20, 0, 0))[nose, 1] < level[nose, 1]  # looks up: the tip of the nose rises
    assert seen((0, 20, 0))[nose, 0] > level[nose, 0]  # to its left: the viewer's right
    low, high = (seen((0, 0, 20))[i] for i in chin_to_brow)
    assert high[0] > low[0]  # clockwise: the brow moves to the right


def somebody(random: np.random.Generator) -> np.ndarray:
    """Nobody has the mean face."""
    return MEAN_FACE * random.normal(1, 0.05, 3) + random.normal(0, 0.02, MEAN_FACE.shape)


@pytest.mark.parametrize("wh", [(640, 480), (1080, 1920)])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_mean_error_over_a_grid_of_poses_with_noise_and_other_faces(wh, share):
    """Measured: 1.7 to 2.1 degrees; wanted by the issue: 5."""
    random = np.random.default_rng(3)
    poses = list(itertools.product((-30, -15, 0, 15, 30), (-45, -20, 0, 20, 45), (-30, 0, 30)))
    errors = []
    for at in itertools.product((0.3, 0.5, 0.75), (0.3, 0.6)):
        points = [
            seen(pose, wh=wh, at=at, face_px=share * min(wh), head=somebody(random))
            for pose in poses
        ]
        noisy = np.array(points) + random.normal(0, 1, (len(points), 68, 2)).astype(np.float32)
        errors.append(np.abs(told(noisy, wh) - poses))
    assert np.mean(errors) < 3
    assert (np.mean(errors, axis=(0, 1)) < 4).all()


@pytest.mark.parametrize(
    ("name", "angle", "least"),
    [
        ("Jason_Kidd/Jason_Kidd_0002", 0, 15),
        ("Rick_Perry/Rick_Perry_0002", 0, -15),
        ("Hugo_Conte/Hugo_Conte_0001", 1, 25),
        ("Bill_Frist/Bill_Frist_0002", 1, -25),
        ("Atom_Egoyan/Atom_Egoyan_0001", 2, 12),
        ("Jacques_Chirac/Jacques_Chirac_0042", 2, -12),
    ],
)
def test_photos_whose_pose_is_plain_to_see(analyzer, lfw, name, angle, least):
    image = lfw(f"lfw-grey/images/{name}.jpg")
    value = told(analyzer.analyze(image, embed=False, points68=True).points68, (350, 350))[0]
    assert value[angle] * np.sign(least) > abs(least)


def test_mirrored_photos_turn_and_tilt_the_other_way(analyzer):
    """One photo says little: its landmarks wander by a pixel or two with the box."""
    turned_by, differences = [], []
    for path in sorted(shared("photos/people").rglob("*.jpg")):
        image = load(path)
        poses = []
        for picture in (image, np.ascontiguousarray(image[:, ::-1])):
            found = analyzer.analyze(picture, embed=False, quality=False, points68=True)
            poses.append(told(found.points68[:1], found.image_wh)[0])
        turned_by.append(np.abs(poses[0][1:]).max())
        differences.append(np.abs(poses[1] - poses[0] * (1, -1, -1)))
    assert np.max(differences) < 6
    assert (np.mean(differences, axis=0) < (1.5, 1.5, 1)).all()  # degrees; 1.0, 0.7 and 0.4
    assert sum(angle > 5 for angle in turned_by) >= 10  # or the test would say nothing


def test_the_median_of_many_photos_is_level(analyzer, lfw):
    names = [f"George_W_Bush/George_W_Bush_{i:04d}" for i in range(1, 400)]
    points = []
    for name in names:
        try:
            image = lfw(f"lfw-grey/images/{name}.jpg")
        except KeyError:
            continue
        faces = analyzer.locate(image)
        faces = analyzer.describe(image, faces, embed=False, quality=False, points68=True)
        points.append(faces.points68[0])
        if len(points) == 40:
            break
    assert np.abs(np.median(told(np.array(points), (350, 350)), axis=0)).max() < 6


def test_every_face_is_measured_by_itself():
    points = np.array([seen((10, 20, 5)), np.zeros((68, 2)), seen((-10, -20, -5))], np.float32)
    assert told(points)[[0, 2]] == pytest.approx(np.array([(10, 20, 5), (-10, -20, -5)]), abs=0.3)
    assert np.isnan(told(points)[1]).all()


def broken(kind: str) -> np.ndarray:
    points = seen((0, 0, 0))
    if kind == "one place":
        points[:] = 100
    elif kind == "one line":
        points[:, 1] = points[:, 0]
    elif kind == "three pixels":
        points /= 60
    elif kind == "nan":
        points[33] = np.nan
    elif kind == "infinite":
        points[33] = np.inf
    elif kind == "huge":
        points *= 1e30
    elif kind == "no face":
        points[:] = np.random.default_rng(1).uniform(0, 400, (68, 2))
    return points


@pytest.mark.parametrize(
    "kind", ["one place", "one line", "three pixels", "nan", "infinite", "huge", "no face"]
)
def test_points_of_no_face_have_no_pose(kind):
    assert np.isnan(told(broken(kind)[None])).all()


def test_no_faces():
    poses = measure_head_pose(np.zeros((0, 68, 2), np.float32), (640, 480))
    assert poses.pitch.shape == poses.yaw.shape == poses.roll.shape == (0,)
    assert poses.pitch.dtype == np.float32
