"""The erasure ledger: what the provider still has of us, drained until it confirms that it is gone.

Each sid, in and out, is noted here while the turn is thought about, survives a crash, and is tried again with
back-off through 20009 ("not in a final state yet": a minute, rarely fourteen days), 429, outages and days of
refusal (twilio.md, "Outbound and erasure"). A row holds sids, times and codes: no text, no address.

Two gateways draining the same ledger is harmless: the second gets 404, which counts as gone. An hourly
reconciliation with what the provider lists will add what the ledger missed; it only needs :func:`note`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import sqlalchemy as sa

from api.channels.twilio.client import ProviderRefused, Reason
from api.channels.twilio.parse import Inbound
from api.database import Database, DatabaseUnavailable, metadata
from api.observability.errors import report
from api.observability.logs import warn

SETTLES_AFTER_S: Final = 60.0
"""When a first try makes sense: Twilio asks to wait a minute before deleting (its page on 20009)."""
_MOST_KEPT: Final = 20_000  # sids remembered while the database is away: some five megabytes
ALARM_AGE_S: Final = 900.0
"""An entry older than this rings an alarm."""

_FIRST_WAIT_S: Final = {Reason.NOT_FINAL: 60.0, Reason.UNKNOWN: 60.0, Reason.SLOW_DOWN: 5.0}
_LONGEST_WAIT_S: Final = 3600.0
_LONGEST_OUTAGE_WAIT_S: Final = 600.0  # an outage says nothing about the entry: look again soon
_OUTAGES: Final = frozenset({Reason.UNREACHABLE, Reason.BROKEN, Reason.SLOW_DOWN, Reason.BAD_CREDENTIALS})
_REDACT_FROM_TRY: Final = 2  # a message refused this often has its words emptied at least

Kind = Literal["message", "media"]

ledger = sa.Table(
    "erasure_ledger",
    metadata,
    sa.Column("sid", sa.String(34), primary_key=True),
    sa.Column("kind", sa.String(7), nullable=False),
    sa.Column("parent", sa.String(34), nullable=True, index=True),
    sa.Column("due_at", sa.Double, nullable=False, index=True),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("last_code", sa.Integer, nullable=False, default=0),
)
"""What is still to be erased. Times are seconds since 1970."""

# Written by hand, for this runs twice a message; both databases take it.
_NOTE = sa.text(
    "INSERT INTO erasure_ledger (sid, kind, parent, due_at, tries, created_at, last_code)"
    " VALUES (:sid, :kind, :parent, :due_at, 0, :created_at, 0) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """Something the provider holds: a message, or an attachment (then ``parent`` is its message)."""

    sid: str
    parent: str | None = None

    @property
    def kind(self) -> Kind:
        return "message" if self.parent is None else "media"


@dataclass(frozen=True, slots=True)
class Owed:
    """One entry of the ledger that is due."""

    copy: Copy
    tries: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. ``again_at`` is ``None`` when the copy is gone."""

    sid: str
    again_at: float | None
    code: int = 0


def copies_of(inbound: Inbound) -> list[Copy]:
    """Everything the provider has of an inbound message."""
    return [Copy(inbound.sid), *(Copy(media, inbound.sid) for media in inbound.media)]


def note(connection: sa.Connection, copies: Iterable[Copy], *, now: float, due_at: float) -> None:
    """Write down what must be erased. What is already there stays as it is."""
    rows = [
        {"sid": copy.sid, "kind": copy.kind, "parent": copy.parent, "due_at": due_at, "created_at": now}
        for copy in copies
    ]
    if not rows:
        return
    connection.execute(_NOTE, rows)


def due(connection: sa.Connection, now: float, limit: int) -> list[Owed]:
    """What is due, attachments before messages, the longest due first."""
    rows = connection.execute(
        sa.select(ledger.c.sid, ledger.c.parent, ledger.c.tries)
        .where(ledger.c.due_at <= now)
        .order_by(sa.case((ledger.c.kind == "media", 0), else_=1), ledger.c.due_at)
        .limit(limit)
    )
    return [Owed(Copy(row.sid, row.parent), row.tries) for row in rows]


def hurry(connection: sa.Connection, sids: Sequence[str], now: float) -> int:
    """Make these due at once, attachments included: after an exit, or when a callback says the state is final."""
    if not sids:
        return 0
    changed = connection.execute(
        sa.update(ledger)
        .where(sa.or_(ledger.c.sid.in_(sids), ledger.c.parent.in_(sids)), ledger.c.due_at > now)
        .values(due_at=now)
    )
    return changed.rowcount


def settle(connection: sa.Connection, outcomes: Sequence[Outcome]) -> None:
    """Write down a whole batch of tries: strike what is gone, put off what was refused."""
    gone = [outcome.sid for outcome in outcomes if outcome.again_at is None]
    if gone:
        connection.execute(sa.delete(ledger).where(ledger.c.sid.in_(gone)))
    put_off = [
        {"of_sid": outcome.sid, "again_at": outcome.again_at, "code": outcome.code}
        for outcome in outcomes
        if outcome.again_at is not None
    ]
    if put_off:
        connection.execute(
            sa.update(ledger)
            .where(ledger.c.sid == sa.bindparam("of_sid"))
            .values(due_at=sa.bindparam("again_at"), last_code=sa.bindparam("code"), tries=ledger.c.tries + 1),
            put_off,
        )


