"""The time. Everything asks this object, so that a journey replays exactly and a demo can be moved on."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Seconds since 1970; in demo mode it can be moved forward (never in production: nobody gets hold of it).

    Gateways that share a database go by its clock (:meth:`follow`, ``clock_watch.py``): what one writes as due in a
    minute another must not see as due in six.

    Args:
        wall: this machine's own clock.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._ahead, self._differs = wall, 0.0, 0.0

    def __call__(self) -> float:
        """Now, as all gateways of this database have it."""
        return self.own() + self._differs

    def own(self) -> float:
        """Now by this machine's clock alone: for sign-in codes. A database whose clock is wrong must not shut everybody
        out, and a gateway whose clock is wrong shuts out nobody but who comes by way of it."""
        return self._wall() + self._ahead

    def follow(self, differs: float) -> None:
        """The database's clock is so many seconds ahead of this machine's."""
        self._differs = differs

    def move(self, seconds: float) -> float:
        """Go forward; returns how far ahead of the wall this clock is now.

        Raises:
            ValueError: backwards, or more than thirty days at once.
        """
        if not 0 <= seconds <= 30 * 24 * 3600:
            raise ValueError("the clock moves forward, by thirty days at most")
        self._ahead += seconds
        return self._ahead
