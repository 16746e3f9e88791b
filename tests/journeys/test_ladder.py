"""Nobody takes a flagged person: the ladder climbs over real processes, to the duty phone and the helpline's own system."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from tests.journeys.stack import Counsellor, Phone, Stack, start
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

SECRET = "0123456789abcdef0123456789abcdef"
DUTY = "+962790000001"


@dataclass
class Listener:
    """The helpline's own system: takes reports and heartbeats."""

    port: int = 0
    reports: list[dict] = field(default_factory=list)
    beats: int = 0


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    heard = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stamp, mac = (part.partition("=")[2] for part in self.headers["Hams-Signature"].split(","))
            if hmac.compare_digest(mac, hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()):
                heard.reports.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            heard.beats += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Stack]:
    base = f"http://127.0.0.1:{listener.port}"
    with start(
        tmp_path_factory.mktemp("ladder") / "var", HAMS_ALERT_WEBHOOK=f"{base}/alert", HAMS_ALERT_SECRET=SECRET,
        HAMS_DUTY_PHONE=f"JO={DUTY}", HAMS_HEARTBEAT_URL=f"{base}/beat",
    ) as running:
        yield running


def move(stack: Stack, seconds: float) -> None:
    assert httpx.post(f"{stack.base}/simulator/clock", json={"seconds": seconds}).status_code == 200


def until(asked, seconds: float = 10.0):
    deadline = time.monotonic() + seconds
    while not (found := asked()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


def test_a_red_nobody_takes_climbs_to_the_duty_phone_and_stops_when_somebody_comes(stack: Stack, listener: Listener) -> None:
    counsellor = Counsellor(stack)
    phone = Phone(stack)
    for words in ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم"):
        assert phone.say(words)
    assert says(phone.say("1"), "red_emergency")
    [card] = counsellor.queue()
    assert card["climbed"] == 0

    for rung, seconds in ((1, 61), (2, 61), (3, 181)):
        move(stack, seconds)
        until(lambda rung=rung: counsellor.queue()[0]["climbed"] == rung)
        (told,) = phone.heard()
        assert says(told, "nobody_yet")
    report = until(lambda: listener.reports)[0]
    assert (report["handoff"], report["band"], report["country"]) == (card["id"], "RED", "JO")
    [call] = until(lambda: httpx.get(f"{stack.standin}/standin/calls").json()["calls"])
    assert call["to"] == DUTY
    written = httpx.get(f"{stack.standin}/standin/phones/{DUTY}", params={"after": 0, "wait": 5}, timeout=30).json()["messages"]
    assert ["duty screen" in message["body"] for message in written] == [True]
    assert listener.beats, "the dead-man's check"

    stack.kill("api.app:create")
    stack.wait_ready()
    counsellor.claim(card["id"])
    assert says(phone.heard()[0], "counsellor_joined")
    move(stack, 400)
    time.sleep(5)
    assert len(listener.reports) == 1 and phone.heard(wait=0) == []
