"""The queue as the staff see it: cards of codes, ordered by band, then by how long somebody has waited. No words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.handoffs import bands, blocks, leases, presence, retention
from api.handoffs.bands import Lowering
from api.handoffs.presence import Kind
from api.handoffs.safe_contacts import safe_contacts
from api.handoffs.tables import BANDS, OPEN_STATES, VISIBLE_STATES, tickets
from api.handoffs.tickets import Ticket, as_ticket, priority
from api.staff.tables import staff

CHANGED = "queue"
"""The Redis channel that says only that the queue changed, never what."""

MOST_CARDS = 200
REPLY_WINDOW_SECONDS: Mapping[str, float | None] = {"whatsapp": 24 * 3600.0, "sms": None}
"""twilio.md: free-form answers on WhatsApp for 24 hours after the person's last message."""

WINDOW_SHOWN_TO = 300
"""Seconds to which the end of a window is shown, never too late: not every message makes every card another one."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A ticket with what only the whole table knows of it."""

    ticket: Ticket
    owner_name: str | None
    repeat: int
    blocked: str | None = None
    safe_contact: bool = False
    """A number was agreed at which they may be reached after an exit."""
    present: tuple[tuple[str, str, Kind], ...] = ()
    """Who reads along: id, name and in what way."""
    invited: tuple[str, str] | None = None
    """The colleague who is asked to take the person on: id and name."""
    lowering: tuple[Lowering, str] | None = None
    """A lower band that waits for a second person, and the name of the first."""


def waiting(connection: sa.Connection, desks: frozenset[str], *, limit: int = MOST_CARDS) -> tuple[QueueRow, ...]:
    """Everybody who is owned, and the most urgent of those who wait, for staff of these desks (none: all desks).

    Of a flood only the index is walked (``ix_tickets_waiting`` holds all that the order needs); whole rows are read for
    those who are shown. How many are not is told by :func:`unshown`.
    """
    owned = _rows().where(tickets.c.owner.is_not(None), tickets.c.state.in_(_MAY_BE_OWNED), _seen_by(desks))
    first = connection.execute(
        sa.select(tickets.c.id).where(*_unowned(desks)).order_by(*_most_urgent_first()).limit(limit)
    ).scalars().all()
    rows = [*connection.execute(owned), *(connection.execute(_rows().where(tickets.c.id.in_(first))) if first else ())]
    return _with_hands(connection, sorted(map(_as_row, rows), key=_order))


def board(connection: sa.Connection, desks: frozenset[str]) -> tuple[tuple[QueueRow, ...], dict[str, int]]:
    """The people a console shows for these desks, and by priority how many wait beyond them (none: everybody is shown)."""
    rows = waiting(connection, desks)
    return rows, unshown(connection, desks, rows)


def cards(rows: Sequence[QueueRow], more: Mapping[str, int]) -> dict[str, Any]:
    """A board as JSON; ``more`` is there only where not everybody is shown."""
    return {"handoffs": [card(row) for row in rows], **({"more": dict(more)} if more else {})}


def unshown(connection: sa.Connection, desks: frozenset[str], shown: Sequence[QueueRow], limit: int = MOST_CARDS) -> dict[str, int]:
    """How many wait beyond those who are shown, by priority; empty where everybody is.

    Args:
        shown: what :func:`waiting` gave for the same desks, in the same transaction.
    """
    there = Counter(row.ticket.priority for row in shown if row.ticket.owner is None)
    if there.total() < limit:
        return {}
    every: Counter[str] = Counter()
    kinds = (tickets.c.band, tickets.c.wish, tickets.c.call)
    query = sa.select(*kinds, sa.func.count().label("n")).where(*_unowned(desks)).group_by(*kinds)
    for row in connection.execute(query):
        every[priority(row.band, row.wish or row.call)] += row.n
    return dict(sorted((every - there).items()))


def one(connection: sa.Connection, ticket_id: str) -> QueueRow | None:
    """One ticket in any state, as a card's row."""
    row = connection.execute(_rows().where(tickets.c.id == ticket_id)).first()
    return _with_hands(connection, [_as_row(row)])[0] if row else None


