"""The part of the API about accounts: passkeys, step-up, recovery by two, and the one act that unseals a contact.

Routes only. What counts as fresh is in ``staff/stepup.py``, who may recover whom in ``staff/recovery.py``, what a
passkey must prove in ``staff/passkeys.py``, who may see a number in ``handoffs/contacts.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api import problems
from api.handoffs import claims, contacts
from api.handoffs.live import Hub
from api.handoffs.tickets import Ticket
from api.problems import Problem
from api.staff import recovery
from api.staff.accounts import Staff, authenticator_of, end_sessions, new_secrets
from api.staff.passkeys import (
    NoSuchPasskey,
    Passkey,
    Passkeys,
    TooManyPasskeys,
    UnknownLabel,
    passkeys_of,
    relying_party,
    remove_passkey,
)
from api.staff.sessions import Session, Sessions
from api.staff.signin import SignIn
from api.staff.stepup import StepUpNeeded, fresh_until, require_fresh
from api.staff.tables import LOOKS_AFTER, PASSKEY_LABELS

if TYPE_CHECKING:
    from api.v1 import Deps

_LONGEST = 12_000  # of one base64url field; the body is bounded anyway


@dataclass(frozen=True, slots=True)
class Entrance:
    """What these routes share with the rest of the API.

    Args:
        arrived: whoever has a session; ``signed_in``: and a password of their own; ``talker``: and sees people.
        open_session: sets the cookies of a new session and says who it is.
        seen: a ticket this member may see, or ``NoSuchTicket``.
    """

    deps: Deps
    sessions: Sessions
    sign_in: SignIn
    hub: Hub
    arrived: Callable[..., Awaitable[Staff]]
    signed_in: Callable[..., Awaitable[Staff]]
    talker: Callable[..., Awaitable[Staff]]
    open_session: Callable[[Response, Staff, Session | None], Awaitable[Me]]
    seen: Callable[[sa.Connection, str, Staff], Ticket]


class Me(BaseModel):
    """Who is signed in. ``own_password_first`` is there, and true, while nothing else may be done."""

    username: str
    role: str
    desks: list[str]
    idle_seconds: int
    own_password_first: bool | None = None


class AuthenticatorAnswer(BaseModel):
    """The inside of a ``PublicKeyCredential``; every field base64url."""

    model_config = ConfigDict(hide_input_in_errors=True)
    clientDataJSON: str = Field(max_length=_LONGEST)
    attestationObject: str | None = Field(default=None, max_length=_LONGEST)
    authenticatorData: str | None = Field(default=None, max_length=_LONGEST)
    signature: str | None = Field(default=None, max_length=_LONGEST)
    userHandle: str | None = Field(default=None, max_length=256)


class PasskeyAnswer(BaseModel):
    """A ``PublicKeyCredential`` as its ``toJSON`` spells it."""

    model_config = ConfigDict(hide_input_in_errors=True)
    id: str = Field(max_length=2048)
    rawId: str = Field(max_length=2048)
    type: str = Field(max_length=16)
    response: AuthenticatorAnswer

    def as_json(self) -> dict[str, Any]:
        """As the checking library takes it."""
        return self.model_dump(exclude_none=True)


class SignInByPasskey(BaseModel):
    """What an authenticator answered to ``session/passkey/options``."""

    model_config = ConfigDict(hide_input_in_errors=True)
    passkey: PasskeyAnswer


class NewPasskey(SignInByPasskey):
    """What an authenticator answered to ``session/passkeys/options``, and what the passkey is called."""

    label: str = Field(max_length=16, json_schema_extra={"enum": list(PASSKEY_LABELS)})


class StepUp(BaseModel):
    """A second factor: a passkey, or password and code."""

    model_config = ConfigDict(hide_input_in_errors=True)
    passkey: PasskeyAnswer | None = None
    password: SecretStr | None = Field(default=None, max_length=1024)
    totp: SecretStr | None = Field(default=None, max_length=16)


class Fresh(BaseModel):
    """Until when the second factor counts."""

    fresh_until: str


class PasskeyOptions(BaseModel):
    """For ``navigator.credentials``; bytes as base64url."""

    publicKey: dict[str, Any]


class OwnPasskey(BaseModel):
    """One of one's own passkeys."""

    id: str
    label: str
    created_at: str
    used_at: str | None


