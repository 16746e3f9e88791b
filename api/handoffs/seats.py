"""How many sockets one session has open, over all gateways: a stolen cookie must not be able to fill every one of them.

By Redis's own clock, since those of two gateways may differ. A seat that nobody keeps (its gateway died) is free again
after a minute. With Redis away each gateway counts its own (live.py), and nobody is kept out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEPT_SECONDS: Final = 60

# KEYS: the session's seats. ARGV: seat, most, seconds. What is kept anew is there already and takes no second place.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class Seats:
    """The sockets of every session.

    Args:
        redis: a client that returns bytes.
        most: sockets one session may hold.
    """

    def __init__(self, redis: Redis, most: int) -> None:
        self._redis, self._most = redis, most
        self._take: Callable[..., Awaitable[int]] = redis.register_script(_TAKE)

    async def take(self, session: str, seat: str) -> bool:
        """Whether there is a place for this socket; asked again every few seconds, it keeps the place it has."""
        try:
            return int(await self._take(keys=[_key(session)], args=[seat, self._most, KEPT_SECONDS])) == 1
        except RedisError:
            return True

    async def leave(self, session: str, seat: str) -> None:
        """The socket is closed."""
        with suppress(RedisError):
            await self._redis.zrem(_key(session), seat)


def _key(session: str) -> str:
    return f"seats:{session}"
