"""The console's pages: what they carry, what they never carry, and one talk in a real browser."""

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
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis

from api.database import Database
from api.handoffs import queue
from api.handoffs.relay import Relay
from api.handoffs.tables import BANDS, KNOWN_REASONS, OUTCOMES
from api.handoffs.tickets import Ticket, mark_left, open_handoff
from api.v1 import Deps, build_v1
from api.web.console import build_console
from api.web.words import Words, in_words
from safety.message_text import MessageText
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, code_of, databases, hire, new_id, wish

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

STATIC = Path(__file__).parents[3] / "api" / "web" / "static"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@dataclass(slots=True)
class Console:
    """A console with its API."""

    app: FastAPI
    database: Database
    redis: Redis
    relay: Relay
    outbox: FakeOutbox
    clock: Clock

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://line.test")

    async def signed_in(self, role: str = "counsellor") -> httpx.AsyncClient:
        client, member = self.client(), hire(self.database, "salma", role)
        said = {"username": "salma", "password": member.password, "totp": code_of(member, self.clock())}
        assert (await client.post("/api/v1/session", json=said)).status_code == 200
        return client

    async def flag(self, **changes: object) -> Ticket:
        ticket = await self.database.write(
            lambda c: open_handoff(c, wish(**changes), new_id=new_id(), now=self.clock())
        )
        await queue.announce(self.redis)
        return ticket


@pytest.fixture
async def console(server: RedisServer, tmp_path: Path) -> AsyncIterator[Console]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    with databases("sqlite", tmp_path) as [database]:
        outbox, clock = FakeOutbox(), Clock()
        deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS)
        app, v1 = FastAPI(), build_v1(deps)
        app.mount("/api/v1", v1)
        app.include_router(build_console(deps))
        yield Console(app, database, redis, v1.state.relay, outbox, clock)
        await v1.state.hub.close()
    await redis.aclose()


@pytest.mark.parametrize("path", ["/console/sign-in", "/console", "/console/queue", "/console/static/console.js"])
async def test_every_answer_carries_the_strict_policy(path: str, console: Console) -> None:
    answer = await (await console.signed_in()).get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200 and "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
    if "static" not in path:
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/console/sign-in", "/console"])
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_no_page_has_inline_script_or_style_or_anything_from_elsewhere(
    path: str, language: str, console: Console
) -> None:
    client = await console.signed_in()
    await console.flag(band="RED", reasons=("P1",))
    page = (await client.get(f"{path}?lang={language}")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=\"|https?://", page)
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in page and f'lang="{language}"' in page


async def test_arabic_comes_first(console: Console) -> None:
    assert 'dir="rtl"' in (await console.client().get("/console/sign-in")).text
    assert 'dir="rtl"' in (await console.client().get("/console/sign-in?lang=<x>")).text


async def test_a_stranger_is_led_to_the_door(console: Console) -> None:
    answer = await console.client().get("/console?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?lang=en")
    assert (await console.client().get("/console/queue")).status_code == 401


async def test_other_roles_see_no_people(console: Console) -> None:
    client = await console.signed_in("editor")
    ticket = await console.flag(band="RED")
    assert ticket.id not in (await client.get("/console")).text
    assert (await client.get("/console/queue")).status_code == 401


async def test_a_card_says_codes_in_words(console: Console) -> None:
    client = await console.signed_in()
    await console.flag(band="RED", reasons=("P4", "weapon"), lane="children", call=True)
    for language, said in (("ar", ("خطر داهم", "ضغط على الرقبة", "سلاح", "الأردن", "مسار الأطفال")),
                           ("en", ("Immediate danger", "Pressed neck", "Weapon", "Jordan", "Wants a call"))):
        page = (await client.get(f"/console/queue?lang={language}")).text
        assert all(words in page for words in said)


async def test_the_card_of_somebody_who_left_says_do_not_contact(console: Console) -> None:
    client = await console.signed_in()
    ticket = await console.flag(band="HIGH")
    await console.database.write(lambda c: mark_left(c, ticket.person, now=console.clock()))
    assert "do not contact unless a safe contact was agreed" in (await client.get("/console/queue?lang=en")).text


async def test_no_page_holds_a_word_of_a_talk(console: Console) -> None:
    client = await console.signed_in()
    ticket = await console.flag()
    await client.post(f"/api/v1/handoffs/{ticket.id}/claim")
    await console.relay.to_counsellor(ticket.id, MessageText("kanari-88d1"))
    for path in ("/console", "/console/queue"):
        assert "kanari" not in (await client.get(path)).text


async def test_looking_at_the_queue_does_not_keep_a_session_alive(console: Console) -> None:
    client = await console.signed_in()
    [key] = await console.redis.keys("session:*")
    await console.redis.expire(key, 60)
    await client.get("/console/queue")
    assert await console.redis.ttl(key) <= 60


@pytest.mark.parametrize("name", ["../console.py", "..%2fconsole.py", "simulator.js", "nothing.js", "%00"])
async def test_only_the_consoles_own_files_are_served(name: str, console: Console) -> None:
    assert (await console.client().get(f"/console/static/{name}")).status_code == 404