class OwnPasskeys(BaseModel):
    """One's own passkeys; ``possible`` is false where browsers allow none at this address."""

    possible: bool
    passkeys: list[OwnPasskey]


class Why(BaseModel):
    """Why a number is looked at, as a code."""

    model_config = ConfigDict(hide_input_in_errors=True)
    reason: str = Field(max_length=24, json_schema_extra={"enum": list(contacts.REASONS)})
    epoch: int | None = Field(default=None, ge=0, lt=2**53)


class ContactBody(BaseModel):
    """A number in the open: shown, never kept."""

    channel: str
    number: str


class AccountBody(BaseModel):
    """An account, for those who look after accounts."""

    username: str
    role: str
    desks: list[str]
    active: bool
    passkeys: int
    recovery_by: str | None
    recovery_until: str | None


class Accounts(BaseModel):
    """The accounts one may see."""

    accounts: list[AccountBody]


class RecoveryOpened(BaseModel):
    """A recovery that waits for its second person."""

    username: str
    expires_at: str


class NewSignIn(BaseModel):
    """Shown once, to be handed over in person. The password is only good for choosing another, until it expires."""

    username: str
    password: str
    expires_at: str


class Authenticator(BaseModel):
    """What an authenticator app reads: shown to the owner of a recovered account, on their own screen."""

    otpauth: str


