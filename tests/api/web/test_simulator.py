"""The phone on the screen: only this page may write through it, and what is not a message never leaves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from api.channels.simulator import Received, StandInUnreachable, Written
from api.clock import Clock
from api.scripts.current import Releases
from api.settings import load_settings
from api.web.simulator import simulator_routes
from safety.message_text import MessageText
from tests.fixtures_line import SALMA, shipped_release

ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class FakePhones:
    """What the stand-in's phones would do."""

    written: list[tuple[Any, ...]] = field(default_factory=list)
    inbox: list[Received] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    away: bool = False

    async def write(self, number: str, to: str, channel: str, body: MessageText, **rest: Any) -> Written:
        if self.away:
            raise StandInUnreachable("no answer")
        self.written.append((number, to, channel, body.reveal(), rest))
        return Written("SM1", 200, 12.34)

    typing: float = 0.0

    async def screen(self, number: str, after: int, wait_s: float, typing: float) -> tuple[list[Received], float]:
        if self.away:
            raise StandInUnreachable("no answer")
        self.asked.append((number, after))
        return [one for one in self.inbox if one.number > after], self.typing


@dataclass
class Page:
    http: httpx.AsyncClient
    phones: FakePhones
    clock: Clock

    async def write(self, headers: dict[str, str] | None = None, **wish: Any) -> httpx.Response:
        sent = {"from": SALMA, "channel": "whatsapp", "body": "مرحبا"} | wish
        return await self.http.post("/simulator/messages", json=sent, headers=ORIGIN if headers is None else headers)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    settings = load_settings(
        {"HAMS_MODE": "demo", "HAMS_VAR": str(tmp_path), "TWILIO_WHATSAPP_FROM": "+15005550006",
         "TWILIO_SMS_FROM": "JO=+962790000099"}, tmp_path
    )
    phones, clock = FakePhones(), Clock()
    routes = simulator_routes(settings, Releases(shipped_release()), clock, phones)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://line.test") as http:
        yield Page(http, phones, clock)


async def test_what_is_typed_goes_to_our_number_of_that_channel_and_country(page: Page) -> None:
    answer = await page.write()
    assert answer.json() == {"status": 200, "ms": 12.3}
    await page.write(channel="sms", country="JO", voice=True)
    assert page.phones.written == [
        (SALMA, "+15005550006", "whatsapp", "مرحبا", {"voice": False, "location": False}),
        (SALMA, "+962790000099", "sms", "مرحبا", {"voice": True, "location": False}),
    ]


