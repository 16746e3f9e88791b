"""A supervisor sees and sets the rota in the browser, by keyboard too, on a wide screen and on a phone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Watch
from tests.browser.test_journey import sign_in
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SHOTS = os.environ.get("HAMS_TEST_SHOTS", "")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"rota-{name}.png"), full_page=True)


def add(page: Page, kind: str) -> None:
    page.locator(f"form[data-add={kind}] button[type=submit]").click()
    expect(page.locator("#notice")).to_be_visible()


def test_a_supervisor_sets_the_rota_and_sees_at_once_who_is_on_duty(stack: Stack, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, stack, "demo-lead")
    watch = Watch(page, stack.base)
    page.locator('.bar a[href^="/console/rota"]').click()
    expect(page.locator(".duty-desk")).to_have_count(6)
    expect(page.locator(".duty .banner")).to_be_visible()

    form = page.locator("form[data-add=shifts]")
    form.locator("[name=staff]").select_option("demo")
    form.locator("[name=desk]").select_option("jordan")
    for day in form.locator("[name=days]").all():
        day.check()
    form.locator("[name=whole]").check()
    add(page, "shifts")
    jordan = page.locator(".week tbody tr").nth(1)
    expect(jordan.locator(".shift")).to_have_count(7)
    expect(page.locator(".duty-desk").nth(1)).to_contain_text("demo")
    expect(page.locator(".duty .banner")).to_have_count(0)

    add(page, "shifts")  # once more the same
    expect(page.locator("#notice")).to_contain_text("هناك مناوبة")
    form.locator("[name=whole]").uncheck()
    form.locator("[name=staff]").select_option("demo2")
    form.locator("[name=desk]").select_option("children")
    for day in form.locator("[name=days]").all()[1:]:
        day.uncheck()
    form.locator("[name=from]").fill("22:00")
    form.locator("[name=to]").fill("06:00")
    add(page, "shifts")
    night = page.locator(".week tbody tr").first.locator(".shift")
    expect(night).to_have_class("shift idle")
    expect(night).to_contain_text("22:00–06:00")

    trained = page.locator("form[data-add=competences]")
    trained.locator("[name=staff]").select_option("demo2")
    trained.locator("[name=code]").select_option("children")
    soon = page.evaluate("new Date(Date.now() + 60 * 86400000).toISOString().slice(0, 10)")
    trained.locator("[name=expires_on]").fill(soon)
    add(page, "competences")
    expect(night).to_have_class("shift")

    away = page.locator("form[data-add=leave]")
    away.locator("[name=staff]").select_option("demo")
    hours = "h => new Date(Date.now() + h * 3600000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16)"
    away.locator("[name=from]").fill(page.evaluate(hours, -2))
    away.locator("[name=until]").fill(page.evaluate(hours, -1))
    add(page, "leave")
    expect(page.locator("#notice")).to_contain_text("مضى")
    away.locator("[name=until]").fill(page.evaluate(hours, 5))
    add(page, "leave")
    expect(page.locator("[data-part=leave] li")).to_have_count(1)
    expect(page.locator(".duty-desk").nth(1)).to_have_class("duty-desk empty-desk")

    for width in (1280, 390):
        for language in ("ar", "en"):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{stack.base}/console/rota?lang={language}")
            expect(page.locator("form[data-add=leave] button")).to_be_enabled()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shot(page, f"{language}-{width}")
    page.goto(f"{stack.base}/console")
    page.locator(".groups").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "the link to the rota fits a phone's bar"
    shot(page, "bar-390")
    page.goto(f"{stack.base}/console/rota")

    page.set_viewport_size({"width": 1280, "height": 900})
    left = page.locator(".remove")
    while count := left.count():  # by keyboard alone, and the focus is never lost
        left.first.focus()
        page.keyboard.press("Enter")
        expect(left).to_have_count(count - 1)
        expect(page.locator(":focus")).to_have_count(1)
        assert page.evaluate("document.activeElement.tagName") == "H2"
    expect(page.locator(".duty .banner")).to_be_visible()
    assert watch.strangers == []
    assert [text for text in watch.complaints if "409" not in text and "422" not in text] == []
