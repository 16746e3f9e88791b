"""A new counsellor practises: one click in, a made-up person, an exit in the middle, a look back. It never looks like the live one.

``HAMS_PICTURES=docs/pictures`` keeps the picture there; else it only has to come out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import CHROMIUM, Watch
from tests.browser.test_accessible import LOOKS, WIDTHS, violations
from tests.journeys.practice_world import World, start_practice

pytestmark = [pytest.mark.browser, pytest.mark.stack]

WITHIN = 90_000
BAND = {"ar": "تدريب: لا أحد حقيقي هنا", "en": "Practice: nobody here is real"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if not CHROMIUM:
        pytest.skip("NO CHROMIUM: the browser tests are skipped")
    with start_practice(tmp_path_factory.mktemp("practice") / "practice", {}) as running:
        yield running


def enter(page: Page, world: World, name: str = "practice-1", language: str = "en") -> None:
    page.goto(f"{world.base}/console?lang={language}")
    page.locator(f'[data-name="{name}"]:enabled').click()
    page.locator("#queue").wait_for(timeout=WITHIN)


def picture(page: Page, name: str, tmp_path: Path) -> None:
    file = Path(os.environ.get("HAMS_PICTURES") or tmp_path) / name
    page.screenshot(path=file)
    assert file.stat().st_size > 10_000


def test_a_new_counsellor_practises(world: World, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport=WIDTHS["desk"], locale="en")
    page = context.new_page()
    watch = Watch(page, world.base)
    enter(page, world)
    assert page.title() == "Practice · Hams"
    expect(page.locator(".practice-band")).to_contain_text(BAND["en"])

    page.get_by_role("link", name="Who comes, and when").click()
    page.get_by_text("They answer faster").click()
    page.locator('[data-code="leaves-midway"] button').click()
    expect(page.locator('[data-code="leaves-midway"] .practice-here')).to_be_visible(timeout=WITHIN)
    page.get_by_role("link", name="To the queue").click()
    card = page.locator('.card[data-owned="no"]').first
    card.wait_for(timeout=WITHIN)
    expect(card).to_contain_text("High", timeout=WITHIN)
    expect(card).to_contain_text("Asked for a person", timeout=WITHIN)
    card.locator("[data-act=claim]").click()
    talk = page.locator(".talk:not([hidden])")
    box = talk.locator(".write textarea")
    for number, words in enumerate(("هلا، معك ريم من الفريق", "خذي راحتك، اكتبي بس إذا مناسب لك", "أنا معك"), 1):
        box.fill(words)
        box.press("Enter")
        expect(talk.locator(".words .theirs")).to_have_count(number, timeout=WITHIN)
    expect(talk.locator(".words .theirs").last).to_contain_text("أهلي كلهم في بلد ثاني")
    picture(page, "console-practice.png", tmp_path)
    state: Any = context.storage_state()
    for width, name in (("phone", "practice-phone.png"), ("desk", "practice-desk-ar.png")):
        looks = browser.new_context(viewport=WIDTHS[width], storage_state=state, locale="ar", color_scheme="dark")
        seen = looks.new_page()
        seen.goto(f"{world.base}/console?lang=ar")
        seen.locator('.card[data-mine="yes"] [data-act=open]:enabled').first.click()
        expect(seen.locator(".write textarea").first).to_be_visible()
        expect(seen.locator(".practice-band")).to_be_in_viewport()
        assert seen.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits the width of a phone"
        assert seen.locator(".write textarea").first.bounding_box()["y"] < WIDTHS[width]["height"] - 40  # type: ignore[index]
        seen.screenshot(path=tmp_path / name)
        looks.close()

    box.fill("وأنا أنتظر")
    box.press("Enter")
    looked = page.locator("#practice-dialog")
    expect(looked).to_be_visible(timeout=WITHIN)
    expect(looked).to_contain_text("The person left the chat")
    expect(looked).to_contain_text("From arriving to being taken")
    expect(talk.locator(".words li")).to_have_count(0)
    assert "ريم" not in looked.inner_text()
    page.screenshot(path=tmp_path / "practice-look-back.png")
    looked.get_by_role("button", name="Close").click()
    expect(looked).to_be_hidden()
    assert watch.strangers == [] and [line for line in watch.complaints if "409" not in line] == []
    assert {cookie["name"] for cookie in context.cookies()} == {"hams-practice", "hams-known-practice"}
    context.close()


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_no_page_of_a_practice_world_breaks_a_rule(
    language: str, scheme: Any, width: str, world: World, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=WIDTHS[width], color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{world.base}/console/sign-in?lang={language}")
    page.locator(".door-card").wait_for()
    found = {"door": violations(page)}
    page.screenshot(path=tmp_path / f"door-{language}-{scheme}-{width}.png")
    enter(page, world, "practice-lead", language)
    for name in ("", "practice"):
        page.goto(f"{world.base}/console/{name}?lang={language}".replace("/?", "?"))
        expect(page.locator(".practice-band")).to_contain_text(BAND[language])
        page.wait_for_timeout(500)
        found[name or "queue"] = violations(page)
        page.screenshot(path=tmp_path / f"{name or 'queue'}-{language}-{scheme}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} fits the width"
    band, frame = page.evaluate(
        "[getComputedStyle(document.querySelector('.practice-band')).backgroundColor,"
        " getComputedStyle(document.body, '::after').borderTopColor]"
    )
    assert band == frame and band in ("rgb(90, 54, 150)", "rgb(109, 71, 173)"), "violet, which nothing live is"
    context.close()
    assert {where: lines for where, lines in found.items() if lines} == {}
