"""What comes next: the one place that decides which question waits and which ticket is asked for.

The screening loop is generic: sets, items and rules are data of the release (screening.md), evaluated after
every answer by ``safety.screening``. Beside the screening items there are *choices*, the product's own yes/no
questions (is it a good time for the rules of this talk? shall a person be brought?), in the table below.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.talk import FIT_OTHERS, Talk, is_about_others
from actions.turn import Turn
from safety.screening import Answers, Instruments, choose_sets, evaluate, gather_facts, next_item, offer_due

CHOICES: dict[str, str] = {
    "phone": "phone_check",
    "consent": "consent",
    "danger": "danger_emergency",
    "danger_check": "danger_check",
    "red": "red_emergency",
    "high": "high_offer",
    "person": "person_offer",
    "delete": "delete_my_data",
    "cancel": "cancel_handoff",
}
"""A choice and the text that asks it."""

RANK = {"": 0, "ELEVATED": 1, "HIGH": 2, "RED": 3}


CARE_BEFORE_POLICE = "health_and_counselling_before_police"
"""The care code (``scripts/screening/self_harm.yml``) of a set whose findings are met with care first."""


def flag_handoff(turn: Turn, band: str, reasons: list[str]) -> None:
    """Ask for a ticket of at least this band; committed before the reply (architecture.md, decision 3)."""
    talk = turn.talk
    if RANK[band] > RANK[talk.band]:
        talk.band = band
    turn.command(
        "open_handoff",
        band=band or "UNKNOWN",
        sets=list(talk.sets),
        reasons=sorted({*reasons, *talk.said, *talk.flags}),
        wish=talk.wish,
        minor=talk.minor,
        lane="children" if talk.minor else "",
        call=bool(turn.facts.get("call")) and turn.intent == "request_human",
    )


def wish_for_a_person(turn: Turn) -> None:
    """Any wish for a person is a ticket of at least P2 at once, and it never lowers a priority (screening.md)."""
    turn.talk.wish = True
    flag_handoff(turn, turn.talk.band, ["wish"])


def alarm_matters(alarm: str, talk: Talk) -> bool:
    """Whether an alarm changes what is said now: danger always, an uncertain one only while it was not asked about."""
    return alarm == "now" or (alarm == "maybe" and not {"RED", "danger_check"} & set(talk.told))


def raise_alarm(turn: Turn) -> None:
    """Danger now, found by rule or model: a RED ticket, the emergency number, and one question."""
    flag_handoff(turn, "RED", ["danger_rule" if turn.facts.get("danger") == "now" else "danger_model"])
    turn.talk.tell("RED")
    turn.talk.pending = ["choice", "danger"]


def advance(turn: Turn, instruments: Instruments) -> None:
    """Choose the question that waits next, or none; ask for the ticket an outcome calls for; say what ended."""
    talk = turn.talk
    if "phone" not in talk.told:
        talk.pending = ["choice", "phone"]
        return
    if talk.stage == "phone" or talk.stage == "consent":
        talk.stage, talk.pending = "consent", ["choice", "consent"]
        return
    talk.pending = []
    if talk.stage != "open":
        _offer_a_person_instead(turn)
        return
    _choose(turn, instruments)
    if not talk.sets:
        return
    facts = _facts(talk, instruments)
    outcome = evaluate(instruments, talk.answers, facts)
    talk.minor = outcome.minor
    if outcome.band == "RED":
        first = talk.tell("RED")
        if first or not turn.ticket:  # a ticket that was closed since is opened again
            flag_handoff(turn, "RED", list(outcome.reasons))
        if "red_answered" in talk.told or (talk.wish and not first):
            turn.say("ticket_waiting")
        elif talk.wish:  # a person was asked for before: the number, and nothing to ask
            turn.say("red_waiting")
            say_what_helps(turn, _asks_for_care(instruments, outcome.reasons))
        else:
            talk.pending = ["choice", "red"]
        return  # screening.md: RED stops at once
    if is_about_others(talk) and not {"RED", "danger_check"} & set(talk.told):
        talk.tell("danger_check")
        talk.pending = ["choice", "danger_check"]
        return
    high = outcome.band == "HIGH"
    if high:
        if RANK[talk.band] < RANK["HIGH"] or not turn.ticket:
            flag_handoff(turn, "HIGH", list(outcome.reasons))
        say_what_helps(turn, _asks_for_care(instruments, outcome.reasons))
        if talk.tell("high") and not talk.wish:
            talk.pending = ["choice", "high"]
            return
    elif offer_due(talk.answers) and not talk.wish and talk.tell("person"):
        talk.pending = ["choice", "person"]
        return
    waiting = next_item(instruments, tuple(talk.sets), _put(talk, instruments), declined=high, facts=facts)
    if waiting is not None:
        talk.pending = ["screen", *waiting]
        return
    if talk.disclosed and not talk.wish and not high and talk.tell("person"):  # few questions, but a person all the same
        talk.pending = ["choice", "person"]
        return
    _close(turn, outcome.band, list(outcome.reasons))


def say_what_helps(turn: Turn, care: bool) -> None:
    """Beside a HIGH or RED ticket: who works with young people, and what eases the wish to die. Each once."""
    if turn.talk.minor and turn.talk.tell("children_queue"):
        turn.say("children_queue")
    if (care or "self_harm" in turn.talk.flags) and not is_about_others(turn.talk) and turn.talk.tell("self_harm_care"):
        turn.say("self_harm_care")


def care_is_due(talk: Talk, instruments: Instruments) -> bool:
    """Whether what was answered so far asks for care before anything else."""
    return _asks_for_care(instruments, evaluate(instruments, talk.answers, _facts(talk, instruments)).reasons)


def _asks_for_care(instruments: Instruments, reasons: Sequence[str]) -> bool:
    items = {item.id for held in instruments.sets.values() if CARE_BEFORE_POLICE in held.care for item in held.items}
    return any(reason.removesuffix("_not_denied") in items for reason in reasons)


def _put(talk: Talk, instruments: Instruments) -> Answers:
    """The answers, and as skipped whatever must not be asked of somebody who tells of others' harm."""
    if not is_about_others(talk):
        return talk.answers
    unfit = {name: {item.id: "skip" for item in instruments.sets[name].items if item.id not in FIT_OTHERS}
             for name in talk.sets if name in instruments.sets}
    return {name: {**unfit.get(name, {}), **talk.answers.get(name, {})} for name in {*unfit, *talk.answers}}


