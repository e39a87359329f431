"""A camera as the server keeps it: checked, free of secrets where it is shown, ready to watch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from vultus.errors import UsageError
from vultus.events.sinks.opening import open_sinks
from vultus.gallery.gallery import Gallery
from vultus.redaction import key_of, redact_address
from vultus.server.cameras.places import inside, sink_within
from vultus.settings import Settings, VideoSettings
from vultus.video.camera import Camera
from vultus.video.film import kind_of
from vultus.video.sources.address import parse_address
from vultus.video.zones import Zones

_MOST_SINKS = 20
_MOST_POLYGONS = 100
_LONGEST_ADDRESS = 2048
_KEEP_DAYS = 30.0
_KEEP_MB = 2000.0
_FORMAT = "The server's /docs and docs/video.md show what a camera has."


class CameraOptions(Camera):
    """A camera as in a `cameras.toml`, and what the server needs besides.

    snapshots, record, tracks: paths within the server's folder of cameras. to: further sinks;
    the table of events has every event anyway. enabled: whether it is watched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str = Field(min_length=1, max_length=_LONGEST_ADDRESS)
    snapshots: Path | None = Path("snapshots")
    snapshots_days: float | None = Field(_KEEP_DAYS, gt=0)
    snapshots_mb: float | None = Field(_KEEP_MB, gt=0)
    to: list[str] = Field(default_factory=list, max_length=_MOST_SINKS)
    enabled: bool = True

    @field_validator("name")
    @classmethod
    def _can_stand_in_a_path(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable() or set("/\\") & set(name):
            raise ValueError("no slashes, control characters, or spaces at the ends")
        if set(name) == {"."}:
            raise ValueError("not of dots alone")
        return name

    @field_validator("zones", "masks")
    @classmethod
    def _not_too_many(cls, polygons: Any) -> Any:
        if len(polygons) > _MOST_POLYGONS:
            raise ValueError(f"at most {_MOST_POLYGONS}")
        return polygons


def options_of(values: object) -> CameraOptions:
    """Raises UsageError, naming the field, for values that make no sense."""
    try:
        found = CameraOptions.model_validate(values)
        json.dumps(found.model_dump(mode="json"), allow_nan=False)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'camera'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(f"The camera makes no sense: {problems}.", _FORMAT) from None
    except ValueError:
        raise UsageError("The camera makes no sense: a number is none.", _FORMAT) from None
    return found


def stored(options: CameraOptions) -> dict[str, Any]:
    """What was given, as the database keeps it: what is not said follows the settings."""
    return options.model_dump(mode="json", exclude_unset=True)


def shown(options: CameraOptions) -> dict[str, Any]:
    """As `stored`, without the secrets of addresses."""
    values = stored(options)
    values["source"] = shown_source(options.source)
    if "to" in values:
        values["to"] = [shown_sink(address) for address in options.to]
    return values


def shown_source(address: str) -> str:
    """The address of a video without its secrets."""
    return parse_address(address).name


def shown_sink(address: str) -> str:
    """The address of a sink without its secrets; of a webhook only the host shows."""
    if address.lower().startswith(("http://", "https://")):
        return key_of(address, show_path=False)
    return redact_address(address)


def with_known_secrets(values: Mapping[str, Any], before: CameraOptions) -> dict[str, Any]:
    """New values, where what was shown without its secrets comes back as it was."""
    known = {shown_sink(address): address for address in before.to}
    changed = dict(values)
    if changed.get("source") == shown_source(before.source):
        changed["source"] = before.source
    if isinstance(changed.get("to"), list):
        changed["to"] = [
            known.get(each, each) if isinstance(each, str) else each for each in changed["to"]
        ]
    return changed


def check(options: CameraOptions, gallery: Gallery, folder: Path) -> None:
    """Whether this can be watched, as far as can be told without its video.

    Raises:
        SourceUnknown, UsageError: an address, a zone or a path makes no sense.
        GroupUnknown: its group is not there. ExtraMissing: a sink needs another package.
    """
    parse_address(options.source)
    _check_polygons(options)
    if options.record is not None:
        kind_of(options.record)
    camera_of(options, gallery.settings, folder)
    if options.group is not None:
        gallery.require_group(options.group)
    addresses = sinks_of(options, folder)
    try:
        for sink in open_sinks(addresses, gallery.settings, gallery.database.address):
            sink.close()
    except UsageError as error:
        raise UsageError(f"to: {without_folder(error.message, folder)}", error.hint) from None


def _check_polygons(options: CameraOptions) -> None:
    for what, zones, masks in (("zones", options.zones, []), ("masks", {}, options.masks)):
        try:
            Zones(zones, masks)
        except UsageError as error:
            raise UsageError(f"{what}: {error.message}", error.hint) from None


def camera_of(options: CameraOptions, settings: Settings, folder: Path) -> Camera:
    """What is watched: paths within the folder, the server's settings where nothing else is said.

    Recordings and tracks get the time in their names, so that no start overwrites another's.
    """
    began = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    own = options.video.model_dump(exclude_unset=True)
    return Camera(
        name=options.name,
        source=options.source,
        group=options.group,
        zones=options.zones,
        masks=options.masks,
        record=_dated(inside(folder, options.record, "record"), began),
        tracks=_dated(inside(folder, options.tracks, "tracks"), began),
        snapshots=inside(folder, options.snapshots, "snapshots"),
        snapshots_days=options.snapshots_days,
        snapshots_mb=options.snapshots_mb,
        attributes=options.attributes,
        video=VideoSettings(**{**settings.video.model_dump(), **own}),
    )


def sinks_of(options: CameraOptions, folder: Path) -> list[str]:
    """Addresses of the camera's own sinks, with paths within the folder."""
    found: Sequence[str | None] = [sink_within(folder, address) for address in options.to]
    return [address for address in found if address is not None]


def without_folder(text: str, folder: Path) -> str:
    """A message that does not say where on this machine the folder is."""
    return text.replace(f"{folder.absolute()}{os.sep}", "").replace(f"{folder}{os.sep}", "")


def _dated(path: Path | None, began: str) -> Path | None:
    return None if path is None else path.with_name(f"{path.stem}-{began}{path.suffix}")
