from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps


def test_verify_same_and_different(run, photo, other_photo, shared_photos):
    same = run("verify", photo, other_photo, "--format", "json").records[0]
    assert set(same) == {"same", "probability", "distance", "threshold"}
    assert same["same"] is True
    assert same["probability"] > 0.9
    obama = shared_photos / "people" / "obama" / "1.jpg"
    different = run("verify", photo, obama, "--format", "json").records[0]
    assert different["same"] is False
    assert different["probability"] < 0.1
    assert "different people" in run("verify", photo, obama).stdout


def test_verify_needs_one_face_each(run, photo, blank):
    ran = run("verify", photo, blank, "--format", "json")
    assert ran.code == 1
    assert ran.records[0]["error"]["code"] == "no_face"


def test_mirror_brings_the_mirrored_picture_near(run, photo, other_photo):
    plain = run("verify", photo, other_photo, "--no-mirror", "-f", "json").records[0]
    mirrored = run("verify", photo, other_photo, "--mirror", "-f", "json").records[0]
    assert mirrored == run("verify", photo, other_photo, "-f", "json").records[0]
    assert mirrored["distance"] < plain["distance"] / 2


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_embed_writes_a_row_a_face(run, photo, other_photo, blank, tmp_path, kind):
    target = tmp_path / f"faces.{kind}"
    ran = run("embed", photo, other_photo, blank, "--out", target, "-f", "json")
    assert [record["faces"] for record in ran.records] == [1, 1, 0]
    if kind == "npz":
        table = dict(np.load(target, allow_pickle=False))
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        table = {k: np.array(v) for k, v in parquet.read_table(target).to_pydict().items()}
    assert table["source"].tolist() == [str(photo), str(other_photo)]
    assert table["embedding"].shape == (2, 128)
    assert table["box"].shape == (2, 4)
    assert set(table["model"].tolist()) == {"dlib-resnet-128"}
    assert np.linalg.norm(table["embedding"][0] - table["embedding"][1]) < 0.4


def test_embed_refuses_an_unknown_kind_before_the_work(run, photo, tmp_path):
    ran = run("embed", photo, "--out", tmp_path / "faces.pickle")
    assert ran.code == 2
    assert list(tmp_path.glob("faces*")) == []


def test_embed_into_a_missing_folder_is_an_error(run, photo, tmp_path):
    assert run("embed", photo, "--out", tmp_path / "nowhere" / "faces.npz").code == 5


def test_people_are_corrected(run, photo, other_photo):
    run("enroll", "--name", "eileen", photo)
    run("enroll", "--name", "ellen", other_photo)
    assert run("people", "merge", "ellen", "eileen").code == 0
    assert run("people", "rename", "eileen", "Eileen Collins").code == 0
    assert run("people", "move", "Eileen Collins", "crew").code == 0
    (person,) = run("people", "list", "-g", "crew", "-f", "json").records
    assert (person["person"], person["faces"]) == ("Eileen Collins", 2)
    faces = run("people", "show", "Eileen Collins", "-g", "crew", "-f", "json").records
    assert run("people", "remove-face", faces[0]["face"], "-g", "crew").code == 0
    assert len(run("people", "show", "Eileen Collins", "-g", "crew", "-f", "json").records) == 1


def test_removing_asks_first(run, photo):
    run("enroll", "--name", "eileen", photo)
    assert run("people", "remove", "eileen", answer="n\n").code == 1
    assert len(run("people", "list", "-f", "json").records) == 1
    assert run("people", "remove", "eileen", "--yes").code == 0
    assert run("people", "list", "-f", "json").records == []


def test_renaming_onto_somebody_is_refused(run, photo, other_photo):
    run("enroll", "--name", "a", photo)
    run("enroll", "--name", "b", other_photo)
    ran = run("people", "rename", "a", "b", "-f", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] == "person_exists"
    assert "merge" in ran.records[0]["error"]["message"]


