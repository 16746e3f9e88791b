"""``python -m api.migrations "what changed"``: write the next version from the difference to the tables in the code."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import alembic.command

from api.database import Database, sqlite_url
from api.migrations import configuration, upgrade


def main(message: str) -> None:
    """Bring a scratch database up to the last version, then let Alembic compare it with the code."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "scratch.db"))
        upgrade(database)
        with database.engine.begin() as connection:
            alembic.command.revision(configuration(connection), message=message, autogenerate=True)
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
