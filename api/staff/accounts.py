"""Accounts: making one, finding one, changing its password, using up its one-time codes."""

from __future__ import annotations

import base64
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyotp
import sqlalchemy as sa

from api.audit import trail
from api.conversations.sealing import Keyring
from api.staff.passwords import Passwords
from api.staff.tables import ROLES, TALKS, staff, staff_desks

ISSUER = "Hams"
STEP_SECONDS = 30

_USERNAME = re.compile(r"\w[\w.-]{1,31}")
_DESK = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TO_WESTERN = {**{0x660 + n: str(n) for n in range(10)}, **{0x6F0 + n: str(n) for n in range(10)}}


class NotAnAccount(ValueError):
    """Name, role or desk is not one an account can have."""


class NameTaken(ValueError):
    """There is an account of that name already."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff as the rest of the gateway knows them."""

    id: str
    username: str
    role: str
    desks: frozenset[str]
    credentials: int
    provisional: bool = False
    """Signed in with a password somebody else has seen: until they choose their own they may do nothing else."""

    @property
    def talks(self) -> bool:
        """Whether this role sees the queue and talks to people."""
        return self.role in TALKS and not self.provisional

    @property
    def scope(self) -> frozenset[str]:
        """The desks whose people this member of staff sees; none: all of them. A supervisor sees every desk."""
        return frozenset() if self.role == "supervisor" else self.desks


@dataclass(frozen=True, slots=True)
class NewStaff:
    """What is printed once when an account is made and kept nowhere in the open."""

    id: str
    username: str
    password: str
    otpauth_uri: str


@dataclass(frozen=True, slots=True)
class NewSecrets:
    """A one-time password and a TOTP secret, to be shown once. Has no ``repr`` worth logging."""

    password: str
    totp_secret: str

    def __repr__(self) -> str:
        return "<NewSecrets>"

    def otpauth_uri(self, username: str) -> str:
        """What an authenticator app reads."""
        return pyotp.TOTP(self.totp_secret, interval=STEP_SECONDS).provisioning_uri(name=username, issuer_name=ISSUER)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against. Has no ``repr`` worth logging.

    ``password_until``: when a password that somebody else has seen stops being good; ``None`` for one's own.
    """

    staff: Staff
    password_hash: str
    totp_secret: bytes
    totp_last: int
    password_until: float | None = None
    enrols: bool = False
    """Recovered: the one-time password alone opens the door to choosing one's own, with a code of the new authenticator."""

    def __repr__(self) -> str:
        return "<Credentials>"


