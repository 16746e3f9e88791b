"""The rota: who works at which desk at which hours of the week, who is away, who is trained for what until when.

:func:`on_duty` is the rule, pure; everything else takes the connection of a running transaction. Rows hold codes, times
and ids, never a reason: why somebody is on leave is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from api.audit import trail
from api.database import metadata
from api.scripts.desks import COMPETENCES, Desk, Desks
from api.staff.accounts import Staff, may_see, possible_username
from api.staff.tables import TALKS, staff, staff_desks
from api.weekly import Span, covers, overlap

SETS: Final = frozenset({"supervisor", "admin"})
"""Roles that see and set the rota."""

FURTHEST: Final = 5 * 366 * 24 * 3600.0
"""Seconds ahead that an end of leave or of a competence may lie: further is a slip of the finger."""

shifts = sa.Table(
    "staff_shifts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), nullable=False),
    sa.Column("desk", sa.String(32), nullable=False),
    sa.Column("day", sa.Integer, nullable=False, comment="0 is Sunday (weekly.DAYS)"),
    sa.Column("start_minute", sa.Integer, nullable=False, comment="minutes since midnight by the desk's clock"),
    sa.Column("end_minute", sa.Integer, nullable=False, comment="not above start: on the next day"),
    sa.CheckConstraint("day between 0 and 6", name="ck_staff_shifts_day"),
    sa.CheckConstraint(
        "start_minute between 0 and 1439 and end_minute between 0 and 1440 and start_minute <> end_minute", name="ck_staff_shifts_minutes"
    ),
)
sa.Index("ix_staff_shifts_staff", shifts.c.staff)

leave = sa.Table(
    "staff_leave",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), nullable=False),
    sa.Column("begins_at", sa.Double, nullable=False),
    sa.Column("ends_at", sa.Double, nullable=False),
    sa.CheckConstraint("begins_at < ends_at", name="ck_staff_leave_length"),
)
sa.Index("ix_staff_leave_staff", leave.c.staff)

competences = sa.Table(
    "staff_competences",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), nullable=False),
    sa.Column("code", sa.String(16), nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.UniqueConstraint("staff", "code", name="uq_staff_competences"),
)


class NotInRota(ValueError):
    """What was asked for cannot stand in a rota; ``field`` names what is wrong, ``args`` say why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class Overlaps(Exception):
    """The person has a shift at that desk at some of these hours already."""


class NotTheirDesk(Exception):
    """The person does not work at that desk: on duty there, they would not see who waits."""