def _choose(turn: Turn, instruments: Instruments) -> None:
    talk = turn.talk
    # a weapon or a neck in what a witness tells is not the witness's: only what is said of children chooses for them
    flags = [f for f in talk.flags if f in ("child_at_risk", "minor_speaking")] if is_about_others(talk) else talk.flags
    for name in choose_sets(instruments, talk.said, flags, _facts(talk, instruments)):
        if name not in talk.sets:
            talk.sets.append(name)
    for name in ("now", "lethality") if talk.harmed else ():
        if name not in talk.sets:
            talk.sets.append(name)


def _facts(talk: Talk, instruments: Instruments) -> dict[str, object]:
    """What scores beside answers: an under-18's disclosure (screening.md, last paragraph of the bands)."""
    return gather_facts(instruments, {"minor": talk.minor, "disclosed": talk.harmed}, talk.said, talk.flags)


def _offer_a_person_instead(turn: Turn) -> None:
    """Information only was chosen: nothing is screened, but who discloses is offered a person once."""
    talk = turn.talk
    if talk.disclosed and not talk.wish and talk.tell("person"):
        talk.pending = ["choice", "person"]


def _close(turn: Turn, band: str, reasons: list[str]) -> None:
    """Nothing is left to ask: say what can be done now."""
    talk = turn.talk
    if band == "ELEVATED" and RANK[talk.band] < RANK["ELEVATED"]:
        flag_handoff(turn, "ELEVATED", reasons)
    turn.say({"HIGH": "ticket_waiting", "ELEVATED": "elevated_options", "UNKNOWN": "unknown_info",
              "NONE_DISCLOSED": "none_info"}[band])
