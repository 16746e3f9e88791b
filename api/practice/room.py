"""The practice room: who is in it, how fast people come, and what there was to see in each talk when it has ended.

Lives in the gateway of a practice world and nowhere else. What it knows is in memory and gone with the process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

import sqlalchemy as sa

from api.database import DatabaseUnavailable
from api.handoffs.relay import Courtesy, Outbox, SendState, SentAs
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, as_ticket, move, withdraw
from api.observability.errors import report
from api.observability.logs import warn
from api.practice.player import Facts, Stage, Visit
from api.scripts.conversations import Conversation
from api.staff.accounts import Staff
from safety.message_text import MessageText

MOST_AT_ONCE: Final = 8
"""People in the room: more than anybody can talk to, and each costs two looks a second at the database."""
BUSY_AT_ONCE: Final = 5
MOST_LOOK_BACKS: Final = 50
Haste = Literal[1, 4]
"""How much quicker than in life people answer."""
HASTES: Final[tuple[Haste, ...]] = (1, 4)

Pace = Literal["asked", "one", "busy"]
PACES: Final[tuple[Pace, ...]] = ("asked", "one", "busy")

_PREFIX: Final[Mapping[str, tuple[str, int]]] = {
    "JO": ("+96279000", 4), "QA": ("+97433000", 3), "BH": ("+97333000", 3), "AE": ("+97150000", 4),
}
"""What made-up numbers begin with and how many digits are left: valid in form, and they reach the stand-in alone."""


class NoSuchPerson(LookupError):
    """Nobody of that code is in the files."""


class RoomFull(Exception):
    """As many are here as there is room for."""


@dataclass(frozen=True, slots=True)
class LookBack:
    """One talk, looked back at."""

    id: str
    code: str
    title: Mapping[str, str]
    lesson: Mapping[str, str]
    at: float
    facts: Facts

    @property
    def waited_s(self) -> float | None:
        """From the flag to the claim."""
        return _between(self.facts.flagged_at, self.facts.claimed_at)

    @property
    def first_answer_s(self) -> float | None:
        """From the flag to the first words of a counsellor's."""
        return _between(self.facts.flagged_at, self.facts.answered_at)


