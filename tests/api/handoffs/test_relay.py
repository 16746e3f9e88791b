"""Words pass through sealed, are shown once, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from api.conversations import sealing
from api.handoffs.envelopes import Place, read_envelope, seal
from api.handoffs.relay import LEFT, MOST_WAITING, SAID, WORDS, WORDS_SECONDS, Relay, read_said
from safety.message_text import MessageText
from tests.fixtures_browser_keys import Browser, CannotOpen, on_screen, relay_for
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING

HERS = Browser()
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
    return relay_for(redis, HERS)


async def texts(relay: Relay, ticket: str = "t1") -> list[str]:
    return await on_screen(relay, HERS, ticket)


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


async def test_a_dump_of_redis_and_the_servers_keys_open_nothing(redis: Redis) -> None:
    """What stands there opens with a browser's private key alone; the keyring is not even asked."""
    relay = relay_for(redis, HERS)
    await relay.to_counsellor("t1", MessageText(CANARY))
    await relay.keep_note("t1", "staff", seal(CANARY.encode(), Place("note", "t1"), [HERS.public], bytes))
    values = [await redis.get(key) for key in await redis.keys() if await redis.type(key) == b"string"]
    sealed = [value.partition(b":")[2] if value.startswith(b"staff:") else value for value in values if len(value) > 100]
    assert len(sealed) == 2
    for value in sealed:
        for purpose in ("relay", "session", "words", "note"):
            with pytest.raises(sealing.CannotOpen):
                KEYRING.open(purpose, value, b"t1:1")
        with pytest.raises(CannotOpen):
            Browser().open_envelope(read_envelope(value), Place("words", "t1", 1))
    assert CANARY.encode() not in b"".join(values)


class NotingRelay(Relay):
    """Remembers what it sealed, so that a test need not ask the server for it (the answer would stay in a buffer)."""

    __slots__ = ("sealed",)

    def _sealed(self, *args: Any) -> bytes:
        self.sealed = super()._sealed(*args)
        return self.sealed


def noting(redis: Redis) -> NotingRelay:
    plain = relay_for(redis, HERS)
    return NotingRelay(redis, plain._readers, plain._beside)


@pytest.mark.parametrize("ending", ["acknowledged", "forgotten", "too late"])
async def test_words_are_overwritten_in_the_servers_memory(ending: str, redis: Redis, server: RedisServer) -> None:
    relay, ticket = noting(redis), f"memory{ending[0]}"
    if ending == "too late":
        await relay.forget(ticket)
        assert await relay.to_counsellor(ticket, MessageText(CANARY)) is None
    else:
        await relay.to_counsellor(ticket, MessageText(CANARY))
        try:
            assert relay.sealed[-40:] in memory_of(server.pid), "the control: it was there"
        except PermissionError:
            pytest.skip("may not read another process's memory")
        await relay.waiting(ticket)
        await (relay.acknowledge(ticket, 1) if ending == "acknowledged" else relay.forget(ticket))
    for _ in range(20):  # the connection's buffer holds a command until the next ones take its place
        await redis.set("filler", b"\xaa" * 400)
    await redis.mget(["filler"] * 3)
    assert relay.sealed[-40:] not in memory_of(server.pid)


