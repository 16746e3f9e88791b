"""Many messages of one person at once, one message many times, two gateways, and a gateway that dies in a turn."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.journeys.door import Door, Params, Watched, new_number, watched
from tests.journeys.stack import ROOT, Phone
from tests.journeys.test_bad_input import DANGER, phone_of, whatsapp
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

TO_A_QUESTION = ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("bursts")) as running:
        yield running


@pytest.fixture
def door(line: Watched) -> Door:
    return line.door


@pytest.fixture
def second(line: Watched) -> Iterator[Door]:
    """A second gateway on the same Redis, database, engine and provider."""
    with httpx.Client() as http:
        port = _free_port()
        environ = {
            **line.stack.environ(), "HAMS_PORT": str(port), "HAMS_PUBLIC_URL": line.door.public,
            "HAMS_REDIS_URL": line.redis_url, "HAMS_TWILIO_API_URL": line.stack.standin,
        }
        command = [sys.executable, "-m", "uvicorn", "api.app:create", "--factory", "--port", str(port), "--no-access-log",
                   "--log-level", "warning"]  # fmt: skip
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
        try:
            base = f"http://127.0.0.1:{port}"
            _until(lambda: http.get(f"{base}/readyz").status_code == 200, 60)
            yield replace(line.door, base=base)
        finally:
            process.terminate()
            process.wait(20)


def at_the_consent(line: Watched) -> Phone:
    """Somebody who is at the menu."""
    phone = Phone(line.stack)
    for words in TO_A_QUESTION[:4]:
        assert phone.say(words)
    return phone


def burst(phone: Phone, doors: list[Door], said: list[str], gap_s: float = 0.05) -> list[int]:
    """Write these, so far apart, by turns through these doors; the webhooks' answers."""
    sender = f"whatsapp:{phone.number}"
    with ThreadPoolExecutor(len(said)) as pool:
        answers = []
        for number, words in enumerate(said):
            door = doors[number % len(doors)]
            answers.append(pool.submit(door.post, door.form(words, sender)))
            time.sleep(gap_s)
        return [answer.result().status_code for answer in answers]


def everything(phone: Phone, quiet_s: float = 0.7) -> list[str]:
    """What comes until nothing more does."""
    found: list[str] = []
    while more := phone.heard(wait=quiet_s):
        found += more
    return found


# one burst in which every answer tells which message it is the answer to
BURST = {"2": "ask_shelter", "3": "ask_legal", "7": "ask_delete_traces", "8": "ask_hotline"}


def answers_alone(line: Watched, said: list[str]) -> list[str]:
    """What the same person is told when each message waits for the last one's answer."""
    phone = at_the_consent(line)
    return [phone.say(words) for words in said]


def test_four_messages_50_ms_apart_are_answered_in_the_order_of_arrival_each_once(line: Watched, door: Door) -> None:
    alone = answers_alone(line, list(BURST))
    assert len(set(alone)) == 4
    for _ in range(3):
        phone = at_the_consent(line)
        assert burst(phone, [door], list(BURST)) == [200] * 4
        assert everything(phone) == alone


def test_a_burst_split_over_two_gateways_keeps_its_order_and_nothing_is_said_twice(
    line: Watched, door: Door, second: Door
) -> None:
    alone = answers_alone(line, list(BURST))
    for _ in range(4):
        phone = at_the_consent(line)
        assert burst(phone, [door, second], list(BURST)) == [200] * 4
        assert everything(phone) == alone


def test_one_message_at_both_gateways_at_the_same_instant_is_answered_once(line: Watched, door: Door, second: Door) -> None:
    for _ in range(5):
        sender = whatsapp()
        form, phone = door.form(DANGER, sender), phone_of(line, sender)
        traces = line.left_by(lambda form=form: at_once([door, second] * 3, form))
        assert len(everything(phone, 0.4)) == 1
        assert len([row for row in traces.rows if row[0] == "tickets"]) == 1


def test_an_exit_at_one_gateway_silences_the_burst_at_the_other(line: Watched, door: Door, second: Door) -> None:
    phone = at_the_consent(line)
    sender = f"whatsapp:{phone.number}"
    for _ in range(2):
        threading.Thread(target=burst, args=(phone, [door], list(BURST), 0.0)).start()
    second.post(second.form("0", sender)).raise_for_status()
    left = time.monotonic()
    phone.catch_up()  # what was on the wire before the wipe cannot be called back
    time.sleep(0.2)
    phone.catch_up()
    assert everything(phone, 1.0) == []
    assert time.monotonic() - left < 10
    assert not [key for key in line.look().keys if key.endswith((":wa:s", ":wa:k")) and _is_of(line, key, phone)]


def test_danger_in_the_middle_of_a_burst_opens_one_ticket_and_the_number_is_said(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    traces = line.left_by(lambda: burst(phone, [door], ["2", DANGER, "3", DANGER]))
    assert len([row for row in traces.rows if row[0] == "tickets"]) == 1
    said = everything(phone)
    assert len(said) == 4 and "911" in said[1] and "911" in said[3]


def test_a_burst_of_thirty_people_is_answered_each_once(line: Watched, door: Door) -> None:
    phones = [Phone(line.stack, number=new_number()) for _ in range(30)]
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(lambda phone: door.post(door.form("مرحبا", f"whatsapp:{phone.number}")), phones))
    for phone in phones:
        (said,) = phone.heard()
        assert says(said, "opening")


