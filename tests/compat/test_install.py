"""The alias is a well-formed distribution, and nothing of others is ever touched."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from vultus.compat import install as module
from vultus.compat.environment import Environment, this_environment
from vultus.compat.install import VERSION, install, uninstall
from vultus.errors import AliasTaken, NothingToDo, StorageError

RUN_AS_MODULE = b"-m vultus.compat.face_recognition.face_recognition_cli %*"


@pytest.fixture
def place(tmp_path: Path) -> Environment:
    """An environment of the test's own, with another package in it."""
    packages, scripts = tmp_path / "lib" / "site-packages", tmp_path / "bin"
    for folder in (packages, scripts):
        folder.mkdir(parents=True)
    add_distribution(packages, "other", "1.0")
    (scripts / "vultus").write_text("ours")
    return Environment(packages, scripts, Path(sys.executable), (str(packages),), windows=False)


def add_distribution(packages: Path, name: str, version: str, *, code: str = "") -> None:
    folder = packages / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "INSTALLER").write_text("pip\n")
    (packages / name).mkdir()
    (packages / name / "__init__.py").write_text(code)


def tree(place: Environment) -> dict[str, bytes]:
    """Every file of the environment."""
    root = place.scripts.parent
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def found(place: Environment) -> list[metadata.Distribution]:
    return list(metadata.distributions(name="face_recognition", path=[str(place.packages)]))


def test_what_is_installed_is_a_distribution_with_a_whole_record(place):
    before = tree(place)
    alias = install(place)
    (dist,) = found(place)
    assert (dist.metadata["Name"], dist.version) == ("face_recognition", VERSION)
    assert dist.requires == ["vultus"]
    points = {point.name: point.value for point in dist.entry_points}
    assert set(points) == {"face_recognition", "face_detection"}
    assert {p.group for p in dist.entry_points} == {"console_scripts"}
    new = {Path(p) for p in set(tree(place)) - set(before)}
    root = place.scripts.parent
    recorded = {Path(os.path.normpath(f.locate())) for f in dist.files or []}
    assert recorded == {root / path for path in new}
    for file in dist.files or []:
        if file.name != "RECORD":
            assert file.hash is not None
            assert file.size == len(file.read_binary())
    assert alias.changed
    assert {path.name for path in alias.scripts} == {"face_recognition", "face_detection"}
    assert all(os.access(path, os.X_OK) for path in alias.scripts)


def test_the_version_satisfies_who_asks_for_the_original():
    requirements = pytest.importorskip("packaging.specifiers")
    for asked in ("==1.3.0", ">=1.3", ">=1.2,<2"):
        assert requirements.SpecifierSet(asked).contains(VERSION), asked


def test_uninstall_leaves_what_was_there_before(place):
    before = tree(place)
    install(place)
    compiled = place.packages / "face_recognition" / "__pycache__"
    compiled.mkdir()
    (compiled / "__init__.cpython-311.pyc").write_bytes(b"")
    removed = uninstall(place)
    assert removed.version == VERSION
    assert tree(place) == before
    assert not (place.packages / "face_recognition").exists()


def test_a_file_of_others_in_its_folder_stays(place):
    install(place)
    note = place.packages / "face_recognition" / "note.txt"
    note.write_text("mine")
    uninstall(place)
    assert note.read_text() == "mine"
    assert found(place) == []


def test_installing_twice_changes_nothing(place):
    install(place)
    before = tree(place)
    assert install(place).changed is False
    assert tree(place) == before


def test_an_older_alias_is_replaced(place, monkeypatch):
    monkeypatch.setattr(module, "VERSION", "1.3.0+vultus.0.0.1")
    monkeypatch.setattr(module, "_METADATA", module._METADATA.replace(VERSION, module.VERSION))
    monkeypatch.setattr(module, "_INIT", module._INIT + "# as it once was\n")
    install(place)
    monkeypatch.undo()
    assert install(place).changed
    (dist,) = found(place)
    assert dist.version == VERSION
    assert "once" not in (place.packages / "face_recognition" / "__init__.py").read_text()
    uninstall(place)
    assert found(place) == []


def test_what_is_missing_is_mended(place):
    install(place)
    before = tree(place)
    (place.scripts / "face_detection").unlink()
    assert install(place).changed
    assert tree(place) == before


def test_the_real_one_is_never_replaced(place):
    add_distribution(place.packages, "face_recognition", "1.3.0", code="real = True\n")
    before = tree(place)
    for call in (install, uninstall):
        with pytest.raises(AliasTaken, match=r"real face_recognition 1\.3\.0 is installed"):
            call(place)
    assert tree(place) == before


