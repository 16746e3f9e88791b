"""kill -9 on each part in the middle of a talk (issue: "survives being killed at any moment")."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.journeys.stack import Counsellor, Phone, Stack, start
from tests.journeys.texts import says

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("faults") / "var") as running:
        yield running


def to_a_question(stack: Stack) -> Phone:
    phone = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم"):
        assert phone.say(words)
    return phone


def test_without_the_engine_an_answer_to_a_question_is_scored_and_committed(stack: Stack) -> None:
    phone, counsellor = to_a_question(stack), Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    stack.kill("-m bot")
    body = phone.say("1")
    assert says(body, "red_emergency")
    new = [card for card in counsellor.queue() if card["id"] not in known]
    assert [card["band"] for card in new] == ["RED"]
    stack.wait_ready()


def test_without_the_engine_there_is_a_menu_a_person_and_an_exit(stack: Stack) -> None:
    phone = to_a_question(stack)
    stack.kill("-m bot")
    assert says(phone.say("طيب شو بعمل هلق يا جماعة"), "degraded_open")
    assert says(phone.say("9"), "request_human")
    assert phone.say("0", wait=0.5) == ""
    stack.wait_ready()


def test_a_stranger_without_the_engine_meets_the_same_opening(stack: Stack) -> None:
    usual = Phone(stack).say("مرحبا")
    stack.kill("-m bot")
    assert Phone(stack).say("مرحبا") == usual
    stack.wait_ready()


def test_while_the_engine_hangs_a_newcomer_gets_to_a_person_and_soon_there_is_another_engine(stack: Stack) -> None:
    counsellor = Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    hangs = stack.part("-m bot")
    hangs.send_signal(signal.SIGSTOP)
    phone = Phone(stack)
    assert says(phone.say("مرحبا", wait=8), "opening")
    body = phone.say("1", wait=8)
    assert says(body, "degraded_open") and "911" in body
    began = time.monotonic()
    assert says(phone.say("9"), "request_human")
    assert time.monotonic() - began < 3, "who writes third does not wait for the engine"
    assert [card["wish"] for card in counsellor.queue() if card["id"] not in known] == [True]
    hangs.wait(40)
    stack.wait_ready()
    assert stack.part("-m bot").pid != hangs.pid
    assert says(phone.say("جوزي بيضربني كل يوم"), "phone_check")


def test_a_talk_goes_on_where_it_was_when_the_engine_is_back(stack: Stack) -> None:
    phone = to_a_question(stack)
    stack.kill("-m bot")
    time.sleep(0.2)
    stack.wait_ready()
    assert says(phone.say("2"), "question:N2")


def test_without_redis_the_static_opening_is_said_danger_gets_the_number_and_an_exit_is_silent(stack: Stack) -> None:
    phone = to_a_question(stack)
    counsellor = Counsellor(stack)
    stack.kill("redis-server")
    assert says(phone.say("2"), "opening")
    assert "911" in Phone(stack).say("الحقوني ماسك السكين وبيذبحني هلأ")
    assert phone.say("0", wait=0.5) == ""
    stack.wait_ready()
    time.sleep(3)
    assert counsellor is not None


def test_a_red_ticket_outlives_redis(stack: Stack) -> None:
    phone = to_a_question(stack)
    phone.say("1")
    stack.kill("redis-server")
    stack.wait_ready()
    counsellor = Counsellor(stack)  # sessions were in Redis: a new sign-in, nothing else is lost
    mine = [card for card in counsellor.queue() if card["band"] == "RED" and card["state"] == "queued"]
    assert mine
    claimed = counsellor.claim(mine[-1]["id"])
    sent = counsellor.write(mine[-1]["id"], "معك شخص الآن", claimed["epoch"])
    assert sent.status_code == 200


def test_a_gateway_killed_in_a_turn_answers_once_more_at_worst_and_never_opens_two_tickets(stack: Stack) -> None:
    phone, counsellor = to_a_question(stack), Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    httpx.post(f"{stack.standin}/standin/pace", json={})
    writer = threading.Thread(target=lambda: _quietly(phone))
    writer.start()
    time.sleep(0.02)
    stack.kill("uvicorn")
    writer.join(30)
    stack.wait_ready()
    heard = phone.heard(wait=3)
    if not heard:  # the stand-in tried twice, as the provider does, and the gateway was down both times
        phone.say("1")
    new = [card for card in Counsellor(stack).queue() if card["id"] not in known and card["band"] == "RED"]
    assert len(new) == 1
    assert len(heard) <= 2


def test_every_part_is_restarted(stack: Stack) -> None:
    for sign in ("-m bot", "uvicorn", "redis-server", "channels.standin"):
        before = stack.part(sign).pid
        stack.kill(sign)
        stack.wait_ready()
        assert stack.part(sign).pid != before


def _quietly(phone: Phone) -> None:
    try:
        phone.write("1")
    except (httpx.HTTPError, AssertionError, KeyError, ValueError):
        return
