"""How a talk ends: what was done, as codes, and one question to the person whose answer is counted and nothing else.

No note, no word. What was done stays with the closed ticket; the answer to the question does not: it is a figure of a
country and a month, and the row that says who may still answer goes with the answer, an exit or ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.database import metadata

DONE = (
    "listened", "numbers_given", "plan_made", "code_word_set", "call_agreed", "visit_agreed", "duty_explained",
    "referred_protection", "referred_police", "referred_health", "referred_shelter", "referred_legal", "referred_child",
    "referred_self_harm",
)
"""What may have been done in a talk. Codes, never a note."""

ASKED_SECONDS = 600.0
"""How long after the end the one answer is taken for what it is."""

SUPPRESSED_BELOW = 5
"""threats.md: small cells are not shown."""

Answer = Literal["helped", "not_helped"]

_ANSWERS: dict[str, Answer] = {"1": "helped", "2": "not_helped"}

ticket_done = sa.Table(
    "ticket_done",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("code", sa.String(24), primary_key=True),
)

asked = sa.Table(
    "asked",
    metadata,
    sa.Column("person", sa.String(64), primary_key=True, comment="HMAC of the address; no ticket"),
    sa.Column("channel", sa.String(16), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False, comment="an exit raises it: nobody is asked any more"),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("country", sa.String(2), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True, comment="2026-11"),
    sa.Column("answer", sa.String(16), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
)


class UnknownDone(ValueError):
    """What was done is said with the known codes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom the question went to. Made from a ticket, without it."""

    person: str
    channel: str
    generation: int
    country: str


def note_done(connection: sa.Connection, ticket_id: str, codes: Iterable[str]) -> None:
    """Keep what was done in a talk that ends in this transaction.

    Raises:
        UnknownDone: a code is not one of ours; nothing was kept.
    """
    wanted = sorted(set(codes))
    if not set(wanted) <= set(DONE):
        raise UnknownDone
    for code in wanted:
        connection.execute(
            _insert(connection, ticket_done).values(ticket=ticket_id, code=code).on_conflict_do_nothing()
        )


def done_of(connection: sa.Connection, ticket_id: str) -> frozenset[str]:
    """What was done in a talk."""
    rows = connection.execute(sa.select(ticket_done.c.code).where(ticket_done.c.ticket == ticket_id))
    return frozenset(row.code for row in rows)


def ask(connection: sa.Connection, who: Asked, now: float) -> None:
    """The question goes out: for ten minutes a bare 1 or 2 of this person is its answer."""
    connection.execute(asked.delete().where(asked.c.until <= now))
    forget(connection, who.person)
    values = {"generation": who.generation, "country": who.country, "until": now + ASKED_SECONDS}
    connection.execute(  # two talks of one person may end at the same moment
        _insert(connection, asked).values(person=who.person, channel=who.channel, **values)
        .on_conflict_do_update(index_elements=["person", "channel"], set_=values)
    )


def forget(connection: sa.Connection, person: str) -> None:
    """This person is asked nothing any more: they left, answered, or the question did not go out."""
    connection.execute(asked.delete().where(asked.c.person == person))


def answer_of(text: str) -> Answer | None:
    """What a whole message answers to the question. A bare 0 never comes here: it left before (safety.md)."""
    return _ANSWERS.get("".join(str(int(sign)) if sign.isdecimal() else sign for sign in text.strip()))


def count(
    connection: sa.Connection, person: str, channel: str, generation: int, answer: Answer, now: float
) -> bool:
    """Count an answer if the question was asked of this person in this life of theirs; whether it was.

    Once: the row that says so goes in the same transaction.
    """
    row = connection.execute(
        asked.delete().where(asked.c.person == person, asked.c.channel == channel).returning(
            asked.c.country, asked.c.generation, asked.c.until
        )
    ).first()
    if row is None or row.generation != generation or row.until <= now:
        return False
    values = {"country": row.country, "month": datetime.fromtimestamp(now, UTC).strftime("%Y-%m"), "answer": answer}
    connection.execute(
        _insert(connection, answers).values(**values, times=1).on_conflict_do_update(
            index_elements=["country", "month", "answer"], set_={"times": answers.c.times + 1}
        )
    )
    return True


def figures(connection: sa.Connection) -> list[dict[str, Any]]:
    """Answers by country and month. Where one of the two cells is small neither is shown: the other would tell it."""
    rows = connection.execute(sa.select(answers).order_by(answers.c.month, answers.c.country)).all()
    cells: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        cells.setdefault((row.month, row.country), {"helped": 0, "not_helped": 0})[row.answer] = row.times
    return [
        {"month": month, "country": country, **(
            cell if all(n == 0 or n >= SUPPRESSED_BELOW for n in cell.values()) and sum(cell.values()) >= SUPPRESSED_BELOW
            else dict.fromkeys(cell)
        )}
        for (month, country), cell in cells.items()
    ]


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
