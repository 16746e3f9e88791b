"""A person handed on while somebody is with them, and a supervisor who takes over, on three screens and a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Watch
from tests.browser.test_journey import say, sign_in
from tests.journeys.stack import Stack
from tests.journeys.texts import says

pytestmark = [pytest.mark.browser, pytest.mark.stack]

WITHIN = 60_000


@pytest.fixture
def screens(browser: Browser) -> Iterator[list[Page]]:
    """A phone's page and three consoles, each with cookies of its own."""
    contexts = [browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar") for _ in range(4)]
    yield [context.new_page() for context in contexts]
    for context in contexts:
        context.close()


def enter(page: Page, stack: Stack, name: str) -> None:
    """Sign in, in English."""
    sign_in(page, stack, name, "?lang=en")


def last_on(phone: Locator) -> str:
    return phone.locator(".talk li:not(.mine)").last.evaluate("bubble => bubble.firstChild.data")


def test_a_warm_transfer_and_a_take_over(stack: Stack, screens: list[Page]) -> None:
    simulator, first, second, lead = screens
    watched = [Watch(page, stack.base) for page in screens]
    enter(first, stack, "demo")
    enter(second, stack, "demo2")
    enter(lead, stack, "demo-lead")

    simulator.goto(f"{stack.base}/simulator")
    there = {card.get_attribute("data-id") for card in first.locator(".card").all()}
    phone = simulator.locator(".phone").first
    for words in ("السلام عليكم", "1", "2", "1", "جوزي بيضربني كل ما يرجع من الشغل", "1"):
        say(phone, words)
    for _ in range(600):
        new = {card.get_attribute("data-id") for card in first.locator('.card[data-owned="no"]').all()} - there
        if new:
            break
        first.wait_for_timeout(100)
    (ticket,) = new
    card = f'.card[data-id="{ticket}"]'

    first.locator(f"{card} [data-act=claim]").click()
    talk = first.locator(".talk:not([hidden])")
    talk.locator(".write textarea").fill("أنا ريم")
    talk.locator(".write textarea").press("Enter")
    expect(phone.locator(".talk li").last).to_contain_text("أنا ريم", timeout=WITHIN)

    # with the keyboard alone: into the menu, to the name, past the cold hand-over to the warm one
    talk.locator(".menu summary").first.focus()
    first.keyboard.press("Enter")
    to = talk.locator(".transfer select[name=to]")
    expect(to.locator("option[value=demo2]")).to_have_count(1, timeout=WITHIN)
    assert to.locator("option[value=demo]").count() == 0, "not to oneself"
    first.keyboard.press("Tab")
    expect(to).to_be_focused()
    first.keyboard.type("demo2")
    for _ in range(3):  # past the note for the colleague, too
        first.keyboard.press("Tab")
    expect(talk.locator("[data-hands=invite]")).to_be_focused()
    first.keyboard.press("Enter")
    expect(second.locator(f"{card} [data-hands=accept]")).to_be_enabled(timeout=WITHIN)
    second.locator(f"{card} [data-hands=accept]").click()

    other = second.locator(".talk:not([hidden])")
    expect(other.locator(".write textarea")).to_be_visible(timeout=WITHIN)
    expect(first.locator(card)).to_have_attribute("data-reads", "former", timeout=WITHIN)
    expect(talk.locator(".write")).to_be_hidden()
    expect(talk.locator(".reading-note")).to_be_visible()
    expect(talk.locator(".ours").first).to_contain_text("أنا ريم")  # what stands on the screen stays while one reads along
    for _ in range(600):
        if says(last_on(phone), "colleague_takes_on"):
            break
        simulator.wait_for_timeout(100)
    assert says(last_on(phone), "colleague_takes_on")

    other.locator(".write textarea").fill("أنا هدى، معك")
    other.locator(".write textarea").press("Enter")
    expect(phone.locator(".talk li").last).to_contain_text("أنا هدى، معك", timeout=WITHIN)
    expect(talk.locator(".words")).to_contain_text("أنا هدى، معك", timeout=WITHIN)
    phone.locator("textarea").fill("تمام، هلا هدى")
    phone.locator("textarea").press("Enter")
    for screen in (talk, other):
        expect(screen.locator(".words")).to_contain_text("تمام، هلا هدى", timeout=WITHIN)
    first.locator(f"{card} [data-hands=leave]").click()
    expect(first.locator(f"{card}[data-reads]")).to_have_count(0, timeout=WITHIN)
    expect(first.locator("body")).not_to_contain_text("تمام، هلا هدى")

    # a supervisor reads along without a word to the person, then takes over
    heard = phone.locator(".talk li").count()
    lead.locator(f"{card} .hands.more summary").click()
    lead.locator(f"{card} [data-hands=join]").first.click()
    expect(second.locator(card)).to_contain_text("Supervisor reads along silently", timeout=WITHIN)
    expect(lead.locator(".talk:not([hidden]) .reading-note")).to_be_visible(timeout=WITHIN)
    assert phone.locator(".talk li").count() == heard
    lead.locator(f"{card} .hands.more summary").click()
    lead.locator(f"{card} [data-hands=take-over]").click()
    expect(lead.locator(".talk:not([hidden]) .write textarea")).to_be_visible(timeout=WITHIN)
    expect(second.locator(".talk:not([hidden]) .talk-banner")).to_contain_text("demo-lead", timeout=WITHIN)
    expect(second.locator(".write")).to_have_count(0)
    expect(phone.locator(".talk li")).to_have_count(heard + 1, timeout=WITHIN)
    assert says(last_on(phone), "counsellor_changed")

    # bands: one click up; down only with a second person
    lead_talk = lead.locator(".talk:not([hidden])")
    lead_talk.locator(".menu summary").first.click()
    lead_talk.locator(".menu details summary").nth(1).click()
    lower = lead_talk.locator(".hands-form[data-hands=lower]")
    lower.locator("[name=band]").select_option("ELEVATED")
    lower.locator("[name=reason]").select_option("misread")
    lower.locator("button").click()
    expect(second.locator(f"{card} [data-hands='lower/confirm']")).to_be_enabled(timeout=WITHIN)
    expect(lead.locator(f"{card} [data-hands='lower/confirm']")).to_have_count(0)
    second.locator(f"{card} [data-hands='lower/confirm']").click()
    expect(lead.locator(f"{card} .band")).to_have_text("Elevated", timeout=WITHIN)
    lead_talk.locator(".write textarea").focus()
    lead.keyboard.press("Alt+Shift+R")
    expect(lead.locator(f"{card} .band")).to_have_text("Immediate danger", timeout=WITHIN)

    for width in (1280, 390):
        for page in (lead, second):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    lead_talk.locator(".menu summary").first.click()
    menu = lead_talk.locator(".menu-body").bounding_box()
    assert menu is not None and menu["x"] >= 0 and menu["x"] + menu["width"] <= 390
    for watch in watched:
        assert watch.strangers == []
        assert [text for text in watch.complaints if "409" not in text and "401" not in text] == []
