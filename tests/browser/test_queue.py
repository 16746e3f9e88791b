"""Two hundred people in the queue: all are shown, reached by keyboard, and whoever is in danger comes on top."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from api.database import Database
from api.handoffs.tickets import open_handoff
from api.settings import load_settings
from tests.browser.conftest import Watch
from tests.browser.test_hands import enter
from tests.fixtures_staff import new_id, wish
from tests.journeys.stack import ROOT, Phone, Stack, start

pytestmark = [pytest.mark.browser, pytest.mark.stack]

WITHIN = 60_000
CARDS = 200
DANGER = "الحقوني معه سكين وبده يذبحني هسا"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Stack]:
    """A product of its own with all but one of the people a console shows."""
    with start(tmp_path_factory.mktemp("crowded") / "var") as running:
        settings = load_settings({"HAMS_VAR": str(running.var), "HAMS_PORT": str(running.port)}, ROOT)
        database = Database(settings.database_url)
        now = time.time()
        with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
            for number in range(CARDS - 1):
                person = wish(
                    secrets.token_hex(16), band=("HIGH", "ELEVATED", "UNKNOWN")[number % 3], channel=("whatsapp", "sms")[number % 2],
                    reasons=("P1", "P4", "weapon")[: number % 4], wish=True,
                )
                open_handoff(connection, replace(person, command_id=secrets.token_hex(8)), new_id=new_id(), now=now - number)
        database.close()
        yield running


def ids(page: Page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('.card')].map((card) => card.dataset.id)")


def focused(page: Page) -> dict[str, Any]:
    return page.evaluate(
        "(({ id, dataset, disabled, closest }) => ({ id, act: dataset.act, disabled }))(document.activeElement)"
    )


def new_red(page: Page, there: set[str]) -> str:
    """The card that was not there before."""
    deadline = time.monotonic() + 60
    while not (new := set(ids(page)) - there):
        assert time.monotonic() < deadline, "no card"
        page.wait_for_timeout(100)
    (ticket,) = new
    return ticket


def test_two_hundred_people_are_shown_and_who_is_in_danger_comes_on_top(crowded: Stack, context: BrowserContext) -> None:
    page = context.new_page()
    watch = Watch(page, crowded.base)
    enter(page, crowded, "demo")
    expect(page.locator(".card")).to_have_count(CARDS - 1, timeout=WITHIN)
    expect(page.locator(".card [data-act=claim]:enabled")).to_have_count(CARDS - 1, timeout=WITHIN)
    weight = page.evaluate(
        "performance.getEntries().filter((one) => 'transferSize' in one && !/woff2/.test(one.name))"
        ".reduce((sum, one) => sum + one.transferSize, 0)"
    )
    assert 0 < weight <= 100_000, "what a page weighs over the wire"

    # by keyboard to the fifth, and to the last
    before = ids(page)
    for _ in range(5):
        page.keyboard.press("j")
    assert focused(page) == {"id": f"claim-{before[4]}", "act": "claim", "disabled": False}
    page.evaluate("[...document.querySelectorAll('.card button[data-act]')].at(-2).focus()")
    page.keyboard.press("ArrowDown")
    assert focused(page)["id"] == f"claim-{before[-1]}"
    expect(page.locator(f"#claim-{before[-1]}")).to_be_in_viewport()

    # somebody in danger: on top, and neither what is focused nor what is being read moves away
    page.evaluate("window.marked = document.activeElement.closest('.card')")
    Phone(crowded).say(DANGER)
    red = new_red(page, set(before))
    assert ids(page)[0] == red and len(ids(page)) == CARDS
    expect(page.locator(f'.card.p0[data-id="{red}"] [data-act=claim]')).to_be_enabled()
    assert ids(page)[1:] == before, "nobody else changed places"
    assert focused(page)["id"] == f"claim-{before[-1]}"
    assert page.evaluate("marked.isConnected && marked.contains(document.activeElement)"), "its card was not drawn anew"
    expect(page.locator(f"#claim-{before[-1]}")).to_be_in_viewport()

    page.locator(f'.card[data-id="{red}"] [data-act=claim]').click()
    expect(page.locator(".talk:not([hidden]) textarea[name=text]")).to_be_visible(timeout=WITHIN)
    expect(page.locator(f'.card[data-id="{red}"]')).to_have_attribute("data-mine", "yes")
    assert ids(page)[0] == red, "with me comes first"
    assert watch.strangers == [] and watch.complaints == []


def test_on_a_phone_too(crowded: Stack, context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    enter(page, crowded, "demo2")
    expect(page.locator(".card").nth(CARDS - 2)).to_be_attached(timeout=WITHIN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    last = page.locator('.card[data-owned="no"]').last.get_attribute("data-id")
    page.locator(f"#claim-{last}").scroll_into_view_if_needed()
    page.locator(f"#claim-{last}:enabled").click()
    expect(page.locator(".talk:not([hidden]) textarea[name=text]")).to_be_visible(timeout=WITHIN)
    page.locator(".talk:not([hidden]) .menu > summary").click()
    page.locator(".talk:not([hidden]) [data-act=release]").click()
    expect(page.locator(f'.card[data-id="{last}"][data-mine="no"]')).to_be_attached(timeout=WITHIN)
