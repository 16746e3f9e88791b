"""The durable store: SQLite (WAL) or PostgreSQL behind one small interface.

Casework goes here and never a word of a message (threats.md: "Casework tables have no free-text column").
A write is a function that gets a connection inside a transaction; when ``write`` returns, it is on disk.
On SQLite one thread writes, and what waits together is committed together, so that a hundred small acts cost one
fsync. If one of them fails, nothing of the group is kept and each runs again by itself: an act must be free to run
twice, which it is as long as it touches only its connection.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the product is declared on this, in the module that owns it."""

_GROUP = 64  # acts in one commit at most: bounds how long the first of them waits
_READERS = 4


class DatabaseUnavailable(Exception):
    """The durable store cannot be reached or refuses to work; what was asked did not happen."""


@dataclass(slots=True)
class _Act:
    run: Callable[[sa.Connection], Any]
    done: Callable[[Any, BaseException | None], None]


class Database:
    """Connections to the durable store.

    Args:
        url: an SQLAlchemy URL, ``sqlite:///path`` or ``postgresql+psycopg://…`` (``postgresql://`` is taken too).
    """

    def __init__(self, url: str) -> None:
        if url.startswith(("postgresql://", "postgres://")):
            url = "postgresql+psycopg://" + url.split("://", 1)[1]
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine = sa.create_engine(
                url, poolclass=sa.pool.QueuePool, pool_size=_READERS + 1,
                connect_args={"check_same_thread": False, "timeout": 5}, hide_parameters=True,
            )
            event.listen(self.engine, "connect", _harden_sqlite)
        else:
            self.engine = sa.create_engine(
                url, pool_size=8, max_overflow=0, pool_pre_ping=True, hide_parameters=True,
                # a server that is there and says nothing must not hold every thread for the kernel's quarter of an hour
                connect_args={"connect_timeout": 5, "tcp_user_timeout": 8_000}, pool_timeout=8,
            )
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else 8, thread_name_prefix="db-write")
        self._reading = threading.local()
        self._waiting: queue.SimpleQueue[_Act | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._writing: sa.Connection | None = None  # the writer thread's own
        if self.is_sqlite:
            self._writer = threading.Thread(target=self._write_in_groups, name="db-writer", daemon=True)
            self._writer.start()

    async def write(self, act: Callable[[sa.Connection], T], within_s: float | None = None) -> T:
        """Run ``act`` in a transaction and return its result once that is durable.

        Args:
            within_s: how long to wait for it. What was given up on may still be done later: for acts that may.

        Raises:
            DatabaseUnavailable: the store could not be reached, the disk refused, or it took too long.
            Exception: whatever ``act`` raised; nothing of it is kept.
        """
        return await _in_time(self._write(act), within_s)

    async def _write(self, act: Callable[[sa.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        if not self.is_sqlite:
            return await loop.run_in_executor(self._writers, self._write_alone, act)
        result: asyncio.Future[T] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            def resolve() -> None:
                if result.cancelled():
                    return
                if error is None:
                    result.set_result(value)
                else:
                    result.set_exception(error)

            loop.call_soon_threadsafe(resolve)

        self._waiting.put(_Act(act, settle))
        return await result

    async def read(self, ask: Callable[[sa.Connection], T], within_s: float | None = None) -> T:
        """Run ``ask`` on a connection of its own and return its result.

        Args:
            within_s: how long to wait for it.

        Raises:
            DatabaseUnavailable: the store could not be reached, or it took too long.
        """
        return await _in_time(asyncio.get_running_loop().run_in_executor(self._readers, self._read, ask), within_s)

    def close(self) -> None:
        """Finish what waits, then let go of every connection."""
        if self._writer is not None:
            self._waiting.put(None)
            self._writer.join(timeout=10)
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()

    def _read(self, ask: Callable[[sa.Connection], T]) -> T:
        try:
            if not self.is_sqlite:
                with self.engine.connect() as pooled:
                    return ask(pooled)
            connection: sa.Connection | None = getattr(self._reading, "connection", None)
            if connection is None:  # a file needs no pool: each reader keeps its connection
                connection = self._reading.connection = self.engine.connect()
            try:
                return ask(connection)
            except BaseException:
                self._reading.connection = None
                connection.invalidate()
                connection.close()
                raise
            finally:
                if not connection.closed:
                    connection.rollback()  # the next look sees what was committed since
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise DatabaseUnavailable(type(error).__name__) from None

    def _write_alone(self, act: Callable[[sa.Connection], T]) -> T:
        try:
            with self.engine.begin() as connection:
                return act(connection)
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise DatabaseUnavailable(type(error).__name__) from None

    def _write_in_groups(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                self._let_go()
                return
            group, stop = [first], False
            while len(group) < _GROUP:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                group.append(more)
            self._commit(group)
            if stop:
                self._let_go()
                return

    def _let_go(self) -> None:
        """Close the writer's connection; the next write opens one."""
        if self._writing is not None:
            self._writing.invalidate()
            self._writing.close()
            self._writing = None

    def _commit(self, group: list[_Act]) -> None:
        try:
            if self._writing is None:  # kept from one commit to the next: opening one costs as much as the commit
                self._writing = self.engine.connect().execution_options(hams_writes=True)
            try:
                transaction = self._writing.begin()
            except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
                # locked or gone: each of the group would wait as long again and fail the same way
                self._let_go()
                for act in group:
                    act.done(None, DatabaseUnavailable(type(error).__name__))
                return
            with transaction:
                values = [act.run(self._writing) for act in group]
        except Exception as error:
            self._let_go()
            if len(group) > 1:  # nothing of the group was kept: each by itself, so that one takes nothing else with it
                for act in group:
                    self._commit([act])
                return
            unreachable = isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError))
            group[0].done(None, DatabaseUnavailable(type(error).__name__) if unreachable else error)
            return
        for act, value in zip(group, values, strict=True):
            act.done(value, None)


async def _in_time(answer: Awaitable[T], within_s: float | None) -> T:
    if within_s is None:
        return await answer
    try:
        async with asyncio.timeout(within_s):
            return await answer
    except TimeoutError:
        raise DatabaseUnavailable("too_slow") from None


def _harden_sqlite(connection: Any, _record: Any) -> None:
    """threats.md: FULL for what must not be lost; secure_delete because a free page keeps what was in it."""
    connection.isolation_level = None  # SQLAlchemy's begin is emitted below, so that savepoints work
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(sa.Engine, "begin")
def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A writer takes the lock at once: upgrading a read lock fails when another process wrote in between.
        writes = connection.get_execution_options().get("hams_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_SQLITE_SAYS = {
    "SQLITE_CANTOPEN": "the file cannot be opened: is its folder there, and may we write in it?",
    "SQLITE_READONLY": "the file may not be written",
    "SQLITE_NOTADB": "the file is no SQLite database",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_BUSY": "another program holds the file",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk refuses",
}
"""By the start of the error's name, which is longer where SQLite knows more."""

_POSTGRES_SAYS = {
    "28": "the server does not let this user in",
    "3D": "the server has no such database",
    "42501": "this user may not do there what is needed, such as make tables",
    "53": "the server has no room: connections, memory or disk",
}
"""By the start of the SQLSTATE. A server that refuses a connection gives none to its client."""


def why(error: Exception) -> str:
    """What is wrong with the durable store, for an operator: words of ours, for the driver's may hold the address."""
    if isinstance(error, DatabaseUnavailable):
        return "it does not answer any more"
    driver = getattr(error, "orig", None)
    kind = type(driver or error).__name__
    code = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None) or ""
    for start, says in (_SQLITE_SAYS | _POSTGRES_SAYS).items():
        if code.startswith(start):
            return says
    if isinstance(error, sa.exc.OperationalError) and kind in ("OperationalError", "ConnectionTimeout"):
        return "no server answers there, or it does not let this user in (address, database, name, password)"
    return f"it cannot be used as it is set ({kind})"


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file at ``path``."""
    return f"sqlite:///{path}"
