"""What is watched, and how: one camera, or all of a `cameras.toml`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vultus.errors import UsageError
from vultus.faces.attributes.describing import asked_for
from vultus.settings import VideoSettings
from vultus.video.zones import Zones

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SHARED = ("group", "snapshots", "snapshots_days", "snapshots_mb", "attributes")
_FORMAT = "docs/video.md shows the format."
_LARGEST_FILE = 2**20
LONGEST_NAME = 100
_MOST_ATTRIBUTES = 100  # names, known or not
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Camera(BaseModel):
    """One camera, or anything else that gives frames.

    name: stands in events. source: an address, see `vultus.video.sources`. group: the people to
    look for; None: the default group, where nobody need be enrolled. zones: name to corners in
    fractions of the frame. masks: parts of the frame that are not looked at. attributes: told of
    the faces that are recognised; names, or one text with commas between them, or `all`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    source: str = Field(min_length=1)
    group: str | None = None
    zones: dict[str, list[tuple[float, float]]] = Field(default_factory=dict)
    masks: list[list[tuple[float, float]]] = Field(default_factory=list)
    record: Path | None = None
    snapshots: Path | None = None
    snapshots_days: float | None = Field(None, gt=0)
    snapshots_mb: float | None = Field(None, gt=0)
    tracks: Path | None = None
    attributes: tuple[str, ...] = Field((), max_length=_MOST_ATTRIBUTES)
    video: VideoSettings = Field(default_factory=VideoSettings)

    @field_validator("attributes", mode="before")
    @classmethod
    def _known(cls, names: Any) -> Any:
        if not isinstance(names, str) and not _are_names(names):
            raise ValueError("names of attributes are needed")
        try:
            return asked_for(names)
        except UsageError as error:
            raise ValueError(str(error)) from None


def _are_names(values: Any) -> bool:
    several = isinstance(values, list | tuple) and len(values) <= _MOST_ATTRIBUTES
    return several and all(isinstance(value, str) for value in values)


class CameraFile(BaseModel):
    """A `cameras.toml`: cameras, where their events go, and values for all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: list[Camera] = Field(min_length=1)
    to: list[str] = Field(default_factory=list)


def read_cameras(path: Path, defaults: VideoSettings) -> CameraFile:
    """Read a file of cameras. `${NAME}` in a source or sink is taken from the environment.

    `group`, `snapshots`, `snapshots_days`, `snapshots_mb`, `attributes` and `[video]` at the top
    are defaults for every camera.

    Raises:
        UsageError: it cannot be read, has unknown keys or values that make no sense, or two
            cameras have one name.
    """
    raw = _read_toml(path)
    cameras = raw.pop("camera", [])
    shared = {name: raw.pop(name) for name in _SHARED if name in raw}
    video = {**defaults.model_dump(), **_table(path, raw.pop("video", {}))}
    if isinstance(cameras, list):
        raw["camera"] = [
            {**shared, **each, "video": {**video, **_table(path, each.get("video", {}))}}
            if isinstance(each, dict)
            else each
            for each in cameras
        ]
    try:
        found = CameraFile.model_validate(_with_variables(path, raw))
    except ValidationError as error:
        raise UsageError(
            f"{path} makes no sense: {_problems(error)}.", _FORMAT
        ) from None  # the values may be secret
    check_names(found.camera)
    for camera in found.camera:
        Zones(camera.zones, camera.masks)
    return found


def camera_of(values: Mapping[str, object]) -> Camera:
    """Raises UsageError for values that make no sense."""
    try:
        return Camera.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(f"The camera makes no sense: {_problems(error)}.", _FORMAT) from None


def check_names(cameras: list[Camera]) -> None:
    """Raises UsageError where two cameras have one name, or write into one file."""
    for what in ("name", "record", "tracks"):
        values = [str(value) for each in cameras if (value := getattr(each, what)) is not None]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise UsageError(f"Two cameras have the {what} {twice!r}.", "Give each its own.")


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    )


def _table(path: Path, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path} makes no sense: video is no table.", "Write [video].")
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"{path} is no file of cameras: it is too large.", "")
        parsed: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return parsed
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "Name a file of cameras."
        ) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} is no TOML: {error}.", _FORMAT) from None


def _with_variables(path: Path, value: Any) -> Any:
    """The same tree with `${NAME}` replaced, so that passwords need not stand in the file."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(path, found[1], os.environ), value)
    if isinstance(value, dict):
        return {name: _with_variables(path, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_variables(path, each) for each in value]
    return value


def _variable(path: Path, name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise UsageError(f"{path} names ${{{name}}}, which is not set.", f"Set {name}.")
    return environment[name]
