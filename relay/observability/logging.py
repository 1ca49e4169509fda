"""One JSON line per step on standard error, with its level and ``correlation_id`` (the event's id).

``docs/observability.md`` lists every event name with its level, fields and what to do.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from relay.observability.metrics import log_lines_dropped

# error: a fault of Relay's, or data at risk.  warning: degraded, or needs attention soon.
Level = Literal["info", "warning", "error"]
ONE_TIME_LINK = re.compile(r"/(first-run|invite|new-password|new-address)/[^/\s\"'?]+")
API_TOKEN = re.compile(r"\brelay_[A-Za-z0-9]{20,}")


@dataclass
class LogTarget:
    """Where the lines go, and the logger that writes them, which is made for the first line."""

    stream: TextIO
    level: int
    logger: Any = None


_target = LogTarget(sys.stderr, logging.INFO)


def init_logging(level: int = logging.INFO) -> None:
    """Log Relay's lines and those of the libraries as JSON.  Calling it again changes nothing."""
    global _target
    _target = LogTarget(sys.stderr, level)
    handler = LibraryHandler(sys.stderr)
    handler.addFilter(hide_secrets)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def prepare_logger() -> Any:
    """Make the logger now.  A command that writes no line, as most, does not import structlog."""
    import structlog

    structlog.configure(
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger(_target.level),
        logger_factory=LineWriter.factory(_target.stream),
        cache_logger_on_first_use=False,
    )
    # bound once: binding costs as much as writing the line
    _target.logger = structlog.get_logger().bind()
    return _target.logger


def library_formatter() -> logging.Formatter:
    """The lines of the libraries, in the form of Relay's."""
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            critical_as_error,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


# Built once: json.dumps builds an encoder for each call with a default.
_encode = json.JSONEncoder(default=repr).encode


def render(_logger: Any, method: str, line: MutableMapping[str, Any]) -> str:
    """The line as JSON.  One function instead of a chain: an event waits for its line."""
    line["level"] = method
    line["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    return _encode(line)


class LineWriter:
    """Writes lines to a stream.  A line that cannot be written is dropped and counted.

    A request must not fail for its log line.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    @classmethod
    def factory(cls, stream: TextIO) -> Callable[..., LineWriter]:
        return lambda *_: cls(stream)

    def info(self, line: str) -> None:
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            log_lines_dropped.inc()

    warning = error = critical = msg = info


class LibraryHandler(logging.StreamHandler[TextIO]):
    """The same for the lines of the libraries."""

    def format(self, record: logging.LogRecord) -> str:
        if self.formatter is None:
            self.formatter = library_formatter()
        return self.formatter.format(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        log_lines_dropped.inc()


def hidden(text: str) -> str:
    """``text`` without the secrets of one-time links and without API tokens."""
    return API_TOKEN.sub("relay_…", ONE_TIME_LINK.sub(r"/\1/…", text))


def hide_secrets(record: logging.LogRecord) -> bool:
    """Keep secrets out: Flask logs the path of a request that failed."""
    message = record.getMessage()
    if (shown := hidden(message)) != message:
        record.msg, record.args = shown, ()
    return True


def critical_as_error(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Libraries also use the level ``critical``; for an operator's rules it is an error."""
    if line.get("level") == "critical":
        line["level"] = "error"
    return line


def log(name: str, /, *, level: Level = "info", **fields: Any) -> None:
    """Write one line: ``event`` is ``name``, the rest are its fields.  Never pass a secret.

    ``name`` and ``level`` are literals at the call, so that the table in the docs can be checked.
    """
    getattr(_target.logger or prepare_logger(), level)(name, **fields)
