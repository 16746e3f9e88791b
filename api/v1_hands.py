"""The routes by which a talk changes hands while somebody is with the person, a band is changed, and a number is blocked.

Thin, like all of ``v1.py``, which calls :func:`add_routes`; the rules are in ``handoffs/hands.py``, ``bands.py`` and
``blocks.py``. Each takes the epoch the caller saw.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.handoffs import bands, blocks, hands
from api.handoffs.bands import LOWER_REASONS, RAISE_REASONS
from api.handoffs.relay import Courtesy, courtesy_of
from api.handoffs.tables import BANDS
from api.handoffs.tickets import Ticket, find
from api.problems import Problem
from api.staff.accounts import Staff, colleague
from api.v1_notes import LONGEST_SEALED, Notes, note_it

Step = Callable[[sa.Connection, float], Ticket]
CourtesyOf = Callable[[Ticket, Ticket, float], Courtesy | None]
Route = Callable[..., Awaitable[dict[str, Any]]]
Act = Callable[[str, Staff, Step, BackgroundTasks, CourtesyOf], Awaitable[dict[str, Any]]]
"""Takes one step with a ticket this member may see, shows it, rings at the consoles and tells the person."""


class Hands(BaseModel):
    """The epoch the caller saw. With it, an act on what changed hands since is refused; without, ownership decides."""

    model_config = ConfigDict(hide_input_in_errors=True)
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class Invite(Hands):
    """The colleague who is to take the person on."""

    to: str = Field(max_length=64)
    note: str | None = Field(default=None, max_length=LONGEST_SEALED, description="sealed to that colleague's browsers")


class Join(Hands):
    """Openly the person is told; else only the staff see it."""

    open: bool = False


class Raise(Hands):
    """A higher band and why."""

    band: str = Field(default=BANDS[0], max_length=16, json_schema_extra={"enum": list(BANDS)})
    reason: str = Field(max_length=24, json_schema_extra={"enum": list(RAISE_REASONS)})


class Lower(Hands):
    """A lower band and why; nothing changes until a second person agrees."""

    band: str = Field(max_length=16, json_schema_extra={"enum": list(BANDS)})
    reason: str = Field(max_length=24, json_schema_extra={"enum": list(LOWER_REASONS)})


class Second(Hands):
    """Which proposal a second person has read."""

    change: str = Field(max_length=32, pattern=r"^[^\x00]*$")


class Block(Hands):
    """Why the number is blocked."""

    reason: str = Field(max_length=24, json_schema_extra={"enum": list(blocks.REASONS)})


def add_routes(
    app: FastAPI, talker: Callable[..., Awaitable[Staff]], act: Act, handoff: type[BaseModel], notes: Notes
) -> None:
    """Add the routes under ``/handoffs/{ticket_id}/``.

    Args:
        talker: who is signed in, if their role talks to people.
        act: takes one step and shows the card.
        handoff: the card as the API describes it.
        notes: takes what a colleague is told beside an invitation.
    """
    _translate(app)

    async def supervisor(member: Staff = Depends(talker)) -> Staff:
        if member.role != "supervisor":
            raise Problem("not-your-role")
        return member

    def route(path: str, summary: str) -> Callable[[Route], Route]:
        return app.post(f"/handoffs/{{ticket_id}}/{path}", response_model=handoff, summary=summary, tags=["hands"])

    @route("invite", "Ask a colleague to take the person on")
    async def post_invite(
        ticket_id: str, body: Invite, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            ticket = find(connection, ticket_id)
            other = colleague(connection, body.to, *((ticket.desk, ticket.called_desk) if ticket else ("",)))
            if other is None or other.id == member.id:
                raise Problem("invalid", pointer="/to", detail="is nobody who can take this person")
            asked = hands.invite(
                connection, ticket_id, staff=member.id, colleague=other.id, epoch=body.epoch, now=now
            )
            note_it(connection, ticket_id, member, body.note, now)
            return asked

        async with notes.given(ticket_id, member, body.to, body.note):
            return await act(ticket_id, member, step, tell, courtesy_of)

    @route("accept", "Take on a person one was asked to take on")
    async def post_accept(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return hands.accept(connection, ticket_id, staff=member.id, epoch=_epoch(body), now=now)

        return await act(ticket_id, member, step, tell, _told_as("colleague_takes_on"))

    @route("decline", "Refuse an invitation, or take one back")
    async def post_decline(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return hands.decline(connection, ticket_id, staff=member.id, epoch=_epoch(body), now=now)

        declined = await act(ticket_id, member, step, tell, courtesy_of)
        await notes.drop(ticket_id)
        return declined

    @route("join", "Read along, as a supervisor")
    async def post_join(
        ticket_id: str, tell: BackgroundTasks, body: Join | None = None, member: Staff = Depends(supervisor)
    ) -> dict[str, Any]:
        joining = body or Join()

        def step(connection: sa.Connection, now: float) -> Ticket:
            return hands.join(
                connection, ticket_id, staff=member.id, openly=joining.open, epoch=joining.epoch, now=now
            )

        courtesy = _told_as("supervisor_joined") if joining.open else _nothing_told
        return await act(ticket_id, member, step, tell, courtesy)

    @route("leave", "Read along no more")
    async def post_leave(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return hands.leave(connection, ticket_id, staff=member.id, epoch=_epoch(body), now=now)

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("take-over", "Own a person in a colleague's place, as a supervisor")
    async def post_take_over(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(supervisor)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return hands.take_over(connection, ticket_id, staff=member.id, epoch=_epoch(body), now=now)

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("raise", "Raise the band")
    async def post_raise(
        ticket_id: str, body: Raise, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return bands.raise_band(
                connection, ticket_id, staff=member.id, supervisor=member.role == "supervisor", band=body.band,
                reason=body.reason, new_id=uuid.uuid4().hex, epoch=body.epoch, now=now,
            )

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("lower", "Propose a lower band to a second person")
    async def post_lower(
        ticket_id: str, body: Lower, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return bands.propose_lowering(
                connection, ticket_id, staff=member.id, supervisor=member.role == "supervisor", band=body.band,
                reason=body.reason, new_id=uuid.uuid4().hex, epoch=body.epoch, now=now,
            )

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("lower/confirm", "Agree, as the second person")
    async def post_confirm(
        ticket_id: str, body: Second, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return bands.confirm_lowering(
                connection, ticket_id, staff=member.id, change=body.change, epoch=body.epoch, now=now
            )

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("lower/decline", "Not agree, or take the proposal back")
    async def post_not_lower(
        ticket_id: str, body: Second, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return bands.decline_lowering(
                connection, ticket_id, staff=member.id, change=body.change, epoch=body.epoch, now=now
            )

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("block", "Block the number")
    async def post_block(
        ticket_id: str, body: Block, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return blocks.block(
                connection, ticket_id, staff=member.id, reason=body.reason, epoch=body.epoch, now=now
            )

        return await act(ticket_id, member, step, tell, courtesy_of)

    @route("block/lift", "Lift the block of the number, as a supervisor")
    async def post_lift(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(supervisor)
    ) -> dict[str, Any]:
        def step(connection: sa.Connection, now: float) -> Ticket:
            return blocks.lift(connection, ticket_id, staff=member.id, epoch=_epoch(body), now=now)

        return await act(ticket_id, member, step, tell, courtesy_of)


def _epoch(body: Hands | None) -> int | None:
    return body.epoch if body else None


def _told_as(courtesy: Courtesy) -> CourtesyOf:
    """This courtesy for a step within a talk, under the same conditions as every other: the person is at the phone and
    has been told that a human is there."""

    def told(before: Ticket, after: Ticket, now: float) -> Courtesy | None:
        if after.epoch == before.epoch or not after.introduced or not after.there(now):
            return None
        return courtesy

    return told


def _nothing_told(_before: Ticket, _after: Ticket, _now: float) -> None:
    return None


def _translate(app: FastAPI) -> None:
    for error, code in (
        (hands.NotInvited, "not-invited"), (bands.NotProposed, "not-proposed"), (bands.SamePerson, "same-person"),
        (blocks.NoNumber, "wrong-state"),
    ):
        app.add_exception_handler(error, _answering(code))
    app.add_exception_handler(bands.UnknownReason, _naming("/reason", "is not one of the codes"))
    app.add_exception_handler(bands.WrongBand, _naming("/band", "is not a band this one can be changed to"))


def _answering(code: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def reply(_: Request, _error: Exception) -> Response:
        return problems.answer(code)

    return reply


def _naming(pointer: str, detail: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def reply(_: Request, _error: Exception) -> Response:
        return problems.answer("invalid", errors=[{"pointer": pointer, "detail": detail}])

    return reply


__all__ = ["Hands", "add_routes"]
