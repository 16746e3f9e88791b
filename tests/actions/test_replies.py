"""Replies outside the questions: what a bare digit chooses, what to do in danger."""

from __future__ import annotations

from actions.replies import ActionMenu, ActionSafetyPlan
from actions.talk import Talk
from tests.actions.test_opening import said


def test_a_digit_of_a_menu_nobody_has_seen_shows_the_menu(make_turn):
    turn = make_turn(Talk(stage="open"), digit=3)
    ActionMenu().reply(turn)
    assert said(turn) == ["menu"]


def test_once_the_menu_was_shown_its_digits_choose(make_turn):
    for shown in ("menu", "not_sure"):
        turn = make_turn(Talk(stage="open"), digit=3)
        turn.say(shown)
        ActionMenu().reply(turn)
        assert said(turn) == [shown, "ask_legal"]


def test_what_to_do_in_danger_begins_with_the_number_and_is_short(make_turn):
    talk = Talk(stage="open", told=["RED"])
    turn = make_turn(talk, facts={"turn": "t", "channel": "whatsapp", "ticket": "queued"})
    ActionSafetyPlan().reply(turn)
    assert said(turn) == ["danger_bare", "plan_home", "ticket_waiting"]
    calm = make_turn()
    ActionSafetyPlan().reply(calm)
    assert said(calm)[0] == "ask_safety_plan" and "plan_children" in said(calm)
