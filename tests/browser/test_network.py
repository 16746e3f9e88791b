"""The counsellor's network goes away in the middle of a talk: nothing is lost, doubled or out of order."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_hands import enter
from tests.journeys.stack import Counsellor, Phone, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

OURS, THEIRS = ["انا معك، سامعك", "خذي وقتك", "ما في استعجال"], ["لسا هون؟", "خايفه ارجع", "طيب شكرا"]


class Cable:
    """A way to the gateway that can be cut as networks are: connections stay, and nothing comes through."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self._whole.wait()
        far = socket.create_connection(("127.0.0.1", self._to))
        back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
        back.start()
        self._pass(near, far)
        back.join()
        near.close()
        far.close()

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._whole.wait()
                heard = here.recv(65536)
                self._whole.wait()
                if not heard:
                    break
                there.sendall(heard)
            there.shutdown(socket.SHUT_WR)


@pytest.fixture
def cable(stack: Stack) -> Iterator[Cable]:
    laid = Cable(stack.port)
    yield laid
    laid.close()


class Through:
    """The stack as seen through the cable."""

    def __init__(self, stack: Stack, cable: Cable) -> None:
        self.base = f"http://127.0.0.1:{cable.port}"


@pytest.fixture
def desk(browser: Browser, stack: Stack, cable: Cable) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar")
    page = context.new_page()
    enter(page, Through(stack, cable), "demo")  # type: ignore[arg-type]
    yield page
    context.close()


def in_talk(desk: Page, phone: Phone) -> str:
    """Somebody who asked for a person is claimed and greeted; the ticket's id."""
    before = {card.get_attribute("data-id") for card in desk.locator(".card").all()}
    for words in ("مرحبا", "1", "2", "1", "9"):
        phone.say(words)
    deadline = time.monotonic() + 30
    while not (new := {card.get_attribute("data-id") for card in desk.locator(".card").all()} - before):
        assert time.monotonic() < deadline, "no card"
        desk.wait_for_timeout(200)
    (ticket,) = new
    assert ticket
    desk.locator(f'.card[data-id="{ticket}"] [data-act=claim]:enabled').click()
    write(desk, "معك ريم من الفريق")
    expect(bubbles(desk, "ours.sent")).to_have_count(1, timeout=30_000)
    phone.heard()
    return ticket


def write(desk: Page, words: str) -> None:
    box = desk.locator(".talk:not([hidden]) .write textarea")
    box.fill(words)
    box.press("Enter")


def bubbles(desk: Page, kind: str) -> Any:
    return desk.locator(f".talk:not([hidden]) .words .{kind}")


def numbers(desk: Page, kind: str) -> list[int]:
    return [int(one.get_attribute("data-seq") or 0) for one in bubbles(desk, kind).all()]


def test_twenty_seconds_without_a_network_lose_nothing(stack: Stack, desk: Page, cable: Cable) -> None:
    phone = Phone(stack)
    in_talk(desk, phone)
    cable.cut()
    for words in THEIRS:
        assert phone.write(words) == 200
    for words in OURS:
        write(desk, words)
    desk.wait_for_timeout(20_000)
    assert bubbles(desk, "ours.sent").count() == 1 and bubbles(desk, "theirs").count() == 0
    cable.mend()
    expect(bubbles(desk, "ours.sent")).to_have_count(4, timeout=60_000)
    expect(bubbles(desk, "theirs")).to_have_count(3, timeout=60_000)
    assert [one.locator("p").inner_text() for one in bubbles(desk, "theirs").all()] == THEIRS
    assert numbers(desk, "theirs") == list(range(numbers(desk, "theirs")[0], numbers(desk, "theirs")[0] + 3))
    assert numbers(desk, "ours.sent") == [1, 2, 3, 4]
    heard: list[str] = []
    deadline = time.monotonic() + 30
    while len(heard) < 3 and time.monotonic() < deadline:
        heard += phone.heard()
    assert heard == OURS, "once each, in the order they were written"
    expect(bubbles(desk, "ours").last.locator("small")).to_have_text("delivered", timeout=30_000)
    desk.locator(".talk:not([hidden]) .close select[name=outcome]").select_option("helped")
    desk.locator(".talk:not([hidden]) .close button[type=submit]").click()


def test_who_was_away_for_longer_than_the_lease_finds_the_person_with_somebody_else(
    stack: Stack, desk: Page, cable: Cable
) -> None:
    phone = Phone(stack)
    ticket = in_talk(desk, phone)
    other = Counsellor(stack, f"c{secrets.token_hex(3)}")
    cable.cut()
    assert phone.write(THEIRS[0]) == 200
    write(desk, OURS[0])
    deadline = time.monotonic() + 60
    while next(card for card in other.queue() if card["id"] == ticket)["state"] != "queued":
        assert time.monotonic() < deadline, "nobody took the person back"
        time.sleep(0.5)
    assert phone.heard(), "they are told"
    epoch = other.claim(ticket)["epoch"]
    assert other.write(ticket, OURS[1], epoch).json()["state"] == "sent"
    cable.mend()
    banner = desk.locator(".talk:not([hidden]) .talk-banner")
    expect(banner).to_contain_text(other.name, timeout=60_000)
    assert bubbles(desk, "ours").count() == 0 and desk.locator(".talk:not([hidden]) .write").count() == 0
    time.sleep(3)
    assert OURS[0] not in " ".join(phone.heard(wait=0)), "what was written under a lease that is gone is not sent"
