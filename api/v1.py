"""The JSON API under ``/api/v1``: what the console uses and what outside checks may rely on (contract.md, HTTP).

A sub-application of its own: JSON in, JSON out, every error a problem, described at ``openapi.json``. The routes are
thin; who may do what to a ticket is decided in ``handoffs/claims.py``, who somebody is in ``staff/signin.py``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response, WebSocket
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, v1_hands
from api.conversations.sealing import Keyring
from api.database import Database, DatabaseUnavailable
from api.handoffs import claims, leases, presence, queue, wrapup
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.aids import Aids, blanks_of
from api.handoffs.browser_keys import BrowserKeys, OnDuty
from api.handoffs.live import LOOK_SECONDS, Hub
from api.handoffs.marks import Marks
from api.handoffs.relay import LONGEST_MESSAGE, UNSURE, Courtesy, Outbox, Relay, SendState, courtesy_of
from api.handoffs.tables import OUTCOMES
from api.handoffs.tickets import (
    NoSuchStep,
    Ticket,
    find,
    note_answered,
    note_introduced,
    take_back_answered,
    take_back_introduced,
)
from api.handoffs.typing_marks import TypingMarks
from api.practice.routes import add_practice
from api.problems import Problem
from api.scripts.desks import Desks
from api.scripts.segments import utf16_units
from api.staff.accounts import Staff, colleague, desk_is_staffed, find_staff, may_see
from api.staff.devices import REMEMBERED_SECONDS, Devices
from api.staff.passwords import Passwords, WeakPassword
from api.staff.rotas import has_shifts
from api.staff.sessions import IDLE_SECONDS, Session, Sessions
from api.staff.signin import Refused, SignIn, TooSoon
from api.staff.tables import COUNTS
from api.v1_accounts import Entrance, Me, add_account_routes
from api.v1_aids import add_aids
from api.v1_hands import Hands
from api.v1_notes import LONGEST_SEALED, Notes, add_note_routes, note_it
from api.v1_rota import install as install_rota
from api.v1_rota import rota_routes
from safety.message_text import MessageText

if TYPE_CHECKING:
    from api.practice.room import Room

LARGEST_BODY = 16 * 1024
_LOOKS_FOR_THE_FIRST, _LOOK_AGAIN_S = 20, 0.25
"""How long a message that is sent again waits for what becomes of the first try."""

_TICKET_ID = re.compile(r"[0-9A-Za-z]{1,32}")
_FORBIDDEN_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# What turns the order of the text around it and so may show other words than were written. It comes with every number
# copied from a contact's card, unseen: taken out, not refused. The marks (U+200E, U+200F, U+061C) and joiners stay,
# Arabic is typed with them.
_TURNS_THE_TEXT = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def source_of(connection: HTTPConnection) -> str:
    """Where a request comes from. Behind a proxy, put your own here; headers are not trusted by default."""
    return connection.client.host if connection.client else ""


@dataclass(frozen=True, slots=True)
class Deps:
    """What console and API need from the outside. Built once, in ``app.py``.

    Args:
        redis: a client that returns bytes.
        public_url: ``HAMS_PUBLIC_URL``; https decides the cookie, its origin may call the API.
        addresses: opens reply addresses; without it no contact can be seen.
        look_seconds: how often consoles look by themselves, for what a lost notice would hide.
        aids: replies, numbers and plan for counsellors; without a release there are none.
        desks: those of the live release.
        typing: passes on that somebody is writing; without, on no phone.
        sign_in_clock: this machine's own, for one-time codes; ``clock`` if not given.
        practice: the made-up people, in a practice world; cookies are called otherwise there.
        practice_url: where a live console's link to practise leads.
    """

    database: Database
    redis: Redis
    keyring: Keyring
    outbox: Outbox
    clock: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    public_url: str = ""
    demo: bool = False
    passwords: Passwords = field(default_factory=Passwords)
    source_of: Callable[[HTTPConnection], str] = source_of
    look_seconds: float = LOOK_SECONDS
    aids: Aids | None = None
    desks: Callable[[], Desks] = dict
    addresses: ReplyAddresses | None = None
    sign_in_clock: Callable[[], float] | None = None
    typing: TypingMarks | None = None
    practice: Room | None = None
    practice_url: str | None = None


class Credentials(BaseModel):
    """Who signs in. Arabic-Indic digits are as good as Western ones in the code; after a recovery there is none yet."""

    model_config = ConfigDict(hide_input_in_errors=True)
    username: str = Field(max_length=64)
    password: SecretStr = Field(max_length=1024)
    totp: SecretStr = Field(default=SecretStr(""), max_length=16)


class NewPassword(BaseModel):
    """A change of one's own password; after a recovery with a code of the new authenticator."""

    model_config = ConfigDict(hide_input_in_errors=True)
    password: SecretStr = Field(max_length=1024)
    new_password: SecretStr = Field(max_length=256)
    totp: SecretStr = Field(default=SecretStr(""), max_length=16)


