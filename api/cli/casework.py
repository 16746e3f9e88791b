"""The durable store, for a command that runs beside the gateway or without it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from api.cli.say import Failure
from api.database import Database, metadata
from api.hardening import borrow
from api.settings import Settings


@contextlib.contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The store with its tables made or brought up to date.

    Raises:
        Failure: it cannot be reached.
    """
    import sqlalchemy as sa

    from api.supervisor import harden_this_process

    harden_this_process()
    settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        migrate = borrow("api.migrations", "upgrade")
        try:
            if migrate is not None:
                migrate(settings.database_url)
            else:
                metadata.create_all(database.engine)
            yield database
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise Failure(f"HAMS_DATABASE_URL: the database cannot be used ({type(error).__name__})") from None
    finally:
        database.close()
