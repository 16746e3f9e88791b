"""The working aids in a browser: replies, numbers and parts are seen before they are sent; everything by keyboard."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from playwright.async_api import Route, expect
from redis.asyncio import Redis

from api.conversations import safewords
from api.conversations.keys import PeriodKeys
from api.handoffs import plan, wrapup
from api.handoffs.aids import CRITICAL, Aids, known_of
from api.handoffs.relay import SendState
from api.handoffs.tables import KNOWN_REASONS, SETS
from api.handoffs.tickets import Ticket
from api.scripts.current import Releases
from api.scripts.texts import COUNSELLOR_BLANKS, COUNSELLOR_PREFIX
from api.v1 import Deps, build_v1
from api.web.console import build_console
from api.web.words import Words, in_words
from safety.message_text import MessageText
from tests.api.web.test_console import CHROMIUM, Console, in_a_browser, sign_in
from tests.fixtures_line import shipped_release
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, databases, hire

if TYPE_CHECKING:
    from playwright.async_api import Page

SHOTS = os.environ.get("HAMS_TEST_SHOTS", "")
SENTENCE = "هذه جملة قصيرة من ست كلمات فقط. "
BOX = ".talk:not([hidden]) .write textarea"

in_browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def console(server: RedisServer, tmp_path: Path) -> AsyncIterator[Console]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    with databases("sqlite", tmp_path) as [database]:
        outbox, clock = FakeOutbox(), Clock()
        aids = Aids(Releases(shipped_release()), PeriodKeys(tmp_path / "keys", KEYRING, os.urandom), production=False)
        deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS, aids=aids)
        app, v1 = FastAPI(), build_v1(deps)
        app.mount("/api/v1", v1)
        app.include_router(build_console(deps))
        yield Console(app, database, redis, v1.state.relay, outbox, clock)
        await v1.state.hub.close()
    await redis.aclose()


async def claimed(console: Console, page: Page, address: str, **changes: object) -> Ticket:
    ticket = await console.flag(**({"band": "RED", "reasons": ("P2", "K3", "disclose_threat")} | changes))
    await sign_in(page, address, console)
    await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
    await page.wait_for_selector(BOX)
    await page.wait_for_selector(".talk:not([hidden]) .replies-list", state="attached")
    return ticket


async def value(page: Page) -> str:
    return await page.input_value(BOX)


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/aids-{name}.png")


# -- the fragment ----------------------------------------------------------------------------------------------------


async def test_the_panel_says_answers_in_words_with_the_gravest_first(console: Console) -> None:
    client = await console.signed_in()
    ticket = await console.flag(band="RED", reasons=("P2", "K3"), sets=("child",), country="AE", channel="sms", lane="children")
    await client.post(f"/api/v1/handoffs/{ticket.id}/claim")
    for language in ("ar", "en"):
        words, html = Words(language), (await client.get(f"/console/aids/{ticket.id}?lang={language}")).text
        assert html.index(words("P2")) < html.index(words("K3"))
        plain = unescape(html)
        assert not [code for code in ("group_critical", "fact_no_numbers", "fact_one_way", "fact_children", "lev") if words(code) not in plain]


async def test_the_panel_is_the_owners_alone(console: Console) -> None:
    client = await console.signed_in()
    ticket, foreign = await console.flag(), await console.flag(person="b" * 32, desk="doha")
    assert (await client.get(f"/console/aids/{ticket.id}")).status_code == 404, "not claimed"
    await client.post(f"/api/v1/handoffs/{ticket.id}/claim")
    assert (await client.get(f"/console/aids/{ticket.id}")).status_code == 200
    hire(console.database, "lina", desks=("amman",))
    for strange in (foreign.id, "nobody", "%00", "x" * 300):
        assert (await client.get(f"/console/aids/{strange}")).status_code == 404
    assert (await console.client().get(f"/console/aids/{ticket.id}")).status_code == 401


def test_whatever_the_panel_names_has_words_in_both_languages() -> None:
    codes = {f"group_{group.group}" for group in known_of(KNOWN_REASONS)} | {f"set_{name}" for name in SETS} | CRITICAL
    codes |= {name for name in shipped_release().texts if name.startswith(COUNSELLOR_PREFIX)}
    codes |= {f"blank_{name}" for name in COUNSELLOR_BLANKS} | {f"done_{code}" for code in wrapup.DONE}
    assert not [code for code in codes if not in_words(code)]
    assert all(Words("ar")(code) != Words("en")(code) for code in codes)


# -- in a browser ----------------------------------------------------------------------------------------------------


class TestInABrowser:
    pytestmark = in_browser

    async def test_a_reply_is_found_by_typing_and_goes_into_the_box_and_nowhere_else(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.focus(BOX)
            await page.keyboard.press("/")
            find = page.locator(".talk:not([hidden]) .replies-find")
            assert await find.evaluate("one => one === document.activeElement") and await value(page) == ""
            await page.keyboard.type("أولاد")
            options = page.locator(".replies-list [role=option]:visible")
            assert 1 <= await options.count() <= 4
            await page.keyboard.press("ArrowDown")
            chosen = page.locator('.replies-list [aria-selected="true"]')
            assert await chosen.count() == 1 and await find.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
            await shot(page, "replies-1280-ar")
            said = await chosen.locator(".said").inner_text()
            await page.keyboard.press("Enter")
            assert await value(page) == said
            assert await page.locator(".replies:visible").count() == 0
            assert console.outbox.sent == [], "seen before it is sent"
            await page.keyboard.press("Enter")
            await page.wait_for_selector(".ours.sent")
            assert [text for _, text in console.outbox.sent] == [said]

    async def test_a_slash_in_a_sentence_is_a_slash(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.focus(BOX)
            await page.keyboard.type("1/2 ؟?jkw")
            assert await value(page) == "1/2 ؟?jkw"
            assert await page.locator(".replies:visible, dialog[open]").count() == 0

    async def test_a_blank_keeps_a_message_from_being_sent_until_it_is_filled(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.focus(BOX)
            await page.keyboard.press("Control+k")
            await page.wait_for_selector(".replies-list [role=option]:visible")
            await page.keyboard.press("Enter")  # the first is the greeting
            assert "{الاسم}" in await value(page)
            await expect(page.locator(".aid-warning")).to_be_visible(timeout=30_000)
            await page.keyboard.press("Enter")
            await asyncio.sleep(0.3)
            assert console.outbox.sent == []
            await page.keyboard.type("ريم")  # the blank is selected
            assert "ريم من الفريق" in await value(page) and not await page.is_visible(".aid-warning")
            await page.keyboard.press("Enter")
            await page.wait_for_selector(".ours.sent")
            assert "ريم" in console.outbox.sent[0][1]

    async def test_the_emergency_number_is_one_key_away_and_leaves_what_was_written(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.fill(BOX, "أنا معك")
            await page.focus(BOX)
            await page.keyboard.press("Alt+e")  # at once: what is known of the talk may still be on its way
            await expect(page.locator(BOX)).to_have_value(re.compile("^أنا معك\n\n911\n"), timeout=30_000)
            await page.fill(BOX, "")
            await page.keyboard.press("Alt+n")
            assert "110" in await value(page) and console.outbox.sent == []

    async def test_a_key_that_is_quicker_than_what_it_asks_for_is_not_lost(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):

            async def slowly(route: Route) -> None:
                await asyncio.sleep(1.5)
                await route.continue_()

            await page.route("**/console/aids/**", slowly)
            await claimed(console, page, address)
            await page.focus(BOX)
            await page.keyboard.press("Alt+e")
            assert await value(page) == ""
            await expect(page.locator(BOX)).to_have_value(re.compile("^911\n"), timeout=30_000)

    async def test_where_numbers_are_refused_one_that_is_typed_is_warned_of(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address, country="AE", channel="sms")
            await page.fill(BOX, "اتصال على ٩٩٩")
            await expect(page.locator(".aid-warning")).to_be_visible(timeout=30_000)
            await page.fill(BOX, "")
            await page.keyboard.press("Alt+e")
            assert "999" not in await value(page) and not await page.is_visible(".aid-warning")

    async def test_a_long_text_is_shown_in_parts_and_sent_in_order(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.fill(BOX, SENTENCE * 120)
            await page.press(BOX, "Enter")
            await page.wait_for_selector(".split:visible")
            assert await page.locator(".split li").count() == 3 and console.outbox.sent == []
            await shot(page, "split-1280-ar")
            await page.keyboard.press("Escape")
            assert await page.locator(".split:visible").count() == 0 and await value(page) == SENTENCE * 120
            await page.press(BOX, "Enter")
            await page.wait_for_selector(".split:visible")
            await page.keyboard.press("Enter")  # the button that sends has the focus
            await page.locator(".ours.sent").nth(2).wait_for()
            said = [text for _, text in console.outbox.sent]
            assert " ".join(said) == (SENTENCE * 120).strip() and await value(page) == ""
            shown = await page.locator(".ours p").all_inner_texts()
            assert [" ".join(text.split()) for text in shown] == [" ".join(text.split()) for text in said]

    async def test_when_one_part_fails_nothing_after_it_is_sent(
        self, console: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = FakeOutbox.send

        async def only_the_first(outbox: FakeOutbox, ticket: Ticket, text: MessageText, sent_as: Any = None) -> SendState:
            return SendState.FAILED if outbox.sent else await real(outbox, ticket, text, sent_as)

        monkeypatch.setattr(FakeOutbox, "send", only_the_first)
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.fill(BOX, SENTENCE * 120)
            await page.press(BOX, "Enter")
            await page.wait_for_selector(".split:visible")
            await page.keyboard.press("Enter")
            await page.locator(".ours.failed").nth(1).wait_for()
            assert len(console.outbox.sent) == 1 and await page.locator(".ours.sent").count() == 1

    async def test_a_text_too_long_for_any_messages_stays_in_the_box(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address, channel="sms")
            await page.fill(BOX, SENTENCE * 60)
            await page.press(BOX, "Enter")
            await page.wait_for_selector(".split-too-many:visible")
            assert not await page.is_visible("[data-aid=split-send]")
            await page.keyboard.press("Escape")
            assert await value(page) == SENTENCE * 60 and console.outbox.sent == []

    async def test_from_the_queue_to_the_talk_and_back_by_keyboard_alone(self, console: Console) -> None:
        first = await console.flag(band="RED")
        second = await console.flag(band="HIGH", person="b" * 32)
        async with in_a_browser(console) as (page, address):
            await sign_in(page, address, console)
            await page.wait_for_selector(".card button:enabled")
            for key, there in (("j", first), ("j", second), ("j", second), ("k", first), ("ArrowDown", second), ("ArrowUp", first)):
                await page.keyboard.press(key)
                focused = await page.evaluate("document.activeElement.closest('.card')?.dataset.id")
                assert focused == there.id, key
            await page.keyboard.press("Enter")
            await page.wait_for_selector(BOX)
            await page.locator(f"{BOX}:focus").wait_for()
            await page.keyboard.type("kj")
            await page.keyboard.press("Escape")
            assert await page.evaluate("document.activeElement.closest('.card')?.dataset.id") == first.id
            await page.keyboard.press("w")
            assert await page.evaluate("document.activeElement.tagName") == "TEXTAREA" and await value(page) == "kj"
            await page.keyboard.press("Escape")
            await page.keyboard.press("Escape")
            assert await page.locator(BOX).count() == 0, "the second Escape leaves the talk"

    async def test_a_queue_that_changes_leaves_the_keyboard_where_it_is(self, console: Console) -> None:
        ticket = await console.flag(band="RED")
        async with in_a_browser(console) as (page, address):
            await sign_in(page, address, console)
            await page.wait_for_selector(".card button:enabled")
            await page.keyboard.press("j")
            await console.flag(band="HIGH", person="b" * 32)
            await page.locator(".card").nth(1).wait_for()
            assert await page.evaluate("document.activeElement.closest('.card')?.dataset.id") == ticket.id

    async def test_escape_closes_one_thing_at_a_time(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.locator(".talk:not([hidden]) .menu > summary").click()
            await page.keyboard.press("Escape")
            assert await page.locator(".menu[open]").count() == 0
            assert await page.is_visible(BOX), "the talk is still there"

    async def test_the_list_of_keys_opens_and_closes_and_none_works_behind_it(self, console: Console) -> None:
        await console.flag(band="RED")
        async with in_a_browser(console) as (page, address):
            await sign_in(page, address, console)
            await page.wait_for_selector(".card button:enabled")
            await page.keyboard.press("?")
            await page.wait_for_selector("dialog#keys[open]")
            await shot(page, "keys-1280-ar")
            await page.keyboard.press("j")
            assert await page.evaluate("document.activeElement.closest('.card') === null")
            await page.keyboard.press("Escape")
            assert await page.locator("dialog#keys[open]").count() == 0

    async def test_a_step_of_the_plan_is_ticked_and_kept_and_put_into_the_box(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            ticket = await claimed(console, page, address)
            await page.locator(".step").nth(1).locator("input").check()
            for _ in range(100):
                if await console.database.read(lambda c: plan.talked_about(c, ticket.id)):
                    break
                await asyncio.sleep(0.05)
            assert await console.database.read(lambda c: plan.talked_about(c, ticket.id)) == {"plan_home_2"}
            await page.locator(".step").first.locator("button").click()
            assert (await value(page)).count("\n") == 1 and console.outbox.sent == []
            await page.reload()
            await page.click('.card[data-mine="yes"] button[data-act="open"]')
            await page.wait_for_selector(".step input:checked")

    async def test_duress_words_are_put_into_the_box_and_nothing_goes_out(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            await claimed(console, page, address)
            await page.locator(".talk:not([hidden]) [data-aid=duress]").click()
            await page.wait_for_selector(".aid-said:has-text('خانة')")
            said = await value(page)
            assert safewords.could_be(safewords.words_alone(said.split("\n")[1])) and console.outbox.sent == []

    async def test_a_talk_is_wrapped_up_by_keyboard_with_codes_and_no_word(self, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            ticket = await claimed(console, page, address)
            await page.focus(BOX)
            await page.keyboard.press("Alt+w")
            assert await page.evaluate("document.activeElement.name") == "outcome"
            await page.keyboard.press("ArrowDown")
            await page.wait_for_selector(".wrap-up:visible")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Space")
            assert await page.locator(".wrap-up input:checked").count() == 1
            assert not await page.locator(".wrap-up [name=ask]").is_checked(), "nobody is asked unless it is ticked"
            await shot(page, "wrap-up-1280-ar")
            await page.keyboard.press("Escape")
            assert not await page.is_visible(".wrap-up") and await page.locator(f"{BOX}:focus").count() == 1
            await page.keyboard.press("Alt+w")
            await page.keyboard.press("Enter")
            await page.locator(".close button[type=submit]").click()
            await page.wait_for_selector("#no-talk:visible")
            assert await console.database.read(lambda c: wrapup.done_of(c, ticket.id)) == {"listened"}

    @pytest.mark.parametrize("language", ["ar", "en"])
    async def test_it_fits_a_desk_and_a_phone_in_both_languages(self, language: str, console: Console) -> None:
        async with in_a_browser(console) as (page, address):
            ticket = await claimed(console, page, address)
            await page.goto(f"{address}?lang={language}")
            for width, height in ((1280, 800), (390, 844)):
                await page.set_viewport_size({"width": width, "height": height})
                await page.click(f'.card[data-id="{ticket.id}"] button[data-act="open"]')
                await page.wait_for_selector(".talk:not([hidden]) .step", state="attached")
                await shot(page, f"talk-{width}-{language}")
                await page.keyboard.press("Control+k")
                await page.wait_for_selector(".replies-list [role=option]:visible")
                await shot(page, f"list-{width}-{language}")
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                await page.keyboard.press("Escape")
                if width == 390:
                    await page.keyboard.press("Alt+a")
                    await page.wait_for_selector(".aids:visible")
                    await shot(page, f"panel-{width}-{language}")
                    await page.keyboard.press("Escape")
                    assert not await page.is_visible(".aids")
                await page.reload()
