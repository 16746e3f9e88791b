"""Signing in: one answer for every way of being wrong, no code twice, nobody locked out by somebody else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.sealing import Keyring
from api.database import Database
from api.staff import accounts, tables
from api.staff.accounts import NameTaken, NewStaff, NotAnAccount
from api.staff.devices import REMEMBERED_SECONDS, Devices
from api.staff.passwords import Passwords, WeakPassword
from api.staff.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions
from api.staff.signin import FREE_TRIES, SOURCE_REFILL_SECONDS, SOURCE_TRIES, Refused, SignIn, TooSoon
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
def devices(clock: Clock) -> Devices:
    return Devices(KEYRING, clock=clock, random_bytes=os.urandom, secure=True)


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
        await sign_in.change(member, "wrong password!", "a better pass phrase", session="s1")
    with pytest.raises(WeakPassword):
        await sign_in.change(member, salma.password, "short", session="s1")
    changed = await sign_in.change(member, salma.password, "a better pass phrase", session="s1")
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


async def test_an_attacker_in_many_places_keeps_nobody_out(sign_in: SignIn, salma: NewStaff, clock: Clock) -> None:
    few = asyncio.Semaphore(20)  # the store's connections are bounded

    async def hammer(place: str) -> None:
        for _ in range(FREE_TRIES + 1):
            with contextlib.suppress(Refused, TooSoon):
                async with few:
                    await sign_in.check("salma", "wrong password!", "000000", source=place)

    await asyncio.gather(*(hammer(f"6.6.{n // 250}.{n % 250}") for n in range(200)))
    assert await sign_in.check("salma", salma.password, code_of(salma), source="1.1.1.1")


async def test_from_the_same_place_a_browser_that_is_known_stays_open(
    sign_in: SignIn, salma: NewStaff, devices: Devices, clock: Clock
) -> None:
    """Behind a proxy, or in one office, the attacker and the owner come from one address."""
    cookie = devices.remember(salma.id)
    for n in range(SOURCE_TRIES * 2):
        with contextlib.suppress(Refused, TooSoon):
            await sign_in.check("salma" if n % 2 else f"name{n}", "wrong password!", "000000", source="6.6.6.6")
    with pytest.raises(TooSoon):
        await sign_in.check("salma", salma.password, code_of(salma), source="6.6.6.6")
    assert await sign_in.check(
        "salma", salma.password, code_of(salma), source="6.6.6.6", lane_of=lambda staff: devices.lane(cookie, staff)
    )


async def test_a_known_browser_is_no_way_to_guess(sign_in: SignIn, salma: NewStaff, devices: Devices) -> None:
    cookie = devices.remember(salma.id)
    looked_at = 0
    for _ in range(40):
        try:
            await sign_in.check(
                "salma", "wrong password!", "000000", source="6.6.6.6", lane_of=lambda staff: devices.lane(cookie, staff)
            )
        except Refused:
            looked_at += 1
        except TooSoon:
            pass
    assert looked_at == 2 * FREE_TRIES  # its own, then like everybody from there


async def test_a_stolen_cookie_of_a_browser_does_not_shut_its_owner_out(
    sign_in: SignIn, salma: NewStaff, devices: Devices
) -> None:
    cookie = devices.remember(salma.id)
    for _ in range(30):
        with contextlib.suppress(Refused, TooSoon):
            await sign_in.check(
                "salma", "wrong password!", "000000", source="6.6.6.6", lane_of=lambda staff: devices.lane(cookie, staff)
            )
    assert await sign_in.check(
        "salma", salma.password, code_of(salma), source="1.1.1.1", lane_of=lambda staff: devices.lane(cookie, staff)
    )


async def test_one_place_cannot_try_one_password_on_every_name(sign_in: SignIn, redis: Redis, clock: Clock) -> None:
    looked_at = 0
    for n in range(SOURCE_TRIES * 3):
        try:
            await sign_in.check(f"name{n}", "wrong password!", "000000", source="6.6.6.6")
        except Refused:
            looked_at += 1
        except TooSoon:
            pass
    assert looked_at == SOURCE_TRIES
    assert await redis.dbsize() == SOURCE_TRIES + 1, "names that were not looked at leave nothing behind"
    clock.now += SOURCE_REFILL_SECONDS
    with pytest.raises(Refused):
        await sign_in.check("another", "wrong password!", "000000", source="6.6.6.6")
    with pytest.raises(TooSoon):
        await sign_in.check("one more", "wrong password!", "000000", source="6.6.6.6")


async def test_hammering_one_name_takes_nobody_elses_tries_from_the_same_place(sign_in: SignIn, salma: NewStaff) -> None:
    for _ in range(SOURCE_TRIES * 3):
        with contextlib.suppress(Refused, TooSoon):
            await sign_in.check("huda", "wrong password!", "000000", source="6.6.6.6")
    assert await sign_in.check("salma", salma.password, code_of(salma), source="6.6.6.6")


async def test_a_shift_that_begins_at_one_address_is_not_slowed(sign_in: SignIn, database: Database) -> None:
    crew = [hire(database, f"night{n}") for n in range(SOURCE_TRIES + 10)]
    for one in crew:
        assert await sign_in.check(one.username, one.password, code_of(one), source="1.1.1.1")


async def test_an_unknown_name_costs_the_same_work_as_a_known_one(
    sign_in: SignIn, salma: NewStaff, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    """Counted, not timed: the hashes that are computed, with which costs, the codes, and the questions to the database."""
    work: list[str] = []
    verify, generate = PasswordHasher.verify, pyotp.TOTP.generate_otp
    monkeypatch.setattr(PasswordHasher, "verify", lambda self, stored, given: (
        work.append(f"argon2 {str(stored).split('$')[3]}"), verify(self, stored, given))[1])
    monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda self, at: (work.append("code"), generate(self, at))[1])
    sa.event.listen(
        database.engine, "before_cursor_execute",
        lambda _c, _cursor, statement, *_: work.append("query") if statement.startswith("SELECT") else None,
    )
    done = []
    PASSWORDS.prepare()
    for name in ("salma", "nobody"):
        work.clear()
        with pytest.raises(Refused):
            await sign_in.check(name, "wrong password!", "000000", source=name)
        done.append(sorted(work))
    assert done[0] == done[1] and "code" in done[0] and any(step.startswith("argon2") for step in done[0])


async def test_while_strangers_crowd_the_door_a_known_browser_and_a_second_factor_pass(
    sign_in: SignIn, salma: NewStaff, devices: Devices, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Every place where strangers' passwords are hashed hangs: who is known does not queue behind them."""
    cookie, let_go = devices.remember(salma.id), threading.Event()
    matches = Passwords.matches

    def slow(self: Passwords, stored: str | None, password: str) -> bool:
        if password == "a flood":
            let_go.wait(30)
        return matches(self, stored, password)

    monkeypatch.setattr(Passwords, "matches", slow)
    flood = [asyncio.create_task(sign_in.check(f"n{n}", "a flood", "000000", source=f"6.6.6.{n}")) for n in range(40)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            member = await sign_in.check(
                "salma", salma.password, code_of(salma), source="1.1.1.1", lane_of=lambda staff: devices.lane(cookie, staff)
            )
            clock.now += 30
            await sign_in.prove(member, salma.password, code_of(salma, clock.now), session="s")
    finally:
        let_go.set()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert any(isinstance(result, TooSoon) for result in results), "a queue that grows without end helps nobody"


async def test_a_second_factor_is_slowed_for_its_own_session_only(sign_in: SignIn, salma: NewStaff, database: Database) -> None:
    with database.engine.connect() as connection:
        member = accounts.find_staff(connection, salma.id)
    assert member is not None
    for _ in range(FREE_TRIES):
        with pytest.raises(Refused):
            await sign_in.prove(member, "wrong password!", "000000", session="stolen")
    with pytest.raises(TooSoon):
        await sign_in.prove(member, salma.password, code_of(salma), session="stolen")
    await sign_in.prove(member, salma.password, code_of(salma), session="her own")


@pytest.mark.parametrize("cookie", [None, "", "x", "A" * 80, "ء" * 40, "a" * 5000, "=" * 20])
def test_a_made_up_browser_is_not_known(cookie: str | None, devices: Devices) -> None:
    assert devices.lane(cookie, "ab") is None


def test_a_browser_is_known_for_its_own_account_for_a_month_and_names_nobody(devices: Devices, clock: Clock) -> None:
    cookie = devices.remember("ab12")
    assert devices.lane(cookie, "ab12") and devices.lane(cookie, "cd34") is None and devices.lane(cookie, None) is None
    assert devices.remember("ab12") != cookie and devices.lane(devices.remember("ab12"), "ab12") != devices.lane(cookie, "ab12")
    assert b"ab12" not in base64.urlsafe_b64decode(cookie + "==")
    clock.now += REMEMBERED_SECONDS + 1
    assert devices.lane(cookie, "ab12") is None
