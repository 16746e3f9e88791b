"""What is said when the engine gives no answer: pure, honest, and never a digit that a question uses."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from api.degraded import MENU, Static, answer_without_engine
from api.scripts.segments import count_segments
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


class Newcomer:
    """Somebody whose every message is answered without the engine."""

    def __init__(self, **talk: Any) -> None:
        self.kept: dict[str, Any] | None = {**state("opening", **talk), "requested": "reply"} if talk else None
        self.good_time = False

    def say(self, words: str, danger: str = "") -> Static:
        static = answer_without_engine(INSTRUMENTS, self.kept, words, good_time=self.good_time, danger=danger)
        self.kept, self.good_time = static.state, static.good_time
        return static


@pytest.mark.parametrize("words", ["مرحبا", "1", "نعم", "2", "5", "جوزي بيضربني", ""])
def test_the_first_words_meet_the_opening_whatever_was_written(words: str) -> None:
    newcomer = Newcomer()
    static = newcomer.say(words)
    assert names(static) == ["opening"] and not (static.band or static.effect or newcomer.good_time)
    # the state the engine's own opening leaves
    assert newcomer.kept == {
        "version": 1, "loop": "opening", "requested": "reply", "slots": {"talk": {"stage": "opening"}},
    }


@pytest.mark.parametrize("yes", ["1", "١", "نعم", "اه", "ok", "yes please", "اه منيح، جوزي بيضربني"])
def test_a_yes_after_the_opening_leads_on_to_the_menu(yes: str) -> None:
    newcomer = Newcomer()
    newcomer.say("مرحبا")
    static = newcomer.say(yes)
    assert names(static) == ["degraded_open"] and static.effect == "good_time" and newcomer.good_time
    assert names(newcomer.say("6")) == ["ask_shelter"]
    assert newcomer.say("9").wish


def test_the_engine_that_is_back_finds_nobody_asked_about_the_phone_and_no_question_waiting() -> None:
    newcomer = Newcomer()
    newcomer.say("مرحبا")
    newcomer.say("1")
    assert newcomer.kept is not None
    assert newcomer.kept == {
        "version": 1, "loop": None, "requested": None, "slots": {"talk": {"stage": "phone", "pending": []}},
    }


@pytest.mark.parametrize("words", ["مرحبا", "5", "جوزي بيضربني", "شو؟", ""])
def test_what_is_no_answer_to_the_opening_meets_it_again(words: str) -> None:
    newcomer = Newcomer(stage="opening")
    assert names(newcomer.say(words)) == ["opening"] and not newcomer.good_time
    assert newcomer.say("1").good_time


@pytest.mark.parametrize("no", ["2", "لا", "بعدين", "not now"])
def test_a_no_is_met_with_a_neutral_word_and_a_new_opening_next_time(no: str) -> None:
    newcomer = Newcomer(stage="opening")
    static = newcomer.say(no)
    assert names(static) == ["not_now"] and static.effect == "not_now" and not newcomer.good_time
    assert names(newcomer.say("1")) == ["opening"]


@pytest.mark.parametrize("nine", ["9", "٩", "تسعة"])
@pytest.mark.parametrize("talk", [{}, {"stage": "opening"}, {"stage": "urgent", "told": ["urgent_check"]}])
def test_nine_in_the_opening_is_a_wish_asked_for_once_and_told_of_once_it_is_a_good_time(
    talk: dict[str, Any], nine: str
) -> None:
    newcomer = Newcomer(**talk)
    static = newcomer.say(nine)
    assert names(static) == ["opening"] and (static.band, static.reasons, static.wish) == ("UNKNOWN", ("wish",), True)
    again = newcomer.say(nine)
    assert names(again) == ["opening"] and not again.wish and not again.band
    told = newcomer.say("1")
    assert names(told) == ["request_human", "degraded_open"]
    assert told.wish and told.band == "UNKNOWN", "written down again with what is said"


def test_uncertain_danger_before_the_good_time_is_asked_about_neutrally_and_once() -> None:
    newcomer = Newcomer()
    assert names(newcomer.say("…", danger="maybe")) == ["urgent_check"]
    assert newcomer.kept is not None and newcomer.kept["slots"]["talk"]["stage"] == "urgent"
    assert names(newcomer.say("…", danger="maybe")) == ["opening"]


@pytest.mark.parametrize(
    ("said", "texts", "band"),
    [
        ("1", ["danger_bare", "opening"], "RED"), ("نعم", ["danger_bare", "opening"], "RED"),
        ("3", ["danger_bare", "opening"], "HIGH"), ("ما بعرف", ["danger_bare", "opening"], "HIGH"),
        ("2", ["opening"], ""), ("مرحبا", ["opening"], ""),
    ],
)
def test_the_answer_to_the_urgent_question_is_scored_as_the_engine_does(said: str, texts: list[str], band: str) -> None:
    newcomer = Newcomer()
    newcomer.say("…", danger="maybe")
    static = newcomer.say(said)
    assert (names(static), static.band) == (texts, band) and not static.wish
    assert names(newcomer.say("1")) == ["degraded_open"], "the opening was asked, and that is the answer to it"


def test_nothing_of_an_opening_names_the_subject() -> None:
    from api.scripts.required import NEUTRAL_TEXTS

    said = {
        name
        for talk in ({}, {"stage": "opening"}, {"stage": "urgent", "told": ["urgent_check"]})
        for words in ("1", "2", "3", "9", "5", "x y z")
        for danger in ("", "maybe", "now")
        for static in [Newcomer(**talk).say(words, danger)]
        if not static.good_time
        for name in names(static)
    }
    assert said == set(NEUTRAL_TEXTS)


def test_an_unknown_stage_is_the_opening_too() -> None:
    assert names(answer("1", begun=False)) == ["opening"]


def test_danger_before_the_good_time_is_the_bare_number_and_the_opening() -> None:
    static = answer("…", good_time=False, danger="now", begun=False)
    assert names(static) == ["danger_bare", "opening"] and static.band == "RED"
    assert names(answer_without_engine(INSTRUMENTS, static.state, "1", good_time=False, danger="")) == ["degraded_open"]


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


def test_uncertain_danger_is_asked_about_once() -> None:
    static = answer("…", danger="maybe")
    assert names(static) == ["danger_check"] and not static.band
    assert static.state["slots"]["talk"]["pending"] == ["choice", "danger_check"] and static.state["loop"] == "asking"
    assert names(answer("…", danger="maybe", told=["danger_check"])) == ["degraded_open"]
    assert names(answer("…", danger="maybe", told=["RED"])) == ["degraded_open"]


def test_danger_in_this_minute_rings_and_who_does_not_know_never_counts_as_safe() -> None:
    waits: dict[str, Any] = {"pending": ["choice", "danger_check"], "told": ["danger_check"]}
    yes = answer("1", **waits)
    assert names(yes) == ["danger_emergency"] and yes.band == "RED"
    for words in ("3", "مش عارفة"):
        unsure = answer(words, **waits)
        assert names(unsure) == ["high_offer"] and (unsure.band, unsure.reasons) == ("HIGH", ("refused",))
        assert answer_without_engine(INSTRUMENTS, unsure.state, "1", good_time=True, danger="").wish
    assert names(answer("مرحبا", **waits)) == ["degraded_open"]


def test_no_danger_now_leads_back_to_the_questions_where_they_were_agreed_to() -> None:
    waits: dict[str, Any] = {"pending": ["choice", "danger_check"], "told": ["danger_check"]}
    (question,) = answer("2", **waits).replies
    assert question.values["item"] == "N1"
    early = answer("2", **waits, stage="phone")
    assert names(early) == ["degraded_open"] and early.state["loop"] is None


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
            "ticket_waiting", "degraded_open", "question", "not_now", "urgent_check", "danger_check", "high_offer"}
    assert said <= set(shipped_release().texts)


@pytest.mark.parametrize("variant", ["lev", "gulf", "msa", "en"])
def test_the_menu_tells_the_emergency_number_in_two_parts_at_most(variant: str) -> None:
    # safety.md: "with the country's emergency number once it is a good time"
    assert "911" in words_of("degraded_open", variant)
    assert "999" in words_of("degraded_open", variant, country="AE")
    without = words_of("degraded_open", variant, country="AE", channel="sms")
    assert "999" not in without and ("الطوارئ" in without or "emergency" in without)
    for country in ("JO", "QA", "BH", "AE", "XX"):
        assert count_segments(words_of("degraded_open", variant, country=country, channel="sms")).parts <= 2
