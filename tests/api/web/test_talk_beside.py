"""What stands beside a talk on the screen, in a real browser: that a colleague writes, a safe contact after an exit, and the
waiting clock where the browser's own is an hour wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from api.handoffs import safe_contacts
from api.handoffs.tickets import mark_left
from tests.api.web import test_account
from tests.api.web.test_account import NUMBER, House, opened
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import hire

pytestmark = test_account.pytestmark

WITHIN = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def house(server: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(server, tmp_path) as running:
        yield running
        assert running.complaints == []


async def test_who_reads_along_sees_that_the_owner_writes_and_the_owner_sees_nothing(house: House) -> None:
    salma, boss, ticket = hire(house.database, "salma"), hire(house.database, "boss", "supervisor"), await house.flag(band="HIGH")
    browser = house.context.browser
    assert browser is not None
    theirs = await browser.new_context()
    owner, reader = await house.page(), await theirs.new_page()
    await house.sign_in(owner, salma)
    await house.sign_in(reader, boss)
    card = f'.card[data-id="{ticket.id}"]'
    await owner.click(f'{card} button[data-act="claim"]')
    await reader.click(f"{card} .hands.more summary")
    await reader.locator(f"{card} [data-hands=join]").first.click()
    mark = reader.locator(".talk:not([hidden]) .typing-mark")
    await expect(reader.locator(".talk:not([hidden]) .reading-note")).to_be_visible(timeout=WITHIN)
    await expect(mark).to_be_hidden()
    box = owner.locator(".talk:not([hidden]) .write textarea")
    seen = False
    for _ in range(40):  # the first may come before the reader's socket has said what it watches
        await box.press_sequentially("ما")
        try:
            await expect(mark).to_be_visible(timeout=1500)
            seen = True
            break
        except AssertionError:
            continue
    assert seen and await mark.inner_text() == "Your colleague is writing…"
    await expect(owner.locator(".talk:not([hidden]) .typing-mark")).to_be_hidden()
    await expect(mark).to_be_hidden(timeout=WITHIN)
    await theirs.close()


async def test_after_an_exit_the_agreed_contact_alone_can_be_seen(house: House) -> None:
    salma, ticket, page = hire(house.database, "salma"), await house.flag(band="RED"), await house.page()
    await house.sign_in(page, salma)
    await house.database.write(lambda c: safe_contacts.keep(c, ticket.id, f"whatsapp:{NUMBER}", house.addresses, house.clock()))
    await house.database.write(lambda c: mark_left(c, ticket.person, now=house.clock()))
    await page.reload()
    card = f'.card[data-id="{ticket.id}"]'
    await expect(page.locator(card)).to_contain_text("A safe contact was agreed")
    await page.click(f'{card} button[data-act="claim"]')
    talk = page.locator(".talk:not([hidden])")
    await expect(talk.locator(".write")).to_have_count(0, timeout=WITHIN)
    await talk.locator(".safe-contact button").click()
    assert await page.input_value("#contact select") == "safe_contact"
    await page.click("#contact button[type=submit]")
    await expect(page.locator("#contact .number")).to_have_text(NUMBER, timeout=WITHIN)
    await page.click("#contact [data-by=done]")
    assert NUMBER not in await page.content()


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_browser_whose_clock_is_an_hour_wrong_shows_how_long_somebody_has_waited(hours: int, house: House) -> None:
    salma, ticket, page = hire(house.database, "salma"), await house.flag(band="RED"), await house.page()
    await page.add_init_script(
        f"const real = Date.now; Date.now = () => real() + {hours * 3_600_000};"
        "const old = Date; window.Date = class extends old { constructor(...a) { a.length ? super(...a) : super(old.now()); } };"
    )
    house.clock.now += 125
    await house.sign_in(page, salma)
    waited = page.locator(f'.card[data-id="{ticket.id}"] .clock')
    await expect(waited).to_contain_text(":", timeout=WITHIN)
    minutes, seconds = (await waited.inner_text()).split(":")
    assert 155 <= int(minutes) * 60 + int(seconds) < 400
    until = page.locator(f'.card[data-id="{ticket.id}"] .until')
    await expect(until).to_contain_text(":", timeout=WITHIN)
    left = await until.inner_text()
    assert left.startswith("23:5"), "the reply window counts by the server's clock"
    await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
    await expect(page.locator(".talk:not([hidden]) .write textarea")).to_be_visible(timeout=WITHIN)
