"""safety.md, "The first words": until the person says it is a good time, nothing names the subject."""

from __future__ import annotations

import pytest

from actions.opening import open_the_talk
from actions.talk import Talk
from tests.actions.conftest import said


@pytest.mark.parametrize("intent", ["greet", "disclose_physical", "ask_privacy", "request_human", "", "exit_now"])
def test_the_first_words_are_the_same_whatever_was_written(make_turn, intent):
    turn = make_turn(Talk(), intent=intent)
    assert open_the_talk(turn) is False
    assert said(turn) == ["opening"]


def test_a_yes_to_the_very_first_message_is_not_yet_a_good_time(make_turn):
    turn = make_turn(Talk(), reply="yes")
    assert open_the_talk(turn) is False
    assert said(turn) == ["opening"]


def test_only_a_yes_after_the_opening_goes_on_to_the_phone_question(make_turn):
    turn = make_turn(Talk(stage="opening"), reply="yes")
    assert open_the_talk(turn) is True
    assert turn.talk.pending == ["choice", "phone"]


def test_a_no_is_met_with_a_neutral_word_and_a_new_opening_next_time(make_turn):
    turn = make_turn(Talk(stage="opening"), reply="no")
    open_the_talk(turn)
    assert said(turn) == ["not_now"]
    later = make_turn(turn.talk, reply="yes")
    open_the_talk(later)
    assert said(later) == ["opening"]


def test_danger_gets_the_bare_number_at_once_and_a_red_ticket_before_it(make_turn):
    turn = make_turn(Talk(), alarm="now", intent="disclose_threat", flags=["weapon"])
    open_the_talk(turn)
    assert said(turn) == ["danger_bare", "opening"]
    assert [(c["kind"], c["band"]) for c in turn.commands] == [("open_handoff", "RED")]
    assert "weapon" in turn.commands[0]["reasons"]


def test_uncertain_danger_asks_a_neutral_question_and_a_yes_brings_the_number(make_turn):
    asks = make_turn(Talk(), alarm="maybe")
    open_the_talk(asks)
    assert said(asks) == ["urgent_check"]
    answers = make_turn(asks.talk, reply="yes")
    open_the_talk(answers)
    assert said(answers) == ["danger_bare", "opening"]
    assert answers.commands[0]["band"] == "RED"


def test_a_farewell_is_asked_at_once_whether_something_is_urgent(make_turn):
    asks = make_turn(Talk(), intent="disclose_self_harm", flags=["self_harm"])
    open_the_talk(asks)
    assert said(asks) == ["urgent_check"] and asks.commands == []
    answers = make_turn(asks.talk, reply="yes")
    open_the_talk(answers)
    assert said(answers) == ["danger_bare", "opening"] and answers.commands[0]["band"] == "RED"


def test_a_farewell_that_is_denied_is_asked_once_and_leaves_the_other_question_open(make_turn):
    asks = make_turn(Talk(), intent="disclose_self_harm", flags=["self_harm"])
    open_the_talk(asks)
    denies = make_turn(asks.talk, reply="no")
    open_the_talk(denies)
    assert said(denies) == ["opening"] and denies.commands == []
    again = make_turn(denies.talk, intent="disclose_self_harm", flags=["self_harm"])
    open_the_talk(again)
    assert said(again) == ["opening"]
    danger = make_turn(again.talk, alarm="maybe")
    open_the_talk(danger)
    assert said(danger) == ["urgent_check"]


@pytest.mark.parametrize("understood", [
    {"intent": "disclose_self_harm", "flags": ["self_harm"]}, {"alarm": "maybe", "intent": "disclose_physical"},
])
def test_a_farewell_or_danger_instead_of_an_answer_is_no_no(make_turn, understood):
    talk = Talk(stage="urgent", told=["urgent_check", "farewell"])
    turn = make_turn(talk, **understood)
    open_the_talk(turn)
    assert said(turn) == ["danger_bare", "opening"] and turn.commands[0]["band"] == "HIGH"


def test_who_asks_for_a_person_instead_of_answering_gets_one(make_turn):
    asks = make_turn(Talk(), intent="disclose_self_harm", flags=["self_harm"])
    open_the_talk(asks)
    wishes = make_turn(asks.talk, intent="request_human")
    open_the_talk(wishes)
    assert wishes.commands[0]["wish"] is True and said(wishes) == ["opening"]


@pytest.mark.parametrize("understood", [{"confidence": 0.2}, {"flags": []}, {"intent": "disclose_physical"}])
def test_what_is_no_sure_farewell_meets_the_opening(make_turn, understood):
    turn = make_turn(Talk(), **{"intent": "disclose_self_harm", "flags": ["self_harm"], **understood})
    open_the_talk(turn)
    assert said(turn) == ["opening"]


def test_a_good_time_said_with_a_farewell_begins_the_questions(make_turn):
    turn = make_turn(Talk(stage="opening"), intent="disclose_self_harm", flags=["self_harm"], reply="yes")
    assert open_the_talk(turn) and "urgent_check" not in said(turn)


@pytest.mark.parametrize("reply", ["unsure", "skip"])
def test_not_knowing_never_counts_as_no(make_turn, reply):
    turn = make_turn(Talk(stage="urgent", told=["urgent_check"]), reply=reply)
    open_the_talk(turn)
    assert turn.commands[0]["band"] == "HIGH"
    assert said(turn)[0] == "danger_bare"


def test_a_wish_for_a_person_is_a_ticket_even_before_the_good_time(make_turn):
    turn = make_turn(Talk(), intent="request_human")
    open_the_talk(turn)
    assert turn.commands[0]["wish"] is True
    assert said(turn) == ["opening"]


def test_what_was_disclosed_before_the_good_time_is_remembered_as_codes(make_turn):
    turn = make_turn(Talk(), intent="disclose_child_harm", flags=["child_at_risk", "minor_speaking"])
    open_the_talk(turn)
    assert turn.talk.said == ["disclose_child_harm"]
    assert turn.talk.minor is True


def test_a_safe_word_brings_back_what_was_agreed_without_the_opening(make_turn):
    turn = make_turn(Talk(), facts={"turn": "t", "safe_word": True})
    assert open_the_talk(turn) is True
    assert said(turn) == ["safe_word_back"]
    assert turn.talk.stage == "open"


def test_a_yes_with_a_disclosure_behind_it_is_a_yes_and_what_was_told_is_remembered(make_turn):
    turn = make_turn(Talk(stage="opening"), reply="yes", intent="disclose_physical")
    assert open_the_talk(turn) is True
    assert turn.talk.said == ["disclose_physical"]


def test_a_plain_yes_is_no_disclosure(make_turn):
    turn = make_turn(Talk(stage="opening"), reply="yes", intent="affirm", flags=["weapon"])
    open_the_talk(turn)
    assert (turn.talk.said, turn.talk.flags) == ([], [])


@pytest.mark.parametrize("stage", ["opening", "urgent"])
def test_a_wrong_number_gets_neutral_words_and_a_new_opening_next_time(make_turn, stage):
    turn = make_turn(Talk(stage=stage, said=["disclose_physical"]), intent="wrong_number")
    assert open_the_talk(turn) is False
    assert said(turn) == ["wrong_number"]
    assert turn.talk == Talk()


def test_a_wrong_number_as_the_very_first_message_meets_the_same_opening(make_turn):
    turn = make_turn(Talk(), intent="wrong_number")
    open_the_talk(turn)
    assert said(turn) == ["opening"]
