"""Every meaning a message can have is known to the domain, has its rule, and leads to words in all four wordings.

The names are the contract's (design/intents.yml), written out here so that none is lost with the file it stands in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import actions.replies
from actions.agenda import CHOICES
from actions.replies import ReplyAction
from actions.talk import Talk, is_disclosure
from actions.turn import Turn
from tests.actions.conftest import said

ROOT = Path(__file__).resolve().parents[2]
WORDINGS = {"lev", "gulf", "msa", "en"}

FLOW = (
    "greet", "goodbye", "thanks", "affirm", "deny", "unsure", "skip_question", "repeat", "show_menu", "change_language",
    "state_place", "bot_challenge", "feedback_positive", "feedback_negative", "wrong_number", "out_of_scope",
)  # fmt: skip
SAFETY = ("exit_now", "not_safe_to_talk", "ask_privacy", "ask_delete_traces", "delete_my_data", "set_safe_word")
PEOPLE = ("request_human", "request_office", "cancel_handoff", "start_screening", "ask_case_status")
DISCLOSURES = (
    "disclose_physical", "disclose_sexual", "disclose_psychological", "disclose_economic", "disclose_digital",
    "disclose_threat", "disclose_confinement", "disclose_forced_marriage", "disclose_stalking", "disclose_child_harm",
    "disclose_exploitation", "disclose_self_harm", "disclose_own_violence", "report_for_other",
)  # fmt: skip
INFORMATION = (
    "ask_shelter", "ask_legal", "ask_protection_order", "ask_report_process", "ask_hotline", "ask_medical",
    "ask_psychological", "ask_family_counselling", "ask_child_services", "ask_juvenile", "ask_residency",
    "ask_financial_aid", "ask_office", "book_visit", "ask_safety_plan",
)  # fmt: skip
INTENTS = (*FLOW, *SAFETY, *PEOPLE, *DISCLOSURES, *INFORMATION)


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


DOMAIN = read("domain.yml")
TEXTS: dict[str, dict[str, Any]] = {
    name: text for path in sorted((ROOT / "scripts/texts").glob("*.yml"))
    for name, text in read(f"scripts/texts/{path.name}")["texts"].items()
}  # fmt: skip
RULES: dict[str, list[str]] = {}
"""Intent -> what its rules answer it with."""
for _rule in read("nlu_data/rules.yml")["rules"]:
    for _at, _step in enumerate(_rule["steps"]):
        if "intent" in _step:
            RULES.setdefault(_step["intent"], []).append(_rule["steps"][_at + 1].get("action", ""))

ACTIONS = {
    kind().name(): kind for kind in vars(actions.replies).values()
    if isinstance(kind, type) and issubclass(kind, ReplyAction) and kind is not ReplyAction
}  # fmt: skip

STATES: dict[str, dict[str, Any]] = {
    "an open talk": {},
    "information only": {"stage": "info"},
    "a question that waits": {"sets": ["now"], "pending": ["screen", "now", "N1"]},
    "a choice that waits": {"pending": ["choice", "consent"]},
    "a RED talk": {"band": "RED", "told": ["phone", "consent", "RED"], "said": ["disclose_physical"]},
    "somebody asked for": {"wish": True},
}
HEARD: dict[str, dict[str, Any]] = {
    "nothing beside it": {},
    "a model that is not sure": {"confidence": 0.3},
    "by SMS": {"facts": {"turn": "t1", "channel": "sms"}},
    "a ticket that waits": {"facts": {"turn": "t1", "channel": "whatsapp", "ticket": "queued"}},
    "a place, a language, a call": {
        "facts": {"turn": "t1", "channel": "whatsapp", "place": "JO-AM", "wanted_language": "en", "call": True}
    },
}


def in_every_state(make_turn: Callable[..., Turn], intent: str) -> Iterator[tuple[str, Turn]]:
    for state, values in STATES.items():
        for heard, understood in HEARD.items():
            talk = Talk(**{"stage": "open", "told": ["phone", "consent"], **values})
            yield f"{state}, {heard}", make_turn(talk, intent=intent, **understood)


def missing(name: str) -> list[str]:
    """What a text lacks: its response in the domain, itself, or some of its wordings."""
    wanting = [] if f"utter_{name}" in DOMAIN["responses"] else ["response"]
    text = TEXTS.get(name)
    return wanting + (["text"] if text is None else sorted(w for w in WORDINGS if not str(text.get(w) or "").strip()))


def test_the_domain_knows_these_intents_and_no_others() -> None:
    assert len(INTENTS) == 56 == len(set(INTENTS))
    assert sorted(DOMAIN["intents"]) == sorted(INTENTS)


@pytest.mark.parametrize("intent", INTENTS)
def test_an_intent_has_one_rule_that_leads_to_words_in_four_wordings(
    intent: str, make_turn: Callable[..., Turn]
) -> None:
    (action,) = RULES[intent]
    if action.startswith("utter_"):
        assert missing(action.removeprefix("utter_")) == []
        return
    assert action in DOMAIN["actions"]
    for place, turn in in_every_state(make_turn, intent):
        events = ACTIONS[action]().reply(turn)
        names = said(turn)
        asks = any(event.get("name") == "asking" for event in events)
        if asks and turn.talk.pending[0] == "choice":
            names.append(CHOICES[turn.talk.pending[1]])
        elif asks:
            names.append("question")
        assert names, f"{place}: met with silence"
        assert {name: missing(name) for name in names if missing(name)} == {}, place


@pytest.mark.parametrize("intent", DISCLOSURES)
def test_a_disclosure_is_acknowledged_in_words_of_its_own(intent: str, make_turn: Callable[..., Turn]) -> None:
    assert is_disclosure(intent)
    turn = make_turn(intent=intent)
    ACTIONS["action_disclosure"]().reply(turn)
    assert said(turn)[0] == f"ack_{intent}"
    assert missing(f"ack_{intent}") == []


def test_no_action_says_what_has_no_text() -> None:
    names = {
        call.args[0].value
        for path in (ROOT / "actions").glob("*.py") for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("say", "say_first")
        and call.args and isinstance(call.args[0], ast.Constant)
    }  # fmt: skip
    assert len(names) > 30
    assert {name: missing(name) for name in sorted(names | set(CHOICES.values())) if missing(name)} == {}
