"""The product as processes of its own, in demo mode, in a folder of its own; and ways to break it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyotp
from websockets.sync.client import ClientConnection, connect

from api.cli.model import ensure_model
from tests.fixtures_browser_keys import Browser

ROOT = Path(__file__).resolve().parents[2]
OURS = "+15005550006"
PREFIX = {"JO": "+96279", "QA": "+9743", "BH": "+97333", "AE": "+97150"}


@dataclass
class Stack:
    """A running product."""

    var: Path
    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> dict[str, Any]:
        return json.loads((self.var / "run" / "running.json").read_text())

    @property
    def standin(self) -> str:
        return self.running["twilio_api_url"]

    def environ(self) -> dict[str, str]:
        """What a command needs to find this run."""
        return environment(self.var, self.port)

    def part(self, sign: str, seconds: float = 20) -> psutil.Process:
        """The process whose command line holds ``sign``; waits for one that is being started again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if sign in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                        return child
            time.sleep(0.1)
        raise LookupError(sign)

    def kill(self, sign: str) -> None:
        """kill -9, as a crash would."""
        victim = self.part(sign)
        victim.send_signal(signal.SIGKILL)
        with contextlib.suppress(psutil.Error):
            victim.wait(5)

    def wait_ready(self, seconds: float = 120) -> None:
        """Until every part is there again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.base}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError("not ready")

    def metric(self, name: str, **labels: str) -> float:
        """One sample of /metrics."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        for line in httpx.get(f"{self.base}/metrics").text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == name and all(label in head for label in wanted):
                return float(value)
        return 0.0


def environment(var: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAMS_", "TWILIO_", "SENTRY_"))}
    return {**kept, "HAMS_VAR": str(var), "HAMS_PORT": str(port), "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def start(var: Path, **settings: str) -> Iterator[Stack]:
    """Start the product with the trained model of the working tree; stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = os.environ.get("HAMS_TEST_MODEL") or ensure_model(ROOT / "var")
    log = var.with_suffix(".log")
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.supervisor", str(model)], cwd=ROOT, env={**environment(var, port), **settings},
            stdout=sink, stderr=sink, text=True, process_group=0,
        )  # fmt: skip
        stack = Stack(var, port, process, log)
        try:
            stack.wait_ready()
            yield stack
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


class Phone:
    """Somebody's phone at the stand-in."""

    def __init__(self, stack: Stack, country: str = "JO", channel: str = "whatsapp", number: str | None = None) -> None:
        digits = 7 if country != "BH" else 6
        self.number = number or PREFIX[country] + "".join(secrets.choice("0123456789") for _ in range(digits))
        self.channel = channel
        self._stack = stack
        self._after = 0
        self.catch_up()

    def write(self, words: str, **rest: Any) -> int:
        """Write one message; the webhook's status."""
        wish = {"from": self.number, "to": OURS, "channel": self.channel, "body": words, **rest}
        answer = httpx.post(f"{self._stack.standin}/standin/inbound", json=wish, timeout=30).json()
        return int(answer["status"])

    def heard(self, wait: float = 5.0) -> list[str]:
        """What came since the last look; waits for the first."""
        url = f"{self._stack.standin}/standin/phones/{self.number}"
        seen = httpx.get(url, params={"after": self._after, "wait": wait}, timeout=30).json()["messages"]
        self._after = max([self._after, *(message["number"] for message in seen)])
        return [message["body"] for message in seen]

    def say(self, words: str, wait: float = 5.0) -> str:
        """Write and return the answer, empty for silence."""
        assert self.write(words) == 200
        return "\n".join(self.heard(wait))

    def catch_up(self) -> None:
        """Forget what lies on the phone already."""
        self.heard(wait=0)


class Console:
    """A console's socket: its key is said first, and what comes in sealed is opened."""

    def __init__(self, socket: ClientConnection, browser: Browser) -> None:
        self._socket, self._browser = socket, browser
        self._heard: list[dict[str, Any]] = []
        socket.send(browser.hello())
        while (frame := json.loads(socket.recv(timeout=10)))["type"] != "key":
            self._heard.append(frame)

    def say(self, **frame: Any) -> None:
        self._socket.send(json.dumps(frame))

    def watch(self, ticket: str, epoch: int | None = None) -> None:
        self.say(type="watch", handoff=ticket, epoch=epoch)

    def next(self, kind: str, frames: int = 30) -> dict[str, Any]:
        """The next frame of a kind."""
        for _ in range(frames):
            frame = self._heard.pop(0) if self._heard else json.loads(self._socket.recv(timeout=10))
            if frame["type"] == kind:
                return self._browser.read(frame)
        raise AssertionError(f"no {kind}")


class Counsellor:
    """A member of staff with a session, and a browser that can open what is sealed to it once its console was open."""

    def __init__(self, stack: Stack, name: str = "", role: str = "counsellor") -> None:
        self.name = name or "c" + secrets.token_hex(4)
        made = subprocess.run(
            [sys.executable, "-m", "api.cli", "staff", "add", self.name, "--role", role, "--json"],
            cwd=ROOT, env=stack.environ(), capture_output=True, text=True, check=True,
        )
        account = json.loads(made.stdout)
        uri = next(value for value in account.values() if isinstance(value, str) and value.startswith("otpauth://"))
        password = account["password"]
        self.http = httpx.Client(base_url=f"{stack.base}/api/v1", timeout=20)
        code = pyotp.parse_uri(uri).now()
        answer = self.http.post("/session", json={"username": self.name, "password": password, "totp": code})
        assert answer.status_code == 200, answer.text
        self.browser, self._stack = Browser(), stack

    @contextlib.contextmanager
    def console(self, ticket: str | None = None, epoch: int | None = None) -> Iterator[Console]:
        """An open console; of this talk, if one is named."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        with connect(
            f"ws://127.0.0.1:{self._stack.port}/api/v1/live", additional_headers={"Cookie": cookie}, origin=self._stack.base
        ) as socket:
            opened = Console(socket, self.browser)
            if ticket is not None:
                opened.watch(ticket, epoch)
            yield opened

    def queue(self) -> list[dict[str, Any]]:
        return self.http.get("/handoffs").json()["handoffs"]

    def claim(self, ticket: str) -> dict[str, Any]:
        answer = self.http.post(f"/handoffs/{ticket}/claim", json={})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, ticket: str, words: str, epoch: int) -> httpx.Response:
        return self.http.post(f"/handoffs/{ticket}/messages", json={"text": words, "epoch": epoch})
