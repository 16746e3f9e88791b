"""A real redis-server, stores on it, and an SQLite file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conversation_parts import SECRET, Clock, MakeStore, Server

from api.conversations import optouts, owed, safewords, tombstones  # noqa: F401  (their tables)
from api.conversations.sealing import Keyring
from api.conversations.store import ConversationStore, connect
from api.database import Database, metadata, sqlite_url


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    yield from _serving()


@pytest.fixture
def server(running_server: Server) -> Server:
    """The shared server, emptied."""
    with running_server.blocking() as client:
        client.flushall()
    return running_server


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server this test may kill."""
    yield from _serving()


def _serving() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="hams-redis-") as directory:  # short: a socket's path has 107 bytes
        server = Server(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([SECRET])


@pytest.fixture
async def make_store(keyring: Keyring, clock: Clock) -> AsyncIterator[MakeStore]:
    """Stores as different processes would have them, each with connections of its own."""
    made = []

    def make(server: Server, **settings: object) -> ConversationStore:
        client = connect(server.url)
        made.append((client, store := ConversationStore(client, keyring, os.urandom, clock, **settings)))  # type: ignore[arg-type]
        return store

    yield make
    for client, store in made:
        await store.wire.settle()
        await client.aclose()


@pytest.fixture
def store(server: Server, make_store: MakeStore) -> ConversationStore:
    return make_store(server)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "hams.db"))
    metadata.create_all(database.engine)
    yield database
    database.close()