def test_the_real_one_further_down_the_path_counts(place, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    add_distribution(below, "face_recognition", "1.3.0")
    with pytest.raises(AliasTaken, match="real face_recognition"):
        install(replace(place, search=(*place.search, str(below))))
    assert found(place) == []


def test_an_alias_further_down_the_path_is_no_hindrance(place, tmp_path):
    below = replace(place, packages=tmp_path / "below", scripts=tmp_path / "below_bin")
    below.packages.mkdir()
    install(replace(below, search=(str(below.packages),)))
    assert install(replace(place, search=(*place.search, str(below.packages)))).changed


def test_a_module_of_that_name_is_a_refusal(place, tmp_path):
    own = tmp_path / "program"
    own.mkdir()
    (own / "face_recognition.py").write_text("mine = True\n")
    before = tree(place)
    with pytest.raises(AliasTaken, match=r"face_recognition\.py is a module named"):
        install(replace(place, search=(str(own), *place.search)))
    assert tree(place) == before


def test_a_script_of_that_name_is_a_refusal(place):
    (place.scripts / "face_detection").write_text("somebody's")
    before = tree(place)
    with pytest.raises(AliasTaken, match="face_detection is there already"):
        install(place)
    assert tree(place) == before


@pytest.mark.parametrize("call", [install, uninstall])
def test_a_file_that_was_changed_is_left_alone(place, call):
    install(place)
    script = place.scripts / "face_recognition"
    script.write_text("changed")
    before = tree(place)
    with pytest.raises(AliasTaken, match="face_recognition was changed since"):
        call(place)
    assert tree(place) == before


@pytest.mark.parametrize("path", ["../../important", "other/__init__.py", "../../bin/vultus"])
def test_a_record_that_names_other_files_deletes_none(place, path):
    install(place)
    (place.scripts.parent / "important").write_text("kept")
    (record,) = place.packages.glob("face_recognition-*/RECORD")
    record.write_text(record.read_text() + f"{path},,\n")
    before = tree(place)
    with pytest.raises(AliasTaken, match="which no alias of Vultus has"):
        uninstall(place)
    assert tree(place) == before


def test_a_record_that_cannot_be_read_is_a_refusal(place):
    install(place)
    (record,) = place.packages.glob("face_recognition-*/RECORD")
    record.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AliasTaken, match="no record"):
        uninstall(place)


def test_uninstall_where_nothing_is(place):
    with pytest.raises(NothingToDo, match="is not installed"):
        uninstall(place)


def test_an_environment_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="virtual environment"):
        install(replace(place, packages=tmp_path / "file" / "site-packages"))


def test_what_fails_halfway_leaves_nothing(place):
    before = tree(place)
    scripts = place.scripts.parent / "no_folder"
    scripts.write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        install(replace(place, scripts=scripts))
    scripts.unlink()
    assert tree(place) == before
    assert sorted(p.name for p in place.packages.iterdir()) == ["other", "other-1.0.dist-info"]


def test_scripts_start_a_python_whose_path_is_long_and_spaced(place, tmp_path):
    folder = tmp_path / "with space" / ("long" * 30)
    folder.mkdir(parents=True)
    python = folder / "python"
    python.symlink_to(sys.executable)
    install(replace(place, python=python))
    code = place.scripts / "face_recognition"
    program = "import sys, types\nmain = lambda: print(sys.executable, sys.argv[1:]) or 7\n"
    fake = tmp_path / "fake" / "vultus" / "compat" / "face_recognition"
    fake.mkdir(parents=True)
    (fake / "face_recognition_cli.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "fake")}
    for package in (fake.parent.parent, fake.parent, fake):
        (package / "__init__.py").write_text("")
    ran = subprocess.run(
        [code, "a b"], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (7, "")
    assert ran.stdout.strip() == f"{python} ['a b']"


def windows(place: Environment) -> Environment:
    return replace(place, windows=True, python=place.scripts / "python.exe")


def test_on_windows_the_launcher_of_vultus_is_used_again(place):
    launcher = b"MZ" + bytes(500) + b"#!C:\\env\\Scripts\\python.exe\r\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("__main__.py", "from vultus.cli.app import main")
    (place.scripts / "vultus.exe").write_bytes(launcher + archive.getvalue())
    alias = install(windows(place))
    assert {path.name for path in alias.scripts} == {"face_recognition.exe", "face_detection.exe"}
    for path in alias.scripts:
        assert path.read_bytes().startswith(launcher)
        with zipfile.ZipFile(path) as zipped:
            assert zipped.testzip() is None
            program = zipped.read("__main__.py").decode()
        assert f"from vultus.compat.face_recognition.{path.stem}_cli import main" in program
    assert install(windows(place)).changed is False
    uninstall(windows(place))
    assert sorted(path.name for path in place.scripts.iterdir()) == ["vultus", "vultus.exe"]


@pytest.mark.parametrize("launcher", [b"MZ of another kind", b"", None])
def test_on_windows_a_batch_file_where_the_launcher_is_unknown(place, launcher):
    if launcher is not None:
        (place.scripts / "vultus.exe").write_bytes(launcher)
    alias = install(windows(place))
    assert {path.name for path in alias.scripts} == {"face_recognition.cmd", "face_detection.cmd"}
    text = (place.scripts / "face_recognition.cmd").read_bytes()
    assert text == b'@"%~dp0python.exe" ' + RUN_AS_MODULE + b"\r\n"
    elsewhere = replace(windows(place), python=Path("/100%/python.exe"))
    uninstall(windows(place))
    install(elsewhere)
    text = (place.scripts / "face_recognition.cmd").read_bytes()
    assert text == b'@"/100%%/python.exe" ' + RUN_AS_MODULE + b"\r\n"


def test_the_record_is_what_pip_reads(place):
    install(place)
    (record,) = place.packages.glob("face_recognition-*/RECORD")
    rows = list(csv.reader(io.StringIO(record.read_text())))
    assert all(len(row) == 3 for row in rows)
    assert [row for row in rows if row[1] == ""] == [[f"{record.parent.name}/RECORD", "", ""]]
    assert {row[0] for row in rows if row[0].startswith("..")} == {
        "../../bin/face_recognition",
        "../../bin/face_detection",
    }


def test_this_environment_is_where_the_interpreter_looks():
    here = this_environment()
    assert str(here.packages) in sys.path
    assert here.scripts.is_dir()
    assert here.python == Path(sys.executable)


def test_where_vultus_was_installed_for_the_user_the_alias_goes_there_too(tmp_path, monkeypatch):
    from vultus.compat import environment

    monkeypatch.setattr(environment.site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(environment, "_installed_in", lambda folder: True)
    here = environment.this_environment()
    assert here.packages == Path(environment.site.getusersitepackages())
