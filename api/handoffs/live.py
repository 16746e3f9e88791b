"""The live side of the queue: one hub a process, one seat a socket.

Redis only ever says *that* something changed; what changed is read from SQL, and words from the sealed buffer, for
the owner and for whoever is present beside them (presence.py). What a lost notice would hide is found by looking every few
seconds. Acknowledgement is the owner's alone: what others have seen the owner may not have. Nothing is opened here: each seat
is given the words with the one key that is wrapped for its browser.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.database import Database, DatabaseUnavailable
from api.handoffs import hands, leases, marks, presence, queue, typing_marks
from api.handoffs.browser_keys import OnDuty
from api.handoffs.changes import Snapshot
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch, owned
from api.handoffs.envelopes import NotAKey, PublicKey, read_key, to_base64url
from api.handoffs.relay import LEFT, SAID, WORDS, Outbox, Relay, SendState, Words, read_said
from api.handoffs.seats import Seats
from api.handoffs.tickets import Ticket
from api.handoffs.typing_marks import TypingMarks
from api.observability.errors import report
from api.observability.logs import warn
from api.staff.accounts import Staff
from api.staff.sessions import Session

LOOK_SECONDS = 5.0
SEND_SECONDS = 8.0
LARGEST_FRAME = 4096
READERS_SECONDS = 3.0
"""How much longer words stay that the owner has acknowledged while somebody reads along, whose console may be slower."""

MOST_SEATS = 10
"""Sockets one session may hold, over all gateways (seats.py)."""

SIGNED_OUT, TOO_MANY = 4401, 4429
_BAD_DATA, _BAD_FRAME, _TOO_BIG = 1003, 1008, 1009


@dataclass(eq=False, slots=True)
class Seat:
    """One open console: what it watches and what it has yet to be told."""

    socket: WebSocket
    staff: Staff
    session: Session
    still_signed_in: Callable[[bool], Awaitable[bool]]
    key: PublicKey | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    queue_changed: bool = True
    shown: Snapshot | None = None
    watched: dict[str, int] = field(default_factory=dict)
    sent: dict[str, set[str]] = field(default_factory=dict)
    ring: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    said: list[tuple[str, int, bytes]] = field(default_factory=list)
    typing: set[str] = field(default_factory=set)
    marks: list[dict[str, str | int]] = field(default_factory=list)
    tick: bool = False
    ended: bool = False


class Hub:
    """Everybody's consoles of one gateway process. Starts with the first seat; :meth:`close` ends it.

    Args:
        on_duty: whose browsers can open what.
        outbox: tells a person that words of theirs were not shown.
        clock: tells whether they are at the phone.
        typing: passes on that a counsellor is writing.
    """

    def __init__(
        self, database: Database, redis: Redis, relay: Relay, on_duty: OnDuty, outbox: Outbox, clock: Callable[[], float], *,
        look_seconds: float = LOOK_SECONDS, typing: TypingMarks | None = None,
    ) -> None:
        self._typing = typing
        self._database, self._redis, self._relay = database, redis, relay
        self._on_duty, self._outbox, self._clock = on_duty, outbox, clock
        self._look_seconds = look_seconds
        self._seats: set[Seat] = set()
        self._version = 0
        self._snapshots: dict[frozenset[str], tuple[int, Snapshot]] = {}
        self._reading = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._renew_now = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()
        self._places = Seats(redis, MOST_SEATS)
        self._closing = False

    async def serve(
        self, socket: WebSocket, staff: Staff, session: Session, still_signed_in: Callable[[bool], Awaitable[bool]]
    ) -> None:
        """Keep one console up to date until it goes, its session ends or it sends what it should not."""
        if sum(seat.session.key == session.key for seat in self._seats) >= MOST_SEATS:
            await socket.close(TOO_MANY)
            return
        seat = Seat(socket, staff, session, still_signed_in)
        if not await self._places.take(session.key, seat.name):
            await socket.close(TOO_MANY)
            return
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
        if seat.ended:
            with suppress(RedisError):  # else it is found out when somebody next asks which keys there are
                await self._on_duty.keys.forget(session.key)
        await self._places.leave(session.key, seat.name)
        if socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(SIGNED_OUT if seat.ended else 1011)

    def end(self, session: str) -> None:
        """Somebody signed out: their sockets in this process close now, elsewhere at the next look."""
        for seat in self._seats:
            if seat.session.key == session:
                seat.ended = True
                seat.wake.set()

    async def close(self) -> None:
        """Stop listening; called when the gateway stops."""
        self._closing = True
        running = [*self._tasks.values(), *self._later]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._tasks = {}

    def _start(self) -> None:
        for loop in (self._hear, self._look, self._beat, self._renew):
            running = self._tasks.get(loop.__name__)
            if running is None or running.done():
                self._tasks[loop.__name__] = asyncio.create_task(loop())

    async def _hear(self) -> None:
        while not self._closing:  # redis-py may fail while it is cancelled, and an error of its own then takes the place of that
            with suppress(RedisError, OSError):
                async with self._redis.pubsub() as heard:
                    await heard.subscribe(queue.CHANGED, WORDS, LEFT, SAID, marks.CHANGED, typing_marks.CHANGED)
                    self._changed()  # whatever was said before we listened
                    async for notice in heard.listen():
                        if notice["type"] == "message":
                            self._pass_on(notice["channel"].decode(), notice["data"].decode("ascii", "replace"))
            await asyncio.sleep(1)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                await self._look_once()
            except Exception as failure:  # whatever it was: the next look must come
                report(failure)
                warn("consoles_not_looked_at", error=type(failure).__name__)

    async def _look_once(self) -> None:
        self._changed()
        waits: set[str] = set()
        with suppress(RedisError):
            waits = await self._relay.with_words({ticket for seat in self._seats for ticket in seat.watched})
        for seat in list(self._seats):
            seat.ring.update(waits & seat.watched.keys())
            with suppress(RedisError, DatabaseUnavailable):
                seat.ended = seat.ended or not await seat.still_signed_in(False)
                if seat.key is not None:
                    await self._on_duty.keys.note_seen(seat.key.id)
            await self._places.take(seat.session.key, seat.name)
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
                await self._database.write(lambda c, staff=staff: _renew_all(c, staff))  # type: ignore[misc]
            except DatabaseUnavailable as away:
                warn("leases_not_renewed", error=type(away).__name__)
            except Exception as failure:  # whatever it was: the next renewal must come
                report(failure)
                warn("leases_not_renewed", error=type(failure).__name__)

    def _pass_on(self, channel: str, ticket_id: str) -> None:
        if channel == queue.CHANGED:
            self._changed()
            return
        if channel == SAID:
            self._pass_on_said(ticket_id)
            return
        if channel == marks.CHANGED:
            self._pass_on_mark(ticket_id)
            return
        for seat in self._seats:
            if ticket_id in seat.watched:
                (seat.typing if channel == typing_marks.CHANGED else seat.ring if channel == WORDS else seat.left).add(ticket_id)
                seat.wake.set()

    def _pass_on_mark(self, notice: str) -> None:
        """How far a counsellor's message has come, for whoever has that talk open."""
        mark = marks.read_notice(notice)
        if mark is None:
            return
        for seat in self._seats:
            if mark["handoff"] in seat.watched:
                seat.marks.append(mark)
                seat.wake.set()

    def _pass_on_said(self, notice: str) -> None:
        """A counsellor's own words, for whoever reads along here."""
        ticket_id = notice.partition(":")[0]
        if not any(ticket_id in seat.watched for seat in self._seats):
            return
        said = read_said(notice)
        if said is None:
            return
        _, seq, envelope = said
        for seat in self._seats:
            letter = envelope.letter(seat.key.id if seat.key else None)
            if ticket_id in seat.watched and letter is not None:
                seat.said.append((ticket_id, seq, letter))
                seat.wake.set()

    def _changed(self) -> None:
        self._version += 1
        for seat in self._seats:
            seat.queue_changed = True
            seat.wake.set()

    async def _snapshot(self, desks: frozenset[str]) -> Snapshot:
        """The queue of these desks: read once a change, however many consoles are open."""
        async with self._reading:
            known = self._snapshots.get(desks)
            if known is not None and known[0] == self._version:
                return known[1]
            version = self._version
            rows, more = await self._database.read(lambda connection: queue.board(connection, desks))
            read = Snapshot(version, map(queue.card, rows), more)
            if known is not None and read.stands_as(known[1]):
                read = known[1]  # the same object: nobody has to be told anything
            self._snapshots[desks] = (version, read)
            return read

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
            while seat.said:
                await self._show_said(seat, *seat.said.pop(0))
            while seat.typing:
                await self._show_typing(seat, seat.typing.pop())
            while seat.marks:
                mark = seat.marks.pop(0)
                if mark["handoff"] in seat.watched:
                    await _say(seat, mark)
            if seat.queue_changed:
                seat.queue_changed = False
                before, seat.shown = seat.shown, await self._snapshot(seat.staff.scope)
                if seat.shown is not before:
                    await _send(seat, seat.shown.since(before))
            if seat.tick:
                seat.tick = False
                await _say(seat, {"type": "tick"})

    async def _show_words(self, seat: Seat, ticket_id: str) -> None:
        epoch = seat.watched.get(ticket_id)
        ticket = None if epoch is None else await self._read(seat, ticket_id, epoch)
        if ticket is None:
            return
        key = seat.key.id if seat.key else None
        sent, unseen = seat.sent.setdefault(ticket_id, set()), []
        for words in await self._relay.waiting(ticket_id):
            letter = None if words.envelope is None else words.envelope.letter(key)
            if letter is None:
                unseen.append(words)
            if words.id in sent or ticket_id in seat.left:
                continue
            sent.add(words.id)
            if letter is None:
                await _say(seat, {"type": "lapsed", "handoff": ticket_id, "seq": words.seq})
            else:
                await _say(
                    seat,
                    {"type": "message", "handoff": ticket_id, "seq": words.seq, "id": words.id,
                     "sealed": to_base64url(letter)},
                )
        if ticket.owner == seat.staff.id:
            await self._show_note(seat, ticket_id)
            await self._missed(ticket, unseen)

    async def _show_note(self, seat: Seat, ticket_id: str) -> None:
        """What the colleague before has left for the owner; it goes once their screen has shown it."""
        note = await self._relay.note_for(ticket_id, seat.staff.id)
        sent = seat.sent.get(ticket_id)
        if note is None or sent is None or note.id in sent or ticket_id in seat.left:
            return
        sent.add(note.id)
        letter = note.envelope.letter(seat.key.id if seat.key else None)
        sealed = {} if letter is None else {"sealed": to_base64url(letter)}
        await _say(seat, {"type": "note", "handoff": ticket_id, "id": note.id, **sealed})

    async def _missed(self, ticket: Ticket, unseen: Sequence[Words]) -> None:
        """Words the owner cannot be shown: what nobody can open any more goes at once, and the person is told, once.

        Only somebody who is at the phone and knows that a human reads (as for every courtesy); who is not is told when they
        write again, for this is asked anew every few seconds.
        """
        if not unseen:
            return
        readers = await self._on_duty.readers_of(ticket.id)
        able = {key.public.id for key in readers}
        own = await self._on_duty.keys.at_a_screen([key for key in readers if key.staff == ticket.owner])
        missed = []
        for words in unseen:
            names = frozenset(words.envelope.wraps) if words.envelope else frozenset()
            if names and not names & able:
                await self._relay.overwrite(ticket.id, words.seq)
            if not names & own:  # else another screen of the owner's may show them
                missed.append(words.seq)
        if not missed or not ticket.introduced or not ticket.there(self._clock()):
            return
        if await self._relay.claim_unseen(ticket.id, missed):
            self._beside(self._say_missed(ticket, missed))

    async def _say_missed(self, ticket: Ticket, missed: Sequence[int]) -> None:
        try:
            told = await self._outbox.tell(ticket, "words_not_shown", ticket.reply_address)
            if told is SendState.REFUSED:
                await self._relay.unclaim(ticket.id, missed)
        except Exception as failure:
            report(failure)
            warn("courtesy_failed", error=type(failure).__name__)

    def _beside(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _show_said(self, seat: Seat, ticket_id: str, seq: int, letter: bytes) -> None:
        epoch = seat.watched.get(ticket_id)
        ticket = None if epoch is None else await self._read(seat, ticket_id, epoch)
        if ticket is None or ticket.owner == seat.staff.id or ticket_id in seat.left:  # who wrote it has it on the screen
            return
        await _say(seat, {"type": "said", "handoff": ticket_id, "seq": seq, "sealed": to_base64url(letter)})

    async def _show_typing(self, seat: Seat, ticket_id: str) -> None:
        """That the owner is writing, for whoever reads along; the owner knows."""
        epoch = seat.watched.get(ticket_id)
        ticket = None if epoch is None else await self._read(seat, ticket_id, epoch)
        if ticket is not None and ticket.owner != seat.staff.id and ticket_id not in seat.left:
            await _say(seat, {"type": "typing", "handoff": ticket_id})

    async def _read(self, seat: Seat, ticket_id: str, epoch: int | None) -> Ticket | None:
        """The ticket, if this seat may read its talk; else the seat watches it no more and is told so."""
        with suppress(NoSuchTicket, NotYours, StaleEpoch):
            ticket = await self._database.read(lambda c: hands.readable(c, ticket_id, seat.staff, epoch))
            if ticket.state == "claimed":
                return ticket
        await self._not_yours(seat, ticket_id)
        return None

    async def _owns(self, seat: Seat, ticket_id: str, epoch: int | None) -> bool | None:
        """Whether others read along in this seat's own talk; ``None`` if it is not its own, which it is told."""

        def ask(connection: sa.Connection) -> tuple[str, bool]:
            mine = owned(connection, ticket_id, staff=seat.staff.id, epoch=epoch)
            return mine.state, presence.anybody(connection, ticket_id)

        with suppress(NoSuchTicket, NotYours, StaleEpoch):
            state, readers = await self._database.read(ask)
            if state == "claimed":
                return readers
        await self._not_yours(seat, ticket_id)
        return None

    async def _not_yours(self, seat: Seat, ticket_id: str) -> None:
        self._unwatch(seat, ticket_id)
        await _say(seat, {"type": "not_yours", "handoff": ticket_id})

    async def _let_go(self, seat: Seat, ticket_id: str, seq: int, readers: bool) -> None:
        """The owner has seen these words: they go, a little later where somebody reads along."""
        if not readers:
            await self._relay.acknowledge(ticket_id, seq)
            return
        await self._relay.claim_unseen(ticket_id, [seq])  # they were seen: whoever is next has nothing to tell the person

        async def later() -> None:
            await asyncio.sleep(READERS_SECONDS)
            with suppress(RedisError, DatabaseUnavailable, NoSuchTicket, NotYours, StaleEpoch):
                # asked anew: if somebody else owns the person by now, they have not seen these words
                await self._database.read(lambda c: owned(c, ticket_id, staff=seat.staff.id, epoch=None))
                await self._relay.acknowledge(ticket_id, seq)

        self._beside(later())

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
        if kind == "key":
            await self._take_key(seat, said["key"])
        elif kind == "here":  # somebody moved at the screen
            await seat.still_signed_in(True)
        elif kind == "watch":
            ticket = await self._read(seat, ticket_id, said.get("epoch"))
            if ticket is not None:
                seat.watched[ticket_id] = ticket.epoch
                seat.sent[ticket_id] = set()  # a page loaded anew shows again what was not acknowledged
                seat.ring.add(ticket_id)
                seat.wake.set()
        elif kind == "unwatch":
            self._unwatch(seat, ticket_id)
        elif kind == "typing":
            if self._typing is not None and ticket_id in seat.watched:
                ticket = await self._typing.typed(ticket_id, staff=seat.staff.id, epoch=said["epoch"])
                if ticket is not None:
                    self._beside(self._typing.on_the_phone(ticket))
        elif kind == "ack":
            # Asked anew each time: words the next owner has not seen must not go because the last one acknowledges.
            epoch = seat.watched.get(ticket_id)
            readers = None if epoch is None else await self._owns(seat, ticket_id, epoch)
            if readers is not None:
                await self._let_go(seat, ticket_id, said["seq"], readers)
                await seat.still_signed_in(True)
        elif kind == "unopened":  # their browser could not open what was sealed to its key
            ticket = await self._read(seat, ticket_id, seat.watched.get(ticket_id)) if ticket_id in seat.watched else None
            if ticket is not None and ticket.owner == seat.staff.id:
                waiting = await self._relay.waiting(ticket_id)
                await self._missed(ticket, [Words(one.seq, one.id, None) for one in waiting if one.seq == said["seq"]])
        elif kind == "note_read" and ticket_id in seat.watched and await self._owns(seat, ticket_id, None) is not None:
            await self._relay.drop_note(ticket_id)
            await seat.still_signed_in(True)

    async def _take_key(self, seat: Seat, key: PublicKey) -> None:
        """The browser's public key: from here on words are sealed to it, and this seat is given what was."""
        if not await self._on_duty.keys.register(seat.session, key):
            await _say(seat, {"type": "no_key"})
            return
        seat.key = key
        await _say(seat, {"type": "key", "id": key.id.hex()})
        seat.ring.update(seat.watched)
        seat.wake.set()


def _renew_all(connection: sa.Connection, staff: set[str]) -> None:
    at = leases.time_of(connection)
    leases.renew(connection, staff, at)
    presence.renew(connection, staff, at + leases.RENEWED_FOR)


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
    if kind == "key":
        try:
            return {"type": kind, "key": read_key(said["key"])} if isinstance(said.get("key"), str) else None
        except NotAKey:
            return None
    if kind == "here":
        return {"type": kind}
    if not isinstance(ticket_id, str) or not 0 < len(ticket_id) <= 32 or not ticket_id.isalnum():
        return None
    if kind in ("unwatch", "note_read"):
        return {"type": kind, "handoff": ticket_id}
    if kind == "watch" and (epoch is None or type(epoch) is int):
        return {"type": kind, "handoff": ticket_id, "epoch": epoch}
    if kind == "typing" and type(epoch) is int:
        return {"type": kind, "handoff": ticket_id, "epoch": epoch}
    if kind in ("ack", "unopened") and type(seq) is int and 0 < seq < 2**53:
        return {"type": kind, "handoff": ticket_id, "seq": seq}
    return None
