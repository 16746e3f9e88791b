"""What the tests of staff, tickets and console share: a database, keys, cheap passwords, a clock, a full application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher

import api.audit.trail
import api.handoffs.tables
import api.staff.rotas
import api.staff.tables  # noqa: F401 - the tables are declared by being imported
from api.conversations.sealing import Keyring
from api.database import Database, metadata, sqlite_url
from api.handoffs.relay import Courtesy, SendState, SentAs
from api.handoffs.tickets import OpenHandoff, Ticket
from api.staff.accounts import NewStaff, add_staff
from api.staff.passwords import Passwords
from safety.message_text import MessageText

KEYRING = Keyring([b"k" * 32])
PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
NOON = 1_800_000_000.0

POSTGRES_URL = os.environ.get("HAMS_TEST_POSTGRES_URL", "")


@contextmanager
def databases(kind: str, tmp_path: Path, count: int = 1) -> Iterator[list[Database]]:
    """Several gateways' views of one store: an SQLite file, or a PostgreSQL schema of its own."""
    if kind == "sqlite":
        url = sqlite_url(tmp_path / "casework.db")
        opened = [Database(url) for _ in range(count)]
        metadata.create_all(opened[0].engine)
        try:
            yield opened
        finally:
            for database in opened:
                database.close()
        return
    schema = "test_" + os.urandom(6).hex()
    separator = "&" if "?" in POSTGRES_URL else "?"
    admin = Database(POSTGRES_URL)
    with admin.engine.begin() as connection:
        connection.execute(sa.text(f"create schema {schema}"))
    opened = [Database(f"{POSTGRES_URL}{separator}options=-csearch_path%3D{schema}") for _ in range(count)]
    metadata.create_all(opened[0].engine)
    try:
        yield opened
    finally:
        for database in opened:
            database.close()
        with admin.engine.begin() as connection:
            connection.execute(sa.text(f"drop schema {schema} cascade"))
        admin.close()


@dataclass(slots=True)
class Clock:
    """A clock that moves when told."""

    now: float = NOON

    def __call__(self) -> float:
        """The present."""
        return self.now


@dataclass(slots=True)
class FakeOutbox:
    """Remembers what would have gone to the phone; refuses for people who have left."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    state: SendState = SendState.SENT

    told: list[tuple[str, Courtesy]] = field(default_factory=list)

    async def tell(self, ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        """What the program would have said."""
        if self.state is SendState.SENT:
            self.told.append((ticket.id, courtesy))
        return self.state

    async def send(self, ticket: Ticket, text: MessageText, sent_as: SentAs | None = None) -> SendState:
        """A counsellor's words; the sid is their number among all that were sent."""
        if self.state is SendState.SENT:
            self.sent.append((ticket.id, text.reveal()))
            if sent_as is not None:
                await sent_as(f"SM{len(self.sent):032x}")
        return self.state


def wish(person: str = "a" * 32, **changes: Any) -> OpenHandoff:
    """A handoff command with everything filled in."""
    values: dict[str, Any] = {
        "command_id": os.urandom(8).hex(), "person": person, "channel": "whatsapp", "generation": 1, "country": "JO",
        "band": "HIGH", "variant": "lev", "language": "ar", "sender": "+15005550006", "repeat_key": person[:16],
        "reply_address": b"sealed address", "reasons": ("P1",), "sets": ("lethality",),
    }
    return OpenHandoff(**(values | changes))


def new_id() -> str:
    """A ticket's id."""
    return os.urandom(16).hex()


def hire(database: Database, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> NewStaff:
    """Make an account."""
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        return add_staff(
            connection, username=name, role=role, desks=desks, passwords=PASSWORDS, keyring=KEYRING,
            random_bytes=os.urandom, now=NOON,
        )


def code_of(member: NewStaff, at: float = NOON) -> str:
    """The one-time code an authenticator app would show."""
    return pyotp.parse_uri(member.otpauth_uri).at(int(at))  # type: ignore[union-attr]
