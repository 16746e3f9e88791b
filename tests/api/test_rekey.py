"""After ``keys rotate`` the old key can be dropped: everything kept opens under the new one alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.database import Database
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tickets import find, open_handoff
from api.migrations import upgrade
from api.rekey import reseal
from api.settings import Settings, load_settings
from api.staff.accounts import add_staff, credentials_of
from tests.fixtures_line import SALMA
from tests.fixtures_staff import NOON, PASSWORDS, wish

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
PERSON = "a" * 32


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("api.cli.casework.harden_this_process", lambda: None)
    keys = f"{NEW.hex()},{OLD.hex()}"
    return load_settings({"HAMS_VAR": str(tmp_path / "var"), "HAMS_SECRET_KEYS": keys}, tmp_path)


def test_everything_kept_opens_under_the_new_key_alone(settings: Settings) -> None:
    old, new = Keyring([OLD]), Keyring([NEW])
    periods = settings.var / "keys" / "periods"
    sealed = ReplyAddresses(PeriodKeys(periods, old, os.urandom)).seal(f"whatsapp:{SALMA}", PERSON, NOON)
    database = Database(settings.database_url)
    upgrade(database)
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        open_handoff(connection, wish(PERSON, reply_address=sealed), new_id="t" * 32, now=NOON)
        member = add_staff(connection, username="salma", role="counsellor", passwords=PASSWORDS, keyring=old,
                           random_bytes=os.urandom, now=NOON)

    assert reseal(settings) == "1 sign-in secrets, 1 period keys"
    with database.engine.connect() as connection:
        ticket = find(connection, "t" * 32)
        assert ticket is not None and ticket.reply_address is not None
        addresses = ReplyAddresses(PeriodKeys(periods, new, os.urandom))
        assert addresses.open(ticket.reply_address, PERSON) == f"whatsapp:{SALMA}"
        found = credentials_of(connection, "salma")
        assert found is not None
        assert new.open("totp", found.totp_secret, found.staff.id.encode()).decode() in member.otpauth_uri
    database.close()

    assert reseal(settings) == "0 sign-in secrets, 0 period keys", "a second run has nothing to do"
