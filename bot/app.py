"""The engine's small ASGI app: msgpack in, msgpack out, over a unix socket.

Errors are codes: a body, a text or an exception's words never leave this process or reach its log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack

from actions.directory import RELEASES, LacksRelease
from bot.engine import Engine, TurnFailed, as_map
from bot.state import ForeignState
from safety.screening import InstrumentError

logger = logging.getLogger(__name__)
_LARGEST = 1 << 20

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class TooLarge(ValueError):
    """A request body over 1 MiB."""


class EngineApp:
    """Routes: POST /turn, POST /understand, PUT /releases/{digest}, GET /ready."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await _live(receive, send, self._engine.warm)
            return
        if scope["type"] != "http":
            return
        try:
            status, answer = await self._answer(scope["method"], scope["path"], await _body(receive))
        except (TurnFailed, ForeignState, LacksRelease, InstrumentError, KeyError, ValueError, TypeError) as error:
            status, answer = _refusal(error)
            if status == 500:
                logger.error(type(error).__name__)
        packed = msgpack.packb(answer)
        headers = [(b"content-type", b"application/msgpack"), (b"content-length", b"%d" % len(packed))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": packed})

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if (method, path) == ("POST", "/turn"):
            asked = msgpack.unpackb(body)
            return 200, as_map(await self._engine.turn(asked.get("state"), asked["text"], asked["facts"]))
        if (method, path) == ("POST", "/understand"):
            return 200, await self._engine.understand(msgpack.unpackb(body)["text"])
        if method == "PUT" and path.startswith("/releases/"):
            RELEASES.put(path.removeprefix("/releases/"), msgpack.unpackb(body, strict_map_key=False))
            return 200, {}
        if (method, path) == ("GET", "/ready"):
            return 200, {"ready": True, "decided": dict(self._engine.decided)}
        return 404, {"code": "no_such_route"}


def _refusal(error: Exception) -> tuple[int, dict[str, Any]]:
    match error:
        case LacksRelease():
            return 409, {"code": "lacks_release"}
        case ForeignState():
            return 422, {"code": "foreign_state"}
        case InstrumentError():
            return 422, {"code": "bad_release"}
        case TooLarge():
            return 413, {"code": "too_large"}
        case TurnFailed():
            return 500, {"code": f"turn_failed {error}"}  # a TurnFailed holds a code, never a word
    return 400, {"code": "bad_request"}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST:
            raise TooLarge
        if not message.get("more_body"):
            return bytes(body)


async def _live(receive: Receive, send: Send, warm: Callable[[], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await warm()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
