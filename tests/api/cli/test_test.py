"""``./hams test`` finds what it needs, says loudly what it lacks, and keeps an operator's settings out."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from api.cli import test as command
from api.cli.say import Failure


def test_an_operators_settings_do_not_reach_the_tests() -> None:
    given = {"PATH": "/bin", "TWILIO_AUTH_TOKEN": "x", "HAMS_PORT": "1", "SENTRY_DSN": "d", "HAMS_TEST_POSTGRES_URL": "u"}
    kept = command.clean_environment(given)
    assert set(kept) == {"PATH", "HAMS_TEST_POSTGRES_URL", "PYTHONPATH"}


def test_what_is_missing_is_said_loudly_and_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.find_or_install("Thing", lambda: None, ("thing",), install=False, needed=False) is None
    assert capsys.readouterr().err == "hams: !!! Thing is missing and its tests are SKIPPED; install thing to run them !!!\n"


def test_what_is_missing_in_ci_is_a_failure() -> None:
    with pytest.raises(Failure, match=r"^Thing is needed in CI"):
        command.find_or_install("Thing", lambda: None, ("thing",), install=False, needed=True)


def test_what_is_there_is_not_installed() -> None:
    assert command.find_or_install("Thing", lambda: "/bin/thing", ("no-such-package",), install=True, needed=True) == "/bin/thing"


@pytest.mark.postgres
@pytest.mark.skipif(command.find_postgres() is None, reason="no PostgreSQL")
def test_the_throwaway_postgres_answers_and_leaves_nothing() -> None:
    programs = command.find_postgres()
    assert programs
    with command.throwaway_postgres(Path(programs)) as url:
        folder = Path(url.split("host=")[1])
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_user").fetchone() == ("hams",)
            assert connection.execute("show listen_addresses").fetchone() == ("",)
    assert not folder.exists()


def test_every_step_runs_a_program_that_is_there() -> None:
    for step in command.steps():
        if Path(step.argv[0]).exists():
            assert os.access(step.argv[0], os.X_OK)
    assert [step.name for step in command.steps()][:4] == ["ruff", "import rules", "mypy api safety", "mypy bot actions"]
