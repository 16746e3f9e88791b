"""The durable store, for a command that runs beside the gateway or without it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import alembic.util.exc
import sqlalchemy as sa

from api.cli.say import Failure
from api.cli.stores import NotYet, patiently
from api.database import Database, DatabaseUnavailable, why
from api.migrations import upgrade
from api.settings import Settings
from api.supervisor import harden_this_process

_CONNECT_S = 3


@contextlib.contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The store with its tables made or brought up to date.

    Raises:
        Failure: it cannot be reached.
    """
    harden_this_process()
    settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = patiently("HAMS_DATABASE_URL", lambda: _opened(settings.database_url))
    try:
        yield database
    except (DatabaseUnavailable, sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise Failure(f"HAMS_DATABASE_URL: {why(error)}") from None
    finally:
        database.close()


def _opened(url: str) -> Database:
    """
    Raises:
        NotYet: it does not answer.
        Failure: it answers, and cannot be used.
    """
    database = None
    try:
        database = Database(_impatient(url))
        upgrade(database)
    except Exception as error:  # whatever a driver makes of a wrong address: its words may hold the password
        if database is not None:
            database.close()
        if isinstance(error, alembic.util.exc.CommandError):
            raise Failure("HAMS_DATABASE_URL: the tables are of a version this program does not know") from None
        if isinstance(error, sa.exc.OperationalError) and not url.startswith("sqlite"):
            raise NotYet(why(error)) from None
        if isinstance(error, sa.exc.SQLAlchemyError | OSError | TypeError | ValueError):
            raise Failure(f"HAMS_DATABASE_URL: {why(error)}") from None
        raise
    return database


def _impatient(url: str) -> str:
    """``url`` with a limit on connecting: PostgreSQL's own is the network's, minutes where nothing is there."""
    if url.startswith("sqlite"):
        return url
    parts = sa.engine.make_url(url)
    if "connect_timeout" not in parts.query:
        parts = parts.update_query_dict({"connect_timeout": str(_CONNECT_S)})
    return parts.render_as_string(hide_password=False)
