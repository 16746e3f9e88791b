"""How a talk changes hands while somebody is with the person: warm transfer, a supervisor's joining and take-over.

As in ``claims.py`` each change is one conditional UPDATE on the epoch that was read and raises it, so that whatever was
sent under the old one is refused. Only the owner ever writes: with two who may write the person would not know to whom
they talk. Who is present beside the owner is in ``presence.py``; every act here holds the ticket's row, so presence can
never outlive its talk.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.audit import trail
from api.handoffs import leases, presence
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch
from api.handoffs.tickets import Event, NoSuchStep, Ticket, find, move
from api.staff.accounts import Staff, may_see


class NotInvited(Exception):
    """There is no invitation any more, or it is somebody else's."""


def invite(
    connection: sa.Connection, ticket_id: str, *, staff: str, colleague: str, epoch: int | None = None, now: float
) -> Ticket:
    """The owner asks a colleague to take the person on; the person stays with the owner until the colleague accepts.

    Nothing changes hands yet, so the epoch stays. The invitation stands for :data:`presence.INVITED_FOR` seconds.

    Raises:
        NoSuchTicket, NotYours, StaleEpoch, NoSuchStep: nothing was changed.
        ValueError: one does not invite oneself.
    """
    if staff == colleague:
        raise ValueError("a colleague is somebody else")
    ticket = _held(connection, ticket_id, epoch)
    if ticket.owner != staff:
        raise NotYours
    if ticket.state != "claimed":
        raise NoSuchStep(ticket.state, "invite")
    presence.invite(connection, ticket_id, owner=staff, invited=colleague, at=leases.time_of(connection))
    trail.append(connection, at=now, actor=staff, act="handoff.invite", object_id=ticket_id)
    return ticket


def accept(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """The invited colleague owns the person from now on; who invited them stays and reads along until they leave.

    Raises:
        NoSuchTicket, StaleEpoch, NotInvited: nothing was changed.
    """
    ticket = _held(connection, ticket_id, epoch)
    at = leases.time_of(connection)
    standing = presence.invitation_of(connection, ticket_id, at)
    if standing is None or standing.invited != staff or standing.owner != ticket.owner or ticket.state != "claimed":
        raise NotInvited
    until = leases.first(connection)
    after = _move(connection, ticket, "transfer", {"owner": staff, "acknowledged_at": now, "lease_until": until}, now)
    presence.enter(connection, ticket_id, standing.owner, "former", at=at, lease_until=until)
    trail.append(connection, at=now, actor=staff, act="handoff.accept", object_id=ticket_id)
    return after


def decline(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """The invited colleague refuses, or the owner takes the invitation back. The person never left the owner.

    Raises:
        NoSuchTicket, StaleEpoch, NotInvited: nothing was changed.
    """
    ticket = _held(connection, ticket_id, epoch)
    standing = presence.invitation_of(connection, ticket_id, leases.time_of(connection))
    if standing is None or staff not in (standing.invited, standing.owner):
        raise NotInvited
    presence.uninvite(connection, ticket_id)
    trail.append(connection, at=now, actor=staff, act="handoff.decline", object_id=ticket_id)
    return ticket


def join(
    connection: sa.Connection, ticket_id: str, *, staff: str, openly: bool, epoch: int | None = None, now: float
) -> Ticket:
    """A supervisor reads along: openly, and the person is told, or without a message to the person.

    Who has joined openly stays so until they leave: the person was told. The caller has checked that it is a supervisor.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep: nothing was changed; one does not join a talk of one's own, nor none.
    """
    ticket = _held(connection, ticket_id, epoch)
    there = presence.kind_of(connection, ticket_id, staff)
    if there == "open" or (there == "silent" and not openly):
        return ticket
    if ticket.owner == staff or ticket.owner is None:
        raise NoSuchStep(ticket.state, "join")
    after = _move(connection, ticket, "join", {}, now)
    at, until = leases.time_of(connection), leases.first(connection)
    presence.enter(connection, ticket_id, staff, "open" if openly else "silent", at=at, lease_until=until, told=not openly)
    trail.append(
        connection, at=now, actor=staff, act="handoff.join_open" if openly else "handoff.join_silent", object_id=ticket_id
    )
    return after


def leave(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """Whoever is present beside the owner is so no more. Leaving twice is leaving once.

    Raises:
        NoSuchTicket, StaleEpoch: nothing was changed.
    """
    ticket = _held(connection, ticket_id, epoch)
    if presence.leave(connection, ticket_id, staff):
        trail.append(connection, at=now, actor=staff, act="handoff.leave", object_id=ticket_id)
    return ticket


def take_over(connection: sa.Connection, ticket_id: str, *, staff: str, epoch: int | None = None, now: float) -> Ticket:
    """A supervisor owns the person at once, in the place of whoever does; the former owner's next send is refused.

    The caller has checked that it is a supervisor. Taking over what one owns changes nothing.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep: nothing was changed; who waits unowned is claimed, not taken over.
    """
    ticket = _held(connection, ticket_id, epoch)
    if ticket.owner == staff:
        return ticket
    if ticket.owner is None:
        raise NoSuchStep(ticket.state, "take_over")
    values = {"owner": staff, "acknowledged_at": now, "lease_until": leases.first(connection)}
    after = _move(connection, ticket, "take_over", values, now)
    trail.append(connection, at=now, actor=staff, act="handoff.take_over", object_id=ticket_id)
    return after


def readable(connection: sa.Connection, ticket_id: str, member: Staff, epoch: int | None) -> Ticket:
    """The ticket whose talk this member may read: their own, or one they are present in, of their own desk.

    Raises:
        NoSuchTicket, NotYours, StaleEpoch: as named.
    """
    ticket = find(connection, ticket_id)
    if ticket is None or not may_see(member, ticket.desk, ticket.called_desk):
        raise NoSuchTicket
    if ticket.owner != member.id and presence.kind_of(connection, ticket_id, member.id) is None:
        raise NotYours
    _same(ticket, epoch)
    return ticket


def _held(connection: sa.Connection, ticket_id: str, epoch: int | None) -> Ticket:
    """The ticket with its row locked: what is decided by more than the row itself must not change in between."""
    ticket = find(connection, ticket_id, lock=True)
    if ticket is None:
        raise NoSuchTicket
    _same(ticket, epoch)
    return ticket


def _same(ticket: Ticket, epoch: int | None) -> None:
    if epoch is not None and ticket.epoch != epoch:
        raise StaleEpoch


def _move(connection: sa.Connection, ticket: Ticket, event: Event, values: dict[str, Any], now: float) -> Ticket:
    after = move(connection, ticket, event, values, now=now)
    if after is None:
        raise StaleEpoch
    return after