class Transfer(Hands):
    """To a colleague by name, or to a desk."""

    to: str | None = Field(default=None, max_length=64)
    desk: str | None = Field(default=None, max_length=32, pattern=r"^[^\x00]*$")
    note: str | None = Field(default=None, max_length=LONGEST_SEALED, description="sealed to that colleague's browsers")


class Close(Hands):
    """How the talk ended and what was done in it, as codes; ``ask`` puts the one question to the person."""

    outcome: str = Field(default="other", max_length=24, json_schema_extra={"enum": list(OUTCOMES)})
    done: list[str] = Field(default=[], max_length=len(wrapup.DONE), json_schema_extra={"items": {"enum": list(wrapup.DONE)}})
    ask: bool = False


class Say(Hands):
    """A counsellor's message to the person. Sent again under the same ``id``, because nothing was heard of it, it goes once."""

    text: SecretStr
    id: str | None = Field(default=None, pattern=r"^[0-9a-f]{16,32}$")


class Present(BaseModel):
    """Somebody who reads along beside the owner: who handed the person over, or a supervisor."""

    name: str
    kind: str


class Lowering(BaseModel):
    """A lower band that waits for a second person."""

    id: str
    to: str
    reason: str
    by: str
    until: str


class Handoff(BaseModel):
    """A person in the queue, in codes."""

    id: str
    band: str
    priority: str
    reasons: list[str]
    sets: list[str]
    country: str
    place: str
    channel: str
    window_closes_at: str | None
    variant: str
    language: str
    lane: str
    desk: str
    called_desk: str
    state: str
    epoch: int
    owner: str | None
    not_now: bool
    answered: bool
    waiting_since: str
    flagged_at: str
    acknowledged_at: str | None
    repeat: int
    climbed: int
    again: bool
    left_chat: bool
    safe_contact: bool
    wish: bool
    call_wish: bool
    outcome: str | None
    blocked: str | None
    present: list[Present]
    invited: str | None
    lowering: Lowering | None


class Handoffs(BaseModel):
    """The queue, most urgent first. ``more`` is there where not everybody is shown: who waits beyond, by priority."""

    handoffs: list[Handoff]
    more: dict[str, int] = {}


class Sent(BaseModel):
    """The message's number in this talk and what became of it."""

    seq: int
    state: str


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class Guard:
    """In front of every request: same site, JSON, not too large; behind it: never stored, never sniffed.

    SameSite=Strict keeps the cookie at home; Origin and Sec-Fetch-Site are the second lock (threats.md, web attacker).
    """

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_unstored(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send_unstored)
            return
        headers = Headers(scope=scope)
        if not same_site(headers, self._origins):
            await problems.answer("foreign-origin")(scope, receive, send)
            return
        body = bytearray()
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body += part.get("body", b"")
            if len(body) > LARGEST_BODY:
                await problems.answer("too-large")(scope, receive, send)
                return
            if not part.get("more_body", False):
                break
        if body and headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            await problems.answer("not-json-type")(scope, receive, send)
            return
        whole, given = bytes(body), False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": whole, "more_body": False}

        await self._app(scope, replay, send_unstored)


