"""A hash chain of acts: each row carries the hash of the one before it.

threats.md: "audit trail that cannot be edited unnoticed"; "no content, no identity of the person". A row names
the staff member, the act by its code and the object by its id, never a person, a number or a word.
What the chain cannot show by itself is rows cut off its end: :func:`head` is to be written down elsewhere
(the operator's report) and given back to :func:`verify`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from api.database import metadata

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("act", sa.String(48), nullable=False),
    sa.Column("object", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

GENESIS = "0" * 64
SYSTEM = "system"
PERSON = "person"
"""The actor of what a help-seeker orders ("delete my data"): a word, never who."""

_ACT = re.compile(r"[a-z]{2,20}\.[a-z_]{2,24}")
_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")
_CHAIN_LOCK = 0x48616D73  # any number nobody else takes


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail as it was committed."""

    seq: int
    at_ms: int
    actor: str
    act: str
    object: str
    previous: str
    hash: str


class NotAnAct(ValueError):
    """An audit entry may hold codes and ids only; something else was passed."""

    def __init__(self) -> None:
        super().__init__("an audit entry takes an act code, an actor id and an object id")


def link(previous: str, seq: int, at_ms: int, actor: str, act: str, object_id: str) -> str:
    """The hash of a row: every field with its length in front, so that no two rows spell the same bytes."""
    digest = hashlib.sha256()
    for part in (previous, str(seq), str(at_ms), actor, act, object_id):
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def append(connection: sa.Connection, *, at: float, actor: str, act: str, object_id: str) -> Entry:
    """Add an act to the chain inside the caller's transaction: no act without its entry, no entry without its act.

    Raises:
        NotAnAct: a field is not a code or an id.
    """
    if not (_ACT.fullmatch(act) and _NAME.fullmatch(actor) and _NAME.fullmatch(object_id)):
        raise NotAnAct
    if connection.dialect.name == "postgresql":
        # One writer at a time until this transaction ends; SQLite has one writer anyway (BEGIN IMMEDIATE).
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    last = connection.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    at_ms = int(at * 1000)
    entry = Entry(seq, at_ms, actor, act, object_id, previous, link(previous, seq, at_ms, actor, act, object_id))
    connection.execute(
        audit.insert().values(
            seq=entry.seq, at_ms=at_ms, actor=actor, act=act, object=object_id, previous=previous, hash=entry.hash
        )
    )
    return entry


def head(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last row: what an operator writes down outside the database."""
    last = connection.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk along the chain found.

    Args:
        rows: how many rows are right.
        head: number and hash of the last of them.
        wrong: the number of the first row that is wrong or missing, ``None`` if all is well.
    """

    rows: int
    head: tuple[int, str]
    wrong: int | None


def walk(connection: sa.Connection, written_down: tuple[int, str] | None = None) -> Walk:
    """Walk the chain from its beginning, a few rows in memory at a time, and stop at the first that is wrong.

    Args:
        connection: any connection that may read.
        written_down: a :func:`head` noted earlier; shows rows cut off the end or a chain computed anew.
    """
    previous, right = GENESIS, 0
    query = sa.select(audit).order_by(audit.c.seq).execution_options(yield_per=1_000)
    with connection.execute(query) as rows:
        for row in rows:
            if row.seq != right + 1:
                return Walk(right, (right, previous), right + 1)
            if not _linked(row, previous):
                return Walk(right, (right, previous), right + 1)
            if written_down is not None and row.seq == written_down[0] and row.hash != written_down[1]:
                return Walk(right, (right, previous), right + 1)
            previous, right = row.hash, right + 1
    cut_off = written_down is not None and written_down[0] > right
    return Walk(right, (right, previous), right + 1 if cut_off else None)


def verify(connection: sa.Connection, written_down: tuple[int, str] | None = None) -> int | None:
    """The number of the first row that is wrong or missing (:func:`walk`), ``None`` if all is well."""
    return walk(connection, written_down).wrong


def _linked(row: sa.Row[Any], previous: str) -> bool:
    texts = (row.previous, row.hash, row.actor, row.act, row.object)
    if not all(isinstance(text, str) for text in texts):  # SQLite keeps bytes in a text column if told to
        return False
    expected = link(previous, row.seq, row.at_ms, row.actor, row.act, row.object)
    return bool(row.previous == previous and row.hash == expected)
