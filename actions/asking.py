"""The generic loop of questions: screening items of any set, and the product's own choices.

Rasa's form mechanism carries it: the loop ``asking`` has one slot, ``answer``; validation records the answer and
lets :mod:`actions.agenda` choose what comes next. A message that is no answer makes the loop step back, the rules
answer it ("who sees this?"), and the waiting question is asked again.
"""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.agenda import (
    CHOICES,
    advance,
    alarm_matters,
    care_is_due,
    flag_handoff,
    raise_alarm,
    say_what_helps,
    wish_for_a_person,
)
from actions.directory import RELEASES
from actions.talk import ABOUT_OTHERS, Talk, is_disclosure
from actions.turn import Turn
from safety.answers import read_answer
from safety.screening import Instruments


class ValidateAsking(Action):
    """Record an answer, or danger said instead of one; nothing to record leaves the message to the rules."""

    def name(self) -> str:
        return "validate_asking"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker, dispatcher)
        instruments = RELEASES.instruments(str(turn.facts.get("release") or ""))
        asked = tracker.get_slot("requested_slot") == "answer"  # not so when the loop has only just begun
        answered = asked and (tracker.get_slot("answer") or _read_for_this_question(turn, tracker, instruments))
        if turn.alarm == "now":  # danger said is danger, whatever question waits and however the sentence begins
            _hear_danger(turn)
        elif answered:
            take_answer(turn, instruments, str(answered))
        elif alarm_matters(turn.alarm, turn.talk):
            _hear_danger(turn)
        else:
            return []
        events = [*turn.events(), SlotSet("answer", None)]
        return events if turn.talk.pending else [*events, SlotSet("requested_slot", None)]


class AskAsking(Action):
    """Say the question that waits."""

    def name(self) -> str:
        return "action_ask_asking_answer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker, dispatcher)
        pending = turn.talk.pending
        if pending[:1] == ["choice"]:
            turn.say(CHOICES[pending[1]])
        elif pending[:1] == ["screen"]:
            turn.say("question", set=pending[1], item=pending[2])
        return []


class ActionQuestionsEnd(Action):
    """The loop has ended and :mod:`actions.agenda` has said how."""

    def name(self) -> str:
        return "action_questions_end"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        return []


def _read_for_this_question(turn: Turn, tracker: Tracker, instruments: Instruments) -> str | None:
    """What is an answer only to the question that waits: an age, or "ok" to a proposal. The text is read, not kept."""
    text = str((tracker.latest_message or {}).get("text") or "")
    pending = turn.talk.pending
    if pending[:1] == ["screen"] and pending[2] in instruments.items:
        options = instruments.items[pending[2]].options
        return read_answer(text, options, instruments.words) if options else None
    if pending[:1] != ["choice"]:
        return None
    said = read_answer(text, (), instruments.words, proposal=True)
    # «بعدين» declines what is proposed; to "is there danger now?" it is no answer
    return None if said == "no" and pending[1] in OF_FACT else said


OF_FACT = frozenset({"phone", "danger_check"})
"""Choices that ask what is, where the others propose something."""


def _hear_danger(turn: Turn) -> None:
    turn.talk.hear(turn.intent, turn.flags, turn.sure)
    if turn.alarm == "now":
        raise_alarm(turn)
    else:
        if is_disclosure(turn.intent):
            turn.say(heard(turn.intent, turn.sure))
        turn.talk.tell("danger_check")
        turn.talk.pending = ["choice", "danger_check"]


def take_answer(turn: Turn, instruments: Instruments, answered: str) -> None:
    """Score one answer and decide what follows.

    Args:
        answered: ``yes``, ``no``, ``skip``, ``unsure`` or ``d4`` … ``d9`` for a digit.
    """
    talk = turn.talk
    if answered == "d9" and talk.pending[:1] == ["choice"] and talk.pending[1] in BRINGS_A_PERSON:
        answered = "yes"  # what 9 asks for is what this question offers
    if answered == "d9":  # screening.md: 9 reaches a human from any question
        _bring_a_person(turn)
        if talk.pending == ["choice", "consent"]:
            talk.stage = "info"
            talk.tell("consent")
        elif talk.pending[:1] == ["choice"] and talk.pending[1] not in ("phone", "danger_check"):
            talk.tell(talk.pending[1])
        else:
            return  # the questions go on, if the person likes: the same one waits
        advance(turn, instruments)
        return
    kind = talk.pending[:1]
    if kind == ["screen"]:
        _score(turn, instruments, answered)
    elif kind == ["choice"] and answered.startswith("d"):  # a digit that answers another question
        turn.say("question_hint")
    elif kind == ["choice"]:
        EFFECTS[talk.pending[1]](turn, instruments, answered)
    else:
        advance(turn, instruments)


