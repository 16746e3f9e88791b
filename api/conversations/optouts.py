"""Who asked a channel not to write first (twilio.md, "Opt-out": WhatsApp's is ours to keep).

An opt-out forbids what we start, never an answer to a new message. Kept as a fingerprint under the quarter's key, so
that it lapses with the quarter unless renewed (threats.md, "How long anything is kept").
"""

from __future__ import annotations

import hmac

import sqlalchemy as sa

from api.conversations.keys import PeriodKeys, quarter_of
from api.database import metadata

OVERLAP_S = 14 * 24 * 60 * 60
"""For so long into a quarter the last one still counts, or what was asked on its last day would be void the next."""

_USE = "optouts"

opt_outs = sa.Table(
    "opt_outs",
    metadata,
    sa.Column("mark", sa.LargeBinary(32), primary_key=True),
    sa.Column("quarter", sa.String(8), nullable=False, index=True),
)


def quarters_in_force(now: float) -> tuple[str, ...]:
    """This quarter, and in its first two weeks the one before."""
    this, before = quarter_of(now), quarter_of(now - OVERLAP_S)
    return (this,) if this == before else (this, before)


def opt_out(connection: sa.Connection, keys: PeriodKeys, person: str, channel: str, now: float) -> None:
    """The person does not want to be written to first on this channel."""
    opt_in(connection, keys, person, channel, now)
    quarter = quarter_of(now)
    connection.execute(sa.insert(opt_outs).values(mark=_mark(keys.key(_USE, quarter), person, channel), quarter=quarter))


def opt_in(connection: sa.Connection, keys: PeriodKeys, person: str, channel: str, now: float) -> None:
    """The person takes it back."""
    connection.execute(sa.delete(opt_outs).where(opt_outs.c.mark.in_(_marks(keys, person, channel, now))))


def has_opted_out(connection: sa.Connection, keys: PeriodKeys, person: str, channel: str, now: float) -> bool:
    """Whether we may not start anything on this channel."""
    found = connection.execute(
        sa.select(opt_outs.c.mark).where(opt_outs.c.mark.in_(_marks(keys, person, channel, now))).limit(1)
    )
    return found.first() is not None


def purge(connection: sa.Connection, keys: PeriodKeys, now: float) -> int:
    """What lapsed with its quarter goes, and the quarter's key with it; how many rows went."""
    in_force = quarters_in_force(now)
    gone = connection.execute(sa.delete(opt_outs).where(opt_outs.c.quarter.not_in(in_force)))
    keys.destroy_before(_USE, min(in_force))
    return int(gone.rowcount)


def _marks(keys: PeriodKeys, person: str, channel: str, now: float) -> list[bytes]:
    found = (keys.find(_USE, quarter) for quarter in quarters_in_force(now))
    return [_mark(key, person, channel) for key in found if key is not None]


def _mark(key: bytes, person: str, channel: str) -> bytes:
    return hmac.digest(key, f"{person} {channel}".encode(), "sha256")
