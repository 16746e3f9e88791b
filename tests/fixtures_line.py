"""What the tests of the one path share: a line on a real Redis and a real SQLite file, with an engine and a provider
that do as they are told and remember what they were asked."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis.asyncio
import sqlalchemy as sa

import api.audit.trail
import api.conversations.optouts
import api.conversations.safewords
import api.staff.rotas
import api.staff.tables  # noqa: F401 - the tables are declared by being imported
from api.channels.address import parse_address
from api.channels.twilio import erasure
from api.channels.twilio.client import ProviderRefused, Sent, Withdrawn
from api.channels.twilio.parse import Inbound
from api.conversations import owed, tombstones
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.conversations.store import QUIET_S, ConversationStore, connect
from api.database import Database, metadata, sqlite_url
from api.engine import EngineUnavailable, Reply, Turn, Understood
from api.handoffs.relay import Relay
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, as_ticket
from api.inbound import Deps, Line
from api.outbox import Outbox
from api.scripts.current import Releases
from api.scripts.release import Release, load_release
from api.scripts.render import Audience, render
from safety.message_text import MessageText
from tests.fixtures_browser_keys import Browser, on_screen, relay_for
from tests.fixtures_redis import RedisServer
from tests.fixtures_staff import KEYRING, Clock

ROOT = Path(__file__).resolve().parents[1]
OURS = "+15005550006"
SALMA = "+962790000001"
DANGER = "الحقوني ماسك السكين وبيذبحني هلأ"
"""Danger by rule, in anybody's reading."""


@functools.cache
def shipped_release() -> Release:
    """The default release, read once."""
    return load_release(ROOT / "scripts", ROOT / "domain.yml")


def words_of(name: str, variant: str = "msa", country: str = "JO", channel: str = "whatsapp", **values: str) -> str:
    """What a text says to somebody."""
    today = datetime.fromtimestamp(Clock().now, UTC).date()
    return render(shipped_release(), name, values, Audience(variant, channel, country, None, False, today))  # type: ignore[arg-type]


def understood(**changes: Any) -> Understood:
    """What the engine makes of a message that says nothing special."""
    values: dict[str, Any] = {
        "intent": "greet", "flags": (), "dialect": None, "language": "ar", "script": "arabic", "alarm": "",
        "confidence": 0.9, "p_danger": 0.0,
    }
    return Understood(**(values | changes))


def state(loop: str | None = None, **talk: Any) -> dict[str, Any]:
    """An engine state as ``bot/state.py`` writes it."""
    return {"version": 1, "loop": loop, "requested": "answer" if loop else None, "slots": {"talk": talk}}


def turn(*names: str, commands: Sequence[dict[str, Any]] = (), loop: str | None = "asking", **heard: Any) -> Turn:
    """A turn's outcome that says these texts."""
    replies = tuple(Reply(name, {}) for name in names)
    return Turn(state(loop), replies, tuple(commands), understood(**heard), "RulePolicy")


def handoff(band: str = "HIGH", reasons: Sequence[str] = ("P1",), **more: Any) -> dict[str, Any]:
    """The engine's command for a counsellor."""
    return {"id": os.urandom(8).hex(), "kind": "open_handoff", "band": band, "reasons": list(reasons), "sets": [],
            "wish": False, "minor": False, "lane": "", "call": False, **more}


@dataclass
class FakeEngine:
    """Gives the next outcome it was told to give; remembers states, words and facts."""

    outcomes: list[Turn | Exception] = field(default_factory=list)
    asked: list[tuple[dict[str, Any] | None, str, dict[str, Any]]] = field(default_factory=list)
    parsed: list[str] = field(default_factory=list)
    alarm: str = ""
    during: Callable[[], Awaitable[None]] | None = None
    down: bool = False

    async def turn(self, kept: Any, text: MessageText, facts: dict[str, Any]) -> Turn:
        """One turn."""
        self.asked.append((kept, text.reveal(), dict(facts)))
        if self.during is not None:
            await self.during()
        if self.down:
            raise EngineUnavailable("ClientConnectorError")
        outcome = self.outcomes.pop(0) if self.outcomes else turn("opening", loop="opening")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def understand(self, text: MessageText) -> Understood:
        """Parse only."""
        self.parsed.append(text.reveal())
        if self.down:
            raise EngineUnavailable("ClientConnectorError")
        return understood(alarm=self.alarm)


