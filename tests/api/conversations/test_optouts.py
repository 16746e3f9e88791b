from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.conversations import optouts
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.database import Database

MAY = datetime(2026, 5, 10, tzinfo=UTC).timestamp()
LAST_OF_JUNE = datetime(2026, 6, 30, tzinfo=UTC).timestamp()
DAY = 86_400


@pytest.fixture
def keys(tmp_path: Path, keyring: Keyring) -> PeriodKeys:
    return PeriodKeys(tmp_path / "keys", keyring, os.urandom)


async def is_out(database: Database, keys: PeriodKeys, person: str, channel: str, now: float) -> bool:
    return await database.read(lambda connection: optouts.has_opted_out(connection, keys, person, channel, now))


async def leave(database: Database, keys: PeriodKeys, now: float) -> None:
    await database.write(lambda connection: optouts.opt_out(connection, keys, "p1", "whatsapp", now))


async def test_an_opt_out_holds_for_one_channel_of_one_person_until_taken_back(
    database: Database, keys: PeriodKeys
) -> None:
    assert not await is_out(database, keys, "p1", "whatsapp", MAY)
    await leave(database, keys, MAY)
    await leave(database, keys, MAY)
    assert await is_out(database, keys, "p1", "whatsapp", MAY)
    assert not await is_out(database, keys, "p1", "sms", MAY)
    assert not await is_out(database, keys, "p2", "whatsapp", MAY)
    await database.write(lambda connection: optouts.opt_in(connection, keys, "p1", "whatsapp", MAY))
    assert not await is_out(database, keys, "p1", "whatsapp", MAY)


async def test_it_lapses_with_its_quarter_but_not_on_the_very_next_day(database: Database, keys: PeriodKeys) -> None:
    await leave(database, keys, LAST_OF_JUNE)
    assert await is_out(database, keys, "p1", "whatsapp", LAST_OF_JUNE + DAY)
    assert await database.write(lambda connection: optouts.purge(connection, keys, LAST_OF_JUNE + DAY)) == 0
    assert await is_out(database, keys, "p1", "whatsapp", LAST_OF_JUNE + 13 * DAY)
    assert not await is_out(database, keys, "p1", "whatsapp", LAST_OF_JUNE + 15 * DAY)
    assert await database.write(lambda connection: optouts.purge(connection, keys, LAST_OF_JUNE + 15 * DAY)) == 1
    assert keys.find("optouts", "2026Q2") is None


async def test_asked_again_in_the_new_quarter_it_goes_on(database: Database, keys: PeriodKeys) -> None:
    await leave(database, keys, LAST_OF_JUNE)
    await leave(database, keys, LAST_OF_JUNE + DAY)
    assert await is_out(database, keys, "p1", "whatsapp", LAST_OF_JUNE + 60 * DAY)


async def test_the_table_names_nobody(database: Database, keys: PeriodKeys) -> None:
    await leave(database, keys, MAY)
    (row,) = await database.read(lambda connection: connection.execute(sa.select(optouts.opt_outs)).all())
    assert len(row.mark) == 32 and b"p1" not in row.mark and row.quarter == "2026Q2"
