"""Conversations while they last: who may answer now, the sealed state, and the exit that ends it all.

A message's way, and its round trips to Redis: ``arrive`` (1: duplicate, rate, place in the queue, and the state if it
is this message's turn at once) → ``turn`` (0, or 1 when it had to wait) → ``save`` (1) → ``may_send`` before each reply
(1) → ``finish`` (1). The hand-over of zeros after a trip that carried a key runs beside the turn, not in it.

Everything stored is sealed: the state by a random key of its conversation, that key by the process's secret. An exit
overwrites key and state in place, then deletes them; what copies of the state may linger in the server's memory cannot
be opened any more (threats.md, "Redis expiry is not erasure").
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgpack  # type: ignore[import-untyped, unused-ignore]
import redis.asyncio

from api.conversations import names, scripts_lua
from api.conversations.limits import PER_NUMBER, Window
from api.conversations.lock import LEASE_S, Held, LeftMeanwhile, TurnLock, TurnLost
from api.conversations.sealing import CannotOpen, Keyring, open_under, seal_under
from api.conversations.tombstones import TOMBSTONE_S, Tombstones
from api.conversations.wire import Command, StoreUnavailable, Wire, connect, run

__all__ = [
    "Arrival", "ConversationStore", "ExitOutcome", "Fence", "LeftMeanwhile", "Refused", "Saved", "StoreUnavailable",
    "TurnLost", "connect",
]

IDLE_S = 30 * 60
"""safety.md: thirty minutes of silence purge a talk that has no open ticket."""

MARK_LEASE_S = 30
MARK_S = 24 * 60 * 60
QUIET_S = 10  # safety.md: stragglers
_STAGED_S = 5
_FRESH_S = 0.5
_BACKSTOP_S = 60  # Redis's own expiry, which erases nothing, comes this much after our overwriting
_STAMP = 16
_PURPOSE = "conversation"

Channel = Literal["whatsapp", "sms"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was found at the door. A duplicate has no ticket; everything else must be turned or finished.

    Attributes:
        duplicate: ``in_progress`` another request is at it; ``done`` it was answered.
        ticket: its place; smaller is earlier.
        generation: when this number last left, as of now; a later one refuses everything this message leads to.
        quiet: within ten seconds of an exit: nothing is answered but new danger.
        over: ``soft`` answers get short, ``hard`` there are none; never for danger or an exit.
        first: no talk is open on this channel.
    """

    person: str
    channel: str
    sid_mark: str
    duplicate: Literal["no", "in_progress", "done"]
    ticket: int
    generation: int
    quiet: bool
    over: Literal["", "soft", "hard"]
    first: bool
    _found: tuple[bytes | None, bytes | None] | None = field(default=None, repr=False, compare=False)
    _at: float = field(default_factory=time.monotonic, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to answer one message: what ``save`` and ``may_send`` check. ``state`` is what was kept, if anything."""

    person: str
    channel: str
    ticket: int
    generation: int
    state: dict[str, Any] | None = field(repr=False, compare=False)
    _held: Held = field(repr=False, compare=False)

    @property
    def lost(self) -> bool:
        """Whether the lease is known to have run out; not a substitute for what ``save`` answers."""
        return self._held.lost


@dataclass(frozen=True, slots=True)
class ExitOutcome:
    """Whether this very message had already made the person leave, and the generation since."""

    replayed: bool
    generation: int


@dataclass(frozen=True, slots=True)
class Saved:
    """The state is kept."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The state was not kept and nothing may be sent: the person left, or the turn is somebody else's."""

    reason: Literal["exited", "stale"]


class ConversationStore:
    """The ephemeral store.

    Args:
        client: made by :func:`connect`, so that it fails fast and never repeats by itself.
        keyring: seals each conversation's key.
        random_bytes, clock: randomness and the time in seconds.
        limits: the windows that count messages of one number.
        also_wiped: further names an exit overwrites, as suffixes of ``{person}:`` (a live talk's buffers).
        replicas: how many must confirm an exit before it counts as done (0: none is waited for).
        lease_s: how long a process that died may hold up the others.
    """

    def __init__(
        self, client: redis.asyncio.Redis, keyring: Keyring, random_bytes: Callable[[int], bytes],
        clock: Callable[[], float], *, limits: Sequence[Window] = PER_NUMBER, also_wiped: Sequence[str] = (),
        replicas: int = 0, lease_s: float = LEASE_S, mark_lease_s: float = MARK_LEASE_S,
    ) -> None:
        self.wire = Wire(client)
        self.tombstones = Tombstones()
        self._keyring, self._random_bytes, self._clock = keyring, random_bytes, clock
        self._limits = tuple(number for window in limits for number in (window.seconds * 1000, window.soft, window.hard))
        self._also_wiped, self._replicas = tuple(also_wiped), replicas
        self._lease_ms, self._mark_lease_ms = int(lease_s * 1000), int(mark_lease_s * 1000)
        self._lock = TurnLock(self.wire, lease_s, mark_lease_s)
        self._idle: list[tuple[float, str]] = []
        self._idle_at: dict[str, float] = {}

    async def arrive(self, person: str, channel: str, sid_mark: str, now: float) -> Arrival:
        """A message is at the door: known already? too many? whose turn is it?

        Raises:
            StoreUnavailable
        """
        floor = self.tombstones.floor(person, now)
        ask = run(
            scripts_lua.ARRIVE,
            (names.mark(person, sid_mark), names.queue(person), names.generation(person), names.quiet(person),
             names.rate(person), *self._wiped(person)),
            _micros(now), int(now * 1000), self._mark_lease_ms, self._lease_ms, TOMBSTONE_S * 1000, floor, *self._limits,
        )
        outcome, key, sealed = await self.wire.ask(ask, *_reads(person, channel), carries_key="back")
        duplicate, ticket, generation, quiet, over, turn = map(int, outcome.split())
        if ticket:
            self._lock.note(person, ticket)
        return Arrival(
            person, channel, sid_mark, _DUPLICATE[duplicate], ticket, generation, bool(quiet), _OVER[over],
            key is None, (key, sealed) if turn else None,
        )

    @contextlib.asynccontextmanager
    async def turn(self, arrival: Arrival) -> AsyncIterator[Fence]:
        """Wait until every earlier message of this person is through, then hold the conversation.

        Leaving the block gives the turn up; :meth:`finish` inside it does so together with marking the message done.

        Raises:
            LeftMeanwhile: the person left after this message arrived; it counts as done.
            StoreUnavailable
        """
        if not arrival.ticket:
            raise ValueError("a duplicate has no turn")
        person, channel = arrival.person, arrival.channel
        floor = functools.partial(self._floor, person)
        fresh = time.monotonic() - arrival._at < _FRESH_S  # else an exit or another's turn may have come in between
        found = list(arrival._found) if arrival._found is not None and fresh else None
        try:
            if floor() > arrival.generation:
                raise LeftMeanwhile("the person left before this message's turn came")
            async with self._lock.hold(
                person, names.mark(person, arrival.sid_mark), arrival.ticket, arrival.generation, floor, found,
                _reads(person, channel),
            ) as (held, (wrapped, sealed)):
                held.key = self._unwrap(person, channel, wrapped)
                state = self._open(person, channel, held.key, sealed)
                yield Fence(person, channel, arrival.ticket, arrival.generation, state, held)
        except LeftMeanwhile:
            with contextlib.suppress(StoreUnavailable):
                await self.finish(arrival)  # silence is its answer: the provider need not try again
            raise

    async def finish(self, arrival: Arrival, fence: Fence | None = None) -> None:
        """The message is dealt with: replies handed over, or deliberately met with silence.

        A duplicate leaves nothing to finish. Called inside the turn it takes the fence and ends the turn too.

        Raises:
            StoreUnavailable
        """
        if arrival.duplicate != "no":
            return
        person = arrival.person
        await self._lock.leave(person, names.mark(person, arrival.sid_mark), arrival.ticket, done_ttl_s=MARK_S)
        if fence is not None:
            fence._held.finished = True

    async def load(self, person: str, channel: str) -> dict[str, Any] | None:
        """The state as it stands, outside any turn; inside one, ``fence.state`` has it already.

        What cannot be opened is as good as nothing: the person then meets the opening of a stranger.

        Raises:
            StoreUnavailable
        """
        wrapped, sealed = await self.wire.ask(*_reads(person, channel), carries_key="back")
        return self._open(person, channel, self._unwrap(person, channel, wrapped), sealed)

    async def save(
        self, person: str, channel: str, state: dict[str, Any], fence: Fence, ttl_s: int = IDLE_S
    ) -> Saved | Refused:
        """Keep the state, unless the person left or the turn was lost meanwhile.

        Args:
            ttl_s: longer while a ticket is open (safety.md: who waits is never hung up on).

        Raises:
            StoreUnavailable
        """
        if (person, channel) != (fence.person, fence.channel):
            raise ValueError("the fence belongs to another conversation")
        until, plain, key = self._clock() + ttl_s, msgpack.packb(state, use_bin_type=True), fence._held.key
        outcome = 3 if key is None else await self._write(fence, key, plain, until, ttl_s, plant=False)
        if outcome == 3:
            outcome = await self._write(fence, self._random_bytes(32), plain, until, ttl_s, plant=True)
        if outcome == 0:
            self._expect_silence(person, until)
            return Saved()
        return Refused("exited" if outcome == 1 else "stale")

    async def generation(self, person: str) -> int:
        """When this number last left (0: not within a day), as Redis and this process remember.

        Raises:
            StoreUnavailable
        """
        (answer,) = await self.wire.ask(("GET", names.generation(person)))
        return max(int(answer or 0), self._floor(person))

    async def may_send(self, person: str, generation: int) -> bool:
        """The last check before anything goes out: has the person left since ``generation``?

        Raises:
            StoreUnavailable: not known, so not sent (architecture.md 4: "queued sends are refused because the tombstone
                cannot be read").
        """
        return await self.generation(person) <= generation

    async def exit(self, person: str, sid_mark: str) -> ExitOutcome:
        """The person leaves: keys and states of both channels overwritten and gone, every answer under way refused.

        Args:
            sid_mark: empty when no message asked for it (a deferred exit).

        Raises:
            StoreUnavailable: Redis may not know. This process does, and refuses; :func:`tombstones.defer_wipe` sees to
                the rest with what :meth:`exit_locally` gives.
        """
        now = self._clock()
        ask: tuple[Command, ...] = (run(
            scripts_lua.EXIT,
            (names.mark(person, sid_mark), names.generation(person), names.quiet(person), names.queue(person),
             names.rate(person), *self._wiped(person)),
            _micros(now), self.tombstones.floor(person, now), MARK_S * 1000, TOMBSTONE_S * 1000, QUIET_S * 1000,
            1 if sid_mark else 0,
        ),)
        if self._replicas:
            ask += (("WAIT", self._replicas, 200),)
        try:
            (replayed, generation), *_ = await self.wire.ask(*ask)
        except StoreUnavailable:
            self.exit_locally(person)
            raise
        self.tombstones.remember(person, generation, now)
        self._idle_at.pop(person, None)
        self._lock.wake_all(person)
        return ExitOutcome(bool(replayed), generation)

    def exit_locally(self, person: str) -> int:
        """Redis is away: this process remembers the exit, refuses every send, and wipes at the next arrival."""
        now = self._clock()
        generation = max(_micros(now), self.tombstones.floor(person, now))
        self.tombstones.remember(person, generation, now)
        self._lock.wake_all(person)
        return generation

    async def apply_pending(self, exits: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Make good the exits that went to SQL while Redis was away; returns those now done, to be forgotten there.

        Raises:
            StoreUnavailable: it is away again; nothing of what is left is lost.
        """
        for person, generation in exits:
            (known,) = await self.wire.ask(("GET", names.generation(person)))
            if int(known or 0) >= generation:
                continue  # made good by the next arrival: a talk begun since is not to be ended
            self.tombstones.remember(person, generation, self._clock())
            await self.exit(person, "")
        return list(exits)

    async def forget(self, person: str) -> None:
        """Overwrite and delete what is kept, without the silence of an exit ("delete my data").

        Raises:
            StoreUnavailable
        """
        await self.wire.ask(run(scripts_lua.FORGET, (names.queue(person), *self._wiped(person)), -1))
        self._idle_at.pop(person, None)

    async def keep(self, person: str, ttl_s: int) -> None:
        """A ticket is open or an agreed time has not passed: what is kept lives at least this much longer.

        Raises:
            StoreUnavailable
        """
        until = self._clock() + ttl_s
        await self.wire.ask(run(
            scripts_lua.KEEP, (names.generation(person), *names.kept(person)), (ttl_s + _BACKSTOP_S) * 1000, _stamp(until)
        ))
        self._expect_silence(person, max(until, self._idle_at.get(person, 0.0)))

    async def purge_idle(self) -> int:
        """Overwrite what has been silent for its time; to be called every few seconds. Returns how many talks ended.

        Redis's own expiry is only the backstop for a gateway that died: it frees memory without erasing it.

        Raises:
            StoreUnavailable
        """
        now, ended = self._clock(), 0
        while self._idle and self._idle[0][0] <= now:
            due, person = heapq.heappop(self._idle)
            if self._idle_at.get(person) != due:
                continue  # something was said or kept since
            try:
                (gone,) = await self.wire.ask(run(
                    scripts_lua.FORGET, (names.queue(person), *self._wiped(person)), (_BACKSTOP_S + 1) * 1000
                ))
            except StoreUnavailable:
                heapq.heappush(self._idle, (due, person))
                raise
            del self._idle_at[person]
            ended += 1 if gone else 0
        return ended

    async def _write(
        self, fence: Fence, key: bytes, plain: bytes, until: float, ttl_s: int, *, plant: bool
    ) -> int:
        person, channel = fence.person, fence.channel
        sealed = _stamp(until) + seal_under(key, plain, _aad(person, channel), self._random_bytes)
        staged = names.staged(person, channel, fence.ticket)
        save = run(
            scripts_lua.SAVE,
            (names.queue(person), names.generation(person), names.key(person, channel), names.state(person, channel),
             staged),
            fence.ticket, fence.generation, self._floor(person), sealed,
            (ttl_s + _BACKSTOP_S) * 1000, 1 if plant else 0, TOMBSTONE_S * 1000,
        )
        if not plant:
            (outcome,) = await self.wire.ask(save)
            return int(outcome)
        wrapped = self._keyring.seal(_PURPOSE, key, _aad(person, channel))
        # a plain SET: an argument of a script would be copied. It lies aside until the script accepts it.
        _, outcome = await self.wire.ask(("SET", staged, wrapped, "PX", _STAGED_S * 1000), save, carries_key="out")
        if outcome == 0:
            fence._held.key = key
        return int(outcome)

    def _unwrap(self, person: str, channel: str, wrapped: bytes | None) -> bytes | None:
        if wrapped is None:
            return None
        try:
            return self._keyring.open(_PURPOSE, wrapped, _aad(person, channel))
        except CannotOpen:
            return None

    def _open(self, person: str, channel: str, key: bytes | None, sealed: bytes | None) -> dict[str, Any] | None:
        if key is None or sealed is None:
            return None
        if sealed[:_STAMP] <= _stamp(self._clock()):
            return None
        try:
            state = msgpack.unpackb(open_under(key, sealed[_STAMP:], _aad(person, channel)), raw=False)
        except (CannotOpen, ValueError):
            return None
        return state if isinstance(state, dict) else None

    def _expect_silence(self, person: str, until: float) -> None:
        if self._idle_at.get(person) != until:
            self._idle_at[person] = until
            heapq.heappush(self._idle, (until, person))

    def _floor(self, person: str) -> int:
        return self.tombstones.floor(person, self._clock())

    def _wiped(self, person: str) -> tuple[str, ...]:
        return (*names.kept(person), *(f"{{{person}}}:{suffix}" for suffix in self._also_wiped))


_DUPLICATE: tuple[Literal["no", "in_progress", "done"], ...] = ("no", "in_progress", "done")
_OVER: tuple[Literal["", "soft", "hard"], ...] = ("", "soft", "hard")


def _reads(person: str, channel: str) -> tuple[Command, Command]:
    return ("GET", names.key(person, channel)), ("GET", names.state(person, channel))


def _aad(person: str, channel: str) -> bytes:
    return f"{person} {channel}".encode()


def _stamp(until: float) -> bytes:
    """When a state lapses, in front of it and in the open (its expiry in Redis says the same), so that KEEP can move it."""
    return b"%0*d" % (_STAMP, max(0, int(until * 1000)))


def _micros(now: float) -> int:
    return int(now * 1_000_000)
