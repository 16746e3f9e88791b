"""A store that is away or refuses stops ``./hams up`` at once, with one line that names the setting and none of its value."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import embedded_redis
from api.cli.say import Failure
from api.cli.stores import NotYet, patiently, refuse_a_redis_that_does_not_answer, refuse_stores_that_do_not_answer
from api.settings import load_settings

from .test_main import ROOT, hams


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis that asks for a password."""
    port = free_port()
    process = subprocess.Popen(
        [str(embedded_redis.server_binary()), "--port", str(port), "--requirepass", "hush", "--save", "",
         "--dir", str(tmp_path_factory.mktemp("redis"))],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                embedded_redis.Client(f"redis://:hush@127.0.0.1:{port}").close()
                break
            except embedded_redis.RedisUnreachable:
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HAMS_REDIS_URL", "redis://:hush@127.0.0.1:1/0", "no Redis answers there (ConnectionError)"),
        ("HAMS_REDIS_URL", "unix:///nonexist/hush.sock", "no Redis answers there (ConnectionError)"),
        ("HAMS_REDIS_URL", "redis://127.0.0.1:1/hush", "must name its database by a number, such as /0 at the end (or ?db=0)"),
        ("HAMS_DATABASE_URL", "sqlite:////nonexist/hush.db", "the file cannot be opened: is its folder there, and may we write in it?"),
        (
            "HAMS_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/x",
            "no server answers there, or it does not let this user in (address, database, name, password)",
        ),
        ("HAMS_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/x?hush=1", "it cannot be used as it is set (ProgrammingError)"),
    ],
)  # fmt: skip
def test_a_store_that_is_away_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str, said: str) -> None:
    began = time.monotonic()
    found = hams(tmp_path / "var", "up", "--port", str(free_port()), **{name: value})
    assert found == (1, "", f"hams: {name}: {said}\n")
    assert time.monotonic() - began < 15  # a few seconds, and those of a busy machine
    assert not (tmp_path / "var" / "models").exists()  # before a training that would be for nothing


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("127.0.0.1:{port}/0", "the server does not let this user in"),
        (":wrong-hush@127.0.0.1:{port}/0", "the server does not let this user in"),
        (":hush@127.0.0.1:{port}/99", "the server refuses its database's number, or gives this user no rights"),
        (":hush@127.0.0.1:{port}/0?hush=1", "has an option the client does not take"),
    ],
)
def test_a_redis_that_refuses_is_not_waited_for(tmp_path: Path, guarded: int, rest: str, said: str) -> None:
    url = "redis://" + rest.format(port=guarded)
    settings = load_settings({"HAMS_VAR": str(tmp_path), "HAMS_REDIS_URL": url}, ROOT)
    began = time.monotonic()
    with pytest.raises(Failure) as refused:
        refuse_a_redis_that_does_not_answer(settings)
    assert str(refused.value) == f"HAMS_REDIS_URL: {said}"
    assert time.monotonic() - began < 2


def test_stores_that_answer_are_let_be(tmp_path: Path, guarded: int) -> None:
    given = {"HAMS_VAR": str(tmp_path), "HAMS_REDIS_URL": f"redis://:hush@127.0.0.1:{guarded}/0"}
    refuse_stores_that_do_not_answer(load_settings(given, ROOT))


def test_tables_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    import sqlite3

    settings = load_settings({"HAMS_VAR": str(tmp_path)}, ROOT)
    refuse_stores_that_do_not_answer(settings)
    with sqlite3.connect(tmp_path / "hams.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'later'")
    database.close()
    with pytest.raises(Failure, match=r"^HAMS_DATABASE_URL: the tables are of a version this program does not know$"):
        refuse_stores_that_do_not_answer(settings)


def test_a_server_that_is_a_little_late_is_waited_for() -> None:
    tries = 0

    def attempt() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise NotYet("nobody there")
        return "there"

    assert patiently("HAMS_REDIS_URL", attempt) == "there"
    assert tries == 3
