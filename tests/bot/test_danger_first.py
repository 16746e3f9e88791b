"""The policy above the rules: it takes the message when the bell rings outside a loop, and else says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rasa.core.policies.ensemble import DefaultPolicyPredictionEnsemble
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from actions.talk import Talk
from bot.components.danger_first import DangerFirst

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = Domain.load(str(ROOT / "domain.yml"))
LISTEN = ActionExecuted("action_listen")
BY_RULE = "utter_greet"


@pytest.fixture
def policy(tmp_path: Path) -> DangerFirst:
    """Loaded as from a model: nothing of it was kept."""
    storage, context = LocalModelStorage(tmp_path), ExecutionContext(GraphSchema({}))
    return DangerFirst.load(DangerFirst.get_default_config(), storage, Resource("danger_first"), context)


def message(alarm: str | None, intent: str | None = "greet") -> UserUttered:
    """What the pipeline hands on; without ``alarm`` it is a message the pipeline never saw."""
    understood: dict[str, Any] = {"intent": {"name": intent, "confidence": 0.9}, "entities": []}
    if alarm is not None:
        understood["alarm"] = alarm
    return UserUttered("كلام", understood["intent"], [], understood)


def after(*events: Event, talk: object = None) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("turn", [SlotSet("talk", talk), *events], slots=DOMAIN.slots)


def decided(policy: DangerFirst, tracker: DialogueStateTracker) -> str:
    """What is done next where a rule is certain of something else; the policies' order in config.yml must not count."""
    ours = policy.predict_action_probabilities(tracker, DOMAIN)
    certain = [float(name == BY_RULE) for name in DOMAIN.action_names_or_texts]
    rule = PolicyPrediction(certain, "RulePolicy", policy_priority=RulePolicy.get_default_config()["priority"])

    def best(predictions: Sequence[PolicyPrediction]) -> str:
        won = DefaultPolicyPredictionEnsemble().combine_predictions(list(predictions), tracker, DOMAIN)
        return DOMAIN.action_names_or_texts[won.probabilities.index(max(won.probabilities))]

    first, second = best([ours, rule]), best([rule, ours])
    assert first == second
    return first


@pytest.mark.parametrize("intent", ["greet", "out_of_scope", "disclose_physical", "thanks", None])
def test_danger_is_asked_about_whatever_the_intent(policy: DangerFirst, intent: str | None) -> None:
    assert decided(policy, after(LISTEN, message("now", intent))) == "asking"


@pytest.mark.parametrize("alarm", ["", None])
def test_without_an_alarm_the_rules_decide(policy: DangerFirst, alarm: str | None) -> None:
    assert decided(policy, after(LISTEN, message(alarm))) == BY_RULE


@pytest.mark.parametrize(("told", "of_now", "of_maybe"), [
    ([], "asking", "asking"), (["phone", "consent", "high"], "asking", "asking"),
    (["danger_check"], "asking", BY_RULE), (["RED"], "asking", BY_RULE),
])
def test_a_suspicion_is_asked_about_once_and_danger_every_time(
    policy: DangerFirst, told: list[str], of_now: str, of_maybe: str
) -> None:
    talk = Talk(stage="open", told=told).as_slot()
    assert decided(policy, after(LISTEN, message("now"), talk=talk)) == of_now
    assert decided(policy, after(LISTEN, message("maybe"), talk=talk)) == of_maybe


@pytest.mark.parametrize("loop", ["opening", "asking"])
def test_inside_a_loop_the_loop_itself_hears_the_bell(policy: DangerFirst, loop: str) -> None:
    assert decided(policy, after(ActiveLoop(loop), LISTEN, message("now"))) == BY_RULE
    assert decided(policy, after(ActiveLoop(loop), ActiveLoop(None), LISTEN, message("now"))) == "asking"


@pytest.mark.parametrize("done", ["asking", "utter_greet", "action_disclosure"])
def test_one_message_is_taken_once(policy: DangerFirst, done: str) -> None:
    assert decided(policy, after(LISTEN, message("now"), ActionExecuted(done))) == BY_RULE


def test_the_alarm_is_that_of_the_last_message(policy: DangerFirst) -> None:
    answered = (ActionExecuted(BY_RULE), LISTEN)
    assert decided(policy, after(LISTEN, message("now"), *answered, message(""))) == BY_RULE
    assert decided(policy, after(LISTEN, message(""), *answered, message("now"))) == "asking"


def test_where_nobody_wrote_yet_it_says_nothing(policy: DangerFirst) -> None:
    for tracker in (after(), after(LISTEN)):
        assert max(policy.predict_action_probabilities(tracker, DOMAIN).probabilities) == 0.0


@pytest.mark.parametrize("slot", ["a word", 7, [], {"told": ["danger_check"], "of another version": 1}])
def test_a_talk_it_cannot_read_silences_no_bell(policy: DangerFirst, slot: object) -> None:
    assert decided(policy, after(LISTEN, message("now"), talk=slot)) == "asking"


def test_training_leaves_nothing_to_keep(policy: DangerFirst, tmp_path: Path) -> None:
    assert policy.train([], DOMAIN) == Resource("danger_first")
    assert list(tmp_path.rglob("*")) == []
