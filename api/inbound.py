"""The one path every message walks. Read this file first.

    signature (webhooks.py) → exit → opt-out → duplicate → danger by rule → limits → live talk or engine turn under
    the conversation's lock → commands committed → replies sent → sids into the erasure ledger

The order is safety.md's and is final. Whatever breaks on the way, the person is answered or deliberately met with
silence, and nothing here raises a word of theirs at anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from api.audit import trail
from api.channels.address import CHANNELS, canonical, country_of, country_of_number
from api.channels.twilio import erasure
from api.channels.twilio.parse import Inbound as Message
from api.commands import Asker, Done, carry_out, danger_command, wish_command
from api.conversations import owed, safewords
from api.conversations.identity import person_of, sid_mark
from api.conversations.keys import PeriodKeys
from api.conversations.optouts import opt_in, opt_out
from api.conversations.sealing import CannotOpen, Keyring
from api.conversations.store import QUIET_S, Arrival, ConversationStore, Fence, LeftMeanwhile, Refused, StoreUnavailable
from api.conversations.tombstones import defer_wipe
from api.database import Database, DatabaseUnavailable
from api.degraded import answer_without_engine
from api.engine import EngineClient, EngineUnavailable, Reply, Turn, Understood
from api.handoffs import claims, safe_contacts, wrapup
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import Relay
from api.handoffs.repeats import repeat_key
from api.handoffs.tables import OPEN_STATES
from api.handoffs.tickets import (
    NotATicket,
    OpenHandoff,
    Ticket,
    find,
    mark_left,
    note_inbound,
    open_handoff,
    open_ticket_of,
)
from api.handoffs.typing_marks import TypingMarks
from api.observability import metrics
from api.observability.errors import report
from api.observability.logs import warn
from api.outbox import Outbox
from api.record import IDLE_CLOSES_S, Record
from api.scripts.current import Releases
from api.scripts.numbers import VARIANTS
from api.scripts.render import Audience, merge, render_with_codes, variant_for
from api.scripts.required import EMERGENCY_FIRST, NEUTRAL_TEXTS
from safety.danger import find_danger
from safety.exit import is_exit
from safety.message_text import MessageText
from safety.optout import is_opt_in, is_opt_out
from safety.scripts import foreign_language

TICKET_KEEPS_S = 3 * 24 * 3600
"""safety.md: who waits for a person or talks to one is never hung up on; longer than the ladder and the window."""

_AT_WORK = 3
"""Messages decided about at once. More would not be faster (the engine thinks one at a time), and an exit has to pass between their steps."""

_RECENT_PEOPLE = 5_000
_RECENT_SIDS = 40
_SLOWED_S = 60.0
_SEND_AGAIN_S = (0.5, 1.5)
_NOT_NOW = frozenset({"slow_down", "unreachable"})
"""Refusals before anything was done: the same request may be made again without being heard twice."""
_MOST_CHANGES = 4
"""How often a ticket may change hands while one answer is on its way; after that it stays owed."""
_MOST_UNDONE = 20
_MOST_UNWRITTEN = 10_000
_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_WRITTEN_WITHIN_S = 2.5
"""A database that says nothing for so long counts as away: the provider waits for ten seconds, a person in danger for none."""


@dataclass(slots=True)
class Deps:
    """What the path needs; wired once in ``app.py``."""

    store: ConversationStore
    database: Database
    keyring: Keyring
    keys: PeriodKeys
    engine: EngineClient
    outbox: Outbox
    relay: Relay
    releases: Releases
    eraser: erasure.Eraser
    clock: Callable[[], float]
    country_default: str
    production: bool
    new_id: Callable[[], str] = field(default=lambda: uuid.uuid4().hex)
    queue_changed: Callable[[], Awaitable[None]] | None = None
    typing: TypingMarks | None = None


@dataclass(frozen=True, slots=True)
class _Who:
    """One message's person, made once at the door."""

    person: str
    mark: str
    country: str
    rule: tuple[str, ...] = ()
    """What kind of danger the rules saw, where they ring: the reasons of the ticket."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What a message is answered with, once everything it leads to is written down."""

    outcome: str
    record: Record
    replies: tuple[Reply, ...]
    values: Mapping[str, str]
    beside: Ticket | None = None
    """As it stood when the bot's words were found: they are not said once a counsellor talks, nor unchanged once it has
    changed hands. None where nobody waits for anybody, and for what the program says within a counsellor's talk."""
    passed_on: bool = False
    danger: bool = False


