"""What is said when the engine gives no answer: pure, honest, and never a digit that a question uses."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from api.degraded import MENU, Static, answer_without_engine
from tests.fixtures_line import shipped_release, state, words_of

INSTRUMENTS = shipped_release().instruments


def talk(**changes: Any) -> dict[str, Any]:
    """A talk in the middle of the first set of questions."""
    values: dict[str, Any] = {
        "stage": "open", "sets": ["now", "lethality"], "answers": {}, "said": ["disclose_physical"], "flags": [],
        "pending": ["screen", "now", "N1"], "told": ["phone", "consent"], "band": "", "wish": False, "declined": False,
        "minor": False, "place": "", "variant": "",
    }
    return values | changes


def answer(words: str, *, good_time: bool = True, danger: str = "", begun: bool = True, **changes: Any) -> Static:
    kept = state("asking", **talk(**changes)) if begun else None
    before = copy.deepcopy(kept)
    static = answer_without_engine(INSTRUMENTS, kept, words, good_time=good_time, danger=danger)
    assert kept == before, "the state that came in is the caller's"
    return static


def names(static: Static) -> list[str]:
    return [reply.name for reply in static.replies]


@pytest.mark.parametrize("words", ["مرحبا", "9", "1", "5", "جوزي بيضربني", "", "٩"])
def test_before_the_good_time_there_is_the_opening_whatever_was_written(words: str) -> None:
    static = answer(words, good_time=False)
    assert names(static) == ["opening"] and not static.band


def test_an_unknown_stage_is_the_opening_too() -> None:
    assert names(answer("9", begun=False)) == ["opening"]


def test_danger_before_the_good_time_is_the_bare_number_and_the_opening() -> None:
    static = answer("…", good_time=False, danger="now", begun=False)
    assert names(static) == ["danger_bare", "opening"] and static.band == "RED"


def test_danger_later_is_the_emergency_text_and_a_question_that_can_be_answered_without_the_engine() -> None:
    static = answer("…", danger="now")
    assert names(static) == ["danger_emergency"] and (static.band, static.reasons) == ("RED", ("danger_rule",))
    follow = answer_without_engine(INSTRUMENTS, static.state, "1", good_time=True, danger="")
    assert names(follow) == ["request_human"] and follow.wish


@pytest.mark.parametrize("nine", ["9", "٩", "۹", " 9 "])
def test_nine_is_a_person_always(nine: str) -> None:
    static = answer(nine)
    assert names(static) == ["request_human"] and static.wish and static.band == "UNKNOWN"


def test_an_answer_to_a_critical_question_is_scored_red() -> None:
    static = answer("نعم")
    assert names(static) == ["red_emergency"] and static.band == "RED" and "N1" in static.reasons
    assert static.state is not None
    kept = static.state["slots"]["talk"]
    assert kept["answers"] == {"now": {"N1": "yes"}} and kept["pending"] == ["choice", "red"]


def test_a_no_leads_to_the_next_question_and_is_kept() -> None:
    static = answer("2")
    (reply,) = static.replies
    assert reply.name == "question" and reply.values["item"] == "N2"
    assert words_of("question", **reply.values), "the question has words"
    assert static.state is not None and static.state["slots"]["talk"]["pending"] == ["screen", "now", "N2"]
    assert not static.band


def test_the_questions_go_on_to_their_end_without_the_engine() -> None:
    kept: dict[str, Any] | None = state("asking", **talk())
    seen = []
    for _ in range(60):
        static = answer_without_engine(INSTRUMENTS, kept, "2", good_time=True, danger="")
        kept, (reply,) = static.state, static.replies
        seen.append(reply.values.get("item"))
        if reply.name != "question":
            break
    assert reply.name in ("degraded_open", "ticket_waiting")
    assert kept is not None and kept["slots"]["talk"]["pending"] == []
    assert len(seen) == len(set(seen)) > 10, "no question twice"


def test_what_is_high_by_itself_opens_a_ticket_at_once() -> None:
    # screening.md: P4 alone is HIGH
    static = answer("1", pending=["screen", "lethality", "P4"], answers={"now": {"N1": "no", "N2": "no"}})
    assert static.band in ("RED", "HIGH") and "P4" in static.reasons


@pytest.mark.parametrize(("digit", "name"), sorted(MENU.items()))
def test_the_menu_is_on_digits_no_question_uses(digit: int, name: str) -> None:
    assert names(answer(str(digit), pending=[])) == [name]
    assert digit in (5, 6, 7, 8)
    assert str(digit) in words_of("degraded_open")


def test_words_that_answer_nothing_are_met_with_the_menu_and_the_question_stays() -> None:
    static = answer("طيب شو اعمل هلأ")
    assert names(static) == ["degraded_open"]
    assert static.state is not None and static.state["slots"]["talk"]["pending"] == ["screen", "now", "N1"]


@pytest.mark.parametrize("choice", ["danger", "red", "high"])
def test_a_yes_to_the_offer_of_a_person_is_a_wish(choice: str) -> None:
    static = answer("نعم", pending=["choice", choice])
    assert static.wish and names(static) == ["request_human"]


def test_a_no_to_the_offer_is_not() -> None:
    assert not answer("2", pending=["choice", "high"]).wish


def test_a_question_of_another_release_is_not_scored() -> None:
    assert names(answer("1", pending=["screen", "now", "Z9"])) == ["degraded_open"]


@pytest.mark.parametrize("pending", [["screen"], ["screen", "now"], ["choice"], ["screen", "now", "N1", "more"], [], None])
def test_a_state_that_is_not_as_expected_still_gets_an_answer(pending: Any) -> None:
    assert names(answer("1", pending=pending)) == ["degraded_open"]


@pytest.mark.parametrize("slots", [{}, {"talk": None}, {"talk": {}}, {"talk": {"pending": ["screen", "now", "N1"]}}])
@pytest.mark.parametrize("danger", ["", "now"])
def test_a_state_without_a_talk_still_gets_an_answer(slots: dict[str, Any], danger: str) -> None:
    kept = {"version": 1, "loop": None, "requested": None, "slots": slots}
    assert answer_without_engine(INSTRUMENTS, kept, "1", good_time=True, danger=danger).replies


def test_every_text_it_can_name_exists() -> None:
    said = {*MENU.values(), "danger_emergency", "danger_bare", "opening", "request_human", "red_emergency",
            "ticket_waiting", "degraded_open", "question"}
    assert said <= set(shipped_release().texts)
