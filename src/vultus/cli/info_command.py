"""`vultus info`."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Any

from vultus._version import __version__
from vultus.cli import options
from vultus.cli.output import Format, Output

_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "sqlalchemy", "mtcnn")


def info(format: options.FormatOption = Format.human) -> None:
    """Show versions, providers and paths: what a bug report needs."""
    from vultus.models.session import available_providers, choose_provider

    settings = options.settings_for()
    record: dict[str, Any] = {
        "vultus": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "providers": available_providers(),
        "provider": choose_provider(settings.runtime.provider),
        "executable": sys.executable,
        "gallery": settings.gallery,
        "model_cache": str(settings.runtime.cache_dir),
    }
    Output(format).data(record, [f"{name}: {_text(value)}" for name, value in record.items()])


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
