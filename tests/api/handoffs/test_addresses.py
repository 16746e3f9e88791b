"""Reply addresses under day keys: readable while a ticket is open, unreadable in what a database leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.conversations.keys import PeriodKeys
from api.conversations.sealing import CannotOpen, Keyring
from api.database import Database, metadata, sqlite_url
from api.handoffs import repeats
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tables import tickets
from api.handoffs.tickets import open_handoff
from tests.fixtures_staff import NOON, new_id, wish

DAY = 24 * 3600
PERSON, WIRE = "p" * 32, "whatsapp:+962790000001"


@pytest.fixture
def keys(tmp_path: Path) -> PeriodKeys:
    return PeriodKeys(tmp_path / "periods", Keyring([b"k" * 32]), os.urandom)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    database = Database(sqlite_url(tmp_path / "hams.db"))
    metadata.create_all(database.engine)
    with database.engine.begin() as opened:
        yield opened
    database.close()


def test_an_address_opens_for_its_person_and_for_nobody_else(keys: PeriodKeys) -> None:
    addresses = ReplyAddresses(keys)
    kept = addresses.seal(WIRE, PERSON, NOON)
    assert addresses.open(kept, PERSON) == WIRE
    assert WIRE.encode() not in kept
    with pytest.raises(CannotOpen):
        addresses.open(kept, "q" * 32)


@pytest.mark.parametrize("damaged", [b"", b"x", b"\xff" * 60, b"2026-11-22" + b"0" * 50])
def test_what_is_no_sealed_address_is_refused(keys: PeriodKeys, damaged: bytes) -> None:
    with pytest.raises(CannotOpen):
        ReplyAddresses(keys).open(damaged, PERSON)


def test_an_open_ticket_is_sealed_again_each_day_and_the_old_copy_dies_with_its_key(
    keys: PeriodKeys, connection: sa.Connection
) -> None:
    addresses = ReplyAddresses(keys)
    old = addresses.seal(WIRE, PERSON, NOON)
    ticket = open_handoff(connection, wish(person=PERSON, reply_address=old), new_id=new_id(), now=NOON)
    assert addresses.renew(connection, NOON + 60) == 0
    for day in (1, 2):
        assert addresses.renew(connection, NOON + day * DAY) == 1
        addresses.destroy_old(NOON + day * DAY)
    kept = connection.execute(sa.select(tickets.c.reply_address).where(tickets.c.id == ticket.id)).scalar_one()
    assert addresses.open(kept, PERSON) == WIRE
    with pytest.raises(CannotOpen):
        addresses.open(old, PERSON)


def test_a_repeat_key_is_one_persons_and_lapses_with_its_quarter(keys: PeriodKeys) -> None:
    key = repeats.repeat_key(keys, PERSON, NOON)
    assert key == repeats.repeat_key(keys, PERSON, NOON + DAY) != repeats.repeat_key(keys, "q" * 32, NOON)
    assert repeats.destroy_old(keys, NOON + 100 * DAY) == 1
    assert repeats.repeat_key(keys, PERSON, NOON) != key
