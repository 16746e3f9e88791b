"""The generic loop: answers score, bands commit tickets, nothing is asked that must not be."""

from __future__ import annotations

import pytest

from actions.agenda import CHOICES, advance
from actions.asking import EFFECTS, hear_and_go_on, take_answer
from actions.replies import ActionDisclosure, ActionNotSafe, ActionNotSure
from actions.talk import FIT_OTHERS, Talk, violence_said
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


RED_WAITS = ("danger", "red")


@pytest.mark.parametrize("choice", RED_WAITS)
def test_nine_at_the_red_question_is_its_yes_and_is_not_asked_again(make_turn, instruments, choice):
    talk = open_talk(said=["disclose_physical"], sets=["now"], answers={"now": {"N1": "yes"}}, band="RED",
                     told=["phone", "consent", "RED"], pending=["choice", choice])
    turn = make_turn(talk)
    take_answer(turn, instruments, "d9")
    assert said(turn) == ["request_human"]
    assert turn.talk.pending == []
    assert turn.talk.wish is True


def test_red_after_a_wish_tells_the_number_and_asks_for_no_second_wish(make_turn, instruments):
    turn = make_turn(open_talk(said=["disclose_physical"], sets=["now"], wish=True, pending=["screen", "now", "N1"]))
    take_answer(turn, instruments, "yes")
    assert turn.commands[-1]["band"] == "RED"
    assert said(turn) == ["red_waiting"]
    assert turn.talk.pending == []


def test_red_found_after_danger_and_nine_asks_nothing_again(make_turn, instruments):
    talk = open_talk(said=["disclose_physical"], sets=["now"], wish=True, band="RED", told=["phone", "consent", "RED"],
                     pending=["screen", "now", "N1"])
    turn = make_turn(talk, facts={"turn": "t1", "ticket": "queued"})
    take_answer(turn, instruments, "yes")
    assert said(turn) == ["ticket_waiting"]
    assert turn.talk.pending == []


@pytest.mark.parametrize("choice", RED_WAITS)
@pytest.mark.parametrize("answer", ["unsure", "skip"])
def test_not_knowing_at_the_red_question_is_no_no(make_turn, instruments, choice, answer):
    talk = open_talk(said=["disclose_physical"], band="RED", told=["phone", "consent", "RED"], pending=["choice", choice])
    turn = make_turn(talk)
    take_answer(turn, instruments, answer)
    assert said(turn) == ["ticket_waiting"]


@pytest.mark.parametrize("intent", ["disclose_own_violence", "report_for_other"])
@pytest.mark.parametrize("flags", [[], ["weapon", "injury"], ["child_at_risk"], ["self_harm"]])
def test_who_tells_of_harm_to_others_is_asked_what_fits_and_offered_a_person(make_turn, instruments, intent, flags):
    turn = make_turn(open_talk(), intent=intent, flags=flags)
    ActionDisclosure().reply(turn)
    assert said(turn) == [f"ack_{intent}"]
    assert turn.talk.pending == ["choice", "danger_check"]
    talk, asked = turn.talk, []
    for _ in range(20):
        if talk.pending == ["choice", "person"] or not talk.pending:
            break
        asked.append(talk.pending)
        answering = make_turn(talk)
        take_answer(answering, instruments, "d6" if talk.pending[-1] == "K1" else "no")
        talk = answering.talk
    assert talk.pending == ["choice", "person"]
    assert {item for kind, *_, item in asked if kind == "screen"} <= FIT_OTHERS
    assert ["screen", "now", "N4"] in asked


@pytest.mark.parametrize("intent", ["disclose_own_violence", "report_for_other"])
def test_danger_to_somebody_else_this_minute_is_red(make_turn, instruments, intent):
    turn = make_turn(open_talk(said=[intent], told=["phone", "consent", "danger_check"], pending=["choice", "danger_check"]))
    take_answer(turn, instruments, "yes")
    assert turn.commands[-1]["band"] == "RED"
    assert turn.talk.pending == ["choice", "danger"]


def test_who_hurts_others_is_not_told_that_it_is_not_their_fault(make_turn):
    turn = make_turn(open_talk(pending=["choice", "person"]), intent="disclose_own_violence")
    ActionDisclosure().reply(turn)
    assert said(turn) == ["ack_heard_own"]


def test_a_witness_who_is_harmed_too_is_asked_everything(make_turn, instruments):
    turn = make_turn(open_talk(said=["report_for_other", "disclose_physical"]))
    advance(turn, instruments)
    assert turn.talk.pending == ["screen", "now", "N1"]


@pytest.mark.parametrize("intent", ["disclose_own_violence", "disclose_child_harm", "disclose_forced_marriage"])
def test_a_disclosure_the_model_is_not_sure_of_is_heard_and_not_named(make_turn, instruments, intent):
    turn = make_turn(open_talk(), intent=intent, confidence=0.35)
    ActionDisclosure().reply(turn)
    assert said(turn) == ["ack_heard"]
    assert (turn.talk.said, turn.talk.sets) == ([], ["now", "lethality"])
    assert turn.talk.pending == ["screen", "now", "N1"]
    assert violence_said(turn.talk)
    answered = make_turn(turn.talk)
    take_answer(answered, instruments, "yes")
    assert intent not in answered.commands[-1]["reasons"]


