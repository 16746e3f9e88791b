"""The live talk: words pass through, sealed, and are kept nowhere else.

A person's words wait in Redis until the counsellor's screen has shown them, ten minutes at most, each in a key of its
own so that it can be overwritten in place (threats.md: "Redis expiry is not erasure"). They reach no table and no log.
Once a talk is forgotten (an exit, a close) nothing is taken for it any more, so a message that was under way when the
person left cannot come back to life.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.conversations.sealing import CannotOpen, Keyring
from api.handoffs.tickets import Ticket
from safety.message_text import MessageText

WORDS = "relay"
"""The Redis channel that carries the id of a ticket with new words, never a word."""

LEFT = "left"
"""The Redis channel that carries the id of a ticket whose person has gone."""

UNSURE = "0:unsure"
"""Nobody knows whether a message went out; it is not sent again."""

_ONCE_SECONDS = 1200
"""A console tries for ten minutes; its last try must still find what became of the first."""

_ON_ITS_WAY_SECONDS = 30

SAID = "said"
"""The Redis channel on which a counsellor's own words pass, sealed, to whoever reads along. Nothing keeps them: who is not
listening at that moment does not get them."""

WORDS_SECONDS = 600
LONGEST_MESSAGE = 1600
"""UTF-16 code units: the provider takes no longer body on either channel (twilio.md)."""

_INDEX_SECONDS = 3600
_COUNTER_SECONDS = 3 * 24 * 3600

# KEYS: index, message, gone. ARGV: seq, index seconds, most that may wait. The sealed words are not an argument:
# Lua keeps a copy of its arguments until its collector comes by. They are set first and taken back if the talk is over.
_ADMIT = """
if redis.call('EXISTS', KEYS[3]) == 1 or redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  local length = redis.call('STRLEN', KEYS[2])
  if length > 0 then redis.call('SETRANGE', KEYS[2], 0, string.rep('\\0', length)) end
  redis.call('DEL', KEYS[2])
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

# KEYS: index, message. ARGV: seq. Overwrites where the value lies, then lets go of it.
_ACKNOWLEDGE = """
local length = redis.call('STRLEN', KEYS[2])
if length > 0 then redis.call('SETRANGE', KEYS[2], 0, string.rep('\\0', length)) end
redis.call('DEL', KEYS[2])
return redis.call('LREM', KEYS[1], 0, ARGV[1])
"""

# KEYS: index, gone, in, out. ARGV: prefix of the messages (same hash tag, so the same node), seconds.
_FORGET = """
for _, seq in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[1] .. seq
  local length = redis.call('STRLEN', key)
  if length > 0 then redis.call('SETRANGE', key, 0, string.rep('\\0', length)) end
  redis.call('DEL', key)
end
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])
return 1
"""

MOST_WAITING = 100
"""Words one talk may have waiting; a flood beyond that is refused, what came first stays."""


class SendState(StrEnum):
    """What became of a counsellor's message, as far as is known when the request is answered."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    """The person has left, or the store that would say so cannot be read: nothing was sent."""


Courtesy = Literal[
    "counsellor_joined", "counsellor_away", "talk_closed", "talk_closed_asked", "nobody_yet", "counsellor_changed",
    "colleague_takes_on", "supervisor_joined",
]
"""What the program says around a talk: names of texts (``scripts/texts/``)."""


def courtesy_of(before: Ticket, after: Ticket, now: float) -> Courtesy | None:
    """What the program says of a step itself. Only to somebody who is at the phone: to light one up is the
    counsellor's decision."""
    if after.epoch == before.epoch or not after.there(now):
        return None
    if after.state == "claimed" and before.state == "queued":
        return "counsellor_joined"
    if not before.introduced:  # who was not told of anybody misses nobody
        return None
    if after.state == "claimed" and after.owner != before.owner:
        return "counsellor_changed"  # another human reads from here on
    if after.state == "queued":
        return "counsellor_away"
    return "talk_closed" if after.state == "closed" else None


SentAs = Callable[[str], Awaitable[None]]
"""Is told the provider's sid of what went out; of several parts the last one's is the one that counts."""