class Room:
    """The room.

    Args:
        cast: who can come, by code.
        queue_changed: tells the consoles.
        random: who comes next, and when, on a busy night.
    """

    def __init__(
        self, stage: Stage, cast: Mapping[str, Conversation], queue_changed: Callable[[], Awaitable[None]],
        random: Random | None = None,
    ) -> None:
        self.cast, self._stage, self._queue_changed = cast, stage, queue_changed
        self._random = random or Random()  # noqa: S311 - who comes next is no secret
        self.pace: Pace = "asked"
        self.haste: Haste = 1
        self._visits: dict[str, Visit] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._bag: list[str] = []
        self._next_at = 0.0
        self._came = self._ended = 0
        self._look_backs: deque[LookBack] = deque(maxlen=MOST_LOOK_BACKS)

    # -- who comes -------------------------------------------------------------------------------------------------

    def start(self, code: str | None = None) -> str:
        """Let somebody come: who is named, or anybody who is not here; the id of the visit.

        Raises:
            NoSuchPerson: no file has that code.
            RoomFull: too many are here.
        """
        if code is not None and code not in self.cast:
            raise NoSuchPerson
        if len(self._visits) >= MOST_AT_ONCE:
            raise RoomFull
        conversation = self.cast[code or self._anybody()]
        self._came += 1
        visit = Visit(
            self._stage, conversation, id=f"{self._came}", number=self._number(conversation.country),
            haste=lambda: float(self.haste), looked_back=self._keep,
        )
        self._visits[visit.id] = visit
        task = self._tasks[visit.id] = asyncio.create_task(self._host(visit))
        task.add_done_callback(lambda _done: self._tasks.pop(visit.id, None))
        return visit.id

    def here(self) -> list[str]:
        """The codes of those who are in the room."""
        return [visit.practice.code for visit in self._visits.values()]

    async def clear(self) -> None:
        """Everybody goes, and the queue is empty; nobody comes until somebody is asked for."""
        self.pace = "asked"
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stage.database.write(lambda c: _empty_queue(c, self._stage.clock()))
        await self._queue_changed()

    def set_pace(self, pace: Pace, haste: Haste) -> None:
        """How people come, and how much quicker than in life they answer."""
        self.pace, self.haste, self._next_at = pace, haste, 0.0

    async def run(self) -> None:
        """Let people come at the pace that was chosen; ends by cancellation, and then everybody goes."""
        try:
            while True:
                self._let_come(asyncio.get_running_loop().time())
                await asyncio.sleep(0.5)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stage.phones.close()

    def _let_come(self, now: float) -> None:
        if self.pace == "asked":
            return
        if self.pace == "one":
            if self._visits:
                self._next_at = now + 8.0 / self.haste
            elif now >= self._next_at:
                self.start()
        elif len(self._visits) < BUSY_AT_ONCE and now >= self._next_at:
            self._next_at = now + self._random.uniform(15.0, 45.0) / self.haste
            self.start()

    def _anybody(self) -> str:
        """Everybody once, in an order nobody knows, before anybody comes again; not who is here, if it can be helped."""
        if not self._bag:
            self._bag = list(self.cast)
            self._random.shuffle(self._bag)
        here = set(self.here())
        place = next((place for place, code in enumerate(self._bag) if code not in here), 0)
        return self._bag.pop(place)

    def _number(self, country: str) -> str:
        prefix, digits = _PREFIX[country]
        return prefix + str(self._came % 10**digits).zfill(digits)

    async def _host(self, visit: Visit) -> None:
        try:
            await visit.play()
        except Exception as failure:  # one who cannot be played must not take the others with them
            report(failure)
            warn("practice_visit_failed", error=type(failure).__name__)
        finally:
            self._visits.pop(visit.id, None)
        try:  # who went without an end of the talk, late or by mistake, waits for nobody
            gone = await self._stage.database.write(lambda c: withdraw(c, visit.person, now=self._stage.clock()))
        except DatabaseUnavailable:
            return
        if gone:
            await self._queue_changed()

    # -- what is heard and seen ------------------------------------------------------------------------------------

    def overhear(self, outbox: Outbox) -> Outbox:
        """The counsellors' way out, with the people of this room at its other end."""
        return _Overheard(outbox, self)

    def heard(self, ticket: Ticket, words: MessageText) -> None:
        """A counsellor's message was handed to the provider."""
        for visit in self._visits.values():
            if visit.person == ticket.person:
                visit.hear(ticket, words)

    def look_backs(self, member: Staff) -> list[LookBack]:
        """Talks that have ended, newest first: one's own and nobody's; for a supervisor everybody's."""
        return [
            one for one in self._look_backs
            if member.role == "supervisor" or one.facts.owner in ("", member.id)
        ]

    def _keep(self, visit: Visit, facts: Facts) -> None:
        practice = visit.practice
        self._ended += 1
        self._look_backs.appendleft(
            LookBack(f"{self._ended}", practice.code, practice.title, practice.lesson, self._stage.clock(), facts)
        )


class _Overheard:
    """Implements :class:`api.handoffs.relay.Outbox`: what was sent is heard by the room."""

    def __init__(self, outbox: Outbox, room: Room) -> None:
        self._outbox, self._room = outbox, room

    async def send(self, ticket: Ticket, text: MessageText, sent_as: SentAs | None = None) -> SendState:
        state = await self._outbox.send(ticket, text, sent_as)
        if state is SendState.SENT:
            self._room.heard(ticket, text)
        return state

    async def tell(self, ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        return await self._outbox.tell(ticket, courtesy, address)


def _between(since: float | None, until: float | None) -> float | None:
    return None if since is None or until is None else max(0.0, until - since)


def _empty_queue(connection: sa.Connection, now: float) -> None:
    """Every ticket of this world ends: nobody in it is real."""
    for row in connection.execute(sa.select(tickets).where(tickets.c.state.in_(("queued", "claimed", "left")))).all():
        ticket = as_ticket(row)
        if ticket.state == "left":
            move(connection, ticket, "close", {"outcome": "other", "ladder_due": None}, now=now)
        else:
            withdraw(connection, ticket.person, now=now)
