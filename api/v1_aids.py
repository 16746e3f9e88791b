"""The routes of the working aids: replies, plan, preview. For the owner of a ticket only; a foreign id is not found.

Added to the API by ``v1.py``, which says who somebody is and which ticket they may see. Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import sqlalchemy as sa
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.audit import trail
from api.conversations import safewords
from api.database import Database
from api.handoffs import claims, plan, safe_contacts
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.aids import EMERGENCY, LONGEST_TEXT, MOST_PARTS, NUMBERS, Aids
from api.handoffs.tickets import NoSuchStep, Ticket, find
from api.problems import Problem
from api.scripts.segments import count_segments
from api.staff.accounts import Staff
from safety.message_text import MessageText


class Draft(BaseModel):
    """What somebody is about to send."""

    model_config = ConfigDict(hide_input_in_errors=True)
    text: SecretStr
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class Tick(BaseModel):
    """Whether a step of the plan has been talked about."""

    model_config = ConfigDict(hide_input_in_errors=True)
    talked: bool
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class Reply(BaseModel):
    """A canned reply in the person's words; what stands in ``blanks`` is to be filled before it is sent."""

    code: str
    body: str
    blanks: list[str]


class Replies(BaseModel):
    """Replies and what the person's channel takes; ``emergency`` and ``numbers`` are codes of two of them."""

    variant: str
    channel: str
    numbers_allowed: bool
    links_allowed: bool
    segment_budget: int
    emergency: str
    numbers: str
    replies: list[Reply]


class Step(BaseModel):
    """A step of the safety plan."""

    code: str
    heading: str
    words: str
    body: str
    talked: bool


class Plan(BaseModel):
    """The safety plan as a checklist."""

    steps: list[Step]


class Part(BaseModel):
    """One message a text would go out as."""

    text: str
    sms_parts: int | None


class Preview(BaseModel):
    """The messages a text would go out as, in their order. More than ``most`` are not sent."""

    parts: list[Part]
    most: int


class WordsWanted(BaseModel):
    """Which two words: ``code_word`` brings a talk back after an exit, ``duress`` leaves in silence and rings."""

    model_config = ConfigDict(hide_input_in_errors=True)
    kind: Literal["code_word", "duress"]
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class SafeContact(BaseModel):
    """A number the person agreed to be reached at; without one, the number they write from."""

    model_config = ConfigDict(hide_input_in_errors=True)
    number: SecretStr | None = Field(default=None, max_length=20)
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class Epoch(BaseModel):
    """The epoch the caller saw."""

    model_config = ConfigDict(hide_input_in_errors=True)
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class WordsMade(BaseModel):
    """Two words and the text that gives them, to be sent by the counsellor. Told here once, kept nowhere in the open."""

    words: str
    body: str