async def test_words_nobody_sees_are_gone_after_ten_minutes(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    assert WORDS_SECONDS - 5 <= await redis.ttl("relay:{t1}:m:1") <= WORDS_SECONDS <= 600


async def test_newer_words_do_not_keep_older_ones_alive(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("old"))
    await redis.expire("relay:{t1}:m:1", 100)
    await relay.to_counsellor("t1", MessageText("new"))
    assert await redis.ttl("relay:{t1}:m:1") <= 100


async def test_lapsed_words_are_missed_until_somebody_tells_the_person_and_told_of_once(relay: Relay, redis: Redis) -> None:
    for _ in range(3):
        await relay.to_counsellor("t1", MessageText("w"))
    await redis.delete("relay:{t1}:m:1", "relay:{t1}:m:2")
    for _ in range(2):
        assert [(words.seq, words.envelope is None) for words in await relay.waiting("t1")] == [(1, True), (2, True), (3, False)]
    claimed = await asyncio.gather(*(relay.claim_unseen("t1", [1, 2]) for _ in range(10)))
    assert sorted(claimed) == [False] * 9 + [True], "of any number of gateways one tells, once for all of them"
    assert [words.seq for words in await relay.waiting("t1")] == [3]
    assert not await relay.claim_unseen("t1", [])


async def test_words_only_others_can_open_stay_for_them_and_are_not_told_of_again_when_they_lapse(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    assert await relay.claim_unseen("t1", [1])
    assert await texts(relay) == ["w"], "they stay for whoever can show them"
    await redis.delete("relay:{t1}:m:1")
    assert [words.seq for words in await relay.waiting("t1")] == [1]
    assert not await relay.claim_unseen("t1", [1])
    assert await relay.waiting("t1") == ()


async def test_words_nobody_can_open_are_overwritten_and_stay_missed(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await relay.overwrite("t1", 1)
    assert await redis.get("relay:{t1}:m:1") is None
    assert [(words.seq, words.envelope) for words in await relay.waiting("t1")] == [(1, None)]


async def test_what_was_acknowledged_while_somebody_looked_is_nothing_to_tell_of(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await relay.acknowledge("t1", 1)  # between reading the index and reading the words
    assert not await relay.claim_unseen("t1", [1])
    await relay.to_counsellor("t1", MessageText("w"))
    assert await relay.claim_unseen("t1", [2]) and await redis.ttl("relay:{t1}") > 0


async def test_what_could_not_be_told_is_the_next_ones_to_tell(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await redis.delete("relay:{t1}:m:1")
    assert await relay.claim_unseen("t1", [1])
    await relay.unclaim("t1", [1])
    assert [words.seq for words in await relay.waiting("t1")] == [1]
    assert await relay.claim_unseen("t1", [1])


async def test_after_an_exit_nothing_is_claimed_and_nothing_comes_back(relay: Relay, redis: Redis) -> None:
    await relay.to_counsellor("t1", MessageText("w"))
    await relay.forget("t1")
    assert not await relay.claim_unseen("t1", [1])
    await relay.unclaim("t1", [1])
    await relay.keep_note("t1", "staff", seal(b"n", Place("note", "t1"), [HERS.public], bytes))
    assert await redis.keys() == [b"relay:{t1}:gone"]


async def test_without_a_browser_on_duty_nothing_is_kept(redis: Redis) -> None:
    assert await relay_for(redis).to_counsellor("t1", MessageText(CANARY)) is None
    assert await redis.keys() == []


async def test_a_note_is_for_one_and_goes_once_read_or_with_somebody_else(relay: Relay, redis: Redis) -> None:
    note = seal("انتبهي للطفل".encode(), Place("note", "t1"), [HERS.public], bytes)
    await relay.keep_note("t1", "aa11", note)
    assert 3000 < await redis.ttl("relay:{t1}:note") <= 3600
    assert await relay.note_for("t1", "bb22") is None and await relay.note_for("t1", "aa1") is None
    kept = await relay.note_for("t1", "aa11")
    assert kept is not None and HERS.open_envelope(kept.envelope, Place("note", "t1")) == "انتبهي للطفل"
    await relay.drop_note("t1", unless_for="aa11")
    assert await relay.note_for("t1", "aa11") is not None
    await relay.drop_note("t1", unless_for="aa1")
    assert await relay.note_for("t1", "aa11") is None
    await relay.keep_note("t1", "aa11", note)
    await relay.drop_note("t1")
    assert await redis.exists("relay:{t1}:note") == 0


async def test_a_note_is_overwritten_in_the_servers_memory(redis: Redis, server: RedisServer) -> None:
    relay = relay_for(redis, HERS)
    note = seal(CANARY.encode() * 5, Place("note", "n1"), [HERS.public], os.urandom)
    await relay.keep_note("n1", "aa11", note)
    try:
        assert note.sealed[-40:] in memory_of(server.pid), "the control: it was there"
    except PermissionError:
        pytest.skip("may not read another process's memory")
    await relay.drop_note("n1")
    for _ in range(20):
        await redis.set("filler", b"\xaa" * 400)
    assert note.sealed[-40:] not in memory_of(server.pid)


async def test_what_the_owner_says_is_sealed_to_those_who_read_along_alone(redis: Redis) -> None:
    owner, reader = Browser(), Browser()
    relay = relay_for(redis, owner, reader, beside=[reader])
    async with redis.pubsub() as heard:
        await heard.subscribe(SAID)
        await relay.say_along("t1", 4, MessageText(CANARY))
        notice = None
        while notice is None:
            notice = await heard.get_message(ignore_subscribe_messages=True, timeout=2)
    assert CANARY.encode() not in notice["data"]
    said = read_said(notice["data"].decode())
    assert said is not None and said[:2] == ("t1", 4)
    assert reader.open_envelope(said[2], Place("said", "t1", 4)) == CANARY
    assert said[2].letter(owner.public.id) is None
    for broken in ("", "t1", "t1:x:aa", "t1:4:!!", "t1:4:AAAA"):
        assert read_said(broken) is None


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
    with pytest.raises(CannotOpen):
        await texts(relay, "t2")


async def test_a_flood_keeps_what_came_first(relay: Relay) -> None:
    for number in range(MOST_WAITING):
        assert await relay.to_counsellor("t1", MessageText(f"w{number}")) is not None
    assert await relay.to_counsellor("t1", MessageText("too much")) is None
    assert (await texts(relay))[0] == "w0" and len(await texts(relay)) == MOST_WAITING