def card(row: QueueRow) -> dict[str, Any]:
    """The card of contract.md as JSON."""
    ticket = row.ticket
    window = REPLY_WINDOW_SECONDS.get(ticket.channel)
    return {
        "id": ticket.id, "band": ticket.band, "priority": ticket.priority, "reasons": list(ticket.reasons),
        "sets": list(ticket.sets), "country": ticket.country, "place": ticket.place, "channel": ticket.channel,
        "window_closes_at": None if window is None else moment(ticket.last_inbound_at // WINDOW_SHOWN_TO * WINDOW_SHOWN_TO + window),
        "variant": ticket.variant, "language": ticket.language, "lane": ticket.lane, "desk": ticket.desk, "called_desk": ticket.called_desk,
        "state": ticket.state, "epoch": ticket.epoch, "owner": row.owner_name,
        "waiting_since": moment(ticket.created_at), "flagged_at": moment(ticket.flagged_at),
        "acknowledged_at": moment(ticket.acknowledged_at), "repeat": row.repeat, "climbed": ticket.ladder_step, "again": ticket.again,
        "not_now": ticket.not_now, "answered": ticket.talking, "left_chat": ticket.left_at is not None, "wish": ticket.wish, "call_wish": ticket.call,
        "outcome": ticket.outcome, "blocked": row.blocked, "safe_contact": row.safe_contact,
        "present": [{"name": name, "kind": kind} for _, name, kind in row.present],
        "invited": row.invited[1] if row.invited else None,
        "lowering": {
            "id": row.lowering[0].id, "to": row.lowering[0].becomes, "reason": row.lowering[0].reason,
            "by": row.lowering[1], "until": moment(row.lowering[0].until),
        } if row.lowering else None,
    }


def counts(connection: sa.Connection) -> dict[str, Any]:
    """Figures: who waits now by priority, and all tickets by band with cells under five suppressed (threats.md)."""
    now_waiting = {"P0": 0, "P1": 0, "P2": 0, "P3": 0}
    query = sa.select(tickets.c.band, tickets.c.wish, tickets.c.call, sa.func.count().label("n"))
    for row in connection.execute(
        query.where(tickets.c.state == "queued").group_by(tickets.c.band, tickets.c.wish, tickets.c.call)
    ):
        now_waiting[priority(row.band, row.wish or row.call)] += row.n
    by_band: dict[str, int | None] = {}
    totals: dict[str, int] = {
        row.band: row.n
        for row in connection.execute(
            sa.select(tickets.c.band, sa.func.count().label("n")).group_by(tickets.c.band)
        )
    }
    past = retention.by_band(connection)
    for band in BANDS:
        total = totals.get(band, 0) + past.get(band, 0)
        by_band[band] = total if total == 0 or total >= 5 else None
    talking = connection.execute(
        sa.select(sa.func.count()).select_from(tickets).where(tickets.c.state == OPEN_STATES[1])
    ).scalar_one()
    return {"waiting": now_waiting, "talking": talking, "tickets": by_band, "suppressed_below": 5}


async def announce(redis: Redis) -> None:
    """Tell every console that the queue changed. Consoles also look by themselves, so a lost word delays, no more."""
    with suppress(RedisError, OSError):
        await redis.publish(CHANGED, b"changed")


def moment(at: float | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_MAY_BE_OWNED = tuple(state for state in VISIBLE_STATES if state != "queued")  # by the table's own check
_AGREED = sa.exists().where(safe_contacts.c.ticket == tickets.c.id).correlate(tickets)
_BLOCKED = blocks.reason_of_ticket()


def _with_hands(connection: sa.Connection, rows: Sequence[QueueRow]) -> tuple[QueueRow, ...]:
    """The rows with who else is in each talk and what waits for a second person."""
    at = leases.time_of(connection)
    present, asked = presence.all_present(connection), presence.all_invitations(connection, at)
    lowerings = bands.proposals(connection, at)
    if not (present or asked or lowerings):
        return tuple(rows)
    members = {*(one.staff for one in present), *(one.staff for one in lowerings), *(one.invited for one in asked)}
    names = {
        row.id: row.username
        for row in connection.execute(sa.select(staff.c.id, staff.c.username).where(staff.c.id.in_(members)))
    }
    there: dict[str, list[tuple[str, str, Kind]]] = {}
    for one in present:
        there.setdefault(one.ticket, []).append((one.staff, names.get(one.staff, ""), one.kind))
    invited = {one.ticket: (one.invited, names.get(one.invited, "")) for one in asked}
    lower = {one.ticket: (one, names.get(one.staff, "")) for one in lowerings}
    return tuple(
        replace(
            row, present=tuple(there.get(row.ticket.id, ())), invited=invited.get(row.ticket.id),
            lowering=lower.get(row.ticket.id),
        )
        for row in rows
    )


def _seen_by(desks: frozenset[str]) -> sa.ColumnElement[bool]:
    if not desks:
        return sa.true()
    return sa.or_(tickets.c.desk.in_(["", *sorted(desks)]), tickets.c.called_desk.in_(sorted(desks)))


def _unowned(desks: frozenset[str]) -> tuple[sa.ColumnElement[bool], ...]:
    return tickets.c.state.in_(VISIBLE_STATES), tickets.c.owner.is_(None), _seen_by(desks)


def _rows() -> sa.Select[Any]:
    earlier = tickets.alias("earlier")
    repeat = (
        sa.select(sa.func.count()).select_from(earlier)
        .where(earlier.c.repeat_key == tickets.c.repeat_key, earlier.c.created_at < tickets.c.created_at)
        .correlate(tickets).scalar_subquery()
    )
    return sa.select(tickets, staff.c.username.label("owner_name"), repeat.label("repeat"), _BLOCKED.label("blocked"), _AGREED.label("safe_contact")).join(
        staff, staff.c.id == tickets.c.owner, isouter=True
    )


def _most_urgent_first() -> tuple[sa.ColumnElement[Any], ...]:
    wished = sa.or_(tickets.c.wish, tickets.c.call)
    rank = sa.case(
        (tickets.c.band == "RED", 0), (tickets.c.band == "HIGH", 1), (tickets.c.band == "ELEVATED", 2), (wished, 2),
        else_=3,
    )
    last = sa.case((sa.and_(tickets.c.band != "RED", _BLOCKED.is_not(None)), 1), else_=0)  # danger rings, whoever it is
    return rank, last, tickets.c.again.desc(), tickets.c.created_at, tickets.c.id


def _order(row: QueueRow) -> tuple[str, bool, bool, float, str]:
    blocked = row.blocked is not None and row.ticket.band != "RED"
    return row.ticket.priority, blocked, not row.ticket.again, row.ticket.created_at, row.ticket.id


def _as_row(row: sa.Row[Any]) -> QueueRow:
    return QueueRow(as_ticket(row), row.owner_name, row.repeat, row.blocked, bool(row.safe_contact))
