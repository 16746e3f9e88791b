"""A call to the outside gets through, is tried until it does, and is made once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.database import Database
from api.handoffs import alerts, claims
from api.handoffs.alerts import BACK_OFF, TAKEN_FOR
from api.handoffs.tickets import Ticket, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish


@pytest.fixture(params=KINDS)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Database]]:
    """Two gateways over one store."""
    with databases(request.param, tmp_path, 2) as opened:
        yield opened


async def owed(database: Database) -> Ticket:
    def act(c: sa.Connection) -> Ticket:
        ticket = open_handoff(c, wish(person=new_id(), band="RED"), new_id=new_id(), now=NOON)
        alerts.owe(c, ticket, ("webhook", "call"), (new_id(), new_id()), NOON)
        return ticket

    return await database.write(act)


async def states(database: Database) -> list[str]:
    return sorted(await database.read(lambda c: c.execute(sa.select(alerts.alerts.c.state)).scalars().all()))


async def test_each_call_is_made_by_one_gateway(two: list[Database]) -> None:
    ticket = await owed(two[0])
    found = await asyncio.gather(*(two[n % 2].write(lambda c: alerts.take(c, NOON)) for n in range(6)))
    assert sorted((alert.way, alert.ticket.id) for some in found for alert in some) == [("call", ticket.id), ("webhook", ticket.id)]
    for some in found:
        for alert in some:
            await two[0].write(lambda c, alert=alert: alerts.settle(c, alert.id, "done"))  # type: ignore[misc]
    assert await two[1].write(lambda c: alerts.take(c, NOON + 1e6)) == ()


async def test_a_gateway_that_dies_with_a_call_loses_it_for_twenty_seconds(two: list[Database]) -> None:
    await owed(two[0])
    assert len(await two[0].write(lambda c: alerts.take(c, NOON))) == 2
    assert await two[1].write(lambda c: alerts.take(c, NOON + TAKEN_FOR - 1)) == ()
    assert [alert.tries for alert in await two[1].write(lambda c: alerts.take(c, NOON + TAKEN_FOR))] == [2, 2]


async def test_what_fails_is_tried_again_ever_later_and_in_the_end_given_up(two: list[Database]) -> None:
    await owed(two[0])
    now, waits = NOON, []
    while taken := await two[0].write(lambda c, now=now: alerts.take(c, now)):  # type: ignore[misc]
        again = [await two[0].write(lambda c, a=alert, now=now: alerts.failed(c, a, now)) for alert in taken]  # type: ignore[misc]
        if not all(again):
            break
        step = BACK_OFF[taken[0].tries - 1]
        assert await two[1].write(lambda c, now=now, step=step: alerts.take(c, now + step - 0.1)) == ()  # type: ignore[misc]
        waits.append(step)
        now += step
    assert tuple(waits) == BACK_OFF
    assert await states(two[0]) == ["given_up", "given_up"]


async def test_who_was_taken_meanwhile_is_called_out_for_no_more(two: list[Database]) -> None:
    ticket = await owed(two[0])
    await two[1].write(lambda c: claims.claim(c, ticket.id, staff="s1", now=NOON))
    assert await two[0].write(lambda c: alerts.take(c, NOON)) == ()
    assert await states(two[0]) == ["needless", "needless"]