def add_account_routes(app: FastAPI, door: Entrance) -> None:
    """Add the routes to the API."""
    _translate(app)
    deps, sessions = door.deps, door.sessions
    party = relying_party(deps.public_url)
    keys = None if party is None else Passkeys(
        deps.database, deps.redis, deps.keyring, party, clock=deps.clock, random_bytes=deps.random_bytes
    )

    def passkeys() -> Passkeys:
        if keys is None:
            raise Problem("no-passkeys")
        return keys

    async def session_of(request: Request) -> Session:
        session = await sessions.read(request.cookies.get(sessions.cookie), touch=False)
        if session is None:
            raise Problem("signed-out")
        return session

    async def fresh(request: Request) -> Session:
        session = await session_of(request)
        require_fresh(session, deps.clock())
        return session

    async def open_anew(request: Request, response: Response, member: Staff, goes_on: Session | None = None) -> Me:
        await sessions.end(request.cookies.get(sessions.cookie))
        return await door.open_session(response, member, goes_on)

    async def looks_after(member: Staff = Depends(door.signed_in)) -> Staff:
        if member.role not in LOOKS_AFTER:
            raise Problem("not-your-role")
        return member

    async def admin(member: Staff = Depends(door.signed_in)) -> Staff:
        if member.role != "admin":
            raise Problem("not-your-role")
        return member

    async def account(username: str, member: Staff) -> str:
        return await deps.database.read(lambda connection: recovery.find_account(connection, username, member))

    # ---- signing in and stepping up

    @app.post("/session/passkey/options", summary="Begin to sign in with a passkey", tags=["session"])
    async def post_passkey_options() -> PasskeyOptions:
        return PasskeyOptions(publicKey=await passkeys().offer_sign_in())

    @app.post(
        "/session/passkey", summary="Sign in with a passkey", tags=["session"], response_model_exclude_none=True
    )
    async def post_passkey(body: SignInByPasskey, request: Request, response: Response) -> Me:
        return await open_anew(request, response, await passkeys().sign_in(body.passkey.as_json()))

    @app.post("/session/step-up/options", summary="Begin a step-up with a passkey", tags=["session"])
    async def post_step_up_options(request: Request, member: Staff = Depends(door.signed_in)) -> PasskeyOptions:
        return PasskeyOptions(publicKey=await passkeys().offer_step_up(member, (await session_of(request)).key))

    @app.post("/session/step-up", summary="Show a second factor once more", tags=["session"])
    async def post_step_up(body: StepUp, request: Request, member: Staff = Depends(door.signed_in)) -> Fresh:
        session = await session_of(request)
        if body.passkey is not None and body.password is None and body.totp is None:
            await passkeys().step_up(member, session.key, body.passkey.as_json())
        elif body.passkey is None and body.password is not None and body.totp is not None:
            await door.sign_in.prove(
                member, body.password.get_secret_value(), body.totp.get_secret_value(), session=session.key
            )
        else:
            raise Problem("invalid", pointer="/passkey", detail="send a passkey, or password and totp")
        return Fresh(fresh_until=_when(fresh_until(await sessions.prove(session))))

    @app.delete("/sessions", status_code=204, summary="Sign out everywhere", tags=["session"])
    async def delete_sessions(
        request: Request, response: Response, member: Staff = Depends(door.arrived)
    ) -> None:
        session = await session_of(request)
        await deps.database.write(lambda connection: end_sessions(connection, member, now=deps.clock()))
        door.hub.end(session.key)
        await sessions.end(request.cookies.get(sessions.cookie))
        response.delete_cookie(sessions.cookie, path="/", httponly=True, samesite="strict", secure=sessions.secure)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'

    # ---- a new authenticator, after a recovery

    @app.post("/session/authenticator", summary="See the secret of one's new authenticator, after a recovery", tags=["session"])
    async def post_authenticator(member: Staff = Depends(door.arrived)) -> Authenticator:
        uri = await deps.database.read(lambda connection: authenticator_of(connection, deps.keyring, member))
        if uri is None:
            raise Problem("not-possible")
        return Authenticator(otpauth=uri)

    # ---- one's own passkeys

    @app.get("/session/passkeys", summary="One's own passkeys", tags=["session"])
    async def get_passkeys(member: Staff = Depends(door.signed_in)) -> OwnPasskeys:
        own = await deps.database.read(lambda connection: passkeys_of(connection, member.id))
        return OwnPasskeys(possible=keys is not None, passkeys=[_own(one) for one in own])

    @app.post("/session/passkeys/options", summary="Begin to add a passkey", tags=["session"])
    async def post_passkeys_options(request: Request, member: Staff = Depends(door.signed_in)) -> PasskeyOptions:
        session = await fresh(request)
        return PasskeyOptions(publicKey=await passkeys().offer_registration(member, session.key))

    @app.post("/session/passkeys", status_code=201, summary="Add a passkey", tags=["session"])
    async def post_passkeys(body: NewPasskey, request: Request, member: Staff = Depends(door.signed_in)) -> OwnPasskey:
        session = await fresh(request)
        return _own(await passkeys().register(member, session.key, body.passkey.as_json(), body.label))

    @app.delete(
        "/session/passkeys/{passkey_id}", summary="Take a passkey away; other sessions end", tags=["session"],
        response_model_exclude_none=True,
    )
    async def delete_passkey(
        passkey_id: str, request: Request, response: Response, member: Staff = Depends(door.signed_in)
    ) -> Me:
        session = await fresh(request)
        now = deps.clock()

        def remove(connection: sa.Connection) -> Staff | None:
            remove_passkey(connection, member, passkey_id, now=now)
            return end_sessions(connection, member, now=now)  # whoever has the lost phone may be signed in with it

        after = await deps.database.write(remove)
        if after is None:
            raise Problem("signed-out")
        return await open_anew(request, response, after, session)

    # ---- the accounts of others

    @app.get("/staff", summary="The accounts of one's desks", tags=["staff"])
    async def get_staff(member: Staff = Depends(looks_after)) -> Accounts:
        now = deps.clock()
        found = await deps.database.read(lambda connection: recovery.accounts_for(connection, member, now))
        return Accounts(accounts=[_account(one) for one in found])

    @app.post("/staff/{username}/recovery", status_code=201, summary="Ask for a recovery", tags=["staff"])
    async def post_recovery(username: str, request: Request, member: Staff = Depends(admin)) -> RecoveryOpened:
        staff_id = await account(username, member)
        await fresh(request)
        expires = await deps.database.write(
            lambda connection: recovery.open_recovery(connection, staff_id, by=member.id, now=deps.clock())
        )
        return RecoveryOpened(username=username, expires_at=_when(expires))

    @app.delete("/staff/{username}/recovery", status_code=204, summary="Take a recovery back", tags=["staff"])
    async def delete_recovery(username: str, member: Staff = Depends(admin)) -> None:
        staff_id = await account(username, member)
        await deps.database.write(
            lambda connection: recovery.withdraw_recovery(connection, staff_id, by=member.id, now=deps.clock())
        )

    @app.post("/staff/{username}/recovery/confirm", summary="Confirm a recovery as the second person", tags=["staff"])
    async def post_confirm(username: str, request: Request, member: Staff = Depends(looks_after)) -> NewSignIn:
        staff_id = await account(username, member)
        await fresh(request)
        made, now = new_secrets(deps.random_bytes), deps.clock()
        hashed = await door.sign_in.hash(made.password)
        name = await deps.database.write(lambda connection: recovery.confirm_recovery(
            connection, staff_id, by=member.id, secrets=made, password_hash=hashed, keyring=deps.keyring, now=now
        ))  # fmt: skip
        return NewSignIn(username=name, password=made.password, expires_at=_when(now + recovery.EXPIRES_SECONDS))

    @app.post("/staff/{username}/deactivate", status_code=204, summary="Put an account out of service", tags=["staff"])
    async def post_deactivate(username: str, request: Request, member: Staff = Depends(admin)) -> None:
        staff_id = await account(username, member)
        await fresh(request)
        await deps.database.write(
            lambda connection: recovery.put_out_of_service(connection, staff_id, by=member.id, now=deps.clock())
        )

    # ---- a contact

    @app.post("/handoffs/{ticket_id}/contact", summary="See the number of a person one talks with", tags=["handoffs"])
    async def post_contact(
        ticket_id: str, body: Why, request: Request, member: Staff = Depends(door.talker)
    ) -> ContactBody:
        def ask(connection: sa.Connection) -> None:
            door.seen(connection, ticket_id, member)
            claims.owned(connection, ticket_id, staff=member.id, epoch=body.epoch)

        await deps.database.read(ask)
        await fresh(request)
        if deps.addresses is None:
            raise contacts.ContactGone
        sealed = await deps.database.write(lambda connection: contacts.note_opening(
            connection, ticket_id, staff=member.id, reason=body.reason, epoch=body.epoch, now=deps.clock()
        ))  # fmt: skip
        contact = contacts.unseal(sealed, deps.addresses)
        return ContactBody(channel=contact.channel, number=contact.number)