def test_groups_travel_in_a_file(run, photo, tmp_path):
    run("enroll", "--name", "eileen", photo, "--group", "crew", "--keep-crops")
    file = tmp_path / "crew.zip"
    assert run("groups", "export", "crew", file).code == 0
    assert run("groups", "remove", "crew", "--yes").code == 0
    assert run("groups", "import", file, "-f", "json").records == [
        {"group": "crew", "new_faces": 1}
    ]
    assert run("groups", "import", file, "-f", "json").records[0]["new_faces"] == 0
    assert run("groups", "create", "empty").code == 0
    assert run("groups", "create", "empty").code == 4
    assert run("groups", "rename", "empty", "void").code == 0
    names = [record["group"] for record in run("groups", "list", "-f", "json").records]
    assert names == ["crew", "void"]
    assert run("identify", photo, "-g", "crew", "-f", "json").records[0]["faces"][0]["person"]


def test_models_and_info(run):
    models = run("models", "list", "-f", "json").records
    dlibs = {"dlib-5-points", "dlib-68-points", "dlib-mmod", "dlib-resnet-128"}
    known = {"mtcnn", *dlibs, "vultus-attributes"}
    assert {model["id"] for model in models} == known
    assert all(model["license_weights"] for model in models)
    assert "CC0" in run("models", "list").stdout
    assert len(run("models", "prepare", "-f", "json").records) == len(known)
    info = run("info", "-f", "json").records[0]
    assert info["provider"] == "cpu" or "cpu" in info["providers"]
    assert "onnxruntime" in run("info").stdout


def test_a_setting_that_makes_no_sense(run, photo, monkeypatch):
    monkeypatch.setenv("VULTUS_DETECTION__MIN_FACE_PX", "minus one")
    ran = run("detect", photo, "-f", "json")
    assert ran.code == 2
    assert ran.records[0]["error"]["code"] == "usage"
    assert "min_face_px" in ran.records[0]["error"]["message"]


def test_an_absent_provider_fails_loudly(run, photo, monkeypatch):
    monkeypatch.setenv("VULTUS_RUNTIME__PROVIDER", "cuda")
    ran = run("detect", photo)
    assert ran.code == 3
    assert "provider_missing" in ran.stderr


def test_help_is_light():
    code = (
        "import sys; sys.argv = ['vultus', '--help']\n"
        "from vultus.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'onnxruntime', 'cv2', 'sqlalchemy', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "identify" in done.stdout


def test_a_closed_pipe_is_no_traceback(photo, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number in range(6):
        Image.open(photo).save(album / f"{number}.png")
    child = subprocess.Popen(
        [sys.executable, "-m", "vultus", "detect", str(album), "-f", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read() if child.stderr else ""
    child.wait(timeout=60)
    if child.stderr:
        child.stderr.close()
    assert "Traceback" not in errors


def test_the_demo_finds_her_everywhere(run, tmp_path):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    ran = run("demo", "--out", tmp_path / "demo", "-f", "json")
    assert ran.code == 0
    people = {record["picture"]: record["person"] for record in ran.records}
    assert people.pop("cat") == "(no face)"
    assert len(people) == 9
    assert set(people.values()) == {"eileen_collins"}
    assert all(Path(record["annotated"]).exists() for record in ran.records)


def test_the_demo_on_own_pictures(run, photo, other_photo, tmp_path):
    (tmp_path / "p" / "eileen").mkdir(parents=True)
    photo.rename(tmp_path / "p" / "eileen" / "1.jpg")
    ImageOps.grayscale(Image.open(other_photo)).save(tmp_path / "q.png")
    ran = run("demo", "--people", tmp_path / "p", "--photos", tmp_path / "q.png", "-f", "json")
    assert ran.records[-1]["faces"][0]["person"] == "eileen"
    assert run("demo", "--people", tmp_path / "p").code == 2
