"""How many messages of one number are taken before only speed changes, never whether danger is heard.

safety.md: counts belong to the number, so they only ever change order and speed; exit and danger by rule come before.
The counting itself is part of the arrival's script (``scripts_lua.ARRIVE``) and not left to the ``limits`` library:
a duplicate must not count, which only the script that sets the duplicate mark can know, and it saves a round trip.
Each window is exact: a list of arrival times, of which the nth newest is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """From the ``soft``-th message within ``seconds`` on answers get short; from the ``hard``-th on there are none."""

    seconds: int
    soft: int
    hard: int

    def __post_init__(self) -> None:
        if not 0 < self.soft <= self.hard or self.seconds <= 0:
            raise ValueError("a window needs 0 < soft <= hard and a length")


PER_NUMBER = (Window(seconds=20, soft=15, hard=25), Window(seconds=600, soft=100, hard=200))
"""Issue 2, Bad input: 25 messages in 20 s. People in distress send many short lines: fifteen in 20 s are still served."""
