"""No page breaks its content policy or asks anybody else, whatever is done on it; and a change under the hands loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.web.words import Words
from tests.browser.conftest import Watch
from tests.browser.test_hands import enter
from tests.journeys.stack import Phone, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

WITHIN = 60_000
LISTEN = "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(`${e.violatedDirective} ${e.blockedURI}`))"


@pytest.fixture(scope="module")
def cookies(browser: Browser, stack: Stack) -> Iterator[Any]:
    """A supervisor's."""
    context = browser.new_context()
    enter(context.new_page(), stack, "demo-lead")
    yield context.storage_state()
    context.close()


@pytest.fixture
def lead(browser: Browser, stack: Stack, cookies: Any) -> Iterator[Page]:
    """A supervisor's console that notes what its policy refuses."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar", storage_state=cookies)
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.goto(f"{stack.base}/console?lang=en")
    expect(page.locator("#connection")).to_have_text("Connected", timeout=WITHIN)
    yield page
    context.close()


def someone(page: Page, stack: Stack) -> str:
    """A new person who asks for a human; the ticket's id, once it is a card."""
    cards = "[...document.querySelectorAll('.card')].map((card) => card.dataset.id)"
    there = set(page.evaluate(cards))
    phone = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "9"):
        phone.say(words)
    for _ in range(300):
        if new := set(page.evaluate(cards)) - there:
            return new.pop()
        page.wait_for_timeout(100)
    raise AssertionError("no card")


def test_no_page_breaks_its_policy_or_asks_anybody_else(stack: Stack, lead: Page) -> None:
    watch = Watch(lead, stack.base)
    asked: list[str] = []
    lead.on("request", lambda request: asked.append(request.url))
    ticket = someone(lead, stack)
    lead.locator(f"#claim-{ticket}:enabled").click()
    talk = lead.locator(".talk:not([hidden])")
    talk.locator("textarea[name=text]").wait_for()
    lead.keyboard.press("Alt+a")
    talk.locator(".menu > summary").click()
    expect(talk.locator(".transfer option[value=demo]")).to_have_count(1, timeout=WITHIN)
    talk.locator("[data-act=release]").click()
    expect(lead.locator(f'.card[data-id="{ticket}"][data-mine="no"]')).to_be_attached(timeout=WITHIN)
    broken = lead.evaluate("broken")
    for name in ("rota", "account", "sign-in"):
        lead.goto(f"{stack.base}/console/{name}?lang=en")
        expect(lead.locator("button.main").last).to_be_attached()
        lead.wait_for_timeout(300)
        broken += lead.evaluate("broken")
        assert lead.evaluate("[localStorage.length, sessionStorage.length, history.state]") == [0, 0, None]
    assert broken == [] and watch.strangers == [] and watch.complaints == []
    assert asked and all(url.startswith((stack.base, "data:")) for url in asked)


def test_the_check_itself_sees_what_a_policy_refuses(stack: Stack, lead: Page) -> None:
    lead.evaluate("document.head.append(Object.assign(document.createElement('style'), { textContent: 'p { color: red }' }))")
    lead.evaluate("document.body.append(Object.assign(document.createElement('img'), { src: 'https://elsewhere.example/x.png' }))")
    expect(lead.locator("img")).to_have_count(1)
    lead.wait_for_function("broken.length === 2")
    assert [one.split()[0] for one in lead.evaluate("broken")] == ["style-src-elem", "img-src"]


