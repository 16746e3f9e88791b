"""The ladder: whom nobody takes is called out ever louder (screening.md, bands). It stands on committed rows alone.

Any gateway climbs for any ticket; each step is one conditional write, so two of them never climb the same rung, and one
that died in between has lost nothing: the next look finds the same row. A step raises no epoch: whoever is about to
claim the person must not be refused because help was called meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa

from api.audit import trail
from api.handoffs import alerts
from api.handoffs.alerts import Way
from api.handoffs.desks import EVERYBODY, desk_to_call
from api.handoffs.tables import gravest_first, tickets
from api.handoffs.tickets import LADDER_SECONDS, Ticket, as_ticket
from api.scripts.desks import Desks

Calls = Literal["desk", "supervisor", "outside"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: after so many seconds without anybody, who is called."""

    after: float
    calls: Calls


RUNGS: Final[Mapping[str, tuple[Rung, ...]]] = {
    "P0": (Rung(LADDER_SECONDS["P0"], "desk"), Rung(120.0, "supervisor"), Rung(300.0, "outside")),
    "P1": (Rung(LADDER_SECONDS["P1"], "desk"), Rung(600.0, "supervisor"), Rung(900.0, "outside")),
    "P2": (Rung(LADDER_SECONDS["P2"], "desk"), Rung(3600.0, "supervisor")),
}
"""By priority. RED as in screening.md (60 s, 2 and 5 min); HIGH wants a human within five minutes, so the ladder starts
there; ELEVATED within thirty."""

AGAIN: Final = 300.0
"""Seconds between two calls to the outside while still nobody comes."""

_WAITING: Final = ("queued", "left")


def due(connection: sa.Connection, now: float, at_most: int = 100) -> tuple[Ticket, ...]:
    """Who has waited for the next rung: the gravest first, then the longest overdue. Ten thousand pranksters who are due
    must not stand in front of one person in danger."""
    rows = connection.execute(
        sa.select(tickets)
        .where(tickets.c.state.in_(_WAITING), tickets.c.owner.is_(None), tickets.c.ladder_due <= now)
        .order_by(gravest_first(), tickets.c.ladder_due).limit(at_most)
    )
    return tuple(as_ticket(row) for row in rows)


def climb(
    connection: sa.Connection, ticket: Ticket, now: float, ways: Sequence[Way] = (), new_id: Callable[[], str] = str,
    desks: Desks | None = None,
) -> Rung | None:
    """Take the next rung for a ticket as :func:`due` returned it; ``None`` if somebody came, or climbed, since.

    The rung ``desk`` calls the next desk where somebody is on duty, beside the one that has not answered, or every desk
    where there is none; ``supervisor`` opens the ticket to every desk and is seen on the card (``climbed``); ``outside``
    owes a call by each of ``ways``, in the same transaction.

    Args:
        desks: those of the release; without, there is no next desk but every desk.
    """
    rungs = RUNGS.get(ticket.priority, ())
    rung = rungs[min(ticket.ladder_step, len(rungs) - 1)] if rungs else None
    values: dict[str, object] = {"ladder_due": _next(rungs, ticket.ladder_step, now), "ladder_step": ticket.ladder_step + 1}
    if rung is not None:
        calls_next = rung.calls == "desk" and not ticket.called_desk  # who has been called already is not sent away
        call = desk_to_call(connection, desks or {}, ticket, now) if calls_next else EVERYBODY
        values |= {"called_desk": call} if call else {"desk": EVERYBODY, "called_desk": ""}
    done = connection.execute(
        tickets.update()
        .where(
            tickets.c.id == ticket.id, tickets.c.owner.is_(None), tickets.c.state.in_(_WAITING),
            tickets.c.ladder_step == ticket.ladder_step, tickets.c.ladder_due == ticket.ladder_due,
        )
        .values(**values)
    )
    if done.rowcount != 1 or rung is None:
        return None
    if rung.calls == "outside":
        alerts.owe(connection, ticket, ways, (new_id() for _ in ways), now)
    trail.append(connection, at=now, actor=trail.SYSTEM, act=f"ladder.{rung.calls}", object_id=ticket.id)
    return rung


def _next(rungs: tuple[Rung, ...], taken: int, now: float) -> float | None:
    """When the rung after this one is due: as long after it as the table says, also where this one came late."""
    if taken + 1 < len(rungs):
        return now + rungs[taken + 1].after - rungs[taken].after
    return now + AGAIN if rungs and rungs[-1].calls == "outside" else None
