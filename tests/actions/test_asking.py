"""The generic loop: answers score, bands commit tickets, nothing is asked that must not be."""

from __future__ import annotations

import pytest

from actions.agenda import CHOICES, advance
from actions.asking import EFFECTS, take_answer
from actions.talk import Talk, violence_said
from tests.actions.conftest import said


def open_talk(**rest) -> Talk:
    return Talk(**{"stage": "open", "told": ["phone", "consent"], **rest})


def answer_all(make_turn, instruments, talk, answer_of):
    """Go on answering until nothing waits; returns the turns."""
    turns = []
    for _ in range(40):
        if not talk.pending:
            return turns
        turn = make_turn(talk)
        take_answer(turn, instruments, answer_of(talk.pending))
        turns.append(turn)
        talk = turn.talk
    raise AssertionError("the questions never end")


def test_every_choice_has_an_effect():
    assert set(CHOICES) == set(EFFECTS)


def test_a_disclosure_after_the_consent_starts_with_the_most_urgent_question(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"]))
    advance(turn, instruments)
    assert turn.talk.pending == ["screen", "now", "N1"]


def test_one_yes_to_the_first_set_is_red_at_once_and_committed_before_it_is_told(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], sets=["now", "lethality"], pending=["screen", "now", "N1"]))
    take_answer(turn, instruments, "yes")
    assert turn.commands[-1]["band"] == "RED"
    assert "N1" in turn.commands[-1]["reasons"]
    assert turn.talk.pending == ["choice", "red"]


def test_red_stops_the_questions(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N1"]))
    take_answer(turn, instruments, "yes")
    after = make_turn(turn.talk)
    take_answer(after, instruments, "no")
    assert after.talk.pending == []
    assert said(after) == ["red_declined"]


def test_one_critical_yes_is_high_and_offers_a_person(make_turn, instruments):
    answers = {"now": {"N1": "no", "N2": "no", "N3": "no", "N4": "no"}}
    talk = open_talk(said=["disclose_physical"], sets=["now", "lethality"], answers=answers,
                     pending=["screen", "lethality", "P1"])
    turn = make_turn(talk)
    take_answer(turn, instruments, "yes")
    assert turn.commands[-1]["band"] == "HIGH"
    assert turn.talk.pending == ["choice", "high"]


def test_after_a_declined_offer_only_critical_questions_go_on_and_can_lift_to_red(make_turn, instruments):
    answers = {"now": {"N1": "no", "N2": "no", "N3": "no", "N4": "no"}, "lethality": {"P1": "yes"}}
    talk = open_talk(said=["disclose_physical"], sets=["now", "lethality"], answers=answers, band="HIGH",
                     told=["phone", "consent", "high"], pending=["choice", "high"])
    turn = make_turn(talk)
    take_answer(turn, instruments, "no")
    assert turn.talk.pending[0] == "screen"
    assert turn.talk.pending[2] in {"P2", "P3", "P4"}
    lifted = make_turn(turn.talk)
    take_answer(lifted, instruments, "yes")
    assert lifted.commands[-1]["band"] == "RED"


def test_a_person_is_offered_after_five_questions_at_the_latest(make_turn, instruments):
    talk = open_talk(said=["disclose_physical"], sets=["now", "lethality"], pending=["screen", "now", "N1"])
    asked = 0
    while talk.pending[:1] == ["screen"]:
        turn = make_turn(talk)
        take_answer(turn, instruments, "no")
        talk, asked = turn.talk, asked + 1
    assert talk.pending == ["choice", "person"]
    assert asked == 5


def test_nine_opens_a_ticket_from_any_question_and_the_question_still_waits(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N2"]))
    take_answer(turn, instruments, "d9")
    assert turn.commands[-1]["wish"] is True
    assert said(turn) == ["request_human"]
    assert turn.talk.pending == ["screen", "now", "N2"]


def test_a_digit_of_another_question_gets_the_hint_and_is_not_scored(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N2"]))
    take_answer(turn, instruments, "d6")
    assert said(turn) == ["question_hint"]
    assert turn.talk.answers == {}


def test_an_age_answers_only_with_its_own_digits(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_child_harm"], sets=["child"], pending=["screen", "child", "K1"]))
    take_answer(turn, instruments, "d4")
    assert turn.talk.answers["child"]["K1"] not in ("yes", "no")
    assert turn.talk.minor is True


def test_a_minor_who_discloses_is_at_least_high_in_the_childrens_queue(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], flags=["minor_speaking"], minor=True))
    advance(turn, instruments)
    command = turn.commands[-1]
    assert (command["band"], command["lane"]) == ("HIGH", "children")


def test_skipping_everything_never_says_that_nothing_was_found(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_psychological"]))
    advance(turn, instruments)
    turns = answer_all(make_turn, instruments, turn.talk, lambda pending: "skip" if pending[0] == "screen" else "no")
    names = [name for t in turns for name in said(t)]
    assert "unknown_info" in names
    assert "none_info" not in names


def test_all_no_ends_with_information_and_no_ticket(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_psychological"]))
    advance(turn, instruments)
    turns = answer_all(make_turn, instruments, turn.talk, lambda _: "no")
    assert "none_info" in [name for t in turns for name in said(t)]
    assert [c for t in turns for c in t.commands] == []


def test_information_only_asks_nothing_but_offers_a_person_once(make_turn, instruments):
    turn = make_turn(Talk(stage="info", told=["phone", "consent"], said=["disclose_physical"]))
    advance(turn, instruments)
    assert turn.talk.pending == ["choice", "person"]
    again = make_turn(turn.talk)
    take_answer(again, instruments, "no")
    assert again.talk.pending == []


def test_not_knowing_whether_it_is_dangerous_now_is_high(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_threat"], pending=["choice", "danger_check"]))
    take_answer(turn, instruments, "unsure")
    assert turn.commands[-1]["band"] == "HIGH"


def test_deleting_forgets_everything_but_the_rules_already_said(make_turn, instruments):
    talk = open_talk(said=["disclose_physical"], band="RED", answers={"now": {"N1": "yes"}}, pending=["choice", "delete"])
    turn = make_turn(talk)
    take_answer(turn, instruments, "yes")
    assert [c["kind"] for c in turn.commands] == ["forget"]
    assert turn.talk.said == [] and turn.talk.answers == {} and turn.talk.band == ""


@pytest.mark.parametrize("intent", ["disclose_physical", "disclose_own_violence", "report_for_other"])
def test_joint_counselling_is_closed_once_violence_is_said(intent):
    assert violence_said(open_talk(said=[intent]))
    assert not violence_said(open_talk())


def test_a_turn_that_runs_again_asks_for_the_same_command_ids(make_turn, instruments):
    first = make_turn(open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N1"]))
    again = make_turn(open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N1"]))
    take_answer(first, instruments, "yes")
    take_answer(again, instruments, "yes")
    assert [c["id"] for c in first.commands] == [c["id"] for c in again.commands]
