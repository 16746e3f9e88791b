"""Three costs of Rasa 3.6 that buy nothing here, removed (measured in benchmarks/, described in docs/decisions).

1. ``RemoteAction`` re-checks Rasa's own constant JSON schema for every action result, 25–45 ms a time. Our actions
   run in process and are typed.
2. ``Event.resolve_by_type`` walks every subclass of ``Event`` for every event. The classes do not change.
3. ``inspect``-heavy deep copies of the domain for each action call: the selective-domain switch leaves it out.
"""

from __future__ import annotations

import functools
from typing import Any

from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event


def apply() -> None:
    """Remove the costs; safe to call twice."""
    RemoteAction._validate_action_result = _trust_our_own
    if not hasattr(Event.resolve_by_type, "cache_info"):
        Event.resolve_by_type = staticmethod(functools.cache(Event.resolve_by_type))


def _trust_our_own(self: RemoteAction, result: dict[str, Any]) -> bool:
    return True