def add_aids(
    app: FastAPI, aids: Aids, database: Database, clock: Callable[[], float], *, talker: Callable[..., Any],
    seen: Callable[[sa.Connection, str, Staff], Ticket], checked: Callable[[SecretStr, int], MessageText],
) -> None:
    """Add the routes.

    Args:
        talker: the member of staff behind a request, if their role talks with people.
        seen: the ticket, if this member may know of it.
        checked: a counsellor's words without what cannot be sent, at most so many units long.
    """

    def theirs(connection: sa.Connection, ticket_id: str, member: Staff, epoch: int | None = None) -> Ticket:
        seen(connection, ticket_id, member)
        ticket = claims.owned(connection, ticket_id, staff=member.id, epoch=epoch)
        if ticket.state != "claimed":
            raise NoSuchStep(ticket.state, "aid")
        return ticket

    addresses = ReplyAddresses(aids.keys)

    @app.put("/handoffs/{ticket_id}/safe-contact", status_code=204, summary="A safe contact was agreed", tags=["aids"])
    async def put_contact(ticket_id: str, body: SafeContact, member: Staff = Depends(talker)) -> None:
        number = None if body.number is None else body.number.get_secret_value()

        def agree(connection: sa.Connection) -> None:
            find(connection, ticket_id, lock=True)  # or it could outlive the talk that ends at this moment
            ticket = theirs(connection, ticket_id, member, body.epoch)
            safe_contacts.agree(
                connection, ticket, number, addresses=addresses, keys=aids.keys, staff=member.id, now=clock()
            )

        try:
            await database.write(agree)
        except safe_contacts.NotANumber:
            raise Problem("invalid", pointer="/number", detail="is no number with its country's prefix") from None

    @app.delete("/handoffs/{ticket_id}/safe-contact", status_code=204, summary="A safe contact is wanted no more", tags=["aids"])
    async def delete_contact(ticket_id: str, body: Epoch | None = None, member: Staff = Depends(talker)) -> None:
        def take_back(connection: sa.Connection) -> None:
            find(connection, ticket_id, lock=True)
            ticket = theirs(connection, ticket_id, member, body.epoch if body else None)
            safe_contacts.take_back(connection, ticket, keys=aids.keys, staff=member.id, now=clock())

        await database.write(take_back)

    @app.get("/handoffs/{ticket_id}/replies", summary="Canned replies in the person's words", tags=["aids"])
    async def get_replies(ticket_id: str, member: Staff = Depends(talker)) -> Replies:
        ticket = await database.read(lambda connection: theirs(connection, ticket_id, member))
        channel = aids.channel(ticket)
        return Replies(
            variant=ticket.variant, channel=ticket.channel, numbers_allowed=channel.numbers_allowed_in_body,
            links_allowed=channel.urls_allowed, segment_budget=channel.segment_budget, emergency=EMERGENCY, numbers=NUMBERS,
            replies=[
                Reply(code=reply.code, body=reply.body, blanks=list(reply.blanks))
                for reply in aids.replies(ticket, clock())
            ],
        )

    @app.get("/handoffs/{ticket_id}/plan", summary="The safety plan as a checklist", tags=["aids"])
    async def get_plan(ticket_id: str, member: Staff = Depends(talker)) -> Plan:
        def ask(connection: sa.Connection) -> tuple[Ticket, frozenset[str]]:
            return theirs(connection, ticket_id, member), plan.talked_about(connection, ticket_id)

        ticket, talked = await database.read(ask)
        return Plan(steps=[
            Step(code=step.code, heading=step.heading, words=step.words, body=step.body, talked=step.code in talked)
            for step in aids.plan(ticket, clock())
        ])

    @app.put("/handoffs/{ticket_id}/plan/{item}", status_code=204, summary="Tick a step", tags=["aids"])
    async def put_step(ticket_id: str, item: str, body: Tick, member: Staff = Depends(talker)) -> None:
        def tick(connection: sa.Connection) -> None:
            find(connection, ticket_id, lock=True)  # or a tick could outlive the talk that ends at this moment
            ticket = theirs(connection, ticket_id, member, body.epoch)
            if not aids.has_step(item, ticket, clock()):
                raise Problem("not-found")
            plan.mark(connection, ticket_id, item, talked=body.talked, staff=member.id, now=clock())

        await database.write(tick)

    @app.post("/handoffs/{ticket_id}/messages/preview", summary="How a text would go out", tags=["aids"])
    async def post_preview(ticket_id: str, body: Draft, member: Staff = Depends(talker)) -> Preview:
        ticket = await database.read(lambda connection: theirs(connection, ticket_id, member, body.epoch))
        text = checked(body.text, LONGEST_TEXT)
        sms = ticket.channel == "sms"
        return Preview(most=MOST_PARTS, parts=[
            Part(text=part, sms_parts=count_segments(part).parts if sms else None)
            for part in aids.parts(ticket, text.reveal())
        ])

    @app.post("/handoffs/{ticket_id}/safe-words", summary="Two words for the person", tags=["aids"])
    async def post_words(ticket_id: str, body: WordsWanted, member: Staff = Depends(talker)) -> WordsMade:
        now, duress = clock(), body.kind == "duress"

        def set_up(connection: sa.Connection) -> tuple[Ticket, str]:
            ticket = theirs(connection, ticket_id, member, body.epoch)
            agreed = {"variant": ticket.variant, "place": ticket.place, "lane": ticket.lane}
            contact = safe_contacts.opened(connection, ticket_id, addresses) if duress else None
            if contact is not None:
                agreed[safe_contacts.AGREED] = contact
            made = safewords.make(
                connection, aids.keys, ticket.person, agreed, now, safewords.words_alone, ticket.generation, duress=duress
            )
            act = "handoff.duress_words" if duress else "handoff.code_words"
            trail.append(connection, at=now, actor=member.id, act=act, object_id=ticket.id)
            return ticket, made.words

        ticket, words = await database.write(set_up)
        name = "duress_given" if duress else "code_word_given"
        return WordsMade(words=words, body=aids.say(name, ticket, now, safe_word=words))


__all__ = ["add_aids"]
