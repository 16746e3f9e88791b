"""What ``write`` promises: on disk when it returns, nothing of an act that failed, and nobody else's harmed by it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.conversations.tombstones import pending_wipes
from api.database import Database, DatabaseUnavailable, _harden_sqlite, metadata, sqlite_url, why
from tests.fixtures_line import ROOT
from tests.fixtures_staff import POSTGRES_URL, databases

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=[
        pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="HAMS_TEST_POSTGRES_URL is not set"),
    ]),
]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


def insert(person: str) -> Any:
    def act(connection: sa.Connection) -> str:
        connection.execute(sa.insert(pending_wipes).values(person=person, generation=1))
        return person

    return act


async def people(database: Database) -> set[str]:
    return set(await database.read(lambda c: c.execute(sa.select(pending_wipes.c.person)).scalars().all()))


async def test_a_write_returns_what_its_act_returned_and_another_connection_sees_it(database: Database) -> None:
    assert await database.write(insert("a")) == "a"
    assert await people(database) == {"a"}


async def test_an_act_that_fails_gives_its_own_exception_and_leaves_nothing(database: Database) -> None:
    def half(connection: sa.Connection) -> None:
        insert("half")(connection)
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        await database.write(half)
    assert await people(database) == set()


async def test_what_is_committed_together_fails_apart(database: Database) -> None:
    async def twice() -> None:
        with pytest.raises(sa.exc.IntegrityError):
            await database.write(lambda c: (insert("first")(c), insert("twice")(c), insert("twice")(c)))

    good = [database.write(insert(f"p{number}")) for number in range(40)]
    await asyncio.gather(*good[:20], twice(), *good[20:])
    assert await people(database) == {f"p{number}" for number in range(40)}


async def test_acts_are_carried_out_in_the_order_they_came_on_sqlite(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        seen: list[int] = []
        await asyncio.gather(*(database.write(lambda _c, n=n: seen.append(n)) for n in range(100)))
        assert seen == list(range(100))


async def test_a_statement_that_fails_for_want_of_the_store_is_unavailable_not_a_stack_of_the_drivers(
    database: Database,
) -> None:
    def gone(_connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("select 'words'", {}, Exception("disk"))

    for way in (database.write, database.read):
        with pytest.raises(DatabaseUnavailable) as caught:
            await way(gone)
        assert "words" not in str(caught.value)


async def test_parameters_do_not_show_in_the_words_of_an_exception(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        await database.write(insert("canary-7f3a"))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            await database.write(insert("canary-7f3a"))
    assert "canary-7f3a" not in str(caught.value) + repr(caught.value)


async def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "nowhere" / "x.db"))
    try:
        with pytest.raises(DatabaseUnavailable):
            await database.write(insert("a"))
        with pytest.raises(DatabaseUnavailable):
            await database.read(lambda c: c.execute(sa.select(1)).scalar())
    finally:
        database.close()


async def test_the_writer_outlives_an_outage(tmp_path: Path) -> None:
    folder = tmp_path / "comes"
    database = Database(sqlite_url(folder / "x.db"))
    try:
        with pytest.raises(DatabaseUnavailable):
            await database.write(insert("a"))
        folder.mkdir()
        metadata.create_all(database.engine)
        assert await database.write(insert("a")) == "a"
    finally:
        database.close()


async def test_sqlite_is_hardened_on_every_connection(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        def pragmas(connection: sa.Connection) -> list[Any]:
            names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert await database.read(pragmas) == ["wal", 2, 1, 1]
        assert await database.write(pragmas) == ["wal", 2, 1, 1]


def test_the_hardening_is_asked_for_and_does_not_hang_on_how_sqlite_was_built() -> None:
    asked: list[str] = []

    class Recorder:
        isolation_level = ""

        def cursor(self) -> Recorder:
            return self

        def execute(self, statement: str) -> None:
            asked.append(statement)

        def close(self) -> None:
            return

    _harden_sqlite(Recorder(), None)
    assert {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON"} <= set(asked)


async def test_a_deleted_row_is_not_left_in_the_file(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        await database.write(insert("canary-5b1d"))
        await database.write(lambda c: c.execute(sa.delete(pending_wipes)))
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"canary-5b1d" not in (tmp_path / "casework.db").read_bytes()


async def test_two_gateways_write_to_one_file_at_once(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path, count=2) as pair:
        await asyncio.gather(*(pair[n % 2].write(insert(f"p{n}")) for n in range(60)))
        assert len(await people(pair[0])) == 60


async def test_a_reader_never_waits_for_a_writer(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        slow = asyncio.create_task(database.write(lambda c: (insert("a")(c), time.sleep(2))))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await people(database) == set()
        assert time.monotonic() - began < 1.5
        await slow


def test_what_a_write_returned_for_survives_kill_9(tmp_path: Path) -> None:
    program = """
