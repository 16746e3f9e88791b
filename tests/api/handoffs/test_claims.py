"""Never two owners, and never neither owned nor queued."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.database import Database
from api.handoffs import claims
from api.handoffs.claims import NotYours, StaleEpoch
from api.handoffs.tickets import NoSuchStep, Ticket, find, mark_left, open_handoff
from tests.fixtures_staff import NOON, POSTGRES_URL, databases, new_id, wish

KINDS = [
    "sqlite",
    pytest.param(
        "postgres", marks=[pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="no PostgreSQL")]
    ),
]


@pytest.fixture(params=KINDS)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Database]]:
    """Two gateways over one store."""
    with databases(request.param, tmp_path, 2) as opened:
        yield opened


async def opened(database: Database, **changes: object) -> Ticket:
    return await database.write(lambda c: open_handoff(c, wish(**changes), new_id=new_id(), now=NOON))


async def test_of_many_who_claim_at_once_one_wins(two: list[Database]) -> None:
    for _ in range(5):
        ticket = await opened(two[0], person=new_id())

        async def attempt(number: int, ticket: Ticket = ticket) -> str | None:
            staff = f"s{number}"
            try:
                await two[number % 2].write(
                    lambda c: claims.claim(c, ticket.id, staff=staff, epoch=ticket.epoch, now=NOON)
                )
            except (NotYours, StaleEpoch):
                return None
            return staff

        winners = [winner for winner in await asyncio.gather(*(attempt(n) for n in range(24))) if winner]
        assert len(winners) == 1
        now = await two[1].read(lambda c, ticket=ticket: find(c, ticket.id))  # type: ignore[misc]
        assert now is not None and (now.owner, now.state, now.epoch) == (winners[0], "claimed", ticket.epoch + 1)


async def test_many_hands_never_make_two_owners_nor_none(two: list[Database]) -> None:
    """Claims, releases, transfers, take-backs and one exit in every order the machine happens to choose."""
    ticket = await opened(two[0])
    dice = random.Random(7)
    held: list[tuple[int, str, str | None]] = []

    async def hand(number: int) -> None:
        staff, database = f"s{number}", two[number % 2]
        for _ in range(40):
            kind = dice.choice(["claim", "claim", "release", "transfer", "desk", "take_back"])

            def act(c: sa.Connection, kind: str = kind) -> Ticket:
                if kind == "claim":
                    return claims.claim(c, ticket.id, staff=staff, now=NOON)
                if kind == "release":
                    return claims.release(c, ticket.id, staff=staff, now=NOON)
                if kind == "transfer":
                    return claims.transfer(c, ticket.id, staff=staff, to_staff=f"s{dice.randrange(6)}", now=NOON)
                if kind == "desk":
                    return claims.transfer(c, ticket.id, staff=staff, to_desk="amman", now=NOON)
                return claims.take_back(c, ticket.id, by=staff, now=NOON)

            try:
                after = await database.write(act)
            except (NotYours, StaleEpoch, NoSuchStep):
                continue
            held.append((after.epoch, after.state, after.owner))
            seen = await database.read(lambda c: find(c, ticket.id))
            assert seen is not None
            assert (seen.state == "claimed") == (seen.owner is not None)
            await asyncio.sleep(0)

    await asyncio.gather(*(hand(n) for n in range(6)))
    by_epoch: dict[int, set[tuple[str, str | None]]] = {}
    for epoch, state, owner in held:
        by_epoch.setdefault(epoch, set()).add((state, owner))
    assert all(len(owners) == 1 for owners in by_epoch.values()), "one epoch, one owner"
    assert len(by_epoch) > 5
    bad = await two[0].read(lambda c: trail.verify(c))
    assert bad is None


async def test_an_exit_wins_against_claims_that_come_at_the_same_instant(two: list[Database]) -> None:
    for _ in range(5):
        person = new_id()
        ticket = await opened(two[0], person=person, band="ELEVATED")

        async def attempt(number: int, ticket: Ticket = ticket) -> None:
            with contextlib.suppress(NotYours, StaleEpoch, NoSuchStep):
                await two[number % 2].write(lambda c: claims.claim(c, ticket.id, staff=f"s{number}", now=NOON))

        async def leave(person: str = person) -> None:
            await two[1].write(lambda c: mark_left(c, person, now=NOON))

        await asyncio.gather(attempt(0), attempt(1), leave(), attempt(2), attempt(3))
        now = await two[0].read(lambda c, ticket=ticket: find(c, ticket.id))  # type: ignore[misc]
        assert now is not None and now.state == "closed" and now.reply_address is None


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    with databases("sqlite", tmp_path) as [database], database.engine.begin() as opened_connection:
        yield opened_connection


@pytest.fixture
def ticket(connection: sa.Connection) -> Ticket:
    return open_handoff(connection, wish(band="RED"), new_id=new_id(), now=NOON)


def test_claiming_is_the_acknowledgement(connection: sa.Connection, ticket: Ticket) -> None:
    claimed = claims.claim(connection, ticket.id, staff="s1", epoch=ticket.epoch, now=NOON + 9)
    assert (claimed.acknowledged_at, claimed.ladder_due, claimed.epoch) == (NOON + 9, None, ticket.epoch + 1)


def test_claiming_twice_changes_nothing(connection: sa.Connection, ticket: Ticket) -> None:
    first = claims.claim(connection, ticket.id, staff="s1", epoch=ticket.epoch, now=NOON)
    assert claims.claim(connection, ticket.id, staff="s1", epoch=ticket.epoch, now=NOON + 5) == first


def test_a_stale_epoch_claims_nothing(connection: sa.Connection, ticket: Ticket) -> None:
    with pytest.raises(StaleEpoch):
        claims.claim(connection, ticket.id, staff="s1", epoch=ticket.epoch + 1, now=NOON)
    assert find(connection, ticket.id) == ticket


def test_a_ticket_that_does_not_exist_cannot_be_claimed(connection: sa.Connection) -> None:
    with pytest.raises(claims.NoSuchTicket):
        claims.claim(connection, "nobody", staff="s1", now=NOON)


def test_only_the_owner_releases_transfers_and_closes(connection: sa.Connection, ticket: Ticket) -> None:
    for owner in (None, "s1"):
        if owner:
            claims.claim(connection, ticket.id, staff=owner, now=NOON)
        for act in (
            lambda: claims.release(connection, ticket.id, staff="s2", now=NOON),
            lambda: claims.transfer(connection, ticket.id, staff="s2", to_staff="s3", now=NOON),
            lambda: claims.close(connection, ticket.id, staff="s2", outcome="helped", now=NOON),
        ):
            with pytest.raises(NotYours):
                act()


def test_a_released_person_waits_again_and_the_ladder_starts_anew(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    free = claims.release(connection, ticket.id, staff="s1", now=NOON + 500)
    assert (free.state, free.owner, free.acknowledged_at, free.ladder_due) == ("queued", None, None, NOON + 560)
    assert free.created_at == ticket.created_at, "their place in the queue is the one they had"


def test_a_transfer_gives_the_person_to_the_colleague_at_once(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    moved = claims.transfer(connection, ticket.id, staff="s1", to_staff="s2", now=NOON)
    assert (moved.state, moved.owner, moved.epoch) == ("claimed", "s2", ticket.epoch + 2)
    with pytest.raises(NotYours):
        claims.owned(connection, ticket.id, staff="s1", epoch=None)


def test_a_transfer_to_a_desk_puts_the_person_back_in_the_queue(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    moved = claims.transfer(connection, ticket.id, staff="s1", to_desk="amman", now=NOON)
    assert (moved.state, moved.owner, moved.desk) == ("queued", None, "amman")


def test_closing_overwrites_the_reply_address(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    closed = claims.close(connection, ticket.id, staff="s1", outcome="helped", now=NOON)
    assert (closed.state, closed.reply_address, closed.outcome) == ("closed", None, "helped")
    with pytest.raises(NoSuchStep):
        claims.claim(connection, ticket.id, staff="s1", now=NOON)


def test_an_outcome_is_a_code(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    with pytest.raises(claims.UnknownOutcome) as raised:
        claims.close(connection, ticket.id, staff="s1", outcome="he came home", now=NOON)
    assert "home" not in str(raised.value)


def test_somebody_who_left_can_be_looked_at_and_closed_but_is_never_claimed_for_talk(
    connection: sa.Connection, ticket: Ticket
) -> None:
    mark_left(connection, ticket.person, now=NOON)
    seen = claims.claim(connection, ticket.id, staff="s1", now=NOON)
    assert (seen.state, seen.owner, seen.reply_address) == ("left", "s1", None)
    assert claims.close(connection, ticket.id, staff="s1", outcome="left_chat", now=NOON).state == "closed"


def test_each_act_is_in_the_trail_in_the_same_transaction(connection: sa.Connection, ticket: Ticket) -> None:
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    claims.transfer(connection, ticket.id, staff="s1", to_staff="s2", now=NOON)
    claims.release(connection, ticket.id, staff="s2", now=NOON)
    claims.claim(connection, ticket.id, staff="s3", now=NOON)
    claims.take_back(connection, ticket.id, by="s9", now=NOON)
    acts = [(row.actor, row.act) for row in connection.execute(sa.select(trail.audit).order_by(trail.audit.c.seq))]
    assert acts == [
        ("s1", "handoff.claim"), ("s1", "handoff.transfer"), ("s2", "handoff.release"), ("s3", "handoff.claim"),
        ("s9", "handoff.take_back"),
    ]
