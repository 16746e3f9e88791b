"""Looks after whoever waits: puts back whose counsellor's console has gone, and climbs the ladder for whom nobody takes.
Loops of their own: nothing slow may stand between two looks.

When leases could not be renewed for a while (a start, a database that hung or was away, a clock that jumped), every lease
looks past. Then nobody is put back until the consoles have had time to be seen again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from api.database import Database, DatabaseUnavailable
from api.handoffs import alerts, claims, ladder, leases, presence
from api.handoffs.alerts import Alert
from api.handoffs.outside import NotThrough, Outside
from api.handoffs.relay import Courtesy, courtesy_of
from api.handoffs.tickets import Ticket
from api.observability.errors import report
from api.observability.logs import warn
from api.scripts.desks import Desks

LOOK_SECONDS: Final = 2.0
_LATE: Final = 8.0
"""Seconds between two looks, or between the two clocks, above which something hung."""

Told = Callable[[Ticket, Courtesy, bytes | None], Awaitable[object]]
"""Says to a person that a counsellor has come, is away or has ended the talk."""


class Settling:
    """Whether leases can be believed.

    Args:
        steady: seconds on a clock that never jumps.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._until = steady() + leases.SETTLES
        self._looked: tuple[float, float] | None = None

    def disturbed(self) -> None:
        """Leases could not be renewed."""
        self._until = self._steady() + leases.SETTLES
        self._looked = None

    def settled(self, at: float) -> bool:
        """Whether nothing hung or jumped for long enough; asked once a look, with the database's time."""
        now = self._steady()
        if self._looked is not None:
            passed, told = now - self._looked[0], at - self._looked[1]
            if passed > _LATE or abs(told - passed) > _LATE:
                self._until = now + leases.SETTLES
        self._looked = (now, at)
        return now >= self._until


class LeaseWatch:
    """One gateway's look at all leases; safe to run on each.

    Args:
        tell: speaks to a person; failing or slow, it holds nobody up.
        queue_changed: tells the consoles.
        clock: the program's time, for waiting clocks and the ladder.
    """

    def __init__(
        self, database: Database, tell: Told, queue_changed: Callable[[], Awaitable[None]], clock: Callable[[], float],
        settling: Settling | None = None,
    ) -> None:
        self._database, self._tell, self._queue_changed, self._clock = database, tell, queue_changed, clock
        self._settling = settling or Settling()
        self._telling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as away:
                self._settling.disturbed()
                warn("leases_wait", error=type(away).__name__)
            except Exception as failure:
                self._settling.disturbed()
                report(failure)
                warn("leases_failed", error=type(failure).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Put back whose lease is past, all of them before anybody is told anything.

        Raises:
            DatabaseUnavailable: those who are left are put back by a later look.
        """
        # by way of the writer: if a write hangs, so did the renewals that are queued behind it
        at = await self._database.write(leases.time_of)
        if not self._settling.settled(at):
            return
        moved = []
        for ticket in await self._database.read(lambda c: leases.lapsed(c, at)):
            done = await self._database.write(
                lambda c, t=ticket: claims.lapse(c, t, at=leases.time_of(c), now=self._clock())  # type: ignore[misc]
            )
            if done is not None:
                warn("lease_lapsed")
                moved.append(done)
        gone = 0
        for one in await self._database.read(lambda c: presence.lapsed(c, at)):
            gone += await self._database.write(
                lambda c, p=one: presence.lapse(c, p, at=leases.time_of(c), now=self._clock())  # type: ignore[misc]
            )
        if moved or gone:
            await self._queue_changed()
        for before, after in moved:
            courtesy = courtesy_of(before, after, self._clock())
            if courtesy is not None:
                task = asyncio.create_task(self._say(after, courtesy))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    async def _say(self, ticket: Ticket, courtesy: Courtesy) -> None:
        try:
            await self._tell(ticket, courtesy, ticket.reply_address)
        except Exception as failure:
            report(failure)
            warn("courtesy_failed", error=type(failure).__name__)


HEARTBEAT_SECONDS: Final = 60.0


class LadderWatch:
    """One gateway's look at the ladder; safe to run on each.

    Args:
        outside: the ways out of the console.
        tell, queue_changed, clock: as for :class:`LeaseWatch`.
        new_id: ids for what is owed.
        desks: those of the live release.
    """

    def __init__(
        self, database: Database, outside: Outside, tell: Told, queue_changed: Callable[[], Awaitable[None]],
        clock: Callable[[], float], new_id: Callable[[], str], desks: Callable[[], Desks] = dict,
    ) -> None:
        self._database, self._outside, self._tell, self._desks = database, outside, tell, desks
        self._queue_changed, self._clock, self._new_id = queue_changed, clock, new_id
        self._beside: set[asyncio.Task[None]] = set()
        self._beat_at = 0.0

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            try:
                await self.look()
                self._heartbeat()
            except DatabaseUnavailable as away:
                warn("ladder_waits", error=type(away).__name__)
            except Exception as failure:
                report(failure)
                warn("ladder_failed", error=type(failure).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Climb for everybody who is due, say the truth to those who are at the phone, and make the calls that are owed.

        Raises:
            DatabaseUnavailable: what is left is done by a later look.
        """
        now, desks = self._clock(), self._desks()
        climbed = []
        for ticket in await self._database.read(lambda c: ladder.due(c, now)):
            ways = self._outside.exits.ways(ticket.country)
            rung = await self._database.write(
                lambda c, t=ticket, w=ways: ladder.climb(c, t, now, w, self._new_id, desks)  # type: ignore[misc]
            )
            if rung is not None:
                warn("ladder_climbed", kind=rung.calls, band=ticket.band)
                climbed.append(ticket)
        if climbed:
            await self._queue_changed()
        for ticket in climbed:
            if ticket.state == "queued" and ticket.there(now):
                self._start(self._say(ticket))
        for alert in await self._database.write(lambda c: alerts.take(c, now)):
            self._start(self._make(alert))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _say(self, ticket: Ticket) -> None:
        try:
            await self._tell(ticket, "nobody_yet", ticket.reply_address)
        except Exception as failure:
            report(failure)
            warn("courtesy_failed", error=type(failure).__name__)

    async def _make(self, alert: Alert) -> None:
        try:
            await self._outside.make(alert)
        except NotThrough as why:
            again = await self._database.write(lambda c: alerts.failed(c, alert, self._clock()))
            warn("alert_not_through" if again else "alert_given_up", kind=alert.way, code=str(why))
        except Exception as failure:  # it is due again by itself
            report(failure)
            warn("alert_not_through", kind=alert.way, code=type(failure).__name__)
        else:
            await self._database.write(lambda c: alerts.settle(c, alert.id, "done"))

    def _heartbeat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at >= HEARTBEAT_SECONDS:
            self._beat_at = now
            self._start(self._beat())

    async def _beat(self) -> None:
        try:
            await self._outside.beat()
        except NotThrough as why:
            warn("heartbeat_unheard", code=str(why))
