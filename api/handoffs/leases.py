"""The lease: a person belongs to a counsellor only as long as that counsellor's console answers.

A console is open while its socket answers the server's pings: browsers answer those themselves, also in a hidden tab,
where timers stand still. Each gateway renews the leases of the people whose owner has a console open there; any gateway
puts back whose lease has lapsed. All of it is told by the database's clock, since those of two gateways may differ.

    closed laptop:  <= 8 s to the next ping, 8 s for its answer (``supervisor.PING_S``), 24 s of lease,
                    2 s to the next look (``duties.REST_S``): 42 s; 45 are allowed
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, as_ticket

RENEWED_FOR: Final = 24.0
"""Seconds a lease holds after the console was last seen: longer than a network that is away for twenty seconds."""

FIRST: Final = 40.0
"""Seconds from a claim until the console must have been seen: a page that loads slowly loses nobody."""

SETTLES: Final = 30.0
"""Seconds in which nobody is put back after a start, or after the database was away: consoles come back first."""

_OWNED: Final = ("claimed", "left")


def time_of(connection: sa.Connection) -> float:
    """Seconds since 1970 by the database's clock; SQLite has none of its own, but it is never on another machine."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())
    return time.time()


def first(connection: sa.Connection) -> float:
    """Until when somebody who takes a person may be without an open console."""
    return time_of(connection) + FIRST


def renew(connection: sa.Connection, staff: Collection[str], at: float) -> int:
    """The consoles of these members of staff answer: whoever they own stays theirs. Returns how many people that is."""
    theirs = (
        sa.select(tickets.c.id).where(tickets.c.owner.in_(sorted(staff)), tickets.c.state.in_(_OWNED))
        .order_by(tickets.c.id).with_for_update(skip_locked=True)  # who is being moved at this instant is renewed the next time
    )
    found = connection.execute(theirs).scalars().all() if staff else []
    if found:
        connection.execute(tickets.update().where(tickets.c.id.in_(found)).values(lease_until=at + RENEWED_FOR))
    return len(found)


def lapsed(connection: sa.Connection, at: float) -> tuple[Ticket, ...]:
    """Whose owner's console has not answered for too long, the gravest first."""
    rows = connection.execute(
        sa.select(tickets).where(tickets.c.state.in_(_OWNED), tickets.c.owner.is_not(None), tickets.c.lease_until < at)
    )
    return tuple(sorted(map(as_ticket, rows), key=lambda ticket: ticket.priority))


def still_lapsed(connection: sa.Connection, ticket: Ticket, at: float) -> Ticket | None:
    """The ticket as it stands, if its lease is still past and nobody else took it; locked until this transaction ends,
    since a console may come back at any moment."""
    row = connection.execute(
        sa.select(tickets)
        .where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.lease_until < at)
        .with_for_update()
    ).first()
    return as_ticket(row) if row else None
