"""What runs beside the answering: every pass may fail, is tried again, and doubles nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.channels.twilio import erasure
from api.channels.twilio.client import ProviderRefused, Reason
from api.conversations import owed
from api.conversations.store import StoreUnavailable
from api.conversations.tombstones import defer_wipe
from api.database import DatabaseUnavailable
from api.duties import Duties
from api.handoffs import claims
from api.handoffs.tickets import Ticket, open_handoff
from api.observability.metrics import OPEN_TICKETS, REGISTRY
from safety.message_text import MessageText
from tests.fixtures_line import OURS, SALMA, Rig, rig_on, words_of
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import new_id, wish

PERSON = "e" * 32
MARK = "f" * 32


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


def duties_of(rig: Rig) -> Duties:
    return Duties(rig.store, rig.database, rig.keys, rig.deps.outbox, rig.deps.releases, rig.clock, False, rig.relay)


async def owe(rig: Rig, mark: str = MARK, generation: int = 0) -> None:
    debt = owed.OwedAnswer(mark, PERSON, "sms", OURS, generation, SALMA)
    await rig.database.write(lambda c: owed.owe(c, rig.keys, debt, rig.clock()))


async def test_an_answer_owed_after_a_crash_is_said_once_neutrally_and_noted_for_erasure(rig: Rig) -> None:
    await owe(rig)
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.sent == [], "somebody may still be at it"
    rig.clock.now += owed.GRACE_S
    await asyncio.gather(duties_of(rig).say_what_is_owed(), duties_of(rig).say_what_is_owed())
    assert rig.provider.bodies == [words_of("write_again", channel="sms")]
    assert rig.provider.sent[0]["to"] == SALMA and rig.provider.sent[0]["from"] == OURS
    assert await rig.debts() == 0
    assert set(await rig.ledger()) == {rig.provider.sent[0]["sid"]}


async def test_who_talks_with_a_counsellor_is_not_told_to_write_again_and_the_counsellor_hears_that_something_was_lost(
    rig: Rig,
) -> None:
    def taken(c: sa.Connection) -> Ticket:
        ticket = open_handoff(c, wish(PERSON, channel="sms", generation=0), new_id=new_id(), now=rig.clock())
        return claims.claim(c, ticket.id, staff="s1", now=rig.clock())

    ticket = await rig.database.write(taken)
    await owe(rig)
    rig.clock.now += owed.GRACE_S
    await asyncio.gather(duties_of(rig).say_what_is_owed(), duties_of(rig).say_what_is_owed())
    assert rig.provider.sent == [] and await rig.debts() == 0
    assert [(words.seq, words.envelope) for words in await rig.relay.waiting(ticket.id)] == [(1, None)], "once"
    assert await rig.relay.to_counsellor(ticket.id, MessageText("وين رحت")) == 2, "numbers go on"


async def test_who_only_waits_for_a_counsellor_is_still_told(rig: Rig) -> None:
    await rig.database.write(
        lambda c: open_handoff(c, wish(PERSON, channel="sms", generation=0), new_id=new_id(), now=rig.clock())
    )
    await owe(rig)
    rig.clock.now += owed.GRACE_S
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.bodies == [words_of("write_again", channel="sms")]


async def test_who_left_since_is_not_written_to(rig: Rig) -> None:
    await owe(rig)
    await rig.store.exit(PERSON, "x" * 32)
    rig.clock.now += owed.GRACE_S
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.sent == []


async def test_after_ten_minutes_nothing_is_owed_any_more(rig: Rig) -> None:
    await owe(rig)
    rig.clock.now += owed.TEN_MINUTES_S
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.sent == [] and await rig.debts() == 0


async def test_an_exit_redis_was_not_told_of_is_made_good(rig: Rig) -> None:
    await rig.store.arrive(PERSON, "sms", "1" * 32, rig.clock())
    generation = int((rig.clock() + 1) * 1e6)
    await rig.database.write(lambda c: defer_wipe(c, PERSON, generation))
    await duties_of(rig).make_exits_good()
    assert await rig.deferred() == []
    assert not await rig.store.may_send(PERSON, generation - 1)


async def test_a_deferred_exit_waits_until_redis_is_back(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        server = start_redis(Path(folder))
        async with rig_on(server, tmp_path) as rig:
            await rig.database.write(lambda c: defer_wipe(c, PERSON, 7))
            server.kill()
            with pytest.raises(Exception, match=r"Connection|Timeout|File"):
                await duties_of(rig).make_exits_good()
            assert await rig.deferred() == [(PERSON, 7)]


async def test_silence_is_overwritten_after_its_time(rig: Rig) -> None:
    await rig.say("مرحبا")
    rig.clock.now += 29 * 60
    await duties_of(rig).purge_silence()
    assert [key async for key in rig.redis.scan_iter("*:wa:k")]
    rig.clock.now += 61
    async for key in rig.redis.scan_iter("*:wa:*"):
        await rig.redis.pexpire(key, 60_000)  # the server's clock moves by itself; only its backstop is left
    await duties_of(rig).purge_silence()
    assert not [key async for key in rig.redis.scan_iter("*:wa:*")]


async def test_the_age_of_the_oldest_copy_is_measured(rig: Rig) -> None:
    def measured() -> float | None:
        return REGISTRY.get_sample_value("hams_erasure_oldest_seconds")

    await rig.database.write(
        lambda c: erasure.note(c, [erasure.Copy("SM" + "0" * 32)], now=rig.clock(), due_at=rig.clock())
    )
    rig.clock.now += 120
    await duties_of(rig).measure()
    assert measured() == 120
    await rig.database.write(lambda c: erasure.settle(c, [erasure.Outcome("SM" + "0" * 32, None)]))
    await duties_of(rig).measure()
    assert measured() == 0


async def test_one_duty_that_fails_keeps_no_other_from_its_work(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def fails(_self: Duties) -> None:
        done.append("failed")
        raise RuntimeError("words")

    async def waits(_self: Duties) -> None:
        done.append("waited")
        raise DatabaseUnavailable("OperationalError")

    async def works(_self: Duties) -> None:
        done.append("worked")

    monkeypatch.setattr(Duties, "make_exits_good", fails)
    monkeypatch.setattr(Duties, "purge_silence", waits)
    monkeypatch.setattr(Duties, "say_what_is_owed", works)
    monkeypatch.setattr("api.duties.REST_S", 0.01)
    task = asyncio.create_task(duties_of(rig).run())
    while done.count("worked") < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done[:3] == ["failed", "waited", "worked"]


async def test_a_debt_that_cannot_be_said_harms_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await owe(rig, "1" * 32)
    rig.clock.now += 1
    await owe(rig, "2" * 32)
    rig.clock.now += owed.GRACE_S
    calls = []

    async def once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("boom")

    rig.provider.before = once
    await duties_of(rig).say_what_is_owed()
    assert len(rig.provider.sent) == 1 and await rig.debts() == 0


async def test_who_waits_is_counted_by_band(rig: Rig) -> None:
    def waiting() -> dict[str, float]:
        [gauge] = OPEN_TICKETS.collect()
        return {sample.labels["band"]: sample.value for sample in gauge.samples}

    ticket = await rig.database.write(
        lambda c: open_handoff(c, wish(band="RED"), new_id=new_id(), now=rig.clock())
    )
    await duties_of(rig).measure()
    assert (waiting()["RED"], waiting()["HIGH"]) == (1, 0)
    await rig.database.write(lambda c: claims.claim(c, ticket.id, staff="s1", now=rig.clock()))
    await duties_of(rig).measure()
    assert waiting()["RED"] == 0


async def test_what_is_owed_waits_while_nobody_can_tell_who_has_left(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        server = start_redis(Path(folder))
        async with rig_on(server, tmp_path) as rig:
            await owe(rig)
            rig.clock.now += owed.GRACE_S
            server.kill()
            with pytest.raises(StoreUnavailable):
                await duties_of(rig).say_what_is_owed()
            assert await rig.debts() == 1


async def test_what_the_provider_would_not_take_stays_owed_for_its_ten_minutes(rig: Rig) -> None:
    await owe(rig)
    rig.clock.now += owed.GRACE_S
    rig.provider.refuse = ProviderRefused(Reason.SLOW_DOWN, status=429)
    await duties_of(rig).say_what_is_owed()
    assert await rig.debts() == 1
    rig.provider.refuse = None
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.bodies == [words_of("write_again", channel="sms")] and await rig.debts() == 0


async def test_put_back_it_is_owed_no_longer_than_ten_minutes_from_the_message(rig: Rig) -> None:
    await owe(rig)
    rig.clock.now += 9 * 60
    rig.provider.refuse = ProviderRefused(Reason.SLOW_DOWN, status=429)
    await duties_of(rig).say_what_is_owed()
    rig.provider.refuse = None
    rig.clock.now += 61
    await duties_of(rig).say_what_is_owed()
    assert rig.provider.sent == [] and await rig.debts() == 0


async def test_tickets_of_who_has_left_end_though_nobody_wrote_it_down(rig: Rig) -> None:
    left, stays = "1" * 32, "2" * 32
    for person in (left, stays):
        made = wish(person, band="RED", generation=0)
        await rig.database.write(lambda c, made=made: open_handoff(c, made, new_id=new_id(), now=rig.clock()))
    await owe(rig)
    await rig.store.exit(left, "")
    await rig.store.exit(PERSON, "")
    await duties_of(rig).end_what_was_left()
    assert {ticket.person: ticket.state for ticket in await rig.tickets()} == {left: "left", stays: "queued"}
    again = wish(left, band="RED", generation=await rig.store.generation(left))
    await rig.database.write(lambda c: open_handoff(c, again, new_id=new_id(), now=rig.clock()))
    await duties_of(rig).end_what_was_left()
    assert sorted(ticket.state for ticket in await rig.tickets() if ticket.person == left) == ["left", "queued"]
