"""The hub's loops outlive what breaks in them, and end when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from api.handoffs.live import Hub


class PubSub:
    """A subscription whose connection, cancelled while it waits, fails to be put away: redis-py's ``disconnect`` may time out."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        raise RedisTimeoutError

    async def subscribe(self, *_: str) -> None: ...

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        self.listening.set()
        await asyncio.Event().wait()
        yield {}


class Redis:
    def __init__(self, heard: PubSub) -> None:
        self._heard = heard

    def pubsub(self) -> PubSub:
        return self._heard

    def register_script(self, _script: str) -> None: ...


def hub(heard: PubSub, relay: object = None, look_seconds: float = 60) -> Hub:
    parts: Any = None
    redis: Any = Redis(heard)
    said: Any = relay
    return Hub(parts, redis, said, parts, parts, lambda: 0.0, look_seconds=look_seconds)


async def test_a_cancellation_that_redis_turns_into_an_error_still_ends_it() -> None:
    heard = PubSub()
    ended = hub(heard)
    ended._start()
    await heard.listening.wait()
    async with asyncio.timeout(10):
        await ended.close()


async def test_a_look_that_breaks_is_not_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    looks: list[set[str]] = []
    third = asyncio.Event()

    class Relay:
        async def with_words(self, tickets: set[str]) -> set[str]:
            looks.append(tickets)
            if len(looks) == 3:
                third.set()
                return set()
            raise ValueError("anything")

    running = hub(PubSub(), Relay(), look_seconds=0.01)
    running._start()
    async with asyncio.timeout(10):
        await third.wait()
    await running.close()
    assert "anything" not in "".join(capsys.readouterr())
