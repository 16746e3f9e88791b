"""Structured logs by allow-list: an event has a known name and known fields, or it is not written.

threats.md: "Logs are events with named, allow-listed fields." A field that is not on the list is dropped and its
*name* is counted, so that a forgotten one is noticed without showing what it held.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "part", "code", "error", "where", "channel", "country", "band", "outcome",
        "count", "status", "seconds", "attempt", "stage", "policy", "name", "kind", "digest", "port", "pid",
    }
)
"""Every field a log line may have: closed vocabularies and counts."""

_LONGEST = 80


def only_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep what is listed and small; drop the rest, exceptions' words included."""
    kept: dict[str, Any] = {}
    for name, value in event.items():
        if name not in FIELDS:
            continue
        if isinstance(value, bool | int | float) or value is None or (isinstance(value, str) and len(value) <= _LONGEST and value.isascii() and "+" not in value):
            kept[name] = value
        else:
            kept[name] = "(dropped)"
    dropped = len(set(event) - FIELDS)
    return kept | ({"dropped": dropped} if dropped else {})


class _Bare(logging.Handler):
    """Other libraries' log records: where and what kind, never their words."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().log(
            record.levelno, "library", where=f"{record.name}:{record.lineno}", error=kind
        )


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Route structlog and the standard library's logging through the allow-list."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Bare()], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        theirs = logging.getLogger(name)  # uvicorn prints an exception with its words; here it has no handler of its own
        theirs.handlers.clear()
        theirs.propagate = name != "uvicorn.access"
    logging.captureWarnings(False)


def log(event: str, **fields: Any) -> None:
    """One line. ``event`` is a fixed name; fields outside :data:`FIELDS` are dropped."""
    structlog.get_logger().info(event, **fields)


def warn(event: str, **fields: Any) -> None:
    """One line for what an operator should look at."""
    structlog.get_logger().warning(event, **fields)