def _score(turn: Turn, instruments: Instruments, answered: str) -> None:
    talk = turn.talk
    _, name, item = talk.pending
    options = instruments.options(name, item)  # digit -> code; empty for a yes/no question
    value = options.get(answered.removeprefix("d"), "") if answered.startswith("d") else answered
    if not value or (options and value in ("yes", "no")):
        turn.say("question_hint")
        return
    talk.answers.setdefault(name, {})[item] = value
    advance(turn, instruments)


def _bring_a_person(turn: Turn) -> None:
    already = turn.ticket in ("queued", "live") and turn.talk.wish
    wish_for_a_person(turn)
    turn.say("ticket_waiting" if already else "request_human")


def _phone(turn: Turn, instruments: Instruments, answered: str) -> None:
    turn.talk.tell("phone")
    if answered != "no":  # not sure is as good as a yes here
        turn.say("phone_shared")
    turn.talk.stage = "consent"
    advance(turn, instruments)


def _consent(turn: Turn, instruments: Instruments, answered: str) -> None:
    talk = turn.talk
    talk.tell("consent")
    talk.pending = []
    talk.stage = "open" if answered == "yes" else "info"
    if talk.stage == "info":
        turn.say("information_only")
    elif not talk.disclosed:
        turn.say("ticket_waiting" if talk.wish else "menu")  # who asked for a person before the rules hears of it now
    else:
        hear_and_go_on(turn, talk.said[-1] if talk.said else "", instruments)


def _emergency(turn: Turn, instruments: Instruments, answered: str) -> None:
    if answered == "yes":
        _bring_a_person(turn)
    else:  # screening.md: skip and "don't know" never count as no
        turn.say("red_declined" if answered == "no" else "ticket_waiting")
    turn.talk.tell("red_answered")
    turn.talk.pending = []
    if turn.talk.stage in ("open", "info"):
        say_what_helps(turn, care_is_due(turn.talk, instruments))
    if turn.talk.stage in ("phone", "consent"):
        advance(turn, instruments)


def _danger_check(turn: Turn, instruments: Instruments, answered: str) -> None:
    if answered == "yes":
        raise_alarm(turn)
        return
    if answered != "no":  # skip and "don't know" never count as no
        flag_handoff(turn, "HIGH", ["refused"])
        if turn.talk.tell("high"):
            turn.talk.pending = ["choice", "high"]
            return
    advance(turn, instruments)


def _offer(turn: Turn, instruments: Instruments, answered: str) -> None:
    if answered == "yes":
        _bring_a_person(turn)
    else:
        turn.talk.declined = True
        turn.say("person_declined")
    advance(turn, instruments)


def _delete(turn: Turn, instruments: Instruments, answered: str) -> None:
    if answered != "yes":
        turn.say("delete_my_data_kept")
        advance(turn, instruments)
        return
    turn.command("forget")
    # what was agreed to is forgotten too: the rules are said again before anything is asked
    turn.talk = Talk(stage="consent", told=["phone"], variant=turn.talk.variant)
    turn.say("delete_my_data_done")


def _cancel(turn: Turn, instruments: Instruments, answered: str) -> None:
    if answered == "yes":
        turn.talk.wish, turn.talk.band, turn.talk.pending = False, "", []
        turn.talk.told = [code for code in turn.talk.told if code not in ("RED", "red_answered", "high", "person")]
        turn.command("withdraw_handoff")
        turn.say("cancel_handoff_done")
        return
    turn.say("cancel_handoff_kept")
    advance(turn, instruments)


BRINGS_A_PERSON = frozenset({"danger", "red", "high", "person"})

EFFECTS = {
    "phone": _phone,
    "consent": _consent,
    "danger": _emergency,
    "red": _emergency,
    "danger_check": _danger_check,
    "high": _offer,
    "person": _offer,
    "delete": _delete,
    "cancel": _cancel,
}
"""What an answer to a choice does; the same names as ``actions.agenda.CHOICES``."""


def heard(intent: str, sure: bool = True) -> str:
    """The acknowledgement that promises no questions. "It is not your fault" is for who is harmed."""
    own = {"disclose_own_violence": "ack_heard_own", "report_for_other": "ack_heard_other"}
    return own.get(intent, "ack_heard") if sure else "ack_heard"


def hear_and_go_on(turn: Turn, intent: str, instruments: Instruments, sure: bool = True) -> None:
    """After a disclosure: belief first, then what comes next. Questions are promised only where one follows."""
    advance(turn, instruments)
    asks = turn.talk.pending[:1] == ["screen"] or turn.talk.pending == ["choice", "danger_check"]
    if turn.talk.minor and intent not in ABOUT_OTHERS and turn.talk.tell("ack_minor"):
        turn.say_first("ack_minor")
    elif intent and sure and asks:
        turn.say_first(f"ack_{intent}")
    else:
        turn.say_first(heard(intent, sure))
