"""The durable store's schema, by Alembic: each gateway brings the database up to date before it serves.

The versions beside this file are the only way a table changes. SQLite and PostgreSQL run the same ones.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from api.database import Database

if TYPE_CHECKING:
    import alembic.config

_LOCK = 0x48414D53  # "HAMS": one gateway migrates, the others wait


def configuration(connection: sa.Connection | None = None) -> alembic.config.Config:
    """Alembic's configuration for this folder, bound to a connection."""
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database) -> None:
    """Bring the schema up to date; several gateways may start at once."""
    import alembic.command

    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        alembic.command.upgrade(configuration(connection), "head")


def upgrade_apart(database: Database, url: str) -> None:
    """Bring the schema up to date without keeping the tool for it, seven megabytes, in a process that runs for months.

    A schema that is the code's is seen by its version alone. Else a process of its own does it; what it cannot do is tried
    here once more, for the error's sake.

    Args:
        url: the database's, handed on by environment: a command line is for every user of the machine to read.
    """
    if is_newest(database):
        return
    subprocess.run(
        [sys.executable, "-c", "import os; from api.database import Database; from api.migrations import upgrade; "
         "upgrade(Database(os.environ['HAMS_DATABASE_URL']))"],
        env={**os.environ, "HAMS_DATABASE_URL": url}, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if not is_newest(database):
        upgrade(database)


def is_newest(database: Database) -> bool:
    """Whether the store is at the last version beside this file. False where nobody can tell."""
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return [newest()] == list(connection.execute(sa.text("select version_num from alembic_version")).scalars())


def newest() -> str:
    """The version no other follows."""
    found: dict[str, str] = {}
    for file in (Path(__file__).parent / "versions").glob("*.py"):
        names = dict(re.findall(r"^(revision|down_revision)(?::[^=]*)? = '?([0-9a-zA-Z_]+)'?", file.read_text(encoding="utf-8"), re.MULTILINE))
        found[names["revision"]] = names["down_revision"]
    (last,) = set(found) - set(found.values())
    return last
