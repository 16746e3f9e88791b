from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from api.channels.twilio import erasure
from api.channels.twilio.client import ProviderRefused, Reason, TwilioClient
from api.channels.twilio.erasure import (
    ALARM_AGE_S,
    Copy,
    Eraser,
    Outcome,
    copies_of,
    due,
    hurry,
    ledger,
    note,
    oldest_age,
    open_entries,
    put_off,
    settle,
)
from api.channels.twilio.parse import parse_inbound, read_form
from api.database import Database, DatabaseUnavailable, metadata

from .conftest import Provider
from .payloads import CASES, ME, MM, SM

NOW = 1_800_000_000.0
DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Holder:
    """A provider that refuses as it is told; its contract with the real client is the protocol, and the stand-in below."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.redacted: list[str] = []
        self.refuse: dict[str, ProviderRefused | None] = {}
        self.away: ProviderRefused | None = None

    async def delete(self, sid: str) -> None:
        self._try(sid)

    async def delete_media(self, message_sid: str, media_sid: str) -> None:
        self._try(media_sid)

    async def redact(self, sid: str) -> None:
        self.redacted.append(sid)

    def _try(self, sid: str) -> None:
        refused = self.away or self.refuse.get(sid)
        self.done.append(sid)
        if refused is not None:
            raise refused


NOT_FINAL = ProviderRefused(Reason.NOT_FINAL, code=20009, status=409, retry=True, after_s=60.0)


async def noted(database: Database, *copies: Copy, due_at: float = NOW) -> None:
    await database.write(lambda connection: note(connection, copies, now=NOW, due_at=due_at))


async def left(database: Database) -> int:
    return await database.read(open_entries)


def eraser(database: Database, provider: Any, clock: Clock, **other: Any) -> Eraser:
    return Eraser(database, provider, clock=clock, jitter=lambda: 0.0, **other)


async def drain_at(database: Database, worker: Eraser, clock: Clock, until: float) -> None:
    """Let time pass and drain whenever something is due, until nothing is left or ``until`` is reached."""
    while clock.now < until and await left(database):
        while await worker.drain():
            pass
        soonest = await database.read(lambda c: c.execute(sa.select(sa.func.min(ledger.c.due_at))).scalar())
        if soonest is None:
            return
        clock.now = max(clock.now, soonest)


async def test_a_message_and_its_attachments_are_noted_and_erased_attachments_first(database: Database) -> None:
    case = next(case for case in CASES if case.label == "WhatsApp with forty attachments")
    inbound = parse_inbound(read_form(case.raw.encode()))
    await noted(database, *copies_of(inbound))
    assert await left(database) == 41
    holder, clock = Holder(), Clock()
    await drain_at(database, eraser(database, holder, clock), clock, NOW + 1)
    assert await left(database) == 0
    assert holder.done[-1] == MM and set(holder.done[:-1]) == set(ME[:40])


async def test_what_is_noted_twice_is_one_entry_and_keeps_its_age(database: Database) -> None:
    await noted(database, Copy(SM))
    await database.write(lambda c: note(c, [Copy(SM), Copy(MM)], now=NOW + 100, due_at=NOW + 160))
    assert await left(database) == 2
    assert await database.read(lambda c: oldest_age(c, NOW + 950)) == 950.0 > ALARM_AGE_S


async def test_nothing_is_tried_before_it_is_due_and_a_hurry_makes_it_due_with_its_attachments(database: Database) -> None:
    await noted(database, Copy(MM), Copy(ME[0], MM), Copy(SM), due_at=NOW + 60)
    clock, holder = Clock(), Holder()
    worker = eraser(database, holder, clock)
    assert not await worker.drain()
    assert holder.done == []
    assert await database.write(lambda c: hurry(c, [MM], NOW)) == 2
    await worker.drain()
    assert holder.done == [ME[0], MM]
    assert await left(database) == 1
    assert await database.write(lambda c: hurry(c, [], NOW)) == 0


async def test_what_is_already_gone_counts_as_gone(database: Database) -> None:
    holder, clock = Holder(), Clock()
    holder.refuse[SM] = ProviderRefused(Reason.GONE, code=20404, status=404)
    await noted(database, Copy(SM))
    await eraser(database, holder, clock).drain()
    assert await left(database) == 0


async def test_thirteen_days_of_refusal_are_outlasted_without_hammering(database: Database) -> None:
    holder, clock = Holder(), Clock()
    holder.refuse[SM] = NOT_FINAL
    await noted(database, Copy(SM))
    worker = eraser(database, holder, clock)
    await drain_at(database, worker, clock, NOW + 13 * DAY)
    assert await left(database) == 1
    assert 300 < len(holder.done) < 400  # about hourly
    row = await database.read(lambda c: c.execute(sa.select(ledger)).one())
    assert (row.last_code, row.tries) == (20009, len(holder.done))
    del holder.refuse[SM]
    await drain_at(database, worker, clock, NOW + 14 * DAY)
    assert await left(database) == 0


async def test_words_refused_for_long_are_emptied_at_least(database: Database) -> None:
    holder, clock = Holder(), Clock()
    holder.refuse[SM] = NOT_FINAL
    await noted(database, Copy(SM))
    await drain_at(database, eraser(database, holder, clock), clock, NOW + 600)
    assert SM in holder.redacted


async def test_a_stuck_attachment_does_not_keep_its_message_alive(database: Database) -> None:
    holder, clock = Holder(), Clock()
    holder.refuse[ME[0]] = ProviderRefused(Reason.BROKEN, status=500, retry=True)
    await noted(database, Copy(MM), Copy(ME[0], MM))
    await eraser(database, holder, clock).drain()
    assert [row.copy.sid for row in await database.read(lambda c: due(c, NOW + DAY, 9))] == [ME[0]]


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.SLOW_DOWN, Reason.BAD_CREDENTIALS])
async def test_a_provider_that_is_away_is_not_asked_for_the_whole_batch_and_nothing_is_lost(
    database: Database, reason: Reason
) -> None:
    holder, clock = Holder(), Clock()
    holder.away = ProviderRefused(reason, retry=True)
    await noted(database, *(Copy(f"SM{index:032x}") for index in range(100)))
    worker = eraser(database, holder, clock)
    assert not await worker.drain()
    assert len(holder.done) == 8
    assert await left(database) == 100
    holder.away = None
    await drain_at(database, worker, clock, NOW + 3600)
    assert await left(database) == 0


async def test_an_outage_of_a_day_is_followed_within_minutes(database: Database) -> None:
    refused = ProviderRefused(Reason.UNREACHABLE, retry=True)
    assert put_off(refused, 1000, 1.0) <= 720.0
    assert put_off(NOT_FINAL, 0, 0.0) == 60.0
    assert put_off(NOT_FINAL, 50, 0.0) == 3600.0
    assert put_off(ProviderRefused(Reason.SLOW_DOWN, retry=True, after_s=300.0), 0, 0.0) == 300.0
    assert put_off(NOT_FINAL, 0, 1.0) > put_off(NOT_FINAL, 0, 0.0)


async def test_a_batch_costs_one_write(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await noted(database, *(Copy(f"SM{index:032x}") for index in range(30)))
    holder, writes = Holder(), Counter[str]()
    real = database.write

    async def counted(act: Any) -> Any:
        writes["write"] += 1
        return await real(act)

    monkeypatch.setattr(database, "write", counted)
    for index in range(0, 30, 2):
        holder.refuse[f"SM{index:032x}"] = NOT_FINAL
    await eraser(database, holder, Clock()).drain()
    assert writes == {"write": 1}
    assert await left(database) == 15


async def test_the_ledger_survives_a_restart(database: Database) -> None:
    await noted(database, Copy(SM), Copy(ME[0], SM))
    again = Database(str(database.engine.url))
    try:
        assert await again.read(open_entries) == 2
    finally:
        again.close()


async def test_two_gateways_draining_the_same_ledger_do_no_harm(database: Database) -> None:
    await noted(database, *(Copy(f"SM{index:032x}") for index in range(20)))
    holder, clock = Holder(), Clock()
    await asyncio.gather(eraser(database, holder, clock).drain(), eraser(database, holder, clock).drain())
    assert await left(database) == 0


async def test_settling_what_another_gateway_struck_off_brings_nothing_back(database: Database) -> None:
    await database.write(lambda c: settle(c, [Outcome(SM, NOW + 60, 20009)]))
    assert await left(database) == 0


async def test_the_task_goes_on_after_the_database_was_away_and_wakes_when_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, clock = Holder(), Clock()
    worker = eraser(database, holder, clock, rest_s=30.0)
    real, failures = database.read, iter([1])

    async def flaky(ask: Any) -> Any:
        if next(failures, None):
            raise DatabaseUnavailable("OperationalError")
        return await real(ask)

    monkeypatch.setattr(database, "read", flaky)
    task = asyncio.create_task(worker.run())
    await noted(database, Copy(SM))
    for _ in range(200):
        worker.wake()
        await asyncio.sleep(0.01)
        if await left(database) == 0:
            break
    assert holder.done == [SM]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_against_the_stand_in_everything_is_gone_in_the_end_through_20009_429_503_and_a_cut_line(
    database: Database, client: TwilioClient, provider: Provider
) -> None:
    inbound = await provider.tell("/standin/inbound", {"from": "+962790000001", "to": "+962770000000", "body": "x", "media": 2, "voice": True})
    for fault in (
        {"on": "delete", "times": 1, "status": 409, "code": 20009},
        {"on": "delete", "times": 1, "status": 429, "code": 20429, "retry_after": 1},
        {"on": "media", "times": 2, "status": 503, "code": 20503},
        {"on": "media", "times": 1, "drop": True, "after": True},
    ):
        await provider.tell("/standin/faults", fault)
    copies = [Copy(inbound["sid"]), *(Copy(sid, inbound["sid"]) for sid in inbound["media"])]
    await noted(database, *copies)
    clock = Clock()
    await drain_at(database, eraser(database, client, clock), clock, NOW + DAY)
    assert await left(database) == 0
    assert await provider.show("/standin/messages") == []


def test_the_ledger_has_no_column_a_word_or_a_number_could_go_into() -> None:
    assert metadata.tables[erasure.ledger.name] is ledger
    assert {column.name for column in ledger.columns} == {"sid", "kind", "parent", "due_at", "tries", "created_at", "last_code"}
    assert not [column for column in ledger.columns if isinstance(column.type, sa.Text)]


def test_noting_twice_is_harmless_on_postgresql_as_well() -> None:
    class Recorder:
        dialect = postgresql.dialect()
        said = ""

        def execute(self, statement: Any, rows: Any) -> None:
            self.said = str(statement.compile(dialect=self.dialect))

    recorder: Any = Recorder()
    note(recorder, [Copy(SM)], now=NOW, due_at=NOW)
    assert "ON CONFLICT DO NOTHING" in recorder.said
    assert "due_at FLOAT" not in str(CreateTable(ledger).compile(dialect=postgresql.dialect()))
