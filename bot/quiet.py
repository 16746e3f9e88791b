"""The engine's log: where and what kind, never what was said.

Rasa, rasa-sdk and structlog write messages into their log lines at several places (rasa.md, "Traps"), so no
formatter of theirs is used: a line names level, module, line and exception type, and nothing else is ever taken
from a record.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import MutableMapping


class ContentFree(logging.Formatter):
    """A record as JSON of four fields that cannot hold a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Level, module, line, exception type."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        line = {"part": "engine", "level": record.levelname.lower(), "where": f"{record.name}:{record.lineno}", "error": kind}
        return json.dumps({name: value for name, value in line.items() if value is not None})


def _say_nothing(*_: object, **__: object) -> None:
    """A warning may quote what it warns about."""


def hush() -> None:
    """Route all logging of the process through :class:`ContentFree`, warnings and above."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    warnings.showwarning = _say_nothing  # libraries of Rasa's put their own filters back
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ContentFree())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def hush_structlog() -> None:
    """After Rasa is imported: its structured loggers say nothing below error, and errors carry no fields."""
    import structlog

    def bare(_logger: object, method: str, event: MutableMapping[str, object]) -> str:
        return json.dumps({"part": "engine", "level": method, "where": "rasa"})

    structlog.configure(
        processors=[bare], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr), cache_logger_on_first_use=False,
    )
    for name in list(logging.root.manager.loggerDict):
        existing = logging.getLogger(name)
        existing.handlers.clear()
        existing.propagate = True
