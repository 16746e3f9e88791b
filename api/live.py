"""What reaches a person from the counsellor's side: a counsellor's words, and the few the program says around them.

The ticket's sealed address is opened for the length of one send, and ownership and tombstone are asked last.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import cast

from api.channels.address import parse_address
from api.channels.twilio import erasure
from api.conversations.sealing import CannotOpen
from api.database import Database, DatabaseUnavailable
from api.handoffs import presence
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import Courtesy, SendState, SentAs
from api.handoffs.tickets import Ticket, find
from api.observability.logs import warn
from api.outbox import Outbox
from api.scripts.current import Releases
from api.scripts.numbers import Variant
from api.scripts.render import Audience, merge, render
from safety.message_text import MessageText


class CounsellorOutbox:
    """Implements :class:`api.handoffs.relay.Outbox`."""

    def __init__(
        self, outbox: Outbox, database: Database, addresses: ReplyAddresses, releases: Releases,
        clock: Callable[[], float], *, production: bool, keep: Callable[[Sequence[erasure.Copy]], None],
    ) -> None:
        self._keep = keep  # sids the database would not take (erasure.py)
        self._outbox, self._database, self._addresses = outbox, database, addresses
        self._releases, self._clock, self._production = releases, clock, production

    async def send(self, ticket: Ticket, text: MessageText, sent_as: SentAs | None = None) -> SendState:
        """Send the words to the person of this ticket, unless they left or the ticket changed hands meanwhile.

        Whoever was not told that a human reads along, or that another has joined, is told in the same message, before
        the words: one light of the screen instead of two.
        """
        try:
            joined = await self._database.read(lambda c: presence.untold(c, ticket.id))
        except DatabaseUnavailable:
            return SendState.REFUSED
        first = [] if ticket.introduced else [self._words("counsellor_joined", ticket)]
        if joined:
            first.append(self._words("supervisor_joined", ticket))
        if not first:
            return await self._deliver(ticket, ticket.reply_address, text, sent_as)
        state = SendState.REFUSED
        for body in merge([*first, text.reveal()]):
            state = await self._deliver(ticket, ticket.reply_address, MessageText(body), sent_as)
            if state is not SendState.SENT:
                return state
        if joined:
            with suppress(DatabaseUnavailable):  # then it is said once more
                await self._database.write(lambda c: presence.note_told(c, ticket.id))
        return state

    async def tell(self, ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        """Say that a counsellor has come, is away, has been followed by another or has ended the talk.

        Args:
            ticket: as it stands after the step that is told of; nothing is sent if it is past that step by now.
            address: the sealed reply address, which a closed ticket has no more.
        """
        return await self._deliver(ticket, address, MessageText(self._words(courtesy, ticket)))

    def _words(self, name: Courtesy, ticket: Ticket) -> str:
        audience = Audience(
            variant=cast(Variant, ticket.variant), channel=ticket.channel, country=ticket.country, place=ticket.place or None,
            production=self._production, today=datetime.fromtimestamp(self._clock(), UTC).date(),
        )
        return render(self._releases.get(self._releases.live().digest), name, {}, audience)

    async def _deliver(
        self, ticket: Ticket, address: bytes | None, text: MessageText, sent_as: SentAs | None = None
    ) -> SendState:
        if address is None:
            return SendState.REFUSED
        try:
            wire = self._addresses.open(address, ticket.person)
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
        if sent_as is not None:
            await sent_as(sent.sid)
        now = self._clock()
        try:
            await self._database.write(
                lambda c: erasure.note(c, [erasure.Copy(sent.sid)], now=now, due_at=now + erasure.SETTLES_AFTER_S)
            )
        except DatabaseUnavailable:
            warn("sid_not_noted")
            self._keep([erasure.Copy(sent.sid)])
        return SendState.SENT

    async def typing(self, ticket: Ticket, sid: str) -> bool:
        """Show on the phone that somebody is writing, in answer to the person's message ``sid``; whether it went out."""
        return await self._outbox.typing(sid, ticket.person, ticket.generation, functools.partial(self._unchanged, ticket))

    async def _unchanged(self, ticket: Ticket) -> bool:
        now = await self._database.read(lambda c: find(c, ticket.id))
        return now is not None and now.epoch == ticket.epoch and now.state == ticket.state
