"""Exits that must not be lost: what this process remembers, and what SQL holds while Redis is away.

threats.md: "Fail-over of Redis is asynchronous: an exit can come back to life … keep recent tombstones in each
gateway and apply them again." architecture.md 4: "exits … go to SQL and are applied when it is back."
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import sqlalchemy as sa

from api.database import metadata

TOMBSTONE_S = 24 * 60 * 60

pending_wipes = sa.Table(
    "pending_wipes",
    metadata,
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
)


class Tombstones:
    """The exits of the last day that went through this process: person → generation.

    Args:
        most: how many are held; the oldest go first. 200,000 take about 40 MB and are more than a day of any helpline.
    """

    def __init__(self, most: int = 200_000, seconds: float = TOMBSTONE_S) -> None:
        self._most, self._seconds = most, seconds
        self._graves: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._graves)

    def remember(self, person: str, generation: int, now: float) -> None:
        """This number left; a lower generation never replaces a higher one."""
        self._graves[person] = (max(generation, self.floor(person, now)), now + self._seconds)
        self._graves.move_to_end(person)
        while self._graves:
            oldest, (_, until) = next(iter(self._graves.items()))
            if until > now and len(self._graves) <= self._most:
                return
            del self._graves[oldest]

    def floor(self, person: str, now: float) -> int:
        """The generation Redis must show at least, 0 if this process knows of no exit."""
        generation, until = self._graves.get(person, (0, 0.0))
        return generation if until > now else 0


def defer_wipe(connection: sa.Connection, person: str, generation: int) -> None:
    """Note an exit that Redis could not be told of.

    Args:
        generation: what :meth:`ConversationStore.exit_locally` gave back.
    """
    connection.execute(sa.delete(pending_wipes).where(pending_wipes.c.person == person))
    connection.execute(sa.insert(pending_wipes).values(person=person, generation=generation))


def pending(connection: sa.Connection, at_most: int = 500) -> list[tuple[str, int]]:
    """Exits still to be made good, as (person, generation)."""
    rows = connection.execute(sa.select(pending_wipes).order_by(pending_wipes.c.generation).limit(at_most))
    return [(row.person, row.generation) for row in rows]


def forget_pending(connection: sa.Connection, done: Sequence[tuple[str, int]]) -> None:
    """These are made good; one that was deferred again in the meantime stays."""
    for person, generation in done:
        connection.execute(
            sa.delete(pending_wipes).where(pending_wipes.c.person == person, pending_wipes.c.generation == generation)
        )
