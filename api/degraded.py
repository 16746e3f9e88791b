"""The answer when the engine gives none: pure, static, honest.

safety.md, "Nobody is left without an answer": a digit that answers an open screening question is scored with
``safety/``; otherwise a static reply gives "9 for a person" and a menu on digits no question uses (5 to 8).
The state it leaves is always one the engine could have left (bot/state.py, actions/talk.py), so that the engine goes
on from it when it is back.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.engine import Reply
from safety.answers import AnswerWords, read_answer, read_beginning, read_number
from safety.screening import Instruments, evaluate, next_item

MENU = {5: "ask_hotline", 6: "ask_shelter", 7: "ask_delete_traces", 8: "ask_legal"}
"""Digits of the text ``degraded_open``."""

STATE_VERSION = 1
"""bot/state.py: should the engine that comes back be of another version, it begins anew."""

_REQUESTED = {"opening": "reply", "asking": "answer", None: None}
"""The slot each of the engine's loops waits for."""


@dataclass(frozen=True, slots=True)
class Static:
    """A turn without the engine: the state after it, texts by name, and what must be committed first.

    Attributes:
        good_time: whether, after this message, the person has said that it is a good time to write.
        effect: ``good_time`` or ``not_now``, for the person's open ticket if there is one.
    """

    state: dict[str, Any]
    replies: tuple[Reply, ...]
    band: str = ""
    reasons: tuple[str, ...] = ()
    wish: bool = False
    good_time: bool = True
    effect: str = ""


def answer_without_engine(
    instruments: Instruments, state: Mapping[str, Any] | None, text: str, *, good_time: bool, danger: str
) -> Static:
    """What to say and do about one message.

    Args:
        state: the engine's last state, or what this function left; None when the talk is new or its stage not known.
        text: the person's words, read for a digit or a yes and forgotten.
        good_time: the person has said that it is a good time to write.
        danger: ``now``, ``maybe`` or empty, by rule.
    """
    after: dict[str, Any] = copy.deepcopy(dict(state or {"version": STATE_VERSION, "slots": {}}))
    talk: dict[str, Any] = after["slots"].get("talk") or {}
    after["slots"]["talk"] = talk
    if not good_time or state is None:
        return _open(instruments.words, after, text, danger)
    if danger == "now":
        return _alarm(after, "danger_rule")
    digit = read_number(text, instruments.words)
    if digit == 9:
        return Static(after, _by_name("request_human"), "UNKNOWN", ("wish",), wish=True)
    pending = list(talk.get("pending") or ())
    if len(pending) == 3 and pending[0] == "screen":
        scored = _score(instruments, after, pending, text)
        if scored is not None:
            return scored
    if pending == ["choice", "danger_check"]:
        checked = _danger_check(instruments, after, text)
        if checked is not None:
            return checked
    if danger == "maybe" and not {"RED", "danger_check"} & set(talk.get("told") or ()):
        _tell(talk, "danger_check")
        _wait(after, "choice", "danger_check")
        return Static(after, _by_name("danger_check"))
    if digit in MENU:
        return Static(after, _by_name(MENU[digit]))
    offered = pending in (["choice", "danger"], ["choice", "red"], ["choice", "high"])
    if offered and read_answer(text, (), instruments.words, proposal=True) == "yes":
        return Static(after, _by_name("request_human"), "UNKNOWN", ("wish",), wish=True)
    return Static(after, _by_name("degraded_open"))


# -- the opening -----------------------------------------------------------------------------------------------


def _open(words: AnswerWords, state: dict[str, Any], text: str, danger: str) -> Static:
    """One message before the good time, met as the engine's opening meets it (actions/opening.py)."""
    talk = state["slots"]["talk"]
    stage, talk["stage"] = talk.get("stage"), "opening"
    state["loop"], state["requested"] = "opening", _REQUESTED["opening"]
    said = _read_reply(text, words)
    if danger == "now" or (stage == "urgent" and said == "yes"):
        _tell(talk, "RED")
        reason = "danger_rule" if danger == "now" else "danger_now"
        return _unopened(state, "danger_bare", "opening", band="RED", reason=reason)
    if stage == "urgent" and said in ("unsure", "skip"):  # screening.md: never counts as no
        return _unopened(state, "danger_bare", "opening", band="HIGH", reason="refused")
    if danger == "maybe" and _tell(talk, "urgent_check"):
        talk["stage"] = "urgent"
        return _unopened(state, "urgent_check")
    if read_number(text, words) == 9:
        talk["wish"] = True
        return _unopened(state, "opening", band="UNKNOWN" if _tell(talk, "wish") else "", reason="wish")
    if stage == "opening" and said == "yes":
        return _good_time(state)
    if stage == "opening" and said == "no":
        talk["stage"] = "new"
        return Static(state, _by_name("not_now"), good_time=False, effect="not_now")
    return _unopened(state, "opening")


