"""Who works here: accounts with their role and desks. Secrets are hashed (passwords) or sealed (TOTP)."""

from __future__ import annotations

import sqlalchemy as sa

from api.database import metadata

ROLES = ("counsellor", "supervisor", "office", "editor", "clinical", "security", "publisher", "admin")
"""contract.md, ``./hams staff add``."""

TALKS = frozenset({"counsellor", "supervisor"})
"""Roles that see the queue and talk to people."""

COUNTS = frozenset({"supervisor", "admin"})
"""Roles that see figures."""

staff = sa.Table(
    "staff",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("username", sa.String(32), nullable=False, unique=True, comment="folded: NFKC, lower case"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password_hash", sa.String(255), nullable=False, comment="Argon2id"),
    sa.Column("totp_secret", sa.LargeBinary, nullable=False, comment="sealed, purpose 'totp'"),
    sa.Column("totp_last", sa.BigInteger, nullable=False, comment="counter of the last code used: none is used twice"),
    sa.Column("credentials", sa.Integer, nullable=False, comment="raised by a new password: older sessions end"),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)

staff_desks = sa.Table(
    "staff_desks",
    metadata,
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), primary_key=True),
    sa.Column("desk", sa.String(32), primary_key=True),
)
