"""A band changed by people: raised by one, lowered only by two (screening.md: "lowering takes a second person and a reason
code"). Priority and ladder follow. Nothing a person hears or is offered hangs on the band of their ticket.

A change of band is no change of hands: the epoch stays, or a raise would refuse the words a counsellor is sending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from api.audit import trail
from api.database import metadata
from api.handoffs import leases
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch
from api.handoffs.tables import BANDS, VISIBLE_STATES, tickets
from api.handoffs.tickets import NoSuchStep, Ticket, find, ladder_due, priority

RAISE_REASONS: Final = ("said_in_talk", "weapon_near", "child_at_risk", "getting_worse", "more_than_answered", "my_judgement")
"""Why a counsellor raises a band: what the questions did not bring out."""

LOWER_REASONS: Final = ("misread", "wrong_answer", "not_about_them", "past_danger", "others_look_after", "test_or_prank")
"""Why two people lower one."""

LOWEST: Final = "UNKNOWN"
"""Staff lower no further: NONE_DISCLOSED says that questions were answered, which nobody decides."""

CONFIRMED_WITHIN: Final = 1800.0
"""Seconds in which a second person must agree; after that whoever still thinks so proposes anew."""

band_changes = sa.Table(
    "band_changes",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("ticket", sa.String(32), nullable=False, index=True),
    sa.Column("staff", sa.String(32), nullable=False, comment="who raised or proposed"),
    sa.Column("second", sa.String(32), nullable=True, comment="who agreed or refused"),
    sa.Column("was", sa.String(16), nullable=False),
    sa.Column("becomes", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Column("at", sa.Double, nullable=False, comment="by the database's clock"),
    sa.Column("until", sa.Double, nullable=False, comment="by the database's clock"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("known", sa.Integer, nullable=False, comment="how many reasons and sets the proposer saw; they only ever grow"),
    sa.CheckConstraint("state in ('proposed','done','declined','void')", name="ck_band_changes_state"),
)


class UnknownReason(ValueError):
    """A band is changed, a number blocked, for one of the known reasons."""


class WrongBand(ValueError):
    """The band is none, not higher where it should be raised, or lower than staff may lower to."""


class NotProposed(Exception):
    """There is no such proposal any more."""


class SamePerson(Exception):
    """Who proposed a lowering does not confirm it: it takes a second person."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """A proposal that waits for a second person."""

    id: str
    ticket: str
    staff: str
    was: str
    becomes: str
    reason: str
    until: float


def raise_band(
    connection: sa.Connection, ticket_id: str, *, staff: str, supervisor: bool, band: str, reason: str, new_id: str,
    epoch: int | None = None, now: float,
) -> Ticket:
    """One person's word is enough: the owner's, or a supervisor's. For somebody who waits the shorter clock counts.

    Raises:
        UnknownReason, WrongBand: of what was asked for.
        NoSuchTicket, NotYours, StaleEpoch, NoSuchStep: nothing was changed.
    """
    if reason not in RAISE_REASONS:
        raise UnknownReason
    ticket = _held(connection, ticket_id, staff, supervisor, epoch)
    if band not in BANDS or BANDS.index(band) >= BANDS.index(ticket.band):
        raise WrongBand
    values: dict[str, Any] = {"band": band, "flagged_at": now, "again": False, "updated_at": now}
    if ticket.owner is None:
        due = [moment for moment in (ticket.ladder_due, ladder_due(_priority(ticket, band), now)) if moment is not None]
        values["ladder_due"] = min(due) if due else None
    after = _change(connection, ticket, values)
    _void(connection, ticket_id)
    _note(connection, ticket, staff, band, reason, new_id, "done")
    trail.append(connection, at=now, actor=staff, act=f"raise.{reason}", object_id=ticket_id)
    return after


def propose_lowering(
    connection: sa.Connection, ticket_id: str, *, staff: str, supervisor: bool, band: str, reason: str, new_id: str,
    epoch: int | None = None, now: float,
) -> Ticket:
    """The owner or a supervisor thinks that a lower band is right; nothing changes until a second person agrees.

    Raises:
        UnknownReason, WrongBand: of what was asked for; an under-18's band goes no lower than HIGH (screening.md).
        NoSuchTicket, NotYours, StaleEpoch, NoSuchStep: nothing was changed.
    """
    if reason not in LOWER_REASONS:
        raise UnknownReason
    ticket = _held(connection, ticket_id, staff, supervisor, epoch)
    _check_lower(ticket, band)
    _void(connection, ticket_id)
    _note(connection, ticket, staff, band, reason, new_id, "proposed")
    trail.append(connection, at=now, actor=staff, act=f"lowering.{reason}", object_id=ticket_id)
    return ticket


def confirm_lowering(
    connection: sa.Connection, ticket_id: str, *, staff: str, change: str, epoch: int | None = None, now: float
) -> Ticket:
    """A second person agrees: the band is lower, and the clock of somebody who waits starts anew, since two just looked.

    Args:
        staff: anybody who may see the ticket but the one who proposed; the caller has checked that they may.
        change: the id of the proposal as it was read, so that nobody agrees to another one.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep, NotProposed, SamePerson, WrongBand: nothing was changed.
    """
    ticket = _locked(connection, ticket_id, epoch)
    proposal = _proposal(connection, ticket, change)
    if proposal.staff == staff:
        raise SamePerson
    _check_lower(ticket, proposal.becomes)
    values: dict[str, Any] = {"band": proposal.becomes, "flagged_at": now, "updated_at": now}
    if ticket.owner is None:
        values |= {"ladder_step": 0, "ladder_due": ladder_due(_priority(ticket, proposal.becomes), now)}
    after = _change(connection, ticket, values)
    _settle(connection, proposal.id, staff, "done")
    trail.append(connection, at=now, actor=staff, act=f"lower.{proposal.reason}", object_id=ticket_id)
    return after


def decline_lowering(
    connection: sa.Connection, ticket_id: str, *, staff: str, change: str, epoch: int | None = None, now: float
) -> Ticket:
    """A second person does not agree, or the first thinks again: the band stays.

    Raises:
        NoSuchTicket, StaleEpoch, NoSuchStep, NotProposed: nothing was changed.
    """
    ticket = _locked(connection, ticket_id, epoch)
    proposal = _proposal(connection, ticket, change)
    _settle(connection, proposal.id, staff, "declined")
    trail.append(connection, at=now, actor=staff, act="lowering.declined", object_id=ticket_id)
    return ticket


def proposals(connection: sa.Connection, at: float) -> tuple[Lowering, ...]:
    """Every lowering that waits for a second person and still fits its ticket."""
    rows = connection.execute(
        sa.select(band_changes, tickets.c.reasons, tickets.c.sets).join(tickets, tickets.c.id == band_changes.c.ticket)
        .where(band_changes.c.state == "proposed", band_changes.c.until >= at, tickets.c.band == band_changes.c.was)
    )
    return tuple(_as_lowering(row) for row in rows if row.known == len(row.reasons) + len(row.sets))


def lower_bands(ticket: Ticket) -> tuple[str, ...]:
    """What a ticket could be lowered to, the highest first."""
    return tuple(band for band in BANDS if _may_lower(ticket, band))


def higher_bands(ticket: Ticket) -> tuple[str, ...]:
    """What a ticket could be raised to, the highest first."""
    return BANDS[: BANDS.index(ticket.band)]


def _may_lower(ticket: Ticket, band: str) -> bool:
    if band not in BANDS or not BANDS.index(ticket.band) < BANDS.index(band) <= BANDS.index(LOWEST):
        return False
    # screening.md: "any under-18 disclosing harm → at least HIGH"
    return ticket.lane != "children" or band == "HIGH"


def _check_lower(ticket: Ticket, band: str) -> None:
    if not _may_lower(ticket, band):
        raise WrongBand


def _locked(connection: sa.Connection, ticket_id: str, epoch: int | None) -> Ticket:
    ticket = find(connection, ticket_id, lock=True)
    if ticket is None:
        raise NoSuchTicket
    if epoch is not None and ticket.epoch != epoch:
        raise StaleEpoch
    if ticket.state not in VISIBLE_STATES:
        raise NoSuchStep(ticket.state, "another band")
    return ticket


def _held(connection: sa.Connection, ticket_id: str, staff: str, supervisor: bool, epoch: int | None) -> Ticket:
    ticket = _locked(connection, ticket_id, epoch)
    if ticket.owner != staff and not supervisor:
        raise NotYours
    return ticket


def _priority(ticket: Ticket, band: str) -> str:
    return priority(band, ticket.wish or ticket.call)


def _change(connection: sa.Connection, ticket: Ticket, values: dict[str, Any]) -> Ticket:
    # Conditional on the band as well: danger found at this moment raises it without an epoch (tickets.open_handoff).
    done = connection.execute(
        tickets.update()
        .where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.band == ticket.band)
        .values(**values)
    )
    after = find(connection, ticket.id)
    if done.rowcount != 1 or after is None:
        raise StaleEpoch
    return after


def _proposal(connection: sa.Connection, ticket: Ticket, change: str) -> Lowering:
    row = connection.execute(
        sa.select(band_changes).where(
            band_changes.c.id == change, band_changes.c.ticket == ticket.id, band_changes.c.state == "proposed",
            band_changes.c.until >= leases.time_of(connection), band_changes.c.was == ticket.band,
            band_changes.c.known == _known(ticket),  # what was heard since may be worse, also within the same band
        )
    ).first()
    if row is None:
        raise NotProposed
    return _as_lowering(row)


def _known(ticket: Ticket) -> int:
    return len(ticket.reasons) + len(ticket.sets)


def _note(
    connection: sa.Connection, ticket: Ticket, staff: str, band: str, reason: str, new_id: str, state: str
) -> None:
    at = leases.time_of(connection)
    connection.execute(
        band_changes.insert().values(
            id=new_id, ticket=ticket.id, staff=staff, second=None, was=ticket.band, becomes=band, reason=reason, at=at,
            until=at + CONFIRMED_WITHIN, state=state, known=_known(ticket),
        )
    )


def _void(connection: sa.Connection, ticket_id: str) -> None:
    connection.execute(
        band_changes.update().where(band_changes.c.ticket == ticket_id, band_changes.c.state == "proposed")
        .values(state="void")
    )


def _settle(connection: sa.Connection, change: str, staff: str, state: str) -> None:
    connection.execute(band_changes.update().where(band_changes.c.id == change).values(state=state, second=staff))


def _as_lowering(row: sa.Row[Any]) -> Lowering:
    return Lowering(row.id, row.ticket, row.staff, row.was, row.becomes, row.reason, row.until)