def test_what_a_throttling_provider_refuses_is_said_again_and_once(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    fault(line, on="create", times=1, status=429, code=20429)
    door.post(door.form("2", f"whatsapp:{phone.number}")).raise_for_status()
    assert len(everything(phone)) == 1
    assert owed(line) == []


def test_what_a_broken_provider_may_have_lost_stays_owed_until_something_is_said(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    sender = f"whatsapp:{phone.number}"
    fault(line, on="create", times=1, status=500, code=20500)
    door.post(door.form("2", sender)).raise_for_status()
    assert phone.heard(wait=0.5) == []
    assert len(owed(line)) == 1, "please write again follows half a minute later"
    time.sleep(1.1)
    door.post(door.form("3", sender)).raise_for_status()
    assert len(everything(phone)) == 1
    assert owed(line) == [], "what was answered since need not be asked for"


# -- kill -9 of the gateway in the middle of a turn ----------------------------------------------------------------


def test_a_turn_cut_off_before_its_answer_is_owed_and_said_after_the_restart(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    form = door.form("بدي مكان آمن", f"whatsapp:{phone.number}")
    with stopped_engine(line):
        dying = threading.Thread(target=quietly, args=(door, form))
        dying.start()
        _until(lambda: len(owed(line)) == 1, 10)
        line.stack.kill("uvicorn")
    dying.join(20)
    line.stack.wait_ready()
    assert phone.heard(wait=0) == []
    door.post(form).raise_for_status()
    assert phone.heard(wait=1.0) == [], "within its lease a second copy may be another gateway's business"
    (said,) = phone.heard(wait=29) or phone.heard(wait=29)
    assert says(said, "write_again")
    _until(lambda: owed(line) == [], 5)
    assert everything(phone, 3.0) == [], "it is said once"


def test_a_turn_cut_off_after_its_ticket_repeats_no_command_when_it_comes_again(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    form = door.form(DANGER, f"whatsapp:{phone.number}")
    before = line.look()
    fault(line, on="create", times=1, status=200, code=0, delay_s=3.0)
    dying = threading.Thread(target=quietly, args=(door, form))
    dying.start()
    _until(lambda: len(new_rows(line, before.rows, "tickets")) == 1, 10)
    time.sleep(0.2)
    line.stack.kill("uvicorn")
    dying.join(20)
    line.stack.wait_ready()
    (ticket,), commands = new_rows(line, before.rows, "tickets"), new_rows(line, before.rows, "commands")
    for key in line.redis.keys("*:m:*"):  # the lease of the dead lapses; here without waiting half a minute for it
        if line.redis.get(key) == b"p":
            line.redis.delete(key)
    time.sleep(10.5)  # and so does its turn
    door.post(form).raise_for_status()
    assert [row[1] for row in new_rows(line, before.rows, "tickets")] == [ticket[1]]
    assert {row[1] for row in new_rows(line, before.rows, "commands")} >= {row[1] for row in commands}
    assert len(new_rows(line, before.rows, "commands")) == len(commands), "no command twice"
    said = everything(phone, 3.5)
    assert 1 <= len(said) <= 2 and all("911" in body for body in said), "twice only after a crash"


def test_an_exit_after_the_crash_takes_back_what_is_owed(line: Watched, door: Door) -> None:
    phone = at_the_consent(line)
    sender = f"whatsapp:{phone.number}"
    with stopped_engine(line):
        dying = threading.Thread(target=quietly, args=(door, door.form("بدي مكان آمن", sender)))
        dying.start()
        _until(lambda: len(owed(line)) == 1, 10)
        line.stack.kill("uvicorn")
    dying.join(20)
    line.stack.wait_ready()
    door.post(door.form("خروج", sender)).raise_for_status()
    assert owed(line) == []
    assert everything(phone, 1.0) == []


# -- small steps ---------------------------------------------------------------------------------------------------


def at_once(doors: list[Door], form: Params) -> None:
    with ThreadPoolExecutor(len(doors)) as pool:
        for answer in list(pool.map(lambda door: door.post(form), doors)):
            assert answer.status_code == 200


def fault(line: Watched, **wish: Any) -> None:
    httpx.post(f"{line.stack.standin}/standin/faults", json=wish).raise_for_status()


def owed(line: Watched) -> list[tuple[Any, ...]]:
    return [row for row in line.look().rows if row[0] == "owed_answers"]


def new_rows(line: Watched, before: frozenset[tuple[Any, ...]], table: str) -> list[tuple[Any, ...]]:
    known = {row[1] for row in before if row[0] == table}
    return [row for row in line.look().rows if row[0] == table and row[1] not in known]


@contextlib.contextmanager
def stopped_engine(line: Watched) -> Iterator[None]:
    """An engine that takes a turn and does not answer."""
    engine = line.stack.part("-m bot")
    engine.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        engine.send_signal(signal.SIGCONT)


def quietly(door: Door, form: Params) -> None:
    with contextlib.suppress(httpx.HTTPError):
        door.post(form)


def _is_of(line: Watched, key: str, phone: Phone) -> bool:
    from api.conversations.identity import person_of
    from api.conversations.sealing import Keyring

    secret = (line.stack.var / "keys" / "secret").read_text().strip()
    return person_of(Keyring([bytes.fromhex(secret)]), phone.number) in key


def _until(true: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError, OSError):
            if true():
                return
        time.sleep(0.02)
    raise TimeoutError(f"not within {seconds:g} s (process {os.getpid()})")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
