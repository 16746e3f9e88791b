"""A policy above the rules: when the bell rings outside a loop, the question loop takes the message.

Inside a loop the loop itself sees the alarm; rules alone cannot say "whatever the intent".
"""

from __future__ import annotations

from typing import Any

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from actions.agenda import alarm_matters
from actions.talk import Talk


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class DangerFirst(Policy):
    """Predicts the loop ``asking`` for a message with an alarm; abstains otherwise."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"priority": 8}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    def train(self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **_: Any) -> Resource:
        """Nothing is learned."""
        return self._resource

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
        execution_context: ExecutionContext, **_: Any,
    ) -> DangerFirst:
        return cls(config, model_storage, resource, execution_context)

    def predict_action_probabilities(
        self, tracker: DialogueStateTracker, domain: Domain, rule_only_data: dict[str, Any] | None = None, **_: Any
    ) -> PolicyPrediction:
        """Certain about the loop, or silent."""
        message = tracker.latest_message
        rings = (
            message is not None
            and tracker.latest_action_name == ACTION_LISTEN_NAME
            and tracker.active_loop_name is None
            and alarm_matters((message.parse_data or {}).get("alarm") or "", Talk.of(tracker.get_slot("talk")))
        )
        probabilities = self._default_predictions(domain)
        if rings:
            probabilities[domain.index_for_action("asking")] = 1.0
        return self._prediction(probabilities)
