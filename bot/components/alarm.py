"""The last word of understanding: is this danger, was it meant as an exit, and is the intent sure enough to act on.

safety.md: danger is found by rule (the gateway's fact) or by model, whichever is more worried. Two written
thresholds: above the higher one the bell rings, between them one question is asked. An exit was obeyed at the door; what
was almost one is met with "leave? send 0", but never where there may be danger.
"""

from __future__ import annotations

import re
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message

from bot.components.normaliser import FOLDED
from safety.exit import suspects_exit
from safety.self_harm import means_own_death

ANSWERS = frozenset({"affirm", "deny", "unsure", "skip_question"})
"""Intents that answer the question that waits (domain.yml, slot ``answer``)."""

CALM = frozenset({"greet", "goodbye", "thanks", "show_menu", "change_language", "state_place", "bot_challenge"})
"""Plain small talk. «هلا» is hello in the Gulf and "now" in the Levant: where the model is sure that it is small talk,
a mere suspicion of danger asks no question. A ringing bell, and the rules, are not stopped by it."""


SELF_HARM = "disclose_self_harm"

LONGEST_WORD = 7

_INVOCATION = re.compile(r"\b(?:حسبي|حسبنا|لا حول|استغفر|انا لله|لا اله)\b")
"""Said to God in grief, of whatever has been asked: it answers no question."""


def alarm_of(by_rule: str, p_danger: float, asks_at: float, rings_at: float) -> str:
    """``now``, ``maybe`` or empty: the more worried of rule and model."""
    if by_rule == "now" or p_danger >= rings_at:
        return "now"
    return "maybe" if by_rule == "maybe" or p_danger >= asks_at else ""


def says_little(folded: str, calm: bool) -> bool:
    """Whether the model has next to nothing to go by: one short word, or a few that are surely small talk.

    «خلاص», «بنتي» or "bye" reach a bar that is meant for sentences, since words of danger stand beside them in those. A
    long one is a sentence without its spaces («عميخنقها»).
    """
    words = {word for word in folded.split() if any(letter.isalpha() for letter in word)}
    return len(words) <= 3 if calm else len(words) <= 1 and all(len(word) <= LONGEST_WORD for word in words)


def _answers(message: Message) -> bool:
    """Whether the whole message may be the answer to a question that waits (reader.py): then it is nothing else."""
    return any(e["entity"] == "reply" and e["value"] != "other" for e in message.get("entities") or [])


def _say_self_harm(message: Message) -> None:
    """Said in so many words: whatever the model made of it, it is that."""
    said = {"name": SELF_HARM, "confidence": 1.0}
    others = [one for one in message.get("intent_ranking") or [] if one["name"] != SELF_HARM]
    message.set("intent", said, add_to_output=True)
    message.set("intent_ranking", [said, *others], add_to_output=True)
    message.set("flags", sorted({*(message.get("flags") or []), "self_harm"}), add_to_output=True)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class Alarm(GraphComponent):
    """Last component: ``alarm``, and no intent at all where the model is not sure."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"asks_at": 0.12, "rings_at": 0.18, "word_rings_at": 0.5, "sure_at": 0.62, "answers_sure_at": 0.84}

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> Alarm:
        return cls(config)

    def _needed(self, intent: str) -> float:
        """How sure the model must be: more so where the message would count as the answer to a safety question."""
        return float(self._config["answers_sure_at" if intent in ANSWERS else "sure_at"])

    def process(self, messages: list[Message]) -> list[Message]:
        """Judge the messages of one call."""
        for message in messages:
            by_rule = (message.get("metadata") or {}).get("danger", "")
            if means_own_death(message.get("text") or ""):
                by_rule = by_rule or "maybe"
                _say_self_harm(message)
            intent = message.get("intent") or {}
            calm = intent.get("name") in CALM and intent["confidence"] >= self._config["answers_sure_at"]
            asks_at, rings_at = self._config["rings_at" if calm else "asks_at"], self._config["rings_at"]
            if not by_rule and says_little(message.get(FOLDED) or "", calm):
                asks_at, rings_at = self._config["word_rings_at" if calm else "rings_at"], self._config["word_rings_at"]
            alarm = alarm_of(by_rule, message.get("p_danger") or 0.0, asks_at, rings_at)
            message.set("alarm", alarm, add_to_output=True)
            digit = next((e["value"] for e in message.get("entities") or [] if e["entity"] == "digit"), None)
            if digit is not None and digit > 0:  # a bare digit chooses; no model is asked
                message.set("intent", {"name": "request_human" if digit == 9 else "show_menu", "confidence": 1.0}, True)
            elif not alarm and not _answers(message) and suspects_exit(message.get("text") or ""):
                message.set("intent", {"name": "exit_now", "confidence": 1.0}, add_to_output=True)  # asked, never obeyed
            elif intent.get("name") and (
                intent["confidence"] < self._needed(intent["name"])
                or (intent["name"] in ANSWERS and not _answers(message) and _INVOCATION.search(message.get(FOLDED) or ""))
            ):
                message.set("intent", {"name": None, "confidence": intent["confidence"]}, add_to_output=True)
        return messages
