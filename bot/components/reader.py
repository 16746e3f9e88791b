"""Reads what needs no model: an answer (digit or word), a bare digit, a wish for a call, a language asked for.

Rules, not learning: an answer to a safety question must be read the same way for everybody
(``safety.answers``). What is found leaves as Rasa entities; slot mappings in domain.yml pick them up.
"""

from __future__ import annotations

import re
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message

from actions.directory import RELEASES
from bot.components.normaliser import FOLDED
from bot.components.places import place_in
from safety.answers import read_answer, read_digit

_CALL = re.compile(
    r"(?:اتصلو|اتصلي|اتصل في|اتصل علي|تتصلو|يتصل|دقوا علي|دقو علي|رنوا علي|كلموني تلفون|مكالمه|call me|phone me|ring me"
    r"|a call|ettes?lo|it?tis?l[ou])"
)
_NO_CALL = re.compile(r"\b(?:لا|ما|مش|مو|مب|بدون|بلا|ولا|not|no|dont|don't|never|without|la|ma|mish|mo)\b")
_ENGLISH = ("english", "انجليزي", "انكليزي", "انقليزي", "بالانج", "englizi", "inglizi", "ingleezi")
_ARABIC = ("arabic", "عربي", "بالعرب", "3arabi", "arabi")


def read(text: str, folded: str, words: Any) -> list[dict[str, Any]]:
    """The entities of one message: ``reply`` always, ``answer``, ``digit``, ``call``, ``wanted_language`` where found."""
    found: dict[str, Any] = {}
    digit = read_digit(text)
    answer = read_answer(text, (), words)
    if answer is not None:
        found["answer"] = answer
    elif digit is not None and 4 <= digit <= 9:
        found["answer"] = f"d{digit}"
    # the opening proposes something ("a good time?"), so that "ok" means yes there
    found["reply"] = found.get("answer") or read_answer(text, (), words, proposal=True) or "other"
    if digit is not None:
        found["digit"] = digit
    if _CALL.search(folded) and not _NO_CALL.search(folded):  # a call into the wrong hand: in doubt none was asked for
        found["call"] = True
    place = place_in(folded)
    if place is not None:
        found["place"] = place
    wanted = [name for name, signs in (("en", _ENGLISH), ("ar", _ARABIC)) if any(sign in folded for sign in signs)]
    if len(wanted) == 1:
        found["wanted_language"] = wanted[0]
    return [{"entity": name, "value": value, "start": 0, "end": 0, "extractor": "Reader"} for name, value in found.items()]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class Reader(GraphComponent):
    """Second component: answers and digits by rule."""

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> Reader:
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Read the messages of one call."""
        for message in messages:
            release = (message.get("metadata") or {}).get("release", "")
            words = RELEASES.instruments(release).words
            message.set("entities", read(message.get("text") or "", message.get(FOLDED) or "", words), add_to_output=True)
        return messages
