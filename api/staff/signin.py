"""Signing in: password and one-time code together, one answer for every way of being wrong.

Guessing slows down by itself, for the account *and* the place it is tried from: whoever guesses from elsewhere
makes nobody wait but themself, so the slowing cannot be used to lock a counsellor out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.sealing import Keyring
from api.database import Database
from api.staff.accounts import Staff, change_password, credentials_of, fold_username, matching_counter, use_up
from api.staff.passwords import Passwords

FREE_TRIES = 4
LONGEST_WAIT = 900.0
_MEMORY_SECONDS = 24 * 3600
_AT_ONCE = 2  # Argon2 takes 64 MiB each: more at once would let strangers fill the memory

# Counts the try before it is made: a hundred at the same instant are a hundred tries, not one.
_TRY = """
local n, not_before = tonumber(redis.call('HGET', KEYS[1], 'n') or '0'), redis.call('HGET', KEYS[1], 't')
local now = tonumber(ARGV[1])
if not_before and now < tonumber(not_before) then return tostring(tonumber(not_before) - now) end
n = n + 1
local wait = 0
if n >= tonumber(ARGV[2]) then wait = math.min(2 ^ (n - tonumber(ARGV[2])), tonumber(ARGV[3])) end
redis.call('HSET', KEYS[1], 'n', n, 't', tostring(now + wait))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return '0'
"""


class Refused(Exception):
    """Name, password or code is wrong; which one is not told."""


class TooSoon(Exception):
    """After several wrong tries from one place the next has to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("wait before the next try")
        self.seconds = max(1, int(seconds + 0.999))


class SignIn:
    """Checks who somebody is. Opening the session is the caller's next step."""

    __slots__ = ("_clock", "_database", "_keyring", "_passwords", "_redis", "_slots", "_try")

    def __init__(
        self, database: Database, redis: Redis, keyring: Keyring, passwords: Passwords, *, clock: Callable[[], float]
    ) -> None:
        self._database, self._redis, self._keyring, self._passwords = database, redis, keyring, passwords
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._try: Any = redis.register_script(_TRY)

    async def check(self, username: str, password: str, totp: str, *, source: str) -> Staff:
        """Who this is.

        Args:
            source: where the request comes from (an address), only ever used under an HMAC.

        Raises:
            Refused: unknown name, wrong password, wrong or used code: the same answer after the same work.
            TooSoon: the try was not even looked at.
        """
        slow = self._slow_key(username, source)
        await self._count(slow)
        found = await self._database.read(lambda connection: credentials_of(connection, username))
        right_password = await self._argon(found.password_hash if found else None, password)
        counter = matching_counter(self._keyring, found, totp, self._clock())
        if found is None or not right_password or counter is None:
            raise Refused
        member, now = found.staff, self._clock()

        def enter(connection: sa.Connection) -> bool:
            if not use_up(connection, member.id, counter):
                return False
            trail.append(connection, at=now, actor=member.id, act="staff.sign_in", object_id=member.id)
            return True

        if not await self._database.write(enter):
            raise Refused
        await self._redis.delete(slow)
        return member

    async def change(self, member: Staff, password: str, new_password: str, *, source: str) -> Staff:
        """Change one's own password; every other session of the account ends.

        Raises:
            Refused: the present password is wrong.
            TooSoon: too many wrong tries.
            WeakPassword: the new one is too short or too long.
        """
        slow = self._slow_key(member.username, source)
        await self._count(slow)
        found = await self._database.read(lambda connection: credentials_of(connection, member.username))
        if not await self._argon(found.password_hash if found else None, password):
            raise Refused
        async with self._slots:
            new_hash = await asyncio.to_thread(self._passwords.hash, new_password)
        now = self._clock()
        changed = await self._database.write(lambda connection: change_password(connection, member, new_hash, now=now))
        if changed is None:
            raise Refused
        await self._redis.delete(slow)
        return changed

    async def _argon(self, stored: str | None, password: str) -> bool:
        async with self._slots:
            return await asyncio.to_thread(self._passwords.matches, stored, password)

    async def _count(self, key: str) -> None:
        wait = float(await self._try(keys=[key], args=[self._clock(), FREE_TRIES, LONGEST_WAIT, _MEMORY_SECONDS]))
        if wait > 0:
            raise TooSoon(wait)

    def _slow_key(self, username: str, source: str) -> str:
        who = f"{fold_username(username)}\x00{source}".encode("utf-8", "surrogatepass")
        return "slow:" + self._keyring.mac("slow", who).hex()[:32]
