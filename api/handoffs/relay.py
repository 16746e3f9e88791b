"""The live talk: words pass through, sealed to the browsers on duty, and are kept nowhere else.

A person's words wait in Redis until the counsellor's screen has shown them, ten minutes at most, each in a key of its
own so that it can be overwritten in place (threats.md: "Redis expiry is not erasure"). They reach no table and no log.
They are sealed to keys that only browsers hold (``envelopes.py``): once sealed nobody here can open them, this module least
of all. Once a talk is forgotten (an exit, a close) nothing is taken for it any more, so a message that was under way when
the person left cannot come back to life.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.handoffs.browser_keys import BrowserKey
from api.handoffs.envelopes import (
    Envelope,
    NotAnEnvelope,
    Place,
    from_base64url,
    read_envelope,
    seal,
    to_base64url,
)
from api.handoffs.tickets import AT_THE_PHONE_SECONDS, Ticket
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

WORDS_SECONDS = int(AT_THE_PHONE_SECONDS) - 30
"""Ten minutes at most, and half a minute less, so that whoever wrote them still counts as being at the phone when told."""

NOTE_SECONDS = 3600
LONGEST_MESSAGE = 1600
"""UTF-16 code units: the provider takes no longer body on either channel (twilio.md)."""

_INDEX_SECONDS = 3 * 24 * 3600
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

# KEYS: message. Overwrites it; its number stays in the index, so that it is missed.
_OVERWRITE = """
local length = redis.call('STRLEN', KEYS[1])
if length > 0 then redis.call('SETRANGE', KEYS[1], 0, string.rep('\\0', length)) end
return redis.call('DEL', KEYS[1])
"""

# KEYS: index, told, gone. ARGV: prefix of the messages, seconds, seq... How many of them nobody has taken it upon themselves
# to tell of; those whose words are gone are missed no more.
_CLAIM_UNSEEN = """
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local new = 0
for i = 3, #ARGV do
  if redis.call('LREM', KEYS[1], 0, ARGV[i]) > 0 then
    new = new + redis.call('SADD', KEYS[2], ARGV[i])
    if redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[i]) end
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return new
"""

# KEYS: index, told, gone. ARGV: index seconds, seq...
_UNCLAIM = """
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
for i = 2, #ARGV do
  redis.call('SREM', KEYS[2], ARGV[i])
  redis.call('LREM', KEYS[1], 0, ARGV[i])
  redis.call('RPUSH', KEYS[1], ARGV[i])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""

# KEYS: note, gone. A note that comes when the talk is over goes at once.
_ADMIT_NOTE = """
if redis.call('EXISTS', KEYS[2]) == 0 then return 1 end
local length = redis.call('STRLEN', KEYS[1])
if length > 0 then redis.call('SETRANGE', KEYS[1], 0, string.rep('\\0', length)) end
redis.call('DEL', KEYS[1])
return 0
"""

# KEYS: note. ARGV: whose it may stay, or nothing.
_DROP_NOTE = """
local length = redis.call('STRLEN', KEYS[1])
if length == 0 then return 0 end
if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, #ARGV[1]) == ARGV[1] .. ':' then return 0 end
redis.call('SETRANGE', KEYS[1], 0, string.rep('\\0', length))
redis.call('DEL', KEYS[1])
return 1
"""

