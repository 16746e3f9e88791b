"""Bursts are answered in order of arrival, whoever takes them and whoever dies."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from conversation_parts import SECRET, ZAYNAB, Clock, MakeStore, Server

from api.conversations import names
from api.conversations.sealing import Keyring
from api.conversations.store import Arrival, ConversationStore, Refused, Saved, connect

OTHER = "0b" * 16


async def work(store: ConversationStore, arrival: Arrival, log: list[str], seconds: float = 0.0) -> None:
    async with store.turn(arrival) as fence:
        seen = list((fence.state or {}).get("seen", []))
        await asyncio.sleep(seconds)
        assert await store.save(arrival.person, arrival.channel, {"seen": [*seen, arrival.sid_mark]}, fence) == Saved()
        log.append(arrival.sid_mark)
        await store.finish(arrival, fence)


@pytest.mark.parametrize("gateways", [1, 2, 3])
async def test_a_burst_is_answered_in_order_of_arrival_each_once(
    server: Server, make_store: MakeStore, clock: Clock, gateways: int
) -> None:
    stores, dice, log = [make_store(server) for _ in range(gateways)], random.Random(7), []
    tasks, order = [], [f"m{number}" for number in range(12)]
    for number, mark in enumerate(order):
        store = stores[number % gateways]
        arrival = await store.arrive(ZAYNAB, "whatsapp", mark, clock())
        # the later ones come to their turn sooner: what counts is when they arrived
        tasks.append((store, arrival))
    dice.shuffle(tasks)
    await asyncio.gather(*(work(store, arrival, log, dice.random() * 0.01) for store, arrival in tasks))
    assert log == order
    assert await stores[0].load(ZAYNAB, "whatsapp") == {"seen": order}, "no turn saw the state of another's middle"
    with server.blocking() as client:
        assert not client.exists(names.queue(ZAYNAB))


async def test_four_messages_fifty_milliseconds_apart_do_not_wait_for_polls(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    """Issue 2, Speed; the bound itself is the benchmark's, here only that no second-long pause is possible."""
    stores, log = [make_store(server), make_store(server)], []
    tasks = []
    for number in range(4):
        store = stores[number % 2]
        arrival = await store.arrive(ZAYNAB, "sms", f"m{number}", clock())
        tasks.append(asyncio.create_task(work(store, arrival, log, 0.06)))
        await asyncio.sleep(0.05)
    began = time.monotonic()
    await asyncio.gather(*tasks)
    assert log == ["m0", "m1", "m2", "m3"]
    assert time.monotonic() - began < 2.0


async def test_two_peoples_turns_do_not_wait_for_each_other(store: ConversationStore, clock: Clock) -> None:
    first, second = await store.arrive(ZAYNAB, "sms", "1", clock()), await store.arrive(OTHER, "sms", "2", clock())
    async with store.turn(first), asyncio.timeout(5), store.turn(second):
        pass


async def test_one_person_on_two_channels_is_answered_one_at_a_time(store: ConversationStore, clock: Clock) -> None:
    first = await store.arrive(ZAYNAB, "sms", "1", clock())
    second = await store.arrive(ZAYNAB, "whatsapp", "2", clock())
    log: list[str] = []
    await asyncio.gather(work(store, second, log), work(store, first, log, 0.02))
    assert log == ["1", "2"]


async def test_a_message_finished_without_a_turn_lets_the_next_pass(store: ConversationStore, clock: Clock) -> None:
    first = await store.arrive(ZAYNAB, "sms", "1", clock())
    second = await store.arrive(ZAYNAB, "sms", "2", clock())
    log: list[str] = []
    waiting = asyncio.create_task(work(store, second, log))
    await asyncio.sleep(0.02)
    assert log == []
    await store.finish(first)
    async with asyncio.timeout(5):
        await waiting


async def test_who_gives_up_waiting_does_not_hold_up_the_rest(store: ConversationStore, clock: Clock) -> None:
    first, second, third = [await store.arrive(ZAYNAB, "sms", f"{number}", clock()) for number in range(3)]
    log: list[str] = []
    async with store.turn(first):
        giving_up = asyncio.create_task(work(store, second, log))
        waiting = asyncio.create_task(work(store, third, log))
        await asyncio.sleep(0.02)
        giving_up.cancel()
    async with asyncio.timeout(5):
        await waiting
    assert log == ["2"]


