"""Answers we owe: a message was taken, its reply is not out yet. A crash in between must not leave a person unheard.

twilio.md: "a content-free row 'an answer is owed' (sealed address, ten minutes, tombstone checked) lets the next start
send the neutral 'please write again'". After ten minutes nothing is sent any more: a phone that lights up late may be
in other hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from api.conversations.keys import PeriodKeys, hour_of
from api.conversations.sealing import CannotOpen, open_under, seal_under
from api.database import metadata

TEN_MINUTES_S = 600
GRACE_S = 30
"""As long as the message's mark says "in progress": before that, somebody may still be at it."""

_USE = "owed"

owed_answers = sa.Table(
    "owed_answers",
    metadata,
    sa.Column("sid_mark", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False, index=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("address", sa.LargeBinary, nullable=False),
    sa.Column("key_hour", sa.String(16), nullable=False),
    sa.Column("owed_since", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False, index=True),
)


# Written by hand, for they run once a message; both databases take them.
_OWE = sa.text(
    "INSERT INTO owed_answers (sid_mark, person, channel, sender, generation, address, key_hour, owed_since, due_at)"
    " VALUES (:sid_mark, :person, :channel, :sender, :generation, :address, :key_hour, :owed_since, :due_at)"
    " ON CONFLICT DO NOTHING"
)
_OVERTAKE = sa.text(
    "DELETE FROM owed_answers WHERE sid_mark IN ("
    " SELECT earlier.sid_mark FROM owed_answers AS earlier JOIN owed_answers AS mine"
    " ON earlier.person = mine.person AND earlier.channel = mine.channel AND earlier.owed_since < mine.owed_since"
    " WHERE mine.sid_mark = :sid_mark)"
)
_SETTLE = sa.text("DELETE FROM owed_answers WHERE sid_mark = :sid_mark")


@dataclass(frozen=True, slots=True)
class OwedAnswer:
    """Somebody wrote and was not answered.

    Attributes:
        sender: our own number, from which the answer goes out.
        generation: to be checked with ``may_send`` before anything is said.
        since: when they wrote; the ten minutes count from there.
    """

    sid_mark: str
    person: str
    channel: str
    sender: str
    generation: int
    address: str = field(repr=False)
    since: int = field(default=0, compare=False)


def owe(connection: sa.Connection, keys: PeriodKeys, answer: OwedAnswer, now: float) -> None:
    """Note it, before the message is worked on. Noting the same message twice changes nothing."""
    hour = hour_of(now)
    sealed = seal_under(keys.key(_USE, hour), answer.address.encode(), answer.sid_mark.encode(), keys.random_bytes)
    row = {
        "sid_mark": answer.sid_mark, "person": answer.person, "channel": answer.channel, "sender": answer.sender,
        "generation": answer.generation, "address": sealed, "key_hour": hour, "owed_since": int(now),
        "due_at": int(now) + TEN_MINUTES_S,
    }
    connection.execute(_OWE, row)


def settle(connection: sa.Connection, sid_marks: Sequence[str]) -> None:
    """These were answered, or deliberately met with silence."""
    if sid_marks:
        connection.execute(_SETTLE, [{"sid_mark": mark} for mark in sid_marks])


def overtake(connection: sa.Connection, sid_mark: str) -> None:
    """This one was answered: what was owed for earlier messages of the same talk need not be said any more.

    Turns go by order of arrival, so an earlier message of another second that is still owed was not answered.
    """
    connection.execute(_OVERTAKE, {"sid_mark": sid_mark})


def take(connection: sa.Connection, mark: str) -> bool:
    """Strike one answer before saying it; False when another node was first."""
    return connection.execute(sa.delete(owed_answers).where(owed_answers.c.sid_mark == mark)).rowcount == 1


def release(connection: sa.Connection, person: str, before: int | None = None) -> None:
    """The person left: nothing is owed any more.

    Args:
        before: the generation of the exit, where it is written down late: what is owed since stays.
    """
    query = sa.delete(owed_answers).where(owed_answers.c.person == person)
    connection.execute(query if before is None else query.where(owed_answers.c.generation < before))


def overdue(connection: sa.Connection, keys: PeriodKeys, now: float, at_most: int = 200) -> list[OwedAnswer]:
    """Whom to tell "please write again": nobody is at it any more, and the ten minutes are not over. Oldest first."""
    rows = connection.execute(
        sa.select(owed_answers)
        .where(owed_answers.c.owed_since <= int(now) - GRACE_S, owed_answers.c.due_at > int(now))
        .order_by(owed_answers.c.owed_since).limit(at_most)
    )
    found = []
    for row in rows:
        try:
            key = keys.find(_USE, row.key_hour)
            if key is None:
                continue
            address = open_under(key, row.address, row.sid_mark.encode()).decode()
        except CannotOpen:
            continue  # cannot be answered any more; purge takes it away
        found.append(OwedAnswer(row.sid_mark, row.person, row.channel, row.sender, row.generation, address, row.owed_since))
    return found


def purge(connection: sa.Connection, keys: PeriodKeys, now: float) -> int:
    """Take away what is past its ten minutes, and destroy the keys nothing needs any more; how many rows went."""
    gone = connection.execute(sa.delete(owed_answers).where(owed_answers.c.due_at <= int(now)))
    keys.destroy_before(_USE, hour_of(now - TEN_MINUTES_S))
    return int(gone.rowcount)
