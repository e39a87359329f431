"""Structured logs on stderr: a line of JSON each, without names, pictures or embeddings."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import structlog


def configure(*, as_json: bool) -> None:
    """Send the logs of Vultus and of the web server to stderr, as JSON or for people."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    # Pillow's, about pictures of clients, who are told: they are no lines of JSON
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    for name in ("vultus", "uvicorn", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers = [handler] if name != "uvicorn.error" else []
        log.propagate = name == "uvicorn.error"
        log.setLevel(logging.INFO)


access_log = structlog.stdlib.get_logger("vultus.access")