class Line:
    """Answers messages. One a gateway process."""

    def __init__(self, deps: Deps) -> None:
        self._d = deps
        self._addresses = ReplyAddresses(deps.keys)
        self._recent: OrderedDict[str, list[str]] = OrderedDict()
        self._at_work = asyncio.Semaphore(_AT_WORK)
        self._slowed: OrderedDict[str, float] = OrderedDict()
        self._wordings: OrderedDict[str, str] = OrderedDict()
        self._unwritten: set[asyncio.Task[None]] = set()

    async def receive(self, message: Message, since: float | None = None) -> str:
        """Walk one genuine message down the path; returns what became of it, as a code for metrics and logs.

        Args:
            since: when its request was received, for the metrics; now, if not given.
        """
        began = self._d.clock() if since is None else since
        who = self._who(message)
        outcome = await self._walk(message, who, began)
        metrics.INBOUND.labels(message.channel, outcome).inc()
        metrics.TURN_SECONDS.observe(max(0.0, self._d.clock() - began))
        return outcome

    async def _walk(self, message: Message, who: _Who, began: float) -> str:
        release = self._d.releases.live()
        if is_exit(message.body.reveal(), release.exits):  # pure, first, always
            return await self._leave(message, who, began)
        words = safewords.words_alone(message.body.reveal())
        if safewords.could_be(words) and await self._is_duress(who, words, began):
            return await self._leave(message, who, began, duress=words)
        if is_opt_in(message.body.reveal()):
            await self._try_write(lambda c: opt_in(c, self._d.keys, who.person, message.channel, began))
        danger = find_danger(message.body.reveal(), release.danger)
        level = danger.level if danger is not None else ""
        if danger is not None and level == "now":
            who = replace(who, rule=danger.codes)
        try:
            arrival = await self._d.store.arrive(who.person, message.channel, who.mark, began)
        except StoreUnavailable:
            return await self._without_store(message, who, level, _micros(began))
        if arrival.duplicate != "no":
            return "duplicate"
        if arrival.quiet and level != "now":  # a straggler of an exit lights up no phone
            await self._noted_and_done(message, who, arrival)
            return "quiet"
        if arrival.over and level != "now":
            return await self._over_limit(message, who, arrival)
        return await self._turn(message, who, arrival, level)

    # -- the exit ----------------------------------------------------------------------------------------------

    async def _is_duress(self, who: _Who, words: str, now: float) -> bool:
        """Whether these are this number's duress words. Where nobody can tell, they are taken for them: two words that
        are ours are no ordinary message, and silence is what harms least (safety.md: "when that cannot be known, exit")."""
        known = await self._try_read(
            lambda c: safewords.recognise_duress(c, self._d.keys, who.person, words, now) is not None
        )
        return known is not False

    async def _leave(self, message: Message, who: _Who, began: float, duress: str = "") -> str:
        """Wipe first, then everything else; in every state, whatever is down (safety.md, "The safety exit").

        Args:
            duress: the folded words, if they may be duress words: then a silent P0 is written down with the exit.
        """
        deferred = False

        def ring(connection: Any, generation: int) -> tuple[str, ...]:
            return self._ring_in_silence(connection, message, who, duress, generation) if duress else ()

        def written(connection: Any, before: int) -> tuple[Ticket, ...]:
            rung = ring(connection, before)
            return _left_unowned(connection, rung, _write_exit(connection, who.person, self._d.clock(), before), self._d.clock())

        try:
            left = await self._d.store.exit(who.person, who.mark)
            metrics.EXIT_SECONDS.observe(max(0.0, self._d.clock() - began))
            generation = left.generation
            if left.replayed:  # if it died before it was written down, it is now; what was begun since is not touched
                await self._ended(await self._try_write(lambda c: written(c, generation)) or ())
                return "duplicate"
        except StoreUnavailable:
            generation = self._d.store.exit_locally(who.person)
            deferred = True
        now = self._d.clock()
        self._slowed.pop(who.person, None)
        self._wordings.pop(who.person, None)
        sids = [*self._recent.pop(who.person, []), message.sid]
        opted_out = is_opt_out(message.body.reveal())

        def leave(connection: Any) -> tuple[Ticket, ...]:
            if deferred:  # Redis could not be told: written down with the rest, and tried again with it
                defer_wipe(connection, who.person, generation)
            rung = ring(connection, generation)
            ended = _left_unowned(connection, rung, _write_exit(connection, who.person, now), now)
            erasure.note(connection, erasure.copies_of(message), now=now, due_at=now)
            erasure.hurry(connection, sids, now)
            if opted_out:
                opt_out(connection, self._d.keys, who.person, message.channel, now)
            return ended

        ended = await self._try_write(leave)  # and if it fails, later, with the copies
        if ended is None:  # the database is away: nothing can be sent any more, the tickets follow when it is back
            self._later(self._leave_later(who.person, generation, leave, ring))
        await self._ended(ended or ())
        self._d.eraser.wake()
        return "opt_out" if opted_out else "exit"

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._unwritten.add(task)
        task.add_done_callback(self._unwritten.discard)

    async def _leave_later(
        self, person: str, generation: int, leave: Callable[[Any], tuple[Ticket, ...]],
        ring: Callable[[Any, int], tuple[str, ...]],
    ) -> None:
        """Write an exit down as soon as the database takes it; a talk begun since is not to be ended, but rings."""

        def unless_begun_anew(connection: Any) -> tuple[Ticket, ...]:
            open_now = (open_ticket_of(connection, person, channel) for channel in CHANNELS)
            if any(ticket is not None and ticket.generation >= generation for ticket in open_now):
                ring(connection, generation)
                return ()
            return leave(connection)

        tries = 0
        while (ended := await self._try_write(unless_begun_anew)) is None:
            await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1
        await self._ended(ended)
        await self._queue_changed()

    def _ring_in_silence(
        self, connection: Any, message: Message, who: _Who, words: str, generation: int
    ) -> tuple[str, ...]:
        """A P0 that says duress, if these are this number's duress words; the ticket's id. Nothing goes to the phone.

        It belongs to the life that ends with this exit, so that it is marked as left with the rest. Obeyed once: a
        message that is delivered again rings no second time.
        """
        now = self._d.clock()
        try:
            agreed = safewords.recognise_duress(connection, self._d.keys, who.person, words, now)
        except (OSError, CannotOpen) as failure:  # the exit is written down all the same
            report(failure)
            return ()
        if agreed is None:
            return ()
        try:
            repeats = repeat_key(self._d.keys, who.person, now)
        except (OSError, CannotOpen) as failure:
            report(failure)
            repeats = ""
        variant = agreed.get("variant") if agreed.get("variant") in VARIANTS else "msa"
        command = OpenHandoff(
            command_id=f"{who.mark[:24]}-duress", person=who.person, channel=message.channel, generation=generation - 1,
            country=who.country, band="RED", variant=str(variant), language="en" if variant == "en" else "ar",
            sender=message.to, repeat_key=repeats, reply_address=None, place=str(agreed.get("place") or ""),
            lane="children" if agreed.get("lane") == "children" else "", reasons=("duress",),
        )
        ticket = open_handoff(connection, command, new_id=self._d.new_id(), now=now)
        if isinstance(contact := agreed.get(safe_contacts.AGREED), str):
            with contextlib.suppress(OSError, CannotOpen):  # it rings all the same
                safe_contacts.keep(connection, ticket.id, contact, self._addresses, now)
        safewords.renew(connection, self._d.keys, who.person, words, now)
        return (ticket.id,)

    async def _ended(self, ended: Sequence[Ticket]) -> None:
        """These tickets' people have left: their words are forgotten and their counsellors told."""
        for ticket in ended:
            try:
                await self._d.relay.person_left(ticket.id)
            except RedisError:
                warn("relay_forget_failed")  # the words lapse in ten minutes, sealed
            if self._d.typing is not None:
                await self._d.typing.forget(ticket.id)
        if ended:
            await self._queue_changed()

    # -- one turn ----------------------------------------------------------------------------------------------

    async def _turn(self, message: Message, who: _Who, arrival: Arrival, danger: str) -> str:
        debt = asyncio.create_task(self._owe(message, who, arrival))  # durable while the turn is thought about
        try:
            async with self._d.store.turn(arrival) as fence:
                return await self._answer(message, who, arrival, fence, danger, debt)
        except LeftMeanwhile:
            await debt
            await self._settle(who, ())
            return "quiet"
        except StoreUnavailable:
            await debt
            return await self._without_store(message, who, danger, arrival.generation)
        finally:
            await debt

    async def _answer(
        self, message: Message, who: _Who, arrival: Arrival, fence: Fence, danger: str, debt: asyncio.Task[None]
    ) -> str:
        """One message from its turn to its answer. What is decided is written down before anything is said."""
        async with contextlib.nullcontext() if danger == "now" else self._at_work:
            decided = await self._decide(message, who, arrival, fence, danger, debt)
        if isinstance(decided, str):
            return decided
        await debt
        outcome, sids, unheard = await self._speak(message, who, decided, fence.generation)
        await self._settle(who, sids, still_owed=unheard)
        try:
            await self._d.store.finish(arrival, fence)
        except StoreUnavailable:
            if not sids and not unheard:  # the last check could not be made, so nothing went out: the static answer does
                raise
        return outcome

    async def _speak(
        self, message: Message, who: _Who, decided: _Decided, generation: int
    ) -> tuple[str, list[str], bool]:
        """Say what was decided, as the person's ticket stands at the last moment before each send.

        The bot goes on until the counsellor's first message and no further (screening.md): what it thought meanwhile is
        not said, the words go to the counsellor in its place, and of danger the bare number stays. Returns the outcome,
        the sids, and whether something was not heard.
        """
        replies, beside, passed_on = decided.replies, decided.beside, decided.passed_on
        for _ in range(_MOST_CHANGES):
            moved: list[Ticket] = []
            still = None if beside is None else functools.partial(self._unmoved, beside, moved)
            sids, unheard = await self._say(
                message, who, decided.record, replies, generation, decided.values, still=still
            )
            if not moved or sids:
                return decided.outcome, sids, unheard
            beside = moved[-1]
            shown = passed_on or await self._passed_on(message, beside)
            passed_on = passed_on or beside.state == "claimed"
            if beside.talking:
                own = [Reply("danger_bare", {})] if decided.danger else []
                own += [] if shown else [Reply("live_not_shown", {})]
                sids, unheard = await self._say(message, who, decided.record, own, generation, {})
                return "relayed", sids, unheard
            if beside.state not in OPEN_STATES:
                beside = None
            elif beside.introduced:
                replies = tuple(_with_somebody_there(replies))
            if not shown:
                replies = (*replies, Reply("live_not_shown", {}))
        return decided.outcome, [], True

    async def _unmoved(self, beside: Ticket, moved: list[Ticket]) -> bool:
        """Whether a ticket stands as it did; else it is noted in ``moved`` as it stands now. When nobody can tell, the
        person is answered: a counsellor's words do not go out then either (live.py)."""
        now: Ticket | None = await self._try_read(lambda c: find(c, beside.id))
        if now is None or (now.epoch == beside.epoch and not now.talking):
            return True
        moved.append(now)
        return False

    async def _decide(
        self, message: Message, who: _Who, arrival: Arrival, fence: Fence, danger: str, debt: asyncio.Task[None]
    ) -> _Decided | str:
        """What to say, with its commands committed and the state kept; or why nothing is said."""
        now = self._d.clock()
        record = Record.of(fence.state)
        ahead = self._think_ahead(message, who, record, danger, now)
        # asked every time: a ticket may have been opened while Redis was away, or by a turn that died before its save
        looked = await self._open_ticket(who, message, safe_words_too=record.good_time)
        ticket, tried_words = looked if looked is not None else (None, False)
        waits = looked is None and record.ticket  # cannot be told now: who waited is not hung up on
        if ahead is not None and (ticket is not None or tried_words):
            ahead.cancel()
            ahead = None
        if ticket is not None and arrival.generation > ticket.generation:
            # an exit since it was opened that the database was not told of: whoever writes now is a stranger
            await self._strike(who.person)
            ticket = None
        answered = ticket is None and not waits and await self._asked(message, who, record, arrival)
        if ticket is None and not waits and not answered and now - record.at > IDLE_CLOSES_S:
            record = Record(release=self._d.releases.live().digest, undone=record.undone)
        record.release = record.release if self._d.releases.holds(record.release) else self._d.releases.live().digest
        record.at = now
        words = len(message.body.reveal().split())
        done = Done()
        replies: Sequence[Reply]
        commands: Sequence[Mapping[str, Any]]
        if looked is not None:
            record.live = ticket is not None and ticket.talking
            if record.ticket and ticket is None and record.good_time:
                record.engine = _nothing_asked(record.engine)
        if waits and record.live:  # a counsellor is there, and the way to them is not: the bot does not take their place
            outcome, replies, commands = "relayed", [Reply("live_not_shown", {})], []
            if danger == "now":
                replies, commands = [Reply("danger_bare", {}), *replies], [danger_command(who.mark, who.rule)]
        elif ticket is not None and ticket.talking:
            outcome, replies, commands = await self._live(message, who, ticket, danger)
        elif tried_words and danger != "now":  # the safe words, tried in the talk they were given in
            outcome, replies, commands = "answered", [Reply("safe_word_known", {})], []
        elif answered and danger != "now":
            outcome, replies, commands = "answered", [Reply("asked_thanks", {})], []
        elif (message.has_media or message.location) and not message.body and record.good_time:
            outcome, replies, commands = self._media(message, danger, who)
        else:
            outcome, replies, commands = await self._engine_turn(
                message, who, record, ticket, danger, words, ahead
            )
            if message.has_media and record.good_time:  # a picture with words: the words are answered, the picture is not seen
                replies = [*replies, Reply("media_voice", {})]
            elif message.has_media and not message.body:  # neutral words, and the engine heard that somebody is there
                replies = [Reply("media_voice", {}), *replies]
        bots = not (waits and record.live) and (ticket is None or not ticket.talking)
        if ticket is not None and not ticket.talking and not await self._passed_on(message, ticket):
            replies = [*replies, Reply("live_not_shown", {})]
        elif ticket is not None and ticket.introduced and not ticket.talking:
            replies = _with_somebody_there(replies)
        own = bool(commands)
        commands = [*record.undone, *commands]  # each has an id: what was obeyed is not obeyed twice
        if commands:
            if not await self._still_here(who.person, fence.generation):
                return await self._met_with_silence(who, arrival, fence, debt)
            committed = await self._commit(message, who, record, fence, commands)
            record.undone = [] if committed is not None else _most_urgent(commands)
            if committed is None and own and not all(reply.name in NEUTRAL_TEXTS for reply in replies):
                replies = _honest(commands)
            done = committed or done
        if done.variant is not None:
            record.variant = done.variant
            record.language = "en" if done.variant == "en" else "ar"
        record.place = done.place or record.place
        if done.forget:
            record.place = ""
            await self._d.store.forget(who.person)
            await self._try_write(lambda c: safewords.forget(c, self._d.keys, who.person, now))
        values: dict[str, str] = {}
        if done.safe_word:
            made = await self._make_safe_word(who, record, fence.generation)
            values = {"safe_word": made.words} if made else {}
            told = "safe_word_failed" if made is None else "safe_word_instead" if made.replaces else "set_safe_word"
            replies = [Reply(told, {}) if reply.name == "set_safe_word" else reply for reply in replies]
        record.ticket = open_ticket = (ticket is not None and not done.withdrawn) or bool(done.tickets) or waits
        saved = await self._d.store.save(
            who.person, message.channel, record.as_kept(), fence, TICKET_KEEPS_S if open_ticket else 30 * 60
        )
        if isinstance(saved, Refused):  # nothing is said
            if saved.reason == "exited":
                if done.tickets:  # written down in the instant in which the person left
                    await self._strike(who.person)
                return await self._met_with_silence(who, arrival, fence, debt)
            return "quiet"  # the turn went to somebody else; the answer stays owed
        beside = ticket or (done.tickets[-1] if done.tickets else None)
        return _Decided(
            outcome, record, tuple(replies), values, beside=beside if bots and not done.withdrawn else None,
            passed_on=ticket is not None and ticket.state == "claimed",
            danger=danger == "now" or any(reply.name in EMERGENCY_FIRST for reply in replies),
        )

    async def _asked(self, message: Message, who: _Who, record: Record, arrival: Arrival) -> bool:
        """Whether this message answers the one question at the end of a talk with a counsellor; if so it is counted.

        Only the first message after the talk can, so that no other 1 or 2 is looked up, let alone taken for it.
        """
        answer = wrapup.answer_of(message.body.reveal())
        if answer is None or not record.ticket or not record.good_time:
            return False
        person, channel, generation, now = who.person, message.channel, arrival.generation, self._d.clock()
        return bool(await self._try_write(lambda c: wrapup.count(c, person, channel, generation, answer, now)))

    async def _met_with_silence(self, who: _Who, arrival: Arrival, fence: Fence, debt: asyncio.Task[None]) -> str:
        """The person left while the turn was thought about: nothing is said, nothing is owed, no copy comes again."""
        await debt
        await self._settle(who, ())
        with contextlib.suppress(StoreUnavailable):
            await self._d.store.finish(arrival, fence)
        return "quiet"

    async def _still_here(self, person: str, generation: int) -> bool:
        """Whether a turn may be written down. With Redis gone in this very moment what this process knows decides:
        a person in danger must not be lost over it."""
        try:
            return await self._d.store.may_send(person, generation)
        except StoreUnavailable:
            return self._d.store.tombstones.floor(person, self._d.clock()) <= generation

    async def _strike(self, person: str) -> None:
        """End the tickets of somebody who has left."""
        await self._ended(await self._try_write(lambda c: mark_left(c, person, now=self._d.clock())) or ())

    def _think_ahead(
        self, message: Message, who: _Who, record: Record, danger: str, now: float
    ) -> asyncio.Task[Turn] | None:
        """The engine's turn begun while the durable store is asked for a ticket, where this talk knows of none.

        The engine is a function: should there be a ticket after all, what it thought is thrown away.
        """
        usual = record.good_time and not record.ticket and now - record.at <= IDLE_CLOSES_S and bool(message.body)
        if not usual or not self._d.releases.holds(record.release):
            return None
        facts = _facts(message, who, record.release, danger, "", False)
        ahead = asyncio.create_task(self._d.engine.turn(record.engine, message.body, facts))
        ahead.add_done_callback(lambda done: done.cancelled() or done.exception())  # may be thrown away unseen
        return ahead

    async def _engine_turn(
        self, message: Message, who: _Who, record: Record, ticket: Ticket | None, danger: str, words: int,
        ahead: asyncio.Task[Turn] | None,
    ) -> tuple[str, Sequence[Reply], Sequence[Mapping[str, Any]]]:
        """The engine's turn, or the static one when it gives none. Danger by rule is committed either way."""
        alarm = [danger_command(who.mark, who.rule)] if danger == "now" else []
        try:
            if ahead is not None:
                turn = await ahead
            else:
                safe_word = await self._recognise(message, who.person, record)
                facts = _facts(message, who, record.release, danger, _seen_by_the_engine(ticket), safe_word)
                turn = await self._d.engine.turn(record.engine, message.body, facts)
        except EngineUnavailable as failure:
            metrics.ENGINE_FAILURES.inc()
            warn("engine_unavailable", code=failure.code)
            static = answer_without_engine(
                self._d.releases.get(record.release).instruments, record.engine, message.body.reveal(),
                good_time=record.good_time, danger=danger,
            )
            record.engine, record.good_time = static.state, static.good_time
            asked = [wish_command(who.mark, static.band, static.reasons) | {"wish": static.wish}] if static.band else []
            if static.effect and ticket is not None:
                asked.append({"id": f"{who.mark[:24]}-{static.effect}", "kind": static.effect})
            return "degraded", static.replies, [*alarm, *asked]
        metrics.DECIDED.labels(turn.policy).inc()
        record.engine = turn.state
        record.good_time = turn.state.get("loop") != "opening"
        heard = turn.understood
        record.hear(heard.dialect, heard.language, words, greeting=heard.intent == "greet")
        # nobody is met with silence but after an exit (safety.md, "Nobody is left without an answer")
        silent = "opening" if not record.good_time else "ticket_waiting" if ticket is not None else "menu"
        replies = _in_their_language(turn.replies or (Reply(silent, {}),), message.body)
        return "answered", replies, [*alarm, *turn.commands]

    async def _live(
        self, message: Message, who: _Who, ticket: Ticket, danger: str
    ) -> tuple[str, Sequence[Reply], Sequence[Mapping[str, Any]]]:
        """A counsellor is there: the words go to them and nowhere else. Danger still rings; what is not certain is
        theirs to ask about, who read it this moment: a question of ours would come between."""
        replies: list[Reply] = []
        if message.has_media:
            replies.append(Reply("live_media", {}))
        elif message.location:
            replies.append(Reply("location_received", {}))
        if not await self._passed_on(message, ticket):
            replies.append(Reply("live_not_shown", {}))
        alarm = danger if danger == "now" else await self._model_alarm(message.body)
        if alarm != "now":
            return "relayed", replies, []
        # the number first, and no question: they are writing with a person already
        return "relayed", [Reply("danger_bare", {}), *replies], [danger_command(who.mark, who.rule)]

    async def _passed_on(self, message: Message, ticket: Ticket) -> bool:
        """Whether a counsellor who has claimed the ticket gets these words; from the claim on, not only from their
        first message. True as well where there is nobody or nothing to pass on; false where no browser on duty could open
        them."""
        await self._try_write(lambda c: note_inbound(c, ticket.id, self._d.clock()))
        if self._d.typing is not None:
            await self._d.typing.heard(ticket, message.sid)
        if ticket.state != "claimed" or not message.body:
            return True
        try:
            return await self._d.relay.to_counsellor(ticket.id, message.body) is not None
        except (RedisError, DatabaseUnavailable):
            return False

    async def _model_alarm(self, body: MessageText) -> str:
        """The model's opinion beside the relay: a parse-only call (safety.md, "Order at the door")."""
        try:
            understood: Understood = await self._d.engine.understand(body)
        except EngineUnavailable:
            return ""
        return understood.alarm

    def _media(
        self, message: Message, danger: str, who: _Who
    ) -> tuple[str, Sequence[Reply], Sequence[Mapping[str, Any]]]:
        """Media are never fetched."""
        alarm = [danger_command(who.mark, who.rule)] if danger == "now" else []
        name = "media_voice" if message.has_media else "location_received"
        return "answered", (*(Reply("danger_emergency", {}) for _ in alarm), Reply(name, {})), alarm

    async def _commit(
        self, message: Message, who: _Who, record: Record, fence: Fence, commands: Sequence[Mapping[str, Any]]
    ) -> Done | None:
        """Commands first, committed; a person must not be told that somebody comes before it is written down.

        None when nothing could be written.
        """
        try:
            address = self._addresses.seal(message.sender.wire, who.person, self._d.clock())
            repeats = repeat_key(self._d.keys, who.person, self._d.clock())
        except (OSError, CannotOpen) as failure:  # no key can be read or made: a ticket without an address still rings
            report(failure)
            warn("address_not_sealed", error=type(failure).__name__)
            address, repeats = None, ""
        asker = Asker(
            person=who.person, channel=message.channel, generation=fence.generation, country=who.country,
            place=record.place, variant=self._variant(record), language=record.language or "ar", sender=message.to,
            repeat_key=repeats, sealed_address=address,
        )
        now, desks = self._d.clock(), self._d.releases.desks()

        def carried(wishes: Sequence[Mapping[str, Any]]) -> Awaitable[Done]:
            return self._d.database.write(
                lambda c: carry_out(c, asker, wishes, now=now, new_id=self._d.new_id, desks=desks), _WRITTEN_WITHIN_S
            )

        try:
            try:
                done = await carried(commands)
            except (NotATicket, KeyError) as unknown:
                # one that is not made of known codes must not take the others, perhaps danger's, with it
                report(unknown)
                warn("command_refused", error=type(unknown).__name__)
                done = Done()
                for command in commands:
                    with contextlib.suppress(NotATicket, KeyError):
                        done = done.and_then(await carried([command]))
        except Exception as failure:  # away, or refusing for a reason nobody thought of: the person is answered all the same
            if not isinstance(failure, DatabaseUnavailable):
                report(failure)
            warn("commands_not_committed", count=len(commands), error=type(failure).__name__)
            metrics.INBOUND.labels(message.channel, "uncommitted").inc()
            handoffs = [command for command in commands if command["kind"] == "open_handoff"]
            if handoffs and len(self._unwritten) < _MOST_UNWRITTEN:  # they may not write again: nobody is lost over it
                self._later(self._commit_later(asker, handoffs))
            return None
        for ticket in done.withdrawn:
            try:
                await self._d.relay.forget(ticket.id)
            except RedisError:
                warn("relay_forget_failed")
        await self._queue_changed()
        return done

    async def _commit_later(self, asker: Asker, handoffs: Sequence[Mapping[str, Any]]) -> None:
        """Flag a person as soon as the database takes it, unless they have left. Obeyed once, whoever asks again."""
        for pause in itertools.chain(_AGAIN_S, itertools.repeat(_AGAIN_S[-1])):
            await asyncio.sleep(pause)
            if not await self._still_here(asker.person, asker.generation):
                return
            try:
                await self._d.database.write(
                    lambda c: carry_out(
                        c, asker, handoffs, now=self._d.clock(), new_id=self._d.new_id, desks=self._d.releases.desks()
                    )
                )
            except DatabaseUnavailable:
                continue
            except Exception as failure:
                report(failure)
                warn("command_refused", error=type(failure).__name__)
                return
            await self._queue_changed()
            return

    async def _say(
        self, message: Message, who: _Who, record: Record, replies: Sequence[Reply], generation: int,
        values: Mapping[str, str], *, in_hand: bool = False, still: Callable[[], Awaitable[bool]] | None = None,
    ) -> tuple[list[str], bool]:
        """Render, merge and send; one turn is one message, so that its order is certain.

        Returns the sids, and whether something was to be said that the provider would not or may not have taken.
        """
        release = self._d.releases.get(record.release)
        variant = self._wordings[who.person] = self._variant(record)
        self._wordings.move_to_end(who.person)
        while len(self._wordings) > _RECENT_PEOPLE:
            self._wordings.popitem(last=False)
        audience = Audience(
            variant=variant, channel=message.channel, country=who.country, place=record.place or None,
            production=self._d.production, today=datetime.fromtimestamp(self._d.clock(), UTC).date(),
        )
        bodies: list[str] = []
        for reply in replies:
            rendered = render_with_codes(release, reply.name, {**reply.values, **values}, audience)
            for code in rendered.codes:
                warn("render", code=code, name=reply.name)
            bodies.append(rendered.body)
        sids: list[str] = []
        unheard = False
        for body in merge(bodies):
            for pause in (*_SEND_AGAIN_S, None):
                sent = await self._d.outbox.send(
                    message.sender, message.to, MessageText(body), who.person, generation, in_hand=in_hand, still=still,
                )
                if pause is None or sent.outcome != "refused" or sent.reason not in _NOT_NOW:
                    break
                await asyncio.sleep(pause)
            if sent.outcome == "withdrawn":
                break
            if sent.sid:
                sids.append(sent.sid)
            unheard = unheard or sent.outcome == "unsure" or sent.reason in _NOT_NOW
        return sids, unheard

    # -- when parts are missing --------------------------------------------------------------------------------

    async def _without_store(self, message: Message, who: _Who, danger: str, generation: int) -> str:
        """Redis is gone: the static answer to the message in hand, RED tickets to SQL, nothing else.

        Args:
            generation: as of this message; an exit that this process took since then refuses the answer.
        """
        now = self._d.clock()
        left = self._d.store.tombstones.floor(who.person, now)
        straggler = danger != "now" and left > _micros(now - QUIET_S)
        if left > generation or straggler:  # the person left after this message was written
            await self._try_write(lambda c: self._note(c, message, who, (), now), erasure.copies_of(message))
            return "quiet"
        record = Record(release=self._d.releases.live().digest)
        names = ("danger_bare", "opening") if danger == "now" else ("opening",)
        if danger == "now":
            fence = _Generation(generation)
            await self._commit(message, who, record, fence, [danger_command(who.mark, who.rule)])  # type: ignore[arg-type]
        replies = [Reply(name, {}) for name in names]
        sids, _ = await self._say(message, who, record, replies, generation, {}, in_hand=True)
        copies = [*erasure.copies_of(message), *(erasure.Copy(sid) for sid in sids)]
        await self._try_write(lambda c: self._note(c, message, who, sids, now), copies)
        return "static"

    async def _over_limit(self, message: Message, who: _Who, arrival: Arrival) -> str:
        """Counts only change order and speed: said once when it begins, then silence; danger never comes here."""
        now = self._d.clock()
        sids: list[str] = []
        looked = await self._open_ticket(who, message)
        ticket = looked[0] if looked is not None else None
        if ticket is not None and ticket.state == "claimed":  # a person reads; only the program is slow
            return await self._relay_over_limit(message, who, arrival, ticket)
        if arrival.over == "soft" and now - self._slowed.get(who.person, -_SLOWED_S) >= _SLOWED_S:
            sids = await self._say_once_a_minute(message, who, arrival, "too_fast")
        await self._noted_and_done(message, who, arrival, sids)
        return "over_limit"

    async def _relay_over_limit(self, message: Message, who: _Who, arrival: Arrival, ticket: Ticket) -> str:
        """To the counsellor in the order of arrival; what the relay will not hold any more is said to be unseen."""
        sids: list[str] = []
        try:
            async with self._d.store.turn(arrival):
                shown = await self._passed_on(message, ticket)
        except LeftMeanwhile:
            return "quiet"
        except StoreUnavailable:
            return await self._without_store(message, who, "", arrival.generation)
        if not shown and self._d.clock() - self._slowed.get(who.person, -_SLOWED_S) >= _SLOWED_S:
            sids = await self._say_once_a_minute(message, who, arrival, "live_not_shown")
        await self._noted_and_done(message, who, arrival, sids)
        return "relayed"

    async def _say_once_a_minute(self, message: Message, who: _Who, arrival: Arrival, name: str) -> list[str]:
        self._slowed[who.person] = self._d.clock()
        self._slowed.move_to_end(who.person)
        while len(self._slowed) > _RECENT_PEOPLE:
            self._slowed.popitem(last=False)
        record = Record(release=self._d.releases.live().digest, variant=self._wordings.get(who.person, ""))
        sids, _ = await self._say(message, who, record, [Reply(name, {})], arrival.generation, {})
        self._remember(who.person, sids)
        return sids

    # -- small steps -------------------------------------------------------------------------------------------

    def _who(self, message: Message) -> _Who:
        address = canonical(message.sender)
        return _Who(
            person=person_of(self._d.keyring, address),
            mark=sid_mark(self._d.keyring, message.sid),
            country=country_of(message.sender) or country_of_number(message.to) or self._d.country_default,
        )

    def _variant(self, record: Record) -> Any:
        return record.variant or variant_for(record.dialect or None, record.language or None)

    async def _open_ticket(
        self, who: _Who, message: Message, *, safe_words_too: bool = False
    ) -> tuple[Ticket | None, bool] | None:
        """The ticket that is open, or that there is none, and whether the message is this number's safe words; None when
        nobody can tell now."""
        folded, now = safewords.words_alone(message.body.reveal()), self._d.clock()

        def look(connection: Any) -> tuple[Ticket | None, bool]:
            ticket = open_ticket_of(connection, who.person, message.channel)
            return ticket, safe_words_too and safewords.recognise(connection, self._d.keys, who.person, folded, now) is not None

        looked: tuple[Ticket | None, bool] | None = await self._try_read(look)
        return looked

    async def _owe(self, message: Message, who: _Who, arrival: Arrival) -> None:
        """An answer is owed, and the provider's copies are to be erased: durable before the turn is over."""
        now = self._d.clock()
        debt = owed.OwedAnswer(
            sid_mark=who.mark, person=who.person, channel=message.channel, address=message.sender.wire,
            sender=message.to, generation=arrival.generation,
        )

        def write(connection: Any) -> None:
            owed.owe(connection, self._d.keys, debt, now)
            erasure.note(connection, erasure.copies_of(message), now=now, due_at=now + erasure.SETTLES_AFTER_S)

        await self._try_write(write, erasure.copies_of(message))

    async def _settle(self, who: _Who, sids: Sequence[str], *, still_owed: bool = False) -> None:
        """The answer is handed over: nothing is owed, and what was sent is to be erased.

        Args:
            still_owed: the provider would not take it, or nobody knows: "please write again" follows (duties.py).
        """
        now = self._d.clock()
        if sids:
            self._remember(who.person, sids)

        def write(connection: Any) -> None:
            if not still_owed:
                if sids:
                    owed.overtake(connection, who.mark)
                owed.settle(connection, [who.mark])
            erasure.note(connection, [erasure.Copy(s) for s in sids], now=now, due_at=now + erasure.SETTLES_AFTER_S)

        await self._try_write(write, [erasure.Copy(s) for s in sids])

    def _note(self, connection: Any, message: Message, who: _Who, sids: Sequence[str], now: float) -> None:
        owed.settle(connection, [who.mark])
        copies = [*erasure.copies_of(message), *(erasure.Copy(sid) for sid in sids)]
        erasure.note(connection, copies, now=now, due_at=now + erasure.SETTLES_AFTER_S)

    async def _noted_and_done(self, message: Message, who: _Who, arrival: Arrival, sids: Sequence[str] = ()) -> None:
        copies = [*erasure.copies_of(message), *(erasure.Copy(sid) for sid in sids)]
        await self._try_write(lambda c: self._note(c, message, who, sids, self._d.clock()), copies)
        with contextlib.suppress(StoreUnavailable):  # its mark lapses by itself
            await self._d.store.finish(arrival)

    async def _recognise(self, message: Message, person: str, record: Record) -> bool:
        """Looked up for every message of a talk's opening, so that timing tells nothing.

        Whoever comes back is spoken to in the wording they had, and the word holds for another quarter.
        """
        if record.good_time:
            return False
        folded, now = safewords.words_alone(message.body.reveal()), self._d.clock()
        kept = await self._try_read(lambda c: safewords.recognise(c, self._d.keys, person, folded, now))
        if kept is None:
            return False
        if kept.get("variant") in VARIANTS:
            record.variant = kept["variant"]
            record.language = "en" if record.variant == "en" else "ar"
        await self._try_write(lambda c: safewords.renew(c, self._d.keys, person, folded, now))
        return True

    async def _make_safe_word(self, who: _Who, record: Record, talk: int) -> safewords.SafeWord | None:
        agreed, now = {"variant": self._variant(record)}, self._d.clock()
        made: safewords.SafeWord | None = await self._try_write(
            lambda c: safewords.make(c, self._d.keys, who.person, agreed, now, safewords.words_alone, talk)
        )
        return made

    def _remember(self, person: str, sids: Sequence[str]) -> None:
        known = self._recent.setdefault(person, [])
        known.extend(sids)
        del known[:-_RECENT_SIDS]
        self._recent.move_to_end(person)
        while len(self._recent) > _RECENT_PEOPLE:
            self._recent.popitem(last=False)

    async def _queue_changed(self) -> None:
        if self._d.queue_changed is not None:
            await self._d.queue_changed()

    async def _try_write(self, act: Callable[[Any], Any], copies: Sequence[erasure.Copy] = ()) -> Any:
        """A write the person's answer does not wait for failing: noted, reported, gone on from.

        Args:
            copies: what the provider holds that this write notes: if it fails, they are remembered until one succeeds.
        """
        try:
            return await self._d.database.write(act, _WRITTEN_WITHIN_S)
        except DatabaseUnavailable as failure:
            warn("database_unavailable", error=str(failure))
        except Exception as failure:
            report(failure)
            warn("write_failed", error=type(failure).__name__)
        self._d.eraser.keep(copies)
        return None

    async def _try_read(self, ask: Callable[[Any], Any]) -> Any:
        try:
            return await self._d.database.read(ask, _WRITTEN_WITHIN_S)
        except DatabaseUnavailable:
            return None
        except Exception as failure:
            report(failure)
            warn("read_failed", error=type(failure).__name__)
            return None


