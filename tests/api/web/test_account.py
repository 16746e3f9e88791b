"""One's own account in a real browser, with Chromium's virtual authenticator: passkeys, step-up, a contact, recovery."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyotp
import pytest
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis

from api.conversations.keys import PeriodKeys
from api.database import Database
from api.handoffs import queue
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tickets import Ticket, mark_left, open_handoff
from api.staff.accounts import NewStaff
from api.staff.stepup import FRESH_SECONDS
from api.v1 import Deps, build_v1
from api.web.console import build_console
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, code_of, databases, hire, new_id, wish

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, CDPSession, Page

CHROMIUM = os.environ.get("HAMS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NUMBER = "+962790001122"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@dataclass(slots=True)
class House:
    """A console that is reached by a name, as passkeys need it."""

    base: str
    database: Database
    redis: Redis
    relay: Any
    clock: Clock
    addresses: ReplyAddresses
    context: BrowserContext
    complaints: list[str]

    async def flag(self, **changes: Any) -> Ticket:
        person = new_id()
        sealed = self.addresses.seal(f"whatsapp:{NUMBER}", person, self.clock())
        ticket = await self.database.write(lambda c: open_handoff(
            c, wish(person=person, reply_address=sealed, **changes), new_id=new_id(), now=self.clock()
        ))  # fmt: skip
        await queue.announce(self.redis)
        return ticket

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    async def sign_in(self, page: Page, member: NewStaff) -> None:
        self.clock.now += 30  # a code works once
        await page.goto(f"{self.base}/console/sign-in?lang=en")
        await page.fill("#username", member.username)
        await page.fill("#password", member.password)
        await page.fill("#totp", code_of(member, self.clock()))
        await page.click("#sign-in button[type=submit]")
        await page.wait_for_url(re.compile(r"/console(/account)?\?lang=en$"))


@pytest.fixture
async def house(server: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(server, tmp_path) as running:
        yield running
        unexpected = [said for said in running.complaints if not re.search(r"status of (401|403|409)", said)]
        assert unexpected == []


@contextlib.asynccontextmanager
async def opened(server: RedisServer, tmp_path: Path, width: int = 1280) -> AsyncIterator[House]:
    """The console at ``http://localhost:PORT`` and a browser's context."""
    from playwright.async_api import async_playwright

    redis, clock = Redis.from_url(server.url), Clock()
    await redis.flushall()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    base = f"http://localhost:{listening.getsockname()[1]}"
    addresses = ReplyAddresses(PeriodKeys(tmp_path / "periods", KEYRING, os.urandom))
    with databases("sqlite", tmp_path) as [database]:
        deps = Deps(
            database, redis, KEYRING, FakeOutbox(), clock, os.urandom, passwords=PASSWORDS, public_url=base, addresses=addresses,
        )
        app, v1 = FastAPI(), build_v1(deps)
        app.mount("/api/v1", v1)
        app.include_router(build_console(deps))
        running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=5))
        task = asyncio.create_task(running.serve([listening]))
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
                context = await browser.new_context(viewport={"width": width, "height": 900}, locale="ar")
                yield House(base, database, redis, v1.state.relay, clock, addresses, context, [])
                await browser.close()
        finally:
            running.should_exit = True
            await task
            listening.close()
            await v1.state.hub.close()
            await redis.aclose()


async def authenticator(house: House, page: Page) -> tuple[CDPSession, str]:
    """A device with a finger on it, as this page sees it."""
    session = await house.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }})  # fmt: skip
    return session, made["authenticatorId"]


async def add_passkey(house: House, page: Page) -> None:
    await page.goto(f"{house.base}/console/account?lang=en")
    await page.select_option("#add-passkey select", "phone")
    await page.click("#add-passkey button")
    await page.wait_for_selector("#passkeys li")


async def test_a_passkey_is_added_and_signs_in(house: House) -> None:
    salma, page = hire(house.database, "salma"), await house.page()
    session, device = await authenticator(house, page)
    await house.sign_in(page, salma)
    await add_passkey(house, page)
    assert "Phone" in await page.inner_text("#passkeys")
    await page.goto(f"{house.base}/console?lang=en")
    await page.click("#sign-out")
    await page.wait_for_selector("#passkey:visible")
    order = await page.evaluate("document.querySelector('#passkey').getBoundingClientRect().top < document.querySelector('#username').getBoundingClientRect().top")
    assert order, "the passkey comes first"
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    await page.click("#passkey")
    await page.wait_for_selector("#problem:visible")
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    await page.click("#passkey")
    await page.wait_for_selector(".groups")
    assert await page.inner_text(".who") == "salma"


