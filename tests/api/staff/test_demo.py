"""Demo staff: made once, they can sign in, and what is written down about them is nobody else's to read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from api.conversations.sealing import Keyring
from api.database import Database
from api.settings import Settings, load_settings
from api.staff.accounts import add_staff, credentials_of, matching_counter
from api.staff.demo import DEMO, demo_sign_ins, prepare_demo_staff
from tests.fixtures_staff import PASSWORDS, databases


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.staff.demo.Passwords", lambda: PASSWORDS)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HAMS_VAR": str(tmp_path / "var")}, tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


def prepare(settings: Settings, database: Database) -> None:
    prepare_demo_staff(settings, database, Keyring(settings.secret_keys), time.time)


def test_each_of_them_can_sign_in_with_what_the_simulator_shows(settings: Settings, database: Database) -> None:
    prepare(settings, database)
    shown = demo_sign_ins(settings)
    assert [(row["name"], row["role"]) for row in shown] == list(DEMO)
    with database.engine.connect() as connection:
        for row in shown:
            found = credentials_of(connection, row["name"])
            assert found is not None and found.staff.role == row["role"]
            assert PASSWORDS.matches(found.password_hash, row["password"])
            keyring = Keyring(settings.secret_keys)
            assert matching_counter(keyring, found, row["code"], time.time()) is not None


def test_a_second_start_makes_nobody_anew(settings: Settings, database: Database) -> None:
    prepare(settings, database)
    first = [row["password"] for row in demo_sign_ins(settings)]
    prepare(settings, database)
    assert [row["password"] for row in demo_sign_ins(settings)] == first


def test_the_supervisor_has_lines_to_print(settings: Settings, database: Database) -> None:
    prepare(settings, database)
    lines = (settings.run / "signin.txt").read_text()
    for row in demo_sign_ins(settings):
        assert row["name"] in lines and row["password"] in lines
    assert lines.count("otpauth://") == len(DEMO)


def test_what_is_written_down_is_readable_by_its_owner_only(settings: Settings, database: Database) -> None:
    prepare(settings, database)
    for path in (settings.var / "keys" / "demo-staff.json", settings.run / "signin.txt"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_account_somebody_made_under_that_name_stays_theirs(settings: Settings, database: Database) -> None:
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        add_staff(connection, username="demo", role="office", desks=("amman",), passwords=PASSWORDS,
                  keyring=Keyring(settings.secret_keys), random_bytes=bytes, now=0.0)
    prepare(settings, database)
    assert [row["name"] for row in demo_sign_ins(settings)] == [name for name, _ in DEMO[1:]]


@pytest.mark.parametrize("content", ["", "[]", "{", "5"])
def test_a_damaged_note_is_no_reason_not_to_start(settings: Settings, database: Database, content: str) -> None:
    kept = settings.var / "keys" / "demo-staff.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(content)
    prepare(settings, database)
    assert len(json.loads(kept.read_text())) == len(DEMO)


def test_the_code_is_that_of_an_authenticator(settings: Settings, database: Database) -> None:
    prepare(settings, database)
    kept = json.loads((settings.var / "keys" / "demo-staff.json").read_text())
    known = pyotp.parse_uri(kept["demo"]["otpauth"])
    assert isinstance(known, pyotp.TOTP)
    codes = {known.now(), known.at(int(time.time()) - 30)}
    assert demo_sign_ins(settings)[0]["code"] in codes
