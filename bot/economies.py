"""Costs of Rasa 3.6 that buy nothing here, removed (described in docs/decisions).

1. ``RemoteAction`` re-checks Rasa's own constant JSON schema for every action result, 25–45 ms a time. Our actions
   run in process and are typed.
2. ``Event.resolve_by_type`` walks every subclass of ``Event`` for every event. The classes do not change.
3. Deep copies of the domain for each action call: the selective-domain switch (``in_process.py``) leaves it out.
4. ``RulePolicy`` matches every rule twice, by text and by intent. No rule here names a text: that pass finds nothing.
5. Its processor, forms and rules copy events, slots and the *text* deeply for debug lines that are never written, and
   compare the domain with an empty one for every message.
6. Its graph goes through dask's scheduler each time (``straight.py``).
"""

from __future__ import annotations

import functools
from typing import Any

from rasa.core import processor
from rasa.core.actions import forms
from rasa.core.actions.action import RemoteAction
from rasa.core.policies import rule_policy
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker


def apply() -> None:
    """Remove the costs; safe to call twice."""
    RemoteAction._validate_action_result = _trust_our_own
    if not hasattr(Event.resolve_by_type, "cache_info"):
        Event.resolve_by_type = staticmethod(functools.cache(Event.resolve_by_type))
    if RulePolicy._find_action_from_rules is not _by_intent_only:
        RulePolicy._find_action_from_rules = _by_intent_only
    for module in (processor, forms, rule_policy):
        module.copy = _NoCopies
    processor.MessageProcessor._check_for_unseen_features = _say_nothing
    processor.MessageProcessor._log_slots = _say_nothing


class _NoCopies:
    """Stands for ``copy`` in three modules of Rasa that use it for debug lines only (checked in tests/bot)."""

    @staticmethod
    def deepcopy(thing: Any) -> Any:
        return thing


def _say_nothing(*_: Any) -> None:
    return None


_find_action_from_rules = RulePolicy._find_action_from_rules


def _by_intent_only(
    self: RulePolicy, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
) -> tuple[str | None, str | None, bool]:
    if use_text_for_last_user_input:
        return None, None, False
    found: tuple[str | None, str | None, bool] = _find_action_from_rules(self, tracker, domain, False)
    return found


def _trust_our_own(self: RemoteAction, result: dict[str, Any]) -> bool:
    return True
