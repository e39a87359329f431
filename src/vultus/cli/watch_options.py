"""Options of commands that watch a video."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.settings import VideoSettings
    from vultus.video.camera import Camera

Source = Annotated[
    str | None,
    typer.Argument(
        help="Camera number or device, picamera:, video file, folder, rtsp:// or http(s)://.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="File of cameras (cameras.toml) instead of a source."),
]
Record = Annotated[
    Path | None, typer.Option("--record", help="Write annotated video (.mp4, .mkv).")
]
Window = Annotated[
    bool, typer.Option("--window", help="Show it. Esc or q ends, space saves a picture.")
]
Snapshots = Annotated[
    Path | None, typer.Option("--snapshots", help="Save the best picture of each visit here.")
]
Tracks = Annotated[
    Path | None, typer.Option("--tracks", help="Write what was tracked, for vultus replay.")
]
Attributes = Annotated[
    str | None,
    typer.Option(
        "--attributes",
        help="How the faces look: age,gender,expression,... or `all`. See docs/attributes.md.",
        show_default=False,
    ),
]
Remember = Annotated[
    bool,
    typer.Option("--remember/--no-remember", help="Keep strangers and visits in the gallery."),
]
StartedAt = Annotated[
    datetime.datetime | None,
    typer.Option("--started-at", help="When a file was recorded. [default: the file's time]"),
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", min=0.1, help="End after so many seconds.")
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        "-g",
        help="People to look for. [default: the group `default`, which may be empty]",
        show_default=False,
    ),
]
CameraName = Annotated[
    str | None, typer.Option("--camera", help="Name of the camera in events. [default: by source]")
]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        help="Where events go, any number: FILE.jsonl, FILE.csv, parquet:FOLDER, mqtt://HOST, "
        "https://..., sql. See docs/events.md.",
        show_default=False,
    ),
]
Zone = Annotated[
    list[str] | None,
    typer.Option(
        "--zone", help="NAME=x,y x,y x,y: fractions of the frame. Any number.", show_default=False
    ),
]
Mask = Annotated[
    list[str] | None,
    typer.Option("--mask", help="x,y x,y x,y: not looked at. Any number.", show_default=False),
]
Fps = Annotated[
    float | None,
    typer.Option("--fps", min=0.1, max=120, help="Analysed frames a second. [default: 10]"),
]
GateFace = Annotated[
    int | None,
    typer.Option(
        "--min-face", min=12, max=1000, help="Narrower faces are not recognised. [default: 32]"
    ),
]
Confirm = Annotated[
    int | None,
    typer.Option("--confirm", min=1, max=20, help="Looks that must agree. [default: 2]"),
]
Absence = Annotated[
    float | None,
    typer.Option("--absence", min=0.1, help="Seconds until a visit is over. [default: 5]"),
]
Cooldown = Annotated[
    float | None,
    typer.Option("--cooldown", min=0, help="Seconds until somebody is announced again."),
]
KeepDays = Annotated[
    float | None, typer.Option("--keep-days", min=0.01, help="Delete snapshots older than this.")
]
KeepMb = Annotated[
    float | None,
    typer.Option("--keep-mb", min=1, help="Delete the oldest snapshots beyond this size."),
]


def video_settings(
    settings: VideoSettings,
    fps: float | None = None,
    gate_face_px: int | None = None,
    confirm: int | None = None,
    absence: float | None = None,
    cooldown: float | None = None,
) -> VideoSettings:
    """The settings with the command line's values before them."""
    given = {
        "analysis_fps": fps,
        "gate_face_px": gate_face_px,
        "confirm_looks": confirm,
        "absence_s": absence,
        "cooldown_s": cooldown,
    }
    return settings.model_copy(update={k: v for k, v in given.items() if v is not None})


def camera_of(
    source: str,
    name: str | None,
    group: str | None,
    video: VideoSettings,
    zones: list[str] | None,
    masks: list[str] | None,
) -> Camera:
    """The camera that a command line describes.

    Raises:
        UsageError: a zone or a mask is written in another way, or another value makes no sense.
    """
    from vultus.video import camera
    from vultus.video.session import camera_name

    return camera.camera_of(
        {
            "name": name or camera_name(source),
            "source": source,
            "group": group,
            "zones": parse_zones(zones),
            "masks": parse_masks(masks),
            "video": video,
        }
    )


def parse_zones(texts: list[str] | None) -> dict[str, list[tuple[float, float]]]:
    """Raises UsageError for a zone that is written in another way."""
    from vultus.video.zones import parse_zone

    found: dict[str, list[tuple[float, float]]] = {}
    for text in texts or ():
        name, polygon = parse_zone(text)
        if name in found:
            raise UsageError(f"Two zones are called {name!r}.", "Give each its own name.")
        found[name] = list(polygon)
    return found


def parse_masks(texts: list[str] | None) -> list[list[tuple[float, float]]]:
    """As `parse_zones`, without names."""
    from vultus.video.zones import parse_zone

    return [list(parse_zone(f"mask={text}")[1]) for text in texts or ()]
