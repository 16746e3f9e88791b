"""The console as it looks, in both languages and both lights, on a desk and a phone.

``HAMS_PICTURES=docs/pictures`` keeps the pictures there; else they only have to come out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_accessible import WIDTHS
from tests.browser.test_hands import enter
from tests.journeys.stack import Phone, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

LOOKS = [("ar", "light", "desk"), ("en", "dark", "desk"), ("ar", "dark", "phone"), ("en", "light", "phone")]


def test_the_console_as_it_looks(browser: Browser, stack: Stack, tmp_path: Path) -> None:
    folder = Path(os.environ.get("HAMS_PICTURES") or tmp_path)
    context = browser.new_context(viewport=WIDTHS["desk"])
    page = context.new_page()
    enter(page, stack, "demo2")
    others = {one.get_attribute("data-id") for one in page.locator(".card").all()}  # that other tests have left
    Phone(stack).say("الحقوني معه سكين وبده يذبحني هسا")
    Phone(stack, "QA").say("ريلي قافل علي الباب ويهدد يذبحني الحين")
    talks = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "9"):
        talks.say(words)
    expect(page.locator(".card")).to_have_count(len(others) + 3, timeout=30_000)
    (hers,) = {one.get_attribute("data-id") for one in page.locator(".card.p2").all()} - others
    card = f'.card[data-id="{hers}"]'
    page.locator(f"{card} [data-act=claim]:enabled").click()
    here = ".talk:not([hidden])"
    box = page.locator(f"{here} .write textarea")
    box.fill("مرحبا، معك ريم من الفريق. خذي وقتك.")
    box.press("Enter")
    expect(page.locator(f"{here} .words .ours.sent")).to_have_count(1, timeout=30_000)
    state: Any = context.storage_state()
    page.goto("about:blank")  # words are shown where the person's counsellor is, and kept nowhere
    for language, scheme, width in LOOKS:
        looks = browser.new_context(viewport=WIDTHS[width], color_scheme=scheme, storage_state=state, locale=language)
        seen = looks.new_page()
        seen.goto(f"{stack.base}/console?lang={language}")
        seen.locator(f"{card} [data-act=open]:enabled").click()
        expect(seen.locator("#connection")).not_to_be_empty(timeout=30_000)
        seen.locator("body[data-opens]").wait_for(timeout=30_000)  # what comes before it has a key is not for this browser
        talks.write("شكرا.. بدي احكي عن اشي صار من زمان")
        expect(seen.locator(f"{here} .words .theirs")).to_have_count(1, timeout=30_000)
        seen.locator(f"{here} .write textarea").fill("على مهلك، انا معك.")
        seen.locator(f"{here} .write textarea").press("Enter")
        expect(seen.locator(f"{here} .words .ours.sent")).to_have_count(1, timeout=30_000)
        expect(seen.locator(f"{here} .words .ours small")).to_have_text(("delivered", "وصلت")[language == "ar"], timeout=30_000)
        file = folder / f"console-{language}-{width}.png"
        seen.screenshot(path=file)
        assert file.stat().st_size > 10_000
        looks.close()
    page.goto(f"{stack.base}/console?lang=en")
    page.locator(f"{card} [data-act=open]:enabled").click()
    page.locator(f"{here} .close select[name=outcome]").select_option("helped")
    page.locator(f"{here} .close button[type=submit]").click()
    context.close()
