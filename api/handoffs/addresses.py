"""The reply address of an open ticket: the one thing about a person that the durable store holds, sealed.

architecture.md, decision 4: under a key of its own whose wrapping key lies outside SQL and is destroyed by day, since
a database keeps dead rows and logs. Each day's key is a file (``PeriodKeys``); a ticket that is open the next day is
sealed again, and what the database still holds of yesterday cannot be opened by anybody.
"""

from __future__ import annotations

import sqlalchemy as sa

from api.conversations.keys import PeriodKeys, day_of
from api.conversations.sealing import CannotOpen, open_under, seal_under
from api.handoffs.tables import tickets

_USE = "reply"
_DAY = len("2026-11-22")
_AT_A_TIME = 500


class ReplyAddresses:
    """Seals and opens reply addresses.

    Args:
        keys: the day keys, outside the database.
    """

    def __init__(self, keys: PeriodKeys) -> None:
        self._keys = keys

    def seal(self, wire: str, person: str, now: float) -> bytes:
        """The address as the ticket keeps it: the day, then the sealed address, bound to the person."""
        day = day_of(now)
        key = self._keys.key(_USE, day)
        return day.encode() + seal_under(key, wire.encode(), person.encode(), self._keys.random_bytes)

    def open(self, kept: bytes, person: str) -> str:
        """The address in the provider's form.

        Raises:
            CannotOpen: it is damaged, belongs to somebody else, or its day's key is gone.
        """
        try:
            key = self._keys.find(_USE, kept[:_DAY].decode("ascii"))
        except ValueError:
            raise CannotOpen("not a sealed address") from None
        if key is None:
            raise CannotOpen("the day's key is gone")
        return open_under(key, kept[_DAY:], person.encode()).decode()

    def is_of_today(self, kept: bytes, now: float) -> bool:
        """Whether it is sealed under the key of the day already."""
        return kept[:_DAY] == day_of(now).encode()

    def renew(self, connection: sa.Connection, now: float) -> int:
        """Seal under today's key what open tickets still hold under an older one; how many were.

        So many at a time: under ten thousand tickets nobody's message waits for it, and there is a day for the rest.
        """
        today, moved = day_of(now), 0
        query = sa.select(tickets.c.id, tickets.c.person, tickets.c.reply_address).where(
            tickets.c.reply_address.is_not(None), sa.func.substr(tickets.c.reply_address, 1, _DAY) != today.encode()
        )
        for row in connection.execute(query).all():
            if moved == _AT_A_TIME:
                break
            try:
                fresh = self.seal(self.open(row.reply_address, row.person), row.person, now)
            except CannotOpen:
                continue  # its key is gone already: nobody can answer there, and nothing here can mend that
            connection.execute(
                tickets.update()
                .where(tickets.c.id == row.id, tickets.c.reply_address == row.reply_address)
                .values(reply_address=fresh)
            )
            moved += 1
        return moved

    def destroy_old(self, now: float) -> int:
        """Destroy the keys of the days before yesterday; to be called once :meth:`renew` has been committed.

        Yesterday's stays a day longer: a turn that began before midnight may commit after it.
        """
        return self._keys.destroy_before(_USE, day_of(now - 24 * 3600))
