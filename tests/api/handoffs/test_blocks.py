"""A blocked number waits at the end of its band, and danger rings all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.conversations.keys import PeriodKeys
from api.handoffs import blocks, claims, ladder, queue
from api.handoffs.bands import UnknownReason
from api.handoffs.blocks import NoNumber
from api.handoffs.claims import NotYours, StaleEpoch
from api.handoffs.repeats import repeat_key
from api.handoffs.tickets import NoSuchStep, Ticket, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import KEYRING, NOON, databases, new_id, wish

QUARTER = 92 * 24 * 3600.0


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    with databases(request.param, tmp_path) as [database], database.engine.begin() as opened:
        yield opened


def waits(connection: sa.Connection, band: str = "HIGH", at: float = NOON, person: str = "", **changes: object) -> Ticket:
    return open_handoff(connection, wish(person=person or new_id(), band=band, **changes), new_id=new_id(), now=at)


def blocked(connection: sa.Connection, person: str, reason: str = "prank") -> Ticket:
    """Somebody has talked with this number, blocked it and ended the talk."""
    ticket = waits(connection, person=person)
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    blocks.block(connection, ticket.id, staff="s1", reason=reason, now=NOON)
    return claims.close(connection, ticket.id, staff="s1", outcome="prank", now=NOON)


def order(connection: sa.Connection) -> list[str]:
    return [row.ticket.id for row in queue.waiting(connection, frozenset())]


def test_a_blocked_number_waits_behind_everybody_else_of_its_band_and_before_the_next(connection: sa.Connection) -> None:
    blocked(connection, "p" * 32)
    theirs = waits(connection, at=NOON + 1, person="p" * 32)
    other, milder = waits(connection, at=NOON + 2), waits(connection, "ELEVATED", at=NOON)
    assert order(connection) == [other.id, theirs.id, milder.id]
    assert {row.ticket.id: row.blocked for row in queue.waiting(connection, frozenset())}[theirs.id] == "prank"
    assert theirs.ladder_due == NOON + 301, "and the ladder climbs for it as for anybody"


def test_danger_of_a_blocked_number_rings_and_waits_where_its_time_puts_it(connection: sa.Connection) -> None:
    blocked(connection, "p" * 32)
    theirs, other = waits(connection, "RED", at=NOON + 1, person="p" * 32), waits(connection, "RED", at=NOON + 2)
    assert order(connection) == [theirs.id, other.id]
    assert ladder.due(connection, NOON + 61.5)[0].id == theirs.id
    assert queue.card(queue.waiting(connection, frozenset())[0])["blocked"] == "prank", "it is marked all the same"


def test_under_many_cards_the_order_is_made_before_the_cut(connection: sa.Connection) -> None:
    blocked(connection, "p" * 32)
    waits(connection, at=NOON, person="p" * 32)
    others = [waits(connection, at=NOON + 1 + number).id for number in range(3)]
    assert [row.ticket.id for row in queue.waiting(connection, frozenset(), limit=3)] == others
    danger = waits(connection, "RED", at=NOON + 5, person="p" * 32, command_id=new_id())
    waits(connection, "RED", at=NOON + 6)
    assert [row.ticket.id for row in queue.waiting(connection, frozenset(), limit=1)] == [danger.id]


def test_who_blocks_has_talked_with_the_number_and_says_why(connection: sa.Connection) -> None:
    ticket = waits(connection)
    with pytest.raises(NotYours):
        blocks.block(connection, ticket.id, staff="s1", reason="prank", now=NOON)
    mine = claims.claim(connection, ticket.id, staff="s1", now=NOON)
    with pytest.raises(UnknownReason):
        blocks.block(connection, ticket.id, staff="s1", reason="rude woman", now=NOON)
    with pytest.raises(StaleEpoch):
        blocks.block(connection, ticket.id, staff="s1", reason="prank", epoch=mine.epoch - 1, now=NOON)
    blocks.block(connection, ticket.id, staff="s1", reason="prank", now=NOON)
    blocks.block(connection, ticket.id, staff="s1", reason="flooding", now=NOON)
    assert connection.execute(sa.select(blocks.blocks.c.reason)).scalars().all() == ["flooding"]
    claims.close(connection, ticket.id, staff="s1", outcome="prank", now=NOON)
    with pytest.raises(NoSuchStep):
        blocks.block(connection, ticket.id, staff="s1", reason="prank", now=NOON)


def test_a_block_is_lifted_and_both_are_in_the_trail(connection: sa.Connection) -> None:
    blocked(connection, "p" * 32)
    theirs = waits(connection, person="p" * 32)
    blocks.lift(connection, theirs.id, staff="boss", now=NOON)
    blocks.lift(connection, theirs.id, staff="boss", now=NOON)
    assert [row.blocked for row in queue.waiting(connection, frozenset())] == [None]
    acts = connection.execute(sa.select(trail.audit.c.act).order_by(trail.audit.c.seq)).scalars().all()
    assert acts == ["handoff.claim", "block.prank", "handoff.close", "block.lifted"]


def test_a_ticket_whose_number_could_not_be_fingerprinted_blocks_nobody(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, repeat_key="").id, staff="s1", now=NOON)
    with pytest.raises(NoNumber):
        blocks.block(connection, mine.id, staff="s1", reason="prank", now=NOON)
    connection.execute(blocks.blocks.insert().values(number="", quarter="2027Q1", reason="prank", staff="s1", at=NOON))
    waits(connection, repeat_key="")
    assert {row.blocked for row in queue.waiting(connection, frozenset())} == {None}


def test_a_block_lapses_with_its_quarter(connection: sa.Connection, tmp_path: Path) -> None:
    keys = PeriodKeys(tmp_path / "keys", KEYRING, lambda n: new_id().encode()[:n])
    person = "p" * 32
    mine = waits(connection, person=person, repeat_key=repeat_key(keys, person, NOON))
    claims.claim(connection, mine.id, staff="s1", now=NOON)
    blocks.block(connection, mine.id, staff="s1", reason="prank", now=NOON)
    claims.close(connection, mine.id, staff="s1", outcome="prank", now=NOON)
    assert blocks.purge(connection, NOON) == 0
    waits(connection, at=NOON + QUARTER, person=person, repeat_key=repeat_key(keys, person, NOON + QUARTER))
    assert [row.blocked for row in queue.waiting(connection, frozenset())] == [None]
    assert blocks.purge(connection, NOON + QUARTER) == 1
