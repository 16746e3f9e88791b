"""One round trip to Redis: several commands out, all answers back, every failure the same exception.

It stands below redis-py's command layer for three reasons. A lost answer must never be asked for again by itself
(``arrive`` would take its own mark for a duplicate), and redis-py retries. A pipeline of its own costs twice the
time of the trip. And a trip that carried a conversation's key has to be followed by zeros *on the same connection*:
the server keeps what was last read from and written to each client in that client's buffers, out of an exit's reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import hiredis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from api.conversations import scripts_lua

PATIENCE_S = 1.0
"""Connecting and each answer; safety.md wants a person answered even with the store down, so waiting is short."""

_ZEROS = bytes(1024)
"""Longer than what stands before the end of a key in any trip of ours, out or back; tested on the server's memory."""

_SHA = {script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in scripts_lua.ALL}

_PACK: Callable[[Any], bytes] = hiredis.pack_command  # its stub knows only tuples of one element

Command = tuple[str | bytes | int, ...]


class StoreUnavailable(Exception):
    """The ephemeral store cannot be reached, is too slow or refuses; whether the act took place is not known."""


def connect(url: str) -> redis.asyncio.Redis:
    """A client with this product's short timeouts and no retries of its own."""
    return redis.asyncio.Redis.from_url(
        url, protocol=2, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 0), max_connections=200,
    )


def run(script: str, keys: Sequence[str], *arguments: str | bytes | int) -> Command:
    """The command that runs one of our scripts."""
    return ("EVALSHA", _SHA[script], len(keys), *keys, *arguments)


class Wire:
    """Round trips over a redis-py connection pool."""

    def __init__(self, client: redis.asyncio.Redis, patience_s: float = PATIENCE_S) -> None:
        self._pool: Any = client.connection_pool
        self._patience_s = patience_s
        self._scrubs: set[asyncio.Task[None]] = set()
        self.trips = 0

    async def ask(self, *commands: Command, carries_key: Literal["", "out", "back"] = "") -> list[Any]:
        """Send the commands together and return their answers.

        Args:
            carries_key: a conversation's key goes over the wire, ``out`` or ``back`` (as what a GET answers); both of
                the server's buffers are overwritten right after, beside the caller's further work.

        Raises:
            StoreUnavailable: for whatever reason it did not work.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                connection = await self._pool.get_connection()
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailable(type(error).__name__) from None
        handed_on = False
        try:
            async with asyncio.timeout(self._patience_s):
                answers = await self._trip(connection, commands)
                for place, answer in enumerate(answers):
                    if isinstance(answer, NoScriptError):  # a new or restarted server: teach it, then go on from there
                        await self._trip(connection, [("SCRIPT", "LOAD", script) for script in scripts_lua.ALL])
                        answers = answers[:place] + await self._trip(connection, commands[place:])
                        break
            if carries_key == "out" or (carries_key == "back" and _read_something(commands, answers)):
                handed_on = True
                task = asyncio.create_task(self._scrub_and_release(connection))
                self._scrubs.add(task)
                task.add_done_callback(self._scrubs.discard)
        except BaseException as error:
            await asyncio.shield(connection.disconnect(nowait=True))  # half a conversation: nobody may use it further
            if isinstance(error, RedisError | OSError | TimeoutError):
                with contextlib.suppress(RedisError, OSError):  # the idle ones are as dead: one failure, not one each
                    await self._pool.disconnect(inuse_connections=False)
                raise StoreUnavailable(type(error).__name__) from None
            raise
        finally:
            if not handed_on:
                await self._pool.release(connection)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise StoreUnavailable(type(answer).__name__)
        return answers

    async def settle(self) -> None:
        """Wait until every buffer that held a key has been overwritten."""
        while self._scrubs:
            await asyncio.wait(set(self._scrubs))

    async def _trip(self, connection: Any, commands: Sequence[Command]) -> list[Any]:
        self.trips += 1
        packed = [b"".join(_PACK(command) for command in commands)]
        await connection.send_packed_command(packed, check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response(disable_decoding=True))
            except ResponseError as error:
                answers.append(error)
        return answers

    async def _scrub_and_release(self, connection: Any) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await connection.send_packed_command(connection.pack_command("ECHO", _ZEROS), check_health=False)
                await connection.read_response(disable_decoding=True)
        except (RedisError, OSError, TimeoutError):
            await connection.disconnect(nowait=True)
        finally:
            await self._pool.release(connection)


def _read_something(commands: Sequence[Command], answers: Sequence[Any]) -> bool:
    return any(command[0] == "GET" and answer is not None for command, answer in zip(commands, answers, strict=True))
