"""A practice world as processes of its own, started by somebody whose settings are all of the live service."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from api.cli.model import ensure_model
from tests.journeys.stack import ROOT

PATIENCE = 240.0


@dataclass
class Outside:
    """Everything outside that the live settings name, as one open door that nobody may come to."""

    port: int = 0
    callers: list[float] = field(default_factory=list)


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    """Listens, and notes whoever connects."""
    door = Outside()
    with socket.create_server(("127.0.0.1", 0)) as server:
        door.port = server.getsockname()[1]
        server.settimeout(0.2)
        done = threading.Event()

        def wait() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    caller, _ = server.accept()
                    door.callers.append(time.time())
                    caller.close()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        yield door
        done.set()
        thread.join()


def live_settings(port: int, database: Path) -> dict[str, str]:
    """What an operator's shell holds: a way out for everything, and stores with people in them."""
    door = f"http://127.0.0.1:{port}"
    return {
        "HAMS_MODE": "live", "HAMS_DATABASE_URL": f"sqlite:///{database}", "HAMS_REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "HAMS_SECRET_KEYS": secrets.token_hex(32), "HAMS_ALERT_WEBHOOK": f"{door}/alert",
        "HAMS_ALERT_SECRET": "0123456789abcdef0123456789abcdef", "HAMS_HEARTBEAT_URL": f"{door}/beat",
        "HAMS_DUTY_PHONE": "JO=+962790000001", "TWILIO_SMS_FROM": "+962790000002", "TWILIO_WHATSAPP_FROM": "+962790000003",
        "TWILIO_ACCOUNT_SID": "AC" + "a" * 32, "TWILIO_AUTH_TOKEN": "b" * 32, "HAMS_TWILIO_API_URL": door,
        "SENTRY_DSN": f"http://key@127.0.0.1:{port}/1", "HAMS_PRACTICE_URL": f"{door}", "HAMS_PORT": "9",
    }


@dataclass
class World:
    """A running practice world."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def learner(self, name: str = "practice-1") -> Learner:
        return Learner(self, name)


@contextlib.contextmanager
def start_practice(folder: Path, environ: dict[str, str]) -> Iterator[World]:
    """Start a world; stop it at the end, by which nothing of it may be left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = os.environ.get("HAMS_TEST_MODEL") or str(ensure_model(ROOT / "var"))
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.practice", model, str(folder), "--port", str(port)], cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ}, stdout=sink, stderr=sink, text=True, process_group=0,
        )  # fmt: skip
        try:
            wait_for(lambda: _ready(f"http://127.0.0.1:{port}/readyz", process, log), "the practice world is ready")
            yield World(folder, port, process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _ready(url: str, process: subprocess.Popen[str], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code == 200
    return False


def wait_for(sign: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What ``sign`` gives, as soon as it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = sign()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited in vain: {what}")


class Learner:
    """A new counsellor who practises."""

    def __init__(self, world: World, name: str) -> None:
        self.http = httpx.Client(base_url=f"{world.base}/api/v1", timeout=30)
        self.signed_in = self.http.post("/practice/session", json={"name": name})
        assert self.signed_in.status_code == 200, self.signed_in.text

    def lets_come(self, code: str) -> None:
        assert self.http.put("/practice/pace", json={"pace": "asked", "haste": 4}).status_code == 200
        assert self.http.post("/practice/people", json={"code": code}).status_code == 200

    def cards(self) -> list[dict[str, Any]]:
        return self.http.get("/handoffs").json()["handoffs"]

    def card(self, ticket: str) -> dict[str, Any]:
        return self.http.get(f"/handoffs/{ticket}").json()

    def look_backs(self) -> list[str]:
        return self.http.get("/practice").json()["look_backs"]