@dataclass
class FakeProvider:
    """Takes messages the way ``TwilioClient.send`` does: the last check is asked before anything counts as sent."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    typing_of: list[str] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None
    at_send: Callable[[], Awaitable[None]] | None = None
    refuse: ProviderRefused | None = None

    async def send(
        self, to: Any, sender: str, body: MessageText, *, validity_s: int, status_callback: str | None,
        redaction: bool, last_check: Callable[[], Awaitable[bool]],
    ) -> Sent:
        """Hand one message over."""
        if self.before is not None:
            await self.before()
        if not await last_check():
            raise Withdrawn
        if self.refuse is not None:
            raise self.refuse
        if self.at_send is not None:
            await self.at_send()
        sid = f"SM{len(self.sent):032x}"
        self.sent.append({"to": to.wire, "from": sender, "body": body.reveal(), "validity": validity_s, "sid": sid,
                          "callback": status_callback})
        return Sent(sid, "queued")

    async def typing(self, sid: str, last_check: Callable[[], Awaitable[bool]]) -> None:
        """Show that somebody writes."""
        if self.before is not None:
            await self.before()
        if not await last_check():
            raise Withdrawn
        if self.refuse is not None:
            raise self.refuse
        self.typing_of.append(sid)

    @property
    def bodies(self) -> list[str]:
        """What was said, in order."""
        return [message["body"] for message in self.sent]


@dataclass
class FakeEraser:
    """Counts how often it was woken."""

    woken: int = 0
    kept: list[erasure.Copy] = field(default_factory=list)

    def keep(self, copies: Iterable[erasure.Copy]) -> None:
        """Remember what the database would not take."""
        self.kept.extend(copies)

    def wake(self) -> None:
        """Look at the ledger now."""
        self.woken += 1


@dataclass
class Rig:
    """A line and everything around it."""

    line: Line
    deps: Deps
    store: ConversationStore
    database: Database
    redis: redis.asyncio.Redis
    engine: FakeEngine
    provider: FakeProvider
    relay: Relay
    eraser: FakeEraser
    clock: Clock
    keys: PeriodKeys
    server: RedisServer
    browser: Browser
    """Of the counsellor on duty."""
    counter: int = 0

    def message(self, words: str = "", number: str = SALMA, channel: str = "whatsapp", **rest: Any) -> Inbound:
        """A message nobody has sent before."""
        self.counter += 1
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        values: dict[str, Any] = {
            "sid": f"SM{self.counter:030x}ff", "channel": channel, "sender": parse_address(prefix + number),
            "to": prefix + OURS, "body": MessageText(words),
        }
        return Inbound(**(values | rest))

    async def say(self, words: str = "", number: str = SALMA, channel: str = "whatsapp", **rest: Any) -> str:
        """Receive a message; what became of it."""
        return await self.line.receive(self.message(words, number, channel, **rest))

    async def to_the_talk(self, **heard: Any) -> None:
        """Bring the talk past the good time."""
        self.engine.outcomes.append(turn("menu", **heard))
        await self.say("نعم وقت مناسب")
        self.provider.sent.clear()

    async def wait(self, seconds: float) -> None:
        """Time goes by, for Redis too where it counts by itself: the ten seconds after an exit."""
        self.clock.now += seconds
        if seconds > QUIET_S:
            async for key in self.redis.scan_iter("*:quiet"):
                await self.redis.delete(key)

    async def tickets(self) -> list[Ticket]:
        """Every ticket there is."""
        rows = await self.database.read(lambda c: c.execute(sa.select(tickets).order_by(tickets.c.created_at)).all())
        return [as_ticket(row) for row in rows]

    async def ledger(self) -> dict[str, float]:
        """Sids to be erased, with when."""
        rows = await self.database.read(lambda c: c.execute(sa.select(erasure.ledger)).all())
        return {row.sid: row.due_at for row in rows}

    async def shown(self, ticket_id: str) -> list[str]:
        """What waits for the counsellor, as her browser would show it."""
        return await on_screen(self.relay, self.browser, ticket_id)

    async def debts(self) -> int:
        """How many answers are owed."""
        query = sa.select(sa.func.count()).select_from(owed.owed_answers)
        return await self.database.read(lambda c: c.execute(query).scalar_one())

    async def deferred(self) -> list[tuple[str, int]]:
        """Exits Redis does not know of."""
        return await self.database.read(tombstones.pending)


@asynccontextmanager
async def rig_on(server: RedisServer, tmp_path: Path, keyring: Keyring = KEYRING) -> AsyncIterator[Rig]:
    """A line on this server and a fresh database."""
    database = Database(sqlite_url(tmp_path / "line.db"))
    metadata.create_all(database.engine)
    client, clock = connect(server.url), Clock()
    store = ConversationStore(client, keyring, os.urandom, clock)
    keys = PeriodKeys(tmp_path / "periods", keyring, os.urandom)
    engine, provider, eraser = FakeEngine(), FakeProvider(), FakeEraser()
    browser = Browser()
    relay = relay_for(client, browser)
    outbox = Outbox(provider, store, "https://line.test/webhooks/twilio/status", clock)  # type: ignore[arg-type]
    deps = Deps(
        store=store, database=database, keyring=keyring, keys=keys, engine=engine, outbox=outbox, relay=relay,  # type: ignore[arg-type]
        releases=Releases(shipped_release()), eraser=eraser, clock=clock, country_default="XX", production=False,  # type: ignore[arg-type]
    )
    try:
        yield Rig(Line(deps), deps, store, database, client, engine, provider, relay, eraser, clock, keys, server, browser)
    finally:
        await store.wire.settle()
        await client.aclose()
        database.close()