# KEYS: index, gone, in, out, told, note. ARGV: prefix of the messages (same hash tag, so the same node), seconds.
_FORGET = """
for _, seq in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[1] .. seq
  local length = redis.call('STRLEN', key)
  if length > 0 then redis.call('SETRANGE', key, 0, string.rep('\\0', length)) end
  redis.call('DEL', key)
end
local length = redis.call('STRLEN', KEYS[6])
if length > 0 then redis.call('SETRANGE', KEYS[6], 0, string.rep('\\0', length)) end
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
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
    "colleague_takes_on", "supervisor_joined", "words_not_shown",
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


Readers = Callable[[str], Awaitable[Sequence[BrowserKey]]]
"""Whose browsers the words of a ticket may be sealed to: of all who may read it, or of those who read along."""


@dataclass(frozen=True, slots=True)
class Words:
    """Something the person wrote that the counsellor has not been shown, or (``envelope`` is ``None``) never will be."""

    seq: int
    id: str
    envelope: Envelope | None


@dataclass(frozen=True, slots=True)
class Note:
    """A handover note: whom it is for, and sealed by the browser of whoever wrote it."""

    id: str
    to: str
    envelope: Envelope


class Relay:
    """The sealed buffer between a person and the counsellor who owns their ticket.

    Args:
        redis: a client that returns bytes.
        readers: whose browsers a person's words are sealed to.
        beside: whose browsers the owner's own words are sealed to.
        random_bytes: where the keys of one message come from.
    """

    __slots__ = (
        "_acknowledge", "_admit", "_admit_note", "_beside", "_claim_unseen", "_drop_note", "_forget", "_overwrite", "_random_bytes",
        "_readers", "_redis", "_unclaim",
    )

    def __init__(
        self, redis: Redis, readers: Readers, beside: Readers, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._redis, self._readers, self._beside, self._random_bytes = redis, readers, beside, random_bytes
        self._admit: Callable[..., Any] = redis.register_script(_ADMIT)
        self._acknowledge: Callable[..., Any] = redis.register_script(_ACKNOWLEDGE)
        self._overwrite: Callable[..., Any] = redis.register_script(_OVERWRITE)
        self._claim_unseen: Callable[..., Any] = redis.register_script(_CLAIM_UNSEEN)
        self._unclaim: Callable[..., Any] = redis.register_script(_UNCLAIM)
        self._admit_note: Callable[..., Any] = redis.register_script(_ADMIT_NOTE)
        self._drop_note: Callable[..., Any] = redis.register_script(_DROP_NOTE)
        self._forget: Callable[..., Any] = redis.register_script(_FORGET)

    async def to_counsellor(self, ticket_id: str, text: MessageText) -> int | None:
        """Seal the person's words to the browsers on duty, keep them until shown, and ring at the counsellor's screen.

        Returns their number in this talk, or ``None`` if no browser on duty could show them, the talk is over or its buffer
        is full: nothing was kept.

        Raises:
            RedisError, DatabaseUnavailable: the words could not be kept; the caller answers the person (safety.md,
                "without an answer").
        """
        keys = await self._readers(ticket_id)
        if not keys:
            return None
        seq = int(await self._redis.incr(_in(ticket_id)))
        await self._redis.expire(_in(ticket_id), _COUNTER_SECONDS)
        sealed = await self._seal_to(text, Place("words", ticket_id, seq), keys)
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
        """What has not been acknowledged, in order. Words that lapsed unseen are named until :meth:`claim_unseen`."""
        order = [int(seq) for seq in await self._redis.lrange(_index(ticket_id), 0, -1)]
        if not order:
            return ()
        found = []
        for seq, sealed in zip(order, await self._redis.mget([_message(ticket_id, seq) for seq in order]), strict=True):
            envelope = _envelope_of(sealed)
            found.append(Words(seq, f"lost-{seq}" if envelope is None else _name(envelope), envelope))
        return tuple(sorted(found, key=lambda words: words.seq))

    async def with_words(self, ticket_ids: Iterable[str]) -> set[str]:
        """Those of these talks in which words or a note wait, asked in one go.

        Raises:
            RedisError: it could not be asked.
        """
        order = list(ticket_ids)
        async with self._redis.pipeline(transaction=False) as asked:
            for ticket_id in order:
                asked.llen(_index(ticket_id))
                asked.exists(_note(ticket_id))
            found = await asked.execute()
        return {ticket_id for place, ticket_id in enumerate(order) if found[2 * place] or found[2 * place + 1]}

    async def acknowledge(self, ticket_id: str, seq: int) -> bool:
        """The counsellor's screen has shown these words: overwrite and delete them."""
        keys = [_index(ticket_id), _message(ticket_id, seq)]
        return int(await self._acknowledge(keys=keys, args=[seq])) > 0

    async def overwrite(self, ticket_id: str, seq: int) -> None:
        """Nobody can open these words any more: they go, and stay missed until the person has been told."""
        await self._overwrite(keys=[_message(ticket_id, seq)])

    async def claim_unseen(self, ticket_id: str, seqs: Collection[int]) -> bool:
        """Whether it is the caller's to tell the person that these were not shown: true for one caller, for each once.

        What was shown and acknowledged while the caller looked has gone from the index: there is nothing to tell of it.
        """
        keys = [_index(ticket_id), _told(ticket_id), _gone(ticket_id)]
        return bool(seqs) and int(await self._claim_unseen(keys=keys, args=[_message(ticket_id, ""), _INDEX_SECONDS, *seqs])) > 0

    async def unclaim(self, ticket_id: str, seqs: Collection[int]) -> None:
        """The person could not be told, because the ticket changed hands in that moment: it is the next one's to tell."""
        await self._unclaim(keys=[_index(ticket_id), _told(ticket_id), _gone(ticket_id)], args=[_INDEX_SECONDS, *seqs])

    async def say_along(self, ticket_id: str, seq: int, text: MessageText) -> None:
        """Show the owner's own words to whoever reads along; lost where nobody listens, and nobody is held up by it."""
        with suppress(RedisError, DatabaseUnavailable):
            keys = await self._beside(ticket_id)
            if keys:
                sealed = await self._seal_to(text, Place("said", ticket_id, seq), keys)
                await self._redis.publish(SAID, f"{ticket_id}:{seq}:{to_base64url(sealed)}")

    async def keep_note(self, ticket_id: str, to: str, note: Envelope) -> None:
        """Keep a handover note for the member of staff it is for, in the place of any other; none once the talk is over."""
        await self.drop_note(ticket_id)
        await self._redis.set(_note(ticket_id), f"{to}:".encode() + note.to_bytes(), ex=NOTE_SECONDS)
        await self._admit_note(keys=[_note(ticket_id), _gone(ticket_id)])

    async def note_for(self, ticket_id: str, staff: str) -> Note | None:
        """The note that waits for this member of staff."""
        kept = await self._redis.get(_note(ticket_id))
        to, _, sealed = kept.partition(b":") if isinstance(kept, bytes) else (b"", b"", b"")
        envelope = _envelope_of(sealed) if to == staff.encode() else None
        return None if envelope is None else Note(_name(envelope), staff, envelope)

    async def drop_note(self, ticket_id: str, *, unless_for: str = "") -> None:
        """The note has been read, or somebody else has the person now: overwrite and delete it."""
        await self._drop_note(keys=[_note(ticket_id)], args=[unless_for])

    async def _seal_to(self, text: MessageText, place: Place, keys: Sequence[BrowserKey]) -> bytes:
        # A twentieth of a millisecond for each browser; with fifty on duty an exit must not wait for it.
        return await asyncio.to_thread(self._sealed, text, place, keys)

    def _sealed(self, text: MessageText, place: Place, keys: Sequence[BrowserKey]) -> bytes:
        words = text.reveal().encode("utf-8", "replace")
        return seal(words, place, [key.public for key in keys], self._random_bytes).to_bytes()

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
            keys=[
                _index(ticket_id), _gone(ticket_id), _in(ticket_id), _out(ticket_id), _told(ticket_id), _note(ticket_id),
            ],
            args=[_message(ticket_id, ""), _COUNTER_SECONDS],
        )

    async def person_left(self, ticket_id: str) -> None:
        """Forget the talk and say so on the counsellor's screen."""
        await self.forget(ticket_id)
        with suppress(RedisError):
            await self._redis.publish(LEFT, ticket_id)


def read_said(notice: str) -> tuple[str, int, Envelope] | None:
    """A notice of :data:`SAID`: ticket, number and what was said; ``None`` if it is none of ours."""
    ticket_id, _, rest = notice.partition(":")
    number, _, sealed = rest.partition(":")
    try:
        return ticket_id, int(number), read_envelope(from_base64url(sealed))
    except ValueError:
        return None


def _name(envelope: Envelope) -> str:
    return hashlib.sha256(envelope.nonce + envelope.sealed).hexdigest()[:16]


def _envelope_of(sealed: object) -> Envelope | None:
    with suppress(NotAnEnvelope):
        return read_envelope(sealed) if isinstance(sealed, bytes) else None
    return None


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


def _told(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}:told"


def _note(ticket_id: str) -> str:
    return f"relay:{{{ticket_id}}}:note"
