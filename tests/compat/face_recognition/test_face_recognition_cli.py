"""Arguments, lines and status are those of the original's tool; scripts read them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.compat.face_recognition.squares import paint, use_squares
from tests.shared import shared
from vultus.compat.face_recognition import api, engine, tool
from vultus.compat.face_recognition import face_recognition_cli as fr_cli
from vultus.errors import ImageTooLarge


@pytest.fixture
def shapes(monkeypatch):
    return use_squares(monkeypatch)


@pytest.fixture
def known(tmp_path, shapes) -> Path:
    folder = tmp_path / "known"
    for name in ("ada", "bob"):
        paint(folder, f"{name}.png", name)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(fr_cli.main, [str(argument) for argument in arguments])


def test_help():
    result = run("--help")
    assert result.exit_code == 0
    assert "Show this message and exit." in result.output
    for option in ("--cpus INTEGER", "--tolerance FLOAT", "--show-distance BOOLEAN"):
        assert option in result.output


def test_a_line_a_face(known, tmp_path):
    photo = paint(tmp_path, "party.png", "bob", "eve", "ada")
    result = run(known, photo)
    assert result.stdout == f"{photo},bob\n{photo},unknown_person\n{photo},ada\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_with_distances(known, tmp_path):
    photo = paint(tmp_path, "party.png", "bob", "eve")
    nobody = paint(tmp_path, "nobody.png")
    assert run(known, photo, "--show-distance", "1").stdout == (
        f"{photo},bob,0.0\n{photo},unknown_person,None\n"
    )
    assert (
        run(known, nobody, "--show-distance", "true").stdout == f"{nobody},no_persons_found,None\n"
    )
    assert run(known, nobody, "--show-distance", "0").stdout == f"{nobody},no_persons_found\n"


def test_distances_have_the_digits_of_double_precision(known, tmp_path):
    photo = paint(tmp_path, "ada.png", "ada", shade=7)
    distance = run(known, photo, "--show-distance", "1").stdout.strip().split(",")[-1]
    assert len(distance) > 12
    assert 0 < float(distance) < 0.1


def test_everybody_within_the_tolerance_is_named(known, tmp_path):
    photo = paint(tmp_path, "ada.png", "ada", shade=2)
    assert {
        line.split(",")[1] for line in run(known, photo, "--tolerance", "2").stdout.split()
    } == {
        "ada",
        "bob",
    }
    assert run(known, photo).stdout == f"{photo},ada\n"
    assert run(known, photo, "--tolerance", "0.001").stdout == f"{photo},unknown_person\n"


def test_known_pictures_of_nobody_and_of_several(known, tmp_path):
    nobody = paint(known, "nobody.png")
    several = paint(known, "several.png", "cyd", "dan")
    photo = paint(tmp_path, "cyd.png", "cyd")
    lines = run(known, photo).stdout.splitlines()
    assert set(lines[:-1]) == {
        f"WARNING: No faces found in {nobody}. Ignoring file.",
        f"WARNING: More than one face found in {several}. Only considering the first face.",
    }
    assert lines[-1] == f"{photo},several"


def test_nobody_known(tmp_path, shapes):
    (tmp_path / "known").mkdir()
    photo = paint(tmp_path, "ada.png", "ada")
    assert run(tmp_path / "known", photo).stdout == f"{photo},unknown_person\n"


@pytest.mark.parametrize("cpus", [[], ["--cpus", "2"], ["--cpus", "-1"]])
def test_a_folder_in_the_order_of_the_system(known, tmp_path, cpus):
    folder = tmp_path / "unknown"
    people = ["ada", "bob", "eve", "cyd", "dan"] * 3
    for number, person in enumerate(people):
        paint(folder, f"{person}{number}.png", person)
    names = {"ada": "ada", "bob": "bob"}
    expected = [f"{path},{names.get(path.name[:3], 'unknown_person')}" for path in folder.iterdir()]
    assert run(known, folder, *cpus).stdout.splitlines() == expected


def test_the_files_that_are_read(tmp_path):
    read = {"a.jpg", "b.JPEG", "c.Png", "d.jpg.old", ".png", "g.jpg.txt"}
    for name in read | {"jpg", "e.gif", "f.webp", "notes.txt"}:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "h.jpg").write_bytes(b"")
    found = fr_cli.image_files_in_folder(str(tmp_path))
    assert {Path(path).name for path in found} == read
    assert found == [str(path) for path in tmp_path.iterdir() if path.name in read]
    # paths begin with what was typed, as the original's do
    typed = fr_cli.image_files_in_folder(f"{tmp_path.parent}/./{tmp_path.name}/")
    assert set(typed) == {f"{tmp_path.parent}/./{tmp_path.name}/{name}" for name in read}


def test_large_pictures_are_made_smaller_and_known_ones_are_not(tmp_path, shapes):
    for name, size in (("known", (2000, 1000)), ("large", (1000, 3200)), ("just", (1600, 900))):
        (tmp_path / name).mkdir()
        Image.new("RGB", size).save(tmp_path / name / "a.png")
    run(tmp_path / "known", tmp_path / "large")
    assert shapes == [(1000, 2000, 3), (1600, 500, 3)]
    del shapes[:]
    run(tmp_path / "known", tmp_path / "just" / "a.png")
    assert shapes == [(1000, 2000, 3), (900, 1600, 3)]


@pytest.mark.parametrize(("cpus", "threads"), [(1, 1), (2, 2), (3, 3)])
def test_as_many_threads_as_asked_for(known, tmp_path, monkeypatch, cpus, threads):
    folder = tmp_path / "unknown"
    for number in range(6):
        paint(folder, f"{number}.png", "ada")
    together = threading.Barrier(threads, timeout=20)
    monkeypatch.setattr(api, "load_image_file", lambda path: (together.wait(), path)[1])
    seen = []
    monkeypatch.setattr(api, "face_chips", lambda path: seen.append(threading.get_ident()) or [])
    tool.for_each(
        fr_cli.image_files_in_folder(str(folder)),
        lambda path: api.face_chips(api.load_image_file(path)),
        engine.encode_together,
        lambda path, faces: None,
        cpus,
    )
    assert len(set(seen)) == threads
    assert (threading.get_ident() in seen) == (threads == 1)


@pytest.mark.parametrize(
    ("count", "threads", "sizes"),
    [
        (0, 2, []),
        (1, 8, [1]),
        (9, 2, [3, 2, 1, 1, 1, 1]),
        (20, 2, [4, 4, 3, 3, 2, 1, 1, 1, 1]),
        (5, 1, [3, 1, 1]),
    ],
)
def test_groups_get_smaller_towards_the_end(count, threads, sizes):
    paths = [str(number) for number in range(count)]
    groups = tool._groups(paths, threads)
    assert [len(group) for group in groups] == sizes
    assert [path for group in groups for path in group] == paths


def test_all_cores():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert tool.threads_for(-1) == cores


@pytest.mark.parametrize("cpus", ["0", "-2"])
def test_no_such_number_of_cores(known, tmp_path, cpus):
    result = run(known, known, "--cpus", cpus)
    assert result.exit_code == 1
    assert "must be 1 or more, or -1" in result.stderr
    with pytest.raises(ValueError, match="1 or more"):
        fr_cli.process_images_in_process_pool([], [], [], int(cpus), 0.6, False)
    photo = paint(tmp_path, "ada.png", "ada")  # one picture: the option is never looked at
    assert run(known, photo, "--cpus", cpus).stdout == f"{photo},ada\n"


def test_what_is_not_there(known, tmp_path):
    photo = paint(tmp_path, "ada.png", "ada")
    for arguments in ([tmp_path / "nowhere", photo], [known, tmp_path / "nothing.jpg"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ")
        assert "no" in result.stderr
        assert "Traceback" not in result.output


def test_a_broken_picture_ends_the_command(known, tmp_path):
    folder = tmp_path / "unknown"
    for number in range(4):
        paint(folder, f"{number}.png", "ada")
    order = fr_cli.image_files_in_folder(str(folder))
    Path(order[2]).write_bytes(b"no picture")
    for cpus in ("1", "2"):
        result = run(known, folder, "--cpus", cpus)
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [f"{path},ada" for path in order[:2]]
        assert Path(order[2]).name in result.stderr


def large(path: str) -> None:
    raise ImageTooLarge("The picture has many pixels.", "Make it smaller.")


def broken(path: str) -> None:
    raise OSError("broken data stream when reading image file")


def odd(path: str) -> None:
    raise ValueError("no more data")


@pytest.mark.parametrize("load", [large, broken, odd])
def test_the_broken_picture_is_named_where_the_error_does_not(known, monkeypatch, load):
    monkeypatch.setattr(api, "load_image_file", load)
    for cpus in ("1", "2"):
        result = run(known, known, "--cpus", cpus)
        assert result.exit_code == 1
        assert result.stderr.count(str(known / "")) == 1
        assert result.stderr.startswith("error: ")
        assert len(result.stderr.splitlines()) == 1
    with pytest.raises((OSError, ValueError, ImageTooLarge), match="known"):
        fr_cli.scan_known_people(str(known))


def test_wrong_arguments():
    assert run().exit_code == 2
    assert run("a", "b", "c").exit_code == 2
    assert run("a", "b", "--cpus", "two").exit_code == 2
    assert run("a", "b", "--show-distance").exit_code == 2


def test_a_name_that_is_no_text(known, tmp_path):
    (tmp_path / "odd").mkdir()
    picture = paint(tmp_path, "ada.png", "ada")
    try:
        picture.rename(tmp_path / "odd" / os.fsdecode(b"\xff.png"))
    except OSError:
        pytest.skip("this file system has no such names")
    result = run(known, tmp_path / "odd")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}/odd/\\udcff.png,ada\n")


def test_the_functions_that_programs_import():
    names = {
        "scan_known_people": "(known_people_folder)",
        "test_image": "(image_to_check, known_names, known_face_encodings, tolerance=0.6, "
        "show_distance=False)",
        "image_files_in_folder": "(folder)",
        "print_result": "(filename, name, distance, show_distance=False)",
        "process_images_in_process_pool": "(images_to_check, known_names, known_face_encodings, "
        "number_of_cpus, tolerance, show_distance)",
    }
    for name, expected in names.items():
        signature = inspect.signature(getattr(fr_cli, name))
        plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        assert str(inspect.Signature(plain)) == expected


def test_the_functions_one_by_one(known, tmp_path, capsys):
    names, encodings = fr_cli.scan_known_people(str(known))
    assert sorted(names) == ["ada", "bob"]
    assert all(e.shape == (128,) and e.dtype == np.float64 for e in encodings)
    photo = str(paint(tmp_path, "ada.png", "ada"))
    fr_cli.test_image(photo, names, encodings)
    fr_cli.test_image(photo, names, encodings, 0.6, True)
    fr_cli.test_image(photo, names, encodings, tolerance=-1)
    fr_cli.process_images_in_process_pool([photo, photo], names, encodings, 2, 0.6, False)
    fr_cli.print_result("a", "b", 0.5)
    fr_cli.print_result("a", "b", 0.5, True)
    ada = f"{photo},ada"
    assert capsys.readouterr().out.splitlines() == [
        ada,
        f"{ada},0.0",
        f"{photo},unknown_person",
        ada,
        ada,
        "a,b",
        "a,b,0.5",
    ]


def test_real_people():
    people = shared("photos/people")
    photo = people / "obama" / "1.jpg"
    result = run(photo.parent, photo, "--show-distance", "1")
    assert result.exit_code == 0
    assert f"{photo},1,0.0" in result.output
    stranger = people / "rose_leslie"
    assert ",1\n" not in run(photo.parent, stranger, "--cpus", "2").stdout


def test_as_a_module(known):
    command = [sys.executable, "-m", "vultus.compat.face_recognition.face_recognition_cli"]
    ran = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "KNOWN_PEOPLE_FOLDER IMAGE_TO_CHECK" in ran.stdout


def test_a_network_has_one_thread_while_the_tool_runs(known, tmp_path, monkeypatch):
    seen = []

    def look(image):
        seen.append((engine._analyzer().settings.runtime.threads, cv2.getNumThreads()))
        return []

    monkeypatch.setattr(api, "face_chips", look)
    before = cv2.getNumThreads(), engine._analyzer()
    engine._make_frugal_analyzer.cache_clear()
    run(known, paint(tmp_path, "ada.png", "ada"))
    assert set(seen) == {(1, 1)}
    assert (cv2.getNumThreads(), engine._analyzer()) == before
    # who says so in the settings knows better
    monkeypatch.setenv("VULTUS_RUNTIME__THREADS", "3")
    engine._make_frugal_analyzer.cache_clear()
    run(known, paint(tmp_path, "ada.png", "ada"))
    engine._make_frugal_analyzer.cache_clear()
    assert seen[-1] == (3, 1)
