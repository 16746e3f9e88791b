"""The JSON API: who may do what over HTTP, errors as problems without echo, the live socket over a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from redis.asyncio import Redis

from api.database import Database, DatabaseUnavailable
from api.handoffs import leases, queue
from api.handoffs.relay import Relay, SendState
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, mark_left, note_not_now, open_handoff
from api.staff.sessions import IDLE_SECONDS, Sessions
from api.staff.tables import staff
from api.v1 import LARGEST_BODY, Deps, build_v1, sessions_of
from safety.message_text import MessageText
from tests.fixtures_browser_keys import Browser, Screen, on_screen
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import (
    KEYRING,
    NOON,
    PASSWORDS,
    Clock,
    FakeOutbox,
    code_of,
    databases,
    hire,
    new_id,
    wish,
)

CANARY = "kanari-4b1d"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


@dataclass(slots=True)
class Line:
    """A helpline with its API mounted where it belongs."""

    app: FastAPI
    deps: Deps
    outbox: FakeOutbox
    clock: Clock
    relay: Relay
    v1: Any = None

    @property
    def sessions(self) -> Sessions:
        return sessions_of(self.deps)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://line.test/api/v1/")

    async def signed_in(self, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> httpx.AsyncClient:
        member = hire(self.deps.database, name, role, desks)
        client = self.client()
        said = {"username": name, "password": member.password, "totp": code_of(member, self.clock())}
        answer = await client.post("session", json=said)
        assert answer.status_code == 200, answer.text
        return client

    async def flag(self, **changes: Any) -> Ticket:
        ticket = await self.deps.database.write(
            lambda c: open_handoff(c, wish(**changes), new_id=new_id(), now=self.clock())
        )
        await queue.announce(self.deps.redis)
        return ticket


@pytest.fixture
async def line(database: Database, redis: Redis) -> AsyncIterator[Line]:
    outbox, clock = FakeOutbox(), Clock()
    deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS)
    app, v1 = FastAPI(), build_v1(deps)
    app.mount("/api/v1", v1)
    yield Line(app, deps, outbox, clock, v1.state.relay, v1)
    await v1.state.hub.close()


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"], body["status"]) == (status, f"urn:hams:problem:{code}", status)
    assert answer.headers["cache-control"] == "no-store"
    return body


async def test_signing_in_sets_a_cookie_no_script_can_read(line: Line) -> None:
    member = hire(line.deps.database, "salma")
    answer = await line.client().post(
        "session", json={"username": "salma", "password": member.password, "totp": code_of(member)}
    )
    cookie = answer.headers["set-cookie"].lower()
    assert answer.json() == {"username": "salma", "role": "counsellor", "desks": [], "idle_seconds": IDLE_SECONDS}
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie and "domain" not in cookie


async def test_under_https_the_cookie_is_secure_and_bound_to_the_host(line: Line) -> None:
    v1 = build_v1(replace(line.deps, public_url="https://line.test"))
    member = hire(line.deps.database, "salma")
    client = httpx.AsyncClient(transport=httpx.ASGITransport(v1), base_url="https://line.test")
    answer = await client.post(
        "/session", json={"username": "salma", "password": member.password, "totp": code_of(member)}
    )
    assert answer.headers["set-cookie"].startswith("__Host-hams=") and "Secure" in answer.headers["set-cookie"]
    assert (await client.get("/handoffs")).status_code == 200


async def test_every_wrong_sign_in_gets_the_same_bytes(line: Line) -> None:
    member = hire(line.deps.database, "salma")
    good = code_of(member)
    bodies = set()
    for name, password, code in (
        ("nobody", member.password, good), ("salma", CANARY, good), ("salma", member.password, "12345"),
    ):
        answer = await line.client().post("session", json={"username": name, "password": password, "totp": code})
        problem(answer, 401, "refused")
        assert "set-cookie" not in answer.headers
        bodies.add(answer.content)
    assert len(bodies) == 1


async def test_too_many_tries_are_told_when_to_come_back(line: Line) -> None:
    client = line.client()
    said = {"username": "salma", "password": CANARY, "totp": "000000"}
    for _ in range(4):
        problem(await client.post("session", json=said), 401, "refused")
    answer = await client.post("session", json=said)
    problem(answer, 429, "too-soon")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "handoffs"), ("GET", "session"), ("GET", "stats"), ("GET", "referrals"), ("POST", "handoffs/x/claim"),
     ("POST", "handoffs/x/close"), ("POST", "handoffs/x/release"), ("POST", "handoffs/x/refer")],
)
async def test_nothing_is_shown_to_somebody_not_signed_in(method: str, path: str, line: Line) -> None:
    problem(await line.client().request(method, path), 401, "signed-out")


@pytest.mark.parametrize("role", ["office", "editor", "clinical", "security", "publisher", "admin"])
async def test_only_counsellors_and_supervisors_see_people(role: str, line: Line) -> None:
    client = await line.signed_in("x1", role)
    ticket = await line.flag()
    problem(await client.get("handoffs"), 403, "not-your-role")
    problem(await client.post(f"handoffs/{ticket.id}/claim"), 403, "not-your-role")


async def test_a_card_holds_what_the_contract_says_and_no_person(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED", reasons=("P1", "N2"), place="JO-AM", call=True)
    [card] = (await client.get("handoffs")).json()["handoffs"]
    assert card | {"id": ticket.id, "band": "RED", "priority": "P0", "reasons": ["N2", "P1"], "country": "JO"} == card
    assert card | {"state": "queued", "epoch": 1, "owner": None, "repeat": 0, "left_chat": False} == card
    assert card | {"call_wish": True, "place": "JO-AM", "variant": "lev", "channel": "whatsapp"} == card
    assert card["waiting_since"] == "2027-01-15T08:00:00Z" and card["window_closes_at"] == "2027-01-16T08:00:00Z"
    assert not {"person", "reply_address", "repeat_key", "sender", "generation"} & set(card)


async def test_the_queue_is_ordered_by_band_then_by_waiting(line: Line) -> None:
    client = await line.signed_in("salma")
    wanted = []
    for offset, band, asked in ((0, "UNKNOWN", False), (1, "ELEVATED", False), (2, "HIGH", False), (3, "RED", False),
                                (4, "RED", False), (5, "UNKNOWN", True)):
        line.clock.now = NOON + offset
        wanted.append((await line.flag(person=new_id(), band=band, wish=asked)).id)
    got = [card["id"] for card in (await client.get("handoffs")).json()["handoffs"]]
    assert got == [wanted[3], wanted[4], wanted[2], wanted[1], wanted[5], wanted[0]]


async def test_under_junk_the_red_ones_are_on_top(line: Line) -> None:
    client = await line.signed_in("salma")

    def fill(c: Any) -> None:
        for _ in range(300):
            open_handoff(c, wish(person=new_id(), band="UNKNOWN"), new_id=new_id(), now=NOON)

    await line.deps.database.write(fill)
    red = [(await line.flag(person=new_id(), band="RED")).id for _ in range(3)]
    cards = (await client.get("handoffs")).json()["handoffs"]
    assert [card["id"] for card in cards[:3]] == sorted(red) and len(cards) == queue.MOST_CARDS


async def test_repeat_contact_is_only_a_count(line: Line) -> None:
    client = await line.signed_in("salma")
    await line.flag()
    await line.deps.database.write(lambda c: mark_left(c, "a" * 32, now=NOON))
    line.clock.now += 5
    second = await line.flag()
    card = (await client.get(f"handoffs/{second.id}")).json()
    assert card["repeat"] == 1


async def test_another_desks_ticket_is_not_found(line: Line) -> None:
    amman = await line.signed_in("salma", desks=("amman",))
    ticket, everybodys = await line.flag(desk="doha"), await line.flag(person=new_id())
    assert [card["id"] for card in (await amman.get("handoffs")).json()["handoffs"]] == [everybodys.id]
    for act in ("claim", "release", "close"):
        problem(await amman.post(f"handoffs/{ticket.id}/{act}"), 404, "not-found")
    problem(await amman.post(f"handoffs/{ticket.id}/messages", json={"text": "hi"}), 404, "not-found")
    problem(await amman.get(f"handoffs/{ticket.id}"), 404, "not-found")


@pytest.mark.parametrize("name", ["nobody", "%00", "..", "x" * 500, "%D8%A7", "1%27%20or%201=1"])
async def test_an_id_that_does_not_exist_is_not_found_and_not_echoed(name: str, line: Line) -> None:
    client = await line.signed_in("salma")
    answer = await client.post(f"handoffs/{name}/claim")
    problem(answer, 404, "not-found")


async def test_claim_talk_and_close(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    card = (await client.post(f"handoffs/{ticket.id}/claim", json={"epoch": ticket.epoch})).json()
    assert (card["owner"], card["state"], card["epoch"]) == ("salma", "claimed", 2)
    for number in (1, 2):
        sent = await client.post(f"handoffs/{ticket.id}/messages", json={"text": f"أنا هنا {number}", "epoch": 2})
        assert sent.json() == {"seq": number, "state": "sent"}
    assert line.outbox.sent == [(ticket.id, "أنا هنا 1"), (ticket.id, "أنا هنا 2")]
    await line.relay.to_counsellor(ticket.id, MessageText("unread"))
    closed = (await client.post(f"handoffs/{ticket.id}/close", json={"epoch": 2, "outcome": "helped"})).json()
    assert (closed["state"], closed["outcome"]) == ("closed", "helped")
    stored = await line.deps.database.read(lambda c: find(c, ticket.id))
    assert stored is not None and stored.reply_address is None
    assert await line.relay.waiting(ticket.id) == ()
    problem(await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"}), 409, "wrong-state")
    assert (await client.get("handoffs")).json() == {"handoffs": []}


async def test_the_person_is_told_who_comes_goes_and_ends(line: Line) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    path = f"handoffs/{ticket.id}"
    await client.post(f"{path}/claim")
    await client.post(f"{path}/claim")
    await client.post(f"{path}/messages", json={"text": "معك"})
    await client.post(f"{path}/release")
    await client.post(f"{path}/claim")
    await client.post(f"{path}/release")
    await client.post(f"{path}/claim")
    await client.post(f"{path}/messages", json={"text": "معك"})
    await client.post(f"{path}/close", json={"outcome": "helped"})
    names = [name for _, name in line.outbox.told]
    joined = "counsellor_joined"
    assert names == [joined, "counsellor_away", joined, "counsellor_away", joined, "talk_closed"]


async def test_a_phone_is_not_lit_up_by_the_program_when_nobody_is_there_or_nobody_can_talk(line: Line) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    line.clock.now += 3600
    await client.post(f"handoffs/{ticket.id}/claim")
    card = (await client.get(f"handoffs/{ticket.id}")).json()
    assert (card["answered"], card["not_now"]) == (False, False)
    other = await line.flag(person="b" * 32)
    await line.deps.database.write(lambda c: note_not_now(c, other.person, other.channel, on=True))
    await client.post(f"handoffs/{other.id}/claim")
    assert (await client.get(f"handoffs/{other.id}")).json()["not_now"] is True
    assert line.outbox.told == []
    await client.post(f"handoffs/{ticket.id}/messages", json={"text": "معك"})
    assert (await client.get(f"handoffs/{ticket.id}")).json()["answered"] is True


async def test_of_two_counsellors_who_claim_one_owns(line: Line) -> None:
    first, second = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await line.flag()
    answers = await asyncio.gather(*(c.post(f"handoffs/{ticket.id}/claim", json={"epoch": 1}) for c in (first, second)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    loser = second if answers[0].status_code == 200 else first
    problem(await loser.post(f"handoffs/{ticket.id}/messages", json={"text": "x"}), 409, "not-yours")
    assert line.outbox.sent == []


async def test_a_stale_epoch_sends_nothing(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    for path, body in (("claim", {"epoch": 9}),):
        problem(await client.post(f"handoffs/{ticket.id}/{path}", json=body), 409, "stale-epoch")
    await client.post(f"handoffs/{ticket.id}/claim")
    for path, body in (("messages", {"text": "x", "epoch": 1}), ("release", {"epoch": 1}), ("close", {"epoch": 1})):
        problem(await client.post(f"handoffs/{ticket.id}/{path}", json=body), 409, "stale-epoch")
    assert line.outbox.sent == []


async def test_after_an_exit_nothing_is_sent(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"handoffs/{ticket.id}/claim")
    await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=NOON))
    problem(await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x", "epoch": 2}), 409, "stale-epoch")
    problem(await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"}), 409, "wrong-state")
    assert line.outbox.sent == []
    [card] = (await client.get("handoffs")).json()["handoffs"]
    assert (card["left_chat"], card["state"], card["owner"]) == (True, "left", "salma")


async def test_an_exit_the_table_does_not_show_yet_is_refused_by_the_outbox(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"handoffs/{ticket.id}/claim")
    line.outbox.state = SendState.REFUSED
    answer = await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"})
    assert answer.json() == {"seq": 1, "state": "refused"}


async def test_a_message_that_is_sent_again_under_its_id_goes_once_and_is_answered_the_same(line: Line) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    body = {"text": "معك", "id": "0123456789abcdef"}
    first, again = [(await client.post(f"handoffs/{ticket.id}/messages", json=body)).json() for _ in range(2)]
    assert first == again and first["state"] == "sent" and line.outbox.sent == [(ticket.id, "معك")]
    other = (await client.post(f"handoffs/{ticket.id}/messages", json=body | {"id": "f" * 16})).json()
    assert other["seq"] == first["seq"] + 1 and len(line.outbox.sent) == 2


async def test_a_message_sent_again_while_the_first_try_is_on_its_way_waits_for_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    real, go = FakeOutbox.send, asyncio.Event()

    async def slow(*what: Any) -> SendState:
        await go.wait()
        return await real(*what)

    monkeypatch.setattr(FakeOutbox, "send", slow)
    body = {"text": "معك", "id": "0123456789abcdef"}
    tries = [asyncio.create_task(client.post(f"handoffs/{ticket.id}/messages", json=body)) for _ in range(3)]
    await asyncio.sleep(0.3)
    go.set()
    answers = [(await one).json() for one in tries]
    assert answers == [answers[0]] * 3 and line.outbox.sent == [(ticket.id, "معك")]


async def test_a_message_that_went_out_is_answered_so_though_hands_changed_since(line: Line) -> None:
    salma, huda, ticket = await line.signed_in("salma"), await line.signed_in("huda"), await line.flag()
    epoch = (await salma.post(f"handoffs/{ticket.id}/claim")).json()["epoch"]
    body = {"text": "معك", "id": "0123456789abcdef", "epoch": epoch}
    sent = (await salma.post(f"handoffs/{ticket.id}/messages", json=body)).json()
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
    assert (await salma.post(f"handoffs/{ticket.id}/messages", json=body)).json() == sent
    mine = (await huda.post(f"handoffs/{ticket.id}/messages", json={"text": "هلا", "id": "0123456789abcdef"})).json()
    assert mine["seq"] == sent["seq"] + 1, "an id is its writer's own"


async def test_a_message_whose_gateway_died_on_the_way_is_not_sent_again_and_nobody_claims_to_know(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    member = (await line.deps.database.read(lambda c: find(c, ticket.id))).owner  # type: ignore[union-attr]
    assert await line.relay.begin_once(ticket.id, f"{member}.0123456789abcdef")
    monkeypatch.setattr("api.handoffs.relay._ON_ITS_WAY_SECONDS", 0)
    await asyncio.sleep(1.1)
    answer = await client.post(f"handoffs/{ticket.id}/messages", json={"text": "معك", "id": "0123456789abcdef"})
    assert answer.json() == {"seq": 0, "state": "unsure"} and line.outbox.sent == []


async def test_a_try_that_failed_before_it_was_sent_may_be_made_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    client, ticket = await line.signed_in("salma"), await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")

    async def away(*_: Any) -> SendState:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(FakeOutbox, "send", away)
        body = {"text": "معك", "id": "0123456789abcdef"}
        problem(await client.post(f"handoffs/{ticket.id}/messages", json=body), 503, "store-away")
    assert (await client.post(f"handoffs/{ticket.id}/messages", json=body)).json()["state"] == "sent"


@pytest.mark.parametrize("state", [SendState.REFUSED, SendState.FAILED])
async def test_a_first_message_that_did_not_go_out_silences_no_bot(line: Line, state: SendState) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"handoffs/{ticket.id}/claim")

    async def now() -> Ticket:
        found = await line.deps.database.read(lambda c: find(c, ticket.id))
        assert found is not None
        return found

    before = await now()
    line.outbox.state = state
    await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"})
    after = await now()
    assert not after.talking and after.introduced == before.introduced
    line.outbox.state = SendState.SENT
    await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"})
    assert (await now()).talking
    line.outbox.state = state  # a later one that fails takes nothing back
    await client.post(f"handoffs/{ticket.id}/messages", json={"text": "x"})
    assert (await now()).talking


async def test_a_transfer_goes_to_a_colleague_or_a_staffed_desk(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda", desks=("doha",))
    await line.signed_in("editor1", "editor")
    ticket = await line.flag()
    await salma.post(f"handoffs/{ticket.id}/claim")
    for body, pointer in (({}, "/to"), ({"to": "huda", "desk": "doha"}, "/to"), ({"to": "nobody"}, "/to"),
                          ({"to": "editor1"}, "/to"), ({"desk": "nowhere"}, "/desk")):
        errors = problem(await salma.post(f"handoffs/{ticket.id}/transfer", json=body), 422, "invalid")["errors"]
        assert errors[0]["pointer"] == pointer
    moved = (await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "Huda", "epoch": 2})).json()
    assert (moved["owner"], moved["epoch"]) == ("huda", 3)
    back = (await huda.post(f"handoffs/{ticket.id}/transfer", json={"desk": "doha", "epoch": 3})).json()
    assert (back["owner"], back["state"], back["desk"]) == (None, "queued", "doha")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"text": ""}, "/text"), ({"text": "   "}, "/text"), ({"text": "x" * 1601}, "/text"), ({}, "/text"),
     ({"text": 5}, "/text"), ({"text": CANARY + "\x00"}, "/text"), ({"text": "x", "epoch": CANARY}, "/epoch"),
     ({"text": "x", "epoch": -1}, "/epoch")],
)
async def test_a_bad_message_is_named_by_field_and_never_echoed(body: dict[str, Any], pointer: str, line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    answer = await client.post(f"handoffs/{ticket.id}/messages", json=body)
    assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == pointer
    assert CANARY not in answer.text and "input" not in answer.text


async def test_what_turns_the_order_of_words_is_taken_out_and_what_arabic_is_typed_with_is_sent(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    path = f"handoffs/{ticket.id}/messages"
    for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A)):  # a number copied from a contact's card brings some
        assert (await client.post(path, json={"text": f"a{chr(code)}b"})).status_code == 200
        assert chr(code) not in line.outbox.sent[-1][1] and "ab" in line.outbox.sent[-1][1]
    problem(await client.post(path, json={"text": "\u202a \u202c"}), 422, "invalid")
    typed = "نعم\u200f، هنا\u200e می\u200cخواهم ه\u200d\u061c"
    assert (await client.post(path, json={"text": typed})).status_code == 200
    assert typed in line.outbox.sent[-1][1]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [(b'{"text": "' + CANARY.encode(), "application/json", 400, "not-json"),
     (b"text=" + CANARY.encode(), "application/x-www-form-urlencoded", 415, "not-json-type"),
     (b'{"text": "x"}', "text/plain", 415, "not-json-type"),
     (b"[]", "application/json", 422, "invalid"),
     (b'{"text": "\\ud800' + CANARY.encode() + b'"}', "application/json", 422, "invalid"),
     (b"\xff\xfe" + CANARY.encode(), "application/json", 400, "bad-request"),
     (b'{"text": "' + b"x" * LARGEST_BODY + b'"}', "application/json", 413, "too-large")],
)
async def test_a_body_that_is_no_message_is_a_problem(
    content: bytes, kind: str, status: int, code: str, line: Line
) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")
    answer = await client.post(f"handoffs/{ticket.id}/messages", content=content, headers={"content-type": kind})
    problem(answer, status, code)
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"},
     {"sec-fetch-site": "same-site"}],
)
async def test_another_site_can_do_nothing_in_a_counsellors_name(headers: dict[str, str], line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    problem(await client.post(f"handoffs/{ticket.id}/claim", json={}, headers=headers), 403, "foreign-origin")
    stored = await line.deps.database.read(lambda c: find(c, ticket.id))
    assert stored == ticket


async def test_our_own_pages_may(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    own = {"origin": "http://line.test", "sec-fetch-site": "same-origin"}
    assert (await client.post(f"handoffs/{ticket.id}/claim", json={}, headers=own)).status_code == 200


async def test_signing_out_ends_the_session(line: Line) -> None:
    client = await line.signed_in("salma")
    cookies = dict(client.cookies)
    assert (await client.delete("session")).status_code == 204
    client.cookies.update(cookies)
    problem(await client.get("handoffs"), 401, "signed-out")


async def test_a_new_password_ends_other_sessions_and_keeps_this_one(line: Line) -> None:
    member = hire(line.deps.database, "salma")
    here, there = line.client(), line.client()
    for client in (here, there):
        said = {"username": "salma", "password": member.password, "totp": code_of(member, line.clock())}
        assert (await client.post("session", json=said)).status_code == 200
        line.clock.now += 30
    body = {"password": member.password, "new_password": "a better pass phrase"}
    assert (await here.post("session/password", json=body)).status_code == 200
    assert (await here.get("handoffs")).status_code == 200
    problem(await there.get("handoffs"), 401, "signed-out")
    weak = await here.post("session/password", json={"password": "a better pass phrase", "new_password": "kurz"})
    assert problem(weak, 422, "invalid")["errors"][0]["pointer"] == "/new_password" and "kurz" not in weak.text


async def test_referrals_come_later(line: Line) -> None:
    client = await line.signed_in("salma")
    problem(await client.post("handoffs/x/refer"), 501, "comes-later")
    assert "comes with referrals" in (await client.get("referrals")).json()["detail"]


async def test_figures_hide_small_cells(line: Line) -> None:
    client = await line.signed_in("rana", "supervisor")
    for band, count in (("RED", 4), ("HIGH", 5)):
        for _ in range(count):
            await line.flag(person=new_id(), band=band)
    figures = (await client.get("stats")).json()
    assert figures["tickets"]["RED"] is None and figures["tickets"]["HIGH"] == 5 and figures["waiting"]["P0"] == 4


async def test_the_api_describes_itself(line: Line) -> None:
    described = (await line.client().get("openapi.json")).json()
    assert {"/session", "/handoffs", "/handoffs/{ticket_id}/claim", "/handoffs/{ticket_id}/refer", "/stats"} <= set(
        described["paths"]
    )
    assert "ValidationError" not in described["components"]["schemas"]


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "nothing", 404, "not-found"), ("PUT", "session", 405, "wrong-method"), ("GET", "docs", 404, "not-found"),
])
async def test_what_is_not_there_is_a_problem_too(
    method: str, path: str, status: int, code: str, line: Line
) -> None:
    problem(await line.client().request(method, path), status, code)


async def test_a_failure_inside_shows_nothing_of_itself(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    await client.post(f"handoffs/{ticket.id}/claim")

    async def broken(*_: object) -> SendState:
        raise ValueError(CANARY)

    monkeypatch.setattr(FakeOutbox, "send", broken)
    answer = await client.post(f"handoffs/{ticket.id}/messages", json={"text": CANARY})
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text and "Traceback" not in answer.text


async def test_with_redis_away_the_answer_is_a_problem_and_not_a_wait(line: Line, tmp_path: Path) -> None:
    nowhere = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    app = FastAPI()
    app.mount("/api/v1", build_v1(replace(line.deps, redis=nowhere)))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://line.test/api/v1/")
    problem(await client.post("session", json={"username": "a", "password": "b", "totp": "c"}), 503, "store-away")


# -- the live socket, over a real server ---------------------------------------------------------------------------


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The application behind uvicorn on a free port of loopback."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=5))
    task = asyncio.create_task(uvicorn_server.serve([listening]))
    while not uvicorn_server.started:
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        uvicorn_server.should_exit = True
        await task
        listening.close()


BROWSERS: dict[str, Browser] = {}
"""By cookie: a page that is loaded anew in the same session has the same key."""


def browser_of(client: httpx.AsyncClient) -> Browser:
    return BROWSERS.setdefault(str(client.cookies.get("hams")), Browser())


@asynccontextmanager
async def live(
    port: int, client: httpx.AsyncClient, *, browser: Browser | None = None, **headers: str
) -> AsyncIterator[Screen]:
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/api/v1/live", additional_headers={"Cookie": cookie, **headers}
    ) as opened:
        screen = Screen(opened, browser or browser_of(client))
        with contextlib.suppress(websockets.ConnectionClosed):
            await screen.begin()
        yield screen


async def on_duty(line: Line, client: httpx.AsyncClient) -> Browser:
    """A console of this session is open, or was a moment ago."""
    session = await line.sessions.read(client.cookies.get("hams"))
    assert session is not None and await line.v1.state.on_duty.keys.register(session, browser_of(client).public)
    return browser_of(client)


async def heard(opened: Screen, kind: str, seconds: float = 5) -> dict[str, Any]:
    """The next message of a kind."""
    async with asyncio.timeout(seconds):
        while True:
            message: dict[str, Any] = json.loads(await opened.recv())
            if message["type"] == kind:
                return message


async def silence(opened: Screen, kind: str, seconds: float = 0.3) -> None:
    with pytest.raises(TimeoutError):
        await heard(opened, kind, seconds)


async def test_a_flag_appears_on_an_open_console(line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port, live(port, client) as console:
        assert (await heard(console, "queue"))["handoffs"] == []
        ticket = await line.flag(band="RED")
        [card] = (await heard(console, "queue", 1))["handoffs"]
        assert (card["id"], card["priority"]) == (ticket.id, "P0")


async def test_words_reach_the_owners_screen_and_go_on_acknowledgement(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag()
    card = (await client.post(f"handoffs/{ticket.id}/claim")).json()
    await on_duty(line, client)
    await line.relay.to_counsellor(ticket.id, MessageText("before"))
    async with served(line.app) as port, live(port, client) as console:
        await console.send(json.dumps({"type": "watch", "handoff": ticket.id, "epoch": card["epoch"]}))
        assert (await heard(console, "message"))["text"] == "before"
        await line.relay.to_counsellor(ticket.id, MessageText("الآن"))
        second = await heard(console, "message", 1)
        assert (second["handoff"], second["seq"], second["text"]) == (ticket.id, 2, "الآن")
        await console.send(json.dumps({"type": "ack", "handoff": ticket.id, "seq": 1}))
        for _ in range(100):
            if [words.seq for words in await line.relay.waiting(ticket.id)] == [2]:
                break
            await asyncio.sleep(0.02)
        assert [words.seq for words in await line.relay.waiting(ticket.id)] == [2]
    async with served(line.app) as port, live(port, client) as reloaded:
        await reloaded.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        assert (await heard(reloaded, "message"))["text"] == "الآن", "what was not acknowledged is shown again"


async def test_nobody_but_the_owner_hears_a_word(line: Line) -> None:
    owner, other = await line.signed_in("salma"), await line.signed_in("rana", "supervisor")
    ticket = await line.flag()
    await owner.post(f"handoffs/{ticket.id}/claim")
    hers = await on_duty(line, owner)
    async with served(line.app) as port, live(port, other) as console:
        await console.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        assert (await heard(console, "not_yours"))["handoff"] == ticket.id
        await line.relay.to_counsellor(ticket.id, MessageText(CANARY))
        await console.send(json.dumps({"type": "ack", "handoff": ticket.id, "seq": 1}))
        await silence(console, "message")
    assert await on_screen(line.relay, hers, ticket.id) == [CANARY]


async def test_after_a_transfer_the_first_owner_hears_nothing_and_the_second_everything_unseen(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await line.flag()
    await salma.post(f"handoffs/{ticket.id}/claim")
    async with served(line.app) as port, live(port, salma) as first, live(port, huda) as second:
        await first.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        await line.relay.to_counsellor(ticket.id, MessageText("one"))
        assert (await heard(first, "message"))["text"] == "one"
        await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
        await first.send(json.dumps({"type": "ack", "handoff": ticket.id, "seq": 1}))
        await line.relay.to_counsellor(ticket.id, MessageText("two"))
        await heard(first, "not_yours")
        await silence(first, "message")
        await second.send(json.dumps({"type": "watch", "handoff": ticket.id, "epoch": 3}))
        assert [(await heard(second, "message"))["text"] for _ in range(2)] == ["one", "two"]


async def test_an_exit_is_seen_on_the_counsellors_screen(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"handoffs/{ticket.id}/claim")
    async with served(line.app) as port, live(port, client) as console:
        await console.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        await heard(console, "queue")
        await line.relay.to_counsellor(ticket.id, MessageText("x"))
        await heard(console, "message")
        await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=NOON))
        await line.relay.person_left(ticket.id)
        assert (await heard(console, "left", 1))["handoff"] == ticket.id


async def lease_of(line: Line, ticket: str) -> float | None:
    row = await line.deps.database.read(lambda c: find(c, ticket))
    assert row is not None
    return row.lease_until


async def let_it_lapse(line: Line) -> None:
    await line.deps.database.write(lambda c: c.execute(tickets.update().values(lease_until=1.0)))


async def test_an_open_console_keeps_its_people_and_a_renewal_that_fails_is_not_the_last(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"/handoffs/{ticket.id}/claim", json={})
    fails = [ValueError("none of ours"), DatabaseUnavailable("OperationalError")]
    renewing = leases.renew

    def renew(*args: Any) -> int:
        if fails:
            raise fails.pop()
        return renewing(*args)

    monkeypatch.setattr(leases, "renew", renew)
    v1 = build_v1(replace(line.deps, look_seconds=0.05))
    app = FastAPI()
    app.mount("/api/v1", v1)
    async with served(app) as port, live(port, client) as console:
        await heard(console, "queue")
        await let_it_lapse(line)
        async with asyncio.timeout(5):
            while (await lease_of(line, ticket.id) or 0) < time.time():
                await asyncio.sleep(0.02)
    assert fails == []
    await v1.state.hub.close()
    await let_it_lapse(line)
    await asyncio.sleep(0.3)
    assert await lease_of(line, ticket.id) == 1.0, "a console that is gone keeps nobody"


async def test_who_writes_keeps_the_person_without_a_socket(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await line.flag(band="RED")
    await client.post(f"/handoffs/{ticket.id}/claim", json={})
    await let_it_lapse(line)
    assert (await client.post(f"/handoffs/{ticket.id}/messages", json={"text": "مرحبا"})).status_code == 200
    assert (await lease_of(line, ticket.id) or 0) > time.time() + 20


async def test_a_page_hears_something_every_few_seconds(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.handoffs.live.LOOK_SECONDS", 0.05)
    client = await line.signed_in("salma")
    async with served(line.app) as port, live(port, client) as console:
        for _ in range(3):
            assert await heard(console, "tick", 2) == {"type": "tick"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"\x00binary", 1003), ("x" * 5000, 1009), ("not json", 1008), ("[1]", 1008), ("{}", 1008),
     ('{"type":"ack","handoff":"a","seq":"1"}', 1008), ('{"type":"watch","handoff":{"$ne":1}}', 1008),
     ("[" * 4000, 1008)],
)
async def test_a_frame_that_is_none_of_ours_closes_the_socket(frame: str | bytes, code: int, line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port, live(port, client) as console:
        await heard(console, "queue")
        await console.send(frame)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(3):
                while True:
                    await console.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code


async def test_no_socket_without_a_session_from_another_site_or_for_another_role(line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port:
        for who, headers in (
            (line.client(), {}), (client, {"Origin": "https://evil.example"}),
            (await line.signed_in("ed1", "editor"), {}),
        ):
            with pytest.raises(websockets.InvalidStatus):
                async with live(port, who, **headers):
                    pass
        async with live(port, client, Origin=f"http://127.0.0.1:{port}") as console:
            await heard(console, "queue")


async def test_signing_out_closes_the_socket_at_once(line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port, live(port, client) as console:
        await heard(console, "queue")
        await client.delete("session")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await heard(console, "never", 2)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


async def test_an_account_put_out_of_service_loses_its_socket_and_its_words(line: Line) -> None:
    v1 = build_v1(replace(line.deps, look_seconds=0.1))
    app = FastAPI()
    app.mount("/api/v1", v1)
    client = await line.signed_in("salma")
    async with served(app) as port, live(port, client) as console:
        await heard(console, "queue")
        with line.deps.database.engine.begin() as connection:
            connection.execute(staff.update().values(active=False))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await heard(console, "never", 2)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    await v1.state.hub.close()


async def test_what_a_lost_notice_hides_is_found_by_looking(line: Line) -> None:
    v1 = build_v1(replace(line.deps, look_seconds=0.1))
    app = FastAPI()
    app.mount("/api/v1", v1)
    client = await line.signed_in("salma")
    async with served(app) as port, live(port, client) as console:
        await heard(console, "queue")
        ticket = await line.deps.database.write(lambda c: open_handoff(c, wish(), new_id=new_id(), now=NOON))
        [card] = (await heard(console, "queue", 2))["handoffs"]
        assert card["id"] == ticket.id
    await v1.state.hub.close()


async def test_one_session_holds_ten_sockets_at_most(line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port:
        opened = []
        for _ in range(11):
            context = live(port, client)
            opened.append((context, await context.__aenter__()))
        with pytest.raises(websockets.ConnectionClosed):
            await heard(opened[-1][1], "queue", 2)
        await heard(opened[0][1], "queue", 2)
        for context, _ in opened:
            await context.__aexit__(None, None, None)
