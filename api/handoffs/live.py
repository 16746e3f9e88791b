"""The live side of the queue: one hub a process, one seat a socket.

Redis only ever says *that* something changed; what changed is read from SQL, and words from the sealed buffer, for
the owner alone. What a lost notice would hide is found by looking every few seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.database import Database, DatabaseUnavailable
from api.handoffs import leases, queue
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch, owned
from api.handoffs.relay import LEFT, WORDS, Relay
from api.observability.errors import report
from api.observability.logs import warn
from api.staff.accounts import Staff

LOOK_SECONDS = 5.0
SEND_SECONDS = 8.0
LARGEST_FRAME = 4096
MOST_SEATS = 10
"""Sockets one session may hold."""

SIGNED_OUT, TOO_MANY = 4401, 4429
_BAD_DATA, _BAD_FRAME, _TOO_BIG = 1003, 1008, 1009


@dataclass(eq=False, slots=True)
class Seat:
    """One open console: what it watches and what it has yet to be told."""

    socket: WebSocket
    staff: Staff
    session: str
    still_signed_in: Callable[[bool], Awaitable[bool]]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    queue_changed: bool = True
    shown: str = ""
    watched: dict[str, int] = field(default_factory=dict)
    sent: dict[str, set[str]] = field(default_factory=dict)
    ring: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    tick: bool = False
    ended: bool = False


class Hub:
    """Everybody's consoles of one gateway process. Starts with the first seat; :meth:`close` ends it."""

    def __init__(self, database: Database, redis: Redis, relay: Relay, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._database, self._redis, self._relay = database, redis, relay
        self._look_seconds = look_seconds
        self._seats: set[Seat] = set()
        self._version = 0
        self._snapshots: dict[frozenset[str], tuple[int, str]] = {}
        self._reading = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._renew_now = asyncio.Event()

    async def serve(
        self, socket: WebSocket, staff: Staff, session: str, still_signed_in: Callable[[bool], Awaitable[bool]]
    ) -> None:
        """Keep one console up to date until it goes, its session ends or it sends what it should not."""
        if sum(seat.session == session for seat in self._seats) >= MOST_SEATS:
            await socket.close(TOO_MANY)
            return
        seat = Seat(socket, staff, session, still_signed_in)
        self._seats.add(seat)
        self._start()
        self._renew_now.set()
        seat.wake.set()
        both = [asyncio.create_task(self._tell(seat)), asyncio.create_task(self._listen(seat))]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(WebSocketDisconnect, RuntimeError, RedisError, DatabaseUnavailable, TimeoutError):
                    task.result()
        finally:
            self._seats.discard(seat)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        if socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(SIGNED_OUT if seat.ended else 1011)

    def end(self, session: str) -> None:
        """Somebody signed out: their sockets in this process close now, elsewhere at the next look."""
        for seat in self._seats:
            if seat.session == session:
                seat.ended = True
                seat.wake.set()

    async def close(self) -> None:
        """Stop listening; called when the gateway stops."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks = {}

    def _start(self) -> None:
        for loop in (self._hear, self._look, self._beat, self._renew):
            running = self._tasks.get(loop.__name__)
            if running is None or running.done():
                self._tasks[loop.__name__] = asyncio.create_task(loop())

    async def _hear(self) -> None:
        while True:
            with suppress(RedisError, OSError):
                async with self._redis.pubsub() as heard:
                    await heard.subscribe(queue.CHANGED, WORDS, LEFT)
                    self._changed()  # whatever was said before we listened
                    async for notice in heard.listen():
                        if notice["type"] == "message":
                            self._pass_on(notice["channel"].decode(), notice["data"].decode("ascii", "replace"))
            await asyncio.sleep(1)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            self._changed()
            for seat in list(self._seats):
                seat.ring.update(seat.watched)
                with suppress(RedisError, DatabaseUnavailable):
                    seat.ended = seat.ended or not await seat.still_signed_in(False)
                seat.wake.set()

    async def _beat(self) -> None:
        """Something every few seconds, whatever hangs behind us: a page that hears nothing takes its network for gone."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for seat in self._seats:
                seat.tick = True
                seat.wake.set()

    async def _renew(self) -> None:
        """Whose console answers keeps whom they have: a socket whose peer leaves a ping unanswered is no seat any more.

        A loop of its own: behind the sessions of many consoles, asked one by one, it would come too late.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._look_seconds, leases.RENEWED_FOR / 4)):
                    await self._renew_now.wait()
            self._renew_now.clear()
            staff = {seat.staff.id for seat in self._seats if not seat.ended}
            if not staff:
                continue
            try:
                await self._database.write(lambda c, staff=staff: leases.renew(c, staff, leases.time_of(c)))  # type: ignore[misc]
            except DatabaseUnavailable as away:
                warn("leases_not_renewed", error=type(away).__name__)
            except Exception as failure:  # whatever it was: the next renewal must come
                report(failure)
                warn("leases_not_renewed", error=type(failure).__name__)

    def _pass_on(self, channel: str, ticket_id: str) -> None:
        if channel == queue.CHANGED:
            self._changed()
            return
        for seat in self._seats:
            if ticket_id in seat.watched:
                (seat.ring if channel == WORDS else seat.left).add(ticket_id)
                seat.wake.set()

    def _changed(self) -> None:
        self._version += 1
        for seat in self._seats:
            seat.queue_changed = True
            seat.wake.set()

    async def _snapshot(self, desks: frozenset[str]) -> str:
        """The queue as JSON for these desks: read once a change, however many consoles are open."""
        async with self._reading:
            known = self._snapshots.get(desks)
            if known is not None and known[0] == self._version:
                return known[1]
            version = self._version
            rows = await self._database.read(lambda connection: queue.waiting(connection, desks))
            text = json.dumps({"type": "queue", "handoffs": [queue.card(row) for row in rows]}, ensure_ascii=False)
            self._snapshots[desks] = (version, text)
            return text

    async def _tell(self, seat: Seat) -> None:
        while True:
            await seat.wake.wait()
            seat.wake.clear()
            if seat.ended:
                return
            while seat.left:
                ticket_id = seat.left.pop()
                self._unwatch(seat, ticket_id)
                await _say(seat, {"type": "left", "handoff": ticket_id})
            while seat.ring:
                await self._show_words(seat, seat.ring.pop())
            if seat.queue_changed:
                seat.queue_changed = False
                snapshot = await self._snapshot(seat.staff.scope)
                if snapshot != seat.shown:
                    seat.shown = snapshot
                    await _send(seat, snapshot)
            if seat.tick:
                seat.tick = False
                await _say(seat, {"type": "tick"})

    async def _show_words(self, seat: Seat, ticket_id: str) -> None:
        epoch = seat.watched.get(ticket_id)
        if epoch is None or not await self._owns(seat, ticket_id, epoch):
            return
        sent = seat.sent.setdefault(ticket_id, set())
        for words in await self._relay.waiting(ticket_id):
            if words.id in sent or ticket_id in seat.left:
                continue
            sent.add(words.id)
            if words.text is None:
                await _say(seat, {"type": "lapsed", "handoff": ticket_id, "seq": words.seq})
            else:
                await _say(
                    seat,
                    {"type": "message", "handoff": ticket_id, "seq": words.seq, "id": words.id,
                     "text": words.text.reveal()},
                )

    async def _owns(self, seat: Seat, ticket_id: str, epoch: int | None) -> bool:
        def ask(connection: sa.Connection) -> bool:
            return owned(connection, ticket_id, staff=seat.staff.id, epoch=epoch).state == "claimed"

        try:
            if await self._database.read(ask):
                return True
        except (NoSuchTicket, NotYours, StaleEpoch):
            pass
        self._unwatch(seat, ticket_id)
        await _say(seat, {"type": "not_yours", "handoff": ticket_id})
        return False

    @staticmethod
    def _unwatch(seat: Seat, ticket_id: str) -> None:
        seat.watched.pop(ticket_id, None)
        seat.sent.pop(ticket_id, None)

    async def _listen(self, seat: Seat) -> None:
        while True:
            frame = await seat.socket.receive()
            if frame["type"] != "websocket.receive":
                return
            text = frame.get("text")
            if text is None:
                await seat.socket.close(_BAD_DATA)
                return
            if len(text) > LARGEST_FRAME:
                await seat.socket.close(_TOO_BIG)
                return
            said = _parse(text)
            if said is None:
                await seat.socket.close(_BAD_FRAME)
                return
            await self._obey(seat, said)

    async def _obey(self, seat: Seat, said: dict[str, Any]) -> None:
        kind, ticket_id = said["type"], said.get("handoff", "")
        if kind == "here":  # somebody moved at the screen
            await seat.still_signed_in(True)
        elif kind == "watch":
            if await self._owns(seat, ticket_id, said.get("epoch")):
                def epoch_now(connection: sa.Connection) -> int:
                    return owned(connection, ticket_id, staff=seat.staff.id, epoch=None).epoch

                with suppress(NoSuchTicket, NotYours):
                    seat.watched[ticket_id] = await self._database.read(epoch_now)
                    seat.sent[ticket_id] = set()  # a page loaded anew shows again what was not acknowledged
                    seat.ring.add(ticket_id)
                    seat.wake.set()
        elif kind == "unwatch":
            self._unwatch(seat, ticket_id)
        elif kind == "ack":
            # Asked anew each time: words the next owner has not seen must not go because the last one acknowledges.
            epoch = seat.watched.get(ticket_id)
            if epoch is not None and await self._owns(seat, ticket_id, epoch):
                await self._relay.acknowledge(ticket_id, said["seq"])
                await seat.still_signed_in(True)


async def _say(seat: Seat, message: dict[str, Any]) -> None:
    await _send(seat, json.dumps(message, ensure_ascii=False))


async def _send(seat: Seat, text: str) -> None:
    """Send, or end the seat: a machine that sleeps takes nothing, and what is not taken would keep the socket open.

    Raises:
        TimeoutError: nobody took it.
    """
    async with asyncio.timeout(SEND_SECONDS):
        await seat.socket.send_text(text)


def _parse(text: str) -> dict[str, Any] | None:
    """A frame of the protocol, or nothing."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    kind, ticket_id, epoch, seq = said.get("type"), said.get("handoff"), said.get("epoch"), said.get("seq")
    if kind == "here":
        return {"type": kind}
    if not isinstance(ticket_id, str) or not 0 < len(ticket_id) <= 32 or not ticket_id.isalnum():
        return None
    if kind == "unwatch":
        return {"type": kind, "handoff": ticket_id}
    if kind == "watch" and (epoch is None or type(epoch) is int):
        return {"type": kind, "handoff": ticket_id, "epoch": epoch}
    if kind == "ack" and type(seq) is int and 0 < seq < 2**53:
        return {"type": kind, "handoff": ticket_id, "seq": seq}
    return None
