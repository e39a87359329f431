"""What programs rely on: types, order, defaults, refusals. The numbers are in test_api_numbers."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vultus.compat.face_recognition as face_recognition
from tests.compat.face_recognition.test_api_numbers import use_analyzer
from vultus.compat.face_recognition import api
from vultus.errors import ImageUnreadable, UsageError

ROOT = Path(__file__).parents[3]
BOX = (67, 277, 181, 163)  # a location in `astronaut`


@pytest.fixture(autouse=True)
def shared_analyzer(analyzer, monkeypatch):
    use_analyzer(analyzer, monkeypatch)


def test_signatures_and_defaults_are_the_originals():
    # as `inspect` tells them of face_recognition 1.3.0
    wanted = {
        "load_image_file": [("file", None), ("mode", "RGB")],
        "face_locations": [("img", None), ("number_of_times_to_upsample", 1), ("model", "hog")],
        "batch_face_locations": [
            ("images", None),
            ("number_of_times_to_upsample", 1),
            ("batch_size", 128),
        ],
        "face_landmarks": [("face_image", None), ("face_locations", "None"), ("model", "large")],
        "face_encodings": [
            ("face_image", None),
            ("known_face_locations", "None"),
            ("num_jitters", 1),
            ("model", "small"),
        ],
        "compare_faces": [
            ("known_face_encodings", None),
            ("face_encoding_to_check", None),
            ("tolerance", 0.6),
        ],
        "face_distance": [("face_encodings", None), ("face_to_compare", None)],
    }
    assert set(wanted) == set(face_recognition.__all__)
    for name, parameters in wanted.items():
        found = inspect.signature(getattr(face_recognition, name)).parameters.values()
        told = [
            (p.name, None if p.default is p.empty else "None" if p.default is None else p.default)
            for p in found
        ]
        assert told == parameters, name


def test_importing_it_loads_no_network_and_no_decoder():
    program = (
        "import sys, vultus.compat.face_recognition as f; f.face_distance([], [1.0]); "
        "sys.exit(any(m.split('.')[0] in ('onnxruntime', 'cv2', 'PIL') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_face_is_found_with_its_box_landmarks_and_encoding(astronaut):
    (location,) = face_recognition.face_locations(astronaut)
    assert isinstance(location, tuple)
    assert [type(v) for v in location] == [int] * 4
    top, right, bottom, left = location
    assert abs((right - left) - (bottom - top)) <= 1
    np.testing.assert_allclose(location, BOX, atol=0.15 * (right - left))

    (face,) = face_recognition.face_landmarks(astronaut)
    counts = {name: len(points) for name, points in face.items()}
    assert counts == {
        "chin": 17,
        "left_eyebrow": 5,
        "right_eyebrow": 5,
        "nose_bridge": 4,
        "nose_tip": 5,
        "left_eye": 6,
        "right_eye": 6,
        "top_lip": 12,
        "bottom_lip": 12,
    }
    assert {type(v) for points in face.values() for point in points for v in point} == {int}
    assert all(isinstance(point, tuple) for points in face.values() for point in points)

    (encoding,) = face_recognition.face_encodings(astronaut)
    assert (encoding.dtype, encoding.shape) == (np.float64, (128,))
    np.testing.assert_array_equal(
        encoding, face_recognition.face_encodings(astronaut, [location], 1, "small")[0]
    )


def test_features_are_these_points_of_the_68_and_of_the_5(astronaut):
    (large,) = face_recognition.face_landmarks(astronaut, [BOX])
    points = api._raw_face_landmarks(astronaut, [BOX])[0].parts()
    order = ["chin", "left_eyebrow", "right_eyebrow", "nose_bridge", "nose_tip"]
    order += ["left_eye", "right_eye"]
    assert [point for name in order for point in large[name]] == points[:48]
    assert large["top_lip"] == points[48:55] + points[64:59:-1]
    assert large["bottom_lip"] == [*points[54:60], points[48], points[60], *points[67:63:-1]]
    (small,) = face_recognition.face_landmarks(astronaut, [BOX], model="small")
    points = api._raw_face_landmarks(astronaut, [BOX], "small")[0].parts()
    assert small == {"nose_tip": points[4:], "left_eye": points[2:4], "right_eye": points[:2]}
    assert small["left_eye"][0][0] < small["nose_tip"][0][0] < small["right_eye"][0][0]


def test_smaller_faces_are_found_when_it_is_asked_to_enlarge(astronaut):
    small = np.ascontiguousarray(astronaut[::3, ::3])  # a face of 38 pixels
    assert face_recognition.face_locations(small, 0) == []
    (location,) = face_recognition.face_locations(small, 1)
    np.testing.assert_allclose(location, np.array(BOX) / 3, atol=6)
    assert face_recognition.face_locations(small, np.int64(1)) == [location]


@pytest.mark.parametrize("model", ["hog", "foo", None])
def test_every_detector_but_cnn_is_the_default_one(astronaut, model):
    assert len(face_recognition.face_locations(astronaut, 0, model)) == 1


def test_a_face_at_the_border_is_cut_there_and_its_encoding_is_not(astronaut):
    cropped = np.ascontiguousarray(astronaut[90:200, 180:260])
    (location,) = face_recognition.face_locations(cropped)
    top, right, bottom, left = location
    assert min(top, left) >= 0
    assert right <= 80
    assert bottom <= 110
    (rect,) = api._raw_face_locations(cropped)
    assert rect.left() < 0 or rect.top() < 0 or rect.right() > 80
    raw = [(rect.top(), rect.right(), rect.bottom(), rect.left())]
    np.testing.assert_array_equal(
        face_recognition.face_encodings(cropped), face_recognition.face_encodings(cropped, raw)
    )


def test_grey_pictures_have_locations_and_landmarks_and_no_encodings(astronaut):
    grey = astronaut.mean(axis=2).astype(np.uint8)
    three = np.repeat(grey[:, :, None], 3, axis=2)
    for other in (grey, grey[:, :, None]):
        assert face_recognition.face_locations(other) == face_recognition.face_locations(three)
        assert face_recognition.face_landmarks(other, [BOX]) == face_recognition.face_landmarks(
            three, [BOX]
        )
        with pytest.raises(TypeError, match="grey"):
            face_recognition.face_encodings(other, [BOX])
        assert face_recognition.face_encodings(other, []) == []


def test_views_are_read_as_their_copies(astronaut):
    bgr = np.ascontiguousarray(astronaut[:, :, ::-1])
    view = bgr[:, :, ::-1]  # what programs make of OpenCV's frames
    assert not view.flags.c_contiguous
    assert face_recognition.face_landmarks(view, [BOX]) == face_recognition.face_landmarks(
        astronaut, [BOX]
    )
    for other in (view, np.asfortranarray(astronaut)):
        np.testing.assert_array_equal(
            face_recognition.face_encodings(other, [BOX]),
            face_recognition.face_encodings(astronaut, [BOX]),
        )


REFUSED = {
    "rgba": np.zeros((50, 50, 4), np.uint8),
    "two channels": np.zeros((50, 50, 2), np.uint8),
    "float": np.zeros((50, 50, 3)),
    "int16": np.zeros((50, 50, 3), np.int16),
    "bool": np.zeros((50, 50), bool),
    "one row": np.zeros(9, np.uint8),
    "a batch": np.zeros((1, 50, 50, 3), np.uint8),
}


@pytest.mark.parametrize("image", REFUSED.values(), ids=REFUSED)
def test_other_arrays_are_refused(image):
    for call in (
        face_recognition.face_locations,
        lambda i: face_recognition.face_locations(i, 0, "cnn"),
        face_recognition.face_encodings,
        lambda i: face_recognition.face_landmarks(i, [BOX]),
    ):
        with pytest.raises(ImageUnreadable, match=r"8bit gray or RGB"):
            call(image)


@pytest.mark.parametrize("image", [None, "photo.jpg", [[[0, 0, 0]]], b""])
def test_what_is_no_array_is_a_type_error(image):
    for call in (face_recognition.face_locations, face_recognition.face_encodings):
        with pytest.raises(TypeError, match="numpy array"):
            call(image)


@pytest.mark.parametrize("shape", [(0, 0, 3), (10, 0, 3), (0, 10), (1, 1, 3), (2, 2)])
def test_pictures_of_nothing_have_no_faces_and_are_black(shape):
    image = np.zeros(shape, np.uint8)
    assert face_recognition.face_locations(image) == []
    assert face_recognition.face_landmarks(image) == []
    assert face_recognition.face_encodings(image) == []
    black = face_recognition.face_landmarks(np.zeros((500, 500, 3), np.uint8), [BOX])
    assert face_recognition.face_landmarks(image, [BOX]) == black


def test_no_locations_are_no_faces_whatever_the_picture():
    assert face_recognition.face_encodings(REFUSED["float"], []) == []
    assert face_recognition.face_landmarks(REFUSED["float"], []) == []


@pytest.mark.parametrize("faces", [[], None, [BOX]])
def test_another_landmark_model_is_a_value_error(astronaut, faces):
    with pytest.raises(ValueError, match="Supported models are"):
        face_recognition.face_landmarks(astronaut, faces, "foo")


def test_another_model_for_encodings_is_large(astronaut):
    large, other = (
        face_recognition.face_encodings(astronaut, [BOX], model=model) for model in ("large", "foo")
    )
    np.testing.assert_array_equal(large, other)


@pytest.mark.parametrize(
    "locations",
    [
        [list(BOX)],
        (BOX,),
        np.array([BOX]),
        np.array([BOX], np.float32),
        iter([BOX]),
        [(*BOX, 0.9)],
        [tuple(np.int64(v) for v in BOX)],
    ],
    ids=["list", "tuple", "array", "float32", "iterator", "five", "int64"],
)
def test_locations_of_any_kind(astronaut, locations):
    assert face_recognition.face_landmarks(astronaut, locations) == (
        face_recognition.face_landmarks(astronaut, [BOX])
    )


@pytest.mark.parametrize(
    ("locations", "error"),
    [
        ([tuple(float(v) for v in BOX)], TypeError),
        (np.array([BOX], float), TypeError),
        ([(0, 10**20, 10, 0)], TypeError),
        (np.array([(0, np.nan, 10, 0)], np.float32), TypeError),
        (["abcd"], TypeError),
        ([None], TypeError),
        (BOX, TypeError),
        ([(1, 2, 3)], IndexError),
    ],
    ids=["floats", "array", "huge", "nan", "text", "none", "flat", "three"],
)
def test_locations_that_are_none(astronaut, locations, error):
    with pytest.raises(error):
        face_recognition.face_encodings(astronaut, locations)


@pytest.mark.parametrize(
    "box",
    [
        (5000, 5200, 5200, 5000),
        (-500, -300, -300, -500),
        (0, 10**6, 10**6, 0),
        (67, 67, 67, 67),
        (181, 163, 67, 277),
    ],
    ids=["beyond", "before", "huge", "empty", "inverted"],
)
def test_boxes_that_hold_no_face_have_finite_encodings(astronaut, box):
    (encoding,) = face_recognition.face_encodings(astronaut, [box])
    assert np.isfinite(encoding).all()


@pytest.mark.parametrize("count", [-1, 1.0, "1", None, np.float64(1)])
def test_what_is_no_count_is_a_type_error(astronaut, count):
    with pytest.raises(TypeError):
        face_recognition.face_locations(astronaut, count)


@pytest.mark.parametrize("count", [1.5, "a", None])
def test_what_is_no_number_of_jitters_is_a_type_error(astronaut, count):
    with pytest.raises(TypeError):
        face_recognition.face_encodings(astronaut, [BOX], count)


@pytest.mark.parametrize("count", [0, -3, True])
def test_fewer_than_two_jitters_are_none(astronaut, count):
    np.testing.assert_array_equal(
        face_recognition.face_encodings(astronaut, [BOX], count),
        face_recognition.face_encodings(astronaut, [BOX]),
    )


def test_distances_and_comparisons():
    known = [np.zeros(128), np.full(128, 0.05), np.ones(128)]
    distances = face_recognition.face_distance(known, np.zeros(128))
    np.testing.assert_allclose(distances, [0, 0.05 * 128**0.5, 128**0.5])
    same = face_recognition.compare_faces(known, np.zeros(128))
    assert same == [True, True, False]
    assert isinstance(same, list)
    assert type(same[0]) is np.bool_
    assert face_recognition.compare_faces(known, np.zeros(128), 0.1) == [True, False, False]
    exact = face_recognition.compare_faces([np.eye(1, 128)[0]], np.zeros(128), tolerance=1.0)
    assert exact == [True]  # at the tolerance is within it


@pytest.mark.parametrize("none", [[], (), np.empty((0, 128)), np.empty(0)])
def test_nobody_known_is_an_empty_answer(none):
    distances = face_recognition.face_distance(none, np.zeros(128))
    assert (distances.shape, distances.dtype) == ((0,), np.float64)
    assert face_recognition.compare_faces(none, np.zeros(128)) == []


@pytest.mark.parametrize(
    ("known", "probe", "error"),
    [
        ([[0.0] * 128], [0.0] * 128, TypeError),
        (None, np.zeros(128), TypeError),
        ([np.zeros(128)], np.zeros(5), ValueError),
        (np.zeros(128), np.zeros(128), ValueError),
    ],
)
def test_encodings_that_are_none(known, probe, error):
    with pytest.raises(error):
        face_recognition.face_distance(known, probe)


def test_the_cnn_model_answers_in_the_same_form(astronaut):
    small = np.ascontiguousarray(astronaut[30:230, 120:320])
    (location,) = face_recognition.face_locations(small, 0, "cnn")
    assert [type(v) for v in location] == [int] * 4
    np.testing.assert_allclose(location, np.array(BOX) - (30, 120, 30, 120), atol=25)
    assert face_recognition.batch_face_locations([small, small], 0) == [[location]] * 2
    (found,) = api._raw_face_locations(small, 0, "cnn")
    assert found.confidence > 0.5
    grey = small[..., 0]
    assert face_recognition.batch_face_locations([grey], 0, 1) == [
        face_recognition.face_locations(grey, 0, "cnn")
    ]


def test_batches_are_lists_of_one_size():
    assert face_recognition.batch_face_locations([]) == []
    pictures = [np.zeros((90, 90, 3), np.uint8), np.zeros((90, 80, 3), np.uint8)]
    with pytest.raises(UsageError, match="one size"):
        face_recognition.batch_face_locations(pictures)
    with pytest.raises(UsageError, match="batch"):
        face_recognition.batch_face_locations(pictures[:1], 0, 0)
    with pytest.raises(TypeError, match="list"):
        face_recognition.batch_face_locations(np.stack(pictures[:1]))
    with pytest.raises(TypeError, match="enlarged"):
        face_recognition.batch_face_locations(pictures[:1], -1)


def test_python_on_the_page_runs(astronaut, tmp_path, monkeypatch, capsys):
    for name in ("obama.jpg", "party.jpg"):
        Image.fromarray(astronaut).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "face_recognition.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/face_recognition.md", "exec"), {})  # noqa: S102
    assert re.match(r"\[(np\.)?True_?\] \[0\.\]\nobama ", capsys.readouterr().out)


def test_submodules_are_there_as_in_the_original(under_its_name):
    program = (
        "import face_recognition as f; f.api.face_encodings; "
        "assert not hasattr(f, 'face_recognition_cli'); "  # until somebody imports it
        "import face_recognition.face_recognition_cli, face_recognition.face_detection_cli; "
        "f.face_recognition_cli.main, f.face_detection_cli.main; "
        "from face_recognition import face_recognition_cli as c; assert c is f.face_recognition_cli"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    assert subprocess.run(command, check=False, env=under_its_name).returncode == 0


def test_its_version_is_that_of_the_api():
    assert face_recognition.__version__ == "1.3.0"
    assert face_recognition.api.face_encodings is face_recognition.face_encodings


def test_the_private_converters():
    rect = api._css_to_rect((1, 7, 5, 3))
    assert (rect.left(), rect.top(), rect.right(), rect.bottom()) == (3, 1, 7, 5)
    assert (rect.width(), rect.height()) == (5, 5)
    assert api._rect_to_css(rect) == (1, 7, 5, 3)
    assert api._trim_css_to_bounds((-1, 9, 9, -2), (6, 8, 3)) == (0, 8, 6, 0)
