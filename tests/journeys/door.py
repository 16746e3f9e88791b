"""The provider's hand on the gateway's door: webhooks of any shape, signed by Twilio's own code; and what one leaves.

The product's Redis user may not list keys, so these tests bring a server of their own, on which they may.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import redis
from twilio.request_validator import RequestValidator

from tests.fixtures_redis import start_redis
from tests.journeys.stack import OURS, PREFIX, Stack, start

MESSAGE = "/webhooks/twilio/message"
STATUS = "/webhooks/twilio/status"
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Params = dict[str, str]

_HTTP = httpx.Client(timeout=30)  # one for all: making one takes longer than the gaps in a burst


def new_sid(prefix: str = "SM") -> str:
    return prefix + secrets.token_hex(16)


def new_number(country: str = "JO") -> str:
    return PREFIX[country] + "".join(secrets.choice("0123456789") for _ in range(6 if country == "BH" else 7))


@dataclass(frozen=True)
class Door:
    """Where webhooks are posted to, and what signs them."""

    base: str
    public: str
    account: str
    token: str

    @classmethod
    def of(cls, stack: Stack) -> Door:
        account, token = (stack.var / "run" / "demo-account").read_text().split()
        return cls(stack.base, stack.base, account, token)

    def form(self, words: str, sender: str, **more: str) -> Params:
        """An inbound WhatsApp or SMS message as Twilio posts it."""
        sid = more.pop("MessageSid", None) or new_sid()
        to = f"whatsapp:{OURS}" if sender.startswith("whatsapp:") else OURS
        return {
            "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received", "Body": words, "To": to,
            "NumSegments": "1", "MessageSid": sid, "AccountSid": self.account, "From": sender,
            "ApiVersion": "2010-04-01", **more,
        }  # fmt: skip

    def sign(self, params: Mapping[str, str], path: str = MESSAGE) -> str:
        return str(RequestValidator(self.token).compute_signature(self.public + path, dict(params)))

    def post(self, params: Mapping[str, str], path: str = MESSAGE, **headers: str) -> httpx.Response:
        """Post a genuine form."""
        return self.raw(urlencode(params).encode(), path, **{"X-Twilio-Signature": self.sign(params, path), **headers})

    def raw(self, body: bytes | Iterator[bytes], path: str = MESSAGE, **headers: str) -> httpx.Response:
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return _HTTP.post(self.base + path, content=body, headers={**kind, **headers})


@dataclass(frozen=True)
class Traces:
    """What there is: Redis keys, rows as ``(table, …)``, and the lines the processes wrote."""

    keys: frozenset[str]
    rows: frozenset[tuple[Any, ...]]
    lines: tuple[str, ...]

    @property
    def kinds(self) -> set[str]:
        """The keys' names without the person and the message: ``m`` is a duplicate mark, ``wa:s`` a sealed state."""
        return {":".join(part for part in key.split("}:")[-1].split(":")[:2] if len(part) < 10) for key in self.keys}

    @property
    def ledger(self) -> set[str]:
        """The sids noted for erasure."""
        return {row[1] for row in self.rows if row[0] == "erasure_ledger"}

    @property
    def other_rows(self) -> set[tuple[Any, ...]]:
        """Everything in SQL but the ledger."""
        return {row for row in self.rows if row[0] != "erasure_ledger"}

    @property
    def nothing(self) -> bool:
        return not (self.keys or self.rows or self.lines)


@dataclass
class Watched:
    """A running product whose every trace can be listed."""

    stack: Stack
    door: Door
    redis: redis.Redis
    redis_url: str

    def look(self) -> Traces:
        keys = frozenset(key.decode() for key in self.redis.keys("*"))
        return Traces(keys, frozenset(rows(self.stack.var)), tuple(self.stack.log.read_text().splitlines()))

    def look_at_ledger(self) -> set[str]:
        """The sids that are still to be erased."""
        return {row[1] for row in rows(self.stack.var) if row[0] == "erasure_ledger"}

    def left_by(self, act: Callable[[], Any]) -> Traces:
        """What was not there before; what is being erased meanwhile does not count."""
        before = self.look()
        act()
        time.sleep(0.3)  # status callbacks of what was said come 50 ms later
        after = self.look()
        return Traces(after.keys - before.keys, after.rows - before.rows, after.lines[len(before.lines) :])

    def outcome(self, act: Callable[[], Any]) -> dict[str, float]:
        """How the count of messages by what became of them changed."""
        before = self.counts()
        act()
        return {name: count - before.get(name, 0) for name, count in self.counts().items() if count != before.get(name, 0)}

    def counts(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for line in httpx.get(f"{self.stack.base}/metrics").text.splitlines():
            if line.startswith("hams_inbound_total{"):
                name = line.split('outcome="')[1].split('"')[0]
                found[name] = found.get(name, 0) + float(line.rpartition(" ")[2])
        return found


def rows(var: Path) -> Iterator[tuple[Any, ...]]:
    """Every row of every table."""
    with contextlib.closing(sqlite3.connect(f"file:{var / 'hams.db'}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield (table, *row)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """Start the product on a Redis whose keys this test may list."""
    server = start_redis(folder)
    try:
        with start(folder / "var", HAMS_REDIS_URL=server.url) as stack:
            # these webhooks do not come from the stand-in, so it knows of no open WhatsApp window
            httpx.post(f"{stack.standin}/standin/pace", json={"window": False}).raise_for_status()
            yield Watched(stack, Door.of(stack), redis.Redis(unix_socket_path=str(server.socket)), server.url)
    finally:
        server.stop()
