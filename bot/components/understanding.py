"""Intent, flags and dialect of a message: linear models on shared n-grams and concepts.

One component, because the three share their features and a message is vectorised once.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import vstack

from bot.components.heads import Heads
from bot.components.message_features import MessageFeatures
from bot.components.normaliser import FOLDED
from bot.components.stored import find, keep
from safety.scripts import foreign_language, guess_language, guess_script, plain_english

DANGER = "danger_now"
FLAGS = (
    DANGER, "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
)
"""The flags of intents.yml."""

HARMS = (
    "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "self_harm", "confinement", "injury",
)
"""Flags of harm that can kill or is done to who cannot defend themselves: beside them danger is likelier."""

INTENTS, DIALECTS = "intents", "dialects"
ELSEWHERE = "out_of_scope"
_SURE_OF_FOREIGN = 0.8
_SURE_OF_DIALECT = 0.55
_FEWEST = 8  # examples a flag needs to be learned


ORDINARY = Path(__file__).resolve().parents[2] / "nlu_data" / "ordinary"
"""Talk of real people about other things: what the flags' models must leave alone (its README says whose)."""


def read_ordinary(directory: Path = ORDINARY) -> list[str]:
    """The messages of the folder, one a line."""
    return [line for path in sorted(directory.glob("*.txt")) for line in path.read_text(encoding="utf-8").splitlines() if line]