_WAITING = frozenset({"ticket_waiting", "request_human", "out_of_scope", "not_sure", "menu", "bot_challenge", "red_declined"})


def _with_somebody_there(replies: Sequence[Reply]) -> Sequence[Reply]:
    """What the bot says between the claim and the counsellor's first message: never that nobody has come yet."""
    told: list[Reply] = []
    for reply in replies:
        said = Reply("live_reading", {}) if reply.name in _WAITING else reply
        if said not in told:
            told.append(said)
    return told


def _in_their_language(replies: Sequence[Reply], body: MessageText) -> Sequence[Reply]:
    """The opening in the language of somebody who writes neither Arabic nor English, where there are words for it."""
    foreign = foreign_language(body.reveal())
    if not foreign:
        return replies
    return [Reply(f"other_language_{foreign}", {}) if reply.name == "opening" else reply for reply in replies]


def _seen_by_the_engine(ticket: Ticket | None) -> str:
    if ticket is None:
        return ""
    return "live" if ticket.state == "claimed" else "queued"


def _honest(commands: Sequence[Mapping[str, Any]]) -> Sequence[Reply]:
    """What is said instead of a promise that could not be written down: the number where it matters, and the fault."""
    danger = any(command.get("band") == "RED" for command in commands)
    return [*([Reply("danger_bare", {})] if danger else []), Reply("degraded_open", {})]


