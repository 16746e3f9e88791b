"""``./hams keys rotate``: what is kept is sealed again under the newest key, so that an old one can be dropped.

What lives in Redis is not touched: it lasts half an hour, or as long as its ticket, and old keys still open it.
"""

from __future__ import annotations

import os

import sqlalchemy as sa

from api.cli.casework import open_database
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import CannotOpen, Keyring
from api.handoffs.tables import tickets
from api.live import REPLY_PURPOSE
from api.settings import Settings
from api.staff.accounts import reseal as reseal_staff


def reseal(settings: Settings) -> str:
    """Seal tickets' addresses, TOTP secrets and period keys again; what was moved, in words."""
    keyring = Keyring(settings.secret_keys)
    with (
        open_database(settings) as database,
        database.engine.connect().execution_options(hams_writes=True) as connection,
        connection.begin(),
    ):
        addresses = reseal_addresses(connection, keyring)
        secrets = reseal_staff(connection, keyring)
    periods = PeriodKeys(settings.var / "keys" / "periods", keyring, os.urandom).reseal()
    return f"{addresses} addresses, {secrets} sign-in secrets, {periods} period keys"


def reseal_addresses(connection: sa.Connection, keyring: Keyring) -> int:
    """Seal the reply address of every open ticket under the newest key."""
    moved = 0
    query = sa.select(tickets.c.id, tickets.c.person, tickets.c.reply_address).where(tickets.c.reply_address.is_not(None))
    for row in connection.execute(query).all():
        if keyring.is_current(row.reply_address):
            continue
        bound = row.person.encode()
        try:
            plain = keyring.open(REPLY_PURPOSE, row.reply_address, bound)
        except CannotOpen:
            continue  # its key is gone already: nobody can answer there, and nothing here can mend that
        sealed = keyring.seal(REPLY_PURPOSE, plain, bound)
        connection.execute(tickets.update().where(tickets.c.id == row.id).values(reply_address=sealed))
        moved += 1
    return moved