def _unopened(state: dict[str, Any], *names: str, band: str = "", reason: str = "") -> Static:
    if band in ("RED", "HIGH"):
        _raise_band(state["slots"]["talk"], band)
    return Static(
        state, _by_name(*names), band, (reason,) if band else (), wish=bool(band) and reason == "wish", good_time=False
    )


def _good_time(state: dict[str, Any]) -> Static:
    """On to the menu. The phone and the rules of the talk are asked about by the engine, before any question of its."""
    talk = state["slots"]["talk"]
    talk["stage"] = "phone"
    _wait(state)
    if talk.get("wish"):  # it was not the time to speak of it; asked for again, so that what is said now is true now
        names = _by_name("request_human", "degraded_open")
        return Static(state, names, "UNKNOWN", ("wish",), wish=True, effect="good_time")
    return Static(state, _by_name("degraded_open"), effect="good_time")


def _read_reply(text: str, words: AnswerWords) -> str | None:
    """Read as the engine reads it (bot/components/reader.py): "ok" means yes, and so does a yes with more behind it."""
    said = read_answer(text, (), words) or read_answer(text, (), words, proposal=True)
    return said or ("yes" if read_beginning(text, words) == "yes" else None)


# -- questions and danger --------------------------------------------------------------------------------------


def _score(instruments: Instruments, state: dict[str, Any], pending: list[str], text: str) -> Static | None:
    _, name, item = pending
    if item not in instruments.items:
        return None
    answer = read_answer(text, instruments.items[item].options, instruments.words)
    if answer is None:
        return None
    state["slots"]["talk"].setdefault("answers", {}).setdefault(name, {})[item] = answer
    return _go_on(instruments, state)


def _go_on(instruments: Instruments, state: dict[str, Any]) -> Static:
    """What the answers so far lead to, and the question that waits next."""
    talk = state["slots"]["talk"]
    answers = talk.get("answers") or {}
    facts = {"minor": bool(talk.get("minor")), "disclosed": bool(talk.get("said"))}
    outcome = evaluate(instruments, answers, facts)
    flagged = outcome.band in ("RED", "HIGH")
    if outcome.band == "RED":
        talk["band"], talk["told"] = "RED", [*talk.get("told", []), "RED"]
        _wait(state, "choice", "red")
        return Static(state, _by_name("red_emergency"), "RED", outcome.reasons)
    band, reasons = (outcome.band, outcome.reasons) if flagged else ("", ())
    waiting = next_item(instruments, talk.get("sets") or (), answers, declined=flagged, facts=facts)
    if waiting is None:
        _wait(state)
        return Static(state, _by_name("ticket_waiting" if flagged else "degraded_open"), band, reasons)
    _wait(state, "screen", *waiting)
    return Static(state, (Reply("question", {"set": waiting[0], "item": waiting[1]}),), band, reasons)


def _danger_check(instruments: Instruments, state: dict[str, Any], text: str) -> Static | None:
    """The answer to "is the danger now, in this minute?" (actions/asking.py); None when this is none."""
    talk = state["slots"]["talk"]
    said = read_answer(text, (), instruments.words)
    if said == "yes":
        return _alarm(state, "danger_now")
    if said == "no" and talk.get("stage") == "open":
        return _go_on(instruments, state)
    if said == "no":
        _wait(state)
        return Static(state, _by_name("degraded_open"))
    if said in ("unsure", "skip"):  # screening.md: never counts as no
        _tell(talk, "high")
        _raise_band(talk, "HIGH")
        _wait(state, "choice", "high")
        return Static(state, _by_name("high_offer"), "HIGH", ("refused",))
    return None


def _alarm(state: dict[str, Any], reason: str) -> Static:
    talk = state["slots"]["talk"]
    talk["band"], talk["told"] = "RED", [*talk.get("told", []), "RED"]
    _wait(state, "choice", "danger")
    return Static(state, _by_name("danger_emergency"), "RED", (reason,))


# -- small steps -----------------------------------------------------------------------------------------------


def _wait(state: dict[str, Any], *pending: str) -> None:
    """Put this question next, in the engine's loop of questions; or none, outside of any loop."""
    loop = "asking" if pending else None
    state["slots"]["talk"]["pending"] = list(pending)
    state["loop"], state["requested"] = loop, _REQUESTED[loop]


def _tell(talk: dict[str, Any], code: str) -> bool:
    """Mark ``code`` as said; False when it had been said before."""
    told = talk.get("told") or []
    talk["told"] = told if code in told else [*told, code]
    return code not in told


def _raise_band(talk: dict[str, Any], band: str) -> None:
    if talk.get("band") != "RED":
        talk["band"] = band


def _by_name(*names: str) -> tuple[Reply, ...]:
    return tuple(Reply(name, {}) for name in names)
