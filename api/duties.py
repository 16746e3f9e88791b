"""What a gateway does beside answering: exits made good, silence purged, owed answers said, keys destroyed.

Each duty is a short pass that may fail and is tried again; none of them holds a word.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from redis.exceptions import RedisError

from api.channels.address import country_of, parse_address
from api.channels.twilio import erasure
from api.conversations import optouts, owed, safewords, tombstones
from api.conversations.keys import PeriodKeys
from api.conversations.store import ConversationStore, StoreUnavailable
from api.database import Database, DatabaseUnavailable
from api.handoffs import blocks, repeats, retention, safe_contacts
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import Relay
from api.handoffs.tickets import mark_left, open_people, open_ticket_of, waiting_by_band
from api.observability.errors import report
from api.observability.logs import warn
from api.observability.metrics import ERASURE_OLDEST, OPEN_TICKETS
from api.outbox import Outbox
from api.scripts.current import Releases
from api.scripts.render import Audience, render
from safety.message_text import MessageText

REST_S = 2.0
_RARELY = 300
"""Rounds between two looks for tickets whose term is over: ten minutes."""
_LOOK_AGAIN = 10
"""Rounds between two looks for people who have left though nobody wrote it down: after a crash between the two."""
_NOT_NOW = frozenset({"slow_down", "unreachable"})


@dataclass(frozen=True, slots=True)
class Duties:
    """Everything that runs in the background of one gateway; every pass is safe to run on each node."""

    store: ConversationStore
    database: Database
    keys: PeriodKeys
    outbox: Outbox
    releases: Releases
    clock: Callable[[], float]
    production: bool
    relay: Relay

    async def run(self) -> None:
        """Look after everything, for ever; ends by cancellation."""
        often = (self.make_exits_good, self.purge_silence, self.say_what_is_owed, self.renew_addresses, self.measure)
        for round_ in itertools.count():
            rare = () if round_ % _RARELY else (self.end_terms,)
            for duty in (*rare, *often) if round_ % _LOOK_AGAIN else (self.end_what_was_left, *rare, *often):
                try:
                    await duty()
                except (StoreUnavailable, DatabaseUnavailable) as away:
                    warn("duty_waits", name=duty.__name__, error=type(away).__name__)
                except Exception as failure:
                    report(failure)
                    warn("duty_failed", name=duty.__name__, error=type(failure).__name__)
            await asyncio.sleep(REST_S)

    async def make_exits_good(self) -> None:
        """Exits that Redis could not be told of (architecture.md, decision 4)."""
        waiting = await self.database.read(tombstones.pending)
        if waiting:
            done = await self.store.apply_pending(waiting)
            await self.database.write(lambda c: tombstones.forget_pending(c, done))

    async def end_what_was_left(self) -> None:
        """Tickets whose person left without its being written down: the gateway, or the database, died in between."""
        for person, generation in await self.database.read(open_people):
            left = await self.store.generation(person)
            if left > generation:
                await self.database.write(lambda c, p=person, g=left: self._end(c, p, g))  # type: ignore[misc]
                warn("exit_written_late")

    async def purge_silence(self) -> None:
        """Overwrite what has been silent for its time: Redis's own expiry erases nothing."""
        await self.store.purge_idle()

    async def say_what_is_owed(self) -> None:
        """After a crash: "please write again", neutral, unless the person left since or has a counsellor."""
        now = self.clock()
        for answer in await self.database.read(lambda c: owed.overdue(c, self.keys, now)):
            try:
                await self._say_owed(answer, now)
            except (StoreUnavailable, DatabaseUnavailable):
                raise
            except Exception as failure:  # it is struck already; the others are still owed theirs
                report(failure)
                warn("owed_answer_failed", error=type(failure).__name__)
        await self.database.write(lambda c: self._purge(c, now))

    async def end_terms(self) -> None:
        """Tickets that ended thirty days ago become counts (threats.md, "How long anything is kept")."""
        while await self.database.write(lambda c: retention.purge(c, self.clock())):
            pass

    async def renew_addresses(self) -> None:
        """Seal open tickets' addresses under the key of the day; then destroy the keys of days and quarters gone by."""
        now, addresses = self.clock(), ReplyAddresses(self.keys)
        await self.database.write(lambda c: addresses.renew(c, now))
        await self.database.write(lambda c: safe_contacts.renew(c, addresses, now))
        addresses.destroy_old(now)
        repeats.destroy_old(self.keys, now)

    async def measure(self) -> None:
        """Who waits, by band, and the age of the oldest thing the provider still has of us."""
        now = self.clock()
        for band, count in (await self.database.read(waiting_by_band)).items():
            OPEN_TICKETS.labels(band).set(count)
        age = await self.database.read(lambda c: erasure.oldest_age(c, now))
        ERASURE_OLDEST.set(age or 0.0)
        if age is not None and age > erasure.ALARM_AGE_S:
            warn("erasure_late", seconds=int(age))

    async def _say_owed(self, answer: owed.OwedAnswer, now: float) -> None:
        if not await self.store.may_send(answer.person, answer.generation):
            await self.database.write(lambda c: owed.settle(c, [answer.sid_mark]))
            return
        # struck first: of two nodes that see it one says it, and a second crash costs a reply, never doubles one
        if not await self.database.write(lambda c: owed.take(c, answer.sid_mark)):
            return
        ticket = await self.database.read(lambda c: open_ticket_of(c, answer.person, answer.channel))
        if ticket is not None and ticket.state == "claimed":
            # The program does not come between the two: the counsellor is told that something was lost, and asks.
            try:
                await self.relay.note_lost(ticket.id)
            except RedisError:
                await self.database.write(lambda c: owed.owe(c, self.keys, answer, answer.since))
            return
        address = parse_address(answer.address)
        audience = Audience(
            variant="msa", channel=answer.channel, country=country_of(address) or "XX", place=None,
            production=self.production, today=datetime.fromtimestamp(now, UTC).date(),
        )
        body = render(self.releases.get(""), "write_again", {}, audience)
        sent = await self.outbox.send(address, answer.sender, MessageText(body), answer.person, answer.generation)
        if sent.reason in _NOT_NOW and sent.outcome == "refused":  # nothing was done: it is still owed
            await self.database.write(lambda c: owed.owe(c, self.keys, answer, answer.since))
        if sent.sid:
            await self.database.write(
                lambda c: erasure.note(c, [erasure.Copy(sent.sid)], now=now, due_at=now + erasure.SETTLES_AFTER_S)
            )

    def _end(self, connection: sa.Connection, person: str, generation: int) -> None:
        mark_left(connection, person, now=self.clock(), before=generation)
        owed.release(connection, person, generation)

    def _purge(self, connection: sa.Connection, now: float) -> None:
        for module in (owed, safewords, optouts):
            module.purge(connection, self.keys, now)
        blocks.purge(connection, now)
