"""What became of a counsellor's message after it went out: delivered, read, or failed and why. No word, no address.

The provider tells by the sid; which message of which talk that was is kept for an hour in Redis, under a fingerprint of
the sid. Reports come in any order and are applied monotonically (twilio.md).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.channels.twilio.status import FAILED, StatusReport, advance
from api.conversations.sealing import Keyring

CHANGED: Final = "marks"
"""The Redis channel that carries ``ticket:number:mark:reason``."""

KEPT_SECONDS: Final = 3600

_MARKS: Final = {"delivered": "delivered", "read": "read"} | dict.fromkeys(FAILED, "undelivered")

_REASONS: Final = {
    21610: "opted_out", 63016: "window", 21211: "number", 21612: "number", 21614: "number", 21408: "region",
    63003: "number", 63024: "number", 30003: "unreachable", 30005: "unreachable", 30007: "filtered", 63018: "slow_down",
}
"""twilio.md, "Errors that matter", as codes of ours; the console has words for them."""


class Marks:
    """Which message a sid is, and how far it has come.

    Args:
        redis: a client that returns bytes.
    """

    def __init__(self, redis: Redis, keyring: Keyring) -> None:
        self._redis, self._keyring = redis, keyring

    async def note(self, sid: str, ticket_id: str, seq: int) -> None:
        """This sid is that message of this talk. Without it a message stays "sent": nobody is held up by it."""
        with suppress(RedisError):
            await self._redis.hset(self._key(sid), mapping={"of": f"{ticket_id}:{seq}"})
            await self._redis.expire(self._key(sid), KEPT_SECONDS)

    async def report(self, update: StatusReport) -> None:
        """Ring at the consoles if a counsellor's message has come further than was known."""
        with suppress(RedisError):
            key = self._key(update.sid)
            of, known = await self._redis.hmget(key, ["of", "known"])
            if not isinstance(of, bytes):
                return  # the bot's, or an hour old
            before = known.decode() if isinstance(known, bytes) else None
            after = advance(before, update.status)
            if after == before:
                return
            await self._redis.hset(key, "known", after)
            await self._redis.expire(key, KEPT_SECONDS)  # it may have gone in between: no key stays for ever
            if after in _MARKS:
                reason = _REASONS.get(update.code, "other") if after in FAILED else ""
                await self._redis.publish(CHANGED, f"{of.decode()}:{_MARKS[after]}:{reason}")

    def _key(self, sid: str) -> str:
        # Keyed: with the provider's account beside it, a plain hash would tie a number to a ticket.
        return f"mark:{self._keyring.mac('mark', sid.encode()).hex()[:32]}"


def read_notice(notice: str) -> dict[str, str | int] | None:
    """A notice as the frame a console gets; ``None`` if it is none of ours."""
    parts = notice.split(":")
    if len(parts) != 4 or not parts[1].isdecimal():
        return None
    return {"type": "mark", "handoff": parts[0], "seq": int(parts[1]), "mark": parts[2], "reason": parts[3]}
