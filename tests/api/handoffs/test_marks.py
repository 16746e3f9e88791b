"""How far a counsellor's message has come, told by the provider in any order, shown to who has the talk open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from api.channels.twilio.status import StatusReport
from api.handoffs import marks
from api.handoffs.marks import Marks, read_notice
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING

SID = "SM" + "a" * 32


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


async def told(redis: Redis, *reports: tuple[str, int], sid: str = SID) -> list[tuple[str, str]]:
    """What the consoles hear of these reports on message 3 of talk t1."""
    known = Marks(redis, KEYRING)
    await known.note(SID, "t1", 3)
    async with redis.pubsub() as heard:
        await heard.subscribe(marks.CHANGED)
        for status, code in reports:
            await known.report(StatusReport(sid, status, code))
        await redis.publish(marks.CHANGED, b"end")
        found = []
        async with asyncio.timeout(10):
            async for notice in heard.listen():
                if notice["type"] != "message":
                    continue
                frame = read_notice(notice["data"].decode())
                if frame is None:
                    return found
                assert (frame["handoff"], frame["seq"]) == ("t1", 3)
                found.append((str(frame["mark"]), str(frame["reason"])))
    return found


async def test_delivered_and_read_are_told_and_what_comes_before_is_not(redis: Redis) -> None:
    assert await told(redis, ("queued", 0), ("sent", 0), ("delivered", 0), ("read", 0)) == [("delivered", ""), ("read", "")]


async def test_nothing_goes_back_and_nothing_is_told_twice(redis: Redis) -> None:
    assert await told(redis, ("read", 0), ("delivered", 0), ("sent", 0), ("read", 0), ("failed", 30005)) == [("read", "")]


@pytest.mark.parametrize(("code", "reason"), [(63016, "window"), (21610, "opted_out"), (30003, "unreachable"), (30007, "filtered"), (12345, "other"), (0, "other")])
async def test_a_failure_says_why_in_a_code_of_ours(code: int, reason: str, redis: Redis) -> None:
    assert await told(redis, ("sent", 0), ("undelivered", code)) == [("undelivered", reason)]


async def test_what_is_not_a_counsellors_is_told_to_nobody(redis: Redis) -> None:
    assert await told(redis, ("delivered", 0), sid="SM" + "b" * 32) == []


async def test_what_is_kept_names_no_sid_and_goes_within_the_hour(redis: Redis) -> None:
    await told(redis, ("delivered", 0))
    (key,) = await redis.keys()
    assert SID.encode() not in key and 0 < await redis.ttl(key) <= marks.KEPT_SECONDS
    assert set(await redis.hvals(key)) == {b"t1:3", b"delivered"}


async def test_a_redis_that_is_away_holds_up_nobody() -> None:
    gone = Redis.from_url("redis://127.0.0.1:9/0")
    await Marks(gone, KEYRING).note(SID, "t1", 1)
    await Marks(gone, KEYRING).report(StatusReport(SID, "delivered"))
    await gone.aclose()


@pytest.mark.parametrize("notice", ["", "end", "t1:x:read:", "t1:1:read", "a:b:c:d:e"])
def test_a_notice_of_another_kind_is_none(notice: str) -> None:
    assert read_notice(notice) is None


def test_the_console_has_words_for_every_mark_and_reason() -> None:
    from api.handoffs.marks import _REASONS
    from api.web.console import MARKS
    from api.web.words import in_words

    reasons = {f"mark_undelivered_{reason}" for reason in (*_REASONS.values(), "other")}
    assert set(MARKS) == reasons | {"mark_delivered", "mark_read"} and all(map(in_words, MARKS))
