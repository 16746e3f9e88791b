"""Wiring: settings in, one ASGI application out. The only module that knows every part."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from api import v1
from api.channels.simulator import SimulatedPhones
from api.channels.twilio.client import TwilioClient
from api.channels.twilio.erasure import Eraser
from api.channels.twilio.verify import SignatureCheck
from api.clock import Clock
from api.clock_watch import ClockWatch
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.conversations.store import ConversationStore, StoreUnavailable, connect
from api.database import Database, DatabaseUnavailable, why
from api.duties import Duties
from api.engine import EngineClient
from api.handoffs import queue
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.aids import Aids
from api.handoffs.browser_keys import BrowserKeys, OnDuty
from api.handoffs.desk_watch import DeskWatch
from api.handoffs.marks import Marks
from api.handoffs.outside import Exits, Outside
from api.handoffs.relay import Relay
from api.handoffs.typing_marks import TypingMarks
from api.handoffs.watch import LadderWatch, LeaseWatch
from api.inbound import Deps, Line
from api.live import CounsellorOutbox
from api.migrations import upgrade_apart
from api.observability import errors, logs, metrics
from api.outbox import Outbox
from api.practice.accounts import prepare_practice_staff
from api.practice.cast import CastNotUsable, load_cast
from api.practice.player import Stage
from api.practice.room import Room
from api.scripts.current import Releases
from api.scripts.release import ScriptProblems, load_release
from api.settings import Senders, Settings, load_settings
from api.staff.demo import prepare_demo_staff
from api.web.console import build_console
from api.web.simulator import simulator_routes
from api.web.words import CatalogueError
from api.webhooks import Doors, webhook_routes


@dataclass(slots=True)
class Gateway:
    """Every part of a running gateway, wired once."""

    settings: Settings
    clock: Clock
    database: Database
    store: ConversationStore
    redis: Any
    engine: EngineClient
    provider: TwilioClient
    releases: Releases
    eraser: Eraser
    line: Line
    duties: Duties
    watch: LeaseWatch
    climbing: LadderWatch
    standing_in: DeskWatch
    comparing: ClockWatch
    outside: Outside
    staff: v1.Deps
    room: Room | None = None
    """In a practice world: the made-up people."""


def create() -> Starlette:
    """What uvicorn serves; settings come from the environment.

    Raises:
        api.settings.SettingsError: a setting is wrong.
        SystemExit: the durable store, the scripts or what the console says cannot be used; one line says why.
    """
    root = Path(__file__).resolve().parent.parent
    settings = load_settings(os.environ, root)
    # Threads that write to the database must not make an exit wait five milliseconds for the interpreter (the default)
    sys.setswitchinterval(0.0005)
    logs.configure()
    errors.connect(settings.sentry_dsn, settings.mode.value)
    try:
        gateway = wire(settings, root)
        if settings.demo:
            prepare_demo_staff(settings, gateway.database, Keyring(settings.secret_keys), gateway.clock)
        if settings.practice:
            prepare_practice_staff(gateway.database, Keyring(settings.secret_keys), gateway.clock)
    except (DatabaseUnavailable, sa.exc.SQLAlchemyError) as error:
        # started again and again by the supervisor: one line each time, and none of a driver's words
        raise SystemExit(f"hams: gateway: HAMS_DATABASE_URL: {why(error)}") from None
    except ScriptProblems as problems:
        raise SystemExit(f"hams: gateway: {problems} (./hams check lists all)") from None
    except CastNotUsable as problem:
        raise SystemExit(f"hams: gateway: {problem}") from None
    try:
        made = application(gateway)
    except CatalogueError as error:
        raise SystemExit(f"hams: gateway: {error}") from None
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc: what reading the scripts took goes back to the machine
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()  # what lives as long as the process need not be walked again in the middle of somebody's turn
    return made


def wire(settings: Settings, root: Path, clock: Clock | None = None) -> Gateway:
    """Build the parts. Randomness and time are handed in here and nowhere else."""
    clock = clock or Clock()
    database = Database(settings.database_url)
    upgrade_apart(database, settings.database_url)
    keyring = Keyring(settings.secret_keys)
    keys = PeriodKeys(settings.var / "keys" / "periods", keyring, os.urandom)
    redis = connect(settings.redis_url or "")
    store = ConversationStore(redis, keyring, os.urandom, clock)
    releases = Releases(load_release(root / "scripts", root / "domain.yml"))
    engine = EngineClient(settings.engine_socket, releases.engine_part)
    provider = TwilioClient(settings.twilio_account_sid, settings.twilio_auth_tokens, settings.twilio_api_url)
    outbox = Outbox(provider, store, f"{settings.public_url}/webhooks/twilio/status", clock)
    eraser = Eraser(database, provider, clock=clock, jitter=random.random)
    on_duty = OnDuty(database, BrowserKeys(redis, clock))
    relay = Relay(redis, on_duty.readers_of, on_duty.beside)
    counsellors = CounsellorOutbox(
        outbox, database, ReplyAddresses(keys), releases, clock, production=settings.production, keep=eraser.keep,
    )
    typing = TypingMarks(redis, keyring, database, clock, counsellors if settings.typing_on_phone else None)
    line = Line(
        Deps(
            store=store, database=database, keyring=keyring, keys=keys, engine=engine, outbox=outbox, relay=relay,
            releases=releases, eraser=eraser, clock=clock, country_default=settings.country_default,
            production=settings.production, queue_changed=lambda: queue.announce(redis),
            typing=typing,
        )
    )
    duties = Duties(store, database, keys, outbox, releases, clock, settings.production, relay)
    watch = LeaseWatch(database, counsellors.tell, lambda: queue.announce(redis), clock)
    exits = Exits(
        settings.alert_webhook, settings.alert_secret, settings.duty_phone, settings.twilio_sms_from, settings.heartbeat_url,
    )
    if settings.practice:  # refused as settings already; nobody is ever called about somebody made up
        exits = Exits(None, None, Senders(), Senders(), None)
    outside = Outside(exits, provider, eraser.keep, clock)
    climbing = LadderWatch(
        database, outside, counsellors.tell, lambda: queue.announce(redis), clock, lambda: os.urandom(12).hex(), releases.desks,
    )
    standing_in = DeskWatch(database, releases.desks, lambda: queue.announce(redis), clock)
    comparing = ClockWatch(database, clock)
    aids = Aids(releases, keys, settings.production)
    room = None
    if settings.practice:
        stage = Stage(
            database, keyring, keys, SimulatedPhones(settings.twilio_api_url), settings.twilio_whatsapp_from,
            settings.twilio_sms_from, aids, clock,
        )
        room = Room(stage, load_cast(root / "scripts"), lambda: queue.announce(redis))
    staff = v1.Deps(
        database=database, redis=redis, keyring=keyring, outbox=room.overhear(counsellors) if room else counsellors,
        clock=clock, sign_in_clock=clock.own, random_bytes=os.urandom, public_url=settings.public_url, demo=settings.demo, desks=releases.desks,
        aids=aids, addresses=ReplyAddresses(keys), typing=typing, practice=room, practice_url=settings.practice_url,
    )
    return Gateway(
        settings, clock, database, store, redis, engine, provider, releases, eraser, line, duties, watch, climbing, standing_in,
        comparing, outside, staff, room,
    )


def application(gateway: Gateway) -> Starlette:
    """The routes of contract.md around a wired gateway."""
    settings = gateway.settings
    api = v1.build_v1(gateway.staff)
    doors = Doors(
        gateway.line, SignatureCheck(settings.twilio_auth_tokens, settings.public_url), gateway.database,
        gateway.eraser, gateway.clock, Marks(gateway.redis, Keyring(settings.secret_keys)),
    )
    routes: list[Any] = [
        *webhook_routes(doors),
        Route("/healthz", _alive),
        Route("/readyz", _ready(gateway)),
        Mount("/api/v1", app=api),
    ]
    if not settings.production:
        routes.append(Route("/metrics", _metrics))
    if settings.practice:
        routes.append(Route("/", _to_console))
    if settings.demo:
        routes += [Route("/", _to_simulator), *simulator_routes(settings, gateway.releases, gateway.clock)]

    console = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    console.include_router(build_console(gateway.staff))
    console.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    routes.append(Mount("/", app=console))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with contextlib.suppress(DatabaseUnavailable):  # before anybody is flagged by a wrong clock
            await gateway.comparing.look()
        tasks = [asyncio.create_task(part.run()) for part in _loops(gateway)]
        scrape = await _metrics_socket(settings.run) if settings.production else None
        try:
            with contextlib.suppress(Exception):  # the engine may still be starting: it asks for what it lacks
                await gateway.engine.push(gateway.releases.live().digest)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if scrape is not None:
                scrape.close()
            await api.state.hub.close()
            await gateway.engine.close()
            await gateway.outside.close()
            await gateway.provider.close()
            await gateway.redis.aclose()
            gateway.database.close()

    return Starlette(routes=routes, lifespan=lifespan)


def _loops(gateway: Gateway) -> tuple[LeaseWatch | LadderWatch | DeskWatch | ClockWatch | Duties | Eraser | Room, ...]:
    """What runs beside the requests, each by itself: one that hangs or fails holds up no other."""
    made_up = (gateway.room,) if gateway.room is not None else ()
    return gateway.watch, gateway.climbing, gateway.standing_in, gateway.comparing, gateway.duties, gateway.eraser, *made_up


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _ready(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_request: Request) -> Response:
        """Ready to take messages: the state of each part, without a name or an address."""
        store, database = True, True
        try:
            await gateway.store.generation("0" * 32)
        except StoreUnavailable:
            store = False
        try:
            await gateway.database.read(lambda c: c.execute(sa.select(1)).scalar())
        except DatabaseUnavailable:
            database = False
        parts = {"engine": await gateway.engine.ready(), "store": store, "database": database}
        states = {name: "ok" if fine else "unavailable" for name, fine in parts.items()}
        return JSONResponse(
            {"status": "ready" if all(parts.values()) else "not ready", **states}, status_code=200 if all(parts.values()) else 503
        )

    return ready


async def _metrics(_request: Request) -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _to_simulator(_request: Request) -> Response:
    return RedirectResponse("/simulator")


async def _to_console(_request: Request) -> Response:
    return RedirectResponse("/console")


async def _metrics_socket(run: Path) -> asyncio.Server:
    """In production metrics are not on the public listener: a unix socket in ``var/run`` answers a scraper's GET."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            body = metrics.exposition()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, run / "metrics.sock")
