"""Getting back into an account, and being put out of one. One admin may shut a door; opening it again takes two.

An admin asks for the recovery, a second person confirms within the hour. Only then is a one-time password made and shown
once to the second person; whatever opened the account before (sessions, passkeys, authenticator) ends. Since somebody else
has seen that password, it is good for one thing only, within an hour: choosing one's own. The new TOTP secret nobody sees
but who signs in with it, on their own screen, and it counts once they have given a code of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from api.audit import trail
from api.conversations.sealing import Keyring
from api.staff.accounts import NewSecrets, Staff, possible_username
from api.staff.tables import LOOKS_AFTER, passkeys, recoveries, staff, staff_desks

EXPIRES_SECONDS = 3600
"""For the second person to confirm, and then again for the one-time password."""


class NoSuchAccount(Exception):
    """There is no such account, or it is not this member's to know of."""


class NotPossible(Exception):
    """Not in this state, or not by this person; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as those who look after accounts see it."""

    id: str
    username: str
    role: str
    desks: tuple[str, ...]
    active: bool
    passkeys: int
    recovery_by: str | None
    recovery_until: float | None


def accounts_for(connection: sa.Connection, member: Staff, now: float) -> list[Account]:
    """The accounts this member may see, by name: those of their desks; all, if they have no desk."""
    desks: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(staff_desks)):
        desks.setdefault(row.staff, set()).add(row.desk)
    counted = sa.select(passkeys.c.staff, sa.func.count().label("n")).group_by(passkeys.c.staff)
    keys = {row.staff: row.n for row in connection.execute(counted)}
    open_ones = {
        row.staff: row
        for row in connection.execute(sa.select(recoveries).where(recoveries.c.expires_at > now))
    }
    rows = connection.execute(sa.select(staff).order_by(staff.c.username)).all()
    names = {row.id: row.username for row in rows}
    return [
        Account(
            row.id, row.username, row.role, tuple(sorted(desks.get(row.id, ()))), row.active, keys.get(row.id, 0),
            names.get(asked.opened_by, trail.SYSTEM) if (asked := open_ones.get(row.id)) else None,
            asked.expires_at if asked else None,
        )
        for row in rows
        if _may_know(member, frozenset(desks.get(row.id, ())))
    ]


def find_account(connection: sa.Connection, username: str, member: Staff) -> str:
    """The id of an account this member may see.

    Raises:
        NoSuchAccount: there is none.
    """
    row = _row(connection, username)
    if row is None or not _may_know(member, _desks(connection, row.id)):
        raise NoSuchAccount
    return str(row.id)


def open_recovery(connection: sa.Connection, staff_id: str, *, by: str, now: float) -> float:
    """Ask for a recovery; returns when it expires. Asking again for one's own starts the hour anew.

    Args:
        by: an admin's id, or ``trail.SYSTEM`` for whoever works at the machine itself.

    Raises:
        NotPossible: not for oneself, and not while somebody else's waits: that one can be confirmed.
    """
    if by == staff_id or (by != trail.SYSTEM and not _active(connection, by, roles=frozenset({"admin"}))):
        raise NotPossible
    waiting = _waiting(connection, staff_id, now)
    if waiting is not None and waiting.opened_by != by:
        raise NotPossible
    connection.execute(recoveries.delete().where(recoveries.c.staff == staff_id))
    expires = now + EXPIRES_SECONDS
    connection.execute(recoveries.insert().values(staff=staff_id, opened_by=by, opened_at=now, expires_at=expires))
    trail.append(connection, at=now, actor=by, act="recovery.open", object_id=staff_id)
    return expires


def withdraw_recovery(connection: sa.Connection, staff_id: str, *, by: str, now: float) -> None:
    """Take a recovery back that has not been confirmed.

    Raises:
        NotPossible: none waits.
    """
    done = connection.execute(
        recoveries.delete().where(recoveries.c.staff == staff_id, recoveries.c.expires_at > now)
    )
    if done.rowcount != 1:
        raise NotPossible
    trail.append(connection, at=now, actor=by, act="recovery.withdraw", object_id=staff_id)


