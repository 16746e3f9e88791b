"""Looks after desks whose last person has gone: whoever waits there waits where somebody is on duty, within one look.

A loop of its own: whatever is wrong with a rota, the ladder climbs and leases are put back all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from api.database import Database, DatabaseUnavailable
from api.handoffs.desks import move_on, unattended
from api.handoffs.watch import LOOK_SECONDS
from api.observability.errors import report
from api.observability.logs import warn
from api.scripts.desks import Desks


class DeskWatch:
    """One gateway's look at all desks; safe to run on each.

    Args:
        desks: those of the live release.
        queue_changed: tells the consoles.
        clock: the program's time.
    """

    def __init__(
        self, database: Database, desks: Callable[[], Desks], queue_changed: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._database, self._desks, self._queue_changed, self._clock = database, desks, queue_changed, clock

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as away:
                warn("desks_wait", error=type(away).__name__)
            except Exception as failure:
                report(failure)
                warn("desks_failed", error=type(failure).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Move who waits where nobody is on duty any more: at the end of a shift, at the beginning of leave, when a
        competence lapses. Returns how many.

        Raises:
            DatabaseUnavailable: who is left is moved by a later look.
        """
        now, desks, moved = self._clock(), self._desks(), 0
        for ticket, to in await self._database.read(lambda c: unattended(c, desks, now)):
            moved += await self._database.write(lambda c, t=ticket, to=to: move_on(c, t, to, now))  # type: ignore[misc]
        if moved:
            warn("desk_unattended", count=moved)
            await self._queue_changed()
        return moved