async def test_with_the_store_away_the_console_says_so(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        away = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
        app = FastAPI()
        app.include_router(build_console(Deps(database, away, KEYRING, FakeOutbox(), Clock(), os.urandom)))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://line.test")
        client.cookies.set("hams", "a" * 43)
        assert (await client.get("/console")).status_code == 503
        assert (await client.get("/console/queue")).status_code == 503


def test_every_code_has_words_in_both_languages() -> None:
    codes = {*KNOWN_REASONS, *BANDS, *(f"outcome_{outcome}" for outcome in OUTCOMES), "JO", "QA", "BH", "AE", "XX"}
    codes -= {"wish"} if in_words("wish") else set()
    assert not [code for code in codes if not in_words(code)]
    assert all(Words("ar")(code) != Words("en")(code) for code in codes)


def test_the_scripts_keep_nothing_and_make_no_markup_of_words() -> None:
    for path in STATIC.glob("console*.js"):
        source = path.read_text()
        assert not re.search(r"localStorage|sessionStorage(?!\.removeItem)|pushState|replaceState|innerHTML|document\.title|eval\(|console\.", source), path.name
        assert "indexedDB" not in source or path.name == "console-sealing.js", path.name
    sealing = (STATIC / "console-sealing.js").read_text()
    assert re.findall(r"store\.put\((.*?)\)", sealing) == ['fresh, "own"'], "the key pair and nothing else is put into the browser"
    assert "kept(tag, { tag, pair, raw })" in sealing and "generateKey(CURVE, false" in sealing


def test_the_style_has_no_left_or_right() -> None:
    style = re.sub(r"/\*.*?\*/", "", (STATIC / "console.css").read_text(), flags=re.S)
    assert not re.search(r"(margin|padding|border|inset)-(left|right)|[{;\s](left|right)\s*:|text-align:\s*(left|right)", style)


@contextlib.asynccontextmanager
async def in_a_browser(console: Console) -> AsyncIterator[tuple[Page, str]]:
    """The console at a real address and a page of a real browser; the page may complain of nothing."""
    from playwright.async_api import async_playwright

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    running = uvicorn.Server(
        uvicorn.Config(console.app, log_level="critical", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=5)
    )
    task = asyncio.create_task(running.serve([listening]))
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            page = await browser.new_page(viewport={"width": 1280, "height": 800})
            complaints: list[str] = []
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page, f"http://127.0.0.1:{listening.getsockname()[1]}/console"
            assert complaints == []
            await browser.close()
    finally:
        running.should_exit = True
        await task
        listening.close()


async def sign_in(page: Page, address: str, console: Console) -> None:
    member = hire(console.database, "salma")
    await page.goto(address)
    await page.fill("#username", "salma")
    await page.fill("#password", member.password)
    await page.fill("#totp", code_of(member, console.clock()))
    await page.click("#sign-in button")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
async def test_a_talk_in_a_browser_from_sign_in_to_exit(console: Console) -> None:
    ticket = await console.flag(band="RED", reasons=("P2",))
    async with in_a_browser(console) as (page, address):
        await sign_in(page, address, console)
        await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
        box = page.locator(".talk:not([hidden]) .write textarea")
        await box.wait_for()
        room = await box.bounding_box()
        assert room is not None and room["width"] > 400, "hints stand above the box, not in its place"
        await box.fill("أنا هنا معك")
        await box.press("Enter")
        await page.wait_for_selector(".ours.sent")
        assert console.outbox.sent == [(ticket.id, "أنا هنا معك")]

        await console.relay.to_counsellor(ticket.id, MessageText("<b>kanari</b>"))
        await page.wait_for_selector(".theirs")
        assert await page.inner_text(".theirs p") == "<b>kanari</b>"
        for _ in range(100):
            if not await console.relay.waiting(ticket.id):
                break
            await asyncio.sleep(0.05)
        assert await console.relay.waiting(ticket.id) == (), "shown, so acknowledged, so gone"

        await box.fill("اكتب 0 للمتابعة")
        assert await page.is_visible(".exit-warning")

        await console.database.write(lambda c: mark_left(c, ticket.person, now=console.clock()))
        await console.relay.person_left(ticket.id)
        await page.wait_for_selector(".talk-banner:not([hidden])")
        assert "kanari" not in await page.content() and await page.locator(".write").count() == 0
        assert await page.title() == "همس"
        kept = await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert kept == [0, 0, ""]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
async def test_a_claim_clicked_before_the_script_is_there_is_not_lost(console: Console) -> None:
    ticket = await console.flag(band="RED")

    async def slowly(route: Route) -> None:
        await asyncio.sleep(1.5)
        await route.continue_()

    async with in_a_browser(console) as (page, address):
        await page.route("**/console-talk.js", slowly)
        await sign_in(page, address, console)
        await page.click(f'.card[data-id="{ticket.id}"] button[data-act="claim"]')
        await page.wait_for_selector(".talk:not([hidden]) .write textarea")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
async def test_a_claim_is_not_lost_to_a_queue_that_changes_under_the_finger(console: Console) -> None:
    ticket = await console.flag(band="RED")
    async with in_a_browser(console) as (page, address):
        await sign_in(page, address, console)
        button = page.locator(f'.card[data-id="{ticket.id}"] button[data-act="claim"]:enabled')
        await button.hover()
        await page.mouse.down()
        await console.flag(band="HIGH", person="b" * 32)
        await asyncio.sleep(1)
        assert await page.locator(".card").count() == 1, "nothing moves under a finger"
        await page.mouse.up()
        await page.wait_for_selector(".talk:not([hidden]) .write textarea")
        await page.wait_for_function("document.querySelectorAll('.card').length === 2")
