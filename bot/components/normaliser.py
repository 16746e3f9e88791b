"""Folding for the models: CAMeL Tools' normalisation, then what people do to a word on a phone.

CAMeL gives Unicode, alef, alef maqsura, teh marbuta and diacritics; the rest here is typing: letters repeated,
tatweel, invisible characters. Meaning is kept: negation particles, question marks and numbers stay.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from camel_tools.utils.dediac import dediac_ar
from camel_tools.utils.normalize import (
    normalize_alef_ar,
    normalize_alef_maksura_ar,
    normalize_teh_marbuta_ar,
    normalize_unicode,
)
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

FOLDED = "folded"
"""Message key under which the folded text lies; never part of the output."""

_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0640]")
_SPACES = re.compile(r"\s+")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_PERSIAN = str.maketrans("یکۀہگ", "يكههك")
_LONGEST = 1_600  # the provider's limit for a body
_MARKS = re.compile(r"[.,،؛;:!…\"“”«»()\[\]{}<>/\\|_*~^`=+\-–—•٬٫٪%]")
_SYMBOLS = re.compile(r"([^\w\s'])")
_LONE_AND = re.compile(r"(?<!\S)و (?=[^\W\d_])")


def normalise(text: str) -> str:
    """Fold a message for the models. Never raises, whatever the text holds."""
    text = text[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
    text = normalize_unicode(_INVISIBLE.sub("", text), compatibility=True)
    text = dediac_ar(text)
    text = normalize_teh_marbuta_ar(normalize_alef_maksura_ar(normalize_alef_ar(text)))
    text = text.translate(_DIGITS).translate(_PERSIAN).lower()
    text = text.translate({ord(c): None for c in set(text) if unicodedata.category(c) in ("Mn", "Cf")})
    text = _REPEATED.sub(r"\1\1", text)
    return _SPACES.sub(" ", text).strip()


def words_alone(folded: str) -> str:
    """A folded message without what only says how somebody types: punctuation, and an "and" apart from its word.

    Whether a person writes full stops or «و» with a space says nothing about them, but it does say who wrote a set of
    training messages: models learn it as if it were a reason. Question marks and emoji carry meaning and stay, as words.
    """
    text = _MARKS.sub(" ", folded.replace("؟", "?").replace("’", "'"))
    return _LONE_AND.sub("و", _SPACES.sub(" ", _SYMBOLS.sub(r" \1 ", text)).strip())


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class Normaliser(GraphComponent):
    """First component of the pipeline: puts the folded text beside the text."""

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> Normaliser:
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Fold the messages of one call."""
        for message in messages:
            message.set(FOLDED, normalise(message.get("text") or ""))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Fold the training examples the same way."""
        self.process(training_data.training_examples)
        return training_data