def _most_urgent(commands: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As many as a state may carry: who is to be flagged before what is to be remembered, danger first."""
    first = sorted(commands, key=lambda command: (command["kind"] != "open_handoff", command.get("band") != "RED"))
    return [dict(command) for command in first[:_MOST_UNDONE]]


def _left_unowned(connection: Any, rung: Sequence[str], ended: tuple[Ticket, ...], now: float) -> tuple[Ticket, ...]:
    """Who wrote duress words in a live talk rings anew for everybody: the owner's acknowledgement was of something else."""
    for ticket in ended:
        if ticket.id in rung and ticket.owner is not None:
            claims.take_back(connection, ticket.id, by=trail.PERSON, now=now)
    return ended


def _write_exit(connection: Any, person: str, now: float, before: int | None = None) -> tuple[Ticket, ...]:
    """The person has left: their tickets end and nothing is owed to them; returns the tickets."""
    ended = mark_left(connection, person, now=now, before=before)
    owed.release(connection, person, before)
    wrapup.forget(connection, person)
    return ended


def _nothing_asked(engine: dict[str, Any] | None) -> dict[str, Any] | None:
    """The engine's state after a counsellor has ended the talk: what it asked before waits for no answer any more."""
    slots = (engine or {}).get("slots") or {}
    if not isinstance(slots.get("talk"), dict):
        return engine
    return {**(engine or {}), "loop": None, "requested": None, "slots": {**slots, "talk": {**slots["talk"], "pending": []}}}


def _micros(now: float) -> int:
    return int(now * 1_000_000)


def _facts(
    message: Message, who: _Who, release: str, danger: str, ticket: str, safe_word: bool
) -> dict[str, Any]:
    """What the gateway tells the engine about a message (bot/engine.py)."""
    return {
        "turn": who.mark, "country": who.country, "channel": message.channel, "danger": danger, "ticket": ticket,
        "release": release, "safe_word": safe_word,
    }


@dataclass(frozen=True, slots=True)
class _Generation:
    """Stands where a fence would when the store is gone: only the generation is known."""

    generation: int