def same_site(headers: Headers, origins: frozenset[str]) -> bool:
    """Whether a browser, if it is one, says that the request comes from our own pages."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    parts = urlsplit(origin)
    return origin in origins or (parts.scheme in ("http", "https") and parts.netloc == headers.get("host"))


def allowed_origins(public_url: str) -> frozenset[str]:
    """The origin of the public address, if there is one."""
    parts = urlsplit(public_url)
    return frozenset({f"{parts.scheme}://{parts.netloc}"} if parts.netloc else ())


def sessions_of(deps: Deps) -> Sessions:
    """The sessions of a deployment; console and API read the same ones."""
    return Sessions(
        deps.redis, deps.keyring, clock=deps.clock, random_bytes=deps.random_bytes,
        secure=deps.public_url.startswith("https://"), practice=deps.practice is not None,
    )


async def who_is(deps: Deps, sessions: Sessions, connection: HTTPConnection, *, touch: bool = True) -> Staff | None:
    """The member of staff behind a request's cookie. The account is read each time: a role taken away is gone at once."""
    session = await sessions.read(connection.cookies.get(sessions.cookie), touch=touch)
    if session is None:
        return None
    member = await deps.database.read(lambda database: find_staff(database, session.staff))
    return member if member is not None and member.credentials == session.credentials else None


