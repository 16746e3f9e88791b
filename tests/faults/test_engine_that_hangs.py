"""An engine that neither answers nor dies (SIGSTOP): worse than a dead one, for every turn waits for it.

twilio.md: a webhook that is not answered in time is written into the provider's alerts, its body included, and alerts
cannot be deleted. So the door answers within ten seconds whatever happens behind it; the person is answered as well.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import psutil
import pytest

from tests.journeys.stack import Counsellor, Phone, Stack, start
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

DOOR_S = 10.0
PROVIDER_S = 15.0
"""How long the provider waits for a webhook; safety.md: every genuine message is answered within the provider's time."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("hanging") / "var") as running:
        yield running


@pytest.fixture
def hanging(stack: Stack) -> Iterator[Hanging]:
    """Stops the engine when told; the test's end lets it go on."""
    engine = stack.part("-m bot")
    yield Hanging(engine)
    with contextlib.suppress(psutil.NoSuchProcess):  # the supervisor may have ended it by now
        engine.send_signal(signal.SIGCONT)
    stack.wait_ready()


@dataclass(frozen=True)
class Hanging:
    engine: psutil.Process

    def begin(self) -> None:
        self.engine.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 5
        while self.engine.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < until, "the engine does not stop"
            time.sleep(0.01)


@dataclass(frozen=True)
class Answered:
    """One message: the webhook's status and how long it took, what came and when."""

    status: int
    door_s: float
    body: str
    reply_s: float


def write(phone: Phone, words: str) -> Answered:
    began = time.monotonic()
    status = phone.write(words)
    door_s = time.monotonic() - began
    body = "\n".join(phone.heard(wait=25))
    return Answered(status, door_s, body, time.monotonic() - began)


def to_a_question(stack: Stack) -> Phone:
    phone = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم"):
        assert phone.say(words)
    return phone


def alerts(stack: Stack) -> int:
    return len(httpx.get(f"{stack.standin}/standin/alerts").json())


def test_the_door_answers_in_time_and_the_person_gets_the_static_answer(stack: Stack, hanging: Hanging) -> None:
    stranger, talking = Phone(stack), to_a_question(stack)
    hanging.begin()
    first = write(stranger, "مرحبا")
    middle = write(talking, "طيب شو بعمل هلق يا جماعة")
    for answered in (first, middle):
        assert answered.status == 200
        assert answered.door_s < DOOR_S
        assert answered.reply_s < PROVIDER_S
    assert says(first.body, "opening")
    assert says(middle.body, "degraded_open")
    assert alerts(stack) == 0, "the provider keeps what it could not hand over, words included"


def test_a_digit_is_still_scored_and_danger_and_exit_wait_for_no_engine(stack: Stack, hanging: Hanging) -> None:
    phone, leaving, counsellor = to_a_question(stack), to_a_question(stack), Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    hanging.begin()
    scored = write(phone, "1")
    assert scored.door_s < DOOR_S
    assert says(scored.body, "red_emergency")
    assert [card["band"] for card in counsellor.queue() if card["id"] not in known] == ["RED"]
    assert "911" in write(Phone(stack), "الحقوني ماسك السكين وبيذبحني هلأ").body
    began = time.monotonic()
    assert leaving.write("خروج") == 200
    assert time.monotonic() - began < 2.0, "an exit waits for nobody"
    assert leaving.heard(wait=0.5) == []


def test_a_dozen_people_at_once_are_all_answered_in_the_providers_time(stack: Stack, hanging: Hanging) -> None:
    phones = [Phone(stack) for _ in range(12)]
    for phone in phones:
        assert phone.say("مرحبا")
    hanging.begin()
    with ThreadPoolExecutor(len(phones)) as pool:
        answered = list(pool.map(lambda phone: write(phone, "مرحبا"), phones))
    assert {one.status for one in answered} == {200}
    assert max(one.door_s for one in answered) < DOOR_S
    assert all(says(one.body, "opening") for one in answered)
    assert alerts(stack) == 0
    assert max(one.reply_s for one in answered) < PROVIDER_S, "whoever comes later waits for each turn before theirs"


def test_when_it_goes_on_the_talk_does_too_and_nothing_is_said_twice(stack: Stack, hanging: Hanging) -> None:
    phone = to_a_question(stack)
    hanging.begin()
    assert says(write(phone, "طيب شو بعمل هلق يا جماعة").body, "degraded_open")
    hanging.engine.send_signal(signal.SIGCONT)
    stack.wait_ready()
    assert phone.heard(wait=1.0) == [], "the engine's late answer is nobody's any more"
    assert says(phone.say("2"), "question:N2")
