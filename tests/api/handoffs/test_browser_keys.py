"""Whose browsers words are sealed to: sessions that live, of staff who may read that talk, and nobody else's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from api.database import Database
from api.handoffs import claims, presence
from api.handoffs.browser_keys import MOST_OF_A_SESSION, BrowserKeys, OnDuty
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, open_handoff
from api.staff.sessions import LONGEST_SECONDS, Session, Sessions
from api.staff.tables import staff
from tests.fixtures_browser_keys import Browser
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, NOON, POSTGRES_URL, Clock, databases, hire, new_id, wish

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=[
        pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="HAMS_TEST_POSTGRES_URL is not set"),
    ]),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


@dataclass
class House:
    """A database, a Redis and who is signed in."""

    database: Database
    redis: Redis
    clock: Clock

    def __post_init__(self) -> None:
        self.keys = BrowserKeys(self.redis, self.clock)
        self.on_duty = OnDuty(self.database, self.keys)
        self.sessions = Sessions(self.redis, KEYRING, clock=self.clock, random_bytes=os.urandom, secure=False)

    async def sign_in(self, staff_id: str, credentials: int = 1) -> Session:
        session = await self.sessions.read(await self.sessions.open(staff_id, credentials))
        assert session is not None
        return session

    async def arrives(self, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> tuple[str, Session, Browser]:
        """Somebody signs in, and their browser says its key."""
        member = hire(self.database, name, role, desks)
        session, browser = await self.sign_in(member.id), Browser()
        assert await self.keys.register(session, browser.public)
        return member.id, session, browser

    async def ticket(self, **changes: object) -> Ticket:
        ticket = await self.database.write(lambda c: open_handoff(c, wish(**changes), new_id=new_id(), now=NOON))
        if "desk" in changes:
            await self.database.write(lambda c: c.execute(tickets.update().values(desk=changes["desk"])))
        return ticket

    async def sealed_to(self, ticket: Ticket) -> list[bytes]:
        return [key.public.id for key in await self.on_duty.readers_of(ticket.id)]


@pytest.fixture
async def house(database: Database, server: RedisServer) -> AsyncIterator[House]:
    client = Redis.from_url(server.url)
    await client.flushall()
    yield House(database, client, Clock())
    await client.aclose()


async def test_everybody_who_may_read_the_talk_is_sealed_to_and_no_other_desk_or_role(house: House) -> None:
    _, _, doha = await house.arrives("salma", desks=("doha",))
    _, _, amman = await house.arrives("huda", desks=("amman",))
    _, _, boss = await house.arrives("boss", "supervisor", desks=("amman",))
    _, _, anywhere = await house.arrives("rana")
    for role in ("editor", "office", "admin"):
        await house.arrives(role, role)
    ticket = await house.ticket(desk="doha")
    reads = await house.sealed_to(ticket)
    assert set(reads) == {doha.public.id, boss.public.id, anywhere.public.id}
    assert amman.public.id not in reads
    await house.database.write(lambda c: c.execute(tickets.update().values(called_desk="amman")))
    assert amman.public.id in await house.sealed_to(ticket), "a desk that was called besides"
    assert await house.on_duty.readers_of("nosuchticket") == ()


async def test_the_owner_comes_first_and_whoever_is_present_next(house: House) -> None:
    for number in range(3):
        await house.arrives(f"other{number}")
    reader, _, beside = await house.arrives("boss", "supervisor")
    owner, _, hers = await house.arrives("salma", desks=("doha",))
    ticket = await house.ticket()
    await house.database.write(lambda c: claims.claim(c, ticket.id, staff=owner, now=NOON))
    await house.database.write(lambda c: presence.enter(c, ticket.id, reader, "silent", at=NOON, lease_until=NOON + 40))
    await house.database.write(lambda c: c.execute(tickets.update().values(desk="amman")))
    assert (await house.sealed_to(ticket))[:2] == [hers.public.id, beside.public.id], "an owner always, whatever the desk"
    assert [key.public.id for key in await house.on_duty.beside(ticket.id)] == [beside.public.id]


@pytest.mark.parametrize("end", ["sign-out", "idle", "twelve hours", "deactivated", "recovered", "provisional", "other role"])
async def test_a_session_that_is_over_is_sealed_to_no_more(house: House, end: str) -> None:
    member, session, _ = await house.arrives("salma")
    _, _, other = await house.arrives("huda")
    ticket = await house.ticket()
    assert len(await house.sealed_to(ticket)) == 2
    changes = {
        "deactivated": {"active": False}, "recovered": {"credentials": 2}, "provisional": {"password_until": NOON + 60},
        "other role": {"role": "editor"},
    }
    if end in ("sign-out", "idle"):
        await house.redis.delete(session.key)
    elif end == "twelve hours":
        house.clock.now += LONGEST_SECONDS - 10
        await house.keys.register(await house.sign_in((await house.keys.registered())[1].staff), other.public)
        house.clock.now += 11
        member = ""
    else:
        await house.database.write(lambda c: c.execute(staff.update().where(staff.c.id == member).values(**changes[end])))
    reads = await house.on_duty.readers_of(ticket.id)
    assert member not in {key.staff for key in reads} and len(reads) <= 1


async def test_the_keys_of_a_session_that_ended_are_let_go_of(house: House) -> None:
    _, session, _ = await house.arrives("salma")
    _, other, _ = await house.arrives("huda")
    await house.redis.delete(session.key)
    await house.keys.registered()
    assert [key.split(b":")[1] for key in await house.redis.hkeys("{browsers}:keys")] == [other.key.split(":")[1].encode()]
    await house.keys.forget(other.key)
    assert await house.redis.hlen("{browsers}:keys") == 0
    assert await house.redis.keys("{browsers}:of:*") == []


async def test_a_session_has_ten_keys_and_not_eleven(house: House) -> None:
    _, session, first = await house.arrives("salma")
    for _ in range(MOST_OF_A_SESSION - 1):
        assert await house.keys.register(session, Browser().public)
    assert not await house.keys.register(session, Browser().public)
    assert await house.keys.register(session, first.public), "one that is there is there"
    assert len(await house.keys.registered()) == MOST_OF_A_SESSION


async def test_nobody_takes_a_colleagues_place_by_registering_the_colleagues_key(house: House) -> None:
    _, _, hers = await house.arrives("salma", desks=("doha",))
    _, session, _ = await house.arrives("huda", desks=("amman",))
    assert await house.keys.register(session, hers.public)
    assert await house.sealed_to(await house.ticket(desk="doha")) == [hers.public.id]
    await house.keys.forget(session.key)
    assert len(await house.keys.registered()) == 1


async def test_a_colleagues_browsers_are_given_only_for_a_person_the_colleague_may_take(house: House) -> None:
    _, _, hers = await house.arrives("salma", desks=("doha",))
    await house.arrives("ed", "editor")
    hire(house.database, "away")
    doha, amman = await house.ticket(desk="doha"), "amman"
    found = await house.on_duty.of_colleague(await fresh(house, doha), "salma")
    assert found is not None and [key.public.id for key in found] == [hers.public.id]
    assert await house.on_duty.of_colleague(await fresh(house, doha), "away") == ()
    for name in ("ed", "nobody", "", "\x00"):
        assert await house.on_duty.of_colleague(await fresh(house, doha), name) is None
    for key in await house.redis.keys("{browsers}:seen:*"):
        await house.redis.delete(key)
    assert await house.on_duty.of_colleague(await fresh(house, doha), "salma") == (), "signed in still, but the browser is gone"
    await house.database.write(lambda c: c.execute(tickets.update().values(desk=amman)))
    assert await house.on_duty.of_colleague(await fresh(house, doha), "salma") is None


async def test_what_another_version_left_in_redis_is_passed_over(house: House) -> None:
    _, _, hers = await house.arrives("salma")
    for value in (b"", b"{}", b"[]", b'{"session":"s","staff":"x","credentials":1,"until":1,"key":"AAAA"}', b"\xff"):
        await house.redis.hset("{browsers}:keys", b"session:x:" + os.urandom(4).hex().encode(), value)
    assert [key.public.id for key in await house.keys.registered()] == [hers.public.id]


async def test_a_browser_counts_as_being_at_a_screen_for_half_a_minute(house: House) -> None:
    await house.arrives("salma")
    keys = await house.keys.registered()
    assert await house.keys.at_a_screen(keys) == {keys[0].public.id}
    for key in await house.redis.keys("{browsers}:seen:*"):
        assert 0 < await house.redis.ttl(key) <= 30
        await house.redis.delete(key)
    assert await house.keys.at_a_screen(keys) == frozenset() == await house.keys.at_a_screen(())


async def fresh(house: House, ticket: Ticket) -> Ticket:
    from api.handoffs.tickets import as_ticket

    return as_ticket(await house.database.read(lambda c: c.execute(sa.select(tickets).where(tickets.c.id == ticket.id)).one()))