async def test_a_turn_that_failed_lets_the_next_pass_and_its_message_come_again(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(server, mark_lease_s=0.1)
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    with pytest.raises(RuntimeError):
        async with store.turn(arrival):
            raise RuntimeError("the engine fell over")
    log: list[str] = []
    async with asyncio.timeout(5):
        await work(store, await store.arrive(ZAYNAB, "sms", "2", clock()), log)
    await asyncio.sleep(0.12)
    assert (await store.arrive(ZAYNAB, "sms", "1", clock())).duplicate == "no"


async def test_a_long_turn_renews_its_lease(server: Server, make_store: MakeStore, clock: Clock) -> None:
    here, there = make_store(server, lease_s=0.3), make_store(server, lease_s=0.3)
    first = await here.arrive(ZAYNAB, "sms", "1", clock())
    second = await there.arrive(ZAYNAB, "sms", "2", clock())
    log: list[str] = []
    await asyncio.gather(work(here, first, log, 1.0), work(there, second, log))
    assert log == ["1", "2"]


def asleep(store: ConversationStore, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A process that stands still: it renews nothing for so long."""
    at_once = store._lock._renew_later
    monkeypatch.setattr(
        store._lock, "_renew_later",
        lambda *held: asyncio.get_running_loop().call_later(seconds, lambda: at_once(*held)),
    )


async def test_a_turn_that_slept_through_its_lease_is_refused(
    server: Server, make_store: MakeStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make_store(server, lease_s=0.2), make_store(server, lease_s=0.2)
    asleep(here, monkeypatch, 0.4)
    first = await here.arrive(ZAYNAB, "sms", "1", clock())
    async with here.turn(first) as stale:
        second = await there.arrive(ZAYNAB, "sms", "2", clock())
        async with there.turn(second) as fence:
            assert await here.save(ZAYNAB, "sms", {"by": "stale"}, stale) == Refused("stale")
            assert await there.save(ZAYNAB, "sms", {"by": "good"}, fence) == Saved()
            assert await here.save(ZAYNAB, "sms", {"by": "stale"}, stale) == Refused("stale")
            await asyncio.sleep(0.4)
            assert stale.lost and not fence.lost
    assert await here.load(ZAYNAB, "sms") == {"by": "good"}


async def test_a_stale_turn_is_refused_after_the_queue_was_empty_too(
    server: Server, make_store: MakeStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make_store(server, lease_s=0.2), make_store(server, lease_s=0.2)
    asleep(here, monkeypatch, 60)
    async with here.turn(await here.arrive(ZAYNAB, "sms", "1", clock())) as stale:
        await work(there, await there.arrive(ZAYNAB, "sms", "2", clock()), [])
        assert await here.save(ZAYNAB, "sms", {}, stale) == Refused("stale")


async def test_a_new_talk_after_an_exit_never_shares_a_ticket_with_the_old(
    store: ConversationStore, clock: Clock
) -> None:
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as old:
        await store.exit(ZAYNAB, "2")
        newer = await store.arrive(ZAYNAB, "sms", "3", clock())
        assert newer.ticket > arrival.ticket
        async with store.turn(newer) as fence:
            assert await store.save(ZAYNAB, "sms", {"n": 2}, fence) == Saved()
            assert await store.save(ZAYNAB, "sms", {"n": 1}, old) == Refused("exited")


def _hold_forever(url: str, ready: str) -> None:
    async def hold() -> None:
        store = ConversationStore(connect(url), Keyring([SECRET]), os.urandom, time.time, lease_s=1.0)
        arrival = await store.arrive(ZAYNAB, "sms", "held", 1_790_000_000.0)
        async with store.turn(arrival) as fence:
            await store.save(ZAYNAB, "sms", {"by": "the dead"}, fence)
            Path(ready).touch()
            await asyncio.sleep(60)

    asyncio.run(hold())


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
async def test_a_process_killed_while_it_holds_the_turn_holds_up_the_others_for_one_lease(
    server: Server, make_store: MakeStore, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(target=_hold_forever, args=(server.url, str(ready)))
    process.start()
    while not ready.exists():
        await asyncio.sleep(0.02)
    store = make_store(server, lease_s=1.0)
    await asyncio.sleep(1.2)  # longer than its lease: it lives by renewing
    arrivals = [await store.arrive(ZAYNAB, "sms", f"m{number}", 1_790_000_001.0) for number in range(3)]
    log: list[str] = []
    waiting = asyncio.gather(*(work(store, arrival, log) for arrival in arrivals))
    await asyncio.sleep(0.1)
    assert log == []
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    began = time.monotonic()
    async with asyncio.timeout(4):
        await waiting
    assert log == ["m0", "m1", "m2"]
    assert time.monotonic() - began < 2.5
    process.join()


async def test_waiting_survives_a_redis_that_forgot_the_queue(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(server)
    first = await store.arrive(ZAYNAB, "sms", "1", clock())
    second = await store.arrive(ZAYNAB, "sms", "2", clock())
    log: list[str] = []
    async with store.turn(first) as fence:
        waiting = asyncio.create_task(work(store, second, log))
        await asyncio.sleep(0.02)
        with server.blocking() as client:
            client.flushall()
        assert await store.save(ZAYNAB, "sms", {}, fence) == Refused("stale")
    async with asyncio.timeout(1):
        await waiting
    assert log == ["2"]
