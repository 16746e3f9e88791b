"""Whom nobody takes is called out ever louder, whatever dies in between, and never twice for one rung."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.database import Database
from api.handoffs import claims, ladder
from api.handoffs.ladder import RUNGS, Rung
from api.handoffs.tickets import LADDER_SECONDS, Ticket, find, mark_left, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish


@pytest.fixture(params=KINDS)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Database]]:
    """Two gateways over one store."""
    with databases(request.param, tmp_path, 2) as opened:
        yield opened


async def waits(database: Database, band: str = "RED", **changes: object) -> Ticket:
    return await database.write(
        lambda c: open_handoff(c, wish(person=new_id(), band=band, **changes), new_id=new_id(), now=NOON)
    )


async def look(database: Database, now: float) -> list[str]:
    """What a gateway does every two seconds; who was called."""
    taken = [
        await database.write(lambda c, t=ticket: ladder.climb(c, t, now))  # type: ignore[misc]
        for ticket in await database.read(lambda c: ladder.due(c, now))
    ]
    return [rung.calls for rung in taken if rung is not None]


async def test_a_red_climbs_at_one_two_and_five_minutes_and_then_goes_on_calling(two: list[Database]) -> None:
    await waits(two[0])
    heard = []
    for second in range(0, 1000, 2):
        heard += [(second, calls) for calls in await look(two[second // 2 % 2], NOON + second)]
    assert heard == [(60, "desk"), (120, "supervisor"), (300, "outside"), (600, "outside"), (900, "outside")]


@pytest.mark.parametrize(("band", "priority"), [("HIGH", "P1"), ("ELEVATED", "P2")])
async def test_the_others_climb_by_their_own_clock(two: list[Database], band: str, priority: str) -> None:
    await waits(two[0], band)
    assert await look(two[0], NOON + LADDER_SECONDS[priority] - 1) == []
    heard = [calls for rung in RUNGS[priority] for calls in await look(two[0], NOON + rung.after)]
    assert heard == [rung.calls for rung in RUNGS[priority]]


async def test_who_only_wants_information_is_on_no_ladder(two: list[Database]) -> None:
    await waits(two[0], "NONE_DISCLOSED")
    assert await look(two[0], NOON + 1e6) == []


async def test_of_two_gateways_one_climbs(two: list[Database]) -> None:
    await waits(two[0])
    both = await asyncio.gather(*(look(two[n % 2], NOON + 60) for n in range(6)))
    assert [calls for heard in both for calls in heard] == ["desk"]


async def test_a_claim_stops_the_ladder_and_the_ladder_stops_no_claim(two: list[Database]) -> None:
    ticket = await waits(two[0])
    [seen] = await two[1].read(lambda c: ladder.due(c, NOON + 60))
    assert await look(two[0], NOON + 60) == ["desk"]
    claimed = await two[0].write(lambda c: claims.claim(c, ticket.id, staff="s1", epoch=ticket.epoch, now=NOON + 61))
    assert claimed.owner == "s1", "called out meanwhile: the epoch the counsellor saw still holds"
    assert await two[1].write(lambda c: ladder.climb(c, seen, NOON + 62)) is None
    assert await look(two[1], NOON + 1e6) == []


async def test_after_a_night_without_gateways_it_catches_up_rung_by_rung(two: list[Database]) -> None:
    await waits(two[0])
    late = NOON + 8 * 3600
    assert await look(two[0], late) == ["desk"]
    assert await look(two[0], late + 59) == [] and await look(two[0], late + 60) == ["supervisor"]


async def test_who_left_flagged_is_still_called_out_for(two: list[Database]) -> None:
    ticket = await waits(two[0])
    await two[0].write(lambda c: mark_left(c, ticket.person, now=NOON + 5))
    assert await look(two[1], NOON + 60) == ["desk"]


async def test_the_first_rung_opens_the_ticket_to_every_desk_and_each_rung_is_in_the_trail(two: list[Database]) -> None:
    ticket = await waits(two[0], desk="amman")
    await look(two[0], NOON + 60)
    await look(two[0], NOON + 120)
    now = await two[0].read(lambda c: find(c, ticket.id))
    assert now is not None and (now.desk, now.ladder_step, now.epoch) == ("", 2, ticket.epoch)
    acts = await two[0].read(lambda c: c.execute(sa.select(trail.audit.c.act).order_by(trail.audit.c.seq)).scalars().all())
    assert acts == ["ladder.desk", "ladder.supervisor"]


def test_the_table_says_what_the_design_asks_for_a_red() -> None:
    assert RUNGS["P0"] == (Rung(60, "desk"), Rung(120, "supervisor"), Rung(300, "outside"))
    for rungs in RUNGS.values():
        assert [rung.after for rung in rungs] == sorted({rung.after for rung in rungs})


async def test_somebody_in_danger_climbs_before_a_hundred_who_are_overdue_longer(two: list[Database]) -> None:
    def fill(c: sa.Connection) -> None:
        for _ in range(120):
            open_handoff(c, wish(person=new_id(), band="UNKNOWN", wish=True), new_id=new_id(), now=NOON - 7200)

    await two[0].write(fill)
    red = await waits(two[0])
    due = await two[1].read(lambda c: ladder.due(c, NOON + 61))
    assert len(due) == 100 and due[0].id == red.id
