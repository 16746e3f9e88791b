"""The engine's client: msgpack over a unix socket, one release pushed when the engine says it lacks it.

The engine is a function and may be killed at any time; a failure here is a code, and the person is answered by
``degraded.py``. One that hangs is left alone for a while, so that not everybody who writes waits for it in turn.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgpack

from safety.message_text import MessageText

_TURN_SECONDS = 4.0  # the provider waits 15 s for the webhook; what is left goes to the static answer
_DANGER_SECONDS = 1.5
"""For danger found by rule, whose static answer is as good: a usual turn takes some five milliseconds."""
_HANGS_AFTER = 2
_REST_SECONDS = 2.0
_AT_ONCE = 4
"""Turns given to the engine at once. It thinks one at a time; what waits, waits here, where an exit can pass it."""


class EngineUnavailable(Exception):
    """The engine gave no outcome: it is down, too slow, or failed. Carries a code, never a word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Breaker:
    """Spares people the wait for an engine that hangs: after two timeouts in a row calls fail at once, but for one
    that looks again every two seconds. Any answer ends it.

    A refused connection changes nothing: it costs nobody any time, and the engine may be there the next moment.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._timeouts = 0
        self._rests_until = 0.0
        self._looking = False

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Around one call.

        Raises:
            EngineUnavailable: the engine hangs, and it is not this call's turn to look again.
        """
        hangs = self._timeouts >= _HANGS_AFTER
        if hangs and (self._looking or self._clock() < self._rests_until):
            raise EngineUnavailable("resting")
        self._looking = self._looking or hangs
        try:
            yield
            self._timeouts = 0
        except TimeoutError:
            self._timeouts += 1
            self._rests_until = self._clock() + _REST_SECONDS
            raise
        finally:  # a call that was cancelled must not keep others from looking
            if hangs:
                self._looking = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer by name; ``api.scripts.render`` finds the words."""

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message means, as far as the gateway uses it."""

    intent: str | None
    flags: tuple[str, ...]
    dialect: str | None
    language: str
    script: str
    alarm: str
    confidence: float
    p_danger: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn's outcome (the engine's contract: bot/engine.py)."""

    state: dict[str, Any]
    replies: tuple[Reply, ...]
    commands: tuple[Mapping[str, Any], ...]
    understood: Understood
    policy: str


class EngineClient:
    """Calls to one engine on a local socket.

    Args:
        socket: the engine's unix socket.
        release_part: gives the engine's part of a release by digest, pushed when the engine lacks it.
        clock: seconds that only go forward.
    """

    def __init__(
        self, socket: Path, release_part: Callable[[str], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._socket = socket
        self._release_part = release_part
        self._session: aiohttp.ClientSession | None = None
        self._breaker = _Breaker(clock)

    async def turn(self, state: Mapping[str, Any] | None, text: MessageText, facts: Mapping[str, Any]) -> Turn:
        """Run one turn.

        Raises:
            EngineUnavailable: no outcome in time.
        """
        body = msgpack.packb({"state": state, "text": text.reveal(), "facts": dict(facts)}, unicode_errors="replace")
        seconds = _DANGER_SECONDS if facts.get("danger") == "now" else _TURN_SECONDS
        status, answer = await self._call("POST", "/turn", body, seconds)
        if status == 409:
            await self.push(str(facts["release"]))
            status, answer = await self._call("POST", "/turn", body, seconds)
        if status == 422 and answer.get("code") == "foreign_state":  # another version's: begin anew, never fail
            body = msgpack.packb({"state": None, "text": text.reveal(), "facts": dict(facts)}, unicode_errors="replace")
            status, answer = await self._call("POST", "/turn", body, seconds)
        if status != 200:
            raise EngineUnavailable(str(answer.get("code") or status))
        try:
            return Turn(
                state=answer["state"],
                replies=tuple(Reply(r["name"], r["values"]) for r in answer["replies"]),
                commands=tuple(answer["commands"]),
                understood=_understood(answer["understood"]),
                policy=answer["policy"],
            )
        except (KeyError, TypeError):
            raise EngineUnavailable("bad_answer") from None

    async def understand(self, text: MessageText) -> Understood:
        """Parse only: what one message means, with no talk around it.

        Raises:
            EngineUnavailable: no answer in time.
        """
        status, answer = await self._call("POST", "/understand", msgpack.packb({"text": text.reveal()}, unicode_errors="replace"))
        if status != 200:
            raise EngineUnavailable(str(answer.get("code") or status))
        try:
            return _understood(answer)
        except (KeyError, TypeError):
            raise EngineUnavailable("bad_answer") from None

    async def push(self, digest: str) -> None:
        """Give the engine its part of a release."""
        status, answer = await self._call("PUT", f"/releases/{digest}", msgpack.packb(dict(self._release_part(digest))))
        if status != 200:
            raise EngineUnavailable(str(answer.get("code") or status))

    async def ready(self) -> bool:
        """Whether the engine answers."""
        try:
            status, _ = await self._call("GET", "/ready", b"")
        except EngineUnavailable:
            return False
        return status == 200

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _call(
        self, method: str, path: str, body: bytes, seconds: float | None = None
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=_AT_ONCE),
                skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            )
        limit = aiohttp.ClientTimeout(total=seconds or _TURN_SECONDS)
        try:
            with self._breaker.call():
                async with self._session.request(method, f"http://engine{path}", data=body, timeout=limit) as response:
                    packed = await response.read()
            answer = msgpack.unpackb(packed)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise EngineUnavailable(type(error).__name__) from None
        if not isinstance(answer, dict):
            raise EngineUnavailable("bad_answer")
        return response.status, answer


def _understood(answer: Mapping[str, Any]) -> Understood:
    return Understood(
        intent=answer["intent"],
        flags=tuple(answer["flags"] or ()),
        dialect=answer["dialect"],
        language=answer["language"] or "ar",
        script=answer["script"] or "other",
        alarm=answer["alarm"] or "",
        confidence=answer["confidence"] or 0.0,
        p_danger=answer["p_danger"] or 0.0,
    )
