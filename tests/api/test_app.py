"""The wired application: the routes of the contract, what production has not, and who is down."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
import sqlalchemy as sa
from aiohttp import web

from api.app import Gateway, application, wire
from api.channels.twilio.erasure import ledger
from api.channels.twilio.verify import SIGNATURE_HEADER, sign
from api.settings import load_settings
from tests.fixtures_line import OURS, ROOT, SALMA
from tests.fixtures_redis import RedisServer, start_redis

ACCOUNT, TOKEN = "AC" + "0123456789abcdef" * 2, "a" * 32
PUBLIC = "https://line.example"


@dataclass
class Running:
    """A gateway with its lifespan entered, a Redis and an engine that says it is ready."""

    gateway: Gateway
    http: httpx.AsyncClient
    redis: RedisServer
    engine: web.AppRunner
    pushed: list[str]

    async def text(self, path: str) -> int:
        return (await self.http.get(path)).status_code

    async def inbound(self, words: str, **headers: str) -> httpx.Response:
        form = {"MessageSid": "SM" + os.urandom(16).hex(), "From": f"whatsapp:{SALMA}", "To": f"whatsapp:{OURS}", "Body": words,
                "NumMedia": "0"}
        url = f"{PUBLIC}/webhooks/twilio/message"
        signed = {SIGNATURE_HEADER: sign(TOKEN, url, list(form.items()))}
        return await self.http.post("/webhooks/twilio/message", data=form, headers=signed | headers)


@asynccontextmanager
async def running(mode: str) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        base, pushed = Path(folder), []
        redis = start_redis(base)

        async def answer(request: web.Request) -> web.Response:
            if request.method == "PUT":
                pushed.append(request.path.rsplit("/", 1)[1])
            return web.Response(body=msgpack.packb({}))

        engine_app = web.Application()
        engine_app.router.add_route("*", "/{path:.*}", answer)
        engine = web.AppRunner(engine_app, access_log=None, shutdown_timeout=0.1)
        await engine.setup()
        await web.UnixSite(engine, str(base / "engine.sock")).start()
        settings = load_settings(
            {
                "HAMS_MODE": mode, "HAMS_VAR": str(base / "var"), "HAMS_REDIS_URL": redis.url,
                "HAMS_ENGINE_SOCKET": str(base / "engine.sock"), "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
                "TWILIO_WHATSAPP_FROM": OURS, "HAMS_PUBLIC_URL": PUBLIC, "HAMS_SECRET_KEYS": bytes(range(32)).hex(),
                "HAMS_TWILIO_API_URL": "https://127.0.0.1:9",
            },
            ROOT,
        )
        settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        gateway = wire(settings, ROOT)
        app = application(gateway)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as http:
                yield Running(gateway, http, redis, engine, pushed)
        await engine.cleanup()
        redis.stop()


@pytest.fixture
async def live() -> AsyncIterator[Running]:
    async with running("live") as made:
        yield made


async def test_the_routes_of_the_contract_exist(live: Running) -> None:
    assert await live.text("/healthz") == 200 and await live.text("/readyz") == 200
    assert await live.text("/metrics") == 200
    assert await live.text("/api/v1/openapi.json") == 200
    assert await live.text("/console") in (200, 303, 307)
    assert await live.text("/api/v1/handoffs") == 401
    assert await live.text("/webhooks/twilio/message") in (404, 405), "the provider posts; nobody else has business there"
    for path in ("/webhooks/twilio/message", "/webhooks/twilio/status"):
        answer = await live.http.post(path, data={"MessageSid": "SM" + "0" * 32})
        assert (answer.status_code, answer.content) == (403, b"")


@pytest.mark.parametrize("path", ["message", "status"])
@pytest.mark.parametrize("signature", [None, "", "AAAA", sign("b" * 32, f"{PUBLIC}/webhooks/twilio/message", [("MessageSid", "SM" + "1" * 32)])])
async def test_what_the_provider_did_not_sign_goes_no_further_than_the_door(live: Running, path: str, signature: str | None) -> None:
    form = {"MessageSid": "SM" + "1" * 32, "MessageStatus": "delivered", "From": f"whatsapp:{SALMA}", "To": f"whatsapp:{OURS}", "Body": "مرحبا"}
    headers = {} if signature is None else {SIGNATURE_HEADER: signature}
    answer = await live.http.post(f"/webhooks/twilio/{path}", data=form, headers=headers)
    assert (answer.status_code, answer.content) == (403, b"")
    assert await live.gateway.database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(ledger)).scalar_one()) == 0


async def test_the_documented_calls_of_the_api_are_in_its_own_description(live: Running) -> None:
    paths = (await live.http.get("/api/v1/openapi.json")).json()["paths"]
    wanted = {"/session", "/handoffs", "/handoffs/{id}/claim", "/handoffs/{id}/release", "/handoffs/{id}/transfer",
              "/handoffs/{id}/messages", "/handoffs/{id}/close"}
    shapes = {"/".join("{id}" if part.startswith("{") else part for part in path.removeprefix("/api/v1").split("/")) for path in paths}
    assert wanted <= shapes


async def test_only_a_demo_has_a_simulator() -> None:
    async with running("live") as outside, running("demo") as demo:
        for path in ("/simulator", "/simulator/staff", "/simulator/simulator.js"):
            assert await outside.text(path) == 404
            assert await demo.text(path) == 200
        assert (await outside.http.post("/simulator/clock", json={"seconds": 5})).status_code == 404
        assert (await demo.http.get("/")).headers["location"] == "/simulator"


async def test_production_shows_its_counts_on_a_socket_inside_and_not_outside() -> None:
    async with running("production") as made:
        for path in ("/metrics", "/metrics/", "/simulator", "/docs", "/openapi.json"):
            assert await made.text(path) == 404, path
        assert await made.text("/healthz") == 200
        socket = made.gateway.settings.run / "metrics.sock"
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"hams_inbound" in body
        assert int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) == len(body)
        assert socket.stat().st_mode & 0o002 == 0, "nobody else on the machine may connect"


async def test_ready_names_the_part_that_is_down(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def state() -> tuple[int, dict[str, Any]]:
        answer = await live.http.get("/readyz")
        return answer.status_code, answer.json()

    fine = {"engine": "ok", "store": "ok", "database": "ok"}
    assert await state() == (200, {"status": "ready", **fine})
    await live.engine.cleanup()
    assert await state() == (503, {"status": "not ready", **fine, "engine": "unavailable"})
    live.redis.kill()
    assert await state() == (503, {"status": "not ready", **fine, "engine": "unavailable", "store": "unavailable"})

    def gone(_ask: Any) -> None:
        raise sa.exc.OperationalError("x", {}, Exception("disk"))

    monkeypatch.setattr(live.gateway.database, "_read", lambda ask: _unavailable())
    assert (await state())[1]["database"] == "unavailable"
    assert await live.text("/healthz") == 200, "alive is not ready"


def _unavailable() -> None:
    from api.database import DatabaseUnavailable

    raise DatabaseUnavailable("OperationalError")


async def test_the_engine_is_given_its_release_at_the_start(live: Running) -> None:
    assert live.pushed == [live.gateway.releases.live().digest]


async def test_a_signed_message_is_answered_with_empty_twiml_whatever_is_down(live: Running) -> None:
    await live.engine.cleanup()
    answer = await live.inbound("مرحبا")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/xml")
    assert answer.text.endswith("<Response/>")
    live.redis.kill()
    assert (await live.inbound("مرحبا")).status_code == 200


async def test_a_body_over_64_kib_is_too_large(live: Running) -> None:
    assert (await live.inbound("x" * 66_000)).status_code == 413


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/console/nowhere"])
async def test_what_is_not_there_is_a_problem_without_a_stack(live: Running, path: str) -> None:
    answer = await live.http.get(path)
    assert answer.status_code in (401, 404)
    assert "Traceback" not in answer.text
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        assert json.loads(answer.text)["status"] == answer.status_code


async def test_nothing_of_a_message_is_in_the_counts(live: Running) -> None:
    await live.inbound("canary-6e1f")
    text = (await live.http.get("/metrics")).text
    assert "canary" not in text and SALMA[1:] not in text and 'hams_inbound_total{channel="whatsapp"' in text


async def test_everything_is_let_go_of_at_the_end() -> None:
    async with running("live") as made:
        gateway = made.gateway
        await made.inbound("مرحبا")
    assert gateway.provider._open is None
    with pytest.raises(RuntimeError):
        await gateway.database.read(lambda c: 1)


def test_a_database_that_is_not_there_is_one_line_without_its_address(tmp_path: Path) -> None:
    """Started by hand or again by the supervisor, past the questions ``./hams up`` asks before."""
    environ = {
        "PATH": os.environ["PATH"], "HAMS_VAR": str(tmp_path), "HAMS_REDIS_URL": "redis://127.0.0.1:1/0",
        "HAMS_DATABASE_URL": "postgresql://somebody:secretword@127.0.0.1:1/cases",
    }
    ended = subprocess.run(
        [sys.executable, "-c", "from api.app import create; create()"], cwd=ROOT, env=environ, capture_output=True, text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("hams: gateway: HAMS_DATABASE_URL:") and ended.stderr.count("\n") == 1
    assert "secretword" not in ended.stderr


def test_scripts_with_a_slip_are_one_line_with_its_place(tmp_path: Path) -> None:
    """What an editor sees of ``./hams up``; the supervisor tries three times."""
    broken = (
        "from api import app\nfrom api.scripts.release import ScriptProblems\nfrom api.scripts.tree import Problem\n"
        "def load(*_):\n    raise ScriptProblems([Problem('phrases/danger.yml', 7, 'danger', 'unknown keys: wrods', 'error')])\n"
        "app.load_release = load\napp.create()"
    )
    environ = {"PATH": os.environ["PATH"], "HAMS_VAR": str(tmp_path), "HAMS_REDIS_URL": "redis://127.0.0.1:1/0"}
    ended = subprocess.run([sys.executable, "-c", broken], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("hams: gateway: 1 errors in the scripts; the first: phrases/danger.yml:7: error: unknown keys: wrods")
