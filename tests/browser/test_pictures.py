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
    Phone(stack).say("الحقوني معه سكين وبده يذبحني هسا")
    Phone(stack, "QA").say("ريلي قافل علي الباب ويهدد يذبحني الحين")
    talks = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "9"):
        talks.say(words)
    context = browser.new_context(viewport=WIDTHS["desk"])
    page = context.new_page()
    enter(page, stack, "demo2")
    page.locator(".card.p2 [data-act=claim]:enabled").first.click()
    box = page.locator(".write textarea").first
    box.fill("مرحبا، معك ريم من الفريق. خذي وقتك.")
    box.press("Enter")
    expect(page.locator(".words .ours.sent")).to_have_count(1, timeout=30_000)
    state: Any = context.storage_state()
    page.goto("about:blank")  # words are shown where the person's counsellor is, and kept nowhere
    for language, scheme, width in LOOKS:
        looks = browser.new_context(viewport=WIDTHS[width], color_scheme=scheme, storage_state=state, locale=language)
        seen = looks.new_page()
        seen.goto(f"{stack.base}/console?lang={language}")
        seen.locator('.card[data-mine="yes"] [data-act=open]:enabled').first.click()
        expect(seen.locator("#connection")).not_to_be_empty(timeout=30_000)
        seen.locator("body[data-opens]").wait_for(timeout=30_000)  # what comes before it has a key is not for this browser
        talks.write("شكرا.. بدي احكي عن اشي صار من زمان")
        expect(seen.locator(".words .theirs")).to_have_count(1, timeout=30_000)
        seen.locator(".write textarea").first.fill("على مهلك، انا معك.")
        seen.locator(".write textarea").first.press("Enter")
        expect(seen.locator(".words .ours.sent")).to_have_count(1, timeout=30_000)
        expect(seen.locator(".words .ours small")).to_have_text(("delivered", "وصلت")[language == "ar"], timeout=30_000)
        file = folder / f"console-{language}-{width}.png"
        seen.screenshot(path=file)
        assert file.stat().st_size > 10_000
        looks.close()
    page.goto(f"{stack.base}/console?lang=en")
    page.locator('.card[data-mine="yes"] [data-act=open]:enabled').first.click()
    page.locator(".close select[name=outcome]").first.select_option("helped")
    page.locator(".close button[type=submit]").first.click()
    context.close()
