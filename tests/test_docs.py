"""The documentation says what there is: every command, error, setting; its Python runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from pydantic import BaseModel

from tests.video.clips import write_clip
from vultus import errors
from vultus.cli.app import app
from vultus.cli.exit_codes import exit_code
from vultus.cli.watch_board import OF_FACES, OF_FRAMES
from vultus.models.catalogue import cards
from vultus.settings import Settings, VideoSettings
from vultus.video.camera import Camera, read_cameras
from vultus.video.gates import REASONS as GATES
from vultus.video.health import REASONS as UNFIT
from vultus.video.watcher import CameraStatus

ROOT = Path(__file__).resolve().parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def all_errors(kind: type[errors.VultusError] = errors.VultusError) -> Iterator[type]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


def command_names() -> list[str]:
    import typer

    root = typer.main.get_command(app)
    names = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        names += [f"{name} {child}" for child in inner] if inner else [name]
    return names


def setting_names(model: type[BaseModel] = Settings, before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, f"{before}{name}.")
        else:
            yield before + name


def test_every_error_is_documented_with_its_exit_status():
    table = dict(
        re.findall(r"^\| `(\w+)` \| `\w+` \|.*\| (\d+)[^|]*\|$", text("docs/errors.md"), re.M)
    )
    codes = {kind.code: kind for kind in all_errors()}
    assert set(table) == set(codes)
    for code, kind in codes.items():
        assert int(table[code]) == exit_code(kind("message")), code


@pytest.mark.parametrize("name", command_names())
def test_every_command_is_documented(name):
    assert f"\n## vultus {name}\n" in text("docs/cli.md")


def test_only_commands_that_exist_are_documented():
    documented = re.findall(r"^## vultus (.+)$", text("docs/cli.md"), re.M)
    assert sorted(documented) == sorted(command_names())


def test_every_setting_is_documented_and_described():
    documented = re.findall(r"^\| `([\w.]+)` \|", text("docs/settings.md"), re.M)
    assert sorted(documented) == sorted(setting_names())


def test_every_model_is_documented():
    for card in cards().values():
        assert f"| `{card.id}` |" in text("docs/models.md")
        assert card.license_weights in text("docs/models.md")


def test_the_calibration_table_is_the_cards():
    calibration = cards()["dlib-resnet-128"].calibration
    assert calibration is not None
    for point in calibration.points:
        row = rf"\| \**{point.distance:.4f}\** \| {point.far:g} \| {point.tar:.3f} \|"
        assert re.search(row, text("docs/models.md"))


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_on_the_page_runs(page, tmp_path, monkeypatch, capsys):
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    picture = Image.fromarray(data.astronaut())
    for name in ("party.jpg", "a.jpg", "1.jpg"):
        picture.save(tmp_path / name)
    for name in ("b.jpg", "2.jpg"):
        ImageOps.mirror(picture).save(tmp_path / name)
    _write_moving(tmp_path / "clip.mp4", np.asarray(picture))
    monkeypatch.setenv("VULTUS_EVENTS__OUTBOX", str(tmp_path / "outbox.db"))
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text(page), re.S)):
        scope = {"vultus": __import__("vultus")}
        exec(compile(block, f"{page} block {number}", "exec"), scope)  # noqa: S102
    assert "obama" in capsys.readouterr().out


def _write_moving(path: Path, picture: np.ndarray) -> None:
    """Two seconds in which the picture moves to the left, two pixels a frame."""
    write_clip(
        path, (picture[:, n : n + 384] for n in range(0, 40, 2)), rate=10, size_wh=(384, 512)
    )


def _python_files() -> list[Path]:
    return [*ROOT.glob("examples/*.py")]


@pytest.mark.parametrize("path", _python_files(), ids=lambda path: path.name)
def test_examples_say_what_they_do_and_compile(path):
    module = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(module)
    compile(module, str(path), "exec")


def test_the_file_of_cameras_on_the_page_is_one_and_has_every_key(tmp_path, monkeypatch):
    for name in ("MQTT_PASSWORD", "DOOR_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    page = text("docs/video.md")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    path = tmp_path / "cameras.toml"
    path.write_text(block)
    found = read_cameras(path, VideoSettings())
    assert [camera.name for camera in found.camera] == ["door", "yard"]
    table = page.split("| key | where | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= {*Camera.model_fields, "to"}


def test_every_counter_and_state_of_a_camera_is_documented():
    page = text("docs/video.md")
    documented = set(re.findall(r"`(\w+)`", page.split("## States and counters")[1]))
    assert documented >= {field for field in CameraStatus.__dataclass_fields__} - {"camera"}
    assert documented >= {*GATES, *UNFIT, "no_face", *OF_FACES, *OF_FRAMES}


def test_the_two_commands_come_first_in_the_readme():
    lines = text("README.md").splitlines()
    first = [line.split("#")[0].strip() for line in lines if line.startswith("    ")][:2]
    assert first == ["make run", "make test"]


def test_no_library_code_prints_asserts_or_unpickles():
    for path in (ROOT / "src").rglob("*.py"):
        source = path.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, ast.Assert), path
            assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "print"), path
        assert not re.search(r"^\s*(import|from) pickle\b", source, re.M), path