def fold_username(name: str) -> str:
    """One spelling for a name, whatever keyboard typed it."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def possible_username(name: str) -> str:
    """The folded name, or "", which nobody has, if no account can be called so: a database may choke on what it holds."""
    folded = fold_username(name)
    return folded if _USERNAME.fullmatch(folded) else ""


def add_staff(
    connection: sa.Connection,
    *,
    username: str,
    role: str,
    desks: Iterable[str] = (),
    passwords: Passwords,
    keyring: Keyring,
    random_bytes: Callable[[int], bytes],
    now: float,
) -> NewStaff:
    """Make an account with a one-time password and a TOTP secret, to be handed over and not kept.

    Raises:
        NotAnAccount, NameTaken: nothing was made.
    """
    name, places = fold_username(username), sorted(set(desks))
    if not _USERNAME.fullmatch(name):
        raise NotAnAccount("a name has 2 to 32 letters, digits, dots, dashes or underscores")
    if role not in ROLES:
        raise NotAnAccount(f"a role is one of: {', '.join(ROLES)}")
    if not all(_DESK.fullmatch(desk) for desk in places):
        raise NotAnAccount("a desk is a short code in small letters")
    if connection.execute(sa.select(staff.c.id).where(staff.c.username == name)).first():
        raise NameTaken("there is an account of that name")
    staff_id = random_bytes(8).hex()
    made = new_secrets(random_bytes)
    connection.execute(
        staff.insert().values(
            id=staff_id, username=name, role=role, password_hash=passwords.hash(made.password),
            totp_secret=keyring.seal("totp", made.totp_secret.encode(), staff_id.encode()), totp_last=0, credentials=1,
            active=True, created_at=now,
        )
    )
    if places:
        connection.execute(staff_desks.insert(), [{"staff": staff_id, "desk": desk} for desk in places])
    trail.append(connection, at=now, actor=trail.SYSTEM, act="staff.add", object_id=staff_id)
    return NewStaff(staff_id, name, made.password, made.otpauth_uri(name))


def new_secrets(random_bytes: Callable[[int], bytes]) -> NewSecrets:
    """A password of 120 random bits that can be read out, and a TOTP secret."""
    return NewSecrets(_readable(random_bytes(15)), base64.b32encode(random_bytes(20)).decode())


def find_staff(connection: sa.Connection, staff_id: str) -> Staff | None:
    """The active member of staff of that id."""
    row = connection.execute(sa.select(staff).where(staff.c.id == staff_id, staff.c.active)).first()
    return _as_staff(connection, row) if row else None


def find_members(connection: sa.Connection, staff_ids: Iterable[str]) -> dict[str, Staff]:
    """The active ones among these members of staff, by id."""
    wanted = sorted(set(staff_ids))
    rows = connection.execute(sa.select(staff).where(staff.c.id.in_(wanted), staff.c.active)).all() if wanted else []
    desks: dict[str, set[str]] = {row.id: set() for row in rows}
    if rows:
        for row in connection.execute(sa.select(staff_desks).where(staff_desks.c.staff.in_(list(desks)))):
            desks[row.staff].add(row.desk)
    return {
        row.id: Staff(row.id, row.username, row.role, frozenset(desks[row.id]), row.credentials, row.password_until is not None)
        for row in rows
    }


def colleague(connection: sa.Connection, username: str, desk: str, called: str = "") -> Staff | None:
    """An active member of staff of that name who may talk to people of that desk, or of the one called besides."""
    row = connection.execute(
        sa.select(staff).where(staff.c.username == possible_username(username), staff.c.active)
    ).first()
    found = _as_staff(connection, row) if row else None
    return found if found is not None and found.talks and may_see(found, desk, called) else None


def may_see(member: Staff, desk: str, called: str = "") -> bool:
    """Own desk only (threats.md): "" is everybody's desk, and no desk at all means every desk.

    Args:
        desk: where the person waits.
        called: the desk that was called besides, if any (``tickets.called_desk``).
    """
    return not desk or not member.scope or desk in member.scope or (called != "" and called in member.scope)


def desk_is_staffed(connection: sa.Connection, desk: str) -> bool:
    """Whether somebody active works at that desk by name."""
    query = (
        sa.select(staff.c.id).join(staff_desks, staff_desks.c.staff == staff.c.id)
        .where(
            staff_desks.c.desk == desk, staff.c.active, staff.c.role.in_(TALKS), staff.c.password_until.is_(None),
        ).limit(1)
    )
    return connection.execute(query).first() is not None


def credentials_of(connection: sa.Connection, username: str) -> Credentials | None:
    """What the sign-in of an active account is checked against."""
    row = connection.execute(
        sa.select(staff).where(staff.c.username == possible_username(username), staff.c.active)
    ).first()
    if row is None:
        _desks_of(connection, "")  # as much work as for a name that is there
        return None
    return Credentials(
        _as_staff(connection, row), row.password_hash, row.totp_secret, row.totp_last, row.password_until, row.enrols
    )


def matching_counter(keyring: Keyring, found: Credentials | None, code: str, now: float) -> int | None:
    """The time step the code belongs to, one step of clock slip either way; ``None`` if it is wrong or used up."""
    typed = code.translate(_TO_WESTERN).replace(" ", "")
    if found is None:
        secret, last = base64.b32encode(bytes(20)).decode(), 1 << 62
    else:
        secret = keyring.open("totp", found.totp_secret, found.staff.id.encode()).decode()
        last = found.totp_last
    totp, present, match = pyotp.TOTP(secret, interval=STEP_SECONDS), int(now) // STEP_SECONDS, None
    for counter in (present - 1, present, present + 1):  # all three are computed: time tells nothing
        right = hmac.compare_digest(totp.generate_otp(counter).encode(), typed.encode("utf-8", "replace"))
        if right and counter > last:
            match = counter
    return match


def use_up(connection: sa.Connection, staff_id: str, counter: int) -> bool:
    """Mark a one-time code as used; ``False`` if somebody used it, or a later one, first."""
    done = connection.execute(
        staff.update().where(staff.c.id == staff_id, staff.c.totp_last < counter).values(totp_last=counter)
    )
    return done.rowcount == 1


def authenticator_of(connection: sa.Connection, keyring: Keyring, member: Staff) -> str | None:
    """What a recovered account's owner puts into their app; ``None`` once it has been used, and for everybody else."""
    row = connection.execute(
        sa.select(staff.c.totp_secret)
        .where(staff.c.id == member.id, staff.c.enrols, staff.c.credentials == member.credentials)
    ).first()
    if row is None:
        return None
    secret = keyring.open("totp", row.totp_secret, member.id.encode()).decode()
    return NewSecrets("", secret).otpauth_uri(member.username)


