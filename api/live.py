"""A counsellor's words on their way to a person: the ticket's sealed address opened for the length of one send."""

from __future__ import annotations

import functools
from collections.abc import Callable

from api.channels.address import parse_address
from api.channels.twilio import erasure
from api.conversations.sealing import CannotOpen
from api.database import Database, DatabaseUnavailable
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import SendState
from api.handoffs.tickets import Ticket, find
from api.observability.logs import warn
from api.outbox import Outbox
from safety.message_text import MessageText


class CounsellorOutbox:
    """Implements :class:`api.handoffs.relay.Outbox`: ownership and tombstone are asked last, before the first byte."""

    def __init__(self, outbox: Outbox, database: Database, addresses: ReplyAddresses, clock: Callable[[], float]) -> None:
        self._outbox, self._database, self._addresses, self._clock = outbox, database, addresses, clock

    async def send(self, ticket: Ticket, text: MessageText) -> SendState:
        """Send the words to the person of this ticket, unless they left or the ticket changed hands meanwhile."""
        if ticket.reply_address is None:
            return SendState.REFUSED
        try:
            wire = self._addresses.open(ticket.reply_address, ticket.person)
        except CannotOpen:
            warn("reply_address_sealed_by_a_lost_key")
            return SendState.FAILED
        still = functools.partial(self._unchanged, ticket)
        try:
            sent = await self._outbox.send(
                parse_address(wire), ticket.sender, text, ticket.person, ticket.generation, still=still
            )
        except DatabaseUnavailable:
            return SendState.REFUSED
        if sent.outcome == "withdrawn":
            return SendState.REFUSED
        if not sent.sid:
            return SendState.FAILED
        now = self._clock()
        try:
            await self._database.write(
                lambda c: erasure.note(c, [erasure.Copy(sent.sid)], now=now, due_at=now + erasure.SETTLES_AFTER_S)
            )
        except DatabaseUnavailable:
            warn("sid_not_noted")  # the hourly reconciliation finds it
        return SendState.SENT

    async def _unchanged(self, ticket: Ticket) -> bool:
        now = await self._database.read(lambda c: find(c, ticket.id))
        return now is not None and now.epoch == ticket.epoch and now.state == "claimed"
