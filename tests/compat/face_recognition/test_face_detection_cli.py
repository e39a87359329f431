from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.compat.face_recognition.squares import paint, use_squares
from tests.shared import shared
from vultus.compat.face_recognition import face_detection_cli as fd_cli


@pytest.fixture
def squares(monkeypatch):
    use_squares(monkeypatch)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(fd_cli.main, [str(argument) for argument in arguments])


def test_help():
    result = run("--help")
    assert result.exit_code == 0
    assert "Show this message and exit." in result.output
    for option in ("--cpus INTEGER", "--model TEXT", "--upsample INTEGER"):
        assert option in result.output


def test_a_line_a_face(squares, tmp_path):
    photo = paint(tmp_path, "two.png", "ada", "bob")
    result = run(photo)
    assert result.stdout == f"{photo},20,80,80,20\n{photo},20,160,80,100\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_nothing_is_said_of_a_picture_without_faces(squares, tmp_path):
    result = run(paint(tmp_path, "nobody.png"))
    assert (result.exit_code, result.output) == (0, "")


def test_model_and_upsampling_are_handed_on(squares, tmp_path):
    photo = paint(tmp_path, "one.png", "ada")
    assert run(photo, "--model", "cnn").stdout == f"{photo},1,2,3,0\n"
    assert run(photo, "--model", "cnn", "--upsample", "2").stdout == f"{photo},1,2,3,2\n"


@pytest.mark.parametrize("cpus", [[], ["--cpus", "2"], ["--cpus", "-1"]])
def test_a_folder_in_the_order_of_the_system(squares, tmp_path, cpus):
    folder = tmp_path / "photos"
    for number in range(7):
        paint(folder, f"{number}.png", *["ada"] * (number % 3))
    (folder / "notes.txt").write_text("none")
    expected = [
        f"{path},20,{80 + 80 * face},80,{20 + 80 * face}"
        for path in folder.iterdir()
        if path.suffix == ".png"
        for face in range(int(path.stem) % 3)
    ]
    assert run(folder, *cpus).stdout.splitlines() == expected


def test_bad_input(squares, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for arguments in ([broken], [tmp_path / "nothing.jpg"], [tmp_path, "--cpus", "0"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ")
        assert "Traceback" not in result.output
    for arguments in ([], [broken, "--upsample", "-1"], [broken, "--upsample", "much"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Traceback" not in result.output


def test_the_functions_that_programs_import():
    names = {
        "test_image": "(image_to_check, model, upsample=0)",
        "image_files_in_folder": "(folder)",
        "print_result": "(filename, location)",
        "process_images_in_process_pool": "(images_to_check, number_of_cpus, model, upsample=0)",
    }
    for name, expected in names.items():
        signature = inspect.signature(getattr(fd_cli, name))
        plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        assert str(inspect.Signature(plain)) == expected


def test_the_functions_one_by_one(squares, tmp_path, capsys):
    photo = str(paint(tmp_path, "one.png", "ada"))
    fd_cli.test_image(photo, "hog")
    fd_cli.process_images_in_process_pool([photo], -1, "hog")
    fd_cli.print_result("a", (1, 2, 3, 4))
    line = f"{photo},20,80,80,20"
    assert capsys.readouterr().out.splitlines() == [line, line, "a,1,2,3,4"]


def test_a_real_photo():
    photo = shared("photos/people") / "obama" / "1.jpg"
    (line,) = run(photo).stdout.splitlines()
    path, *numbers = line.rsplit(",", 4)
    assert Path(path) == photo
    top, right, bottom, left = map(int, numbers)
    assert top < bottom
    assert left < right