def test_a_young_persons_first_disclosure_is_believed_and_told_of_people_for_their_age(make_turn):
    turn = make_turn(open_talk(), intent="disclose_physical", flags=["minor_speaking"])
    ActionDisclosure().reply(turn)
    assert said(turn) == ["ack_minor", "children_queue"]
    assert turn.talk.pending == ["choice", "high"]


def test_a_young_person_in_danger_sees_the_number_first_and_then_hears_of_people_for_their_age(make_turn, instruments):
    talk = open_talk(said=["disclose_physical"], flags=["minor_speaking"], minor=True, sets=["now"],
                     told=["phone", "consent", "high", "children_queue"], band="HIGH", pending=["screen", "now", "N1"])
    talk.told.remove("children_queue")
    turn = make_turn(talk)
    take_answer(turn, instruments, "yes")
    assert said(turn) == []
    assert turn.talk.pending == ["choice", "red"]
    after = make_turn(turn.talk)
    take_answer(after, instruments, "yes")
    assert said(after) == ["request_human", "children_queue"]


@pytest.mark.parametrize(("item", "band"), [("S1", "HIGH"), ("S2", "RED")])
def test_a_wish_to_die_is_met_with_care_beside_the_ticket(make_turn, instruments, item, band):
    turn = make_turn(open_talk(said=["disclose_self_harm"], sets=["self_harm"], pending=["screen", "self_harm", item]))
    take_answer(turn, instruments, "yes")
    assert turn.commands[-1]["band"] == band
    names = said(turn)
    if band == "RED":
        after = make_turn(turn.talk)
        take_answer(after, instruments, "no")
        names += said(after)
    assert names.count("self_harm_care") == 1


NOT_WHAT_WE_DO = "out_of_scope"
TROUBLED = {
    "a question": open_talk(said=["disclose_physical"], sets=["now"], pending=["screen", "now", "N1"]),
    "after red": open_talk(said=["disclose_physical"], sets=["now"], band="RED", told=["phone", "consent", "RED", "red_answered"]),
    "told": open_talk(said=["disclose_physical"]), "harm of some kind": open_talk(harmed=True), "a wish": open_talk(wish=True),
    "a choice": open_talk(pending=["choice", "red"]),
}


@pytest.mark.parametrize("state", TROUBLED)
def test_nobody_in_trouble_is_told_that_this_is_not_what_we_do(make_turn, state):
    turn = make_turn(Talk.of(TROUBLED[state].as_slot()), intent=NOT_WHAT_WE_DO)
    ActionNotSure().reply(turn)
    assert said(turn) and NOT_WHAT_WE_DO not in said(turn)


def test_after_red_the_number_is_told_again_and_how_the_request_stands(make_turn):
    turn = make_turn(Talk.of(TROUBLED["after red"].as_slot()), intent=NOT_WHAT_WE_DO, facts={"turn": "t1", "ticket": "queued"})
    ActionNotSure().reply(turn)
    assert said(turn) == ["danger_bare", "ticket_waiting"]


@pytest.mark.parametrize(("confidence", "name"), [(0.9, "out_of_scope"), (0.5, "not_sure")])
def test_only_what_is_surely_something_else_is_called_so(make_turn, confidence, name):
    turn = make_turn(open_talk(), intent=NOT_WHAT_WE_DO, confidence=confidence)
    ActionNotSure().reply(turn)
    assert said(turn) == [name]


def test_a_wrong_number_ends_the_talk_with_neutral_words_and_nothing_more(make_turn):
    talk = Talk(stage="consent", told=["phone"], said=["disclose_physical"], pending=["choice", "consent"])
    turn = make_turn(talk, intent="wrong_number", facts={"turn": "t1", "ticket": "queued"})
    events = ActionNotSafe().reply(turn)
    assert said(turn) == ["wrong_number"]
    assert turn.talk == Talk()
    assert [command["kind"] for command in turn.commands] == ["not_now"]
    assert {"event": "active_loop", "name": "opening", "timestamp": None} in events


def test_a_talk_is_not_forgotten_for_what_may_be_a_wrong_number(make_turn):
    turn = make_turn(open_talk(said=["disclose_physical"], pending=["screen", "now", "N1"]), intent="wrong_number", confidence=0.3)
    ActionNotSafe().reply(turn)
    assert said(turn) == ["question_hint"]
    assert turn.talk.said == ["disclose_physical"]


def test_what_was_told_before_the_rules_without_a_name_is_heard_after_them(make_turn, instruments):
    turn = make_turn(open_talk(harmed=True))
    hear_and_go_on(turn, "", instruments)
    assert said(turn) == ["ack_heard"]
    assert turn.talk.pending == ["screen", "now", "N1"]
