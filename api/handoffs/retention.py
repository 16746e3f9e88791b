"""How long a ticket is kept once it has ended: thirty days, then only a count (threats.md, "How long anything is kept").

With the ticket goes everything that is about it and about nothing else: who changed its band and why, what was done in the
talk, calls that were owed. The audit trail keeps its rows for its own term: they hold an id that by then leads nowhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.database import metadata
from api.handoffs.alerts import alerts
from api.handoffs.bands import band_changes
from api.handoffs.plan import ticket_plan
from api.handoffs.presence import invitations, presence
from api.handoffs.safe_contacts import safe_contacts
from api.handoffs.tables import OPEN_STATES, commands, tickets
from api.handoffs.wrapup import ticket_done

KEPT_SECONDS: Final = 30 * 24 * 3600.0
_AT_A_TIME: Final = 200

ticket_counts = sa.Table(
    "ticket_counts",
    metadata,
    sa.Column("country", sa.String(2), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True, comment="in which it was opened: 2026-11"),
    sa.Column("band", sa.String(16), primary_key=True),
    sa.Column("outcome", sa.String(24), primary_key=True, comment="'' where none was given"),
    sa.Column("times", sa.Integer, nullable=False),
)
"""What stays of tickets that are past their term; small cells are suppressed on reading."""

_OF_A_TICKET: Final = (
    band_changes.c.ticket, ticket_done.c.ticket, ticket_plan.c.ticket, presence.c.ticket, invitations.c.ticket, alerts.c.ticket,
    safe_contacts.c.ticket,
)
"""Rows that go with their ticket. A new table about tickets belongs here; a test looks for one that was left out."""


def purge(connection: sa.Connection, now: float, at_most: int = _AT_A_TIME) -> int:
    """Count the tickets whose term is over and delete them with all that hangs on them; how many went.

    Nobody who waits or talks is touched, however long it has been. Who left and was not looked at for thirty days has no
    address any more, and goes as well.
    """
    old = connection.execute(
        sa.select(tickets.c.id, tickets.c.country, tickets.c.created_at, tickets.c.band, tickets.c.outcome)
        .where(tickets.c.state.not_in(OPEN_STATES), tickets.c.updated_at < now - KEPT_SECONDS)
        .order_by(tickets.c.updated_at).limit(at_most).with_for_update(skip_locked=True)
    ).all()
    ids = [row.id for row in old]
    for column in _OF_A_TICKET:
        connection.execute(sa.delete(column.table).where(column.in_(ids)))
    connection.execute(sa.delete(tickets).where(tickets.c.id.in_(ids)))
    for row in old:
        _count(connection, row.country, month_of(row.created_at), row.band, row.outcome or "")
    connection.execute(sa.delete(commands).where(commands.c.at < now - KEPT_SECONDS))
    return len(old)


def by_band(connection: sa.Connection) -> dict[str, int]:
    """How many tickets past their term there were of each band."""
    query = sa.select(ticket_counts.c.band, sa.func.sum(ticket_counts.c.times).label("n")).group_by(ticket_counts.c.band)
    return {row.band: int(row.n) for row in connection.execute(query)}


def month_of(at: float) -> str:
    """``2026-11``, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


def _count(connection: sa.Connection, country: str, month: str, band: str, outcome: str) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    cell = ("country", "month", "band", "outcome")
    connection.execute(
        insert(ticket_counts).values(country=country, month=month, band=band, outcome=outcome, times=1)
        .on_conflict_do_update(index_elements=list(cell), set_={"times": ticket_counts.c.times + 1})
    )
