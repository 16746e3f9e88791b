"""The durable store, for a command that runs beside the gateway or without it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from api.cli.say import Failure
from api.database import Database, DatabaseUnavailable
from api.migrations import upgrade
from api.settings import Settings
from api.supervisor import harden_this_process


@contextlib.contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The store with its tables made or brought up to date.

    Raises:
        Failure: it cannot be reached.
    """
    harden_this_process()
    settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        upgrade(database)
        yield database
    except (DatabaseUnavailable, sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise Failure(f"HAMS_DATABASE_URL: the database cannot be used ({type(error).__name__})") from None
    finally:
        database.close()
