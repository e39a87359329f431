"""`vultus compat`: the two tools as they are, and the alias for programs that cannot be changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.compat.face_recognition.squares import paint, use_squares
from tests.shared import shared
from vultus.compat import environment
from vultus.compat.environment import Environment
from vultus.compat.install import VERSION

# As a program is that was written for the original: every usual way to import.
PROGRAM = """
import sys
import face_recognition
import face_recognition.api
import face_recognition.api as again
import face_recognition.face_recognition_cli as fr_cli
from face_recognition import face_detection_cli, face_encodings, load_image_file
from face_recognition.api import compare_faces
import vultus.compat.face_recognition as ours
import vultus.compat.face_recognition.api
import vultus.compat.face_recognition.face_detection_cli

assert face_recognition is ours is sys.modules["face_recognition"]
assert face_recognition.api is again is ours.api is sys.modules["face_recognition.api"]
assert face_detection_cli is ours.face_detection_cli
assert fr_cli is ours.face_recognition_cli
assert again.__spec__.name == "vultus.compat.face_recognition.api"
assert compare_faces is ours.compare_faces
try:
    import face_recognition.nothing
except ModuleNotFoundError as error:
    assert error.name == "face_recognition.nothing", error.name
else:
    raise SystemExit("a module that is not there")

image = face_recognition.load_image_file(sys.argv[1])
known = face_recognition.face_encodings(image)
assert len(known) == 1
print(len(face_recognition.face_locations(image)), compare_faces(known, known[0])[0] == True)
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Environment:
    """An environment of the test's own, for the command's."""
    packages, scripts = tmp_path / "packages", tmp_path / "bin"
    packages.mkdir()
    made = Environment(packages, scripts, Path(sys.executable), (str(packages),), windows=False)
    monkeypatch.setattr(environment, "this_environment", lambda: made)
    return made


def test_install_and_uninstall(run, place):
    installed = run("compat", "install", "-f", "json").records[0]
    assert installed == {
        "version": VERSION,
        "packages": str(place.packages),
        "scripts": [str(place.scripts / "face_detection"), str(place.scripts / "face_recognition")],
        "changed": True,
    }
    assert run("compat", "install", "-f", "json").records[0] == {**installed, "changed": False}
    assert "was installed already" in run("compat", "install").stdout
    removed = run("compat", "uninstall")
    assert removed.stdout.startswith(f"face_recognition {VERSION} removed: {place.packages}")
    assert list(place.packages.iterdir()) == list(place.scripts.iterdir()) == []


def test_refusals_have_codes(run, place):
    nothing = run("compat", "uninstall")
    assert (nothing.code, nothing.stdout) == (1, "")
    assert "[nothing_to_do]" in nothing.stderr
    (place.packages / "face_recognition.py").write_text("real = True")
    taken = run("compat", "install", "-f", "json")
    assert taken.code == 1
    assert taken.records[0]["error"]["code"] == "alias_taken"
    (place.packages / "face_recognition.py").unlink()
    place.packages.rmdir()
    place.packages.write_text("no folder")
    denied = run("compat", "install")
    assert denied.code == 5
    assert "[storage_failed]" in denied.stderr


def test_the_tools_get_their_arguments_as_they_are(run, tmp_path, monkeypatch):
    use_squares(monkeypatch)
    known, photo = (
        paint(tmp_path / "-known", "ada.png", "ada").parent,
        paint(tmp_path, "a.png", "ada"),
    )
    ran = run("compat", "face_recognition", "--show-distance", "1", "--", "-known", photo)
    assert (ran.code, ran.stdout) == (0, f"{photo},ada,0.0\n")
    assert known.name == "-known"
    ran = run("compat", "face_detection", photo, "--cpus", "2")
    assert (ran.code, ran.stdout) == (0, f"{photo},20,80,80,20\n")


def test_help_and_status_of_the_tools_are_their_own(run, tmp_path):
    ran = run("compat", "face_recognition", "--help")
    assert ran.code == 0
    assert "compat face_recognition [OPTIONS] KNOWN_PEOPLE_FOLDER" in ran.stdout
    assert run("compat", "face_detection").code == 2
    missing = run("compat", "face_recognition", tmp_path / "nowhere", "a.jpg")
    assert (missing.code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("error: ")


def virtual_environment(folder: Path) -> Path:
    """A fresh one that sees the packages of this one; returns its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    here = [sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("src"))]
    (packages / "others.pth").write_text("\n".join(here))
    return Path(sysconfig.get_path("scripts", vars=paths))


@pytest.mark.long
def test_a_program_that_knows_nothing_of_vultus(tmp_path):
    photo = shared("photos/people") / "obama" / "1.jpg"
    programs = virtual_environment(tmp_path / "env")
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}

    def call(*command: object, code: int = 0) -> str:
        ran = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    python = programs / Path(sys.executable).name
    vultus = (python, "-m", "vultus", "compat")
    (tmp_path / "program.py").write_text(PROGRAM)
    assert "No module named 'face_recognition'" in call(python, "program.py", photo, code=1)
    record = json.loads(call(*vultus, "install", "--format", "json"))
    assert {Path(path).parent for path in record["scripts"]} == {programs}
    assert call(python, "program.py", photo).strip() == "1 True"
    line = f"{photo},1\n"
    assert line in call(programs / "face_recognition", photo.parent, photo)
    module = "face_recognition.face_recognition_cli"
    assert line in call(python, "-W", "error", "-m", module, photo.parent, photo)
    assert call(programs / "face_detection", photo).startswith(f"{photo},")
    listed = json.loads(
        call(python, "-m", "pip", "list", "--format", "json", "--path", record["packages"])
    )
    names = {one["name"].replace("-", "_"): one["version"] for one in listed}
    assert names["face_recognition"] == record["version"]
    call(python, "-m", "pip", "uninstall", "--yes", "face_recognition")
    assert "is not installed" in call(*vultus, "uninstall", code=1)
    assert not any(path.name.startswith("face_") for path in programs.iterdir())
    call(*vultus, "install")
    call(*vultus, "uninstall")
    assert not (programs / "face_recognition").exists()
    assert "No module named 'face_recognition'" in call(python, "program.py", photo, code=1)
