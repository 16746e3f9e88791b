"""A stand-in on a real loopback port, judged by the published document on every call, and a gateway's two webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession, web

from api.channels.standin.app import Pace, StandIn
from api.channels.twilio.client import TwilioClient
from api.channels.twilio.verify import SIGNATURE_HEADER, SignatureCheck
from api.database import Database, metadata, sqlite_url

from .published import judge_answer, judge_request

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "12345"


@dataclass
class Gateway:
    """Records the webhooks it gets and checks their signatures, like the real one."""

    url: str = ""
    messages: list[list[tuple[str, str]]] = field(default_factory=list)
    statuses: list[dict[str, str]] = field(default_factory=list)
    genuine: list[bool] = field(default_factory=list)
    answer: str = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    status: int = 200
    drop_next: int = 0


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    seen = Gateway()

    async def hear(request: web.Request) -> web.StreamResponse:
        raw = (await request.read()).decode("utf-8")
        params = parse_qsl(raw, keep_blank_values=True)
        check = SignatureCheck([TOKEN], seen.url)
        seen.genuine.append(check.genuine(request.path_qs, params, request.headers.get(SIGNATURE_HEADER)))
        if request.path.endswith("/status"):
            seen.statuses.append(dict(params))
            return web.Response()
        seen.messages.append(params)
        if seen.drop_next:
            seen.drop_next -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=seen.answer, status=seen.status, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/webhooks/twilio/{what}", hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    seen.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield seen
    await runner.cleanup()


@dataclass
class Provider:
    """The stand-in, where it listens, and what was asked of it."""

    standin: StandIn
    url: str
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    broken_rules: list[str] = field(default_factory=list)

    async def tell(self, path: str, wish: dict[str, Any]) -> Any:
        async with ClientSession() as session, session.post(self.url + path, json=wish) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def show(self, path: str) -> Any:
        async with ClientSession() as session, session.get(self.url + path) as answer:
            return await answer.json()


@pytest.fixture
async def provider(gateway: Gateway) -> AsyncIterator[Provider]:
    standin = StandIn(
        ACCOUNT, [TOKEN], f"{gateway.url}/webhooks/twilio/message", pace=Pace(sent_s=0.01, delivered_s=0.03)
    )
    held = Provider(standin, "")

    @web.middleware
    async def judge(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not request.path.startswith("/2010-04-01/"):
            return await handler(request)
        body = await request.read()
        held.asked.append((request.method, request.path, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        try:
            judge_request(request.method, request.path, list(request.query.items()), body)
        except AssertionError as error:
            held.broken_rules.append(f"request: {error}")
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        try:
            content = answer.body if isinstance(answer.body, bytes) else b""
            judge_answer(request.method, request.path, answer.status, content)
        except AssertionError as error:
            held.broken_rules.append(f"answer: {error}")
        return answer

    app = standin.app()
    app.middlewares.insert(0, judge)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield held
    await runner.cleanup()
    assert held.broken_rules == []


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[TwilioClient]:
    held = TwilioClient(ACCOUNT, [TOKEN], provider.url, connect_s=1.0, total_s=2.0)
    yield held
    await held.close()


@pytest.fixture
def database(tmp_path: Path) -> Any:
    held = Database(sqlite_url(tmp_path / "ledger.sqlite"))
    metadata.create_all(held.engine)
    yield held
    held.close()
