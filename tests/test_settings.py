from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from vultus.errors import UsageError
from vultus.settings import DetectionSettings, Settings, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """No vultus.toml and no variables but a test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VULTUS_RUNTIME__CACHE_DIR", raising=False)
    return tmp_path


def fields_of(model: type[BaseModel], path: str = "") -> list[tuple[str, object]]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += fields_of(inner, f"{path}{name}.")
        else:
            found.append((f"{path}{name}", field))
    return found


@pytest.mark.parametrize(("name", "field"), fields_of(Settings))
def test_each_setting_has_title_and_description(name, field):
    assert field.title
    assert len(field.description) > 10


def test_defaults():
    settings = load_settings()
    assert settings.detection.min_face_px is None
    assert settings.detection.second_look
    assert settings.runtime.provider == "auto"
    assert settings.gallery.endswith("people.db")


def test_a_variable_changes_a_nested_setting(monkeypatch):
    monkeypatch.setenv("VULTUS_DETECTION__MIN_FACE_PX", "40")
    monkeypatch.setenv("VULTUS_RUNTIME__CACHE_DIR", "/elsewhere")
    settings = load_settings()
    assert settings.detection.min_face_px == 40
    assert settings.runtime.cache_dir == Path("/elsewhere")


def test_the_file_is_read(empty_folder):
    empty_folder.joinpath("vultus.toml").write_text(
        'gallery = "team.db"\n[matching]\nmargin = 0.1\n'
    )
    settings = load_settings()
    assert (settings.gallery, settings.matching.margin) == ("team.db", 0.1)


def test_arguments_go_before_variables_before_the_file(empty_folder, monkeypatch):
    empty_folder.joinpath("vultus.toml").write_text(
        'gallery = "file"\n[detection]\nmax_faces = 1\nscore_threshold = 0.5\n'
    )
    monkeypatch.setenv("VULTUS_DETECTION__MAX_FACES", "2")
    monkeypatch.setenv("VULTUS_GALLERY", "variable")
    assert load_settings().gallery == "variable"
    settings = load_settings(gallery="argument")
    assert settings.gallery == "argument"
    assert settings.detection == DetectionSettings(max_faces=2, score_threshold=0.5)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("VULTUS_DETECTION__MIN_FACE_PX", "forty", "detection.min_face_px"),
        ("VULTUS_DETECTION__MIN_FACE_PX", "3", "detection.min_face_px"),
        ("VULTUS_DETECTION__SCORE_THRESHOLD", "1.5", "detection.score_threshold"),
        ("VULTUS_DETECTION__MIN_FACE", "40", "detection.min_face"),
        ("VULTUS_RUNTIME__PROVIDER", "gpu", "runtime.provider"),
        ("VULTUS_MATCHING__FAR", "0", "matching.far"),
        ("VULTUS_LIMITS__MAX_IMAGE_PIXELS", "999999999999", "limits.max_image_pixels"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(monkeypatch, variable, value, named):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=named):
        load_settings()


def test_a_variable_for_a_whole_section_is_not_blamed_on_the_file(monkeypatch):
    monkeypatch.setenv("VULTUS_DETECTION", "fast")
    with pytest.raises(UsageError, match="variable") as caught:
        load_settings()
    assert "vultus.toml" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["galery = 'people.db'", "[detection]\nmin_face = 40", "[detection]\nmin_face_px = 1"]
)
def test_a_wrong_file_is_refused(empty_folder, text):
    empty_folder.joinpath("vultus.toml").write_text(text)
    with pytest.raises(UsageError, match="makes no sense"):
        load_settings()


@pytest.mark.parametrize("content", [b"gallery = ", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_refused(empty_folder, content):
    empty_folder.joinpath("vultus.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"vultus\.toml cannot be read"):
        load_settings()


def test_an_unknown_argument_is_refused():
    with pytest.raises(UsageError, match="galery"):
        load_settings(galery="people.db")


def test_settings_cannot_be_changed_behind_ones_back():
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.gallery = "other.db"
    with pytest.raises(ValidationError):
        settings.detection.max_faces = 3
