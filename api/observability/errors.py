"""Sentry by allow-list: an event is rebuilt from fields known to be safe, everything else stays here.

threats.md: Sentry leaks by default, and its own switches still let the exception's words out. So each hook builds
a new event: exception *types*, file names, line numbers, function names, our release. No message, no value, no
local variable, no request, no breadcrumb, no user, no extra.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_FRAME = ("filename", "module", "function", "lineno", "in_app")


def rebuild(event: Any, hint: Any = None) -> Any:
    """The event as it may leave: types and places only, and nothing attached."""
    if isinstance(hint, dict):
        hint["attachments"] = []  # they travel beside the event, not in it
    kept: dict[str, Any] = {
        name: event[name] for name in ("event_id", "timestamp", "platform", "level", "release", "environment") if name in event
    }
    values = ((event.get("exception") or {}).get("values")) or []
    kept["exception"] = {"values": [_exception(value) for value in values]}
    if not values:
        kept["message"] = "event without an exception"
    return kept


def drop(_event: Any, _hint: Any = None) -> None:
    """Transactions, logs, breadcrumbs and metrics never leave."""
    return None


def connect(dsn: str | None, environment: str, transport: Any = None) -> bool:
    """Start reporting, or do nothing without a DSN.

    Raises:
        RuntimeError: SENTRY_SPOTLIGHT is set; it turns personal data on without a DSN.
    """
    if os.environ.get("SENTRY_SPOTLIGHT", "").lower() not in ("", "0", "false", "no"):
        raise RuntimeError("SENTRY_SPOTLIGHT: refused, it sends what people write to a local viewer")
    if not dsn:
        return False
    import sentry_sdk  # three megabytes, for those who report

    sentry_sdk.init(
        dsn=dsn, environment=environment, transport=transport, default_integrations=False, auto_enabling_integrations=False,
        integrations=[], send_default_pii=False, include_local_variables=False, include_source_context=False,
        max_request_body_size="never", max_breadcrumbs=0, traces_sample_rate=0.0, server_name="", spotlight=False,
        before_send=rebuild, before_send_transaction=drop, before_breadcrumb=drop, auto_session_tracking=False,
        enable_logs=False, before_send_log=drop, enable_metrics=False, before_send_metric=drop,
    )
    return True


def report(error: BaseException) -> None:
    """Hand an exception over; only its type and place leave."""
    sentry = sys.modules.get("sentry_sdk")
    if sentry is not None:
        sentry.capture_exception(error)


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    frames = ((value.get("stacktrace") or {}).get("frames")) or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "stacktrace": {"frames": [{name: frame.get(name) for name in _FRAME} for frame in frames]},
    }
