"""Replies outside the questions: what a bare digit chooses."""

from __future__ import annotations

from actions.replies import ActionMenu
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