class Outbox(Protocol):
    """The way to a person's phone. The tombstone is checked last, just before the request to the provider starts."""

    async def send(self, ticket: Ticket, text: MessageText, sent_as: SentAs | None = None) -> SendState:
        """Send the text to the ticket's sealed reply address."""
        ...

    async def tell(self, ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        """Say to ``address`` what the step means (who has come, is away, ...), if the ticket still stands so."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """Something the person wrote that the counsellor has not been shown, or (``text`` is ``None``) never will be."""

    seq: int
    id: str
    text: MessageText | None


class Relay:
    """The sealed buffer between a person and the counsellor who owns their ticket.

    Args:
        redis: a client that returns bytes.
    """

    __slots__ = ("_acknowledge", "_admit", "_forget", "_keyring", "_redis")

    def __init__(self, redis: Redis, keyring: Keyring) -> None:
        self._redis, self._keyring = redis, keyring
        self._admit: Callable[..., Any] = redis.register_script(_ADMIT)
        self._acknowledge: Callable[..., Any] = redis.register_script(_ACKNOWLEDGE)
        self._forget: Callable[..., Any] = redis.register_script(_FORGET)

    async def to_counsellor(self, ticket_id: str, text: MessageText) -> int | None:
        """Seal the person's words, keep them until shown, and ring at the counsellor's screen.

        Returns their number in this talk, or ``None`` if the talk is over or its buffer is full: nothing was kept.

        Raises:
            RedisError: the words could not be kept; the caller answers the person (safety.md, "without an answer").
        """
        seq = int(await self._redis.incr(_in(ticket_id)))
        await self._redis.expire(_in(ticket_id), _COUNTER_SECONDS)
        words = text.reveal().encode("utf-8", "replace")
        sealed = self._keyring.seal("relay", words, _bound(ticket_id, seq))
        await self._redis.set(_message(ticket_id, seq), sealed, ex=WORDS_SECONDS)
        kept = await self._admit(
            keys=[_index(ticket_id), _message(ticket_id, seq), _gone(ticket_id)],
            args=[seq, _INDEX_SECONDS, MOST_WAITING],
        )
        if int(kept) != 1:
            return None
        with suppress(RedisError):  # the words are kept: consoles find them when they look by themselves
            await self._redis.publish(WORDS, ticket_id)
        return seq

    async def waiting(self, ticket_id: str) -> tuple[Words, ...]:
        """What has not been acknowledged, in order. Words that lapsed unseen are named once, without text."""
        order = [int(seq) for seq in await self._redis.lrange(_index(ticket_id), 0, -1)]
        if not order:
            return ()
        found = []
        for seq, sealed in zip(order, await self._redis.mget([_message(ticket_id, seq) for seq in order]), strict=True):
            if not isinstance(sealed, bytes):
                await self._redis.lrem(_index(ticket_id), 0, str(seq))
                found.append(Words(seq, f"lost-{seq}", None))
                continue
            try:
                plain = self._keyring.open("relay", sealed, _bound(ticket_id, seq)).decode()
            except CannotOpen:
                await self.acknowledge(ticket_id, seq)
                found.append(Words(seq, f"lost-{seq}", None))
                continue
            found.append(Words(seq, hashlib.sha256(sealed).hexdigest()[:16], MessageText(plain)))
        return tuple(sorted(found, key=lambda words: words.seq))

    async def acknowledge(self, ticket_id: str, seq: int) -> bool:
        """The counsellor's screen has shown these words: overwrite and delete them."""
        keys = [_index(ticket_id), _message(ticket_id, seq)]
        return int(await self._acknowledge(keys=keys, args=[seq])) > 0

    async def say_along(self, ticket_id: str, seq: int, text: MessageText) -> None:
        """Show the owner's own words to whoever reads along; lost where nobody listens, and nobody is held up by it."""
        sealed = self._keyring.seal("relay", text.reveal().encode("utf-8", "replace"), _bound_out(ticket_id, seq))
        with suppress(RedisError):
            await self._redis.publish(SAID, f"{ticket_id}:{seq}:{sealed.hex()}")

    def open_said(self, notice: str) -> Words | None:
        """What was said, from its notice; ``None`` if it is none of ours."""
        ticket_id, _, rest = notice.partition(":")
        number, _, sealed = rest.partition(":")
        try:
            seq = int(number)
            plain = self._keyring.open("relay", bytes.fromhex(sealed), _bound_out(ticket_id, seq)).decode()
        except (ValueError, CannotOpen):
            return None
        return Words(seq, f"said-{seq}", MessageText(plain))

    async def begin_once(self, ticket_id: str, message_id: str) -> bool:
        """Whether a counsellor's message of that id is to be sent now: true for the first who asks, and for nobody after.

        A console whose network goes away sends again what it heard nothing about.
        """
        return bool(await self._redis.set(_once(ticket_id, message_id), b"", nx=True, ex=_ONCE_SECONDS))

    async def became(self, ticket_id: str, message_id: str) -> str | None:
        """What became of it, as :meth:`finish_once` was told; ``None`` if it never began or may still be on its way.

        Whoever sent it may have died in the middle: after half a minute it is :data:`UNSURE`.
        """
        key = _once(ticket_id, message_id)
        became = await self._redis.get(key)
        if not isinstance(became, bytes):
            return None
        if became:
            return became.decode()
        return UNSURE if await self._redis.ttl(key) < _ONCE_SECONDS - _ON_ITS_WAY_SECONDS else None

    async def finish_once(self, ticket_id: str, message_id: str, became: str | None) -> None:
        """Remember what became of it; ``None`` if it never began, so that it may be tried again."""
        key = _once(ticket_id, message_id)
        if became is None:
            await self._redis.delete(key)
        else:
            await self._redis.set(key, became.encode(), ex=_ONCE_SECONDS)

    async def note_lost(self, ticket_id: str) -> None:
        """Words of the person's were lost before they could be kept: their counsellor is told that there were some.

        Raises:
            RedisError: it could not be noted.
        """
        seq = int(await self._redis.incr(_in(ticket_id)))
        await self._redis.expire(_in(ticket_id), _COUNTER_SECONDS)
        await self._admit(
            keys=[_index(ticket_id), _message(ticket_id, seq), _gone(ticket_id)], args=[seq, _INDEX_SECONDS, MOST_WAITING]
        )
        with suppress(RedisError):
            await self._redis.publish(WORDS, ticket_id)

    async def next_out(self, ticket_id: str) -> int:
        """The number of the counsellor's next message in this talk."""
        seq = int(await self._redis.incr(_out(ticket_id)))
        await self._redis.expire(_out(ticket_id), _COUNTER_SECONDS)
        return seq

    async def forget(self, ticket_id: str) -> None:
        """Overwrite and delete everything of the talk and take nothing for it again (an exit, a close)."""
        await self._forget(
            keys=[_index(ticket_id), _gone(ticket_id), _in(ticket_id), _out(ticket_id)],
            args=[_message(ticket_id, ""), _COUNTER_SECONDS],
        )

    async def person_left(self, ticket_id: str) -> None:
        """Forget the talk and say so on the counsellor's screen."""
        await self.forget(ticket_id)
        with suppress(RedisError):
            await self._redis.publish(LEFT, ticket_id)


def _bound(ticket_id: str, seq: int) -> bytes:
    return f"{ticket_id}:{seq}".encode()


def _bound_out(ticket_id: str, seq: int) -> bytes:
    return f"{ticket_id}:out:{seq}".encode()


# One hash tag a ticket: everything of a talk lies on one node of a cluster, and a script may touch it all.
def _index(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}"


def _message(ticket_id: str, seq: int | str) -> str:
    return f"relay:{{{ticket_id}}}:m:{seq}"


def _gone(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}:gone"


def _in(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}:in"


def _once(ticket_id: str, message_id: str) -> str:
    return f"relay:{{{ticket_id}}}:once:{message_id}"


def _out(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}:out"
