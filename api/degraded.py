"""The answer when the engine gives none: pure, static, honest.

safety.md, "Nobody is left without an answer": a digit that answers an open screening question is scored with
``safety/``; otherwise a static reply gives "9 for a person" and a menu on digits no question uses (5 to 8).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.engine import Reply
from safety.answers import read_answer, read_digit
from safety.screening import Instruments, evaluate, next_item

MENU = {5: "ask_hotline", 6: "ask_shelter", 7: "ask_delete_traces", 8: "ask_legal"}
"""Digits of the text ``degraded_open``."""


@dataclass(frozen=True, slots=True)
class Static:
    """A turn without the engine: the state after it, texts by name, and what must be committed first."""

    state: dict[str, Any] | None
    replies: tuple[Reply, ...]
    band: str = ""
    reasons: tuple[str, ...] = ()
    wish: bool = False


def answer_without_engine(
    instruments: Instruments, state: Mapping[str, Any] | None, text: str, *, good_time: bool, danger: str
) -> Static:
    """What to say and do about one message.

    Args:
        state: the engine's last state; None when the stage of the talk is not known.
        text: the person's words, read for a digit or a yes and forgotten.
        good_time: the person has said that it is a good time to write.
        danger: ``now``, ``maybe`` or empty, by rule.
    """
    if danger == "now":
        names = ("danger_emergency",) if good_time else ("danger_bare", "opening")
        return Static(_alarmed(state) if good_time else _as_dict(state), _by_name(*names), "RED", ("danger_rule",))
    if not good_time or state is None:
        return Static(_as_dict(state), _by_name("opening"))
    digit = read_digit(text)
    if digit == 9:
        return Static(_as_dict(state), _by_name("request_human"), "UNKNOWN", ("wish",), wish=True)
    talk = state["slots"].get("talk") or {}
    pending: Sequence[str] = talk.get("pending") or ()
    if len(pending) == 3 and pending[0] == "screen":
        scored = _score(instruments, state, pending, text)
        if scored is not None:
            return scored
    if digit in MENU:
        return Static(_as_dict(state), _by_name(MENU[digit]))
    offered = list(pending) in (["choice", "danger"], ["choice", "red"], ["choice", "high"])
    if offered and read_answer(text, (), instruments.words, proposal=True) == "yes":
        return Static(_as_dict(state), _by_name("request_human"), "UNKNOWN", ("wish",), wish=True)
    return Static(_as_dict(state), _by_name("degraded_open"))


def _score(instruments: Instruments, state: Mapping[str, Any], pending: Sequence[str], text: str) -> Static | None:
    _, name, item = pending
    if item not in instruments.items:
        return None
    answer = read_answer(text, instruments.items[item].options, instruments.words)
    if answer is None:
        return None
    after = copy.deepcopy(dict(state))
    talk = after["slots"]["talk"]
    talk.setdefault("answers", {}).setdefault(name, {})[item] = answer
    facts = {"minor": bool(talk.get("minor")), "disclosed": bool(talk.get("said"))}
    outcome = evaluate(instruments, talk["answers"], facts)
    flagged = outcome.band in ("RED", "HIGH")
    if outcome.band == "RED":
        talk["pending"], talk["band"] = ["choice", "red"], "RED"
        talk["told"] = [*talk.get("told", []), "RED"]
        return Static(after, _by_name("red_emergency"), "RED", outcome.reasons)
    waiting = next_item(instruments, talk.get("sets") or (), talk["answers"], declined=flagged, facts=facts)
    if waiting is None:
        talk["pending"] = []
        names = ("ticket_waiting",) if flagged else ("degraded_open",)
        return Static(after, _by_name(*names), outcome.band if flagged else "", outcome.reasons if flagged else ())
    talk["pending"] = ["screen", *waiting]
    question = Reply("question", {"set": waiting[0], "item": waiting[1]})
    return Static(after, (question,), outcome.band if flagged else "", outcome.reasons if flagged else ())


def _alarmed(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if state is None:
        return None
    after = copy.deepcopy(dict(state))
    talk = after["slots"].get("talk") or {}
    talk["pending"], talk["band"] = ["choice", "danger"], "RED"
    talk["told"] = [*talk.get("told", []), "RED"]
    after["slots"]["talk"], after["loop"], after["requested"] = talk, "asking", "answer"
    return after


def _as_dict(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return dict(state) if state is not None else None


def _by_name(*names: str) -> tuple[Reply, ...]:
    return tuple(Reply(name, {}) for name in names)
