"""Typing marks: that a counsellor is writing, shown to whoever reads along and, where the operator wants it, on the phone.

Nothing of the words is in it: a notice names the ticket, a request to the provider names a message of the person's. The
owner alone writes (presence.py), so the owner alone has a mark. At most one in three seconds, and on the phone one in
twenty: WhatsApp shows it for twenty-five, or until a message arrives.

SMS has no such mark. Whether the *person* is typing no provider tells us. On WhatsApp the mark also says that the person's
message was read; that, and who may be looking at the phone, is why it is off unless the operator turns it on (decision 25).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.conversations.sealing import CannotOpen, Keyring
from api.database import Database, DatabaseUnavailable
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch, owned
from api.handoffs.tickets import Ticket

CHANGED: Final = "typing"
"""The Redis channel that carries the id of a ticket whose owner is writing, never a word."""

EVERY_SECONDS: Final = 3
ON_PHONE_EVERY_SECONDS: Final = 20

ANSWERABLE_SECONDS: Final = 50
"""How long a message of the person's can be referred to: the provider's copy is erased from a minute on."""


class Phone(Protocol):
    """The way to show the mark on the person's phone. The tombstone is asked last, as for every send."""

    async def typing(self, ticket: Ticket, sid: str) -> bool:
        """Show that somebody answers this message; whether the request went out."""
        ...


class TypingMarks:
    """Passes marks on, throttled over all gateways.

    Args:
        redis: a client that returns bytes.
        phone: shows the mark on phones; ``None`` where the operator does not want that.
    """

    def __init__(
        self, redis: Redis, keyring: Keyring, database: Database, clock: Callable[[], float], phone: Phone | None = None
    ) -> None:
        self._redis, self._keyring, self._database, self._clock, self._phone = redis, keyring, database, clock, phone

    async def heard(self, ticket: Ticket, sid: str) -> None:
        """The person wrote this message in a live talk: for a short while the mark may refer to it."""
        if self._phone is None or ticket.channel != "whatsapp" or not ticket.talking:
            return
        with suppress(RedisError):
            sealed = self._keyring.seal("typing", sid.encode(), ticket.id.encode())
            await self._redis.set(_message(ticket.id), sealed, ex=ANSWERABLE_SECONDS)

    async def forget(self, ticket_id: str) -> None:
        """The person has left, or the talk is over. Overwritten first: what is only deleted stays in memory."""
        with suppress(RedisError):
            length = int(await self._redis.strlen(_message(ticket_id)))
            if length:
                await self._redis.setrange(_message(ticket_id), 0, "\0" * length)
            await self._redis.delete(_message(ticket_id))

    async def typed(self, ticket_id: str, *, staff: str, epoch: int) -> Ticket | None:
        """This member of staff is writing in their own talk: tell whoever reads along. Returns the ticket, for
        :meth:`on_the_phone`; ``None`` if nothing was passed on.

        Whoever does not own the person under this epoch, or writes to somebody who has left, marks nothing: they find out
        by other frames, a mark is worth no answer.
        """
        try:
            if not await self._redis.set(_throttle(ticket_id, staff), b"", nx=True, px=EVERY_SECONDS * 1000 - 500):
                return None
            ticket = await self._database.read(lambda c: owned(c, ticket_id, staff=staff, epoch=epoch))
            if ticket.state != "claimed":
                return None
            await self._redis.publish(CHANGED, ticket_id)
        except (RedisError, DatabaseUnavailable, NoSuchTicket, NotYours, StaleEpoch):
            return None
        return ticket

    async def on_the_phone(self, ticket: Ticket) -> bool:
        """Show the mark on the phone, if it may be; whether the request went out.

        Only in answer to somebody who has just written and talks with a counsellor already: nobody's screen changes by
        itself before the counsellor's first message, after "not now", or minutes later in somebody else's hand.
        """
        if self._phone is None or ticket.channel != "whatsapp" or not ticket.talking or not ticket.there(self._clock()):
            return False
        try:
            sealed = await self._redis.get(_message(ticket.id))
            if not isinstance(sealed, bytes):
                return False
            if not await self._redis.set(_on_phone(ticket.id), b"", nx=True, ex=ON_PHONE_EVERY_SECONDS):
                return False
            sid = self._keyring.open("typing", sealed, ticket.id.encode()).decode()
        except (RedisError, CannotOpen, UnicodeDecodeError):
            return False
        return await self._phone.typing(ticket, sid)


# One hash tag a ticket, as in relay.py.
def _message(ticket_id: str) -> str:
    return f"typing:{{{ticket_id}}}:answers"


def _throttle(ticket_id: str, staff: str) -> str:
    return f"typing:{{{ticket_id}}}:lately:{staff}"


def _on_phone(ticket_id: str) -> str:
    return f"typing:{{{ticket_id}}}:phone"
