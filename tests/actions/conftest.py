"""Turns without a tracker: the agenda is plain functions over codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rasa_sdk.executor import CollectingDispatcher

from actions.directory import RELEASES
from actions.talk import Talk
from actions.turn import Turn
from safety.screening import Instruments


@pytest.fixture(scope="session")
def instruments() -> Instruments:
    """The screening sets of the working tree."""
    return RELEASES.instruments("")


@pytest.fixture
def make_turn() -> Callable[..., Turn]:
    """A turn in an open talk after the consent, unless said otherwise."""

    def make(talk: Talk | None = None, **understood: object) -> Turn:
        values: dict[str, object] = {
            "intent": "", "confidence": 1.0, "flags": [], "dialect": "levantine", "answer": "", "reply": "other",
            "digit": None, "alarm": "", "facts": {"turn": "t1", "channel": "whatsapp"},
        }
        talk = talk or Talk(stage="open", told=["phone", "consent"])
        return Turn(talk=talk, dispatcher=CollectingDispatcher(), **{**values, **understood})  # type: ignore[arg-type]

    return make


def said(turn: Turn) -> list[str]:
    """The names of what a turn says."""
    assert turn.dispatcher is not None
    return [message["response"].removeprefix("utter_") for message in turn.dispatcher.messages]
