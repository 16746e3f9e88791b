"""Accounts of the practice world: nobody knows their passwords, one click signs in.

So no password is typed there at all, least of all a live one. Whoever reaches the page can practise; there is nobody to see.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import sqlalchemy as sa

from api.conversations.sealing import Keyring
from api.database import Database
from api.staff.accounts import NameTaken, Staff, add_staff, credentials_of
from api.staff.passwords import Passwords

LEARNERS = (("practice-1", "counsellor"), ("practice-2", "counsellor"), ("practice-lead", "supervisor"))
"""Two counsellors, so that handing over can be practised, and a supervisor."""


def prepare_practice_staff(database: Database, keyring: Keyring, clock: Callable[[], float]) -> None:
    """Make the accounts if they are not there yet."""
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        for name, role in LEARNERS:
            try:
                add_staff(
                    connection, username=name, role=role, passwords=Passwords(), keyring=keyring, random_bytes=os.urandom,
                    now=clock(),
                )
            except NameTaken:
                continue  # the gateway has started again within one run


def learner(connection: sa.Connection, name: str) -> Staff | None:
    """The practice account of that name."""
    found = credentials_of(connection, name) if name in dict(LEARNERS) else None
    return found.staff if found is not None else None