def confirm_recovery(
    connection: sa.Connection, staff_id: str, *, by: str, secrets: NewSecrets, password_hash: str, keyring: Keyring, now: float
) -> str:
    """The second person says yes: the account gets new secrets and is in service; what opened it before ends.

    Returns the account's name. Of two who confirm at once, one does.

    Raises:
        NotPossible: nothing waits or it expired; or this is the account itself, or whoever asked; or whoever asked is
            no admin any more.
    """
    connection.execute(sa.select(staff.c.id).where(staff.c.id == staff_id).with_for_update()).first()
    waiting = _waiting(connection, staff_id, now)
    if waiting is None or by in (staff_id, waiting.opened_by):
        raise NotPossible
    if not _active(connection, by, roles=LOOKS_AFTER):
        raise NotPossible
    if waiting.opened_by != trail.SYSTEM and not _active(connection, waiting.opened_by, roles=frozenset({"admin"})):
        raise NotPossible
    done = connection.execute(
        recoveries.delete().where(recoveries.c.staff == staff_id, recoveries.c.opened_at == waiting.opened_at)
    )
    if done.rowcount != 1:
        raise NotPossible
    connection.execute(passkeys.delete().where(passkeys.c.staff == staff_id))
    connection.execute(
        staff.update().where(staff.c.id == staff_id).values(
            password_hash=password_hash, password_until=now + EXPIRES_SECONDS, totp_last=0, active=True, enrols=True,
            totp_secret=keyring.seal("totp", secrets.totp_secret.encode(), staff_id.encode()),
            credentials=staff.c.credentials + 1,
        )
    )
    trail.append(connection, at=now, actor=by, act="recovery.confirm", object_id=staff_id)
    return str(connection.execute(sa.select(staff.c.username).where(staff.c.id == staff_id)).scalar_one())


def put_out_of_service(connection: sa.Connection, staff_id: str, *, by: str, now: float) -> None:
    """End an account's service at once: its sessions end, its people wait again as soon as its lease lapses.

    Raises:
        NotPossible: it is one's own (so the last admin stays), it is out of service, or the caller is no admin any more.
    """
    # Two admins who shut each other out in the same moment must not both succeed: their rows are taken in one order.
    connection.execute(sa.select(staff.c.id).where(staff.c.role == "admin").order_by(staff.c.id).with_for_update()).all()
    if by == staff_id or (by != trail.SYSTEM and not _active(connection, by, roles=frozenset({"admin"}))):
        raise NotPossible
    done = connection.execute(
        staff.update().where(staff.c.id == staff_id, staff.c.active)
        .values(active=False, credentials=staff.c.credentials + 1)
    )
    if done.rowcount != 1:
        raise NotPossible
    connection.execute(recoveries.delete().where(recoveries.c.staff == staff_id))
    trail.append(connection, at=now, actor=by, act="staff.out_of_service", object_id=staff_id)


def account_named(connection: sa.Connection, username: str) -> str:
    """The id of an account, whoever asks: for the command line.

    Raises:
        NoSuchAccount: there is none.
    """
    row = _row(connection, username)
    if row is None:
        raise NoSuchAccount
    return str(row.id)


def _row(connection: sa.Connection, username: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(staff).where(staff.c.username == possible_username(username))).first()


def _desks(connection: sa.Connection, staff_id: str) -> frozenset[str]:
    return frozenset(
        connection.execute(sa.select(staff_desks.c.desk).where(staff_desks.c.staff == staff_id)).scalars()
    )


def _may_know(member: Staff, desks: frozenset[str]) -> bool:
    """Own desk only: an account of every desk is for those who have every desk."""
    return not member.desks or bool(member.desks & desks)


def _waiting(connection: sa.Connection, staff_id: str, now: float) -> sa.Row[Any] | None:
    return connection.execute(
        sa.select(recoveries).where(recoveries.c.staff == staff_id, recoveries.c.expires_at > now).with_for_update()
    ).first()


def _active(connection: sa.Connection, staff_id: str, *, roles: frozenset[str]) -> bool:
    query = sa.select(staff.c.id).where(
        staff.c.id == staff_id, staff.c.active, staff.c.role.in_(roles), staff.c.password_until.is_(None)
    )
    return connection.execute(query).first() is not None
