"""Intent, flags and dialect of a message: linear models on shared n-grams.

One component, because the three share their features and a message is vectorised once. Linear models on
n-grams are the walking path; docs/decisions and benchmarks/ say what replaces them and why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.linear_model import LogisticRegression

from bot.components.features import Ngrams
from bot.components.normaliser import FOLDED
from bot.components.stored import find, keep
from safety.scripts import guess_language, guess_script

DANGER = "danger_now"
FLAGS = (
    DANGER, "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
)
"""The flags of intents.yml."""

_FEWEST = 8  # examples a flag needs to be learned


class Learned:
    """What training leaves: features, one classifier for intents, one a flag, one for dialects."""

    def __init__(self) -> None:
        self.ngrams = Ngrams()
        self.intents: LogisticRegression | None = None
        self.flags: dict[str, LogisticRegression] = {}
        self.dialects: LogisticRegression | None = None


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class Understanding(GraphComponent):
    """Third component: sets intent, intent_ranking, flags, p_danger, dialect, script and language."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"intent_strength": 12.0, "flag_strength": 6.0, "flag_threshold": 0.45}

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
        texts = [e.get(FOLDED) for e in examples]
        learned = self._learned
        features = learned.ngrams.learn(texts)
        learned.intents = _fit(features, [e.get("intent") for e in examples], self._config["intent_strength"])
        notes = [((e.get("metadata") or {}).get("example") or {}) for e in examples]
        for flag in FLAGS:
            carries = np.array([flag in (note.get("flags") or []) for note in notes])
            if _FEWEST <= carries.sum() < len(carries):
                learned.flags[flag] = _fit(features, carries, self._config["flag_strength"])
        known = [i for i, note in enumerate(notes) if note.get("dialect")]
        if len({notes[i]["dialect"] for i in known}) > 1:
            learned.dialects = _fit(features[known], [notes[i]["dialect"] for i in known], 6.0)
        keep(self._storage, self._resource, learned)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Understand the messages of one call."""
        for message in messages:
            self._understand(message)
        return messages

    def _understand(self, message: Message) -> None:
        learned, folded = self._learned, message.get(FOLDED) or ""
        script, language = guess_script(message.get("text") or ""), guess_language(message.get("text") or "")
        ranking: list[dict[str, Any]] = []
        flags: list[str] = []
        p_danger, dialect = 0.0, None
        bare_digit = any(e["entity"] == "digit" for e in message.get("entities") or ())  # no model is asked
        if learned.intents is not None and folded and not bare_digit:
            row = learned.ngrams.of([folded])
            scores = learned.intents.predict_proba(row)[0]
            order = np.argsort(scores)[::-1][:5]
            ranking = [{"name": str(learned.intents.classes_[i]), "confidence": float(scores[i])} for i in order]
            for flag, model in learned.flags.items():
                p = float(model.predict_proba(row)[0][1])
                if flag == DANGER:
                    p_danger = p
                if p >= self._config["flag_threshold"]:
                    flags.append(flag)
            if learned.dialects is not None:
                dialect = str(learned.dialects.predict(row)[0])
                if dialect == "english":
                    language, dialect = "en", None
                elif language == "en":
                    language = "ar"
        intent = ranking[0] if ranking else {"name": None, "confidence": 0.0}
        message.set("intent", dict(intent), add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        message.set("flags", flags, add_to_output=True)
        message.set("p_danger", p_danger, add_to_output=True)
        message.set("dialect", dialect, add_to_output=True)
        message.set("script", script, add_to_output=True)
        message.set("language", language, add_to_output=True)


def _fit(features: Any, labels: Any, strength: float) -> LogisticRegression:
    # liblinear: deterministic, one-against-rest, minutes faster than the multinomial solvers on sparse n-grams
    return LogisticRegression(C=strength, solver="liblinear", class_weight="balanced", random_state=0).fit(features, labels)
