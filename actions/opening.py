"""The neutral opening: until the person has said that it is a good time, nothing names the subject.

safety.md, "The first words". The loop ``opening`` takes every message, whatever it says; a yes leads on to the
loop ``asking``. What was disclosed before that is remembered as codes and taken up once the rules are said.
"""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, ActiveLoop, EventType, SessionStarted, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.agenda import flag_handoff, wish_for_a_person
from actions.talk import Talk, is_disclosure
from actions.turn import Turn


class ActionSessionStart(Action):
    """A talk begins: the opening loop is on, so that no rule sees the first words."""

    def name(self) -> str:
        return "action_session_start"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        return [SessionStarted(), ActiveLoop("opening"), ActionExecuted("action_listen")]


class ValidateOpening(Action):
    """One message before the good time."""

    def name(self) -> str:
        return "validate_opening"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker, dispatcher)
        done = open_the_talk(turn)
        events = [*turn.events(), SlotSet("reply", None)]
        return [*events, SlotSet("requested_slot", None)] if done else events


class AskOpening(Action):
    """Everything is said by :class:`ValidateOpening`: the loop has nothing to add."""

    def name(self) -> str:
        return "action_ask_opening_reply"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        return []


def open_the_talk(turn: Turn) -> bool:
    """Answer one message of the opening; True when the talk goes on to questions."""
    talk = turn.talk
    if turn.sure and (turn.reply == "other" or is_disclosure(turn.intent)):  # «اه منيح، جوزي بيضربني» says both
        talk.hear(turn.intent, turn.flags)
    if turn.facts.get("safe_word"):
        talk.stage, talk.told = "open", [*talk.told, "phone", "consent"]
        turn.say("safe_word_back")
        turn.if_waiting("good_time")
        return True
    if turn.alarm == "now":
        return _emergency(turn)
    if turn.intent == "wrong_number" and turn.sure and talk.stage != "new":
        forget_wrong_number(turn)
        return False
    if turn.intent == "request_human" and "wish" not in talk.told:
        talk.tell("wish")
        wish_for_a_person(turn)
    farewell = _may_be_a_farewell(turn)
    if talk.stage == "urgent":
        if turn.reply == "yes":
            return _emergency(turn)
        if turn.reply in ("unsure", "skip") or farewell or turn.alarm == "maybe":  # screening.md: never counts as no
            flag_handoff(turn, "HIGH", ["refused"])
            turn.say("danger_bare")
        talk.stage = "opening"
        turn.say("opening")
        return False
    good_time = talk.stage == "opening" and turn.reply == "yes"  # then the questions begin, and with them the same one
    if (turn.alarm == "maybe" and talk.tell("urgent_check")) or (farewell and not good_time and talk.tell("farewell")):
        talk.stage = "urgent"
        turn.say("urgent_check")
        return False
    if good_time:
        talk.stage, talk.pending = "phone", ["choice", "phone"]
        turn.if_waiting("good_time")
        return True
    if talk.stage == "opening" and turn.reply == "no":
        talk.stage = "new"
        turn.say("not_now")
        turn.if_waiting("not_now")
        return False
    talk.stage = "opening"
    turn.say("opening")
    return False


def _may_be_a_farewell(turn: Turn) -> bool:
    """Who speaks of ending their life may not write again: "is it now" is the first thing the questions would ask
    (screening.md, S2), but those wait for a good time. The neutral question does not."""
    return turn.sure and turn.intent == "disclose_self_harm" and "self_harm" in turn.flags


def forget_wrong_number(turn: Turn) -> None:
    """Whoever says so may be somebody else with this phone: neutral words, and the next message meets the opening."""
    turn.talk = Talk(variant=turn.talk.variant)
    turn.say("wrong_number")
    turn.if_waiting("not_now")


def _emergency(turn: Turn) -> bool:
    """safety.md: the bare number, with no word of the subject; then the same neutral question as always."""
    flag_handoff(turn, "RED", ["danger_now"])
    turn.talk.tell("RED")
    turn.talk.stage = "opening"
    turn.say("danger_bare")
    turn.say("opening")
    return False
