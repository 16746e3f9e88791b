"""One gateway's look at the leases: nobody is put back for our own troubles, and nobody waits for a slow courtesy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.database import Database, DatabaseUnavailable
from api.handoffs import claims, leases
from api.handoffs.relay import Courtesy, SendState
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, note_answered, open_handoff
from api.handoffs.watch import LeaseWatch, Settling
from tests.fixtures_staff import NOON, databases, new_id, wish


class Steady:
    """A clock that never jumps, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


async def gone(database: Database, band: str = "RED") -> Ticket:
    """Somebody whose counsellor talked with them and whose lease is past."""
    ticket = await database.write(lambda c: open_handoff(c, wish(person=new_id(), band=band), new_id=new_id(), now=NOON))
    claimed = await database.write(lambda c: claims.claim(c, ticket.id, staff="s1", now=NOON))
    await database.write(lambda c: note_answered(c, claimed, NOON))
    await database.write(lambda c: c.execute(tickets.update().values(lease_until=1.0)))
    return claimed


def over() -> Settling:
    """Settled long ago."""
    steady = Steady()
    settling = Settling(steady)
    steady.now += leases.SETTLES
    return settling


async def owner_of(database: Database, ticket: Ticket) -> str | None:
    now = await database.read(lambda c: find(c, ticket.id))
    assert now is not None
    return now.owner


async def nothing() -> None:
    """Nobody looks at the queue here."""


async def test_all_are_put_back_and_told_and_a_courtesy_that_hangs_holds_nobody_up(database: Database) -> None:
    lost = [await gone(database), await gone(database, "HIGH")]
    told: list[tuple[str, Courtesy]] = []

    async def hangs(ticket: Ticket, courtesy: Courtesy, address: bytes | None) -> SendState:
        assert ticket.owner is None and address is not None
        told.append((ticket.id, courtesy))
        await asyncio.sleep(60)
        return SendState.SENT

    watch = LeaseWatch(database, hangs, nothing, lambda: NOON, over())
    async with asyncio.timeout(5):
        await watch.look()
        await asyncio.sleep(0)
    assert [await owner_of(database, ticket) for ticket in lost] == [None, None]
    assert told == [(ticket.id, "counsellor_away") for ticket in lost]


async def test_after_a_start_nobody_is_put_back_until_consoles_have_had_time_to_be_seen(database: Database) -> None:
    ticket, steady = await gone(database), Steady()

    async def told(*_: object) -> None:
        """Nobody listens here."""

    watch = LeaseWatch(database, told, nothing, lambda: NOON, Settling(steady))
    for _ in range(int(leases.SETTLES / 6)):
        await watch.look()
        assert await owner_of(database, ticket) == "s1"
        steady.now += 6
    settling = over()
    await LeaseWatch(database, told, nothing, lambda: NOON, settling).look()
    assert await owner_of(database, ticket) is None


def test_a_look_that_hung_and_a_clock_that_jumped_settle_anew() -> None:
    for passed, told in ((30.0, 30.0), (2.0, 3600.0), (2.0, -50.0)):
        steady = Steady()
        settling = Settling(steady)
        steady.now += leases.SETTLES
        assert settling.settled(1000.0)
        steady.now += 2
        assert settling.settled(1002.0)
        steady.now += passed
        assert not settling.settled(1002.0 + told)
        for _ in range(14):
            steady.now += 2
            told += 2
            assert not settling.settled(1002.0 + told)
        steady.now += 2
        assert settling.settled(1004.0 + told)


async def test_a_database_that_is_away_settles_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    settling = over()
    watch = LeaseWatch(database, lambda *_: asyncio.sleep(0), nothing, lambda: NOON, settling)

    async def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("OperationalError")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "write", away)
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(0.05)
        running.cancel()
    ticket = await gone(database)
    await watch.look()
    assert await owner_of(database, ticket) == "s1"
