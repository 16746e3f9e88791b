"""At which desk somebody waits: where somebody is on duty, now. Never at one where nobody could see them.

The choice is pure, over desks (``scripts/desks.yml``), rota and time. ``""`` is everybody's desk: it is the answer
where no rota was entered at all, and where nobody at all is on duty. A person is only ever taken from a desk when
nobody is on duty there any more; otherwise desks are added, because somebody may be about to claim them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from api.audit import trail
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, as_ticket, move
from api.scripts.desks import Desks, chain, home, path
from api.staff.accounts import desk_is_staffed
from api.staff.rotas import Rota, attended, read_rota

EVERYBODY = ""
"""The desk all staff see."""


def choose(desks: Desks, open_desks: Iterable[str], country: str, lane: str) -> str:
    """The first desk on the way of somebody of that country and lane where somebody is on duty, or everybody's.

    Args:
        open_desks: where somebody is on duty (:func:`api.staff.rotas.attended`).
    """
    there = frozenset(open_desks)
    return next((code for code in path(desks, country, lane) if code in there), EVERYBODY)


def stand_in(desks: Desks, open_desks: Iterable[str], desk: str, country: str, lane: str) -> str:
    """Where somebody goes whose desk has nobody on duty any more: on along their way, or everybody's.

    Who was sent by hand to a desk that is not on their way follows that desk's fallbacks first.
    """
    there = frozenset(open_desks) - {desk}
    way = path(desks, country, lane)
    order = way if desk in way else (*chain(desks, desk), *way)
    return next((code for code in order if code in there), EVERYBODY)


def next_desk(desks: Desks, open_desks: Iterable[str], desk: str, country: str, lane: str) -> str:
    """Whom the ladder calls first: the next desk of the way with somebody on duty, or everybody."""
    there = frozenset(open_desks) - {desk}
    way = path(desks, country, lane)
    place = way.index(desk) if desk in way else -1
    order = (*way[place + 1 :], *way[:place]) if place >= 0 else (*chain(desks, desk), *way)
    return next((code for code in order if code in there), EVERYBODY)


def desk_for(connection: sa.Connection, desks: Desks, *, country: str, place: str, lane: str, now: float) -> str:
    """The desk of a new ticket."""
    rota = read_rota(connection) if desks else None
    if rota is None or not rota.entered:
        return EVERYBODY
    return choose(desks, attended(rota, desks, now), home(country, place), lane)


def desk_to_call(connection: sa.Connection, desks: Desks, ticket: Ticket, now: float) -> str:
    """The desk the ladder's first rung calls for a ticket that waits at a desk."""
    rota = read_rota(connection) if desks and ticket.desk else None
    if rota is None or not rota.entered:
        return EVERYBODY
    return next_desk(desks, attended(rota, desks, now), ticket.desk, home(ticket.country, ticket.place), ticket.lane)


def unattended(connection: sa.Connection, desks: Desks, now: float, at_most: int = 100) -> list[tuple[Ticket, str]]:
    """Who waits at a desk where nobody is on duty any more, the gravest first, and where each should wait instead."""
    waits = sa.and_(tickets.c.state.in_(("queued", "left")), tickets.c.owner.is_(None), tickets.c.desk != EVERYBODY)
    codes: Sequence[str] = connection.execute(sa.select(tickets.c.desk).where(waits).distinct()).scalars().all()
    if not codes:
        return []
    rota = read_rota(connection)
    there = attended(rota, desks, now)
    empty = [code for code in codes if not _manned(connection, desks, rota, there, code)]
    if not empty:
        return []
    rank = sa.case((tickets.c.band == "RED", 0), (tickets.c.band == "HIGH", 1), (tickets.c.band == "ELEVATED", 2), else_=3)
    rows = connection.execute(
        sa.select(tickets).where(waits, tickets.c.desk.in_(empty)).order_by(rank, tickets.c.created_at).limit(at_most)
    )
    return [(ticket, _instead(desks, rota, there, ticket)) for ticket in map(as_ticket, rows)]


def move_on(connection: sa.Connection, ticket: Ticket, to: str, now: float) -> bool:
    """Let somebody wait at another desk, as :func:`unattended` said; ``False`` if they are no longer where they were.

    Their waiting time and the ladder go on as they were. Who left keeps their state: for them it is a note at another
    desk, no change of hands.
    """
    called = "" if ticket.called_desk == to or not to else ticket.called_desk  # who sees them already goes on seeing them
    if ticket.state == "queued":
        done = move(connection, ticket, "send_to_desk", {"desk": to, "called_desk": called}, now=now) is not None
    else:
        done = connection.execute(
            tickets.update()
            .where(
                tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.state == ticket.state,
                tickets.c.owner.is_(None), tickets.c.desk == ticket.desk,
            )
            .values(desk=to, called_desk=called, updated_at=now)
        ).rowcount == 1
    if done:
        trail.append(connection, at=now, actor=trail.SYSTEM, act="handoff.stand_in", object_id=ticket.id)
    return done


def _manned(connection: sa.Connection, desks: Desks, rota: Rota, there: frozenset[str], code: str) -> bool:
    if rota.entered and code in desks:
        return code in there
    # No rota, or a desk that only accounts know: as long as somebody works there by name, they are left where they are.
    return desk_is_staffed(connection, code)


def _instead(desks: Desks, rota: Rota, there: frozenset[str], ticket: Ticket) -> str:
    if not rota.entered:
        return EVERYBODY
    return stand_in(desks, there, ticket.desk, home(ticket.country, ticket.place), ticket.lane)
