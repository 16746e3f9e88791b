"""That somebody writes: for whoever reads along, on the phone only where it may be, and nothing of the words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.channels.twilio.client import ProviderRefused, Reason
from api.handoffs import claims
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tickets import Ticket, find, note_answered, note_not_now, open_handoff
from api.handoffs.typing_marks import ANSWERABLE_SECONDS, CHANGED, TypingMarks
from api.live import CounsellorOutbox
from tests.api.test_bad_input import helpline, opened, served
from tests.api.test_inbound import PERSON, claimed
from tests.api.test_v1 import heard, silence
from tests.fixtures_line import Rig, rig_on
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, new_id, wish

SID = "SM" + "5" * 32
KANARI = "kanari-91c0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def rig(server: RedisServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_on(server, tmp_path) as made:
        await made.redis.flushall()
        yield made


def marks_of(rig: Rig, *, on: bool = True) -> TypingMarks:
    phone = CounsellorOutbox(
        rig.deps.outbox, rig.database, ReplyAddresses(rig.keys), rig.deps.releases, rig.clock, production=False, keep=rig.eraser.keep,
    )
    return TypingMarks(rig.redis, KEYRING, rig.database, rig.clock, phone if on else None)


async def in_a_talk(rig: Rig, **changes: Any) -> Ticket:
    """A person who talks with the counsellor s1 and has just written."""

    def act(c: sa.Connection) -> Ticket:
        ticket = open_handoff(c, wish(PERSON, generation=0, **changes), new_id=new_id(), now=rig.clock())
        mine = claims.claim(c, ticket.id, staff="s1", now=rig.clock())
        note_answered(c, mine, rig.clock())
        found = find(c, ticket.id)
        assert found is not None
        return found

    return await rig.database.write(act)


async def typed(rig: Rig, marks: TypingMarks, ticket: Ticket) -> bool:
    passed = await marks.typed(ticket.id, staff="s1", epoch=ticket.epoch)
    return passed is not None and await marks.on_the_phone(passed)


async def test_whatsapp_shows_it_in_answer_to_the_message_just_written_and_once_in_twenty_seconds(rig: Rig) -> None:
    marks, ticket = marks_of(rig), await in_a_talk(rig)
    await marks.heard(ticket, SID)
    assert await typed(rig, marks, ticket)
    await rig.redis.delete(f"typing:{{{ticket.id}}}:lately:s1")
    assert not await typed(rig, marks, ticket)
    assert rig.provider.typing_of == [SID]
    assert 0 < await rig.redis.ttl(f"typing:{{{ticket.id}}}:answers") <= ANSWERABLE_SECONDS


async def test_nothing_of_it_goes_to_a_phone_where_the_operator_has_not_turned_it_on(rig: Rig) -> None:
    marks, ticket = marks_of(rig, on=False), await in_a_talk(rig)
    await marks.heard(ticket, SID)
    assert not await typed(rig, marks, ticket)
    assert rig.provider.typing_of == [] and await rig.redis.keys("*answers*") == []


@pytest.mark.parametrize("why", ["sms", "not yet talking", "not now", "away", "nothing written lately", "exit", "left", "other epoch", "given back"])
async def test_no_phone_shows_it(why: str, rig: Rig) -> None:
    ticket = await in_a_talk(rig, channel="sms" if why == "sms" else "whatsapp")
    marks = marks_of(rig)
    if why == "not yet talking":
        await rig.database.write(lambda c: c.execute(sa.text("update tickets set answered_at = null")))
    if why != "nothing written lately":
        found = await rig.database.read(lambda c: find(c, ticket.id))
        assert found is not None
        await marks.heard(found, SID)
    if why == "not now":
        await rig.database.write(lambda c: note_not_now(c, PERSON, "whatsapp", on=True))
    if why == "away":
        rig.clock.now += 601
    if why == "exit":
        await rig.store.exit(PERSON, "e" * 32)
    if why == "left":
        await marks.forget(ticket.id)
    if why == "other epoch":
        ticket = replace(ticket, epoch=ticket.epoch - 1)
    if why == "given back":
        rig.provider.before = lambda: rig.database.write(lambda c: claims.release(c, ticket.id, staff="s1", now=rig.clock()))
    assert not await typed(rig, marks, ticket)
    assert rig.provider.typing_of == []


async def test_a_provider_that_refuses_a_mark_holds_nobody_up_and_is_not_asked_again_at_once(rig: Rig) -> None:
    marks, ticket = marks_of(rig), await in_a_talk(rig)
    await marks.heard(ticket, SID)
    rig.provider.refuse = ProviderRefused(Reason.GONE, code=20404, status=404)
    assert not await typed(rig, marks, ticket)
    assert await marks.typed(ticket.id, staff="s1", epoch=ticket.epoch) is None


async def test_an_exit_overwrites_the_sid_that_waits(rig: Rig) -> None:
    rig.deps.typing = marks_of(rig)
    await rig.to_the_talk()
    ticket = await claimed(rig)
    await rig.say("لسا هون")
    assert await rig.redis.exists(f"typing:{{{ticket.id}}}:answers")
    await rig.say("خروج")
    assert not await rig.redis.exists(f"typing:{{{ticket.id}}}:answers")
    assert await marks_of(rig).typed(ticket.id, staff="s1", epoch=ticket.epoch) is None


async def test_what_waits_in_redis_is_sealed(rig: Rig) -> None:
    ticket = await in_a_talk(rig)
    await marks_of(rig).heard(ticket, SID)
    assert SID.encode() not in (await rig.redis.get(f"typing:{{{ticket.id}}}:answers"))
    other = replace(ticket, id="b" * 32)
    await rig.redis.rename(f"typing:{{{ticket.id}}}:answers", f"typing:{{{other.id}}}:answers")
    assert not await marks_of(rig).on_the_phone(other), "bound to its ticket"


async def test_one_in_three_seconds_is_passed_on_and_says_only_which_talk(rig: Rig) -> None:
    marks, ticket = marks_of(rig), await in_a_talk(rig)
    async with rig.redis.pubsub() as listening:
        await listening.subscribe(CHANGED)
        for _ in range(20):
            await marks.typed(ticket.id, staff="s1", epoch=ticket.epoch)
        await rig.redis.publish(CHANGED, b"end")
        said = []
        async with asyncio.timeout(10):
            async for notice in listening.listen():
                if notice["type"] == "message":
                    if notice["data"] == b"end":
                        break
                    said.append(notice["data"])
    assert said == [ticket.id.encode()]


async def test_who_reads_along_sees_that_the_owner_writes_and_nobody_else_does(rig: Rig, tmp_path: Path) -> None:
    line = helpline(rig.database, rig.redis, tmp_path / "aids")
    salma, boss, huda = await line.signed_in("salma"), await line.signed_in("boss", "supervisor"), await line.signed_in("huda")
    ticket = await line.flag()
    await salma.post(f"handoffs/{ticket.id}/claim")
    card = (await boss.post(f"handoffs/{ticket.id}/join", json={"open": False})).json()
    async with served(line.app) as port, opened(port, salma) as owner, opened(port, boss) as reader, opened(port, huda) as stranger:
        for console in (owner, reader, stranger):
            await console.send(json.dumps({"type": "watch", "handoff": ticket.id, "epoch": card["epoch"]}))
        await heard(stranger, "not_yours")
        for console in (owner, reader):  # what was asked before has been answered once this has
            await console.send(json.dumps({"type": "watch", "handoff": "0" * 32}))
            await heard(console, "not_yours")
        for console in (stranger, reader):  # neither owns the person: neither marks anything
            await console.send(json.dumps({"type": "typing", "handoff": ticket.id, "epoch": card["epoch"]}))
        await owner.send(json.dumps({"type": "typing", "handoff": ticket.id, "epoch": card["epoch"] - 1}))
        await silence(reader, "typing", 1)
        for key in await line.deps.redis.keys("typing:*"):
            await line.deps.redis.delete(key)
        await owner.send(json.dumps({"type": "typing", "handoff": ticket.id, "epoch": card["epoch"]}))
        assert await heard(reader, "typing", 10) == {"type": "typing", "handoff": ticket.id}
        for console in (owner, stranger):
            await silence(console, "typing", 0.5)
    await line.app.state.v1.state.hub.close()
