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
from safety.answers import read_answer, read_beginning, read_number

_CALL = re.compile(
    r"(?:اتصلو|اتصلي|اتصل في|اتصل علي|تتصلو|يتصل|دقوا علي|دقو علي|رنوا علي|كلموني تلفون|مكالمه|call me|phone me|ring me"
    r"|a call|ettes?lo|it?tis?l[ou])"
)
_NO_CALL = re.compile(r"\b(?:لا|ما|مش|مو|مب|بدون|بلا|ولا|not|no|dont|don't|never|without|la|ma|mish|mo)\b")
_SIGNS = {
    "en": re.compile(r"\b(?:english|ب?(?:ال)?انجليزيه?|ب?(?:ال)?انكليزيه?|ب?(?:ال)?انقليزيه?|englizi|inglizi|ingleezi|engleezi|engilizi)\b"),
    "ar": re.compile(r"\b(?:ب?(?:ال)?عربيه?|(?<!saudi )arabic|(?:bel |bil )?3arabi|arabi)\b"),
}
_STATES = re.compile(r"(?:المملكه|الامارات|مصر|سوريا|الدول|جامعه|الجزيره) العربيه")
"""«المملكة العربية السعودية» is a country and asks for no language; nor do "Saudi Arabia" and "Arabian"."""
_DENIED = r"(?:not|no|dont|don't|cant|can't|cannot|never|ما|مش|مو|مب|ماني|mish|ma)"
_POOR = r"(?:bad|weak|poor|not (?:so |very |that )?good|ضعيف|تعبان|مش منيح|مو منيح|مو زين|مب زين)"
_NOT_SPOKEN = {
    name: re.compile(rf"\b{_DENIED} (?:\w+ ){{0,3}}{sign.pattern}|{sign.pattern} (?:\w+ ){{0,2}}{_POOR}\b")
    for name, sign in _SIGNS.items()
}


def wanted_language(folded: str) -> str | None:
    """The one language a folded message asks for; who does not speak one of the two asks for the other."""
    folded = _STATES.sub(" ", folded)
    named = {name for name, sign in _SIGNS.items() if sign.search(folded)}
    denied = {name for name in named if _NOT_SPOKEN[name].search(folded)}
    if len(named) == 1 and denied:
        return "ar" if "en" in denied else "en"
    wanted = named - denied
    return wanted.pop() if len(wanted) == 1 else None


def read(text: str, folded: str, words: Any) -> list[dict[str, Any]]:
    """The entities of one message: ``reply`` always, ``answer``, ``digit``, ``call``, ``wanted_language`` where found."""
    found: dict[str, Any] = {}
    digit = read_number(text, words)
    answer = read_answer(text, (), words)
    if answer is not None:
        found["answer"] = answer
    elif digit is not None and 4 <= digit <= 9:
        found["answer"] = f"d{digit}"
    # the opening proposes something ("a good time?"), so that "ok" means yes there, and so does a yes with more behind it
    found["reply"] = found.get("answer") or read_answer(text, (), words, proposal=True) or "other"
    if found["reply"] == "other" and read_beginning(text, words) == "yes":
        found["reply"] = "yes"
    if digit is not None:
        found["digit"] = digit
    if _CALL.search(folded) and not _NO_CALL.search(folded):  # a call into the wrong hand: in doubt none was asked for
        found["call"] = True
    place = place_in(folded)
    if place is not None:
        found["place"] = place
    wanted = wanted_language(folded)
    if wanted is not None:
        found["wanted_language"] = wanted
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
