"""A safe contact: a number the person has agreed to, by which the team may reach them or theirs after an exit or duress words.

safety.md: "the ticket's reply address goes too, unless the person had agreed to a safe contact or set a duress phrase, which
live in a sealed record of their own". This is that record: sealed under the key of the day like a reply address
(addresses.py), bound to its ticket. It goes when the ticket is closed or withdrawn, or when the person takes it back. Beside
duress words it lies in their own sealed record too (safewords.py), since those may be written in a later talk.

Nothing at the door reads it: whoever writes after an exit is a stranger, byte for byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from api.audit import trail
from api.conversations import safewords
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import CannotOpen
from api.database import metadata
from api.handoffs.addresses import ReplyAddresses

if TYPE_CHECKING:
    from api.handoffs.tickets import Ticket

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
AGREED: Final = "contact"
"""Under this name it lies in the record of duress words."""

safe_contacts = sa.Table(
    "safe_contacts",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("contact", sa.LargeBinary, nullable=False, comment="sealed; overwritten when it goes"),
)


class NotANumber(ValueError):
    """A safe contact is a telephone number with its country's prefix, or the number the person writes from."""


def agree(
    connection: sa.Connection, ticket: Ticket, number: str | None, *, addresses: ReplyAddresses, keys: PeriodKeys, staff: str, now: float
) -> None:
    """The person agreed to be reached there; what was agreed before in this talk goes. The caller holds the ticket's row.

    It is written beside duress words given in this talk, never beside those of an earlier one.

    Args:
        number: in E.164; ``None`` is the number the person writes from.

    Raises:
        NotANumber: it is none, or the person writes from an address that cannot be opened.
    """
    if number is None:
        try:
            wire = addresses.open(ticket.reply_address or b"", ticket.person)
        except CannotOpen:
            raise NotANumber from None
    elif _NUMBER.fullmatch(number):
        wire = number
    else:
        raise NotANumber
    keep(connection, ticket.id, wire, addresses, now)
    safewords.change_duress(connection, keys, ticket.person, {AGREED: wire}, now, ticket.generation)
    trail.append(connection, at=now, actor=staff, act="handoff.safe_contact", object_id=ticket.id)


def take_back(connection: sa.Connection, ticket: Ticket, *, keys: PeriodKeys, staff: str, now: float) -> None:
    """The person wants it no more: it goes here and from the record of the duress words of this talk."""
    forget(connection, ticket.id)
    safewords.change_duress(connection, keys, ticket.person, {AGREED: None}, now, ticket.generation)
    trail.append(connection, at=now, actor=staff, act="handoff.no_safe_contact", object_id=ticket.id)


def keep(connection: sa.Connection, ticket_id: str, wire: str, addresses: ReplyAddresses, now: float) -> None:
    """Seal a number for a ticket."""
    forget(connection, ticket_id)
    connection.execute(safe_contacts.insert().values(ticket=ticket_id, contact=addresses.seal(wire, ticket_id, now)))


def sealed_of(connection: sa.Connection, ticket_id: str) -> bytes | None:
    """What was agreed for a ticket, sealed; to be opened with the ticket's id."""
    return connection.execute(sa.select(safe_contacts.c.contact).where(safe_contacts.c.ticket == ticket_id)).scalar_one_or_none()


def opened(connection: sa.Connection, ticket_id: str, addresses: ReplyAddresses) -> str | None:
    """The number itself, for the record of duress words made in the same talk."""
    sealed = sealed_of(connection, ticket_id)
    try:
        return None if sealed is None else addresses.open(sealed, ticket_id)
    except CannotOpen:
        return None


def renew(connection: sa.Connection, addresses: ReplyAddresses, now: float) -> int:
    """Seal under today's key what is held under an older one, before those are destroyed."""
    moved = 0
    for row in connection.execute(sa.select(safe_contacts)).all():
        if addresses.is_of_today(row.contact, now):
            continue
        try:
            fresh = addresses.seal(addresses.open(row.contact, row.ticket), row.ticket, now)
        except CannotOpen:
            continue
        connection.execute(
            safe_contacts.update().where(safe_contacts.c.ticket == row.ticket, safe_contacts.c.contact == row.contact)
            .values(contact=fresh)
        )
        moved += 1
    return moved


def forget(connection: sa.Connection, ticket_id: str) -> None:
    """Overwrite, then drop."""
    sealed = sealed_of(connection, ticket_id)
    if sealed is None:
        return
    at = safe_contacts.c.ticket == ticket_id
    connection.execute(safe_contacts.update().where(at).values(contact=bytes(len(sealed))))
    connection.execute(safe_contacts.delete().where(at))
