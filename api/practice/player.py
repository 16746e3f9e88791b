"""Plays one made-up person: brings them into the queue by the path everybody takes, then answers whoever talks to them.

What they write goes from a phone at the stand-in provider by signed webhook through the gate and the engine, as on any night.
What a counsellor writes they read on that phone. Everything here is in this process's memory and goes with the visit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal

import sqlalchemy as sa

from api.channels.address import Address, canonical
from api.channels.simulator import Received, SimulatedPhones, StandInUnreachable
from api.conversations import safewords
from api.conversations.identity import person_of
from api.conversations.keys import PeriodKeys
from api.conversations.sealing import Keyring
from api.database import Database, DatabaseUnavailable
from api.handoffs import plan, wrapup
from api.handoffs.aids import Aids
from api.handoffs.queue import REPLY_WINDOW_SECONDS, one
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, open_ticket_of
from api.observability.errors import report
from api.observability.logs import warn
from api.practice import rules
from api.practice.rules import Progress
from api.scripts.conversations import DURESS, SOONEST_BACK, Conversation, Line, Step, pause_before
from api.settings import Senders
from safety.message_text import MessageText

LOOK_S: Final = 0.5
"""Between two looks at how the person's ticket stands: a step of the plan ticked in the second before the end is seen."""
LONGEST_VISIT_S: Final = 40 * 60.0
_STEP_S: Final = 1.0
"""Before each line to the program, where the file does not say: nobody practises waiting for the opening."""
_ANSWER_S: Final = 8.0
_ARRIVES_S: Final = 6.0
_AT_ONCE_S: Final = 0.4
_SETTLES_S: Final = 8.0

Ended = Literal["", "closed", "left", "withdrawn", "never_came"]


