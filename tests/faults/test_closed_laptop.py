"""A counsellor's machine that stops without a word: its person waits again in 45 seconds, and is told."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.journeys.stack import Counsellor, Phone, Stack, start
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

CONSOLE = """
import json, sys
from websockets.sync.client import connect
url, cookie, origin, ticket, epoch, key = sys.argv[1:]
with connect(url, additional_headers={"Cookie": cookie}, origin=origin) as socket:
    socket.send(key)
    socket.send(json.dumps({"type": "watch", "handoff": ticket, "epoch": int(epoch)}))
    for frame in socket:
        if json.loads(frame)["type"] == "queue":
            print("open", flush=True)
"""
"""Another process, so that it can be stopped as a lid stops a laptop: its socket stays open and answers no ping."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("laptop") / "var") as running:
        yield running


def cookie_of(counsellor: Counsellor) -> str:
    return "; ".join(f"{name}={value}" for name, value in counsellor.http.cookies.items())


@contextmanager
def laptop(stack: Stack, counsellor: Counsellor, ticket: str, epoch: int) -> Iterator[subprocess.Popen[str]]:
    address = f"ws://127.0.0.1:{stack.port}/api/v1/live"
    process = subprocess.Popen(
        [sys.executable, "-c", CONSOLE, address, cookie_of(counsellor), stack.base, ticket, str(epoch), counsellor.browser.hello()],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
    finally:
        process.kill()
        process.wait()


def card_of(counsellor: Counsellor, ticket: str) -> dict:
    return counsellor.http.get(f"/handoffs/{ticket}").json()


def flagged(stack: Stack, counsellor: Counsellor) -> tuple[Phone, str]:
    known = {card["id"] for card in counsellor.queue()}
    phone = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم"):
        assert phone.say(words)
    assert says(phone.say("1"), "red_emergency")
    return phone, next(card["id"] for card in counsellor.queue() if card["id"] not in known)


def test_a_closed_laptop_gives_the_person_back_and_an_open_one_keeps_hers(stack: Stack) -> None:
    hers, theirs = Counsellor(stack), Counsellor(stack)
    phone, ticket = flagged(stack, hers)
    other, kept = flagged(stack, theirs)
    mine, held = hers.claim(ticket), theirs.claim(kept)
    assert says(phone.heard()[0], "counsellor_joined")
    assert says(other.heard()[0], "counsellor_joined")
    with laptop(stack, theirs, kept, held["epoch"]), laptop(stack, hers, ticket, mine["epoch"]) as lid:
        assert hers.write(ticket, "معك ريم.", mine["epoch"]).json()["state"] == "sent"
        assert phone.heard() == ["معك ريم."]
        lid.send_signal(signal.SIGSTOP)
        closed = time.monotonic()
        assert phone.write("لسا معي؟") == 200
        while card_of(theirs, ticket)["owner"] is not None:
            assert time.monotonic() - closed < 45, "nobody took the person back"
            time.sleep(0.2)
        assert time.monotonic() - closed > 20, "a network that is away for a moment must not cost a talk"
        (away,) = phone.heard()
        assert says(away, "counsellor_away")
        assert next(card["id"] for card in theirs.queue() if card["owner"] is None) == ticket
        assert card_of(theirs, kept)["epoch"] == held["epoch"], "whose console is open keeps her person"

        stale = hers.write(ticket, "بعدك هون؟", mine["epoch"])
        assert stale.status_code == 409 and phone.heard(wait=0.5) == []
        again = theirs.claim(ticket)
        with theirs.console(ticket, again["epoch"]) as console:
            words = console.next("message")
        assert words["text"] == "لسا معي؟", "what she never saw is shown to the next"


def test_twenty_seconds_without_a_network_cost_nobody_their_counsellor(stack: Stack) -> None:
    counsellor = Counsellor(stack)
    phone, ticket = flagged(stack, counsellor)
    mine = counsellor.claim(ticket)
    phone.heard()
    with laptop(stack, counsellor, ticket, mine["epoch"]) as machine:
        machine.send_signal(signal.SIGSTOP)
        time.sleep(20)
        machine.send_signal(signal.SIGCONT)
    with laptop(stack, counsellor, ticket, mine["epoch"]):
        threading.Event().wait(12)
        assert card_of(counsellor, ticket)["owner"] == counsellor.name
        assert phone.heard(wait=0) == []
