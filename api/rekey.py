"""``./hams keys rotate``: what is kept is sealed again under the newest key, so that an old one can be dropped.

Tickets' reply addresses are sealed under period keys, and those are. What lives in Redis is not touched: it lasts half
an hour, or as long as its ticket, and old keys still open it.
"""

from __future__ import annotations

import os

from api.cli.casework import open_database
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.settings import Settings
from api.staff.accounts import reseal as reseal_staff


def reseal(settings: Settings) -> str:
    """Seal TOTP secrets and period keys again; what was moved, in words."""
    keyring = Keyring(settings.secret_keys)
    with (
        open_database(settings) as database,
        database.engine.connect().execution_options(hams_writes=True) as connection,
        connection.begin(),
    ):
        secrets = reseal_staff(connection, keyring)
    periods = PeriodKeys(settings.var / "keys" / "periods", keyring, os.urandom).reseal()
    return f"{secrets} sign-in secrets, {periods} period keys"
