"""One turn as an action sees it: what was understood, what the gateway said about it, what goes out.

The gateway's facts come as the message's metadata; commands leave in the slot ``commands`` and are committed by
the gateway before any reply is sent (architecture.md, decision 3).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.talk import Talk

SURE_ENOUGH = 0.73
"""How sure the model must be for a disclosure to be taken at its word: for its acknowledgement, its questions, its
reason on the ticket. Below it harm is heard, and the general questions are asked."""

MENUS = frozenset({"menu", "not_sure"})
"""Texts that show the menu's digits: before one of them was said, a bare digit chooses nothing."""


@dataclass(slots=True)
class Turn:
    """What one message means and what is to be done about it."""

    talk: Talk
    intent: str
    confidence: float
    flags: list[str]
    dialect: str | None
    answer: str
    reply: str
    digit: int | None
    alarm: str
    facts: dict[str, Any]
    commands: list[dict[str, Any]] = field(default_factory=list)
    dispatcher: CollectingDispatcher | None = None

    @classmethod
    def of(cls, tracker: Tracker, dispatcher: CollectingDispatcher) -> Turn:
        """Read the tracker's latest message, its facts and the talk so far."""
        latest: dict[str, Any] = tracker.latest_message or {}
        parsed = latest.get("parse_data") or latest
        entities = {e.get("entity"): e.get("value") for e in latest.get("entities") or []}
        intent = latest.get("intent") or {}
        facts = dict(latest.get("metadata") or {})
        facts.update({name: entities[name] for name in ("wanted_language", "place", "call") if name in entities})
        digit = entities.get("digit")
        return cls(
            talk=Talk.of(tracker.get_slot("talk")),
            intent=str(intent.get("name") or ""),
            confidence=float(intent.get("confidence") or 0.0),
            flags=list(parsed.get("flags") or []),
            dialect=parsed.get("dialect"),
            answer=str(entities.get("answer") or ""),
            reply=str(entities.get("reply") or ""),
            digit=int(digit) if digit is not None else None,
            alarm=str(parsed.get("alarm") or ""),
            facts=facts,
            commands=list(tracker.get_slot("commands") or []),
            dispatcher=dispatcher,
        )

    @property
    def sure(self) -> bool:
        """Whether the model is sure enough of the intent for words that fit only it."""
        return self.confidence >= SURE_ENOUGH

    @property
    def ticket(self) -> str:
        """The state of the person's ticket as the gateway knows it: empty, queued, live or closed."""
        return str(self.facts.get("ticket") or "")

    def say(self, name: str, **values: str) -> None:
        """Answer with the text of this name; the gateway renders it."""
        if name in MENUS:
            self.talk.tell("menu")
        if self.dispatcher is not None:
            self.dispatcher.utter_message(response=f"utter_{name}", **values)

    def say_first(self, name: str) -> None:
        """Answer with this text before what was said so far."""
        self.say(name)
        if self.dispatcher is not None:
            self.dispatcher.messages.insert(0, self.dispatcher.messages.pop())

    def command(self, kind: str, **fields: Any) -> None:
        """Ask the gateway for an effect. The id is the same when the same turn runs again after a crash."""
        seed = f"{self.facts.get('turn', '')}:{kind}:{len(self.commands)}"
        identity = hashlib.sha256(seed.encode()).hexdigest()[:32]
        self.commands.append({"id": identity, "kind": kind, **fields})

    def if_waiting(self, kind: str) -> None:
        """An effect on the person's open ticket; nothing is asked for where there is none."""
        if self.ticket:
            self.command(kind)

    def events(self) -> list[EventType]:
        """What the tracker must remember of this turn."""
        return [SlotSet("talk", self.talk.as_slot()), SlotSet("commands", self.commands)]
