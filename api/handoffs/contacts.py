"""Unsealing a contact: the one moment in which a member of staff sees a person's number.

threats.md, insider: own desk only, a reason as a code, a second sign-in (``staff/stepup.py``), a row in the trail that
cannot be taken back. The row is committed before the number is opened, so nobody sees one without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from api.audit import trail
from api.channels.address import AddressUnreadable, canonical, has_number, parse_address
from api.conversations.sealing import CannotOpen
from api.handoffs import claims, safe_contacts
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tickets import NoSuchStep

REASONS = ("call_wish", "emergency_services", "safe_contact")
"""Why a number may be looked at: the person wants a call, help must be sent to them, or a safe contact was agreed."""


class UnknownReason(ValueError):
    """A contact is opened for one of the known reasons."""


class ContactGone(Exception):
    """There is no number to be seen: the person left, or it cannot be opened, or there never was one."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A number as it is kept, and what its seal is bound to. Has no ``repr`` worth logging."""

    kept: bytes
    bound: str

    def __repr__(self) -> str:
        return "<Sealed>"


@dataclass(frozen=True, slots=True)
class Contact:
    """A number in the open. Has no ``repr`` worth logging."""

    channel: str
    number: str

    def __repr__(self) -> str:
        return "<Contact>"


def note_opening(
    connection: sa.Connection, ticket_id: str, *, staff: str, reason: str, epoch: int | None, now: float
) -> Sealed:
    """Commit that this member of staff opens the contact of a person they talk with, and why.

    For ``safe_contact`` that is the number the person agreed to, where there is one: the only one left after an exit.

    Raises:
        UnknownReason, ContactGone: as named; nothing was written.
        api.handoffs.claims.NoSuchTicket, StaleEpoch, NotYours: only the owner may.
        NoSuchStep: the talk is over.
    """
    if reason not in REASONS:
        raise UnknownReason("a contact is opened for one of the known reasons")
    ticket = claims.owned(connection, ticket_id, staff=staff, epoch=epoch)
    agreed = safe_contacts.sealed_of(connection, ticket_id) if reason == "safe_contact" else None
    if agreed is None and (ticket.state == "left" or ticket.reply_address is None):
        raise ContactGone  # safety.md: after an exit nobody can be reached any more, unless a safe contact was agreed
    if ticket.state not in ("claimed", "left"):
        raise NoSuchStep(ticket.state, "contact")
    trail.append(connection, at=now, actor=staff, act=f"contact.{reason}", object_id=ticket.id)
    return Sealed(agreed, ticket.id) if agreed is not None else Sealed(ticket.reply_address or b"", ticket.person)


def unseal(sealed: Sealed, addresses: ReplyAddresses) -> Contact:
    """The number whose opening is in the trail.

    Raises:
        ContactGone: its key is gone, or the person writes from an address that is no number.
    """
    try:
        address = parse_address(addresses.open(sealed.kept, sealed.bound))
    except (CannotOpen, AddressUnreadable):
        raise ContactGone from None
    if not has_number(address):
        raise ContactGone
    return Contact(address.channel, canonical(address))
