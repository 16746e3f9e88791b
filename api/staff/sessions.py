"""Server-side sessions in Redis: the browser holds a random name, Redis holds its HMAC and a sealed value.

A stolen dump of Redis gives no cookie; a stolen cookie ends after 30 idle minutes, at sign-out, with a new password
or with the account. Nothing of the session is in the browser but the name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from redis.asyncio import Redis

from api.conversations.sealing import CannotOpen, Keyring

IDLE_SECONDS = 30 * 60
LONGEST_SECONDS = 12 * 3600
"""A night shift; after it one signs in again whatever one did meanwhile."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session this is and which credentials it was opened with.

    ``proved_at``: when its owner last showed a second factor, at sign-in or since (``stepup.py``).
    """

    key: str
    staff: str
    credentials: int
    began: float
    proved_at: float


class Sessions:
    """Open, read and end sessions.

    Args:
        redis: a client that returns bytes.
        secure: whether the gateway is reached by https; decides the cookie's name and flag.
        practice: whether this is the world of made-up people. Cookies know no ports: on one host each world needs a name
            of its own, or signing in to one would sign out of the other.
    """

    __slots__ = ("_clock", "_keyring", "_random_bytes", "_redis", "cookie", "secure")

    def __init__(
        self,
        redis: Redis,
        keyring: Keyring,
        *,
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        secure: bool,
        practice: bool = False,
    ) -> None:
        self._redis, self._keyring, self._clock, self._random_bytes = redis, keyring, clock, random_bytes
        self.secure = secure
        # The prefix makes the browser refuse the cookie from another host or path; it demands https.
        self.cookie = ("__Host-hams" if secure else "hams") + ("-practice" if practice else "")

    async def open(self, staff: str, credentials: int, *, goes_on: Session | None = None) -> str:
        """A new session; returns what the cookie carries.

        Args:
            goes_on: the one it takes the place of, after a change of credentials: no second factor was shown for it, and
                its twelve hours run on.
        """
        token = base64.urlsafe_b64encode(self._random_bytes(32)).rstrip(b"=").decode()
        key = self._key(token)
        now = self._clock()
        await self._redis.set(
            key, self._sealed(Session(key, staff, credentials, goes_on.began if goes_on else now, goes_on.proved_at if goes_on else now)),
            ex=IDLE_SECONDS,
        )
        return token

    async def prove(self, session: Session) -> Session:
        """Note that the owner of a session has shown a second factor now. A session that ended meanwhile stays ended."""
        proved = replace(session, proved_at=self._clock())
        await self._redis.set(session.key, self._sealed(proved), ex=IDLE_SECONDS, xx=True)
        return proved

    async def read(self, token: str | None, *, touch: bool = True) -> Session | None:
        """The session behind a cookie, ``None`` if there is none (any more).

        Args:
            token: the cookie's value, from outside, of any shape.
            touch: whether this is an act of the person at the screen, which keeps the session alive.
        """
        if token is None or not _TOKEN.fullmatch(token):
            return None
        key = self._key(token)
        sealed = await (self._redis.getex(key, ex=IDLE_SECONDS) if touch else self._redis.get(key))
        if not isinstance(sealed, bytes):
            return None
        try:
            value = json.loads(self._keyring.open("session", sealed, key.encode()))
        except CannotOpen:
            return None
        if self._clock() - value["began"] > LONGEST_SECONDS:
            await self._redis.delete(key)
            return None
        return Session(key, value["staff"], value["credentials"], value["began"], value.get("proved", value["began"]))

    async def end(self, token: str | None) -> None:
        """Sign out; harmless if there is no such session."""
        if token is not None and _TOKEN.fullmatch(token):
            await self._redis.delete(self._key(token))

    def _sealed(self, session: Session) -> bytes:
        value = {
            "staff": session.staff, "credentials": session.credentials, "began": session.began,
            "proved": session.proved_at,
        }
        return self._keyring.seal("session", json.dumps(value).encode(), session.key.encode())

    def _key(self, token: str) -> str:
        return "session:" + self._keyring.mac("session", token.encode()).hex()
