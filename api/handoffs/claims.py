"""Who may claim a conversation, and how it changes hands. Never two owners, never neither owned nor queued.

Each function is one conditional UPDATE on the epoch that was read (``tickets.move``), so it is safe with any number
of gateways on SQLite or PostgreSQL; each raises the epoch, so that whatever was sent under the old one is refused.
Claiming is the acknowledgement (screening.md).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.audit import trail
from api.handoffs import leases
from api.handoffs.tables import OUTCOMES
from api.handoffs.tickets import Event, NoSuchStep, Ticket, find, ladder_due, move, step


class NoSuchTicket(Exception):
    """There is no such ticket, or it is not this desk's to know of."""


class StaleEpoch(Exception):
    """The ticket changed hands since the caller looked; look again."""


class NotYours(Exception):
    """Somebody else owns this ticket, or nobody does and it must be claimed first."""


class UnknownOutcome(ValueError):
    """A talk ends with one of the outcome codes."""


def claim(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """Take a waiting person; one of any number of callers wins. Claiming again what one owns changes nothing.

    Raises:
        NoSuchTicket, StaleEpoch, NotYours, NoSuchStep: nothing was changed.
    """
    ticket = _read(connection, ticket_id)
    if ticket.owner == staff and ticket.state in ("claimed", "left"):
        return ticket
    step(ticket.state, "claim" if ticket.owner is None else "release")
    if ticket.owner is not None:
        raise NotYours
    _same(ticket, epoch)
    values = {"owner": staff, "acknowledged_at": now, "ladder_due": None, "lease_until": leases.first(connection)}
    return _move(connection, ticket, "claim", values, staff=staff, act="handoff.claim", now=now)


def release(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """Give the person back to the queue, at the place their waiting time gives them; the ladder starts again.

    Raises:
        NoSuchTicket, StaleEpoch, NotYours, NoSuchStep: nothing was changed.
    """
    ticket = owned(connection, ticket_id, staff=staff, epoch=epoch)
    values = {**_unowned(ticket, now), "again": False}
    return _move(connection, ticket, "release", values, staff=staff, act="handoff.release", now=now)


def transfer(
    connection: sa.Connection,
    ticket_id: str,
    *,
    staff: str,
    to_staff: str | None = None,
    to_desk: str | None = None,
    epoch: int | None = None,
    now: float,
) -> Ticket:
    """Hand the person to a colleague (who owns them at once) or to a desk (where they wait on top of their band).

    Raises:
        NoSuchTicket, StaleEpoch, NotYours, NoSuchStep: nothing was changed.
        ValueError: neither or both of ``to_staff`` and ``to_desk`` were given.
    """
    if (to_staff is None) == (to_desk is None):
        raise ValueError("a transfer goes to one colleague or to one desk")
    ticket = owned(connection, ticket_id, staff=staff, epoch=epoch)
    if to_staff is not None:
        values: dict[str, Any] = {"owner": to_staff, "acknowledged_at": now, "lease_until": leases.first(connection)}
        return _move(connection, ticket, "transfer", values, staff=staff, act="handoff.transfer", now=now)
    values = {**_unowned(ticket, now), "desk": to_desk}
    return _move(connection, ticket, "send_to_desk", values, staff=staff, act="handoff.send_to_desk", now=now)


def take_back(connection: sa.Connection, ticket_id: str, *, by: str, epoch: int | None = None, now: float) -> Ticket:
    """Put somebody else's ticket back into the queue, on top of its band: a supervisor's act.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep: nothing was changed.
    """
    ticket = _read(connection, ticket_id)
    _same(ticket, epoch)
    return _move(connection, ticket, "take_back", _unowned(ticket, now), staff=by, act="handoff.take_back", now=now)


def lapse(connection: sa.Connection, ticket: Ticket, *, at: float, now: float) -> tuple[Ticket, Ticket] | None:
    """The owner's console has gone: the person waits again, on top of their band, and the ladder starts again.

    Returns the ticket before and after; ``None`` where the console came back, or the ticket changed hands, since it was
    read: nothing was changed.

    Args:
        at: the database's time (:func:`api.handoffs.leases.time_of`).
        now: the program's, for waiting clocks and the ladder.
    """
    before = leases.still_lapsed(connection, ticket, at)
    if before is None:
        return None
    after = _move(connection, before, "take_back", _unowned(before, now), staff=trail.SYSTEM, act="handoff.lapse", now=now)
    return before, after


def close(
    connection: sa.Connection, ticket_id: str, *, staff: str, outcome: str, epoch: int | None = None, now: float
) -> Ticket:
    """End the talk with an outcome code; the reply address is overwritten in the same transaction.

    Raises:
        UnknownOutcome: the outcome is not one of ours.
        NoSuchTicket, StaleEpoch, NotYours, NoSuchStep: nothing was changed.
    """
    if outcome not in OUTCOMES:
        raise UnknownOutcome("an outcome is one of the known codes")
    ticket = owned(connection, ticket_id, staff=staff, epoch=epoch)
    values = {"outcome": outcome, "ladder_due": None}
    return _move(connection, ticket, "close", values, staff=staff, act="handoff.close", now=now)


def owned(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None) -> Ticket:
    """The ticket, if this member of staff owns it under this epoch.

    Raises:
        NoSuchTicket, StaleEpoch, NotYours: as named.
    """
    ticket = _read(connection, ticket_id)
    if ticket.owner != staff:
        raise NotYours
    _same(ticket, epoch)
    return ticket


def _read(connection: sa.Connection, ticket_id: str) -> Ticket:
    ticket = find(connection, ticket_id)
    if ticket is None:
        raise NoSuchTicket
    return ticket


def _same(ticket: Ticket, epoch: int | None) -> None:
    if epoch is not None and ticket.epoch != epoch:
        raise StaleEpoch


def _unowned(ticket: Ticket, now: float) -> dict[str, Any]:
    # screening.md: a lapsed lease restarts the clock; so does every other way back into the queue.
    return {
        "owner": None, "lease_until": None, "again": True, "acknowledged_at": None, "answered_at": None, "introduced": False,
        "ladder_step": 0, "ladder_due": ladder_due(ticket.priority, now),
    }


def _move(
    connection: sa.Connection, ticket: Ticket, event: Event, values: dict[str, Any], *, staff: str, act: str, now: float
) -> Ticket:
    after = move(connection, ticket, event, values, now=now)
    if after is None:
        raise StaleEpoch
    trail.append(connection, at=now, actor=staff, act=act, object_id=ticket.id)
    return after


__all__ = [
    "NoSuchStep", "NoSuchTicket", "NotYours", "StaleEpoch", "UnknownOutcome",
    "claim", "close", "lapse", "owned", "release", "take_back", "transfer",
]
