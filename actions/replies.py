"""What a message outside the loops, or beside a waiting question, is answered with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.agenda import advance, wish_for_a_person
from actions.asking import hear_and_go_on, heard
from actions.directory import RELEASES
from actions.opening import forget_wrong_number
from actions.talk import violence_said
from actions.turn import Turn

MENU = {
    2: ("ask_shelter",),
    3: ("ask_legal",),
    4: ("ask_child_services",),
    5: ("ask_office",),
    6: ("ask_psychological",),
    7: ("ask_privacy", "ask_delete_traces"),
    8: ("ask_hotline",),
}
"""Digits of the text ``menu`` (1 starts the questions, 9 is a person, 0 leaves)."""


SURELY_ELSEWHERE = 0.8
"""How sure the model must be to say "that is not something we can help with here": «شو اعمل» is half out of scope to it."""


class ReplyAction(Action, ABC):
    """An action that answers, then lets the waiting question be asked again."""

    @abstractmethod
    def reply(self, turn: Turn) -> list[EventType]:
        """Say what is to be said; extra events come back."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker, dispatcher)
        extra = self.reply(turn)
        return [*turn.events(), *extra]


def questions_follow(turn: Turn) -> list[EventType]:
    """Go to the waiting question, if there is one."""
    return [FollowupAction("asking")] if turn.talk.pending else []


class ActionDisclosure(ReplyAction):
    """Somebody is being harmed: heard, believed, and the questions that fit begin."""

    def name(self) -> str:
        return "action_disclosure"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.talk.hear(turn.intent, turn.flags, turn.sure)
        if turn.talk.pending[:1] == ["choice"]:  # a choice that waits is asked again first
            turn.say(heard(turn.intent, turn.sure))
        else:
            hear_and_go_on(turn, turn.intent, RELEASES.instruments(str(turn.facts.get("release") or "")), turn.sure)
        return questions_follow(turn)


class ActionStartScreening(ReplyAction):
    """The person asks how dangerous it is."""

    def name(self) -> str:
        return "action_start_screening"

    def reply(self, turn: Turn) -> list[EventType]:
        return start_screening(turn)


def start_screening(turn: Turn) -> list[EventType]:
    """Begin, or go on with, the questions; asking for them is consent to them."""
    talk = turn.talk
    if talk.stage == "info":
        talk.stage, talk.pending = "consent", ["choice", "consent"]
        return questions_follow(turn)
    if not talk.sets and not talk.disclosed:
        talk.sets = ["now", "lethality"]
    if not talk.pending:
        advance(turn, RELEASES.instruments(str(turn.facts.get("release") or "")))
    if talk.pending[:1] == ["screen"]:
        turn.say("start_screening")
    return questions_follow(turn)


class ActionRequestHuman(ReplyAction):
    """A wish for a person is a ticket at once, in every state (screening.md)."""

    def name(self) -> str:
        return "action_request_human"

    def reply(self, turn: Turn) -> list[EventType]:
        talk = turn.talk
        already = turn.ticket in ("queued", "live") and talk.wish
        talk.hear(turn.intent, turn.flags)
        wish_for_a_person(turn)
        turn.say("ticket_waiting" if already else "call_wish" if turn.facts.get("call") else "request_human")
        return questions_follow(turn)


class ActionRequestOffice(ReplyAction):
    """A report is made together with a counsellor, who knows the desks."""

    def name(self) -> str:
        return "action_request_office"

    def reply(self, turn: Turn) -> list[EventType]:
        wish_for_a_person(turn)
        turn.say("request_office")
        return questions_follow(turn)


class ActionCancelHandoff(ReplyAction):
    """The person changed their mind about the counsellor: asked once, never argued with."""

    def name(self) -> str:
        return "action_cancel_handoff"

    def reply(self, turn: Turn) -> list[EventType]:
        if turn.ticket in ("queued", "live") or turn.talk.wish or turn.talk.band:
            turn.talk.pending = ["choice", "cancel"]
        else:
            turn.say("cancel_handoff_none")
        return questions_follow(turn)


class ActionDeleteMyData(ReplyAction):
    """What deleting means is said before it is done (threats.md, "Delete my data")."""

    def name(self) -> str:
        return "action_delete_my_data"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.talk.pending = ["choice", "delete"]
        return questions_follow(turn)


class ActionNotSafe(ReplyAction):
    """Somebody is near, or this is a wrong number: fall silent, and meet the next message with the neutral opening."""

    def name(self) -> str:
        return "action_not_safe_to_talk"

    def reply(self, turn: Turn) -> list[EventType]:
        if turn.intent == "wrong_number":
            if not turn.sure:  # too little to forget a talk for
                say_what_can_be_done(turn)
                return questions_follow(turn)
            forget_wrong_number(turn)
            return [ActiveLoop("opening"), SlotSet("requested_slot", None), FollowupAction("action_listen")]
        turn.talk.stage = "new"
        turn.talk.told = [code for code in turn.talk.told if code not in ("phone", "consent")]
        turn.say("not_safe_to_talk")
        turn.if_waiting("not_now")
        return [ActiveLoop("opening"), SlotSet("requested_slot", None), FollowupAction("action_listen")]


class ActionFamilyCounselling(ReplyAction):
    """screening.md: joint routes are closed as soon as violence, honour or a child is said."""

    def name(self) -> str:
        return "action_family_counselling"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.talk.hear(turn.intent, turn.flags)
        turn.say("family_counselling_closed" if violence_said(turn.talk) else "ask_family_counselling")
        return questions_follow(turn)


