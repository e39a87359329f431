"""The original's examples, unchanged, under the original's name; webcams are a video.

They are in no distribution: the variable FACE_RECOGNITION_EXAMPLES names the folder `examples` of
a checkout of its repository. Without it this is skipped. Pictures are those of the shared data.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.shared import shared

PROCESS = Path(__file__).with_name("example_process.py")
FOLDER = os.environ.get("FACE_RECOGNITION_EXAMPLES")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not FOLDER, reason="FACE_RECOGNITION_EXAMPLES names no folder of the original's examples"
    ),
]

PICTURES = {
    "obama.jpg": "people/obama/1.jpg",
    "obama2.jpg": "people/obama/2.jpg",
    "biden.jpg": "people/biden/1.jpg",
    "two_people.jpg": "groups/two_people.jpg",
    "lin-manuel-miranda.png": "people/lin_manuel_miranda/1.png",
    "alex-lacamoire.png": "people/alex_lacamoire/2.png",
    "knn_examples/train/obama/1.jpg": "people/obama/1.jpg",
    "knn_examples/train/obama/2.jpg": "people/obama/2.jpg",
    "knn_examples/train/biden/1.jpg": "people/biden/1.jpg",
    "knn_examples/train/biden/2.jpg": "people/biden/2.jpg",
    "knn_examples/test/two.jpg": "groups/obama_and_biden.jpg",
    "knn_examples/test/other.jpg": "people/kit_harington/1.jpg",
}
HEIGHTS = (240, 480, 720, 1080)  # of the pictures of `benchmark.py`
FRAMES = 30

# What they say, and how many pictures they show.
WANTED = {
    "find_faces_in_picture.py": (["I found 1 face(s)", "Top: "], 1),
    "find_faces_in_picture_cnn.py": (["I found 1 face(s)", "Top: "], 1),
    "find_facial_features_in_picture.py": (["I found 2 face(s)", "The bottom_lip in"], 1),
    "digital_makeup.py": ([], 1),
    "identify_and_draw_boxes_on_faces.py": ([], 1),
    "face_distance.py": (["cutoff of 0.6, would the test image match the known image? True"], 0),
    "recognize_faces_in_pictures.py": (
        ["a picture of Biden? False", "a picture of Obama? True", "never seen before? False"],
        0,
    ),
    "face_recognition_knn.py": (["- Found obama at", "- Found biden at", "- Found unknown at"], 2),
    "benchmark.py": (["Timings at 240p", "Timings at 1080p", "End-to-end"], 0),
    "find_faces_in_batches.py": (["I found 1 face(s) in frame #"], 0),
    "facerec_from_video_file.py": ([f"Writing frame {FRAMES} / "], 0),
    "facerec_from_webcam.py": ([f"window: {FRAMES}"], 0),
    "facerec_from_webcam_faster.py": ([f"window: {FRAMES}"], 0),
    "facerec_from_webcam_multiprocessing.py": (["fps: ", "window: 1"], 0),
    "blur_faces_on_webcam.py": ([f"window: {FRAMES}"], 0),
    "blink_detection.py": (["window: 1"], 0),
}
FRAMES_OF = {"find_faces_in_batches.py": 128, "blink_detection.py": 5}  # a batch; few with a face


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The examples with the pictures that they ask for."""
    place = tmp_path_factory.mktemp("examples")
    for script in Path(FOLDER).glob("*.py"):
        shutil.copyfile(script, place / script.name)
    for name, source in PICTURES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shared(f"photos/{source}"), place / name)
    with Image.open(shared("photos/odd/obama-1080p.jpg")) as photo:
        for height in HEIGHTS:
            width = photo.width * height // photo.height
            photo.convert("RGB").resize((width, height)).save(place / f"obama-{height}p.jpg")
    return place


@pytest.mark.parametrize("name", WANTED)
def test_it_runs(folder, under_its_name, name):
    if not (folder / name).exists():
        pytest.skip(f"there is no {name} in {FOLDER}")
    shutil.rmtree(folder / "shown", ignore_errors=True)
    video = str(shared("videos/hamilton_short.mp4"))
    command = [sys.executable, str(PROCESS), name, video, str(FRAMES_OF.get(name, FRAMES))]
    done = subprocess.run(
        command, cwd=folder, env=under_its_name, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines, pictures = WANTED[name]
    for line in lines:
        assert line in done.stdout, done.stdout[-2000:]
    assert len(list((folder / "shown").iterdir())) == pictures
