"""Changing hands over HTTP and on the live socket: who may, who reads, what the person is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from api.database import Database
from api.handoffs import leases, presence
from api.handoffs.relay import SendState
from api.handoffs.tickets import Ticket, find, mark_left
from safety.message_text import MessageText
from tests.api import test_v1
from tests.api.test_v1 import Line, heard, live, on_duty, problem, served, silence
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import NOON, FakeOutbox, databases

line = test_v1.line


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


async def talking(line: Line, owner: httpx.AsyncClient, **changes: Any) -> Ticket:
    """Somebody whom this counsellor has taken and written to."""
    ticket = await line.flag(**changes)
    await owner.post(f"handoffs/{ticket.id}/claim")
    await owner.post(f"handoffs/{ticket.id}/messages", json={"text": "معك"})
    line.outbox.told.clear()
    line.outbox.sent.clear()
    now = await line.deps.database.read(lambda c: find(c, ticket.id))
    assert now is not None
    return now


def told(line: Line) -> list[str]:
    return [name for _, name in line.outbox.told]


async def test_a_warm_transfer_end_to_end(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    path = f"handoffs/{ticket.id}"
    card = (await salma.post(f"{path}/invite", json={"to": "huda", "epoch": ticket.epoch})).json()
    assert (card["owner"], card["invited"], card["epoch"], told(line)) == ("salma", "huda", ticket.epoch, [])
    card = (await huda.post(f"{path}/accept", json={"epoch": ticket.epoch})).json()
    assert (card["owner"], card["invited"], card["epoch"]) == ("huda", None, ticket.epoch + 1)
    assert card["present"] == [{"name": "salma", "kind": "former"}] and told(line) == ["colleague_takes_on"]
    for epoch in ({}, {"epoch": ticket.epoch}):
        problem(await salma.post(f"{path}/messages", json={"text": "x", **epoch}), 409, "not-yours")
    problem(await huda.post(f"{path}/messages", json={"text": "x", "epoch": ticket.epoch}), 409, "stale-epoch")
    assert (await huda.post(f"{path}/messages", json={"text": "أنا هدى", "epoch": card["epoch"]})).json()["state"] == "sent"
    assert line.outbox.sent == [(ticket.id, "أنا هدى")]
    assert (await salma.post(f"{path}/leave")).json()["present"] == []
    assert told(line) == ["colleague_takes_on"], "a going that leaves nobody alone lights up no phone"


async def test_a_declined_invitation_leaves_everything_as_it_was(line: Line) -> None:
    salma, huda, rana = [await line.signed_in(name) for name in ("salma", "huda", "rana")]
    ticket = await talking(line, salma)
    path = f"handoffs/{ticket.id}"
    problem(await huda.post(f"{path}/accept"), 409, "not-invited")
    await salma.post(f"{path}/invite", json={"to": "huda"})
    problem(await rana.post(f"{path}/decline"), 409, "not-invited")
    problem(await rana.post(f"{path}/accept"), 409, "not-invited")
    card = (await huda.post(f"{path}/decline")).json()
    assert (card["owner"], card["invited"], card["epoch"], told(line)) == ("salma", None, ticket.epoch, [])


async def test_a_colleague_of_another_desk_cannot_be_invited_and_learns_nothing(line: Line) -> None:
    salma, far = await line.signed_in("salma", desks=("amman",)), await line.signed_in("far", desks=("doha",))
    ticket = await talking(line, salma, desk="amman")
    path = f"handoffs/{ticket.id}"
    for name in ("far", "nobody", "salma"):
        assert problem(await salma.post(f"{path}/invite", json={"to": name}), 422, "invalid")["errors"][0]["pointer"] == "/to"
    for act, body in (
        ("accept", {}), ("decline", {}), ("leave", {}), ("raise", {"reason": "my_judgement"}),
        ("lower", {"band": "UNKNOWN", "reason": "misread"}), ("lower/confirm", {"change": "x"}),
        ("lower/decline", {"change": "x"}), ("block", {"reason": "prank"}), ("invite", {"to": "far"}),
    ):
        problem(await far.post(f"{path}/{act}", json=body), 404, "not-found")
        problem(await far.post(f"handoffs/{'e' * 32}/{act}", json=body), 404, "not-found")


async def test_only_a_supervisor_joins_takes_over_and_lifts_a_block_at_whatever_desk(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    boss = await line.signed_in("boss", "supervisor", desks=("doha",))
    ticket = await talking(line, salma, desk="amman")
    for act in ("join", "take-over", "block/lift"):
        problem(await huda.post(f"handoffs/{ticket.id}/{act}"), 403, "not-your-role")
        problem(await line.client().post(f"handoffs/{ticket.id}/{act}"), 401, "signed-out")
        assert (await boss.post(f"handoffs/{ticket.id}/{act}")).status_code == 200, "the ladder calls supervisors of every desk"
    problem(await boss.post("handoffs/0000/join"), 404, "not-found")


async def test_a_supervisor_joins_silently_and_only_the_staff_see_it(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    card = (await boss.post(f"handoffs/{ticket.id}/join", json={"epoch": ticket.epoch})).json()
    assert (card["owner"], card["epoch"], told(line)) == ("salma", ticket.epoch + 1, [])
    [seen] = (await salma.get("handoffs")).json()["handoffs"]
    assert seen["present"] == [{"name": "boss", "kind": "silent"}], "a silence towards the person, not towards the counsellor"
    problem(await boss.post(f"handoffs/{ticket.id}/messages", json={"text": "x"}), 409, "not-yours")
    problem(await salma.post(f"handoffs/{ticket.id}/messages", json={"text": "x", "epoch": ticket.epoch}), 409, "stale-epoch")


async def test_a_supervisor_who_joins_openly_is_announced_once(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    for _ in range(2):
        await boss.post(f"handoffs/{ticket.id}/join", json={"open": True})
    assert told(line) == ["supervisor_joined"]
    assert not await line.deps.database.read(lambda c: presence.untold(c, ticket.id))


async def test_an_open_joining_nobody_could_be_told_of_stays_to_be_told(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    line.clock.now += 3600
    boss = await line.signed_in("chief", "supervisor")
    await boss.post(f"handoffs/{ticket.id}/join", json={"open": True})
    assert told(line) == [], "nobody lights up a phone that was put away"
    assert await line.deps.database.read(lambda c: presence.untold(c, ticket.id))


async def test_a_take_over_refuses_the_former_owners_next_send_and_the_person_is_told(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    path = f"handoffs/{ticket.id}"
    problem(await boss.post(f"{path}/take-over", json={"epoch": ticket.epoch - 1}), 409, "stale-epoch")
    card = (await boss.post(f"{path}/take-over", json={"epoch": ticket.epoch})).json()
    assert (card["owner"], card["epoch"], card["present"], told(line)) == ("boss", ticket.epoch + 1, [], ["counsellor_changed"])
    for epoch in ({}, {"epoch": ticket.epoch}, {"epoch": card["epoch"]}):
        problem(await salma.post(f"{path}/messages", json={"text": "x", **epoch}), 409, "not-yours")
    assert line.outbox.sent == []
    assert (await boss.post(f"{path}/messages", json={"text": "معك", "epoch": card["epoch"]})).json()["state"] == "sent"


async def test_a_cold_transfer_is_told_as_another_human(line: Line) -> None:
    salma, _ = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    await salma.post(f"handoffs/{ticket.id}/transfer", json={"to": "huda"})
    assert told(line) == ["counsellor_changed"]


async def test_who_was_not_told_of_the_first_counsellor_is_still_told_when_somebody_joins_meanwhile(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await line.flag()
    said = asyncio.Event()

    async def refused(_outbox: FakeOutbox, ticket: Ticket, courtesy: str, address: bytes | None) -> SendState:
        if courtesy == "counsellor_joined":  # on its way while the supervisor joins: the epoch is another, so it is refused
            await boss.post(f"handoffs/{ticket.id}/join")
            said.set()
        return SendState.REFUSED

    monkeypatch.setattr(FakeOutbox, "tell", refused)
    await salma.post(f"handoffs/{ticket.id}/claim")
    await asyncio.wait_for(said.wait(), 10)
    now = await line.deps.database.read(lambda c: find(c, ticket.id))
    assert now is not None and now.introduced is False, "it comes with the first message"


async def test_whoever_is_present_reads_both_sides_and_acknowledges_nothing(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    epoch = (await boss.post(f"handoffs/{ticket.id}/join")).json()["epoch"]
    async with served(line.app) as port, live(port, salma) as owner, live(port, boss) as reader:
        for console in (owner, reader):
            await console.send(json.dumps({"type": "watch", "handoff": ticket.id, "epoch": epoch}))
        await line.relay.to_counsellor(ticket.id, MessageText("هنا"))
        assert (await heard(reader, "message"))["text"] == "هنا"
        await reader.send(json.dumps({"type": "ack", "handoff": ticket.id, "seq": 1}))
        assert (await heard(reader, "not_yours"))["handoff"] == ticket.id
        assert len(await line.relay.waiting(ticket.id)) == 1
        await reader.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        assert (await heard(reader, "message"))["text"] == "هنا"
        await salma.post(f"handoffs/{ticket.id}/messages", json={"text": "أنا معك"})
        said = await heard(reader, "said")
        assert (said["handoff"], said["text"]) == (ticket.id, "أنا معك")
        assert (await heard(owner, "message"))["text"] == "هنا"
        await silence(owner, "said")


async def test_words_the_owner_has_seen_stay_for_a_moment_where_somebody_reads_along(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.handoffs.live.READERS_SECONDS", 1.0)
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    await boss.post(f"handoffs/{ticket.id}/join")
    await on_duty(line, boss)
    async with served(line.app) as port, live(port, salma) as owner:
        await owner.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        await line.relay.to_counsellor(ticket.id, MessageText("هنا"))
        await heard(owner, "message")
        await owner.send(json.dumps({"type": "ack", "handoff": ticket.id, "seq": 1}))
        async with live(port, boss) as reader:
            await reader.send(json.dumps({"type": "watch", "handoff": ticket.id}))
            assert (await heard(reader, "message"))["text"] == "هنا"
        for _ in range(200):
            if not await line.relay.waiting(ticket.id):
                break
            await asyncio.sleep(0.05)
        assert await line.relay.waiting(ticket.id) == ()


@pytest.mark.parametrize("end", ["leave", "release", "close", "exit"])
async def test_nobody_reads_on_when_presence_or_talk_have_ended(line: Line, end: str) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    await boss.post(f"handoffs/{ticket.id}/join")
    async with served(line.app) as port, live(port, boss) as reader:
        await reader.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        await line.relay.to_counsellor(ticket.id, MessageText("one"))
        await heard(reader, "message")
        if end == "exit":
            await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=NOON))
        else:
            await (boss if end == "leave" else salma).post(f"handoffs/{ticket.id}/{end}")
        await line.relay.to_counsellor(ticket.id, MessageText("two"))
        await line.relay.say_along(ticket.id, 9, MessageText("three"))
        await reader.send(json.dumps({"type": "watch", "handoff": ticket.id}))
        assert (await heard(reader, "not_yours"))["handoff"] == ticket.id
        await silence(reader, "message")
        await silence(reader, "said")


async def test_an_open_console_keeps_its_presence(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    await boss.post(f"handoffs/{ticket.id}/join")
    await line.deps.database.write(lambda c: c.execute(presence.presence.update().values(lease_until=1.0)))
    async with served(line.app) as port, live(port, boss):
        for _ in range(200):
            if not await line.deps.database.read(lambda c: presence.lapsed(c, leases.time_of(c))):
                break
            await asyncio.sleep(0.05)
        assert await line.deps.database.read(lambda c: presence.lapsed(c, leases.time_of(c))) == ()


async def test_a_band_is_raised_by_one_call_and_lowered_by_two_people(line: Line) -> None:
    salma, huda = await line.signed_in("salma"), await line.signed_in("huda")
    ticket = await talking(line, salma)
    path = f"handoffs/{ticket.id}"
    problem(await huda.post(f"{path}/raise", json={"reason": "my_judgement"}), 409, "not-yours")
    card = (await salma.post(f"{path}/raise", json={"reason": "my_judgement", "epoch": ticket.epoch})).json()
    assert (card["band"], card["priority"], card["epoch"]) == ("RED", "P0", ticket.epoch)
    said = problem(await salma.post(f"{path}/raise", json={"band": "HIGH", "reason": "my_judgement"}), 422, "invalid")
    assert said["errors"][0]["pointer"] == "/band"
    said = problem(await salma.post(f"{path}/lower", json={"band": "HIGH", "reason": "he left"}), 422, "invalid")
    assert said["errors"][0]["pointer"] == "/reason" and "he left" not in str(said)
    card = (await salma.post(f"{path}/lower", json={"band": "ELEVATED", "reason": "misread"})).json()
    change = card["lowering"]
    assert (card["band"], change["to"], change["by"], change["reason"]) == ("RED", "ELEVATED", "salma", "misread")
    problem(await salma.post(f"{path}/lower/confirm", json={"change": change["id"]}), 409, "same-person")
    problem(await huda.post(f"{path}/lower/confirm", json={"change": "0" * 32}), 409, "not-proposed")
    card = (await huda.post(f"{path}/lower/confirm", json={"change": change["id"]})).json()
    assert (card["band"], card["lowering"], card["owner"], told(line)) == ("ELEVATED", None, "salma", [])


async def test_a_block_is_the_owners_to_set_and_a_supervisors_to_lift(line: Line) -> None:
    salma, boss = await line.signed_in("salma"), await line.signed_in("boss", "supervisor")
    ticket = await talking(line, salma)
    path = f"handoffs/{ticket.id}"
    problem(await boss.post(f"{path}/block", json={"reason": "prank"}), 409, "not-yours")
    assert (await salma.post(f"{path}/block", json={"reason": "prank"})).json()["blocked"] == "prank"
    problem(await salma.post(f"{path}/block/lift"), 403, "not-your-role")
    assert (await boss.post(f"{path}/block/lift")).json()["blocked"] is None
    assert await line.deps.database.read(lambda c: c.execute(sa.text("select count(*) from blocks")).scalar_one()) == 0
