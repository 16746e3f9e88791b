"""WCAG 2.2 AA by axe-core on every page of the console: both languages, light and dark, a desk and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.test_hands import enter
from tests.journeys.stack import Phone, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
WIDTHS = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LOOKS = [
    (language, scheme, width) for language in ("ar", "en") for scheme in ("light", "dark") for width in WIDTHS
]


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack: Stack) -> Iterator[Any]:
    """A supervisor's cookies, and three people in the queue of whom one is in a talk."""
    for words in ("الحقوني معه سكين وبده يذبحني هسا", "رح يقتلني هلأ الحقوني"):
        Phone(stack).say(words)
    waits = Phone(stack, "BH", "sms")
    for words in ("مرحبا", "1", "2", "1", "9"):
        waits.say(words)
    context = browser.new_context(viewport=WIDTHS["desk"])
    page = context.new_page()
    enter(page, stack, "demo-lead")
    page.locator(".card [data-act=claim]:enabled").first.click()
    page.locator(".write textarea").first.wait_for(timeout=30_000)
    yield context.storage_state()
    page.locator(".menu > summary").first.click()
    page.locator("[data-act=release]").first.click()
    context.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds, one line each."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['target']} {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_no_page_of_the_console_breaks_a_rule(
    language: str, scheme: Any, width: str, browser: Browser, stack: Stack, signed_in: Any
) -> None:
    context = browser.new_context(viewport=WIDTHS[width], color_scheme=scheme, storage_state=signed_in)
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for name in ("sign-in", "rota", "account", ""):
        page.goto(f"{stack.base}/console/{name}?lang={language}".replace("/?", "?"))
        page.locator("main, .door-card").first.wait_for()
        found[name or "queue"] = violations(page)
    page.locator('.card[data-mine="yes"] [data-act=open]:enabled').first.click()
    page.locator(".write textarea").first.wait_for()
    found["talk"] = violations(page)
    page.keyboard.press("Alt+a")
    page.wait_for_timeout(500)
    found["aids"] = violations(page)
    context.close()
    assert {where: lines for where, lines in found.items() if lines} == {}


def test_the_check_itself_sees_a_broken_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><main><img src='data:,'><p style='color:#999;background:#aaa'>hard to read</p></main></body></html>")
    assert {line.split(":")[0] for line in violations(page)} >= {"image-alt", "color-contrast", "html-has-lang"}
    page.close()
