"""Words sealed to browsers, over HTTP and the live socket: who can show them, what becomes of what nobody can, the note."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from fastapi import FastAPI
from redis.asyncio import Redis

from api.database import Database
from api.handoffs.browser_keys import MOST_OF_A_SESSION
from api.handoffs.envelopes import to_base64url
from api.handoffs.relay import SendState
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, mark_left, note_inbound
from api.v1 import build_v1
from safety.message_text import MessageText
from tests.api import test_v1
from tests.api.test_v1 import CANARY, Line, browser_of, heard, live, on_duty, problem, served, silence
from tests.api.test_v1_hands import talking
from tests.fixtures_browser_keys import Browser, on_screen, sealed_note
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import NOON, FakeOutbox, databases

line = test_v1.line
WATCHED = "{\"type\":\"watch\",\"handoff\":\"%s\"}"


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


@asynccontextmanager
async def gateway(line: Line) -> AsyncIterator[int]:
    """Another gateway of the same helpline, one that looks often."""
    v1 = build_v1(replace(line.deps, look_seconds=0.05))
    app = FastAPI()
    app.mount("/api/v1", v1)
    try:
        async with served(app) as port:
            yield port
    finally:
        await v1.state.hub.close()


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


async def told(line: Line, count: int = 1) -> list[str]:
    """What the person was told, once it is so many; a moment longer, for one too many."""

    async def so_many() -> bool:
        return len(line.outbox.told) >= count

    await until(so_many)
    await asyncio.sleep(0.3)
    return [name for _, name in line.outbox.told]


async def closed_with(opened: Any) -> int:
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with asyncio.timeout(5):
            while True:
                await opened.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


# --- the key ----------------------------------------------------------------------------------------------------------


def forged() -> list[Any]:
    raw = Browser().public.raw
    off = raw[:-1] + bytes([raw[-1] ^ 1])
    keys = [off, raw + b"\0", raw[:-1], b"\x02" + raw[1:33], bytes(65), b"\x04" + b"\xff" * 64, b""]
    return [*(to_base64url(key) for key in keys), "x" * 3000, "é" * 87, "=", 7, None, [to_base64url(raw)], {"$ne": 1}, True]


async def test_a_forged_key_closes_the_socket_and_is_sealed_to_by_nobody(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port:
        for key in forged():
            async with live(port, client) as console:
                await console.send(json.dumps({"type": "key", "key": key}))
                assert await closed_with(console) == 1008, key
    assert len(await line.v1.state.on_duty.keys.registered()) == 1
    assert [record for record in caplog.records if record.exc_info] == []


async def test_the_eleventh_key_of_a_session_is_refused_and_the_page_is_told(line: Line) -> None:
    client = await line.signed_in("salma")
    async with served(line.app) as port, live(port, client) as console:
        for _ in range(MOST_OF_A_SESSION - 1):
            await console.send(Browser().hello())
            await heard(console, "key")
        await console.send(Browser().hello())
        await heard(console, "no_key")
        await console.send(browser_of(client).hello())
        assert (await heard(console, "key"))["id"] == browser_of(client).public.id.hex()


@pytest.mark.parametrize("path", ["session", "sessions"])
async def test_signing_out_takes_the_key_away_at_once(line: Line, path: str) -> None:
    client, other = await line.signed_in("salma"), await line.signed_in("huda")
    hers = await on_duty(line, other)
    async with served(line.app) as port, live(port, client) as console:
        await heard(console, "queue")
        assert await line.deps.redis.hlen("{browsers}:keys") == 2
        assert (await client.delete(path)).status_code == 204

        async def gone() -> bool:
            return bool(await line.deps.redis.hlen("{browsers}:keys") == 1)

        await until(gone)
    assert [key.public.id for key in await line.v1.state.on_duty.keys.registered()] == [hers.public.id]


async def test_signing_out_without_an_open_socket_takes_the_key_away_too(line: Line) -> None:
    client = await line.signed_in("salma")
    await on_duty(line, client)
    await client.delete("session")
    assert await line.deps.redis.keys("{browsers}:[ko]*") == []


async def test_a_frame_holds_the_key_of_one_browser_and_never_the_words(line: Line) -> None:
    client, other = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, client)
    await on_duty(line, other)
    async with served(line.app) as port, live(port, client) as console:
        await console.send(WATCHED % ticket.id)
        await line.relay.to_counsellor(ticket.id, MessageText(CANARY))
        frame: dict[str, Any] = {}
        while frame.get("type") != "message":
            raw = await console.socket.recv()
            assert CANARY not in raw
            frame = json.loads(raw)
        assert set(frame) == {"type", "handoff", "seq", "id", "sealed"}
        assert console.browser.read(frame)["text"] == CANARY
        letter = len(frame["sealed"])
    (words,) = await line.relay.waiting(ticket.id)
    assert words.envelope is not None and len(words.envelope.wraps) == 2 and letter < len(to_base64url(words.envelope.to_bytes()))


# --- what cannot be shown ---------------------------------------------------------------------------------------------


async def introduced(line: Line, owner: httpx.AsyncClient, **changes: Any) -> Ticket:
    """Somebody who knows that this counsellor is there, at the phone."""
    ticket = await talking(line, owner, **changes)
    await line.deps.database.write(lambda c: c.execute(tickets.update().values(introduced=True)))
    return ticket


async def test_a_successor_on_duty_opens_what_was_written_before_and_nobody_is_told_anything(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await introduced(line, salma)
    await on_duty(line, huda)
    await line.relay.to_counsellor(ticket.id, MessageText("قبل ما تروحي"))
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
    line.outbox.told.clear()
    async with gateway(line) as port, live(port, huda) as console:
        await console.send(WATCHED % ticket.id)
        assert (await heard(console, "message"))["text"] == "قبل ما تروحي"
        await silence(console, "lapsed")
    assert line.outbox.told == []


async def test_who_came_on_duty_later_cannot_open_it_and_the_person_is_told_once_by_two_gateways(line: Line) -> None:
    salma, late = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await introduced(line, salma)
    hers = await on_duty(line, salma)
    for words in ("one", "two"):
        await line.relay.to_counsellor(ticket.id, MessageText(words))
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
    line.outbox.told.clear()
    async with gateway(line) as first, gateway(line) as second, live(first, late) as one, live(second, late) as other:
        for console in (one, other):
            await console.send(WATCHED % ticket.id)
        for console in (one, other):
            assert [(await heard(console, "lapsed"))["seq"] for _ in range(2)] == [1, 2]
        assert await told(line) == ["words_not_shown"], "once for both messages, by one of the gateways"
        assert await on_screen(line.relay, hers, ticket.id) == ["one", "two"], "they stay for whoever can show them"
        await line.relay.to_counsellor(ticket.id, MessageText("three"))
        assert (await heard(one, "message"))["text"] == "three"
        await line.deps.redis.delete(f"relay:{{{ticket.id}}}:m:1", f"relay:{{{ticket.id}}}:m:2")  # ten minutes go by

        async def let_go() -> bool:
            return [words.seq for words in await line.relay.waiting(ticket.id)] == [3]

        await until(let_go)
        assert await told(line) == ["words_not_shown"], "nor again when they lapse"


async def test_what_nobody_on_duty_can_open_any_more_goes_at_once(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await introduced(line, salma)
    await on_duty(line, salma)
    await line.relay.to_counsellor(ticket.id, MessageText("x"))
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
    line.outbox.told.clear()
    await salma.delete("session")
    async with gateway(line) as port, live(port, huda) as console:
        await console.send(WATCHED % ticket.id)
        await heard(console, "lapsed")
        assert await told(line) == ["words_not_shown"]
    assert await line.relay.waiting(ticket.id) == ()
    assert await line.deps.redis.exists(f"relay:{{{ticket.id}}}:m:1") == 0


async def test_words_that_lapse_unseen_are_told_of_while_the_owner_is_there(line: Line) -> None:
    salma = await line.signed_in("salma")
    ticket = await introduced(line, salma)
    async with gateway(line) as port, live(port, salma) as console:
        await console.send(WATCHED % ticket.id)
        await line.relay.to_counsellor(ticket.id, MessageText("x"))
        await heard(console, "message")
        await line.deps.redis.delete(f"relay:{{{ticket.id}}}:m:1")
        assert await told(line) == ["words_not_shown"]


@pytest.mark.parametrize("why", ["not introduced", "not at the phone", "cannot talk now"])
async def test_nobody_is_lit_up_for_it_and_who_writes_again_is_told_then(line: Line, why: str) -> None:
    salma = await line.signed_in("salma")
    ticket = await introduced(line, salma)
    values: dict[str, Any] = {"not introduced": {"introduced": False}, "not at the phone": {"last_inbound_at": NOON - 3600},
                              "cannot talk now": {"not_now": True}}[why]
    await line.deps.database.write(lambda c: c.execute(tickets.update().values(**values)))
    await on_duty(line, salma)
    await line.relay.to_counsellor(ticket.id, MessageText("x"))
    await line.deps.redis.delete(f"relay:{{{ticket.id}}}:m:1")
    async with gateway(line) as port, live(port, salma) as console:
        await console.send(WATCHED % ticket.id)
        await heard(console, "lapsed")
        await asyncio.sleep(0.4)
        assert line.outbox.told == []
        await line.deps.database.write(lambda c: note_inbound(c, ticket.id, line.clock()))
        await line.deps.database.write(lambda c: c.execute(tickets.update().values(introduced=True, not_now=False)))
        assert await told(line) == ["words_not_shown"]


async def test_while_another_screen_of_the_owners_can_show_it_nobody_is_told(line: Line) -> None:
    salma = await line.signed_in("salma")
    ticket = await introduced(line, salma)
    await on_duty(line, salma)
    await line.relay.to_counsellor(ticket.id, MessageText("x"))
    async with gateway(line) as port, live(port, salma) as desk, live(port, salma, browser=Browser()) as phone:
        for console in (phone, desk):
            await console.send(WATCHED % ticket.id)
        await heard(phone, "lapsed")
        assert (await heard(desk, "message"))["text"] == "x"
        await asyncio.sleep(0.4)
        assert line.outbox.told == []


async def test_a_browser_that_cannot_open_what_was_sealed_to_it_says_so_and_the_person_is_told(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await introduced(line, salma)
    await boss.post(f"handoffs/{ticket.id}/join")
    async with gateway(line) as port, live(port, salma) as console, live(port, boss) as reader:
        for one in (console, reader):
            await one.send(WATCHED % ticket.id)
        await line.relay.to_counsellor(ticket.id, MessageText("x"))
        await heard(reader, "message")
        frame = json.dumps({"type": "unopened", "handoff": ticket.id, "seq": 1})
        await reader.send(frame)
        await asyncio.sleep(0.3)
        assert line.outbox.told == [], "a reader's browser is not the owner's"
        for _ in range(3):
            await console.send(frame)
        await console.send(json.dumps({"type": "unopened", "handoff": ticket.id, "seq": 99}))
        assert await told(line) == ["words_not_shown"]


async def test_a_telling_that_was_refused_is_made_by_whoever_owns_the_person_then(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    salma = await line.signed_in("salma")
    ticket = await introduced(line, salma)
    await on_duty(line, salma)
    await line.relay.to_counsellor(ticket.id, MessageText("x"))
    await line.deps.redis.delete(f"relay:{{{ticket.id}}}:m:1")
    answers = [SendState.REFUSED, SendState.REFUSED]
    tell = FakeOutbox.tell

    async def refused(self: FakeOutbox, *args: Any) -> SendState:
        return answers.pop() if answers else await tell(self, *args)

    monkeypatch.setattr(FakeOutbox, "tell", refused)
    async with gateway(line) as port, live(port, salma) as console:
        await console.send(WATCHED % ticket.id)
        assert await told(line) == ["words_not_shown"] and answers == []


async def test_a_page_without_a_key_is_shown_nothing_and_the_person_is_told(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await introduced(line, salma)
    await on_duty(line, huda)
    cookie = f"hams={salma.cookies['hams']}"
    async with gateway(line) as port, websockets.connect(
        f"ws://127.0.0.1:{port}/api/v1/live", additional_headers={"Cookie": cookie}
    ) as bare:
        await bare.send(WATCHED % ticket.id)
        await line.relay.to_counsellor(ticket.id, MessageText("x"))
        while json.loads(await asyncio.wait_for(bare.recv(), 5))["type"] != "lapsed":
            pass
        assert await told(line) == ["words_not_shown"]


# --- the handover note ------------------------------------------------------------------------------------------------


async def keys_of(client: httpx.AsyncClient, ticket: Ticket, name: str) -> list[dict[str, str]]:
    answer = await client.get(f"handoffs/{ticket.id}/colleagues/{name}/keys")
    assert answer.status_code == 200, answer.text
    keys: list[dict[str, str]] = answer.json()["keys"]
    return keys


@pytest.mark.parametrize("warm", [False, True])
async def test_a_note_reaches_the_next_counsellor_once(line: Line, warm: bool) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    hers = await on_duty(line, huda)
    keys = await keys_of(salma, ticket, "huda")
    assert [key["id"] for key in keys] == [hers.public.id.hex()]
    note = sealed_note("الطفل نائم بجانبها", ticket.id, keys)
    path = f"handoffs/{ticket.id}"
    async with served(line.app) as port, live(port, salma) as first, live(port, huda) as second:
        await first.send(WATCHED % ticket.id)
        answer = await salma.post(f"{path}/{'invite' if warm else 'transfer'}", json={"to": "huda", "note": note})
        assert answer.status_code == 200 and note not in answer.text
        if warm:
            await silence(first, "note")
            await huda.post(f"{path}/accept")
        await second.send(WATCHED % ticket.id)
        shown = await heard(second, "note")
        assert shown["text"] == "الطفل نائم بجانبها"
        await first.send(json.dumps({"type": "note_read", "handoff": ticket.id}))
        await silence(first, "note")
        assert await line.deps.redis.exists(f"relay:{{{ticket.id}}}:note"), "it is hers to read"
        await second.send(json.dumps({"type": "note_read", "handoff": ticket.id}))

        async def gone() -> bool:
            return not await line.deps.redis.exists(f"relay:{{{ticket.id}}}:note")

        await until(gone)
    async with live_again(line, huda) as again:
        await again.send(WATCHED % ticket.id)
        await silence(again, "note")
    acts = await line.deps.database.read(lambda c: [row.act for row in c.exec_driver_sql("select act from audit")])
    assert acts.count("handoff.note") == 1


@asynccontextmanager
async def live_again(line: Line, client: httpx.AsyncClient) -> AsyncIterator[Any]:
    async with served(line.app) as port, live(port, client) as console:
        yield console


@pytest.mark.parametrize(
    "end", ["exit", "close", "release", "take over", "declined", "taken back", "another note", "no note", "stale epoch"]
)
async def test_a_note_goes_with_the_talk_or_when_somebody_else_has_the_person(line: Line, end: str) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    boss = await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    await on_duty(line, huda)
    note, path = sealed_note(CANARY, ticket.id, await keys_of(salma, ticket, "huda")), f"handoffs/{ticket.id}"
    key = f"relay:{{{ticket.id}}}:note"
    if end == "stale epoch":
        problem(await salma.post(f"{path}/transfer", json={"to": "huda", "note": note, "epoch": 99}), 409, "stale-epoch")
        assert not await line.deps.redis.exists(key)
        return
    await salma.post(f"{path}/invite", json={"to": "huda", "note": note})
    kept = await line.deps.redis.get(key)
    assert isinstance(kept, bytes) and CANARY.encode() not in kept
    await boss.post(f"{path}/join")
    assert await line.deps.redis.exists(key), "who reads along takes nobody"
    if end == "exit":
        await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=NOON))
        await line.relay.person_left(ticket.id)
    elif end == "another note":
        other = sealed_note("غيرها", ticket.id, await keys_of(salma, ticket, "huda"))
        await salma.post(f"{path}/invite", json={"to": "huda", "note": other})
        assert await line.deps.redis.get(key) != kept
        return
    else:
        who, act, body = {
            "close": (salma, "close", {}), "release": (salma, "release", {}), "take over": (boss, "take-over", {}),
            "declined": (huda, "decline", {}), "taken back": (salma, "decline", {}), "no note": (salma, "invite", {"to": "huda"}),
        }[end]
        assert (await who.post(f"{path}/{act}", json=body)).status_code == 200
    assert not await line.deps.redis.exists(key)


async def test_only_the_owner_is_given_keys_and_only_of_who_may_take_the_person(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    stranger = await line.signed_in("amal", desks=("amman",))
    ticket = await talking(line, salma)
    await on_duty(line, stranger)
    path = f"handoffs/{ticket.id}/colleagues"
    assert await keys_of(salma, ticket, "huda") == [], "no console is open: no note"
    await line.deps.database.write(lambda c: c.execute(tickets.update().values(desk="doha")))
    for name in ("amal", "nobody", "%00", "x" * 400):
        problem(await salma.get(f"{path}/{name}/keys"), 404, "not-found")
    await on_duty(line, salma)
    problem(await salma.get(f"{path}/salma/keys"), 404, "not-found")
    problem(await huda.get(f"{path}/salma/keys"), 409, "not-yours")
    problem(await stranger.get(f"{path}/huda/keys"), 404, "not-found")
    problem(await salma.get("handoffs/nothing/colleagues/huda/keys"), 404, "not-found")


async def test_what_is_no_sealed_note_for_that_colleague_is_refused_without_an_echo(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    await on_duty(line, huda)
    path, mine = f"handoffs/{ticket.id}", Browser()
    keys = await keys_of(salma, ticket, "huda")
    elsewhere = sealed_note("x", ticket.id, [*keys, {"key": to_base64url(mine.public.raw)}])
    for act in ("transfer", "invite"):
        for note in (CANARY, "في البيت سكين", "AA", "", "x" * 7000):
            said = problem(await salma.post(f"{path}/{act}", json={"to": "huda", "note": note}), 422, "invalid")
            assert CANARY not in json.dumps(said) and said["errors"][0]["pointer"] == "/note"
        problem(await salma.post(f"{path}/{act}", json={"to": "huda", "note": elsewhere}), 409, "no-browser")
        problem(await salma.post(f"{path}/{act}", json={"to": "huda", "note": sealed_note("x" * 2001, ticket.id, keys)}), 422, "invalid")
        said = problem(await salma.post(f"{path}/{act}", json={"to": "nobody", "note": sealed_note("x", ticket.id, keys)}), 422, "invalid")
        assert said["errors"][0]["pointer"] == "/to"
    problem(await salma.post(f"{path}/transfer", json={"desk": "doha", "note": elsewhere}), 422, "invalid")
    problem(await huda.post(f"{path}/transfer", json={"to": "salma", "note": elsewhere}), 409, "not-yours")
    now = await line.deps.database.read(lambda c: find(c, ticket.id))
    assert now is not None and (now.owner, now.epoch) == (ticket.owner, ticket.epoch)
    assert not await line.deps.redis.exists(f"relay:{{{ticket.id}}}:note")
    assert (await salma.post(f"{path}/transfer", json={"to": "huda", "note": sealed_note("م" * 500, ticket.id, keys)})).status_code == 200


async def test_a_note_that_this_browser_cannot_open_is_named(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    await on_duty(line, huda)
    note = sealed_note("x", ticket.id, await keys_of(salma, ticket, "huda"))
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda", "note": note})
    async with served(line.app) as port, live(port, huda, browser=Browser()) as console:
        await console.send(WATCHED % ticket.id)
        assert "sealed" not in await heard(console, "note")
