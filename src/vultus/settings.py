"""One typed tree of settings: arguments before VULTUS_* variables before vultus.toml.

Built once at an entry point (`Settings()`) and handed down; nothing below reads the
environment. Nested settings are named with two underscores in variables, for example
`VULTUS_DETECTION__MIN_FACE_PX=40`, and with tables in `vultus.toml`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from vultus.errors import UsageError

SETTINGS_FILE = "vultus.toml"
_OTHER_VARIABLES = {"SHARED"}  # the tests' own
Provider = Literal["auto", "cpu", "cuda", "coreml", "openvino", "directml"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DetectionSettings(_Section):
    """How faces are looked for."""

    min_face_px: int | None = Field(
        None,
        ge=12,
        le=2000,
        title="Smallest face",
        description="Width in pixels of the smallest face looked for. Unset: 24 pixels, or more "
        "in a large picture (its longer side divided by 50).",
    )
    score_threshold: float = Field(
        0.95,
        ge=0.0,
        le=1.0,
        title="Score threshold",
        description="Detector score below which a box is not called a face. The second "
        "look accepts 0.63 times this score.",
    )
    max_faces: int = Field(
        1000,
        ge=1,
        le=10_000,
        title="Most faces",
        description="At most so many faces a picture, the largest first.",
    )
    second_look: bool = Field(
        True,
        title="Second look",
        description="Look again with a padded border and lower thresholds where nothing was found.",
    )


class EmbeddingSettings(_Section):
    """How faces are described."""

    mirror: bool = Field(
        True,
        title="Mirror",
        description="Average each embedding with that of the mirrored face: fewer errors for "
        "about 4 milliseconds a face.",
    )


class LimitSettings(_Section):
    """What is refused before work begins."""

    max_image_bytes: int = Field(
        64 * 2**20, ge=1, title="Largest file", description="Bytes of an encoded picture."
    )
    max_image_pixels: int = Field(
        89_000_000,
        ge=1,
        le=178_000_000,
        title="Most pixels",
        description="Width times height, checked before decoding.",
    )


class RuntimeSettings(_Section):
    """What the networks run on."""

    threads: int = Field(
        0, ge=0, le=256, title="Threads", description="Threads for each network; 0: one a core."
    )
    provider: Provider = Field(
        "auto",
        title="Provider",
        description="Where networks run. A provider asked for by name fails loudly where absent.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("vultus")),
        title="Cache folder",
        description="Where converted models and embeddings are kept. Safe to delete.",
    )


class MatchingSettings(_Section):
    """When a face is given a name."""

    far: float | None = Field(
        None,
        gt=0.0,
        lt=0.5,
        title="False-match rate",
        description="Wished rate of false matches; picks the threshold. Unset: the model's own "
        "operating threshold.",
    )
    margin: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        title="Margin",
        description="A face is named only if the best person is nearer than the runner-up by "
        "this distance.",
    )


class VideoSettings(_Section):
    """How a video is watched; each camera of a `cameras.toml` may have its own."""

    analysis_fps: float = Field(
        10.0,
        gt=0,
        le=120,
        title="Analysed frames a second",
        description="Frames a second in which faces are followed, by the time of the video.",
    )
    detect_fps: float = Field(
        5.0,
        gt=0,
        le=120,
        title="Searched frames a second",
        description="Frames a second in which the whole frame is searched for new faces.",
    )
    detect_side_px: int = Field(
        960,
        ge=160,
        le=7680,
        title="Detection copy",
        description="Longer side in pixels of the copy that faces are looked for in; faces are "
        "cut from the full frame.",
    )
    gate_face_px: int = Field(
        32,
        ge=12,
        le=1000,
        title="Gate: width",
        description="Faces narrower than so many pixels of the full frame are not recognised.",
    )
    gate_sharpness: float = Field(
        0.12,
        ge=0,
        le=1,
        title="Gate: sharpness",
        description="Faces less sharp than this, 0 to 1, are not recognised.",
    )
    gate_yaw_deg: float = Field(
        50.0,
        ge=0,
        le=90,
        title="Gate: turned",
        description="Faces turned further to the side, in degrees, are not recognised.",
    )
    gate_pitch_deg: float = Field(
        45.0,
        ge=0,
        le=90,
        title="Gate: nodded",
        description="Faces that look further up or down, in degrees, are not recognised.",
    )
    gate_score: float = Field(
        0.9,
        ge=0,
        le=1,
        title="Gate: detector score",
        description="Faces with a lower score of the detector are not recognised.",
    )
    confirm_looks: int = Field(
        2,
        ge=1,
        le=20,
        title="Confirmation",
        description="Looks at a face that must agree before it is named.",
    )
    stranger_looks: int = Field(
        3,
        ge=1,
        le=50,
        title="Stranger after",
        description="Looks at a face, none of them anybody known, before it is a stranger.",
    )
    strangers_days: float | None = Field(
        30.0,
        gt=0,
        title="Strangers' days",
        description="Strangers not seen for so many days are forgotten, with visits and pictures.",
    )
    absence_s: float = Field(
        5.0,
        gt=0,
        le=86_400,
        title="Absence",
        description="Seconds without a face of somebody until the visit is over.",
    )
    cooldown_s: float = Field(
        0.0,
        ge=0,
        le=86_400,
        title="Cooldown",
        description="Seconds after a visit in which the same person is not announced again by "
        "the same camera.",
    )
    open_timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        title="Time to open",
        description="Seconds in which a source has to answer.",
    )
    read_timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        title="Time to read",
        description="Seconds in which the next frame has to come.",
    )
    retry_max_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        title="Longest wait",
        description="Most seconds between two attempts to reach a live source again.",
    )
    frozen_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        title="Frozen after",
        description="Seconds of the very same picture after which a live source counts as frozen.",
    )
    processor_share: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Share of the processor",
        description="Part of the time in which this camera may analyse, 0 to 1.",
    )
    time_zone: str | None = Field(
        None,
        title="Time zone",
        description="IANA zone in which times are shown, such as Europe/Vienna; unset: the "
        "machine's. Stored times are UTC.",
    )


class EventSettings(_Section):
    """How events are handed on."""

    outbox: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("vultus")) / "outbox.db",
        title="Outbox",
        description="File that keeps events until every sink has them.",
    )
    retry_max_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        title="Longest wait",
        description="Most seconds between two attempts to deliver.",
    )
    timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        title="Time to deliver",
        description="Seconds in which a broker or endpoint has to answer.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        title="Webhook secret",
        description="Key with which the body of webhooks is signed (HMAC-SHA256).",
    )
    state_expiry_s: int = Field(
        300,
        ge=10,
        le=86_400,
        title="State expiry",
        description="Seconds after which a retained MQTT state expires unless it is sent again.",
    )


class ServerSettings(_Section):
    """How `vultus serve` answers."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        title="Host",
        description="Address to listen on; 0.0.0.0 for every network of this machine.",
    )
    port: int = Field(8000, ge=0, le=65_535, title="Port", description="0: any free one.")
    queue: int = Field(
        64,
        ge=1,
        le=10_000,
        title="Queue",
        description="Requests that may wait for the networks; more are answered with 503.",
    )
    rate_per_s: float | None = Field(
        None,
        ge=0,
        le=100_000,
        title="Rate",
        description="Requests a second for each key; 0: any. Unset: 20, and any where only this "
        "machine itself is served.",
    )
    rate_burst: int = Field(
        40,
        ge=1,
        le=1_000_000,
        title="Burst",
        description="Requests that a key may save up.",
    )
    max_body_bytes: int = Field(
        64 * 2**20,
        ge=1024,
        title="Largest body",
        description="Bytes of a request that is no video and no archive.",
    )
    max_upload_bytes: int = Field(
        2 * 2**30,
        ge=1024,
        title="Largest upload",
        description="Bytes of a video or an archive.",
    )
    url_timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        title="Time to fetch",
        description="Seconds in which a picture must have come from its address.",
    )
    stop_timeout_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        title="Time to stop",
        description="Seconds in which accepted requests may end when the server is stopped.",
    )
    max_face_ids: int = Field(
        100_000,
        ge=100,
        le=10_000_000,
        title="Face ids",
        description="Detected faces kept in memory for identification; the oldest go first.",
    )
    jobs_days: float = Field(
        7.0,
        gt=0,
        le=3650,
        title="Jobs' days",
        description="Days after which finished jobs are forgotten, with their results.",
    )