def change_password(
    connection: sa.Connection, member: Staff, new_hash: str, *, now: float, enrolled: int | None = None
) -> Staff | None:
    """Store the new hash and end every other session of the account; ``None`` if somebody was faster.

    Args:
        enrolled: the time step of the code by which a recovered account's owner has shown their new authenticator.
    """
    values = {} if enrolled is None else {"enrols": False, "totp_last": enrolled}
    done = connection.execute(
        staff.update()
        .where(staff.c.id == member.id, staff.c.credentials == member.credentials)
        .values(password_hash=new_hash, credentials=member.credentials + 1, password_until=None, **values)
    )
    if done.rowcount != 1:
        return None
    trail.append(connection, at=now, actor=member.id, act="staff.password", object_id=member.id)
    if enrolled is not None:
        trail.append(connection, at=now, actor=member.id, act="staff.authenticator", object_id=member.id)
    return find_staff(connection, member.id)


def end_sessions(connection: sa.Connection, member: Staff, *, now: float) -> Staff | None:
    """End every session of the account, wherever it is open; ``None`` if somebody was faster."""
    done = connection.execute(
        staff.update()
        .where(staff.c.id == member.id, staff.c.credentials == member.credentials)
        .values(credentials=member.credentials + 1)
    )
    if done.rowcount != 1:
        return None
    trail.append(connection, at=now, actor=member.id, act="staff.end_sessions", object_id=member.id)
    return find_staff(connection, member.id)


def reseal(connection: sa.Connection, keyring: Keyring) -> int:
    """Seal every TOTP secret under the newest key (``./hams keys rotate``); returns how many were moved."""
    moved = 0
    for row in connection.execute(sa.select(staff.c.id, staff.c.totp_secret)).all():
        if keyring.is_current(row.totp_secret):
            continue
        secret = keyring.open("totp", row.totp_secret, row.id.encode())
        sealed = keyring.seal("totp", secret, row.id.encode())
        connection.execute(staff.update().where(staff.c.id == row.id).values(totp_secret=sealed))
        moved += 1
    return moved


def _as_staff(connection: sa.Connection, row: sa.Row[Any]) -> Staff:
    return Staff(
        row.id, row.username, row.role, _desks_of(connection, row.id), row.credentials, row.password_until is not None
    )


def _desks_of(connection: sa.Connection, staff_id: str) -> frozenset[str]:
    desks = connection.execute(sa.select(staff_desks.c.desk).where(staff_desks.c.staff == staff_id)).scalars()
    return frozenset(desks)


def _readable(raw: bytes) -> str:
    """24 characters in six groups, without letters that are mistaken for digits."""
    letters = base64.b32encode(raw).decode().lower()
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))
