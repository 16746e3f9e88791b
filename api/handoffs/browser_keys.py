"""Whose browsers words are sealed to: the public keys that consoles have made, one a browser, kept as long as the session.

Redis says which keys there are, the session's own key whether it still lives, and SQL, asked for each message, what its
owner may see: so a sign-out, a deactivation, a recovery or another desk count at the next message, whatever is still
lying about in Redis. A public key is no secret; there is no private one on this side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from redis.asyncio import Redis

from api.database import Database
from api.handoffs import presence
from api.handoffs.envelopes import MOST_KEYS, NotAKey, PublicKey, read_key, to_base64url
from api.handoffs.tickets import Ticket, find
from api.staff.accounts import colleague, find_members, may_see
from api.staff.sessions import LONGEST_SECONDS, Session

MOST_OF_A_SESSION: Final = 10
"""A session lives in one browser and has one key; a browser that loses its store may make a few more."""

AT_A_SCREEN_SECONDS: Final = 30
"""A seat says every few seconds that its browser is there; after this long without it, it is taken to be closed."""

# One hash tag: everything here lies on one node of a cluster.
_ALL: Final = "{browsers}:keys"

# KEYS: all, the session's. ARGV: field, value, most of a session, seconds.
_REGISTER = """
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 and redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""

# KEYS: all, the session's.
_FORGET = """
for _, field in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('HDEL', KEYS[1], field) end
redis.call('DEL', KEYS[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class BrowserKey:
    """A public key and whose session it was made in."""

    session: str
    staff: str
    credentials: int
    until: float
    public: PublicKey


class BrowserKeys:
    """The registered keys.

    Args:
        redis: a client that returns bytes.
        clock: a session ends after twelve hours whatever is done in it.
    """

    __slots__ = ("_clock", "_forget", "_redis", "_register")

    def __init__(self, redis: Redis, clock: Callable[[], float]) -> None:
        self._redis, self._clock = redis, clock
        self._register: Callable[..., Any] = redis.register_script(_REGISTER)
        self._forget: Callable[..., Any] = redis.register_script(_FORGET)

    async def register(self, session: Session, public: PublicKey) -> bool:
        """A browser of this session has this key. False if the session has too many already: nothing was kept."""
        until = session.began + LONGEST_SECONDS
        value = {
            "session": session.key, "staff": session.staff, "credentials": session.credentials, "until": until,
            "key": to_base64url(public.raw),
        }
        # the session stands in the field: nobody takes a colleague's place by registering the colleague's key
        args = [f"{session.key}:{public.id.hex()}", json.dumps(value), MOST_OF_A_SESSION, LONGEST_SECONDS]
        kept = int(await self._register(keys=[_ALL, _of(session.key)], args=args)) == 1
        if kept:
            await self.note_seen(public.id)
        return kept

    async def forget(self, session: str) -> None:
        """The session is over: its keys are sealed to no more."""
        await self._forget(keys=[_ALL, _of(session)])

    async def note_seen(self, key: bytes) -> None:
        """A console with this key is open just now."""
        await self._redis.set(_seen(key), b"", ex=AT_A_SCREEN_SECONDS)

    async def registered(self) -> tuple[BrowserKey, ...]:
        """The keys of every session that lives; those of sessions that have ended are let go of.

        Raises:
            RedisError: nobody can tell.
        """
        found: dict[bytes, BrowserKey] = {}
        for field, value in (await self._redis.hgetall(_ALL)).items():
            read = _read(value)
            if read is not None and isinstance(field, bytes):
                found[field] = read
        sessions = sorted({key.session for key in found.values()})
        async with self._redis.pipeline(transaction=False) as asked:
            for session in sessions:
                asked.exists(session)
            lives = dict(zip(sessions, await asked.execute() if sessions else [], strict=True))
        now = self._clock()
        over = [field for field, key in found.items() if not lives[key.session] or key.until < now]
        for session in {found[field].session for field in over}:
            await self.forget(session)
        return tuple(key for field, key in found.items() if field not in over)

    async def at_a_screen(self, keys: Sequence[BrowserKey]) -> frozenset[bytes]:
        """The ids of those whose console is open just now."""
        if not keys:
            return frozenset()
        async with self._redis.pipeline(transaction=False) as asked:
            for key in keys:
                asked.exists(_seen(key.public.id))
            seen = await asked.execute()
        return frozenset(key.public.id for key, there in zip(keys, seen, strict=True) if there)


class OnDuty:
    """Which of the registered keys words of a talk may be sealed to."""

    __slots__ = ("_database", "keys")

    def __init__(self, database: Database, keys: BrowserKeys) -> None:
        self._database, self.keys = database, keys

    async def readers_of(self, ticket_id: str) -> tuple[BrowserKey, ...]:
        """Of everybody who may own or read this talk, its owner's first.

        Raises:
            RedisError, DatabaseUnavailable: nobody can tell.
        """
        keys = await self.keys.registered()
        if not keys:
            return ()
        return await self._database.read(lambda c: who_may_open(c, ticket_id, keys), _ASKED_WITHIN_S)

    async def beside(self, ticket_id: str) -> tuple[BrowserKey, ...]:
        """Of those who read along beside the owner.

        Raises:
            RedisError, DatabaseUnavailable: nobody can tell.
        """
        there = await self._database.read(lambda c: presence.all_present(c, [ticket_id]), _ASKED_WITHIN_S)
        staff = {one.staff for one in there}
        return tuple(key for key in await self.readers_of(ticket_id) if key.staff in staff) if staff else ()

    async def of_colleague(self, ticket: Ticket, username: str) -> tuple[BrowserKey, ...] | None:
        """Of a colleague who may take this person, those whose console is open just now; ``None`` if there is no such
        colleague. A session goes on for a while after its browser has gone, and a note sealed to it would be lost.

        Raises:
            RedisError, DatabaseUnavailable: nobody can tell.
        """
        other = await self._database.read(lambda c: colleague(c, username, ticket.desk, ticket.called_desk))
        if other is None:
            return None
        theirs = [
            key for key in await self.keys.registered() if key.staff == other.id and key.credentials == other.credentials
        ]
        there = await self.keys.at_a_screen(theirs)
        return tuple(key for key in theirs if key.public.id in there)


_ASKED_WITHIN_S: Final = 2.5
"""As for everything a person waits for (``inbound.py``): a database that says nothing for so long counts as away."""


def who_may_open(connection: sa.Connection, ticket_id: str, keys: Sequence[BrowserKey]) -> tuple[BrowserKey, ...]:
    """Of these keys those whose owner may own or read this talk: own desk only, and only who talks to people
    (threats.md). Its owner's come first, then those of whoever is present, then the others."""
    ticket = find(connection, ticket_id)
    if ticket is None:
        return ()
    members = find_members(connection, {key.staff for key in keys})
    beside = {one.staff for one in presence.all_present(connection, [ticket_id])}

    def may(key: BrowserKey) -> bool:
        member = members.get(key.staff)
        if member is None or member.credentials != key.credentials or not member.talks:
            return False
        return member.id == ticket.owner or member.id in beside or may_see(member, ticket.desk, ticket.called_desk)

    first = sorted(filter(may, keys), key=lambda key: (key.staff != ticket.owner, key.staff not in beside))
    return tuple(first[:MOST_KEYS])


def _read(value: bytes | str) -> BrowserKey | None:
    try:
        kept = json.loads(value)
        return BrowserKey(
            kept["session"], kept["staff"], kept["credentials"], kept["until"], read_key(kept["key"])
        )
    except (ValueError, KeyError, TypeError, NotAKey):
        return None  # of another version of the program


def _of(session: str) -> str:
    return f"{{browsers}}:of:{session}"


def _seen(key: bytes) -> str:
    return f"{{browsers}}:seen:{key.hex()}"
