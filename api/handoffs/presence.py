"""Who is in a talk beside its owner: the counsellor who has just handed it over, a supervisor who reads along.

Whoever is present reads; only the owner writes and acknowledges. Everybody at the desk sees on the card who reads along:
a supervisor's silence is towards the person, never towards the staff (threats.md, "Insider on the staff"). Presence rests
on a lease like ownership does (leases.py), so that a closed laptop ends it, and ends with the talk: :func:`follow` is
called by the one place where a ticket changes its state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa

from api.audit import trail
from api.database import metadata
from api.handoffs.tables import tickets

Kind = Literal["former", "silent", "open"]

INVITED_FOR: Final = 180.0
"""Seconds an invitation stands: who does not look at the screen for so long is not there to take anybody on."""

presence = sa.Table(
    "presence",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("staff", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("since", sa.Double, nullable=False, comment="by the database's clock"),
    sa.Column("lease_until", sa.Double, nullable=False, comment="their console answered; by the database's clock"),
    sa.Column("told", sa.Boolean, nullable=False, comment="the person knows, or need not"),
    sa.CheckConstraint("kind in ('former','silent','open')", name="ck_presence_kind"),
)
sa.Index("ix_presence_staff", presence.c.staff)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(32), nullable=False, comment="who invites"),
    sa.Column("invited", sa.String(32), nullable=False),
    sa.Column("until", sa.Double, nullable=False, comment="by the database's clock"),
)
"""At most one a talk: two colleagues who both accept would race for the person."""


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who reads along."""

    ticket: str
    staff: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Invitation:
    """A colleague who is asked to take somebody on."""

    ticket: str
    owner: str
    invited: str
    until: float


def enter(
    connection: sa.Connection, ticket_id: str, staff: str, kind: Kind, *, at: float, lease_until: float, told: bool = True
) -> None:
    """Be present from now on; who was present already is so in the new way.

    The caller holds the ticket's row, or an exit that commits in between would leave somebody present in no talk.
    """
    connection.execute(presence.delete().where(presence.c.ticket == ticket_id, presence.c.staff == staff))
    connection.execute(
        presence.insert().values(ticket=ticket_id, staff=staff, kind=kind, since=at, lease_until=lease_until, told=told)
    )


def leave(connection: sa.Connection, ticket_id: str, staff: str) -> bool:
    """Be present no more; false if they were not."""
    gone = connection.execute(presence.delete().where(presence.c.ticket == ticket_id, presence.c.staff == staff))
    return gone.rowcount == 1


def kind_of(connection: sa.Connection, ticket_id: str, staff: str) -> Kind | None:
    """In what way somebody is present in a talk, if at all."""
    found: Kind | None = connection.execute(
        sa.select(presence.c.kind).where(presence.c.ticket == ticket_id, presence.c.staff == staff)
    ).scalar_one_or_none()
    return found


def anybody(connection: sa.Connection, ticket_id: str) -> bool:
    """Whether anybody reads along."""
    return connection.execute(sa.select(presence.c.staff).where(presence.c.ticket == ticket_id).limit(1)).first() is not None


def all_present(connection: sa.Connection, ticket_ids: Iterable[str] | None = None) -> tuple[Present, ...]:
    """Everybody who reads along, in these talks or in all, the longest there first."""
    query = sa.select(presence.c.ticket, presence.c.staff, presence.c.kind).order_by(presence.c.since, presence.c.staff)
    if ticket_ids is not None:
        query = query.where(presence.c.ticket.in_(list(ticket_ids)))
    return tuple(Present(row.ticket, row.staff, row.kind) for row in connection.execute(query))


def invite(connection: sa.Connection, ticket_id: str, *, owner: str, invited: str, at: float) -> None:
    """Ask a colleague; whoever was asked before is not asked any more. The caller holds the ticket's row."""
    uninvite(connection, ticket_id)
    connection.execute(
        invitations.insert().values(ticket=ticket_id, owner=owner, invited=invited, until=at + INVITED_FOR)
    )


def invitation_of(connection: sa.Connection, ticket_id: str, at: float) -> Invitation | None:
    """The invitation that stands."""
    row = connection.execute(
        sa.select(invitations).where(invitations.c.ticket == ticket_id, invitations.c.until >= at)
    ).first()
    return Invitation(row.ticket, row.owner, row.invited, row.until) if row else None


def all_invitations(connection: sa.Connection, at: float) -> tuple[Invitation, ...]:
    """Every invitation that stands."""
    rows = connection.execute(sa.select(invitations).where(invitations.c.until >= at))
    return tuple(Invitation(row.ticket, row.owner, row.invited, row.until) for row in rows)


def uninvite(connection: sa.Connection, ticket_id: str) -> bool:
    """Nobody is asked any more; false if nobody was."""
    return connection.execute(invitations.delete().where(invitations.c.ticket == ticket_id)).rowcount == 1


def follow(connection: sa.Connection, ticket_id: str, *, talk: bool, owner: str | None, changed_hands: bool) -> None:
    """What becomes of presence and invitations when the ticket takes a step, in the same transaction.

    Args:
        talk: whether there is a talk after the step. Without one nobody is present in it.
        owner: who owns the person now: an owner is not beside themselves.
        changed_hands: an invitation by somebody who is not the owner any more is void.
    """
    if not talk:
        connection.execute(presence.delete().where(presence.c.ticket == ticket_id))
    elif owner is not None:
        leave(connection, ticket_id, owner)
    if not talk or changed_hands:
        uninvite(connection, ticket_id)


def untold(connection: sa.Connection, ticket_id: str) -> bool:
    """Whether somebody has joined openly of whom the person has not been told yet."""
    query = sa.select(presence.c.staff).where(presence.c.ticket == ticket_id, presence.c.told.is_(sa.false())).limit(1)
    return connection.execute(query).first() is not None


def note_told(connection: sa.Connection, ticket_id: str) -> None:
    """The person has been told of everybody who joined openly."""
    connection.execute(presence.update().where(presence.c.ticket == ticket_id).values(told=True))


def renew(connection: sa.Connection, staff: Collection[str], until: float) -> int:
    """The consoles of these members of staff answer: they stay present. Returns in how many places that is."""
    theirs = (
        sa.select(presence.c.ticket, presence.c.staff).where(presence.c.staff.in_(sorted(staff)))
        .with_for_update(skip_locked=True)  # who is being moved at this instant is renewed the next time
    )
    found = connection.execute(theirs).all() if staff else []
    for row in found:
        connection.execute(
            presence.update().where(presence.c.ticket == row.ticket, presence.c.staff == row.staff)
            .values(lease_until=until)
        )
    return len(found)


def lapsed(connection: sa.Connection, at: float) -> tuple[Present, ...]:
    """Whose console has not answered for too long."""
    rows = connection.execute(sa.select(presence).where(presence.c.lease_until < at).order_by(presence.c.ticket, presence.c.staff))
    return tuple(Present(row.ticket, row.staff, row.kind) for row in rows)


def lapse(connection: sa.Connection, gone: Present, *, at: float, now: float) -> bool:
    """End a presence whose lease is past; false if the console came back meanwhile."""
    # The ticket first, as in every other act: two that take their locks in different orders wait for each other.
    connection.execute(sa.select(tickets.c.id).where(tickets.c.id == gone.ticket).with_for_update())
    done = connection.execute(
        presence.delete()
        .where(presence.c.ticket == gone.ticket, presence.c.staff == gone.staff, presence.c.lease_until < at)
    )
    if done.rowcount == 1:
        trail.append(connection, at=now, actor=gone.staff, act="presence.lapse", object_id=gone.ticket)
    return done.rowcount == 1
