"""The conversations of ``scripts/tests/`` against the real engine: what is expected of each step, and where it leads."""

from __future__ import annotations

import pytest

from api.scripts.conversations import Conversation, Step, read_conversations
from api.scripts.segments import count_segments
from tests.journeys.stack import ROOT, Counsellor, Phone, Stack
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

CONVERSATIONS, PROBLEMS = read_conversations(ROOT / "scripts")


@pytest.fixture(scope="module")
def counsellor(stack: Stack) -> Counsellor:
    return Counsellor(stack)


def test_there_are_a_dozen_and_nothing_is_wrong_with_them() -> None:
    assert [str(problem) for problem in PROBLEMS] == []
    assert len([one for one in CONVERSATIONS if one.practice]) >= 12


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[one.name for one in CONVERSATIONS])
def test_a_conversation(stack: Stack, counsellor: Counsellor, conversation: Conversation) -> None:
    phone = Phone(stack, conversation.country, conversation.channel)
    before = {card["id"] for card in counsellor.queue()}
    for number, step in enumerate(conversation.steps, 1):
        _take(step, f"step {number}: {step.line.write}", phone, counsellor, conversation, before)


def _take(
    step: Step, place: str, phone: Phone, counsellor: Counsellor, conversation: Conversation, before: set[str]
) -> None:
    country, channel = conversation.country, conversation.channel
    for words in step.line.write or ("",):
        assert phone.write(words, voice=step.line.voice) == 200
    body = "\n".join(phone.heard(0.7 if step.silence else 6.0))
    assert bool(body) is not step.silence, f"{place}: {'silence' if step.silence else 'an answer'} was expected, got {body!r}"
    for name in step.said:
        assert says(body, name, country, channel), f"{place}: {name} was expected, got {body!r}"
    for name in step.not_said:
        assert not says(body, name, country, channel), f"{place}: {name} must not be said, got {body!r}"
    for words in step.words:
        assert words in body, f"{place}: {words!r} was expected, got {body!r}"
    for words in step.never:
        assert words not in body, f"{place}: {words!r} must not be said, got {body!r}"
    if step.segments is not None:
        assert count_segments(body).parts <= step.segments, f"{place}: takes {count_segments(body).parts} parts"
    assert not step.command, f"{place}: command is not looked at yet; a test must not seem to"
    if step.band is not None:
        new = [card["band"] for card in counsellor.queue() if card["id"] not in before]
        assert new == ([step.band] if step.band else []), f"{place}: the queue has {new}, got {body!r}"
