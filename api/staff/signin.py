"""Signing in: password and one-time code together, one answer for every way of being wrong.

Guessing slows down by itself, for the account *and* the place it is tried from: whoever guesses from elsewhere
makes nobody wait but themself, so the slowing cannot be used to lock a counsellor out. Places that look alike (an
office, a proxy) are told apart by browsers that have signed in before (``devices.py``): each is counted by itself, and
has a place of its own where passwords are hashed. A passkey (``passkeys.py``) needs neither: that way is always open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.sealing import Keyring
from api.database import Database
from api.staff.accounts import (
    Credentials,
    Staff,
    change_password,
    credentials_of,
    fold_username,
    matching_counter,
    use_up,
)
from api.staff.passwords import Passwords

FREE_TRIES = 4
LONGEST_WAIT = 900.0
_MEMORY_SECONDS = 24 * 3600
_AT_ONCE = 2  # Argon2 takes 64 MiB each: more at once would let strangers fill the memory
_STRANGERS_WAIT = 24  # beyond that they are sent away at once: a queue of minutes helps nobody
SOURCE_TRIES = 40
SOURCE_REFILL_SECONDS = 15.0
"""One place may try this many names at once, and one more every so often: guessing one password on every name."""

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


# A bucket of tries that fills up again. KEYS[1]: of the place. ARGV: now, how many, seconds for one.
_TAKE = """
local used = tonumber(redis.call('HGET', KEYS[1], 'n') or '0')
local at, now = tonumber(redis.call('HGET', KEYS[1], 't') or ARGV[1]), tonumber(ARGV[1])
used = math.max(0, used - math.max(0, now - at) / tonumber(ARGV[3]))
if used + 1 > tonumber(ARGV[2]) then return tostring((used + 1 - tonumber(ARGV[2])) * tonumber(ARGV[3])) end
redis.call('HSET', KEYS[1], 'n', tostring(used + 1), 't', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2]) * tonumber(ARGV[3])))
return '0'
"""

_GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBYFLOAT', KEYS[1], 'n', '-1') end
return '0'
"""


class Refused(Exception):
    """Name, password or code is wrong; which one is not told."""