def build_v1(deps: Deps) -> FastAPI:
    """The API as an application to mount at ``/api/v1``. Its hub is at ``.state.hub``: close it when stopping."""
    described: dict[int | str, dict[str, Any]] = {
        "default": {"model": ProblemBody, "description": "What was wrong (RFC 9457)"},
        422: {"model": ProblemBody, "description": "A field is missing or wrong"},
    }
    app = FastAPI(
        title="Hams", version="1", openapi_url="/openapi.json", docs_url=None, redoc_url=None, responses=described,
        separate_input_output_schemas=False, redirect_slashes=False,
    )
    problems.install(app)
    install_rota(app)
    _translate(app)
    origins = allowed_origins(deps.public_url)
    app.add_middleware(Guard, origins=origins)
    sessions = sessions_of(deps)
    on_duty, marks = OnDuty(deps.database, BrowserKeys(deps.redis, deps.clock)), Marks(deps.redis, deps.keyring)
    relay = Relay(deps.redis, on_duty.readers_of, on_duty.beside, deps.random_bytes)
    typing = deps.typing or TypingMarks(deps.redis, deps.keyring, deps.database, deps.clock)
    hub = Hub(
        deps.database, deps.redis, relay, on_duty, deps.outbox, deps.clock, look_seconds=deps.look_seconds, typing=typing
    )
    sign_in = SignIn(deps.database, deps.redis, deps.keyring, deps.passwords, clock=deps.clock, code_clock=deps.sign_in_clock)
    devices = Devices(
        deps.keyring, clock=deps.clock, random_bytes=deps.random_bytes, secure=sessions.secure,
        practice=deps.practice is not None,
    )
    notes = Notes(deps.database, relay, on_duty, seen)
    app.state.hub, app.state.relay, app.state.on_duty = hub, relay, on_duty

    async def arrived(request: Request) -> Staff:
        member = await who_is(deps, sessions, request)
        if member is None:
            raise Problem("signed-out")
        return member

    async def signed_in(member: Staff = Depends(arrived)) -> Staff:
        if member.provisional:
            raise Problem("own-password-first")
        return member

    async def talker(member: Staff = Depends(signed_in)) -> Staff:
        if not member.talks:
            raise Problem("not-your-role")
        return member

    app.include_router(rota_routes(deps, signed_in))

    async def open_session(response: Response, member: Staff, goes_on: Session | None = None) -> Me:
        token = await sessions.open(member.id, member.credentials, goes_on=goes_on)
        response.set_cookie(
            sessions.cookie, token, path="/", httponly=True, samesite="strict", secure=sessions.secure
        )
        response.set_cookie(
            devices.cookie, devices.remember(member.id), path="/", httponly=True, samesite="strict",
            secure=devices.secure, max_age=REMEMBERED_SECONDS,
        )
        return _me(member)

    async def act(
        ticket_id: str, member: Staff, step: Callable[[sa.Connection, float], Ticket], tell: BackgroundTasks,
        courtesy_for: v1_hands.CourtesyOf = courtesy_of, *, ask: bool = False,
    ) -> dict[str, Any]:
        """Take one step with a ticket this member may see, show it, ring at the consoles and tell the person."""
        now = deps.clock()

        def run(connection: sa.Connection) -> tuple[Ticket, queue.QueueRow, Courtesy | None]:
            before = seen(connection, ticket_id, member)
            after = step(connection, now)
            courtesy = courtesy_for(before, after, now)
            if courtesy == "counsellor_joined":
                note_introduced(connection, after)
            if ask and courtesy == "talk_closed" and before.state == "claimed":  # so it asks nobody who left, is away or said that it is not a good time
                courtesy = "talk_closed_asked"
                wrapup.ask(connection, asked_of(after), now)
            row = queue.one(connection, ticket_id)
            assert row is not None
            return before, row, courtesy

        before, row, courtesy = await deps.database.write(run)
        if row.ticket.owner != before.owner:
            await notes.drop(ticket_id, unless_for=row.ticket.owner or "")
        await queue.announce(deps.redis)
        if courtesy is not None:
            tell.add_task(say, row.ticket, courtesy, before.reply_address)
        return queue.card(row)

    async def say(ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> None:
        state = await deps.outbox.tell(ticket, courtesy, address)
        if courtesy == "talk_closed_asked" and state is not SendState.SENT:  # a 1 of theirs answers something else, then
            with suppress(DatabaseUnavailable):
                await deps.database.write(lambda connection: wrapup.forget(connection, ticket.person))
        if courtesy == "counsellor_joined" and state is not SendState.SENT:  # then it comes with their first message
            with suppress(DatabaseUnavailable):
                await deps.database.write(lambda connection: take_back_introduced(connection, ticket))
        elif courtesy == "supervisor_joined" and state is SendState.SENT:
            with suppress(DatabaseUnavailable):  # else it comes again with their counsellor's next message
                await deps.database.write(lambda connection: presence.note_told(connection, ticket.id))

    @app.post("/session", summary="Sign in", tags=["session"], response_model_exclude_none=True)
    async def post_session(body: Credentials, request: Request, response: Response) -> Me:
        known = request.cookies.get(devices.cookie)
        member = await sign_in.check(
            body.username, body.password.get_secret_value(), body.totp.get_secret_value(),
            source=deps.source_of(request), lane_of=lambda staff_id: devices.lane(known, staff_id),
        )
        await sessions.end(request.cookies.get(sessions.cookie))
        return await open_session(response, member)

    @app.get("/session", summary="Who is signed in", tags=["session"], response_model_exclude_none=True)
    async def get_session(member: Staff = Depends(arrived)) -> Me:
        return _me(member)

    @app.delete("/session", status_code=204, summary="Sign out", tags=["session"])
    async def delete_session(request: Request, response: Response) -> None:
        session = await sessions.read(request.cookies.get(sessions.cookie), touch=False)
        if session is not None:
            hub.end(session.key)
            await sessions.end(request.cookies.get(sessions.cookie))
            with suppress(RedisError):  # its session is over: nothing is sealed to it any more
                await on_duty.keys.forget(session.key)
        response.delete_cookie(
            sessions.cookie, path="/", httponly=True, samesite="strict", secure=sessions.secure
        )
        response.headers["Clear-Site-Data"] = '"cache", "storage"'

    @app.post(
        "/session/password", summary="Change one's own password", tags=["session"], response_model_exclude_none=True
    )
    async def post_password(
        body: NewPassword, request: Request, response: Response, member: Staff = Depends(arrived)
    ) -> Me:
        session = await sessions.read(request.cookies.get(sessions.cookie), touch=False)
        if session is None:
            raise Problem("signed-out")
        changed = await sign_in.change(
            member, body.password.get_secret_value(), body.new_password.get_secret_value(), session=session.key,
            totp=body.totp.get_secret_value(),
        )
        await sessions.end(request.cookies.get(sessions.cookie))
        return await open_session(response, changed, session)

    @app.get(
        "/handoffs", response_model=Handoffs, response_model_exclude_unset=True, summary="The queue, most urgent first",
        tags=["handoffs"],
    )
    async def get_handoffs(member: Staff = Depends(talker)) -> dict[str, Any]:
        return queue.cards(*await deps.database.read(lambda connection: queue.board(connection, member.scope)))

    @app.get("/handoffs/{ticket_id}", response_model=Handoff, summary="One person", tags=["handoffs"])
    async def get_handoff(ticket_id: str, member: Staff = Depends(talker)) -> dict[str, Any]:
        def ask(connection: sa.Connection) -> queue.QueueRow | None:
            seen(connection, ticket_id, member)
            return queue.one(connection, ticket_id)

        row = await deps.database.read(ask)
        if row is None:
            raise Problem("not-found")
        return queue.card(row)

    @app.post("/handoffs/{ticket_id}/claim", response_model=Handoff, summary="Take a person", tags=["handoffs"])
    async def post_claim(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        epoch = body.epoch if body else None
        return await act(
            ticket_id, member,
            lambda connection, now: claims.claim(connection, ticket_id, staff=member.id, epoch=epoch, now=now), tell,
        )

    @app.post("/handoffs/{ticket_id}/release", response_model=Handoff, summary="Give back", tags=["handoffs"])
    async def post_release(
        ticket_id: str, tell: BackgroundTasks, body: Hands | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        epoch = body.epoch if body else None
        return await act(
            ticket_id, member,
            lambda connection, now: claims.release(connection, ticket_id, staff=member.id, epoch=epoch, now=now), tell,
        )

    @app.post("/handoffs/{ticket_id}/transfer", response_model=Handoff, summary="Hand on", tags=["handoffs"])
    async def post_transfer(
        ticket_id: str, body: Transfer, tell: BackgroundTasks, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        if (body.to is None) == (body.desk is None):
            raise Problem("invalid", pointer="/to", detail="name a colleague in to, or a desk in desk, not both")
        if body.note is not None and body.to is None:
            raise Problem("invalid", pointer="/note", detail="is for a colleague, not for a desk")

        def hand_on(connection: sa.Connection, now: float) -> Ticket:
            ticket = find(connection, ticket_id)
            to_staff = None
            if body.to is not None:
                other = colleague(connection, body.to, *((ticket.desk, ticket.called_desk) if ticket else ("",)))
                if other is None:
                    raise Problem("invalid", pointer="/to", detail="is nobody who can take this person")
                to_staff = other.id
            elif not (desk_is_staffed(connection, body.desk or "") or has_shifts(connection, body.desk or "")):
                raise Problem("invalid", pointer="/desk", detail="is no desk where somebody works")
            after = claims.transfer(
                connection, ticket_id, staff=member.id, to_staff=to_staff, to_desk=body.desk, epoch=body.epoch, now=now
            )
            note_it(connection, ticket_id, member, body.note, now)
            return after

        async with notes.given(ticket_id, member, body.to, body.note):
            return await act(ticket_id, member, hand_on, tell)

    @app.post("/handoffs/{ticket_id}/messages", response_model=Sent, summary="Write to the person", tags=["handoffs"])
    async def post_message(ticket_id: str, body: Say, member: Staff = Depends(talker)) -> dict[str, Any]:
        text = _checked(body.text)
        once = None if body.id is None else f"{member.id}.{body.id}"
        if once is not None:  # what went out went out, whoever owns the person by now
            await deps.database.read(lambda connection: seen(connection, ticket_id, member))
            if (became := await relay.became(ticket_id, once)) is not None:
                return _sent(became)

        def ask(connection: sa.Connection) -> tuple[Ticket, bool]:
            seen(connection, ticket_id, member)
            ticket = claims.owned(connection, ticket_id, staff=member.id, epoch=body.epoch)
            if ticket.state != "claimed":
                raise NoSuchStep(ticket.state, "message")
            # by SMS far less than the provider's limit; whoever writes has seen the split (messages/preview), or must
            if deps.aids is not None and not deps.aids.is_one_message(ticket, text.reveal()):
                raise Problem("invalid", pointer="/text", detail="is longer than one message of this channel")
            return ticket, presence.anybody(connection, ticket_id)

        ticket, readers = await deps.database.read(ask)
        if once is None:
            return await write(ticket, text, member, readers)
        for _ in range(_LOOKS_FOR_THE_FIRST):
            if await relay.begin_once(ticket_id, once):
                break
            if (became := await relay.became(ticket_id, once)) is not None:
                return _sent(became)
            await asyncio.sleep(_LOOK_AGAIN_S)  # the first try is still on its way
        else:
            raise Problem("store-away")
        became = UNSURE  # cut off in the middle: nobody knows, and it is not sent again
        try:
            sent = await write(ticket, text, member, readers)
            became = f"{sent['seq']}:{sent['state']}"
        except (DatabaseUnavailable, RedisError):  # before it was handed on, or it was refused: it may be tried again
            became = None
            raise
        finally:
            with suppress(RedisError):
                await relay.finish_once(ticket_id, once, became)
        return sent

    async def write(ticket: Ticket, text: MessageText, member: Staff, readers: bool) -> dict[str, Any]:
        """Send a counsellor's words to the person of their ticket."""
        first, now = ticket.answered_at is None, deps.clock()
        if first:  # before it is sent: the bot must not speak in between
            await deps.database.write(lambda connection: note_answered(connection, ticket, now))
            await queue.announce(deps.redis)
        seq = await relay.next_out(ticket.id)
        # Only the outbox knows whether the person has left meanwhile: it reads the tombstone last.
        state = await deps.outbox.send(ticket, text, lambda sid: marks.note(sid, ticket.id, seq))
        if readers and state is SendState.SENT:
            await relay.say_along(ticket.id, seq, text)
        with suppress(DatabaseUnavailable):  # who writes is there, whatever becomes of their socket
            await deps.database.write(lambda connection: leases.renew(connection, {member.id}, leases.time_of(connection)))
        if first and state is not SendState.SENT:
            await deps.database.write(lambda connection: take_back_answered(connection, ticket, now))
            await queue.announce(deps.redis)
        return {"seq": seq, "state": state.value}

    @app.post("/handoffs/{ticket_id}/close", response_model=Handoff, summary="End the talk", tags=["handoffs"])
    async def post_close(
        ticket_id: str, tell: BackgroundTasks, body: Close | None = None, member: Staff = Depends(talker)
    ) -> dict[str, Any]:
        ending = body or Close()

        def end(connection: sa.Connection, now: float) -> Ticket:
            wrapup.note_done(connection, ticket_id, ending.done)
            return claims.close(
                connection, ticket_id, staff=member.id, outcome=ending.outcome, epoch=ending.epoch, now=now
            )

        closed = await act(ticket_id, member, end, tell, ask=ending.ask)
        await relay.forget(ticket_id)
        await typing.forget(ticket_id)
        return closed

    v1_hands.add_routes(app, talker, act, Handoff, notes)
    add_note_routes(app, talker, notes)
    if deps.aids is not None:
        add_aids(app, deps.aids, deps.database, deps.clock, talker=talker, seen=seen, checked=_checked)
    entrance = Entrance(deps, sessions, sign_in, hub, arrived, signed_in, talker, open_session, seen)
    add_account_routes(app, entrance)
    if deps.practice is not None:
        add_practice(app, deps.practice, entrance)

    async def comes_later() -> None:
        raise Problem("comes-later")

    for method, path in (
        ("POST", "/handoffs/{ticket_id}/refer"), ("GET", "/referrals"),
        ("POST", "/referrals/{referral_id}/acknowledge"), ("POST", "/referrals/{referral_id}/status"),
    ):
        app.add_api_route(
            path, comes_later, methods=[method], dependencies=[Depends(signed_in)], summary="Comes with referrals",
            tags=["referrals"], operation_id=f"later_{method.lower()}{path.replace('/', '_').translate(_NO_BRACES)}",
        )

    @app.get("/stats", summary="Counts, small cells suppressed", tags=["stats"])
    async def get_stats(member: Staff = Depends(signed_in)) -> dict[str, Any]:
        if member.role not in COUNTS and not member.talks:
            raise Problem("not-your-role")
        return await deps.database.read(lambda connection: {**queue.counts(connection), "answers": wrapup.figures(connection)})

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        if not same_site(socket.headers, origins):
            await socket.close(1008)
            return
        token = socket.cookies.get(sessions.cookie)
        try:
            session = await sessions.read(token, touch=False)
            member = await who_is(deps, sessions, socket, touch=False)
        except (RedisError, DatabaseUnavailable):
            await socket.close(1013)
            return
        if session is None or member is None or not member.talks:
            await socket.close(1008)
            return
        await socket.accept()

        async def still_signed_in(touch: bool) -> bool:
            if touch:
                return await sessions.read(token) is not None
            return await who_is(deps, sessions, socket, touch=False) == member

        await hub.serve(socket, member, session, still_signed_in)

    return app


_NO_BRACES = str.maketrans("", "", "{}")


def _translate(app: FastAPI) -> None:
    """The domain's own errors as problems."""
    for error, code in (
        (claims.NoSuchTicket, "not-found"), (claims.StaleEpoch, "stale-epoch"), (claims.NotYours, "not-yours"),
        (NoSuchStep, "wrong-state"), (Refused, "refused"),
    ):
        app.add_exception_handler(error, _answering(code))

    async def too_soon(_: Request, error: Exception) -> Response:
        assert isinstance(error, TooSoon)
        return problems.answer("too-soon", headers={"Retry-After": str(error.seconds)})

    async def weak(_: Request, _error: Exception) -> Response:
        errors = [{"pointer": "/new_password", "detail": "has 12 to 256 characters"}]
        return problems.answer("invalid", errors=errors)

    async def outcome(_: Request, _error: Exception) -> Response:
        return problems.answer("invalid", errors=[{"pointer": "/outcome", "detail": "is not one of the codes"}])

    async def done(_: Request, _error: Exception) -> Response:
        return problems.answer("invalid", errors=[{"pointer": "/done", "detail": "is not made of the codes"}])

    app.add_exception_handler(wrapup.UnknownDone, done)
    app.add_exception_handler(TooSoon, too_soon)
    app.add_exception_handler(WeakPassword, weak)
    app.add_exception_handler(claims.UnknownOutcome, outcome)


def _answering(code: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def reply(_: Request, _error: Exception) -> Response:
        return problems.answer(code)

    return reply


def seen(connection: sa.Connection, ticket_id: str, member: Staff) -> Ticket:
    """Another desk's ticket is no ticket at all (threats.md: own desk only)."""
    ticket = find(connection, ticket_id) if _TICKET_ID.fullmatch(ticket_id) else None
    if ticket is None or not may_see(member, ticket.desk, ticket.called_desk):
        raise claims.NoSuchTicket
    return ticket


def asked_of(ticket: Ticket) -> wrapup.Asked:
    """Whom a ticket's last question goes to."""
    return wrapup.Asked(ticket.person, ticket.channel, ticket.generation, ticket.country)


def _checked(words: SecretStr, longest: int = LONGEST_MESSAGE) -> MessageText:
    text = MessageText(_TURNS_THE_TEXT.sub("", words.get_secret_value()).replace("\r\n", "\n").strip())
    if not text:
        raise Problem("invalid", pointer="/text", detail="is empty")
    if _FORBIDDEN_IN_TEXT.search(text.reveal()):
        raise Problem("invalid", pointer="/text", detail="holds a character that cannot be sent")
    if utf16_units(text.reveal()) > longest:
        raise Problem("invalid", pointer="/text", detail=f"is longer than {longest} characters")
    if blanks_of(text.reveal()):
        raise Problem("invalid", pointer="/text", detail="holds a blank in braces that nobody has filled")
    return text


def _sent(became: str) -> dict[str, Any]:
    seq, _, state = became.partition(":")
    return {"seq": int(seq), "state": state}


def _me(member: Staff) -> Me:
    return Me(
        username=member.username, role=member.role, desks=sorted(member.desks), idle_seconds=IDLE_SECONDS,
        own_password_first=True if member.provisional else None,
    )


__all__ = ["Deps", "allowed_origins", "build_v1", "seen", "sessions_of", "who_is"]
