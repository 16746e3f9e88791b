"""What comes next: the one place that decides which question waits and which ticket is asked for.

The screening loop is generic: sets, items and rules are data of the release (screening.md), evaluated after
every answer by ``safety.screening``. Beside the screening items there are *choices*, the product's own yes/no
questions (is it a good time for the rules of this talk? shall a person be brought?), in the table below.
"""

from __future__ import annotations

from actions.talk import Talk
from actions.turn import Turn
from safety.screening import Instruments, choose_sets, evaluate, gather_facts, next_item, offer_due

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
        if talk.tell("RED") or not turn.ticket:  # a ticket that was closed since is opened again
            flag_handoff(turn, "RED", list(outcome.reasons))
        if "red_answered" in talk.told:
            turn.say("ticket_waiting")
        else:
            talk.pending = ["choice", "red"]
        return  # screening.md: RED stops at once
    high = outcome.band == "HIGH"
    if high:
        if RANK[talk.band] < RANK["HIGH"] or not turn.ticket:
            flag_handoff(turn, "HIGH", list(outcome.reasons))
        if talk.tell("high") and not talk.wish:
            talk.pending = ["choice", "high"]
            return
    elif offer_due(talk.answers) and not talk.wish and talk.tell("person"):
        talk.pending = ["choice", "person"]
        return
    waiting = next_item(instruments, tuple(talk.sets), talk.answers, declined=high, facts=facts)
    if waiting is not None:
        talk.pending = ["screen", *waiting]
        return
    _close(turn, outcome.band, list(outcome.reasons))


def _choose(turn: Turn, instruments: Instruments) -> None:
    talk = turn.talk
    for name in choose_sets(instruments, talk.said, talk.flags, _facts(talk, instruments)):
        if name not in talk.sets:
            talk.sets.append(name)


def _facts(talk: Talk, instruments: Instruments) -> dict[str, object]:
    """What scores beside answers: an under-18's disclosure (screening.md, last paragraph of the bands)."""
    return gather_facts(instruments, {"minor": talk.minor}, talk.said, talk.flags)


def _offer_a_person_instead(turn: Turn) -> None:
    """Information only was chosen: nothing is screened, but who discloses is offered a person once."""
    talk = turn.talk
    if talk.said and not talk.wish and talk.tell("person"):
        talk.pending = ["choice", "person"]


def _close(turn: Turn, band: str, reasons: list[str]) -> None:
    """Nothing is left to ask: say what can be done now."""
    talk = turn.talk
    if band == "ELEVATED" and RANK[talk.band] < RANK["ELEVATED"]:
        flag_handoff(turn, "ELEVATED", reasons)
    turn.say({"HIGH": "ticket_waiting", "ELEVATED": "elevated_options", "UNKNOWN": "unknown_info",
              "NONE_DISCLOSED": "none_info"}[band])
