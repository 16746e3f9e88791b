"""Calls to the outside that are owed: committed with the rung that asks for them, tried until they get through.

A row is taken by pushing its time ahead, so that a gateway that dies with it loses nothing: it is due again. Whoever was
taken care of meanwhile is called out for no more. No row holds an address or a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from api.database import metadata
from api.handoffs.tables import gravest_first, tickets
from api.handoffs.tickets import Ticket, as_ticket

Way = Literal["webhook", "sms", "call"]
Ended = Literal["done", "given_up", "needless"]

TAKEN_FOR: Final = 20.0
"""Seconds one try may take before the call is due again."""

BACK_OFF: Final = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds to the next try; after the last the call is given up: a new one comes with the next rung."""

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("ticket", sa.String(32), nullable=False, index=True),
    sa.Column("way", sa.String(16), nullable=False),
    sa.Column("rung", sa.Integer, nullable=False),
    sa.Column("made_at", sa.Double, nullable=False),
    sa.Column("due_at", sa.Double, nullable=False, index=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.CheckConstraint("way in ('webhook','sms','call')", name="ck_alerts_way"),
    sa.CheckConstraint("state in ('due','done','given_up','needless')", name="ck_alerts_state"),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One call, with the person it is for as they stand now."""

    id: str
    way: Way
    rung: int
    made_at: float
    tries: int
    ticket: Ticket


def owe(connection: sa.Connection, ticket: Ticket, ways: Sequence[Way], ids: Iterable[str], now: float) -> None:
    """Call by all of these ways; part of the transaction that takes the rung."""
    rows = [
        {"id": new, "ticket": ticket.id, "way": way, "rung": ticket.ladder_step + 1, "made_at": now, "due_at": now,
         "tries": 0, "state": "due"}
        for way, new in zip(ways, ids, strict=False)
    ]
    if rows:
        connection.execute(alerts.insert(), rows)


def take(connection: sa.Connection, now: float, at_most: int = 20) -> tuple[Alert, ...]:
    """The calls that are due, for this gateway to make, the gravest first; what is needless by now is struck."""
    rows = connection.execute(
        sa.select(alerts, tickets.c.owner, tickets.c.state.label("stands"))
        .join(tickets, tickets.c.id == alerts.c.ticket)
        .where(alerts.c.state == "due", alerts.c.due_at <= now).order_by(gravest_first(), alerts.c.due_at).limit(at_most)
    ).all()
    mine = []
    for row in rows:
        if row.owner is not None or row.stands not in ("queued", "left"):
            settle(connection, row.id, "needless")
            continue
        done = connection.execute(
            alerts.update()
            .where(alerts.c.id == row.id, alerts.c.state == "due", alerts.c.due_at == row.due_at)
            .values(due_at=now + TAKEN_FOR, tries=row.tries + 1)
        )
        if done.rowcount == 1:
            ticket = connection.execute(sa.select(tickets).where(tickets.c.id == row.ticket)).one()
            mine.append(Alert(row.id, row.way, row.rung, row.made_at, row.tries + 1, as_ticket(ticket)))
    return tuple(mine)


def settle(connection: sa.Connection, alert_id: str, ended: Ended) -> None:
    """The call got through, was given up, or nobody needs it any more."""
    connection.execute(alerts.update().where(alerts.c.id == alert_id, alerts.c.state == "due").values(state=ended))


def failed(connection: sa.Connection, alert: Alert, now: float) -> bool:
    """It did not get through: when to try again. False if it is given up."""
    if alert.tries > len(BACK_OFF):
        settle(connection, alert.id, "given_up")
        return False
    values: dict[str, Any] = {"due_at": now + BACK_OFF[alert.tries - 1]}
    connection.execute(alerts.update().where(alerts.c.id == alert.id, alerts.c.state == "due").values(**values))
    return True
