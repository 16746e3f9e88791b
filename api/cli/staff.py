"""``./hams staff``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Annotated

import sqlalchemy as sa
import typer

from api.cli.say import ROOT, Failure

app = typer.Typer(help="Accounts of the people who answer.", rich_markup_mode=None)


@app.callback()
def _accounts() -> None:
    """Accounts of the people who answer."""


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with.")],
    role: Annotated[str, typer.Option(metavar="ROLE", help="counsellor, supervisor, office, editor, clinical, security, publisher or admin.")],
    desk: Annotated[list[str] | None, typer.Option(metavar="DESK", help="A desk of theirs; may be given more than once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Make an account; prints a one-time password and the TOTP secret, which are kept nowhere in the open."""
    from api.cli.casework import open_database
    from api.conversations.sealing import Keyring
    from api.settings import load_settings
    from api.staff.accounts import NameTaken, NotAnAccount, add_staff
    from api.staff.passwords import Passwords

    settings = load_settings(os.environ, ROOT)
    with open_database(settings) as database:
        try:
            with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
                made = add_staff(
                    connection, username=name, role=role, desks=desk or (), passwords=Passwords(),
                    keyring=Keyring(settings.secret_keys), random_bytes=os.urandom, now=time.time(),
                )  # fmt: skip
        except (NotAnAccount, NameTaken) as refused:
            raise Failure(str(refused)) from None
    if as_json:
        print(json.dumps({
            "id": made.id, "username": made.username, "role": role, "desks": sorted(set(desk or ())),
            "password": made.password, "otpauth": made.otpauth_uri,
        }))  # fmt: skip
        return
    print(f"name      {made.username}\npassword  {made.password}\nTOTP      {made.otpauth_uri}")
    print("Hand these over in person: they are not shown again. The password should be changed after the first sign-in.")


@app.command("deactivate")
def deactivate(name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the account.")]) -> None:
    """Put an account out of service at once. Back in by two: staff recover, or an admin in the console."""
    from api.staff.recovery import account_named, put_out_of_service

    _change(lambda connection, now: put_out_of_service(connection, account_named(connection, name), by="system", now=now))
    print("out of service; sessions and sockets end within seconds")


@app.command("recover")
def recover(name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the account.")]) -> None:
    """Ask for an account's recovery; an admin or a supervisor confirms it in the console within the hour."""
    from api.staff.recovery import account_named, open_recovery

    _change(lambda connection, now: open_recovery(connection, account_named(connection, name), by="system", now=now))
    print("asked for; an admin or a supervisor confirms it at /console/account within the hour")


def _change(act: Callable[[sa.Connection, float], object]) -> None:
    from api.cli.casework import open_database
    from api.settings import load_settings
    from api.staff.recovery import NoSuchAccount, NotPossible

    settings = load_settings(os.environ, ROOT)
    with open_database(settings) as database:
        try:
            with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
                act(connection, time.time())
        except NoSuchAccount:
            raise Failure("there is no account of that name") from None
        except NotPossible:
            raise Failure("not possible now: it is so already, or a recovery of somebody else's waits to be confirmed") from None