import asyncio, os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from api.conversations.tombstones import pending_wipes
from api.database import Database, metadata, sqlite_url
async def main():
    database = Database(sqlite_url(Path(sys.argv[1])))
    metadata.create_all(database.engine)
    for number in range(20):
        await database.write(lambda c: c.execute(sa.insert(pending_wipes).values(person=str(number), generation=1)))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    path = tmp_path / "x.db"
    ended = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -9
    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from pending_wipes").fetchone() == (20,)


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path, count=2) as [database, other]:
        waiting = [asyncio.create_task(database.write(insert(f"p{n}"))) for n in range(30)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        await asyncio.gather(*waiting)
        assert len(await people(other)) == 30


def opening(url: str) -> str:
    """What an operator is told of a URL with which nothing can be done."""
    database = Database(url)
    try:
        with pytest.raises(sa.exc.SQLAlchemyError) as refused, database.engine.connect():
            pass
    finally:
        database.close()
    return why(refused.value)


def test_an_operator_is_told_what_is_wrong_with_a_file_and_not_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "hush.db").write_text("no database at all, and longer than the head of one: " * 20)
    assert opening(sqlite_url(tmp_path / "hush.db")) == "the file is no SQLite database"
    missing = opening(sqlite_url(tmp_path / "hush" / "x.db"))
    assert missing == "the file cannot be opened: is its folder there, and may we write in it?"


def test_an_operator_is_told_that_no_server_answers_and_no_password() -> None:
    said = opening("postgresql://u:hush@127.0.0.1:1/hams")
    assert said.startswith("no server answers there") and "hush" not in said
    assert why(DatabaseUnavailable("OperationalError")) == "it does not answer any more"


@pytest.mark.parametrize(
    ("state", "said"), [("42501", "this user may not do there"), ("3D000", "the server has no such database"), ("28P01", "the server does not let")]
)
def test_a_server_that_refuses_says_why_by_its_code(state: str, said: str) -> None:
    class Refused(Exception):
        sqlstate = state

    assert why(sa.exc.ProgrammingError("SELECT hush", {}, Refused("hush"))).startswith(said)
    assert why(sa.exc.ArgumentError("hush")) == "it cannot be used as it is set (ArgumentError)"


async def test_who_will_not_wait_is_told_that_it_takes_too_long(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [opened]:
        other = sqlite3.connect(opened.engine.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="too_slow"):
            await opened.write(insert("late"), 0.1)
        assert time.monotonic() - began < 2
        assert await opened.read(lambda c: 1, 0.5) == 1, "readers go on"
        other.execute("ROLLBACK")
        other.close()


async def test_a_group_that_cannot_begin_fails_together_and_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with databases("sqlite", tmp_path) as [opened]:
        await opened.write(insert("a"))
        other = sqlite3.connect(opened.engine.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        waiting = [asyncio.create_task(opened.write(insert(str(n)))) for n in range(6)]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, DatabaseUnavailable) for each in ended)
        assert time.monotonic() - began < 14, "one wait for the first and one for the rest, not one each"
        other.execute("ROLLBACK")
        other.close()
        assert await opened.write(insert("b")) == "b"
