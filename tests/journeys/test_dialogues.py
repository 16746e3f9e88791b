"""The journeys of ``dialogues.yml``: what is written, what must and must not be said, what reaches the queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.stack import Counsellor, Phone, Stack
from tests.journeys.texts import says

DIALOGUES = yaml.safe_load((Path(__file__).parent / "dialogues.yml").read_text(encoding="utf-8"))

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def counsellor(stack: Stack) -> Counsellor:
    return Counsellor(stack)


@pytest.mark.parametrize("journey", DIALOGUES, ids=[journey["name"] for journey in DIALOGUES])
def test_a_journey(stack: Stack, counsellor: Counsellor, journey: dict[str, Any]) -> None:
    country, channel = journey.get("country", "JO"), journey.get("channel", "whatsapp")
    phone = Phone(stack, country, channel)
    before = {card["id"] for card in counsellor.queue()}
    for number, step in enumerate(journey["steps"], 1):
        place = f"step {number}: {step['write']!r}"
        silent = step.get("silence", False)
        body = phone.say(step["write"], wait=0.7 if silent else 6.0)
        assert bool(body) is not silent, f"{place}: {'silence' if silent else 'an answer'} was expected, got {body!r}"
        for name in step.get("said", ()):
            assert says(body, name, country, channel), f"{place}: {name} was expected, got {body!r}"
        for words in step.get("words", ()):
            assert words in body, f"{place}: {words!r} was expected, got {body!r}"
        for words in step.get("never", ()):
            assert words not in body, f"{place}: {words!r} must not be said, got {body!r}"
        if "band" in step:
            new = [card for card in counsellor.queue() if card["id"] not in before]
            assert [card["band"] for card in new] == ([step["band"]] if step["band"] else []), place
