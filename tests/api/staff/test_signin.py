"""Signing in: one answer for every way of being wrong, no code twice, nobody locked out by somebody else."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.sealing import Keyring
from api.database import Database
from api.staff import accounts, tables
from api.staff.accounts import NameTaken, NewStaff, NotAnAccount
from api.staff.passwords import WeakPassword
from api.staff.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions
from api.staff.signin import FREE_TRIES, Refused, SignIn, TooSoon
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, NOON, PASSWORDS, Clock, code_of, databases, hire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_in(database: Database, redis: Redis, clock: Clock) -> SignIn:
    return SignIn(database, redis, KEYRING, PASSWORDS, clock=clock)


@pytest.fixture
def sessions(redis: Redis, clock: Clock) -> Sessions:
    return Sessions(redis, KEYRING, clock=clock, random_bytes=os.urandom, secure=True)


@pytest.fixture
def salma(database: Database) -> NewStaff:
    return hire(database, "Salma", desks=("amman",))


async def test_name_password_and_code_sign_in(sign_in: SignIn, salma: NewStaff) -> None:
    member = await sign_in.check(" SALMA ", salma.password, code_of(salma), source="1.1.1.1")
    assert (member.username, member.role, member.desks, member.talks) == ("salma", "counsellor", {"amman"}, True)


async def test_a_code_typed_with_arabic_digits_is_the_same_code(sign_in: SignIn, salma: NewStaff) -> None:
    code = code_of(salma).translate({ord(str(n)): chr(0x660 + n) for n in range(10)})
    assert await sign_in.check("salma", salma.password, code, source="1.1.1.1")


async def test_every_way_of_being_wrong_is_the_same_refusal(sign_in: SignIn, salma: NewStaff) -> None:
    good = code_of(salma)
    wrong = "000000" if good != "000000" else "111111"
    told = set()
    for name, password, code in (
        ("nobody", salma.password, good), ("salma", "wrong password!", good), ("salma", salma.password, wrong),
        ("salma", salma.password, ""), ("salma", salma.password, code_of(salma, NOON + 120)),
        ("salma", salma.password, code_of(salma, NOON - 120)),
    ):
        with pytest.raises(Refused) as refused:
            await sign_in.check(name, password, code, source=os.urandom(4).hex())
        told.add((type(refused.value), str(refused.value)))
    assert len(told) == 1


@pytest.mark.parametrize("slip", [-30, 0, 30])
async def test_one_step_of_clock_slip_is_forgiven(slip: int, sign_in: SignIn, salma: NewStaff) -> None:
    assert await sign_in.check("salma", salma.password, code_of(salma, NOON + slip), source="1.1.1.1")


async def test_a_code_works_once(sign_in: SignIn, salma: NewStaff, clock: Clock) -> None:
    await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")
    with pytest.raises(Refused):
        await sign_in.check("salma", salma.password, code_of(salma), source="2.2.2.2")
    with pytest.raises(Refused):  # nor the one before it
        await sign_in.check("salma", salma.password, code_of(salma, NOON - 30), source="3.3.3.3")
    clock.now += 30
    assert await sign_in.check("salma", salma.password, code_of(salma, NOON + 30), source="1.1.1.1")


async def test_of_two_who_use_the_same_code_at_once_one_gets_in(sign_in: SignIn, salma: NewStaff) -> None:
    results = await asyncio.gather(
        *(sign_in.check("salma", salma.password, code_of(salma), source=str(n)) for n in range(6)),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert sum(isinstance(result, Refused) for result in results) == 5


async def test_a_wrong_password_does_not_use_up_the_code(sign_in: SignIn, salma: NewStaff) -> None:
    with pytest.raises(Refused):
        await sign_in.check("salma", "wrong password!", code_of(salma), source="1.1.1.1")
    assert await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")


async def test_guessing_slows_down_and_doubles(sign_in: SignIn, salma: NewStaff, clock: Clock) -> None:
    waits = []
    for _ in range(FREE_TRIES + 4):
        with pytest.raises((Refused, TooSoon)):
            await sign_in.check("salma", "wrong password!", "000000", source="6.6.6.6")
        try:
            await sign_in.check("salma", "wrong password!", "000000", source="6.6.6.6")
        except TooSoon as soon:
            waits.append(soon.seconds)
            clock.now += soon.seconds
        except Refused:
            pass
    assert len(waits) >= 4 and all(later == 2 * earlier for earlier, later in itertools.pairwise(waits))


async def test_while_slowed_even_the_right_password_is_not_looked_at(sign_in: SignIn, salma: NewStaff) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(Refused):
            await sign_in.check("salma", "wrong password!", "000000", source="6.6.6.6")
    with pytest.raises(TooSoon):
        await sign_in.check("salma", salma.password, code_of(salma), source="6.6.6.6")


async def test_somebody_elses_guessing_locks_nobody_out(sign_in: SignIn, salma: NewStaff) -> None:
    for _ in range(30):
        with pytest.raises((Refused, TooSoon)):
            await sign_in.check("salma", "wrong password!", "000000", source="6.6.6.6")
    assert await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")


async def test_a_hundred_guesses_at_the_same_instant_are_a_hundred_guesses(sign_in: SignIn, salma: NewStaff) -> None:
    results = await asyncio.gather(
        *(sign_in.check("salma", "wrong password!", "000000", source="6.6.6.6") for _ in range(100)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Refused) for result in results) == FREE_TRIES
    assert sum(isinstance(result, TooSoon) for result in results) == 100 - FREE_TRIES


async def test_an_unknown_name_is_slowed_like_a_known_one(sign_in: SignIn) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(Refused):
            await sign_in.check("nobody", "wrong password!", "000000", source="6.6.6.6")
    with pytest.raises(TooSoon):
        await sign_in.check("nobody", "wrong password!", "000000", source="6.6.6.6")


async def test_an_account_put_out_of_service_is_refused(sign_in: SignIn, salma: NewStaff, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(tables.staff.update().values(active=False))
    with pytest.raises(Refused):
        await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")


async def test_a_changed_password_takes_the_place_of_the_old_one(
    sign_in: SignIn, salma: NewStaff, clock: Clock
) -> None:
    member = await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")
    with pytest.raises(Refused):
        await sign_in.change(member, "wrong password!", "a better pass phrase", source="1.1.1.1")
    with pytest.raises(WeakPassword):
        await sign_in.change(member, salma.password, "short", source="1.1.1.1")
    changed = await sign_in.change(member, salma.password, "a better pass phrase", source="1.1.1.1")
    assert changed.credentials == member.credentials + 1
    clock.now += 30
    with pytest.raises(Refused):
        await sign_in.check("salma", salma.password, code_of(salma, clock.now), source="1.1.1.1")
    assert await sign_in.check("salma", "a better pass phrase", code_of(salma, clock.now), source="1.1.1.1")


def test_nothing_secret_is_in_the_open_in_the_table(database: Database, salma: NewStaff) -> None:
    with database.engine.connect() as connection:
        row = connection.execute(sa.select(tables.staff)).one()
    assert row.password_hash.startswith("$argon2id$") and salma.password not in row.password_hash
    secret = salma.otpauth_uri.split("secret=")[1].split("&")[0]
    assert secret.encode() not in row.totp_secret


def test_accounts_have_known_roles_and_one_name_each(database: Database, salma: NewStaff) -> None:
    with pytest.raises(NameTaken):
        hire(database, "sALMA")
    for name, role, desks in (("x y", "counsellor", ()), ("ok", "king", ()), ("ok", "office", ("A B",)), ("", "admin", ())):
        with pytest.raises(NotAnAccount):
            hire(database, name, role, desks)


def test_rotating_keys_reseals_the_codes(database: Database, salma: NewStaff) -> None:
    both = Keyring([b"n" * 32, b"k" * 32])
    with database.engine.begin() as connection:
        assert accounts.reseal(connection, both) == 1
        assert accounts.reseal(connection, both) == 0
        found = accounts.credentials_of(connection, "salma")
    assert accounts.matching_counter(Keyring([b"n" * 32]), found, code_of(salma), NOON) is not None


async def test_signing_in_is_in_the_trail(sign_in: SignIn, salma: NewStaff, database: Database) -> None:
    await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")
    with database.engine.connect() as connection:
        acts = [(row.actor, row.act) for row in connection.execute(sa.select(trail.audit))]
        assert trail.verify(connection) is None
    assert acts == [("system", "staff.add"), (salma.id, "staff.sign_in")]


async def test_redis_holds_neither_the_cookie_nor_the_name(sessions: Sessions, redis: Redis) -> None:
    token = await sessions.open("staff-1", 1)
    [key] = await redis.keys()
    assert token.encode() not in key and b"staff-1" not in await redis.get(key)
    assert 0 < await redis.ttl(key) <= IDLE_SECONDS == 1800


async def test_an_act_keeps_the_session_alive_and_a_look_does_not(sessions: Sessions, redis: Redis) -> None:
    token = await sessions.open("staff-1", 1)
    [key] = await redis.keys()
    await redis.expire(key, 10)
    assert await sessions.read(token, touch=False) and await redis.ttl(key) <= 10
    assert await sessions.read(token) and await redis.ttl(key) > 1000


async def test_a_session_ends_at_sign_out_and_after_a_shift(sessions: Sessions, clock: Clock) -> None:
    token = await sessions.open("staff-1", 1)
    await sessions.end(token)
    assert await sessions.read(token) is None
    token = await sessions.open("staff-1", 1)
    clock.now += LONGEST_SECONDS + 1
    assert await sessions.read(token) is None


@pytest.mark.parametrize("token", [None, "", "x", "A" * 43, "ء" * 43, "a" * 5000, "../" * 14 + "x"])
async def test_a_made_up_cookie_is_no_session(token: str | None, sessions: Sessions) -> None:
    assert await sessions.read(token) is None


def test_the_cookie_is_bound_to_the_host_under_https(redis: Redis, clock: Clock) -> None:
    for secure, name in ((True, "__Host-hams"), (False, "hams")):
        assert Sessions(redis, KEYRING, clock=clock, random_bytes=os.urandom, secure=secure).cookie == name
