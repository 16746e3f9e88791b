"""A person belongs to a counsellor as long as that counsellor's console answers, and not a minute longer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import supervisor
from api.audit import trail
from api.database import Database
from api.handoffs import claims, leases, queue, watch
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, mark_left, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish


@pytest.fixture(params=KINDS)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Database]]:
    """Two gateways over one store."""
    with databases(request.param, tmp_path, 2) as opened:
        yield opened


async def taken(database: Database, staff: str = "s1", band: str = "RED") -> Ticket:
    ticket = await database.write(lambda c: open_handoff(c, wish(person=new_id(), band=band), new_id=new_id(), now=NOON))
    return await database.write(lambda c: claims.claim(c, ticket.id, staff=staff, now=NOON))


async def lapse(database: Database, later: float) -> list[Ticket]:
    """What a gateway does every two seconds, at a time so many seconds from now."""
    at = later + await database.read(leases.time_of)
    gone = await database.read(lambda c: leases.lapsed(c, at))
    put_back = [await database.write(lambda c, t=ticket: claims.lapse(c, t, at=at, now=NOON)) for ticket in gone]  # type: ignore[misc]
    return [moved[1] for moved in put_back if moved is not None]


async def test_a_closed_laptop_gives_its_person_back_with_the_ladder_started_anew(two: list[Database]) -> None:
    ticket = await taken(two[0])
    assert await lapse(two[1], leases.FIRST - 5) == [], "a page that loads slowly loses nobody"
    await two[0].write(lambda c: leases.renew(c, {"s1"}, leases.time_of(c)))
    assert await lapse(two[1], leases.RENEWED_FOR - 2) == []
    [back] = await lapse(two[1], leases.RENEWED_FOR + 1)
    assert (back.id, back.state, back.owner, back.acknowledged_at, back.ladder_step) == (ticket.id, "queued", None, None, 0)
    assert (back.ladder_due, back.lease_until, back.epoch) == (NOON + 60, None, ticket.epoch + 1)
    assert await lapse(two[0], 1000) == [], "once"
    assert await two[0].read(lambda c: c.execute(sa.select(trail.audit.c.act).order_by(trail.audit.c.seq)).scalars().all()) == [
        "handoff.claim", "handoff.lapse",
    ]


async def test_a_console_that_is_open_keeps_everybody_its_owner_has_and_nobody_elses(two: list[Database]) -> None:
    mine, too, other = await taken(two[0]), await taken(two[0], band="HIGH"), await taken(two[0], staff="s2")
    at = await two[0].read(leases.time_of)
    assert await two[1].write(lambda c: leases.renew(c, {"s1"}, at + 30)) == 2
    assert [ticket.id for ticket in await lapse(two[0], leases.FIRST + 5)] == [other.id]
    for ticket in (mine, too):
        now = await two[0].read(lambda c, t=ticket: find(c, t.id))  # type: ignore[misc]
        assert now is not None and (now.owner, now.epoch) == ("s1", ticket.epoch)


async def test_who_comes_back_in_the_instant_of_the_lapse_keeps_the_person_or_loses_them_whole(two: list[Database]) -> None:
    for _ in range(10):
        ticket = await taken(two[0])
        late = leases.FIRST + 5
        at = late + await two[0].read(leases.time_of)
        [gone] = await two[0].read(lambda c, at=at: leases.lapsed(c, at))  # type: ignore[misc]

        async def renews(at: float = at) -> None:
            await two[0].write(lambda c: leases.renew(c, {"s1"}, at))

        async def puts_back(at: float = at, gone: Ticket = gone) -> None:
            await two[1].write(lambda c: claims.lapse(c, gone, at=at, now=NOON))

        await asyncio.gather(renews(), puts_back())
        now = await two[0].read(lambda c, t=ticket: find(c, t.id))  # type: ignore[misc]
        assert now is not None
        assert (now.state, now.owner, now.lease_until) in [("claimed", "s1", at + leases.RENEWED_FOR), ("queued", None, None)]
        await two[0].write(lambda c: c.execute(tickets.delete()))


async def test_a_console_that_came_back_between_the_look_and_the_write_keeps_its_person(two: list[Database]) -> None:
    ticket = await taken(two[0])
    at = leases.FIRST + 5 + await two[0].read(leases.time_of)
    [gone] = await two[0].read(lambda c: leases.lapsed(c, at))
    await two[1].write(lambda c: leases.renew(c, {"s1"}, at))
    assert await two[0].write(lambda c: claims.lapse(c, gone, at=at, now=NOON)) is None
    now = await two[0].read(lambda c: find(c, ticket.id))
    assert now is not None and (now.owner, now.epoch) == ("s1", ticket.epoch)


async def test_of_two_gateways_that_see_the_lapse_one_puts_the_person_back(two: list[Database]) -> None:
    await taken(two[0])
    found = await asyncio.gather(lapse(two[0], 60), lapse(two[1], 60))
    assert sum(len(moved) for moved in found) == 1


async def test_the_gravest_are_put_back_first(two: list[Database]) -> None:
    for band in ("ELEVATED", "RED", "HIGH"):
        await taken(two[0], band=band)
    assert [ticket.priority for ticket in await lapse(two[0], 60)] == ["P0", "P1", "P2"]


async def test_somebody_who_left_and_was_being_looked_at_is_looked_at_by_the_next(two: list[Database]) -> None:
    ticket = await taken(two[0])
    await two[0].write(lambda c: mark_left(c, ticket.person, now=NOON))
    [back] = await lapse(two[1], leases.FIRST + 5)
    assert (back.state, back.owner) == ("left", None)


async def test_who_lost_their_counsellor_waits_on_top_of_the_band_and_not_above_it(two: list[Database]) -> None:
    early = await two[0].write(lambda c: open_handoff(c, wish(person=new_id(), band="HIGH"), new_id=new_id(), now=NOON - 900))
    await two[0].write(
        lambda c: open_handoff(c, wish(person=new_id(), band="RED"), new_id="red" + new_id()[:8], now=NOON + 9)
    )
    lost = await taken(two[0], band="HIGH")
    await lapse(two[0], leases.FIRST + 5)
    rows = await two[0].read(lambda c: queue.waiting(c, frozenset()))
    assert [row.ticket.band for row in rows] == ["RED", "HIGH", "HIGH"]
    assert [row.ticket.id for row in rows[1:]] == [lost.id, early.id]


async def test_who_is_given_back_later_waits_where_their_time_puts_them(two: list[Database]) -> None:
    lost = await taken(two[0])
    await lapse(two[0], 60)
    await two[0].write(lambda c: claims.claim(c, lost.id, staff="s2", now=NOON))
    given = await two[0].write(lambda c: claims.release(c, lost.id, staff="s2", now=NOON))
    assert given.again is False


async def test_a_graver_band_is_not_entered_on_top(two: list[Database]) -> None:
    lost = await taken(two[0], band="ELEVATED")
    await lapse(two[0], 60)
    risen = await two[0].write(
        lambda c: open_handoff(c, wish(command_id=new_id(), person=lost.person, band="RED"), new_id=new_id(), now=NOON)
    )
    assert (risen.id, risen.band, risen.again) == (lost.id, "RED", False)


def test_the_times_add_up_to_less_than_what_is_allowed() -> None:
    assert 2 * supervisor.PING_S + leases.RENEWED_FOR + watch.LOOK_SECONDS <= 45
    assert leases.FIRST + watch.LOOK_SECONDS <= 45
    assert leases.RENEWED_FOR > 20, "a network that is away for twenty seconds loses nobody"