class Learned:
    """What training leaves: features, and one matrix of models for intents, flags and dialects."""

    def __init__(self, features: MessageFeatures | None = None) -> None:
        self.features = features
        self.heads = Heads()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class Understanding(GraphComponent):
    """Third component: sets intent, intent_ranking, flags, p_danger, dialect, script and language."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "intent_strength": 8.0, "flag_strength": 6.0, "danger_strength": 20.0, "open_counts": 2.0, "ordinary_counts": 4.0,
            "flag_threshold": 0.55, "concept_weight": 0.25, "flag_now_threshold": 0.7, "sharpness": 2.8,
            "elsewhere": 0.6, "harm_counts": 0.3, "true_slope": 0.65, "true_offset": 1.12, "encoder": None,
        }

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource, learned: Learned) -> None:
        self._config, self._storage, self._resource, self._learned = config, storage, resource, learned

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> Understanding:
        return cls(config, model_storage, resource, Learned())

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **_: Any,
    ) -> Understanding:
        return cls(config, model_storage, resource, find(model_storage, resource) or Learned())

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the three models on Rasa's training examples; flags and dialect come from their metadata."""
        examples = [e for e in training_data.training_examples if e.get(FOLDED) and e.get("intent")]
        notes = [_notes(e) for e in examples]
        encoder = self._config["encoder"]
        seen = MessageFeatures(self._config["concept_weight"], Path(encoder) if encoder else None)
        features = seen.learn([e.get("text") for e in examples], [note.get("dialect") == "english" for note in notes])
        self._learned = learned = Learned(seen)
        learned.heads.learn(INTENTS, features, [e.get("intent") for e in examples], self._config["intent_strength"])
        carried = {flag: [flag in (note.get("flags") or []) for note in notes] for flag in FLAGS}
        flags = {flag: np.array(each) for flag, each in carried.items() if _FEWEST <= sum(each) < len(each)}
        if flags:
            ordinary = read_ordinary()  # carries none of them
            beside = vstack([features, seen.of(ordinary)], format="csr") if ordinary else features
            targets = {flag: np.concatenate([each, np.zeros(len(ordinary), dtype=np.bool_)]) for flag, each in flags.items()}
            if DANGER in targets:
                told = [self._config["open_counts"] if _open_harm(e, note) else 1.0 for e, note in zip(examples, notes, strict=True)]
                counts = np.array([*told, *[self._config["ordinary_counts"]] * len(ordinary)], dtype=np.float32)
                strength = self._config["danger_strength"]
                learned.heads.learn_in_parts(DANGER, beside, targets.pop(DANGER), strength, counts)
            if targets:
                learned.heads.learn_each(beside, targets, self._config["flag_strength"])
        known = [i for i, note in enumerate(notes) if note.get("dialect")]
        if len({notes[i]["dialect"] for i in known}) > 1:
            learned.heads.learn(DIALECTS, features[known], [notes[i]["dialect"] for i in known], 6.0)
        keep(self._storage, self._resource, learned)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Understand the messages of one call."""
        for message in messages:
            self._understand(message)
        return messages

    def _understand(self, message: Message) -> None:
        learned, folded = self._learned, message.get(FOLDED) or ""
        text = message.get("text") or ""
        script, language = guess_script(text), str(guess_language(text))
        ranking: list[dict[str, Any]] = []
        flags: list[str] = []
        p_danger, dialect = 0.0, None
        bare_digit = any(e["entity"] == "digit" for e in message.get("entities") or ())  # no model is asked
        scores: dict[str, dict[str, float]] = {}
        readable = any(letter.isalpha() for letter in folded)  # a thousand digits or emoji say nothing a model has learned
        if readable and not bare_digit and learned.features is not None:
            columns, values = learned.features.active(text, folded)
            if len(columns):  # with nothing learned in it only the intercepts would speak
                scores = learned.heads.score(columns, values, self._config["sharpness"])
        if scores:
            if DANGER in scores:
                scores[DANGER][DANGER] *= 1.0 - self._config["elsewhere"] * scores[INTENTS].get(ELSEWHERE, 0.0)
                p_danger = beside_harm(scores, self._config["harm_counts"])
            best = heapq.nlargest(5, scores[INTENTS].items(), key=lambda pair: pair[1])
            ranking = true_confidence(best, self._config["true_slope"], self._config["true_offset"])
            needed = dict.fromkeys(FLAGS, self._config["flag_threshold"]) | {DANGER: self._config["flag_now_threshold"]}
            flags = [flag for flag in FLAGS if flag in scores and scores[flag][flag] >= needed[flag]]
            if DIALECTS in scores:
                message.set("dialects", scores[DIALECTS])  # for a second opinion (camel_dialect.py), if there is one
                language, dialect = _variety(scores[DIALECTS])
        if foreign_language(text):  # the models know a few words of it: what they are not sure of is noise
            language, dialect = "other", None
            ranking = ranking if ranking and ranking[0]["confidence"] >= _SURE_OF_FOREIGN else []
        elif plain_english(text):
            language, dialect = "en", None
        elif script == "other":  # letters nobody here has learned: nothing but danger is read into what stands between them
            language, dialect, ranking, flags = "other", None, [], []
        intent = ranking[0] if ranking else {"name": None, "confidence": 0.0}
        message.set("intent", dict(intent), add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        message.set("flags", flags, add_to_output=True)
        message.set("p_danger", p_danger, add_to_output=True)
        message.set("dialect", dialect, add_to_output=True)
        message.set("script", script, add_to_output=True)
        message.set("language", language, add_to_output=True)


def true_confidence(best: Sequence[tuple[str, float]], slope: float, offset: float) -> list[dict[str, Any]]:
    """A ranking whose first confidence is how often such an answer is right or as good as right (Platt scaling).

    A message with two meanings has two intents at a half each, and either is a good answer: the models' chances are too
    modest in the middle and a little too sure at the top.

    Args:
        best: intents with their chances, the likeliest first.
        slope, offset: of the first one's log-odds; fitted on half A of the development set.
    """
    if not best:
        return []
    first = 1.0 / (1.0 + math.exp(-(slope * _log_odds(best[0][1]) + offset)))
    left = (1.0 - first) / max(1.0 - best[0][1], 1e-6)
    rest = [{"name": name, "confidence": min(chance * left, first)} for name, chance in best[1:]]
    return [{"name": best[0][0], "confidence": first}, *rest]


def beside_harm(scores: Mapping[str, Mapping[str, float]], counts: float) -> float:
    """The chance of immediate danger, with the likeliest of :data:`HARMS` counted in (log-odds, added).

    The line for danger alone rings on talk it knows no word of; such talk names no harm either. What is half sure of both
    is danger more often than what is half sure of one.

    Args:
        scores: flag -> flag -> probability (:meth:`~bot.components.heads.Heads.score`).
        counts: what harm counts, danger itself counting one; chosen on half A of the development set.
    """
    harms = [scores[flag][flag] for flag in HARMS if flag in scores]
    if not harms:
        return scores[DANGER][DANGER]
    return 1.0 / (1.0 + math.exp(-(_log_odds(scores[DANGER][DANGER]) + counts * _log_odds(max(harms)))))


def _log_odds(chance: float) -> float:
    chance = min(max(chance, 1e-6), 1.0 - 1e-6)
    return math.log(chance / (1.0 - chance))


def _notes(example: Message) -> dict[str, Any]:
    """Flags and dialect of an example: Rasa keeps metadata of the block (intent) and of the line (example) apart."""
    metadata = example.get("metadata") or {}
    return {**(metadata.get("intent") or {}), **(metadata.get("example") or {})}


def _open_harm(example: Message, notes: Mapping[str, Any]) -> bool:
    """Whether an example tells of harm that is not immediate: what danger is most easily taken for."""
    return str(example.get("intent")).startswith(("disclose_", "report_")) and DANGER not in (notes.get("flags") or ())


def _variety(chances: dict[str, float]) -> tuple[str, str | None]:
    """Language and dialect of a message: English has no dialect, what is not English is Arabic here.

    Where two varieties are about as likely none is named: plain Arabic is answered.
    """
    dialect = max(chances, key=lambda name: chances[name])
    if dialect == "english":
        return "en", None
    return "ar", dialect if chances[dialect] >= _SURE_OF_DIALECT else None
