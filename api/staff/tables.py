"""Who works here: accounts with their role and desks. Secrets are hashed (passwords) or sealed (TOTP)."""

from __future__ import annotations

import sqlalchemy as sa

from api.database import metadata

ROLES = ("counsellor", "supervisor", "office", "editor", "clinical", "security", "publisher", "admin")
"""contract.md, ``./hams staff add``."""

TALKS = frozenset({"counsellor", "supervisor"})
"""Roles that see the queue and talk to people."""

LOOKS_AFTER = frozenset({"supervisor", "admin"})
"""Roles that see the accounts of their desks and may be the second person of a recovery; only an admin opens one."""

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
    sa.Column("password_until", sa.Double, nullable=True, comment="the password was shown to somebody else: good for one change"),
    sa.Column("enrols", sa.Boolean, nullable=False, server_default=sa.false(), comment="recovered: nobody has seen the TOTP secret yet"),
    sa.Column("created_at", sa.Double, nullable=False),
)

staff_desks = sa.Table(
    "staff_desks",
    metadata,
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), primary_key=True),
    sa.Column("desk", sa.String(32), primary_key=True),
)

PASSKEY_LABELS = ("this_computer", "phone", "security_key")
"""What a passkey is called: chosen from a list, so that nobody writes a name into it."""

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), nullable=False, index=True),
    sa.Column("credential", sa.LargeBinary, nullable=False, unique=True, comment="the authenticator's name for it"),
    sa.Column("public_key", sa.LargeBinary, nullable=False, comment="COSE; nothing secret"),
    sa.Column("sign_count", sa.BigInteger, nullable=False, comment="going back means a copy"),
    sa.Column("label", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("used_at", sa.Double, nullable=True),
    sa.CheckConstraint("label in ('this_computer','phone','security_key')", name="ck_passkeys_label"),
)

recoveries = sa.Table(
    "recoveries",
    metadata,
    sa.Column("staff", sa.String(32), sa.ForeignKey("staff.id"), primary_key=True, comment="whose account"),
    sa.Column("opened_by", sa.String(32), nullable=False, comment="staff id, or 'system': at the machine itself"),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)
"""A recovery that waits for its second person; the row goes with the confirmation, the audit trail stays."""
