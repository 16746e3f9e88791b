"""Whose turn it is: one message of a conversation at a time, in the order in which they arrived.

An arrival takes a ticket in the script that marks it; the smallest ticket that is alive has the turn. Waiting tickets
and the one at work renew their deadlines, so a process that dies holds the others up for one lease at most. A turn
that was lost that way is refused when it saves (the ticket is the fencing number). Within a process the next one is
woken at once; between processes it looks again after 5 to 40 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from api.conversations import names, scripts_lua
from api.conversations.wire import Command, StoreUnavailable, Wire, run

LEASE_S = 10.0
"""How long a silent holder keeps the turn. A gateway busy with something else must not lose it by a pause."""

_FIRST_LOOK_S, _LAST_LOOK_S = 0.005, 0.040
_STALE_S = 60.0  # a local ticket nobody ever turned or finished


class LeftMeanwhile(Exception):
    """The person left after this message arrived: it is not to be answered."""


class TurnLost(Exception):
    """The turn went to somebody else because its lease ran out."""


@dataclass(slots=True)
class _Waiter:
    since: float
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    in_use: bool = False


@dataclass(slots=True)
class Held:
    """A turn at work in this process."""

    ticket: int
    key: bytes | None = field(default=None, repr=False)
    lost: bool = False
    finished: bool = False
    over: bool = False


class TurnLock:
    """The turn lock of every conversation this process has messages of."""

    def __init__(self, wire: Wire, lease_s: float, mark_lease_s: float) -> None:
        self._wire = wire
        self._lease_s = lease_s
        self._lease_ms, self._mark_lease_ms = int(lease_s * 1000), int(mark_lease_s * 1000)
        self._here: dict[str, dict[int, _Waiter]] = {}

    def note(self, person: str, ticket: int) -> None:
        """A ticket was given to a message of this process."""
        self._here.setdefault(person, {})[ticket] = _Waiter(asyncio.get_running_loop().time())

    def wake_all(self, person: str) -> None:
        """The person left: those who wait find out now."""
        for waiter in self._here.get(person, {}).values():
            waiter.wake.set()

    @contextlib.asynccontextmanager
    async def hold(
        self, person: str, mark: str, ticket: int, generation: int, floor: Callable[[], int],
        answers: list[Any] | None, along: tuple[Command, ...],
    ) -> AsyncIterator[tuple[Held, list[Any]]]:
        """Wait for the ticket's turn and keep it; ``along`` is asked in the same trips and its answers handed out.

        Raises:
            LeftMeanwhile, StoreUnavailable
        """
        held = Held(ticket)
        waiter = self._here.setdefault(person, {}).setdefault(ticket, _Waiter(asyncio.get_running_loop().time()))
        waiter.in_use = True
        renewal: asyncio.TimerHandle | None = None
        try:
            if answers is None:
                answers = await self._wait(person, mark, ticket, generation, floor, along)
            renewal = self._renew_later(person, mark, held)
            yield held, answers
        finally:
            if renewal is not None:
                renewal.cancel()
            held.over = True
            if not held.finished:
                with contextlib.suppress(StoreUnavailable):  # the lease lapses by itself
                    await asyncio.shield(self.leave(person, mark, ticket, done_ttl_s=0))

    async def leave(self, person: str, mark: str, ticket: int, *, done_ttl_s: int) -> None:
        """Give the ticket up, whatever became of it; with ``done_ttl_s`` the message's mark says done for so long."""
        try:
            await self._wire.ask(run(
                scripts_lua.LEAVE, (names.queue(person), mark), ticket, 1 if done_ttl_s else 0, done_ttl_s * 1000
            ))
        finally:
            here = self._here.get(person, {})
            here.pop(ticket, None)
            if here:
                here[min(here)].wake.set()
            else:
                self._here.pop(person, None)

    async def _wait(
        self, person: str, mark: str, ticket: int, generation: int, floor: Callable[[], int],
        along: tuple[Command, ...]
    ) -> list[Any]:
        pause, here = _FIRST_LOOK_S, self._here[person]
        wake = here[ticket].wake
        while True:
            wake.clear()
            poll = run(
                scripts_lua.POLL, (names.queue(person), names.generation(person), mark),
                ticket, generation, floor(), self._lease_ms, self._mark_lease_ms,
            )
            if not self._has_earlier_here(here, ticket):
                turn, *answers = await self._wire.ask(poll, *along, carries_key="back")
                if turn == 1:
                    return answers
            else:
                (turn,) = await self._wire.ask(poll)
                if turn == 1:  # the earlier one of this process has left without a word
                    _, *answers = await self._wire.ask(poll, *along, carries_key="back")
                    return answers
            if turn == -1:
                raise LeftMeanwhile("the person left before this message's turn came")
            patience = self._lease_s / 3 if self._has_earlier_here(here, ticket) else pause
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await wake.wait()
            pause = min(pause * 2, _LAST_LOOK_S)

    def _has_earlier_here(self, here: dict[int, _Waiter], ticket: int) -> bool:
        """Whether this process itself will wake us: then there is no need to look often."""
        now = asyncio.get_running_loop().time()
        for other in [other for other, waiter in here.items() if not waiter.in_use and now - waiter.since > _STALE_S]:
            del here[other]
        return min(here) < ticket

    def _renew_later(self, person: str, mark: str, held: Held) -> asyncio.TimerHandle:
        tasks: set[asyncio.Task[None]] = set()

        async def renew() -> None:
            command = run(
                scripts_lua.RENEW, (names.queue(person), mark), held.ticket, self._lease_ms, self._mark_lease_ms
            )
            while not held.lost and not held.over:
                try:
                    (ours,) = await self._wire.ask(command)
                except StoreUnavailable:
                    ours = 1  # not known: the save will tell
                if not ours and not held.over:
                    held.lost = True
                    return
                await asyncio.sleep(self._lease_s / 3)

        def start() -> None:
            task = asyncio.get_running_loop().create_task(renew())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        # most turns take milliseconds: a timer costs them nothing, a task would
        return asyncio.get_running_loop().call_later(self._lease_s / 3, start)