class ActionSafetyPlan(ReplyAction):
    """The plan in parts; by SMS, and in danger («شو اعمل هلأ؟»), only what fits the moment."""

    def name(self) -> str:
        return "action_safety_plan"

    def reply(self, turn: Turn) -> list[EventType]:
        if "RED" in turn.talk.told:
            turn.say("danger_bare")
            turn.say("plan_home")
            if turn.ticket == "queued":
                turn.say("ticket_waiting")
            return questions_follow(turn)
        turn.say("ask_safety_plan")
        turn.say("plan_home")
        if turn.facts.get("channel") != "sms":
            for part in ("plan_leaving", "plan_phone", "plan_children"):
                turn.say(part)
        return questions_follow(turn)


class ActionDeleteTraces(ReplyAction):
    """How to hide the chat on this channel."""

    def name(self) -> str:
        return "action_delete_traces"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.say("ask_delete_traces")
        turn.say("delete_sms" if turn.facts.get("channel") == "sms" else "delete_whatsapp")
        return questions_follow(turn)


class ActionSafeWord(ReplyAction):
    """The system makes the word; the gateway fills it in and keeps only its HMAC."""

    def name(self) -> str:
        return "action_set_safe_word"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.command("make_safe_word")
        turn.say("set_safe_word")
        return questions_follow(turn)


class ActionChangeLanguage(ReplyAction):
    """Go on in Arabic or English; which one is asked when the message does not say."""

    def name(self) -> str:
        return "action_change_language"

    def reply(self, turn: Turn) -> list[EventType]:
        wanted = str(turn.facts.get("wanted_language") or "")
        if wanted not in ("ar", "en"):
            if turn.sure:
                turn.say("change_language")
            else:
                say_what_can_be_done(turn)
            return questions_follow(turn)
        turn.talk.variant = "en" if wanted == "en" else ""
        turn.command("set_language", variant=turn.talk.variant)
        turn.say("language_set")
        return questions_follow(turn)


class ActionStatePlace(ReplyAction):
    """Where the person is: a code for the card and for the numbers told."""

    def name(self) -> str:
        return "action_state_place"

    def reply(self, turn: Turn) -> list[EventType]:
        place = str(turn.facts.get("place") or "")
        if place:
            turn.talk.place = place
            turn.command("set_place", place=place)
        turn.say("state_place" if place else "ask_country")
        return questions_follow(turn)


class ActionMenu(ReplyAction):
    """The menu, or what a bare digit chose from it."""

    def name(self) -> str:
        return "action_menu"

    def reply(self, turn: Turn) -> list[EventType]:
        chosen = turn.digit if "menu" in turn.talk.told else None  # a digit of a menu nobody has seen chooses nothing
        if chosen == 1:
            return start_screening(turn)
        names = MENU.get(chosen or 0)
        if names is not None:
            for name in names:
                turn.say(name)
        elif turn.talk.pending[:1] == ["choice"]:  # its digits must not be taken for the menu's
            turn.say("question_hint")
        else:  # a question that waits is put aside: the menu's digits must not be taken for its answer
            turn.say("menu")
            turn.talk.pending = []
            return [ActiveLoop(None), SlotSet("requested_slot", None), FollowupAction("action_listen")]
        return questions_follow(turn)


def troubled(turn: Turn) -> bool:
    """Whether anything was told or asked for in this talk: then nothing written is "not what we help with"."""
    talk = turn.talk
    return bool(turn.ticket in ("queued", "live") or talk.band or talk.wish or talk.disclosed or talk.flags or talk.sets)


def say_what_can_be_done(turn: Turn) -> None:
    """«شو اعمل هلأ؟», «وينك؟»: how to answer what waits, how the request stands, or a gentle menu."""
    if turn.talk.pending:
        turn.say("question_hint")
    elif turn.ticket == "queued" or (turn.talk.band and not turn.ticket):
        if "RED" in turn.talk.told:
            turn.say("danger_bare")
        turn.say("ticket_waiting")
    else:
        turn.say("not_sure")


class ActionNotSure(ReplyAction):
    """An honest "not sure": the waiting question with how to answer it, how the request stands, or a gentle menu."""

    def name(self) -> str:
        return "action_not_sure"

    def reply(self, turn: Turn) -> list[EventType]:
        if turn.intent == "out_of_scope" and turn.confidence >= SURELY_ELSEWHERE and not (turn.talk.pending or troubled(turn)):
            turn.say("out_of_scope")
        else:
            say_what_can_be_done(turn)
        return questions_follow(turn) or [FollowupAction("action_listen")]


class ActionYes(ReplyAction):
    """A yes in more words than ``safety.answers`` reads is no answer to a question of fact: it is asked again."""

    def name(self) -> str:
        return "action_affirm"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.say("question_hint" if turn.talk.pending else "affirm")
        return questions_follow(turn)


class ActionNo(ReplyAction):
    """«لا ما بدي حدا يعرف» begins with a no and answers nothing: the model's no never counts as one."""

    def name(self) -> str:
        return "action_deny"

    def reply(self, turn: Turn) -> list[EventType]:
        turn.say("question_hint" if turn.talk.pending else "deny")
        return questions_follow(turn)
