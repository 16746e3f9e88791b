"""The ladder's last rung, with a real provider's stand-in and a real listener: who is called, with which words, and signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from api.channels.standin.app import StandIn
from api.channels.twilio.client import TwilioClient
from api.channels.twilio.erasure import Copy
from api.database import Database
from api.handoffs import alerts, claims
from api.handoffs.outside import SIGNATURE, Exits, Outside
from api.handoffs.relay import Courtesy, SendState
from api.handoffs.tickets import Ticket, open_handoff
from api.handoffs.watch import LadderWatch
from api.settings import Senders
from tests.fixtures_staff import NOON, Clock, databases, new_id, wish

SECRET = "a secret of more than thirty-two letters"
DUTY, OURS = "+962790000001", "+15005550006"
ACCOUNT, TOKEN = "AC" + "0" * 32, "token"


@dataclass
class Listener:
    """What a helpline's own system hears."""

    status: int = 204
    heard: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    beats: int = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/alert", self._alert)
        app.router.add_get("/beat", self._beat)
        return app

    async def _alert(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp, mac = (part.partition("=")[2] for part in request.headers[SIGNATURE].split(","))
        assert hmac.compare_digest(mac, hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest())
        self.heard.append((json.loads(body), stamp))
        return web.Response(status=self.status)

    async def _beat(self, _request: web.Request) -> web.Response:
        self.beats += 1
        return web.Response(status=200)


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Rig:
    """A ladder that is looked after."""

    database: Database
    clock: Clock
    listener: Listener
    standin: StandIn
    outside: Outside
    watch: LadderWatch
    told: list[Courtesy]
    kept: list[Copy]

    async def at(self, second: float) -> None:
        """Look at that time, and wait for what it started."""
        self.clock.now = NOON + second
        await self.watch.look()
        while self.watch._beside:
            await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    listener, standin, clock = Listener(), StandIn(ACCOUNT, [TOKEN], "http://127.0.0.1:1/"), Clock()
    told: list[Courtesy] = []
    kept: list[Copy] = []

    async def tell(ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        told.append(courtesy)
        return SendState.SENT

    async def nobody_looks() -> None:
        """No console is open."""

    with databases("sqlite", tmp_path) as [database]:
        async with serving(listener.app()) as base, serving(standin.app()) as api:
            exits = Exits(f"{base}/alert", SECRET, Senders(by_country={"JO": DUTY}), Senders(default=OURS), f"{base}/beat")
            provider = TwilioClient(ACCOUNT, [TOKEN], api)
            outside = Outside(exits, provider, kept.extend, clock)
            watch = LadderWatch(database, outside, tell, nobody_looks, clock, new_id)
            try:
                yield Rig(database, clock, listener, standin, outside, watch, told, kept)
            finally:
                await outside.close()
                await provider.close()


async def flag(rig: Rig, **changes: Any) -> Ticket:
    return await rig.database.write(
        lambda c: open_handoff(c, wish(person=new_id(), band="RED", **changes), new_id=new_id(), now=NOON)
    )


async def test_after_five_minutes_the_webhook_the_duty_phone_and_a_spoken_call_go_out_once(rig: Rig) -> None:
    ticket = await flag(rig)
    for second in range(0, 330, 10):
        await rig.at(second)
    [(report, stamp)] = rig.listener.heard
    assert (report["type"], report["handoff"], report["priority"], report["rung"]) == ("handoff.unanswered", ticket.id, "P0", 3)
    assert set(report) == {"type", "id", "handoff", "priority", "band", "country", "rung", "waiting_since", "at"}, "codes only"
    assert int(stamp) == NOON + 300
    [call] = rig.standin.store.calls
    assert (call["to"], call["from"]) == (DUTY, OURS) and "<Say" in call["twiml"]
    [message] = rig.standin.store.messages.values()
    assert (message.to, message.sender) == (DUTY, OURS) and "duty screen" in message.body
    assert [copy.sid for copy in rig.kept] == [message.sid], "what we sent is erased like everything else"
    for words in (message.body, call["twiml"], json.dumps(report)):
        assert not any(revealing in words.lower() for revealing in ("violen", "abuse", "عنف", "ضرب", "+9627900000019"))


async def test_the_person_hears_at_each_step_that_nobody_has_come(rig: Rig) -> None:
    await flag(rig)
    for second in range(0, 310, 10):
        await rig.at(second)
    assert rig.told == ["nobody_yet"] * 3


async def test_who_is_not_at_the_phone_is_not_written_to(rig: Rig) -> None:
    await rig.database.write(lambda c: open_handoff(c, wish(person=new_id(), band="HIGH"), new_id=new_id(), now=NOON - 3600))
    await rig.at(0)
    assert rig.told == []


async def test_nobody_is_rung_for_a_country_without_a_duty_phone(rig: Rig) -> None:
    await flag(rig, country="QA")
    for second in (60, 120, 300):
        await rig.at(second)
    assert len(rig.listener.heard) == 1 and rig.standin.store.calls == []


async def test_a_webhook_that_fails_is_tried_again_and_the_others_are_not(rig: Rig) -> None:
    await flag(rig)
    rig.listener.status = 503
    for second in (60, 120, 300, 304):
        await rig.at(second)
    assert len(rig.listener.heard) == 1 and len(rig.standin.store.calls) == 1
    rig.listener.status = 200
    await rig.at(306)
    await rig.at(400)
    assert len(rig.listener.heard) == 2 and len(rig.standin.store.calls) == 1
    assert rig.listener.heard[0][0]["id"] == rig.listener.heard[1][0]["id"], "the same call, so that a receiver can tell"


async def test_a_claim_before_the_last_rung_rings_nobody(rig: Rig) -> None:
    ticket = await flag(rig)
    await rig.at(60)
    await rig.at(120)
    await rig.database.write(lambda c: claims.claim(c, ticket.id, staff="s1", now=NOON + 130))
    await rig.at(301)
    assert rig.listener.heard == [] and rig.standin.store.calls == []


async def test_a_gateway_that_died_with_the_call_in_its_hand_is_replaced_by_another(rig: Rig) -> None:
    await flag(rig)
    await rig.at(60)
    await rig.at(120)
    rig.clock.now = NOON + 300
    ways = rig.outside.exits.ways("JO")
    assert ways == ("webhook", "sms", "call")
    rig.outside.exits = replace(rig.outside.exits, webhook="http://127.0.0.1:9/alert")
    await rig.at(300)
    await rig.database.write(lambda c: alerts.take(c, NOON + 305))  # taken, and never made
    rig.outside.exits = replace(rig.outside.exits, webhook=rig.outside.exits.heartbeat.replace("/beat", "/alert"))  # type: ignore[union-attr]
    await rig.at(310)
    assert rig.listener.heard == []
    await rig.at(326)
    assert len(rig.listener.heard) == 1


async def test_the_dead_mans_check_hears_a_gateway_that_looks_and_none_that_cannot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = asyncio.create_task(rig.watch.run())
    async with asyncio.timeout(5):
        while not rig.listener.beats:
            await asyncio.sleep(0.01)
    running.cancel()
    broken = LadderWatch(rig.database, rig.outside, rig.watch._tell, rig.watch._queue_changed, rig.clock, new_id)
    monkeypatch.setattr(broken, "look", _breaks)
    running = asyncio.create_task(broken.run())
    await asyncio.sleep(0.1)
    running.cancel()
    assert rig.listener.beats == 1


async def _breaks() -> None:
    raise RuntimeError("look")
