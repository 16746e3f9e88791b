"""The audit trail cannot be edited unnoticed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.database import Database
from tests.fixtures_staff import POSTGRES_URL, databases

KINDS = [
    "sqlite",
    pytest.param(
        "postgres", marks=[pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="no PostgreSQL")]
    ),
]


def fill(database: Database, rows: int = 5) -> None:
    with database.engine.begin() as connection:
        for number in range(rows):
            trail.append(connection, at=1000.5 + number, actor="ab12", act="handoff.claim", object_id=f"t{number}")


def verify(database: Database, written_down: tuple[int, str] | None = None) -> int | None:
    with database.engine.connect() as connection:
        return trail.verify(connection, written_down)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untouched_chain_verifies(kind: str, tmp_path: Path) -> None:
    with databases(kind, tmp_path) as [database]:
        assert verify(database) is None
        fill(database)
        assert verify(database) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("actor", "cd34"), ("act", "handoff.close"), ("object", "t9"), ("at_ms", 1), ("previous", "f" * 64), ("hash", "0" * 64)],
)
def test_any_field_that_is_edited_shows(column: str, value: str | int, tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        fill(database)
        with database.engine.begin() as connection:
            connection.execute(trail.audit.update().where(trail.audit.c.seq == 3).values({column: value}))
        assert verify(database) == 3


def test_a_row_taken_out_of_the_middle_shows(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        fill(database)
        with database.engine.begin() as connection:
            connection.execute(trail.audit.delete().where(trail.audit.c.seq == 2))
        assert verify(database) == 2


def test_rows_cut_off_the_end_show_against_a_head_written_down(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        fill(database)
        with database.engine.connect() as connection:
            noted = trail.head(connection)
        with database.engine.begin() as connection:
            connection.execute(trail.audit.delete().where(trail.audit.c.seq > 3))
        assert verify(database) is None
        assert verify(database, noted) == 4


def test_a_chain_computed_anew_shows_against_a_head_written_down(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        fill(database)
        with database.engine.connect() as connection:
            noted = trail.head(connection)
        with database.engine.begin() as connection:
            connection.execute(trail.audit.delete())
            for number in range(5):
                trail.append(connection, at=1.0, actor="zz", act="handoff.claim", object_id=f"t{number}")
        assert verify(database) is None
        assert verify(database, noted) == 5


def test_an_act_that_is_rolled_back_leaves_no_entry(tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database]:
        fill(database, 1)
        with database.engine.connect() as connection:
            transaction = connection.begin()
            trail.append(connection, at=2.0, actor="ab12", act="handoff.claim", object_id="t7")
            transaction.rollback()
            assert connection.execute(sa.select(sa.func.count()).select_from(trail.audit)).scalar_one() == 1


@pytest.mark.parametrize("words", ["he hit me again", "خلص", "", "x" * 65])
def test_an_entry_takes_no_words(words: str, tmp_path: Path) -> None:
    with databases("sqlite", tmp_path) as [database], database.engine.begin() as connection:
        for fields in ({"act": words}, {"actor": words}, {"object_id": words}):
            with pytest.raises(trail.NotAnAct) as raised:
                trail.append(
                    connection, at=1.0, **({"actor": "ab", "act": "staff.add", "object_id": "ab"} | fields)
                )
            assert not words or words not in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_many_writers_at_once_make_one_chain(kind: str, tmp_path: Path) -> None:
    with databases(kind, tmp_path, 2) as opened:

        def write(database: Database, name: str) -> None:
            for _ in range(10):
                with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
                    trail.append(connection, at=1.0, actor=name, act="handoff.claim", object_id="t")

        threads = [threading.Thread(target=write, args=(opened[n % 2], f"w{n}")) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert verify(opened[0]) is None
        with opened[0].engine.connect() as connection:
            assert trail.head(connection)[0] == 40