async def test_a_number_is_shown_after_a_second_factor_and_goes_with_the_talk(house: House) -> None:
    salma, page = hire(house.database, "salma"), await house.page()
    await authenticator(house, page)
    await house.sign_in(page, salma)
    await add_passkey(house, page)
    house.clock.now += FRESH_SECONDS + 60
    ticket = await house.flag(band="RED", call=True)
    await page.goto(f"{house.base}/console?lang=en")
    await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
    await page.wait_for_selector(".talk:not([hidden]) .write textarea")
    await page.click(".talk:not([hidden]) .menu > summary")
    await page.click('.talk:not([hidden]) [data-act="contact"]')
    assert await page.input_value('#contact [name="reason"]') == "call_wish", "what the person asked for is chosen already"
    await page.click("#contact [type=submit]")
    await page.click("#step-up [data-by=passkey]")
    number = page.locator("#contact .number")
    await number.wait_for()
    assert await number.inner_text() == NUMBER
    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.title, history.state, location.href])")
    assert NUMBER not in kept
    await house.database.write(lambda c: mark_left(c, ticket.person, now=house.clock()))
    await house.relay.person_left(ticket.id)
    await page.wait_for_selector("#contact", state="hidden")
    assert NUMBER not in await page.content()


async def test_a_closed_dialog_asks_for_nothing_and_shows_nothing(house: House) -> None:
    salma, page = hire(house.database, "salma"), await house.page()
    await house.sign_in(page, salma)
    house.clock.now += FRESH_SECONDS + 60
    ticket = await house.flag(band="RED")
    await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
    await page.wait_for_selector(".talk:not([hidden]) .write textarea")
    await page.click(".talk:not([hidden]) .menu > summary")
    await page.click('.talk:not([hidden]) [data-act="contact"]')
    await page.select_option('#contact [name="reason"]', "emergency_services")
    await page.click("#contact [type=submit]")
    await page.wait_for_selector("#step-up[open]")
    assert await page.is_hidden("#step-up .by-passkey"), "without a passkey none is offered"
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#step-up", state="hidden")
    assert await page.is_hidden("#contact .shown") and NUMBER not in await page.content()
    await page.click("#contact [type=submit]")
    house.clock.now += 30
    await page.fill("#step-up [name=password]", salma.password)
    await page.fill("#step-up [name=totp]", code_of(salma, house.clock()))
    await page.click("#step-up [type=submit]")
    await page.wait_for_selector("#contact .number")
    await page.click("#contact [data-by=done]")
    await page.wait_for_selector("#contact", state="hidden")
    assert NUMBER not in await page.content()


async def test_two_people_bring_a_colleague_back_and_the_colleague_chooses_a_password(house: House) -> None:
    hire(house.database, "salma")
    chief, lead = hire(house.database, "chief", "admin"), hire(house.database, "lead", "supervisor")
    page = await house.page()
    await house.sign_in(page, chief)
    await page.goto(f"{house.base}/console/account?lang=en")
    row = page.locator("#accounts li", has_text="salma")
    for words in ("Ask for recovery", "Sure?"):
        await row.get_by_role("button", name=words).click()
    await row.get_by_text("Recovery asked by: chief").wait_for()
    assert await row.get_by_role("button", name="Confirm recovery").count() == 0, "not by the same person"
    await house.sign_in(page, lead)
    await page.goto(f"{house.base}/console/account?lang=en")
    for words in ("Confirm recovery", "Sure?"):
        await row.get_by_role("button", name=words).click()
    await page.wait_for_selector("#made:visible")
    shown = {name: await page.inner_text(f'[data-made="{name}"]') for name in ("username", "password")}
    assert "otpauth" not in await page.content()
    await page.click("#made-done")
    assert shown["password"] not in await page.content()

    house.clock.now += 30
    await page.goto(f"{house.base}/console/sign-in?lang=en")
    await page.fill("#username", shown["username"])
    await page.fill("#password", shown["password"])
    await page.click("#sign-in button[type=submit]")
    await page.wait_for_url(re.compile("/console/account"))
    await page.goto(f"{house.base}/console?lang=en")
    await page.wait_for_url(re.compile("/console/account"))  # nothing else before that
    await page.wait_for_selector("#enrol:visible")
    uri = await page.inner_text("#enrol-uri")
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.fill("[name=password]", shown["password"])
    await page.fill("[name=new_password]", "a pass phrase of her own")
    await page.fill("[name=totp]", pyotp.parse_uri(uri).at(int(house.clock())))  # type: ignore[union-attr]
    await page.click("#password button")
    await page.wait_for_selector(".groups")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_the_page_fits_its_width(width: int, language: str, house: House) -> None:
    chief, page = hire(house.database, "chief", "admin"), await house.page()
    hire(house.database, "a-rather-long-name-for-anybody", "supervisor", ("jo-amman", "jo-irbid", "jo-zarqa"))
    await house.sign_in(page, chief)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(f"{house.base}/console/account?lang={language}")
    await page.wait_for_selector("body[data-ready]")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_on_a_phone_the_menu_of_a_talk_and_the_header_fit(language: str, house: House) -> None:
    salma, page, ticket = hire(house.database, "salma"), await house.page(), await house.flag(band="RED")
    await house.sign_in(page, salma)
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{house.base}/console?lang={language}")
    await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
    await page.click(".talk:not([hidden]) .menu > summary")
    box = await page.locator('.talk:not([hidden]) [data-act="contact"]').bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
