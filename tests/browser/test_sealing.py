"""Words sealed to a real browser: opened there with a key that cannot leave it, across a reload, and gone with sign-out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Watch
from tests.browser.test_hands import WITHIN, enter
from tests.browser.test_network import bubbles, in_talk
from tests.journeys.stack import Phone, Stack
from tests.journeys.texts import says

pytestmark = [pytest.mark.browser, pytest.mark.stack]

KEPT = """async () => {
  const open = await new Promise((done) => { const o = indexedDB.open('hams', 1); o.onsuccess = () => done(o.result); });
  const asked = open.transaction('keys').objectStore('keys').getAll();
  const all = await new Promise((done) => (asked.onsuccess = () => done(asked.result)));
  open.close();
  const found = [];
  for (const { tag, pair, raw } of all) {
    const out = await Promise.all(['pkcs8', 'jwk', 'raw'].map((as) => crypto.subtle.exportKey(as, pair.privateKey).then(() => as, () => null)));
    found.push({ tag, raw: [...raw].join(), extractable: pair.privateKey.extractable, out: out.filter(Boolean), fields: Object.keys(all[0]).length });
  }
  return found;
}"""

EVERYTHING = """async () => JSON.stringify([{...localStorage}, {...sessionStorage}, document.title, history.state, document.cookie,
  await indexedDB.databases(), await caches.keys()])"""


@pytest.fixture
def desks(browser: Browser, stack: Stack) -> Iterator[list[tuple[BrowserContext, Page]]]:
    """Two counsellors at two browsers."""
    opened = []
    for name in ("demo", "demo2"):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar")
        page = context.new_page()
        enter(page, stack, name)
        opened.append((context, page))
    yield opened
    for context, _ in opened:
        context.close()


def kept(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(KEPT)
    return found


def wait_until_emptied(page: Page) -> None:
    """Until the browser keeps no store: the page one is led to looks once more, and may be at it still."""
    until = time.monotonic() + WITHIN / 1000
    while stores := page.evaluate("indexedDB.databases()"):
        if time.monotonic() > until:
            raise AssertionError(stores)
        page.wait_for_timeout(50)


def test_words_wait_for_a_browser_a_note_goes_to_the_next_and_sign_out_wipes(stack: Stack, desks: list[tuple[BrowserContext, Page]]) -> None:
    (_, first), (_, second) = desks
    watched = [Watch(page, stack.base) for page in (first, second)]
    (own,) = kept(first)
    assert own["extractable"] is False and own["out"] == [] and len(own["tag"]) == 32
    assert own["raw"] != kept(second)[0]["raw"]

    phone = Phone(stack)
    ticket = in_talk(first, phone)
    card = f'.card[data-id="{ticket}"]'
    first.goto("about:blank")  # away for a moment: what is written waits, sealed
    assert phone.write("لسا هون؟ 🌙") == 200 and phone.write("خايفه ارجع") == 200
    first.goto(f"{stack.base}/console?lang=en")
    first.locator(f"{card} [data-act=open]:enabled").click()
    expect(bubbles(first, "theirs")).to_have_count(2, timeout=WITHIN)
    assert [one.locator("p").inner_text() for one in bubbles(first, "theirs").all()] == ["لسا هون؟ 🌙", "خايفه ارجع"]
    assert kept(first)[0]["raw"] == own["raw"], "the same session, the same key"
    seen = first.evaluate(EVERYTHING)
    assert "خايفه" not in seen and '"name":"hams"' in seen

    # a talk that is handed on, with a note nobody but the next one's browser can open
    talk = first.locator(".talk:not([hidden])")
    talk.locator(".menu summary").first.click()
    form = talk.locator("form.transfer")
    form.locator("[name=to]").select_option("demo2", timeout=WITHIN)
    form.locator(".handover-note").fill("الطفل نايم جنبها.\nلا تسألي عن البيت")
    sent: list[str] = []
    first.on("request", lambda request: sent.append(request.post_data or ""))
    form.locator("button[type=submit]").click()
    second.locator(f"{card} [data-act=open]:enabled").click(timeout=WITHIN)
    note = bubbles(second, "note")
    expect(note).to_have_count(1, timeout=WITHIN)
    assert note.locator("p").inner_text() == "الطفل نايم جنبها.\nلا تسألي عن البيت"
    (handed,) = [body for body in sent if '"note"' in body]
    assert "الطفل" not in handed and "\\u0627" not in handed
    second.wait_for_timeout(1_000)
    second.reload()
    second.locator(f"{card} [data-act=open]:enabled").click(timeout=WITHIN)
    second.wait_for_timeout(1_000)
    expect(bubbles(second, "note")).to_have_count(0)

    # somebody who has no console open can be given no note
    assert phone.write("تمام") == 200
    expect(bubbles(second, "theirs")).to_have_count(1, timeout=WITHIN)
    first.locator("#sign-out").click()
    first.locator("#sign-in").wait_for(timeout=WITHIN)
    wait_until_emptied(first)
    second.wait_for_timeout(31_000)  # a console of another test's counts as open for half a minute after it was closed
    menu = second.locator(".talk:not([hidden])")
    menu.locator(".menu summary").first.click()
    again = menu.locator("form.transfer")
    again.locator("[name=to]").select_option("demo", timeout=WITHIN)
    again.locator(".handover-note").fill("x")
    again.locator("button[type=submit]").click()
    expect(second.locator("#notice")).to_contain_text("no console open", timeout=WITHIN)
    assert second.locator(card).get_attribute("data-mine") == "yes"
    menu.locator(".close select[name=outcome]").select_option("helped")
    menu.locator(".close button[type=submit]").click()
    for watch in watched:
        assert watch.strangers == []
        assert [text for text in watch.complaints if "409" not in text and "401" not in text] == []


def test_who_came_on_duty_later_is_told_that_words_are_missing_and_so_is_the_person(stack: Stack, browser: Browser) -> None:
    contexts = [browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar") for _ in range(2)]
    first, lead = (context.new_page() for context in contexts)
    enter(first, stack, "demo")
    phone = Phone(stack)
    ticket = in_talk(first, phone)
    first.goto("about:blank")
    assert phone.write("كلمات ما رح تنفتح") == 200
    enter(lead, stack, "demo-lead")
    card = lead.locator(f'.card[data-id="{ticket}"]')
    card.locator("[data-act=claim], .hands.more summary").first.click(timeout=WITHIN)
    if card.get_attribute("data-owned") == "yes" and card.get_attribute("data-mine") == "no":
        card.locator("[data-hands=take-over]").click(timeout=WITHIN)
    expect(card).to_have_attribute("data-mine", "yes", timeout=WITHIN)
    expect(bubbles(lead, "lapsed")).to_have_count(1, timeout=WITHIN)
    heard: list[str] = []
    deadline = time.monotonic() + 60
    while not any(says(body, "words_not_shown") for body in heard):
        assert time.monotonic() < deadline, "nobody told the person"
        heard += phone.heard()
    assert phone.write("كتبتها مرة تانية") == 200
    expect(bubbles(lead, "theirs")).to_have_count(1, timeout=WITHIN)
    lead.wait_for_timeout(6_000)  # another look at everything
    heard += phone.heard(wait=0)
    assert sum(says(body, "words_not_shown") for body in heard) == 1, "told once"
    lead.locator(".talk:not([hidden]) .close select[name=outcome]").select_option("helped")
    lead.locator(".talk:not([hidden]) .close button[type=submit]").click()
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    "lacks", ["Object.defineProperty(crypto, 'subtle', { value: undefined })", "Object.defineProperty(window, 'indexedDB', { value: undefined })",
              "IDBFactory.prototype.open = () => { throw new DOMException('private', 'InvalidStateError'); }"],
    ids=["no WebCrypto", "no store", "a store that refuses"],
)
def test_a_browser_that_can_open_nothing_says_so_and_takes_nobody(stack: Stack, browser: Browser, lacks: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="ar")
    context.add_init_script(lacks)
    page = context.new_page()
    enter(page, stack, "demo2")
    expect(page.locator("#no-sealing")).to_be_visible(timeout=WITHIN)
    phone = Phone(stack)
    before = {card.get_attribute("data-id") for card in page.locator(".card").all()}
    for words in ("مرحبا", "1", "2", "1", "9"):
        phone.say(words)
    for _ in range(300):
        if new := {card.get_attribute("data-id") for card in page.locator(".card").all()} - before:
            break
        page.wait_for_timeout(100)
    (ticket,) = new
    page.locator(f'.card[data-id="{ticket}"] [data-act=claim]:enabled').click()
    expect(page.locator("#notice")).to_contain_text("another browser", timeout=WITHIN)
    assert page.locator(f'.card[data-id="{ticket}"]').get_attribute("data-owned") == "no"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.write("0")
    context.close()