class TooSoon(Exception):
    """After several wrong tries from one place the next has to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("wait before the next try")
        self.seconds = max(1, int(seconds + 0.999))


@dataclass(frozen=True, slots=True)
class _Try:
    """A try that was counted: under which key, and for which place (none for a known browser)."""

    key: str
    place: str | None

    @property
    def known(self) -> bool:
        return self.place is None


class SignIn:
    """Checks who somebody is. Opening the session is the caller's next step.

    Args:
        code_clock: this machine's own clock (:meth:`api.clock.Clock.own`), for one-time codes alone.
    """

    __slots__ = (
        "_clock", "_code_clock", "_database", "_keyring", "_known_slot", "_passwords", "_put_back", "_redis", "_slots", "_take", "_try",
        "_waiting",
    )

    def __init__(
        self, database: Database, redis: Redis, keyring: Keyring, passwords: Passwords, *, clock: Callable[[], float],
        code_clock: Callable[[], float] | None = None,
    ) -> None:
        self._database, self._redis, self._keyring, self._passwords = database, redis, keyring, passwords
        self._clock, self._code_clock = clock, code_clock or clock
        self._slots, self._known_slot, self._waiting = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(1), 0
        self._try: Any = redis.register_script(_TRY)
        self._take: Any = redis.register_script(_TAKE)
        self._put_back: Any = redis.register_script(_GIVE_BACK)

    async def check(
        self, username: str, password: str, totp: str, *, source: str,
        lane_of: Callable[[str | None], str | None] | None = None,
    ) -> Staff:
        """Who this is.

        Args:
            source: where the request comes from (an address), only ever used under an HMAC.
            lane_of: given the account's id, the name of the browser if it is known for it (``Devices.lane``).

        Raises:
            Refused: unknown name, wrong password, wrong or used code: the same answer after the same work.
            TooSoon: the try was not even looked at.
        """
        found = await self._database.read(lambda connection: credentials_of(connection, username))
        lane = lane_of(found.staff.id if found else None) if lane_of else None
        with self._place_in_line(lane is not None):
            try_of = await self._count(username, source, lane)
            member = await self._right(found, password, totp, known=try_of.known, act="staff.sign_in")
        await self._forgive(try_of)
        return member

    async def prove(self, member: Staff, password: str, totp: str, *, session: str) -> None:
        """Password and code once more, of somebody who is signed in (``stepup.py``).

        Args:
            session: the session's key. Tries are counted for it alone, so nobody else can use them up.

        Raises:
            Refused, TooSoon: as in :meth:`check`.
        """
        try_of = await self._count(member.username, "", "session " + session)
        found = await self._database.read(lambda connection: credentials_of(connection, member.username))
        if found is not None and found.staff.id != member.id:
            found = None
        await self._right(found, password, totp, known=True, act="staff.step_up")
        await self._forgive(try_of)

    async def hash(self, password: str) -> str:
        """The Argon2id hash of a new password.

        Raises:
            WeakPassword: too short or too long.
        """
        async with self._known_slot:
            return await asyncio.to_thread(self._passwords.hash, password)

    async def _right(self, found: Credentials | None, password: str, totp: str, *, known: bool, act: str) -> Staff:
        right_password = await self._argon(found.password_hash if found else None, password, known=known)
        counter = matching_counter(self._keyring, found, totp, self._code_clock())
        enrols = found is not None and found.enrols
        if found is None or not right_password or (counter is None and not enrols):
            raise Refused
        member, now = found.staff, self._clock()
        if found.password_until is not None and now > found.password_until:
            raise Refused

        def enter(connection: sa.Connection) -> bool:
            if not enrols and not use_up(connection, member.id, counter or 0):
                return False
            trail.append(connection, at=now, actor=member.id, act=act, object_id=member.id)
            return True

        if not await self._database.write(enter):
            raise Refused
        return member

    async def change(self, member: Staff, password: str, new_password: str, *, session: str, totp: str = "") -> Staff:
        """Change one's own password; every other session of the account ends.

        Args:
            totp: a code of the new authenticator, of whoever was recovered; nobody else is asked for one.
            session: the session's key; tries are counted for it alone.

        Raises:
            Refused: the present password is wrong, or the code of a recovered account's new authenticator is.
            TooSoon: too many wrong tries.
            WeakPassword: the new one is too short or too long.
        """
        try_of = await self._count(member.username, "", "session " + session)
        found = await self._database.read(lambda connection: credentials_of(connection, member.username))
        enrolled = matching_counter(self._keyring, found, totp, self._code_clock())
        if not await self._argon(found.password_hash if found else None, password, known=True) or found is None:
            raise Refused
        if found.enrols and enrolled is None:
            raise Refused
        step = enrolled if found.enrols else None
        new_hash = await self.hash(new_password)
        now = self._clock()
        changed = await self._database.write(lambda connection: change_password(connection, member, new_hash, now=now, enrolled=step))
        if changed is None:
            raise Refused
        await self._forgive(try_of)
        return changed

    async def _argon(self, stored: str | None, password: str, *, known: bool) -> bool:
        if known:
            async with self._known_slot:
                return await asyncio.to_thread(self._passwords.matches, stored, password)
        async with self._slots:
            return await asyncio.to_thread(self._passwords.matches, stored, password)

    @contextmanager
    def _place_in_line(self, known: bool) -> Iterator[None]:
        """
        Raises:
            TooSoon: too many strangers wait already. It is not counted: it was not this one's fault.
        """
        if not known and self._waiting >= _STRANGERS_WAIT:
            raise TooSoon(1)
        self._waiting += not known
        try:
            yield
        finally:
            self._waiting -= not known

    async def _count(self, username: str, source: str, lane: str | None) -> _Try:
        """Count a try before it is made: for a known browser by itself; where that is used up, like everybody's.

        Raises:
            TooSoon: the next try has to wait.
        """
        if lane is not None:
            mine = self._key("slow:", f"{fold_username(username)}\x00known\x00{lane}")
            wait = await self._wait(mine)
            if wait <= 0:
                return _Try(mine, None)
            if not source:
                raise TooSoon(wait)
        place = self._key("slow:place:", source)
        # The place first: a key for every name somebody thinks of would fill the memory.
        wait = float(await self._take(keys=[place], args=[self._clock(), SOURCE_TRIES, SOURCE_REFILL_SECONDS]))
        if wait > 0:
            raise TooSoon(wait)
        here = self._key("slow:", f"{fold_username(username)}\x00{source}")
        wait = await self._wait(here)
        if wait > 0:
            await self._give_back(place)  # it was not looked at: whoever hammers one name takes no other's tries
            raise TooSoon(wait)
        return _Try(here, place)

    async def _wait(self, key: str) -> float:
        return float(await self._try(keys=[key], args=[self._clock(), FREE_TRIES, LONGEST_WAIT, _MEMORY_SECONDS]))

    async def _forgive(self, try_of: _Try) -> None:
        await self._redis.delete(try_of.key)
        if try_of.place is not None:
            await self._give_back(try_of.place)

    async def _give_back(self, place: str) -> None:
        # One try, not all of them: who may sign in themselves must not be able to try others for ever.
        await self._put_back(keys=[place])

    def _key(self, use: str, what: str) -> str:
        return use + self._keyring.mac("slow", (use + what).encode("utf-8", "surrogatepass")).hex()[:32]
