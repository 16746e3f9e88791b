"""Numbers that staff have blocked. A block only ever changes order: whoever it is still gets every answer, emergency
information first, and danger still rings (safety.md: "counts, blocks and pranks belong to the number, so they only ever
change order and speed, never the words or whether emergency information is given"; one number may be two people).

A block stands on the repeat key of a ticket (repeats.py), so it lapses with the quarter by itself: in the next one the
same number has another key, and is blocked again only if somebody finds anew that it must be.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.audit import trail
from api.conversations.keys import quarter_of
from api.database import metadata
from api.handoffs.bands import UnknownReason
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch
from api.handoffs.tables import VISIBLE_STATES, tickets
from api.handoffs.tickets import NoSuchStep, Ticket, find

REASONS: Final = ("prank", "flooding", "abuse_of_staff", "wrong_number", "advertising")
"""Why a number is blocked."""

blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("number", sa.String(64), primary_key=True, comment="HMAC under the quarter's key (repeats.py)"),
    sa.Column("quarter", sa.String(8), nullable=False, index=True),
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Column("staff", sa.String(32), nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)


class NoNumber(Exception):
    """The ticket bears no key of its number (it could not be made): nothing to block by."""


def block(
    connection: sa.Connection, ticket_id: str, *, staff: str, reason: str, epoch: int | None = None, now: float
) -> Ticket:
    """Whoever talked with the number blocks it, for a reason; blocking again gives the new reason.

    Raises:
        UnknownReason: of what was asked for.
        NoSuchTicket, NotYours, StaleEpoch, NoSuchStep, NoNumber: nothing was changed.
    """
    if reason not in REASONS:
        raise UnknownReason
    ticket = _locked(connection, ticket_id, epoch)
    if ticket.owner != staff:
        raise NotYours
    if not ticket.repeat_key:
        raise NoNumber
    _forget(connection, ticket)
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"quarter": quarter_of(now), "reason": reason, "staff": staff, "at": now}
    connection.execute(  # two channels of one number may be blocked at the same moment
        insert(blocks).values(number=ticket.repeat_key, **values).on_conflict_do_update(index_elements=["number"], set_=values)
    )
    trail.append(connection, at=now, actor=staff, act=f"block.{reason}", object_id=ticket_id)
    return ticket


def lift(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """A supervisor lifts the block of this ticket's number; the caller has checked that it is one. Twice is once.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep: nothing was changed.
    """
    ticket = _locked(connection, ticket_id, epoch)
    if _forget(connection, ticket):
        trail.append(connection, at=now, actor=staff, act="block.lifted", object_id=ticket_id)
    return ticket


def reason_of_ticket() -> sa.ScalarSelect[str]:
    """For a query over tickets: why the ticket's number is blocked, or null."""
    return (
        sa.select(blocks.c.reason).where(blocks.c.number == tickets.c.repeat_key, tickets.c.repeat_key != "")
        .correlate(tickets).scalar_subquery()
    )


def purge(connection: sa.Connection, now: float) -> int:
    """Take away what lapsed with its quarter; how many rows went."""
    return int(connection.execute(blocks.delete().where(blocks.c.quarter != quarter_of(now))).rowcount)


def _forget(connection: sa.Connection, ticket: Ticket) -> bool:
    return connection.execute(blocks.delete().where(blocks.c.number == ticket.repeat_key)).rowcount == 1


def _locked(connection: sa.Connection, ticket_id: str, epoch: int | None) -> Ticket:
    ticket = find(connection, ticket_id, lock=True)
    if ticket is None:
        raise NoSuchTicket
    if epoch is not None and ticket.epoch != epoch:
        raise StaleEpoch
    if ticket.state not in VISIBLE_STATES:
        raise NoSuchStep(ticket.state, "block")
    return ticket
