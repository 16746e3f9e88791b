"""The schema: made once by however many, the same as the tables in the code, with no column for anybody's words."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.autogenerate
import alembic.command
import alembic.migration
import alembic.util.exc
import pytest
import sqlalchemy as sa

import api.migrations.__main__
from api.database import Database, metadata, sqlite_url
from api.migrations import configuration, is_newest, upgrade, upgrade_apart
from tests.fixtures_line import ROOT
from tests.fixtures_staff import POSTGRES_URL

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=[
        pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="HAMS_TEST_POSTGRES_URL is not set"),
    ]),
]


@contextmanager
def empty(kind: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a store with nothing in it."""
    if kind == "sqlite":
        yield sqlite_url(tmp_path / "hams.db")
        return
    schema, admin = "migrate_" + os.urandom(6).hex(), Database(POSTGRES_URL)
    with admin.engine.begin() as connection:
        connection.execute(sa.text(f"create schema {schema}"))
    try:
        yield f"{POSTGRES_URL}{'&' if '?' in POSTGRES_URL else '?'}options=-csearch_path%3D{schema}"
    finally:
        with admin.engine.begin() as connection:
            connection.execute(sa.text(f"drop schema {schema} cascade"))
        admin.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def test_upgrading_twice_is_upgrading_once(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(sa.text("insert into pending_wipes (person, generation) values ('p', 1)"))
    upgrade(database)
    with database.engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from pending_wipes")).scalar_one() == 1


def test_the_schema_is_the_code_s(database: Database) -> None:
    upgrade(database)
    with database.engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(connection, opts={"compare_type": True})
        assert alembic.autogenerate.compare_metadata(context, metadata) == []


def test_indexes_and_checks_are_those_of_the_code(database: Database) -> None:
    """Autogenerate does not look at check constraints or partial indexes."""
    upgrade(database)
    inspector = sa.inspect(database.engine)
    for table in metadata.sorted_tables:
        checks = {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint) and c.name}
        assert checks <= {check["name"] for check in inspector.get_check_constraints(table.name)}, table.name
        assert {i.name for i in table.indexes} <= {index["name"] for index in inspector.get_indexes(table.name)}, table.name
    with database.engine.begin() as connection:
        kept = "select sql from sqlite_master where name = 'uq_tickets_open'" if database.is_sqlite else \
            "select indexdef from pg_indexes where indexname = 'uq_tickets_open' and schemaname = current_schema()"
        made = connection.execute(sa.text(kept)).scalar_one().lower()
    assert "unique" in made and "where" in made and "queued" in made


def test_two_gateways_that_start_at_once_both_find_the_schema(url: str) -> None:
    program = "import sys\nfrom api.database import Database\nfrom api.migrations import upgrade\n" \
        "sys.stdin.readline()\nd = Database(sys.argv[1])\nupgrade(d)\nd.close()\n"
    several = [
        subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in several:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in several]
    assert [code for _, code in ends] == [0, 0, 0], ends
    database = Database(url)
    assert set(metadata.tables) <= set(sa.inspect(database.engine).get_table_names())
    database.close()


def test_every_version_can_be_gone_back_from(database: Database) -> None:
    upgrade(database)
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        alembic.command.downgrade(configuration(connection), "base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
    upgrade(database)
    assert set(metadata.tables) <= set(sa.inspect(database.engine).get_table_names())


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(config: object, _to: str) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        connection.execute(sa.text("create table half (x integer)"))
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(alembic.command, "upgrade", half)
        with pytest.raises(RuntimeError):
            upgrade(database)
    assert sa.inspect(database.engine).get_table_names() == []


def test_no_casework_column_takes_free_text() -> None:
    """threats.md: structured codes only. A column without a length, or longer than a fingerprint, is a place for words."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, sa.String):
                name = f"{table.name}.{column.name}"
                limit = 255 if name == "staff.password_hash" else 64
                assert column.type.length is not None and column.type.length <= limit, name
            assert not isinstance(column.type, sa.Text), f"{table.name}.{column.name}"


async def test_a_table_is_made_with_the_first_write_waiting(tmp_path: Path) -> None:
    """An upgrade takes the writer's lock at once, so that it never fails half-way against another gateway's write."""
    database = Database(sqlite_url(tmp_path / "x.db"))
    upgrade(database)
    await asyncio.gather(
        *(asyncio.to_thread(upgrade, database) for _ in range(3)),
        *(database.write(lambda c: c.execute(sa.text("delete from pending_wipes"))) for _ in range(20)),
    )
    database.close()


def test_the_next_version_would_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``python -m api.migrations`` would write; nothing is written into the tree."""
    written: list[list[object]] = []

    def look(config: object, *, message: str, autogenerate: bool) -> None:
        assert message == "nothing" and autogenerate
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        context = alembic.migration.MigrationContext.configure(connection, opts={"compare_type": True})
        written.append(alembic.autogenerate.compare_metadata(context, metadata))

    monkeypatch.setattr(alembic.command, "revision", look)
    api.migrations.__main__.main("nothing")
    assert written == [[]]


def test_the_tool_does_its_work_in_a_process_of_its_own_and_is_not_loaded_where_there_is_none(url: str) -> None:
    program = (
        "import sys, api.app\nfrom api.database import Database\nfrom api.migrations import is_newest, upgrade_apart\n"
        "d = Database(sys.argv[1])\nbefore = is_newest(d)\nupgrade_apart(d, sys.argv[1])\n"
        "print(before, is_newest(d), sorted(m for m in ('alembic', 'webauthn', 'sentry_sdk') if m in sys.modules))\nd.close()\n"
    )
    for before in (False, True):
        done = subprocess.run([sys.executable, "-c", program, url], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        assert done.stdout.strip() == f"{before} True []", done.stderr


def test_a_store_that_the_tool_cannot_bring_up_to_date_says_why_as_before(database: Database, url: str) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = 'ffffffffffff'"))
    assert not is_newest(database), "a version this code does not know"
    with pytest.raises(alembic.util.exc.CommandError):
        upgrade_apart(database, url)
