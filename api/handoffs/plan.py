"""Which steps of the safety plan have been talked about with somebody: codes on an open ticket, so that a successor sees
them. They go when the ticket ends (``tickets.move``): what was planned is nobody's to read later."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.audit import trail
from api.database import metadata

ticket_plan = sa.Table(
    "ticket_plan",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("item", sa.String(48), primary_key=True, comment="name of a text and the number of its line"),
)

_ITEM = re.compile(r"plan_[a-z][a-z0-9_]{0,31}_[1-9][0-9]?")


class NotAnItem(ValueError):
    """A step of the plan is named by a code of the release in force."""


def mark(connection: sa.Connection, ticket_id: str, item: str, *, talked: bool, staff: str, now: float) -> None:
    """Tick a step as talked about, or take the tick away. Twice is once.

    Raises:
        NotAnItem: ``item`` is not made like a code; whether the release has it is the caller's to know.
    """
    if not _ITEM.fullmatch(item):
        raise NotAnItem
    if talked:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        asked = insert(ticket_plan).values(ticket=ticket_id, item=item).on_conflict_do_nothing()
        # RETURNING, not rowcount: drivers differ in what they count where there was a conflict
        changed = connection.execute(asked.returning(ticket_plan.c.item)).first() is not None
    else:
        gone = ticket_plan.delete().where(ticket_plan.c.ticket == ticket_id, ticket_plan.c.item == item)
        changed = connection.execute(gone.returning(ticket_plan.c.item)).first() is not None
    if changed:
        act = "handoff.plan_talked" if talked else "handoff.plan_untalked"
        trail.append(connection, at=now, actor=staff, act=act, object_id=ticket_id)


def talked_about(connection: sa.Connection, ticket_id: str) -> frozenset[str]:
    """The codes that are ticked."""
    rows = connection.execute(sa.select(ticket_plan.c.item).where(ticket_plan.c.ticket == ticket_id))
    return frozenset(row.item for row in rows)


def forget(connection: sa.Connection, ticket_id: str) -> None:
    """The ticket has ended."""
    connection.execute(ticket_plan.delete().where(ticket_plan.c.ticket == ticket_id))