def _translate(app: FastAPI) -> None:
    """The domain's own errors as problems."""
    for error, code in (
        (StepUpNeeded, "step-up-needed"), (NoSuchPasskey, "not-found"), (TooManyPasskeys, "too-many-passkeys"),
        (recovery.NoSuchAccount, "not-found"), (recovery.NotPossible, "not-possible"),
        (contacts.ContactGone, "contact-gone"),
    ):
        app.add_exception_handler(error, _answering(code))
    app.add_exception_handler(UnknownLabel, _answering("invalid", "/label"))
    app.add_exception_handler(contacts.UnknownReason, _answering("invalid", "/reason"))


def _answering(code: str, pointer: str | None = None) -> Callable[[Request, Exception], Awaitable[Response]]:
    errors = [{"pointer": pointer, "detail": "is not one of the codes"}] if pointer else None

    async def reply(_: Request, _error: Exception) -> Response:
        return problems.answer(code, errors=errors)

    return reply


def _own(one: Passkey) -> OwnPasskey:
    used = None if one.used_at is None else _when(one.used_at)
    return OwnPasskey(id=one.id, label=one.label, created_at=_when(one.created_at), used_at=used)


def _account(one: recovery.Account) -> AccountBody:
    return AccountBody(
        username=one.username, role=one.role, desks=list(one.desks), active=one.active, passkeys=one.passkeys,
        recovery_by=one.recovery_by, recovery_until=None if one.recovery_until is None else _when(one.recovery_until),
    )


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