class Settings(BaseSettings):
    """All settings of Vultus. Unknown keys are refused."""

    model_config = SettingsConfigDict(
        env_prefix="VULTUS_",
        env_nested_delimiter="__",
        toml_file=SETTINGS_FILE,
        extra="forbid",
        frozen=True,
    )

    data_dir: Path | None = Field(
        None,
        title="Data folder",
        description="Where gallery, outbox and uploads are kept, unless they are set themselves.",
    )
    api_key: SecretStr | None = Field(
        None,
        min_length=8,
        title="Server key",
        description="A key with the role admin, beside those made with `vultus keys`.",
    )
    allow_private_urls: bool = Field(
        False,
        title="Private addresses",
        description="Whether addresses of pictures may point into private networks and to this "
        "machine.",
    )
    gallery: str = Field(
        default_factory=lambda: str(Path(platformdirs.user_data_dir("vultus")) / "people.db"),
        title="Gallery",
        description="Path of a gallery file, or a database address.",
    )
    detection: DetectionSettings = Field(default_factory=DetectionSettings)
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    matching: MatchingSettings = Field(default_factory=MatchingSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    video: VideoSettings = Field(default_factory=VideoSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)

    @model_validator(mode="before")
    @classmethod
    def _in_data_dir(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A data folder holds what has no place of its own."""
        folder = values.get("data_dir")
        if not isinstance(folder, str | Path) or not str(folder):
            return values
        place = Path(folder).expanduser()
        values = {"gallery": str(place / "people.db"), **values, "data_dir": place}
        events = values.get("events", {})
        if isinstance(events, dict):
            values["events"] = {"outbox": place / "outbox.db", **events}
        return values

    @property
    def data_folder(self) -> Path:
        """The data folder in use."""
        return self.data_dir or Path(platformdirs.user_data_dir("vultus"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` go before everything else.

    Raises:
        UsageError: a value or a name in the environment or in vultus.toml makes no sense.
    """
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(
            f"A setting makes no sense: {problems}.",
            f"Look at the VULTUS_* variables and at {SETTINGS_FILE}; docs/settings.md lists all.",
        ) from error
    except SettingsError as error:
        raise UsageError(
            f"A VULTUS_* variable makes no sense: {error}.",
            "Name the setting with two underscores, as in VULTUS_DETECTION__MIN_FACE_PX=40.",
        ) from error
    except ValueError as error:  # vultus.toml is not TOML
        raise UsageError(
            f"{SETTINGS_FILE} cannot be read: {error}.", "Mend or remove the file."
        ) from error


def _refuse_unknown_variables() -> None:
    """A mistyped variable would be ignored in silence; pydantic looks inside sections only."""
    known = {name.upper() for name in Settings.model_fields} | _OTHER_VARIABLES
    for variable in os.environ:
        name = variable.upper()
        if name.startswith("VULTUS_") and name[7:].split("__")[0] not in known:
            raise UsageError(
                f"There is no setting {variable}.",
                f"Known are VULTUS_ with: {', '.join(sorted(known - _OTHER_VARIABLES))}.",
            )
