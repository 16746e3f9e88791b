"""Words pass through sealed, are shown once, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.conversations.sealing import Keyring
from api.handoffs.relay import LEFT, MOST_WAITING, WORDS, WORDS_SECONDS, Relay
from safety.message_text import MessageText
from tests.fixtures_redis import RedisServer, start_redis

KEYRING = Keyring([b"k" * 32])
CANARY = "kanari-7c1f93e0b2-كلمات"


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
def relay(redis: Redis) -> Relay:
    return Relay(redis, KEYRING)


async def texts(relay: Relay, ticket: str = "t1") -> list[str]:
    return [words.text.reveal() for words in await relay.waiting(ticket) if words.text is not None]


def memory_of(pid: int) -> bytes:
    """Everything the server has in its writable memory."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if rights.startswith("rw") and "[v" not in line:
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                try:
                    found.append(memory.read(end - start))
                except OSError:
                    continue
    return b"".join(found)


async def test_words_arrive_in_order_and_stay_until_acknowledged(relay: Relay) -> None:
    for number in range(3):
        assert await relay.to_counsellor("t1", MessageText(f"w{number}")) == number + 1
    assert await texts(relay) == ["w0", "w1", "w2"]
    assert await texts(relay) == ["w0", "w1", "w2"]
    assert await relay.acknowledge("t1", 2)
    assert await texts(relay) == ["w0", "w2"]
    assert not await relay.acknowledge("t1", 2)


async def test_redis_only_ever_holds_sealed_words(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText(CANARY))
    for key in await redis.keys():
        assert CANARY.encode() not in await redis.dump(key)


class NotingKeyring(Keyring):
    """Remembers what it sealed, so that a test need not ask the server for it (the answer would stay in a buffer)."""

    __slots__ = ("sealed",)

    def seal(self, purpose: str, plain: bytes, aad: bytes = b"") -> bytes:
        self.sealed = super().seal(purpose, plain, aad)
        return self.sealed


@pytest.mark.parametrize("ending", ["acknowledged", "forgotten", "too late"])
async def test_words_are_overwritten_in_the_servers_memory(ending: str, redis: Redis, server: RedisServer) -> None:
    keyring = NotingKeyring([b"k" * 32])
    relay, ticket = Relay(redis, keyring), f"memory{ending[0]}"
    if ending == "too late":
        await relay.forget(ticket)
        assert await relay.to_counsellor(ticket, MessageText(CANARY)) is None
    else:
        await relay.to_counsellor(ticket, MessageText(CANARY))
        try:
            assert keyring.sealed[8:40] in memory_of(server.pid), "the control: it was there"
        except PermissionError:
            pytest.skip("may not read another process's memory")
        await relay.waiting(ticket)
        await (relay.acknowledge(ticket, 1) if ending == "acknowledged" else relay.forget(ticket))
    for _ in range(20):  # the connection's buffer holds a command until the next ones take its place
        await redis.set("filler", b"\xaa" * 400)
    await redis.mget(["filler"] * 3)
    assert keyring.sealed[8:40] not in memory_of(server.pid)


async def test_words_nobody_sees_are_gone_after_ten_minutes(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    assert WORDS_SECONDS - 5 <= await redis.ttl("relay:{t1}:m:1") <= WORDS_SECONDS == 600


async def test_newer_words_do_not_keep_older_ones_alive(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("old"))
    await redis.expire("relay:{t1}:m:1", 100)
    await relay.to_counsellor("t1", MessageText("new"))
    assert await redis.ttl("relay:{t1}:m:1") <= 100


async def test_lapsed_words_are_named_once_without_text(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await redis.delete("relay:{t1}:m:1")
    [lapsed] = await relay.waiting("t1")
    assert (lapsed.seq, lapsed.text) == (1, None)
    assert await relay.waiting("t1") == ()


async def test_forgetting_leaves_only_the_mark_and_takes_nothing_more(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await relay.next_out("t1")
    await relay.forget("t1")
    assert await redis.keys() == [b"relay:{t1}:gone"]
    assert await relay.to_counsellor("t1", MessageText("straggler")) is None
    assert await relay.waiting("t1") == ()
    assert await relay.to_counsellor("t2", MessageText("another talk")) == 1


async def test_a_message_that_races_an_exit_never_outlives_it(relay: Relay) -> None:
    for number in range(20):
        ticket = f"r{number}"
        await asyncio.gather(
            relay.to_counsellor(ticket, MessageText("a")), relay.forget(ticket),
            relay.to_counsellor(ticket, MessageText("b")),
        )
        assert await relay.waiting(ticket) == ()


async def test_the_bell_carries_the_ticket_and_no_word(relay: Relay, redis: Redis) -> None:
    async with redis.pubsub() as heard:
        await heard.subscribe(WORDS, LEFT)
        await relay.to_counsellor("t1", MessageText(CANARY))
        await relay.person_left("t1")
        notices = []
        while len(notices) < 2:
            notice = await heard.get_message(ignore_subscribe_messages=True, timeout=2)
            if notice:
                notices.append((notice["channel"], notice["data"]))
    assert notices == [(WORDS.encode(), b"t1"), (LEFT.encode(), b"t1")]


async def test_words_of_one_talk_do_not_open_in_another(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await relay.to_counsellor("t2", MessageText("w"))
    await redis.set("relay:{t2}:m:1", await redis.get("relay:{t1}:m:1"))
    [words] = await relay.waiting("t2")
    assert words.text is None


async def test_a_flood_keeps_what_came_first(relay: Relay) -> None:
    for number in range(MOST_WAITING):
        assert await relay.to_counsellor("t1", MessageText(f"w{number}")) is not None
    assert await relay.to_counsellor("t1", MessageText("too much")) is None
    assert (await texts(relay))[0] == "w0" and len(await texts(relay)) == MOST_WAITING
