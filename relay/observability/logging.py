"""Logs: one JSON line per step on standard error, with the event's id as ``correlation_id``."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def init_logging(level: int = logging.INFO) -> None:
    """Log Relay's lines and those of the libraries as JSON.  Calling it again changes nothing."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def log(name: str, **fields: Any) -> None:
    """One line: ``event`` is the step's name, the rest are its facts.  Never a secret."""
    structlog.get_logger().info(name, **fields)
