"""The time. Everything asks this object, so that a journey replays exactly and a demo can be moved on."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970; in demo mode it can be moved forward (never in production: nobody gets hold of it)."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Now."""
        return time.time() + self._ahead

    def move(self, seconds: float) -> float:
        """Go forward; returns how far ahead of the wall this clock is now.

        Raises:
            ValueError: backwards, or more than thirty days at once.
        """
        if not 0 <= seconds <= 30 * 24 * 3600:
            raise ValueError("the clock moves forward, by thirty days at most")
        self._ahead += seconds
        return self._ahead