class NoSuchEntry(Exception):
    """There is no such shift, leave or competence (any more)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody at a desk, every week."""

    id: str
    staff: str
    desk: str
    span: Span


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody away, from a moment until another (seconds since 1970)."""

    id: str
    staff: str
    begins_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class Competence:
    """Somebody trained for something, until it lapses."""

    id: str
    staff: str
    code: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Rota:
    """The whole of it, for the active staff who talk to people."""

    staff: Mapping[str, Staff]
    shifts: Sequence[Shift]
    leave: Sequence[Leave]
    competences: Sequence[Competence]

    @property
    def entered(self) -> bool:
        """Whether anybody has a shift at all: a small helpline may do without."""
        return bool(self.shifts)


def on_duty(rota: Rota, desk: Desk, now: float) -> tuple[Staff, ...]:
    """Who is on duty at a desk, by name: the desk is open, it is their shift, they are not on leave, they hold what the
    desk asks for, and they may see who waits there."""
    if not covers(desk.hours, now, desk.zone):
        return ()
    there = {
        shift.staff for shift in rota.shifts if shift.desk == desk.code and covers([shift.span], now, desk.zone)
    }
    away = {one.staff for one in rota.leave if one.begins_at <= now < one.ends_at}
    held = {(one.staff, one.code) for one in rota.competences if now < one.expires_at}
    found = (
        member for member in (rota.staff[staff_id] for staff_id in there - away if staff_id in rota.staff)
        if member.talks and may_see(member, desk.code) and all((member.id, code) in held for code in desk.competences)
    )
    return tuple(sorted(found, key=lambda member: member.username))


def attended(rota: Rota, desks: Desks, now: float) -> frozenset[str]:
    """The desks at which somebody is on duty."""
    return frozenset(code for code, desk in desks.items() if on_duty(rota, desk, now))


def everybody_on_duty(rota: Rota, desks: Desks, now: float) -> frozenset[str]:
    """The ids of all who are on duty somewhere."""
    return frozenset(member.id for desk in desks.values() for member in on_duty(rota, desk, now))


def read_rota(connection: sa.Connection) -> Rota:
    """The rota as it stands. Who is no longer active is not in it."""
    active = sa.and_(staff.c.active, staff.c.role.in_(TALKS), staff.c.password_until.is_(None))  # else they see nobody yet
    desks: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(staff_desks)):
        desks.setdefault(row.staff, set()).add(row.desk)
    people = {
        row.id: Staff(row.id, row.username, row.role, frozenset(desks.get(row.id, ())), row.credentials)
        for row in connection.execute(sa.select(staff).where(active).order_by(staff.c.username))
    }

    def rows(table: sa.Table, *order: sa.Column[Any]) -> Sequence[sa.Row[Any]]:
        return connection.execute(
            sa.select(table).join(staff, staff.c.id == table.c.staff).where(active).order_by(*order, table.c.id)
        ).all()

    return Rota(
        people,
        tuple(
            Shift(row.id, row.staff, row.desk, Span(row.day, row.start_minute, row.end_minute))
            for row in rows(shifts, shifts.c.day, shifts.c.start_minute)
        ),
        tuple(Leave(row.id, row.staff, row.begins_at, row.ends_at) for row in rows(leave, leave.c.begins_at)),
        tuple(
            Competence(row.id, row.staff, row.code, row.expires_at)
            for row in rows(competences, competences.c.expires_at)
        ),
    )


def has_shifts(connection: sa.Connection, desk: str) -> bool:
    """Whether the rota has anybody active at that desk, now or at another hour."""
    query = (
        sa.select(shifts.c.id).join(staff, staff.c.id == shifts.c.staff)
        .where(shifts.c.desk == desk, staff.c.active, staff.c.role.in_(TALKS), staff.c.password_until.is_(None)).limit(1)
    )
    return connection.execute(query).first() is not None


def add_shifts(
    connection: sa.Connection, *, username: str, desk: str, spans: Sequence[Span], desks: Desks, by: str, now: float,
    ids: Sequence[str],
) -> tuple[Shift, ...]:
    """Give somebody shifts at a desk: all of them or, if one cannot be, none.

    One person may be on duty at two desks at once (small helplines are like that), not twice at one.

    Args:
        spans: the hours, by the desk's clock.
        by: the id of the supervisor.
        ids: one for each span.

    Raises:
        NotInRota, NotTheirDesk, Overlaps: nothing was changed.
    """
    member = _worker(connection, username)
    if desk not in desks:
        raise NotInRota("desk", "is no desk of desks.yml")
    if not may_see(member, desk):
        raise NotTheirDesk
    had = [
        Span(row.day, row.start_minute, row.end_minute)
        for row in connection.execute(sa.select(shifts).where(shifts.c.staff == member.id, shifts.c.desk == desk))
    ]
    made = []
    for span, shift_id in zip(spans, ids, strict=True):
        if any(overlap(span, other) for other in had):
            raise Overlaps
        had.append(span)
        connection.execute(
            shifts.insert().values(
                id=shift_id, staff=member.id, desk=desk, day=span.day, start_minute=span.start,
                end_minute=span.end,
            )
        )
        _note(connection, "add_shift", member.id, shift_id, by, now)
        made.append(Shift(shift_id, member.id, desk, span))
    return tuple(made)


def add_leave(
    connection: sa.Connection, *, username: str, begins_at: float, ends_at: float, by: str, now: float, new_id: str
) -> Leave:
    """Somebody is away from a moment until another. It may have begun already; it may not be over.

    Raises:
        NotInRota: nothing was changed.
    """
    member = _worker(connection, username)
    if ends_at <= begins_at:
        raise NotInRota("until", "is not after from")
    if ends_at <= now:
        raise NotInRota("until", "is in the past")
    if ends_at > now + FURTHEST or begins_at < now - FURTHEST:
        raise NotInRota("until", "is too far away")
    connection.execute(leave.insert().values(id=new_id, staff=member.id, begins_at=begins_at, ends_at=ends_at))
    _note(connection, "add_leave", member.id, new_id, by, now)
    return Leave(new_id, member.id, begins_at, ends_at)


def set_competence(
    connection: sa.Connection, *, username: str, code: str, expires_at: float, by: str, now: float, new_id: str
) -> Competence:
    """Somebody is trained for something until it lapses; said again, the new end counts.

    Raises:
        NotInRota: nothing was changed.
    """
    member = _worker(connection, username)
    if code not in COMPETENCES:
        raise NotInRota("code", "is no competence")
    if expires_at <= now:
        raise NotInRota("expires_on", "is in the past")
    if expires_at > now + FURTHEST:
        raise NotInRota("expires_on", "is too far away")
    connection.execute(
        competences.delete().where(competences.c.staff == member.id, competences.c.code == code)
    )
    connection.execute(competences.insert().values(id=new_id, staff=member.id, code=code, expires_at=expires_at))
    _note(connection, "set_competence", member.id, new_id, by, now)
    return Competence(new_id, member.id, code, expires_at)


_KINDS: Final[Mapping[str, sa.Table]] = {"shift": shifts, "leave": leave, "competence": competences}


def remove(connection: sa.Connection, kind: str, entry_id: str, *, by: str, now: float) -> None:
    """Take a ``shift``, ``leave`` or ``competence`` out of the rota.

    Raises:
        NoSuchEntry: it is not there.
    """
    if not entry_id.isalnum():
        raise NoSuchEntry
    table = _KINDS[kind]
    whose = connection.execute(sa.select(table.c.staff).where(table.c.id == entry_id)).scalar()
    if whose is None or connection.execute(table.delete().where(table.c.id == entry_id)).rowcount != 1:
        raise NoSuchEntry
    _note(connection, f"remove_{kind}", whose, entry_id, by, now)


def _worker(connection: sa.Connection, username: str) -> Staff:
    # Locked, so that two supervisors never give the same person overlapping shifts at the same moment.
    row = connection.execute(
        sa.select(staff)
        .where(staff.c.username == possible_username(username), staff.c.active, staff.c.role.in_(TALKS)).with_for_update()
    ).first()
    if row is None:
        raise NotInRota("staff", "is nobody who talks to people")
    desks = connection.execute(sa.select(staff_desks.c.desk).where(staff_desks.c.staff == row.id)).scalars()
    return Staff(row.id, row.username, row.role, frozenset(desks), row.credentials)


def _note(connection: sa.Connection, act: str, whose: str, entry_id: str, by: str, now: float) -> None:
    trail.append(connection, at=now, actor=by, act=f"rota.{act}", object_id=f"{whose}:{entry_id}"[:64])
