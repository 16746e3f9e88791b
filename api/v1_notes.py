"""The handover note: a few words to the next counsellor, sealed in the browser of the one before (contract.md, HTTP).

The gateway gives out the public keys of the colleague's browsers and passes on what it cannot open: it waits in Redis for an
hour at most and goes once read, with an exit, a close, or when somebody else takes the person (``handoffs/relay.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import sqlalchemy as sa
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from redis.exceptions import RedisError

from api.audit import trail
from api.database import Database
from api.handoffs import claims
from api.handoffs.browser_keys import OnDuty
from api.handoffs.envelopes import Envelope, from_base64url, read_envelope, to_base64url
from api.handoffs.relay import Relay
from api.handoffs.tickets import NoSuchStep, Ticket
from api.problems import Problem
from api.staff.accounts import Staff

LONGEST_NOTE: Final = 500
"""Characters: what the next one must know before the first word, not a file."""

LONGEST_SEALED: Final = 6000
"""Characters of base64url: five hundred of four bytes each, and the wraps of a colleague's browsers."""

_BYTES_OF_A_CHARACTER, _TAG = 4, 16


class ColleagueKey(BaseModel):
    """A public key of a browser that can show a note; ``key`` is an uncompressed point of P-256."""

    id: str
    key: str


class ColleagueKeys(BaseModel):
    """The browsers of a colleague that are signed in; none: no note can be given."""

    keys: list[ColleagueKey]


class Notes:
    """Takes and gives up handover notes around the acts by which somebody is handed on.

    Args:
        seen: a ticket this member may see, or ``NoSuchTicket``.
    """

    def __init__(
        self, database: Database, relay: Relay, on_duty: OnDuty, seen: Callable[[sa.Connection, str, Staff], Ticket]
    ) -> None:
        self._database, self._relay, self._on_duty, self._seen = database, relay, on_duty, seen

    async def keys_of(self, ticket_id: str, member: Staff, username: str) -> ColleagueKeys:
        """What a note to that colleague is to be sealed to; asked by the owner.

        Raises:
            NoSuchTicket, NotYours, NoSuchStep: as for every act of the owner's.
            Problem: there is no such colleague who could take this person.
        """
        ticket = await self._held(ticket_id, member)
        keys = await self._on_duty.of_colleague(ticket, username)
        if keys is None or any(key.staff == member.id for key in keys):
            raise Problem("not-found")
        return ColleagueKeys(
            keys=[ColleagueKey(id=key.public.id.hex(), key=to_base64url(key.public.raw)) for key in keys]
        )

    @asynccontextmanager
    async def given(self, ticket_id: str, member: Staff, to: str | None, note: str | None) -> AsyncIterator[None]:
        """Around handing somebody on: the note waits before the colleague can look, and does not outlive a failure.

        Without one, a note left from before goes.

        Raises:
            Problem: it is not sealed to the browsers of a colleague who may take this person.
        """
        kept = False
        if note is not None:
            staff, envelope = await self._checked(ticket_id, member, to, note)
            await self._relay.keep_note(ticket_id, staff, envelope)
            kept = True
        try:
            yield
        except BaseException:
            if kept:
                with suppress(RedisError):
                    await self._relay.drop_note(ticket_id)
            raise
        if not kept:
            await self.drop(ticket_id)

    async def drop(self, ticket_id: str, *, unless_for: str = "") -> None:
        """Give up a note nobody may read any more; sealed as it is, a store that is away holds nobody up."""
        with suppress(RedisError):
            await self._relay.drop_note(ticket_id, unless_for=unless_for)

    async def _held(self, ticket_id: str, member: Staff) -> Ticket:
        def ask(connection: sa.Connection) -> Ticket:
            self._seen(connection, ticket_id, member)
            ticket = claims.owned(connection, ticket_id, staff=member.id, epoch=None)
            if ticket.state != "claimed":
                raise NoSuchStep(ticket.state, "note")
            return ticket

        return await self._database.read(ask)

    async def _checked(self, ticket_id: str, member: Staff, to: str | None, note: str) -> tuple[str, Envelope]:
        """Whom it is for, and the note. It cannot be read, so that it is a note of a note's length is all there is to check."""
        ticket = await self._held(ticket_id, member)
        keys = await self._on_duty.of_colleague(ticket, to or "")
        if keys is None:
            raise Problem("invalid", pointer="/to", detail="is nobody who can take this person")
        try:
            envelope = read_envelope(from_base64url(note))
        except ValueError:
            raise Problem("invalid", pointer="/note", detail="is not a sealed note") from None
        if len(envelope.sealed) > LONGEST_NOTE * _BYTES_OF_A_CHARACTER + _TAG:
            raise Problem("invalid", pointer="/note", detail=f"is longer than {LONGEST_NOTE} characters")
        if not envelope.wraps.keys() <= {key.public.id for key in keys}:
            raise Problem("no-browser")
        return keys[0].staff, envelope


def note_it(connection: sa.Connection, ticket_id: str, member: Staff, note: str | None, now: float) -> None:
    """That a note was left is an act like any other; what it says is nowhere."""
    if note is not None:
        trail.append(connection, at=now, actor=member.id, act="handoff.note", object_id=ticket_id)


def add_note_routes(app: FastAPI, talker: Callable[..., Awaitable[Staff]], notes: Notes) -> None:
    """Add the route to the API."""

    @app.get(
        "/handoffs/{ticket_id}/colleagues/{username}/keys", summary="What a note to a colleague is sealed to", tags=["hands"]
    )
    async def get_colleague_keys(ticket_id: str, username: str, member: Staff = Depends(talker)) -> ColleagueKeys:
        return await notes.keys_of(ticket_id, member, username)
