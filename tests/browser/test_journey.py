"""One journey in the browser: from the simulated phone to a counsellor's screen and back, and out in the middle."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Watch
from tests.journeys.stack import PREFIX, Stack
from tests.journeys.texts import says

pytestmark = [pytest.mark.browser, pytest.mark.stack]

FROM_HER = "شكرا الكم، بدي احكي عن اشي صار من زمان"
FROM_US = "معك ريم من الفريق، خذي وقتك."


def say(phone, words: str) -> None:
    """Write on a simulated phone and wait for an answer below it."""
    there = phone.locator(".talk li:not(.mine)").count()
    phone.locator("textarea").fill(words)
    phone.locator("textarea").press("Enter")
    expect(phone.locator(".talk li:not(.mine)")).to_have_count(there + 1, timeout=15_000)


def sign_in(page: Page, stack: Stack, name: str, query: str = "") -> None:
    """With the password and the six digits that the demo shows; digits used a moment ago by another test are waited out."""
    tried: set[str] = set()
    for _ in range(70):
        staff = httpx.get(f"{stack.base}/simulator/staff").json()["staff"]
        found = next(one for one in staff if one["name"] == name)
        if found["code"] in tried:  # a code works once, and who tries again and again is slowed down
            page.wait_for_timeout(1_000)
            continue
        tried.add(found["code"])
        page.goto(f"{stack.base}/console{query}")
        page.locator("#username").fill(found["name"])
        page.locator("#password").fill(found["password"])
        page.locator("#totp").fill(found["code"])
        page.locator("#sign-in button[type=submit]").click()
        page.locator(".groups, #problem:visible").first.wait_for(timeout=15_000)
        if page.locator(".groups").count():  # what comes before the browser has shown its key is not for this browser
            page.locator("body[data-opens], #no-sealing:not([hidden])").first.wait_for(state="attached", timeout=30_000)
            return
    raise AssertionError(f"{name} could not sign in")


def test_from_the_phone_to_the_counsellor_and_out_in_the_middle(stack: Stack, context: BrowserContext) -> None:
    simulator, console = context.new_page(), context.new_page()
    watched = [Watch(page, stack.base) for page in (simulator, console)]
    sign_in(console, stack, "demo")
    others = {one.get_attribute("data-id") for one in console.locator(".card").all()}  # of other tests
    simulator.goto(f"{stack.base}/simulator")
    phone = simulator.locator(".phone").first
    for words in ("السلام عليكم", "1", "2", "1", "جوزي بيضربني كل ما يرجع من الشغل", "1"):
        say(phone, words)
    expect(phone.locator(".talk li").last).to_contain_text("911")

    expect(console.locator(".card")).to_have_count(len(others) + 1, timeout=15_000)
    (hers,) = {one.get_attribute("data-id") for one in console.locator(".card").all()} - others
    card = console.locator(f'.card.p0[data-id="{hers}"]')
    expect(card).to_be_visible(timeout=10_000)
    assert "جوزي" not in console.content(), "a card holds no word of the talk"
    card.locator("[data-act=claim]").click()
    box = console.locator(".talk:not([hidden]) .write textarea").first
    box.wait_for(timeout=10_000)
    box.fill(FROM_US)
    console.locator(".talk:not([hidden]) .write button[type=submit]").first.click()
    expect(phone.locator(".talk li").last).to_contain_text(FROM_US, timeout=15_000)

    menu = console.locator("details.menu").first
    for leave in (lambda: console.keyboard.press("Escape"), lambda: console.locator(".bar h1").click()):
        menu.locator("summary").first.click()
        expect(menu).to_have_attribute("open", "")
        leave()
        expect(menu).not_to_have_attribute("open", "")

    phone.locator("textarea").fill(FROM_HER)
    phone.locator("textarea").press("Enter")
    expect(console.locator(".words")).to_contain_text(FROM_HER, timeout=15_000)
    for page in (simulator, console):
        kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.title, history.state])")
        assert FROM_HER not in kept and FROM_US not in kept

    before = phone.locator(".talk li").count()
    phone.locator("textarea").fill("خروج")
    phone.locator("textarea").press("Enter")
    expect(console.locator(f'.card.left[data-id="{hers}"]')).to_be_visible(timeout=15_000)
    expect(console.locator(".write")).to_have_count(0, timeout=10_000)
    simulator.wait_for_timeout(1_000)
    assert phone.locator(".talk li").count() == before + 1, "an exit was answered"
    for watch in watched:
        assert watch.strangers == []
        assert [text for text in watch.complaints if "409" not in text and "401" not in text] == []


def test_the_second_phone_in_another_country_by_sms_and_a_voice_note(stack: Stack, context: BrowserContext) -> None:
    page = context.new_page()
    watch = Watch(page, stack.base)
    page.goto(f"{stack.base}/simulator")
    phones = page.locator(".phone")
    expect(phones).to_have_count(2)
    other, phone = phones.first, phones.nth(1)
    assert phone.locator(".number").input_value().startswith(PREFIX["AE"])

    def last() -> str:
        """What came last, without the note below it."""
        return phone.locator(".talk li").last.evaluate("bubble => bubble.firstChild.data")

    say(phone, "السلام عليكم")
    assert says(last(), "opening", "AE")
    phone.locator(".country").select_option("QA")
    expect(phone.locator(".talk li")).to_have_count(0)
    assert phone.locator(".number").input_value().startswith(PREFIX["QA"]), "another country is another number"

    phone.locator(".channel").select_option("sms")
    say(phone, "السلام عليكم")
    assert says(last(), "opening", "QA", "sms")
    expect(phone.locator(".talk li").last.locator("small")).to_contain_text("SMS 1 × UCS-2")
    phone.locator("textarea").fill("م" * 71)
    expect(phone.locator(".count")).to_contain_text("2 UCS-2")
    phone.locator("textarea").fill("")
    say(phone, "1")
    assert says(last(), "phone_check", "QA", "sms")

    phone.locator(".channel").select_option("whatsapp")
    expect(phone).to_have_attribute("data-channel", "whatsapp")
    for words in ("السلام عليكم", "1"):
        say(phone, words)
    assert says(last(), "phone_check", "QA"), "a channel is a talk of its own"
    came = phone.locator(".talk li:not(.mine)").count()
    phone.locator(".voice").click()
    expect(phone.locator(".talk li.mine").last).to_contain_text("0:07")
    expect(phone.locator(".talk li:not(.mine)")).to_have_count(came + 1, timeout=15_000)
    assert says(last(), "media_voice", "QA")
    expect(phone.locator(".talk li.mine").last.locator("small")).to_contain_text("✓")

    assert other.locator(".talk li").count() == 0, "each phone hears only what is meant for it"
    assert watch.strangers == [] and watch.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/simulator", "/console"])
def test_a_page_fits_its_width_and_keeps_its_policy(stack: Stack, context: BrowserContext, width: int, path: str) -> None:
    page = context.new_page()
    watch = Watch(page, stack.base)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{stack.base}{path}")
    page.wait_for_timeout(600)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert watch.strangers == [] and watch.complaints == []


def test_a_person_in_danger_rings_and_goes_on_ringing_until_somebody_takes_them(stack: Stack, context: BrowserContext) -> None:
    simulator, console = context.new_page(), context.new_page()
    watched = [Watch(page, stack.base) for page in (simulator, console)]
    sign_in(console, stack, "demo2")
    body, waiting = console.locator("body"), console.locator('.card.p0[data-owned="no"]')

    def rung() -> int:
        return int(body.get_attribute("data-rung") or 0)

    def ids() -> set[str]:
        return {card.get_attribute("data-id") or "" for card in waiting.all()}

    before, there = rung(), ids()
    simulator.goto(f"{stack.base}/simulator")
    phone = simulator.locator(".phone").first
    for words in ("السلام عليكم", "1", "2", "1", "جوزي بيضربني كل ما يرجع من الشغل", "1"):
        say(phone, words)
    for _ in range(100):
        if ids() - there:
            break
        console.wait_for_timeout(100)
    # Whoever another test has left behind may come back at the same moment: theirs is the latest.
    new = max(ids() - there, key=lambda one: console.locator(f'.card[data-id="{one}"] .clock').get_attribute("datetime") or "")
    assert rung() > before
    once = rung()
    expect(body).not_to_have_attribute("data-rung", str(once), timeout=30_000)
    console.locator(f'.card[data-id="{new}"] [data-act=claim]').click()
    expect(console.locator(f'.card[data-id="{new}"]')).to_have_attribute("data-mine", "yes")
    for watch in watched:
        assert watch.strangers == [] and watch.complaints == []
