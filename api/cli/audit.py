"""``./hams audit``."""

from __future__ import annotations

import os
import re
from typing import Annotated

import sqlalchemy as sa
import typer

from api.cli.say import ROOT, Failure, not_yet

app = typer.Typer(
    help="Look on the running deployment for message content where none may be; verify the audit trail.",
    rich_markup_mode=None,
)

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@app.callback(invoke_without_command=True)
def audit(context: typer.Context) -> None:
    """Look on the running deployment for message content where none may be; verify the audit trail."""
    if context.invoked_subcommand is not None:
        return
    from api.hardening import borrow

    run = borrow("api.audit.canary", "run")
    if run is None:
        not_yet("the audit (but see: ./hams audit verify)")
    raise typer.Exit(int(run(list(context.args)) or 0))


@app.command("verify")
def verify(
    head: Annotated[str | None, typer.Option("--head", metavar="SEQ:HASH", help="A head written down earlier: shows rows cut off the end.")] = None,
) -> None:
    """Check that no row of the audit trail was changed, taken out or put in. Changes nothing, makes nothing."""
    from api.audit import trail
    from api.database import Database, DatabaseUnavailable, why
    from api.settings import SettingsError, load_settings

    written_down = _written_down(head)
    try:
        url = load_settings(os.environ, ROOT).database_url
    except SettingsError as wrong:  # status 1 says that the chain is broken, and nothing else
        raise Failure(f"the audit trail could not be read: {wrong}", 2) from None
    _refuse_a_file_that_is_not_there(url)
    database = None
    try:
        database = Database(url)
        with database.engine.connect() as connection:
            if not sa.inspect(connection).has_table(trail.audit.name):
                raise Failure("the audit trail could not be read: this database has none", 2)
            found = trail.walk(connection, written_down)
    except (DatabaseUnavailable, sa.exc.SQLAlchemyError, OSError, ValueError) as error:
        raise Failure(f"the audit trail could not be read: HAMS_DATABASE_URL: {why(error)}", 2) from None
    finally:
        if database is not None:
            database.close()
    print(f"rows right  {found.rows}\nhead        {found.head[0]}:{found.head[1]}")
    if found.wrong is not None:
        raise Failure(f"the audit trail is broken: row {found.wrong} is wrong or missing")
    print("The chain is whole. Write the head down outside this machine; the next time give it back with --head.")


def _written_down(head: str | None) -> tuple[int, str] | None:
    """
    Raises:
        Failure: it is not what this command prints.
    """
    if head is None:
        return None
    read = _HEAD.fullmatch(head.strip().lower())
    if read is None:
        raise Failure("--head is a number, a colon and 64 hexadecimal digits, as printed by this command", 2)
    return int(read[1]), read[2]


def _refuse_a_file_that_is_not_there(url: str) -> None:
    """SQLite would make an empty file and find nothing wrong in it.

    Raises:
        Failure: there is no such file.
    """
    if not url.startswith("sqlite"):
        return
    path = sa.engine.make_url(url).database
    if not path or not os.path.isfile(path):
        raise Failure("the audit trail could not be read: HAMS_DATABASE_URL: there is no such file", 2)
