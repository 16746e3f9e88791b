from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.conversations import owed
from api.conversations.keys import PeriodKeys
from api.conversations.owed import OwedAnswer
from api.conversations.sealing import Keyring
from api.database import Database

NOW = 1_790_000_000.0
NUMBER = "+962790000001"


@pytest.fixture
def keys(tmp_path: Path, keyring: Keyring) -> PeriodKeys:
    return PeriodKeys(tmp_path / "keys", keyring, os.urandom)


def answer(mark: str = "m1", person: str = "p1") -> OwedAnswer:
    return OwedAnswer(mark, person, "whatsapp", "+97317000000", 7, NUMBER)


async def overdue(database: Database, keys: PeriodKeys, now: float) -> list[OwedAnswer]:
    return await database.read(lambda connection: owed.overdue(connection, keys, now))


async def owe(database: Database, keys: PeriodKeys, one: OwedAnswer, now: float = NOW) -> None:
    await database.write(lambda connection: owed.owe(connection, keys, one, now))


async def test_an_answer_nobody_gave_is_found_by_the_next_start(
    database: Database, keys: PeriodKeys, tmp_path: Path, keyring: Keyring
) -> None:
    await owe(database, keys, answer())
    restarted = PeriodKeys(tmp_path / "keys", keyring, os.urandom)
    assert await overdue(database, restarted, NOW + 31) == [answer()]


async def test_nobody_is_answered_twice_while_somebody_may_still_be_at_it(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer())
    assert await overdue(database, keys, NOW + 29) == []


async def test_after_ten_minutes_nothing_lights_the_phone_any_more(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer())
    assert await overdue(database, keys, NOW + 599) == [answer()]
    assert await overdue(database, keys, NOW + 600) == []
    assert await database.write(lambda connection: owed.purge(connection, keys, NOW + 600)) == 1


async def test_what_was_answered_is_owed_no_more(database: Database, keys: PeriodKeys) -> None:
    for mark in ("m1", "m2", "m3"):
        await owe(database, keys, answer(mark))
    await database.write(lambda connection: owed.settle(connection, ["m1", "m3", "unknown"]))
    await database.write(lambda connection: owed.settle(connection, []))
    assert [one.sid_mark for one in await overdue(database, keys, NOW + 60)] == ["m2"]


async def test_of_two_gateways_that_see_a_debt_one_pays_it(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer())
    taken = [await database.write(lambda connection: owed.take(connection, "m1")) for _ in range(2)]
    assert taken == [True, False] and await overdue(database, keys, NOW + 60) == []


async def test_nothing_is_owed_to_who_left(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer("m1", "p1"))
    await owe(database, keys, answer("m2", "p2"))
    await database.write(lambda connection: owed.release(connection, "p1"))
    assert [one.person for one in await overdue(database, keys, NOW + 60)] == ["p2"]


async def test_owing_the_same_message_twice_is_owing_it_once(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer())
    await owe(database, keys, answer(), NOW + 100)
    assert len(await overdue(database, keys, NOW + 60)) == 1


async def test_no_number_is_in_the_database_or_in_what_is_shown(
    database: Database, keys: PeriodKeys, tmp_path: Path
) -> None:
    await owe(database, keys, answer())
    files = [path for path in tmp_path.iterdir() if path.name.startswith("hams.db")]
    assert files and all(NUMBER[1:].encode() not in path.read_bytes() for path in files)
    assert NUMBER[1:] not in repr(answer())


async def test_when_the_hours_key_is_destroyed_a_row_from_a_backup_opens_no_more(
    database: Database, keys: PeriodKeys
) -> None:
    await owe(database, keys, answer())
    rows = await database.read(lambda connection: connection.execute(sa.select(owed.owed_answers)).mappings().all())
    await database.write(lambda connection: owed.purge(connection, keys, NOW + 3600 + 600))
    await database.write(lambda connection: connection.execute(sa.insert(owed.owed_answers), [dict(rows[0])]))
    assert await overdue(database, keys, NOW + 60) == []


async def test_a_row_moved_to_another_message_does_not_open(database: Database, keys: PeriodKeys) -> None:
    await owe(database, keys, answer())
    await database.write(lambda connection: connection.execute(sa.update(owed.owed_answers).values(sid_mark="m9")))
    assert await overdue(database, keys, NOW + 60) == []