def test_what_is_unfolded_and_what_has_the_focus_stays_while_the_queue_changes(stack: Stack, lead: Page) -> None:
    ticket = someone(lead, stack)
    lead.locator(f"#more-{ticket}").click()
    lead.locator(f"#raise-{ticket}").focus()
    someone(lead, stack)
    expect(lead.locator(f"#raise-{ticket}")).to_be_visible()
    expect(lead.locator(f"#raise-{ticket}")).to_be_focused()
    lead.keyboard.press("Enter")
    expect(lead.locator(f'.card.p0[data-id="{ticket}"]')).to_be_visible(timeout=WITHIN)
    expect(lead.locator(f"#raise-{ticket}")).to_have_count(0)
    expect(lead.locator(f"#card-{ticket}")).to_be_focused()
    lead.keyboard.press("Enter")  # once too often
    lead.keyboard.press("j")
    assert lead.evaluate("document.activeElement.dataset.act") == "claim", "from the card one goes on"
    expect(lead.locator(f'.card[data-id="{ticket}"]')).to_have_attribute("data-owned", "no")


def test_a_queue_that_cannot_be_fetched_says_so_and_comes_back(stack: Stack, lead: Page) -> None:
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, body="")

    lead.route("**/console/queue?*", refuse)
    Phone(stack).say("الحقوني معه سكين وبده يذبحني هسا")
    expect(lead.locator("#connection")).to_have_class("connection down", timeout=WITHIN)
    count = lead.locator(".card").count()
    assert count, "what was shown stays"
    lead.unroute("**/console/queue?*")
    expect(lead.locator(".card")).to_have_count(count + 1, timeout=WITHIN)
    expect(lead.locator("#connection")).to_have_class("connection", timeout=WITHIN)
    assert refused


def test_one_request_at_a_time_and_one_more_for_what_changed_meanwhile(stack: Stack, lead: Page) -> None:
    held: list[Route] = []
    lead.route("**/console/queue?*", lambda route: held.append(route))
    queue = lead.locator("#queue")
    for _ in range(5):
        queue.dispatch_event("changed")
    lead.wait_for_timeout(500)
    assert len(held) == 1
    held[0].continue_()
    for _ in range(100):
        if len(held) == 2:
            break
        lead.wait_for_timeout(50)
    lead.wait_for_timeout(500)
    assert len(held) == 2
    held[1].continue_()
    expect(lead.locator(".groups")).to_be_visible()


def test_whoever_is_signed_out_leaves(lead: Page) -> None:
    lead.context.clear_cookies()
    lead.locator("#queue").dispatch_event("changed")
    lead.wait_for_url("**/console/sign-in?lang=en", timeout=WITHIN)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_scripts_count_as_the_catalogues_do(stack: Stack, lead: Page, language: str) -> None:
    lead.goto(f"{stack.base}/console?lang={language}")
    said = lead.evaluate(
        "async () => { const { counted } = await import('/console/static/console-words.js');"
        " const { unread } = JSON.parse(document.body.dataset.words);"
        " return [...Array(130).keys()].map((number) => counted(unread, number)); }"
    )
    assert said == [Words(language).count("unread", number) for number in range(130)]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_on_a_phone_the_bar_is_one_line_and_the_rest_is_in_its_menu(stack: Stack, lead: Page, language: str) -> None:
    lead.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "/rota", "/account"):
        lead.goto(f"{stack.base}/console{path}?lang={language}")
        bar = lead.locator(".bar")
        assert (bar.bounding_box() or {})["height"] <= 60
        tops = lead.evaluate("[...document.querySelectorAll('.bar > *')].filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect())"
                             ".map(({ top, bottom }) => Math.round((top + bottom) / 2))")
        assert max(tops) - min(tops) <= 4, "one line"
        expect(lead.locator(".bar-menu")).to_be_hidden()
        lead.locator(".bar-open").focus()
        lead.keyboard.press("Enter")
        expect(lead.locator(".bar-menu .who")).to_be_visible()
        box = lead.locator(".bar-menu").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
        lead.keyboard.press("Escape")
        expect(lead.locator(".bar-menu")).to_be_hidden()
        assert lead.evaluate("document.documentElement.scrollWidth") <= 390
    lead.set_viewport_size({"width": 1280, "height": 800})
    lead.goto(f"{stack.base}/console?lang={language}")
    expect(lead.locator("#sign-out")).to_be_visible()
    expect(lead.locator(".bar-open")).to_be_hidden()