@dataclass(slots=True)
class Facts:
    """What the program knows of a visit: times, codes and counts, no word and no opinion.

    Attributes:
        claimed_at, answered_at: the first time, whoever it was.
        exit_asked: messages of the counsellor's that held a bare 0 or x.
        while_not_now: messages written although the person had said that they cannot talk.
        unheard: messages that never reached the phone.
    """

    band: str = ""
    reasons: tuple[str, ...] = ()
    flagged_at: float | None = None
    claimed_at: float | None = None
    answered_at: float | None = None
    owner: str = ""
    owner_name: str = ""
    climbed: int = 0
    written: int = 0
    exit_asked: int = 0
    while_not_now: int = 0
    unheard: int = 0
    plan: dict[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    ended: Ended = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What visits share: the stores of the practice world, its phones and the time."""

    database: Database
    keyring: Keyring
    keys: PeriodKeys
    phones: SimulatedPhones
    whatsapp_from: Senders
    sms_from: Senders
    aids: Aids
    clock: Callable[[], float]


class Visit:
    """One made-up person's time in the room.

    Args:
        id: of this visit; somebody can be met again.
        number: their telephone number, of nobody.
        looked_back: is given the facts of each talk when it has ended.
    """

    def __init__(
        self, stage: Stage, conversation: Conversation, *, id: str, number: str, haste: Callable[[], float],
        looked_back: Callable[[Visit, Facts], None],
    ) -> None:
        assert conversation.practice is not None
        self.id, self.conversation, self.practice = id, conversation, conversation.practice
        self._stage, self._haste, self._looked_back = stage, haste, looked_back
        address = Address(conversation.channel, number)
        self.number, self.person = number, person_of(stage.keyring, canonical(address))
        senders = stage.whatsapp_from if conversation.channel == "whatsapp" else stage.sms_from
        self._to = senders.for_country(conversation.country) or ""
        self._progress, self._seen, self._duress = Progress(), 0, ""
        self._new_talk()

    def _new_talk(self) -> None:
        self.facts = Facts()
        self.ticket = ""
        self._heard: list[MessageText] = []
        self._too_soon = False
        self._flagged, self._woken, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def play(self) -> None:
        """From the first word to the end of the last talk. Ends early by cancellation; raises nothing else."""
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(LONGEST_VISIT_S):
                await self._set_up()
                await self._come(self.conversation.steps)
                await self._talk(self.practice.answers)
                back = self.practice.comes_back
                if back is not None and self.facts.ended == "left":
                    self._look_back()
                    self._new_talk()
                    # less than this is a straggler of the exit, however much of a hurry the learner is in
                    await asyncio.sleep(max(SOONEST_BACK, back.after / self._haste()))
                    self._progress = Progress(branches=self._progress.branches)
                    await self._come(back.steps)
                    await self._talk(back.answers)
        except StandInUnreachable:
            warn("practice_phone_away")
        except DatabaseUnavailable:
            warn("practice_store_away")
        except TimeoutError:
            pass
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self._look_back()

    def hear(self, ticket: Ticket, words: MessageText) -> None:
        """A counsellor's words to this person have been handed to the provider."""
        self.facts.written += 1
        self.facts.exit_asked += rules.asks_for_exit(words.reveal())
        self.facts.while_not_now += ticket.not_now
        self._heard.append(words)
        self._too_soon = ticket.not_now
        self._woken.set()

    # -- the way into the queue ------------------------------------------------------------------------------------

    async def _set_up(self) -> None:
        if not self.practice.duress_words:
            return
        stage, now = self._stage, self._stage.clock()
        agreed = {"variant": "lev" if self.conversation.country == "JO" else "gulf", "place": "", "lane": ""}
        made = await stage.database.write(
            lambda c: safewords.make(c, stage.keys, self.person, agreed, now, safewords.words_alone, 0, duress=True)
        )
        self._duress = made.words

    async def _come(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            await asyncio.sleep((_STEP_S if step.line.after is None else step.line.after) / self._haste())
            await self._write(step.line)
            if not step.silence:
                self._note(await self._stage.phones.received(self.number, self._seen, wait_s=_ANSWER_S))
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLES_S):
                await self._flagged.wait()
        if not self.ticket:
            warn("practice_not_in_queue", code=self.practice.code)
            self.facts.ended = "never_came"
            self._over.set()
            return
        if self.practice.window_minutes is not None:
            await self._let_time_pass(self.practice.window_minutes * 60)

    async def _let_time_pass(self, left_s: float) -> None:
        """As if they had written yesterday: their reply window closes in ``left_s`` seconds, here and at the provider."""
        window = REPLY_WINDOW_SECONDS.get(self.conversation.channel)
        if window is None:
            return
        ago, now = window - left_s, self._stage.clock()
        at = tickets.update().where(tickets.c.id == self.ticket).values(last_inbound_at=now - ago)
        await self._stage.database.write(lambda c: c.execute(at))
        await self._stage.phones.age(self.number, self._to, self.conversation.channel, ago)

    # -- the talk --------------------------------------------------------------------------------------------------

    async def _talk(self, answers: tuple[Line, ...]) -> None:
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while not self._over.is_set():
            further, alone = rules.left_alone(self.practice, self._progress)
            wait = None if alone is None else max(0.0, pause_before(alone) / self._haste() - (loop.time() - quiet_since))
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                if alone is not None:
                    self._progress = further
                    await self._write(alone)
                quiet_since = loop.time()
                continue
            self._woken.clear()
            words, self._heard = self._heard, []
            if not words or not await self._arrived(words[-1]):
                self.facts.unheard += len(words)
                continue
            self._progress, line = rules.hears(
                self.practice, self._progress, "\n".join(each.reveal() for each in words), answers,
                not_now=self._too_soon,
            )
            quiet_since = loop.time()
            if line is None:
                continue
            with suppress(TimeoutError):  # no answer to somebody who has ended the talk meanwhile
                async with asyncio.timeout(pause_before(line) / self._haste()):
                    await self._over.wait()
            if not self._over.is_set():
                await self._write(line)
                quiet_since = loop.time()

    async def _arrived(self, words: MessageText) -> bool:
        """Whether a counsellor's message is on the phone: one that came too late for the reply window never is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _ARRIVES_S
        while not self._over.is_set() and loop.time() < until:
            new = await self._stage.phones.received(self.number, self._seen, wait_s=1.0)
            self._note(new)
            if any(words.reveal()[-40:] in message.body.reveal() for message in new):
                return True
        return False

    async def _write(self, line: Line) -> None:
        async def send(place: int, words: str) -> None:
            await asyncio.sleep(place * _AT_ONCE_S)
            await self._stage.phones.write(
                self.number, self._to, self.conversation.channel, MessageText(words.replace(DURESS, self._duress)),
                voice=line.voice,
            )

        await asyncio.gather(*(send(place, words) for place, words in enumerate(line.write or ("",))))

    def _note(self, new: list[Received]) -> None:
        self._seen = max((message.number for message in new), default=self._seen)

    # -- looking on ------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except DatabaseUnavailable:
                pass
            except Exception as failure:  # who is not looked at any more would never be seen to leave
                report(failure)
                warn("practice_look_failed", error=type(failure).__name__)
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        if self._over.is_set():
            return
        facts, person, channel = self.facts, self.person, self.conversation.channel

        def ask(connection: sa.Connection) -> tuple[Ticket, str, frozenset[str], frozenset[str]] | None:
            ticket = find(connection, self.ticket) if self.ticket else open_ticket_of(connection, person, channel)
            row = one(connection, ticket.id) if ticket else None
            if row is None:
                return None
            known = row.ticket
            return known, row.owner_name or "", plan.talked_about(connection, known.id), wrapup.done_of(connection, known.id)

        seen = await self._stage.database.read(ask)
        if seen is None or facts is not self.facts:
            return
        ticket, owner_name, talked, done = seen
        self.ticket = ticket.id
        self._flagged.set()
        facts.band, facts.reasons, facts.flagged_at = ticket.band, ticket.reasons, facts.flagged_at or ticket.flagged_at
        facts.claimed_at = facts.claimed_at or ticket.acknowledged_at
        facts.answered_at = facts.answered_at or ticket.answered_at
        facts.climbed = max(facts.climbed, ticket.ladder_step)
        if ticket.owner:
            facts.owner, facts.owner_name = ticket.owner, owner_name
        if talked:  # they go with the ticket
            words = {step.code: step.words for step in self._stage.aids.plan(ticket, self._stage.clock())}
            facts.plan = {code: words.get(code, code) for code in sorted(talked)}
        if ticket.state in ("queued", "claimed"):
            return
        facts.done, facts.outcome = tuple(sorted(done)), ticket.outcome or ""
        left = ticket.state == "left" or ticket.outcome == "left_chat"
        facts.ended = "left" if left else "withdrawn" if ticket.state == "withdrawn" else "closed"
        self._over.set()
        self._woken.set()

    def _look_back(self) -> None:
        if self.facts.ended and self.facts.ended not in ("never_came", "withdrawn"):
            self._looked_back(self, self.facts)
            self.facts = Facts()
