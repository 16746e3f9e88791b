"""``./hams audit verify``: what an operator, a monitor and somebody who tampered get to see."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.database import Database, sqlite_url
from api.migrations import upgrade
from tests.fixtures_staff import POSTGRES_URL, databases

from .test_main import hams


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A deployment whose trail has six rows."""
    var = tmp_path / "var"
    var.mkdir()
    database = Database(sqlite_url(var / "hams.db"))
    upgrade(database)
    fill(database)
    database.close()
    return var


def fill(database: Database) -> None:
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        for number in range(6):
            trail.append(connection, at=1000.5 + number, actor="ab12", act="handoff.claim", object_id=f"t{number}")


def change(var: Path, statement: str) -> None:
    connection = sqlite3.connect(var / "hams.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def head_of(out: str) -> str:
    return next(line.split()[1] for line in out.splitlines() if line.startswith("head"))


def test_a_whole_chain_is_said_to_be_whole_with_the_head_to_write_down(var: Path) -> None:
    status, out, error = hams(var, "audit", "verify")
    assert (status, error) == (0, "") and "rows right  6\n" in out and head_of(out).startswith("6:")
    assert hams(var, "audit", "verify", "--head", head_of(out))[0] == 0


@pytest.mark.parametrize(
    "statement",
    ["update audit set actor = 'cd34' where seq = 4", "update audit set at_ms = 5 where seq = 4", "delete from audit where seq = 4",
     "update audit set object = x'74ff' where seq = 4", "update audit set hash = upper(hash) where seq = 4"],
)
def test_a_changed_row_is_one_line_with_its_number_and_status_1(statement: str, var: Path) -> None:
    change(var, statement)
    status, out, error = hams(var, "audit", "verify")
    assert status == 1 and "rows right  3\n" in out
    assert error == "hams: the audit trail is broken: row 4 is wrong or missing\n"


def test_rows_cut_off_the_end_show_only_against_a_head_written_down(var: Path) -> None:
    noted = head_of(hams(var, "audit", "verify")[1])
    change(var, "delete from audit where seq > 4")
    assert hams(var, "audit", "verify")[0] == 0
    status, _, error = hams(var, "audit", "verify", "--head", noted)
    assert status == 1 and "row 5" in error


def test_what_cannot_be_read_is_status_2_and_nothing_is_made(tmp_path: Path) -> None:
    status, out, error = hams(tmp_path / "var", "audit", "verify")
    assert (status, out) == (2, "") and error.startswith("hams: the audit trail could not be read") and error.count("\n") == 1
    assert not (tmp_path / "var" / "hams.db").exists()


def test_a_damaged_or_empty_file_a_wrong_setting_and_a_server_away_are_status_2(var: Path) -> None:
    (var / "junk.db").write_bytes(b"no database " * 500)
    sqlite3.connect(var / "empty.db").execute("create table other (x)").connection.close()
    for given in (
        {"HAMS_DATABASE_URL": f"sqlite:///{var}/junk.db"}, {"HAMS_DATABASE_URL": f"sqlite:///{var}/empty.db"},
        {"HAMS_PORT": "hush"}, {"HAMS_DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/hams"},
    ):
        status, out, error = hams(var, "audit", "verify", **given)
        assert (status, out) == (2, "") and error.startswith("hams: the audit trail could not be read: "), (given, error)
        assert error.count("\n") == 1 and "hush" not in error


@pytest.mark.parametrize("head", ["6", "6:abc", "x:" + "0" * 64, "-1:" + "0" * 64])
def test_a_head_that_is_none_is_misuse(head: str, var: Path) -> None:
    status, out, error = hams(var, "audit", "verify", f"--head={head}")
    assert (status, out) == (2, "") and error.startswith("hams: --head is a number")


def test_the_audit_without_a_word_more_is_not_built_yet(var: Path) -> None:
    status, out, error = hams(var, "audit")
    assert (status, out) == (2, "") and "not available yet" in error


@pytest.mark.postgres
@pytest.mark.skipif(not POSTGRES_URL, reason="no PostgreSQL")
def test_it_verifies_postgresql_too(tmp_path: Path) -> None:
    with databases("postgres", tmp_path) as [database]:
        fill(database)
        url = database.engine.url.render_as_string(hide_password=False)
        assert hams(tmp_path, "audit", "verify", HAMS_DATABASE_URL=url)[0] == 0
        with database.engine.begin() as connection:
            connection.execute(sa.update(trail.audit).where(trail.audit.c.seq == 2).values(actor="zz"))
        assert hams(tmp_path, "audit", "verify", HAMS_DATABASE_URL=url)[0] == 1