def oldest_age(connection: sa.Connection, now: float) -> float | None:
    """Seconds since the oldest open entry was noted; ``None`` when nothing is open. A metric, and an alarm at 15 minutes."""
    oldest = connection.execute(sa.select(sa.func.min(ledger.c.created_at))).scalar()
    return None if oldest is None else max(0.0, now - float(oldest))


def open_entries(connection: sa.Connection) -> int:
    """How many copies the provider still has, as far as we know."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(ledger)).scalar_one())


class Provider(Protocol):
    """The part of the provider's client that erasing needs."""

    async def delete(self, sid: str) -> None: ...

    async def delete_media(self, message_sid: str, media_sid: str) -> None: ...

    async def redact(self, sid: str) -> None: ...


def put_off(refused: ProviderRefused, tries: int, jitter: float) -> float:
    """How long to wait after a refusal: doubling, an hour at most, spread by ``jitter`` (0 to 1) so that entries part."""
    longest = _LONGEST_OUTAGE_WAIT_S if refused.reason in _OUTAGES else _LONGEST_WAIT_S
    wait = min(_FIRST_WAIT_S.get(refused.reason, 10.0) * 2.0 ** min(tries, 12), longest)
    wait = max(wait, min(refused.after_s or 0.0, _LONGEST_WAIT_S))
    return wait * (1.0 + 0.2 * jitter)


class Eraser:
    """Drains the ledger. One task a gateway: ``asyncio.create_task(eraser.run())``.

    Args:
        database: where the ledger is.
        provider: who holds the copies.
        clock: seconds since 1970.
        jitter: a number from 0 to 1 each time it is called.
        batch: entries taken at a time; one write settles them all.
        at_once: calls to the provider at the same time.
        rest_s: the pause when nothing is due; :meth:`wake` ends it.
    """

    def __init__(
        self, database: Database, provider: Provider, *, clock: Callable[[], float], jitter: Callable[[], float],
        batch: int = 64, at_once: int = 8, rest_s: float = 5.0,
    ) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._jitter = jitter
        self._batch = batch
        self._at_once = at_once
        self._rest_s = rest_s
        self._woken = asyncio.Event()
        self._kept: deque[Copy] = deque(maxlen=_MOST_KEPT)

    def wake(self) -> None:
        """Look at the ledger now: after :func:`hurry`."""
        self._woken.set()

    async def run(self) -> None:
        """Drain for ever; ends only by cancellation. An unreachable database or provider is waited out."""
        while True:
            self._woken.clear()
            try:
                await self._note_kept()
                more = await self.drain()
            except DatabaseUnavailable:
                more = False
            except Exception as failure:  # what the provider keeps of us must not depend on one odd answer of its
                report(failure)
                warn("erasing_failed", error=type(failure).__name__)
                more = False
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._rest_s)

    def keep(self, copies: Iterable[Copy]) -> None:
        """Remember copies that the database would not take now, and note them as soon as it does."""
        self._kept.extend(copies)

    async def _note_kept(self) -> None:
        waiting, now = list(self._kept), self._clock()
        if waiting:
            await self._database.write(lambda c: note(c, waiting, now=now, due_at=now))
            for _ in waiting:
                self._kept.popleft()

    async def drain(self) -> bool:
        """Try one batch of what is due. Returns whether it is worth going on at once."""
        owed = await self._database.read(lambda connection: due(connection, self._clock(), self._batch))
        if not owed:
            return False
        outcomes: list[Outcome] = []
        stopped = False
        # attachments first, and only then the messages they hang on: a 20009 must not keep a picture alive
        for kind in ("media", "message"):
            waiting = [entry for entry in owed if entry.copy.kind == kind]
            for start in range(0, len(waiting), self._at_once):
                if stopped:
                    break
                tried = await asyncio.gather(*map(self._erase, waiting[start : start + self._at_once]))
                outcomes.extend(outcome for outcome, _ in tried)
                # a provider that is away, throttling or refusing our token will refuse the rest of the batch as well
                stopped = any(ends for _, ends in tried)
        await self._database.write(lambda connection: settle(connection, outcomes))
        return not stopped and len(owed) == self._batch

    async def _erase(self, owed: Owed) -> tuple[Outcome, bool]:
        copy = owed.copy
        try:
            if copy.parent is not None:
                await self._provider.delete_media(copy.parent, copy.sid)
            else:
                await self._provider.delete(copy.sid)
        except ProviderRefused as refused:
            if refused.reason is Reason.GONE:
                return Outcome(copy.sid, None), False
            if refused.reason is Reason.NOT_FINAL and copy.parent is None and owed.tries >= _REDACT_FROM_TRY:
                with contextlib.suppress(ProviderRefused):
                    await self._provider.redact(copy.sid)
            again_at = self._clock() + put_off(refused, owed.tries, self._jitter())
            ends = refused.reason in (Reason.UNREACHABLE, Reason.SLOW_DOWN, Reason.BAD_CREDENTIALS)
            return Outcome(copy.sid, again_at, refused.code or refused.status), ends
        return Outcome(copy.sid, None), False
