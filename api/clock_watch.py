"""Looks how far this machine's clock is from the database's, which all gateways go by for casework.

A gateway whose clock is five minutes fast would write a ladder's first step as due in six minutes as others see it, and
somebody in danger would wait for it. SQLite lies on this machine: there is nothing to compare.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from api.clock import Clock
from api.database import Database, DatabaseUnavailable
from api.handoffs import leases
from api.observability.errors import report
from api.observability.logs import warn

LOOK_SECONDS: Final = 15.0
TOLERATED: Final = 1.0
"""Seconds two clocks may differ and both be called right: asking takes time, too."""

_SLOWEST_ANSWER: Final = 0.5
"""An answer that took longer tells nothing about the clock."""


class ClockWatch:
    """One gateway's look at the clock of the database.

    Args:
        clock: follows the database's.
        wall: this machine's own clock.
    """

    def __init__(self, database: Database, clock: Clock, wall: Callable[[], float] = time.time) -> None:
        self._database, self._clock, self._wall = database, clock, wall

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable:
                pass  # the clock goes on as it is
            except Exception as failure:
                report(failure)
                warn("clock_not_compared", error=type(failure).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Compare once.

        Raises:
            DatabaseUnavailable: it could not be asked.
        """
        if self._database.is_sqlite:
            return
        asked, began = self._wall(), time.monotonic()
        theirs = await self._database.read(leases.time_of)
        took = time.monotonic() - began
        if took > _SLOWEST_ANSWER:
            return
        differs = theirs - (asked + took / 2)
        if abs(differs) <= TOLERATED:
            self._clock.follow(0.0)
            return
        self._clock.follow(differs)
        warn("clock_differs", seconds=round(differs))
