"""The durable store's schema, by Alembic: each gateway brings the database up to date before it serves.

The versions beside this file are the only way a table changes. SQLite and PostgreSQL run the same ones.
"""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa

from api.database import Database

_LOCK = 0x48414D53  # "HAMS": one gateway migrates, the others wait


def configuration(connection: sa.Connection | None = None) -> alembic.config.Config:
    """Alembic's configuration for this folder, bound to a connection."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database) -> None:
    """Bring the schema up to date; several gateways may start at once."""
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        alembic.command.upgrade(configuration(connection), "head")