async def test_a_country_without_a_number_of_ours_is_said_plainly(page: Page) -> None:
    answer = await page.write(channel="sms", country="QA")
    assert answer.status_code == 400 and "no number of ours" in answer.json()["title"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize("path", ["/simulator/messages", "/simulator/clock"])
async def test_another_sites_page_in_the_same_browser_may_not_write(page: Page, site: str, path: str) -> None:
    answer = await page.http.post(path, json={"from": SALMA, "channel": "sms", "seconds": 60}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert page.phones.written == [] and page.clock.move(0) == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_can_send_without_asking_first_is_not_taken(page: Page, kind: str) -> None:
    raw = json.dumps({"from": SALMA, "channel": "whatsapp", "body": "x"})
    answer = await page.http.post("/simulator/messages", content=raw, headers={"Content-Type": kind})
    assert answer.status_code == 415 and page.phones.written == []


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"{'from': 1}"],
    ids=["nothing", "cut", "list", "string", "null", "not-utf8", "deep-list", "deep-object", "quotes"],
)
@pytest.mark.parametrize("path", ["/simulator/messages", "/simulator/clock"])
async def test_bad_json_is_a_problem_and_not_a_crash(page: Page, raw: bytes, path: str) -> None:
    answer = await page.http.post(path, content=raw, headers={**ORIGIN, "Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 400


@pytest.mark.parametrize(
    "number", ["", "962790000001", "+0962790000001", "+96279000000a", "+962790000001\n", "+1", "+" + "9" * 16,
               "whatsapp:+962790000001", "+٩٦٢٧٩٠٠٠٠٠٠١", None, 5, ["+962790000001"], {"a": 1}],
)
async def test_only_a_number_is_a_number(page: Page, number: Any) -> None:
    assert (await page.write(**{"from": number})).status_code == 400
    assert page.phones.written == []


@pytest.mark.parametrize("wish", [{"body": None}, {"body": 5}, {"body": "x" * 1601}, {"channel": "telegram"}, {"channel": ["sms"]},
                                  {"channel": None}, {"country": {"a": 1}, "channel": "sms"}])
async def test_a_wish_that_is_not_a_message_is_refused(page: Page, wish: dict[str, Any]) -> None:
    assert (await page.write(**wish)).status_code == 400
    assert page.phones.written == []


async def test_a_stand_in_that_is_away_is_said_so(page: Page) -> None:
    page.phones.away = True
    assert (await page.write()).status_code == 503
    assert (await page.http.get(f"/simulator/phones/{SALMA}")).status_code == 503


async def test_the_phone_shows_what_came_and_an_sms_with_its_parts_and_price(page: Page) -> None:
    page.phones.inbox = [
        Received(1, "whatsapp", "x", MessageText("مرحبا"), 1.0), Received(2, "sms", "x", MessageText("ب" * 71), 2.0),
    ]
    first, second = (await page.http.get(f"/simulator/phones/{SALMA}")).json()["messages"]
    assert first == {"number": 1, "channel": "whatsapp", "body": "مرحبا", "at": 1.0}
    assert second["parts"] == 2 and second["encoding"] and float(second["usd"]) >= 0
    rest = (await page.http.get(f"/simulator/phones/{SALMA}?after=1")).json()["messages"]
    assert [one["number"] for one in rest] == [2]


@pytest.mark.parametrize("path", ["/simulator/phones/abc", f"/simulator/phones/{SALMA}?after=x", f"/simulator/phones/{SALMA}?after=-1",
                                  f"/simulator/phones/{SALMA}?after=٣",
                                  f"/simulator/phones/{SALMA}?typing=inf", f"/simulator/phones/{SALMA}?typing=-1", f"/simulator/phones/{SALMA}?after=" + "9" * 12])
async def test_the_inbox_wants_a_number_and_a_place_in_it(page: Page, path: str) -> None:
    assert (await page.http.get(path)).status_code == 400
    assert page.phones.asked == []


async def test_the_phone_says_until_when_it_shows_that_somebody_writes(page: Page) -> None:
    page.phones.typing = 1_800_000_025.5
    answer = (await page.http.get(f"/simulator/phones/{SALMA}?after=0&typing=0")).json()
    assert answer == {"messages": [], "typing": 1_800_000_025.5}


async def test_the_clock_goes_forward(page: Page) -> None:
    answer = await page.http.post("/simulator/clock", json={"seconds": 90}, headers=ORIGIN)
    assert answer.json() == {"ahead": 90.0} and page.clock.move(0) == 90


@pytest.mark.parametrize("seconds", ["-5", "1e400", "NaN", '"x"', "null", "[]", "9" * 400, "-" + "9" * 400])
async def test_and_nowhere_else(page: Page, seconds: str) -> None:
    answer = await page.http.post("/simulator/clock", content=f'{{"seconds": {seconds}}}',
                                  headers={**ORIGIN, "Content-Type": "application/json"})
    assert answer.status_code == 400 and page.clock.move(0) == 0


async def test_the_page_and_its_files_carry_a_policy_without_other_sites(page: Page) -> None:
    for path in ("/simulator", "/simulator/simulator.css", "/simulator/simulator.js"):
        answer = await page.http.get(path)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    text = (await page.http.get("/simulator")).text
    assert "http://" not in text and "https://" not in text


async def test_before_there_are_staff_none_are_shown(page: Page) -> None:
    assert (await page.http.get("/simulator/staff")).json() == {"staff": []}


async def test_a_page_can_not_be_written_by_a_link(page: Page) -> None:
    for path in ("/simulator/messages", "/simulator/clock"):
        assert (await page.http.get(path)).status_code == 405
