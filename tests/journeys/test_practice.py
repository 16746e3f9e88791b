"""One whole practice talk over real processes, started from a shell that holds every setting of the live service."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api.database import Database
from api.migrations import upgrade
from api.settings import socket_folder
from tests.fixtures_browser_keys import Browser
from tests.journeys.practice_world import Learner, Outside, World, live_settings, outside, start_practice, wait_for

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def door() -> Iterator[Outside]:
    with outside() as listening:
        yield listening


@pytest.fixture(scope="module")
def live_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "hams.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, door: Outside, live_database: Path) -> Iterator[World]:
    before = _digest(live_database)
    with start_practice(tmp_path_factory.mktemp("practice") / "practice", live_settings(door.port, live_database)) as running:
        yield running
        places = [running.folder / "world", socket_folder(running.folder / "world")]
        parts = psutil.Process(running.process.pid).children(recursive=True)
    assert [place for place in places if place.exists()] == [], "something of a practice world was kept"
    assert not any(part.is_running() and part.status() != psutil.STATUS_ZOMBIE for part in parts)
    assert _digest(live_database) == before, "practice touched the live database"
    assert door.callers == [], "somebody outside was called from practice"


def _digest(database: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in database.parent.iterdir()}


def test_a_whole_practice_talk_with_an_exit_in_the_middle(world: World, door: Outside) -> None:
    learner = world.learner()
    assert re.match(r"hams-practice=", learner.signed_in.headers.get_list("set-cookie")[0]), "a cookie of a name of its own"
    learner.lets_come("leaves-midway")
    card = wait_for(learner.cards, "the made-up person is in the queue")[0]
    wait_for(lambda: learner.card(card["id"])["wish"], "they have asked for a person")
    claimed = learner.http.post(f"/handoffs/{card['id']}/claim", json={}).json()
    cookie = "; ".join(f"{name}={value}" for name, value in learner.http.cookies.items())
    with connect(
        f"ws://127.0.0.1:{world.port}/api/v1/live", additional_headers={"Cookie": cookie}, origin=world.base
    ) as socket:
        socket.send(Browser().hello())
        socket.send(json.dumps({"type": "watch", "handoff": card["id"], "epoch": claimed["epoch"]}))
        came: list[str] = []
        listening = threading.Thread(target=_listen, args=(socket, came), daemon=True)
        listening.start()
        for number, words in enumerate(("مرحبا، معك ريم من الفريق", "خذي راحتك، أنا هنا", "هل تردين بـ 0 أو 1؟"), 1):
            sent = learner.http.post(f"/handoffs/{card['id']}/messages", json={"text": words, "epoch": claimed["epoch"]})
            assert sent.status_code == 200 and sent.json()["state"] == "sent", sent.text
            wait_for(lambda n=number: came.count("message") >= n, f"answer {number}")
        last = learner.http.post(f"/handoffs/{card['id']}/messages", json={"text": "أنا معك", "epoch": claimed["epoch"]})
        assert last.json()["state"] == "sent"
        wait_for(lambda: "left" in came, "they leave in the middle")
    assert learner.card(card["id"])["left_chat"] is True
    late = learner.http.post(f"/handoffs/{card['id']}/messages", json={"text": "أين أنت؟", "epoch": claimed["epoch"]})
    assert late.status_code == 409, "nothing is sent after an exit, in practice as in life"

    wait_for(learner.look_backs, "the talk can be looked back at")
    page = learner.http.get(f"{world.base}/console/practice/looks?lang=en").text
    for fact in ("The person left the chat", "From arriving to being taken", "with a bare 0 or x"):
        assert fact in page
    assert "ريم" not in page and "راحتك" not in page, "no word of a talk is in the look back"
    assert door.callers == [], "the dead-man's check, at the latest, would have been asked by now"


def test_somebody_leaves_and_comes_back_as_a_stranger(world: World) -> None:
    learner = world.learner("practice-2")
    there = {card["id"] for card in learner.cards()}
    learner.lets_come("comes-back")

    def new() -> list[dict[str, object]]:
        return [card for card in learner.cards() if card["id"] not in there]

    card = wait_for(new, "they are in the queue")[0]
    assert card["band"] == "RED"
    claimed = learner.http.post(f"/handoffs/{card['id']}/claim", json={}).json()
    for words in ("مرحبا", "أنا هنا", "تمام"):
        learner.http.post(f"/handoffs/{card['id']}/messages", json={"text": words, "epoch": claimed["epoch"]})
        wait_for(lambda: learner.card(card["id"]), "still there")
    wait_for(lambda: _write_until_left(learner, card["id"], claimed["epoch"]), "they leave")
    again = wait_for(lambda: [one for one in new() if one["id"] != card["id"]], "they come back")[0]
    assert again["repeat"] == 1 and again["left_chat"] is False


def _write_until_left(learner: Learner, ticket: str, epoch: int) -> bool:
    if learner.card(ticket)["left_chat"]:
        return True
    learner.http.post(f"/handoffs/{ticket}/messages", json={"text": "أنا معك", "epoch": epoch})
    return False


def _comes(learner: Learner, code: str) -> dict[str, Any]:
    """Let somebody come; their card, once it is there."""
    there = {card["id"] for card in learner.cards()}
    learner.lets_come(code)
    return wait_for(lambda: [card for card in learner.cards() if card["id"] not in there], f"{code} is in the queue")[0]


def test_duress_words_leave_in_silence_and_ring(world: World) -> None:
    learner = world.learner()
    ticket = _comes(learner, "duress")["id"]
    epoch = learner.http.post(f"/handoffs/{ticket}/claim", json={}).json()["epoch"]
    wait_for(lambda: _write_until_left(learner, ticket, epoch), "they write the two words")
    card = learner.card(ticket)
    assert card["band"] == "RED" and "duress" in card["reasons"] and card["left_chat"]


def test_a_reply_window_closes_here_and_at_the_provider(world: World) -> None:
    learner = world.learner()
    ticket = _comes(learner, "window-closes")["id"]

    def left() -> float:
        closes = datetime.fromisoformat(learner.card(ticket)["window_closes_at"])
        return (closes - datetime.now(UTC)).total_seconds()

    wait_for(lambda: left() < 300, "four minutes are left")
    assert learner.http.post(f"/handoffs/{ticket}/claim", json={}).status_code == 200


def test_whoever_writes_to_somebody_who_cannot_talk_hears_it_in_the_look_back(world: World) -> None:
    learner = world.learner("practice-2")
    seen = len(learner.look_backs())
    ticket = _comes(learner, "cannot-talk")["id"]
    wait_for(lambda: learner.card(ticket)["not_now"], "they cannot talk now")
    epoch = learner.http.post(f"/handoffs/{ticket}/claim", json={}).json()["epoch"]
    learner.http.post(f"/handoffs/{ticket}/messages", json={"text": "مرحبا", "epoch": epoch})
    closed = learner.http.post(f"/handoffs/{ticket}/close", json={"epoch": epoch, "outcome": "no_answer", "done": ["listened"]})
    assert closed.status_code == 200, closed.text
    wait_for(lambda: len(learner.look_backs()) > seen, "the talk can be looked back at")
    first = learner.http.get(f"{world.base}/console/practice/looks?lang=en").text.split("</article>")[0]
    assert "cannot talk" in first and "Messages written after" in first and "Listened" in first


def test_practice_stands_back_behind_the_live_line(world: World) -> None:
    for part in [psutil.Process(world.process.pid), *psutil.Process(world.process.pid).children(recursive=True)]:
        assert part.nice() >= 5
        assert Path(f"/proc/{part.pid}/oom_score_adj").read_text().strip() == "800"


def test_the_room_can_be_emptied(world: World) -> None:
    learner = world.learner()
    learner.lets_come("danger-now")
    wait_for(learner.cards, "somebody is there")
    assert learner.http.delete("/practice/people").json()["here"] == []
    assert learner.cards() == []


def test_there_is_no_simulator_no_live_sign_in_and_no_account_page(world: World) -> None:
    assert httpx.get(f"{world.base}/simulator").status_code == 404
    page = httpx.get(f"{world.base}/console/sign-in").text
    assert "password" not in page and "<input" not in page
    moved = httpx.get(f"{world.base}/console/account")
    assert moved.status_code == 303 and moved.headers["location"].startswith("/console/practice")


def _listen(socket: ClientConnection, came: list[str]) -> None:
    try:
        for frame in socket:
            came.append(json.loads(frame)["type"])
    except ConnectionClosed:
        return
