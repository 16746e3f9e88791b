"""What casework is kept: a ticket in codes, and the ids of commands already obeyed. No column takes free text.

threats.md: "Casework tables have no free-text column. Structured codes only." Codes are checked on the way in
(:func:`known_reasons`), because a column cannot tell a code from a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlalchemy as sa

from api.database import metadata

BANDS = ("RED", "HIGH", "ELEVATED", "UNKNOWN", "NONE_DISCLOSED")
"""Highest first (screening.md)."""

OPEN_STATES = ("queued", "claimed")
"""Somebody waits or is talking. At most one such ticket a person and channel."""

VISIBLE_STATES = ("queued", "claimed", "left")
"""What the staff's queue shows: a person of band RED or HIGH who left is still looked at (safety.md)."""

SETS = ("now", "lethality", "child", "self_harm", "exploitation", "honour")

OUTCOMES = (
    "helped", "information", "referred", "emergency_services", "call_arranged", "declined", "no_answer",
    "wrong_number", "prank", "left_chat", "other",
)
"""How a talk ended, chosen by the counsellor: codes, never a note."""

_FLAGS = (
    "danger_now", "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
)
_DISCLOSURES = (
    "disclose_physical", "disclose_sexual", "disclose_psychological", "disclose_economic", "disclose_digital",
    "disclose_threat", "disclose_confinement", "disclose_forced_marriage", "disclose_stalking", "disclose_child_harm",
    "disclose_exploitation", "disclose_self_harm", "disclose_own_violence", "report_for_other", "request_human",
    "request_office",
)
_ITEMS = tuple(
    f"{letter}{number}"
    for letter, count in (("N", 4), ("P", 11), ("K", 5), ("S", 3), ("T", 6), ("H", 5))
    for number in range(1, count + 1)
)
_GATE = ("danger_rule", "danger_model", "wish", "minor", "duress", "refused", "abrupt_end", "engine_down")

UNNAMED_REASON = "other_indicator"
"""Stands for a code this release does not know: a person is never lost over a word of ours."""

KNOWN_REASONS = frozenset((*_FLAGS, *_DISCLOSURES, *_ITEMS, *_GATE, UNNAMED_REASON))

_PLACE = re.compile(r"[A-Za-z]{2}([_-][A-Za-z0-9]{1,24}){0,2}|[a-z]{2,24}(_[a-z]{1,24}){0,2}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


def known_reasons(codes: Iterable[str], known: frozenset[str] = KNOWN_REASONS) -> tuple[str, ...]:
    """The codes in a fixed order; what is not known becomes :data:`UNNAMED_REASON`, never the string itself."""
    return tuple(sorted({code if code in known and _CODE.fullmatch(code) else UNNAMED_REASON for code in codes}))


def place_code(place: str) -> str:
    """A place as a code of the directory, or nothing."""
    return place if _PLACE.fullmatch(place) else ""


tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False, comment="HMAC of the address, never the address"),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False, comment="of the conversation: an exit raises it"),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("place", sa.String(32), nullable=False, comment="a code of the directory"),
    sa.Column("band", sa.String(16), nullable=False),
    sa.Column("lane", sa.String(16), nullable=False, comment="'' or 'children'"),
    sa.Column("sets", sa.JSON, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("wish", sa.Boolean, nullable=False, comment="asked for a person"),
    sa.Column("call", sa.Boolean, nullable=False, comment="asked to be called"),
    sa.Column("variant", sa.String(8), nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(32), nullable=True, comment="staff id"),
    sa.Column("epoch", sa.BigInteger, nullable=False, comment="raised by every change of hands"),
    sa.Column("lease_until", sa.Double, nullable=True, comment="the owner's console answered; by the database's clock (leases.py)"),
    sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false(), comment="was somebody's before: waits on top of the band"),
    sa.Column("desk", sa.String(32), nullable=False, comment="'' is everybody's"),
    sa.Column("called_desk", sa.String(32), nullable=False, server_default="", comment="a desk that sees it besides; '' is none"),
    sa.Column("outcome", sa.String(24), nullable=True),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("flagged_at", sa.Double, nullable=False, comment="when the present band was reached"),
    sa.Column("acknowledged_at", sa.Double, nullable=True, comment="claiming is the acknowledgement"),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("last_inbound_at", sa.Double, nullable=False, comment="opens the channel's reply window"),
    sa.Column("left_at", sa.Double, nullable=True),
    sa.Column("reply_address", sa.LargeBinary, nullable=True, comment="sealed; overwritten at close or exit"),
    sa.Column("sender", sa.String(64), nullable=False, comment="which of our numbers answers"),
    sa.Column("repeat_key", sa.String(64), nullable=False, comment="HMAC under the quarter's key"),
    sa.Column("introduced", sa.Boolean, nullable=False, server_default=sa.false(), comment="told that a human reads along"),
    sa.Column("answered_at", sa.Double, nullable=True, comment="the owner's first message: the bot is silent from then on"),
    sa.Column("not_now", sa.Boolean, nullable=False, server_default=sa.false(), comment="said that they cannot talk now"),
    sa.Column("ladder_step", sa.Integer, nullable=False),
    sa.Column("ladder_due", sa.Double, nullable=True),
    sa.CheckConstraint("band in ('RED','HIGH','ELEVATED','UNKNOWN','NONE_DISCLOSED')", name="ck_tickets_band"),
    sa.CheckConstraint("state in ('queued','claimed','closed','left','withdrawn')", name="ck_tickets_state"),
    sa.CheckConstraint(
        "(state = 'claimed' and owner is not null) or (state = 'queued' and owner is null) "
        "or state in ('closed','left','withdrawn')",
        name="ck_tickets_owned_or_queued",
    ),
)

sa.Index(
    "uq_tickets_open", tickets.c.person, tickets.c.channel, unique=True,
    sqlite_where=tickets.c.state.in_(OPEN_STATES), postgresql_where=tickets.c.state.in_(OPEN_STATES),
)
sa.Index("ix_tickets_state_created_at", tickets.c.state, tickets.c.created_at)
sa.Index(
    "ix_tickets_waiting", tickets.c.state, tickets.c.band, tickets.c.wish, tickets.c.call, tickets.c.again,
    tickets.c.created_at, tickets.c.owner, tickets.c.desk, tickets.c.called_desk, tickets.c.repeat_key, tickets.c.id,
)  # all that the queue's order needs: of ten thousand who wait, whole rows are read for two hundred
sa.Index("ix_tickets_person", tickets.c.person)
sa.Index("ix_tickets_repeat_key", tickets.c.repeat_key)

def gravest_first() -> sa.ColumnElement[int]:
    """For ordering tickets: danger now, then HIGH, then all others alike."""
    return sa.case((tickets.c.band == "RED", 0), (tickets.c.band == "HIGH", 1), else_=2)


commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("ticket", sa.String(32), nullable=True),
    sa.Column("at", sa.Double, nullable=False),
)
"""Every command carries an id; one found here has been obeyed (architecture.md: "never runs a command twice")."""
