"""Passkeys: what lets somebody in, and everything that must not. The authenticator speaks real CBOR and COSE."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from api.audit import trail
from api.database import Database
from api.staff import passkeys as module
from api.staff import tables
from api.staff.accounts import Staff, find_staff
from api.staff.passkeys import (
    CHALLENGE_SECONDS,
    MOST,
    NoSuchPasskey,
    Passkeys,
    RelyingParty,
    TooManyPasskeys,
    UnknownLabel,
    passkeys_of,
    relying_party,
    remove_passkey,
)
from api.staff.signin import Refused
from tests.fixtures_authenticator import Authenticator, decode, encode
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, POSTGRES_URL, Clock, databases, hire

PARTY = RelyingParty("line.test", "https://line.test")
KINDS = [
    "sqlite",
    pytest.param(
        "postgres", marks=[pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="no PostgreSQL")]
    ),
]


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


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, redis: Redis, clock: Clock) -> Passkeys:
    return Passkeys(database, redis, KEYRING, PARTY, clock=clock, random_bytes=os.urandom)


@pytest.fixture
def phone() -> Authenticator:
    return Authenticator()


def member(database: Database, name: str = "salma") -> Staff:
    made = hire(database, name)
    with database.engine.connect() as connection:
        found = find_staff(connection, made.id)
    assert found is not None
    return found


async def register(keys: Passkeys, who: Staff, phone: Authenticator, label: str = "phone") -> str:
    options = await keys.offer_registration(who, "session-1")
    return (await keys.register(who, "session-1", phone.create(options), label)).id


async def refused(keys: Passkeys, answer: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        await keys.sign_in(answer)


async def acts(database: Database) -> list[str]:
    return await database.read(lambda c: list(c.execute(sa.select(trail.audit.c.act).order_by(trail.audit.c.seq)).scalars()))


async def test_a_passkey_that_was_added_signs_in_without_a_name(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    salma = member(database)
    options = await keys.offer_registration(salma, "session-1")
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert options["rp"]["id"] == "line.test" and options["attestation"] == "none"
    await keys.register(salma, "session-1", phone.create(options), "phone")
    asked = await keys.offer_sign_in()
    assert asked["userVerification"] == "required" and asked.get("allowCredentials", []) == []
    assert (await keys.sign_in(phone.get(asked))).username == "salma"
    assert await acts(database) == ["staff.add", "passkey.add", "staff.sign_in_passkey"]


async def test_the_second_use_counts_on(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    for _ in range(3):
        assert await keys.sign_in(phone.get(await keys.offer_sign_in()))


async def test_a_synced_passkey_without_a_counter_is_good_again_and_again(keys: Passkeys, database: Database) -> None:
    synced = Authenticator(counts=False)
    await register(keys, member(database), synced)
    for _ in range(3):
        assert await keys.sign_in(synced.get(await keys.offer_sign_in()))


@pytest.mark.parametrize("counts", [True, False])
async def test_what_was_said_once_is_not_said_twice(counts: bool, keys: Passkeys, database: Database) -> None:
    phone = Authenticator(counts=counts)
    await register(keys, member(database), phone)
    answer = phone.get(await keys.offer_sign_in())
    assert await keys.sign_in(answer)
    await refused(keys, answer)


async def test_of_six_who_say_the_same_at_once_one_gets_in(keys: Passkeys, database: Database) -> None:
    phone = Authenticator(counts=False)
    await register(keys, member(database), phone)
    answer = phone.get(await keys.offer_sign_in())
    results = await asyncio.gather(*(keys.sign_in(answer) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(result, Staff) for result in results) == 1
    assert sum(isinstance(result, Refused) for result in results) == 5


@pytest.mark.parametrize(
    "client",
    [{"origin": "https://evil.test"}, {"origin": "http://line.test"}, {"origin": "https://line.test.evil.test"},
     {"origin": "https://line.test:444"}, {"type": "webauthn.create"}, {"crossOrigin": True}],
)
async def test_what_was_said_to_another_page_is_refused(
    client: dict[str, Any], keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    await register(keys, member(database), phone)
    await refused(keys, phone.get(await keys.offer_sign_in(), **client))


async def test_a_challenge_that_is_not_ours_is_refused(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    ours = decode((await keys.offer_sign_in())["challenge"])
    younger = ours[:16] + (int.from_bytes(ours[16:24], "big") + 1000).to_bytes(8, "big") + ours[24:]
    for challenge in (os.urandom(56), os.urandom(32), b"", ours[:-1], ours + b"x", younger, bytes(56)):
        await refused(keys, phone.get({"challenge": encode(challenge)}))


async def test_a_challenge_is_good_for_two_minutes(
    keys: Passkeys, phone: Authenticator, database: Database, clock: Clock
) -> None:
    await register(keys, member(database), phone)
    old, young = await keys.offer_sign_in(), await keys.offer_sign_in()
    clock.now += CHALLENGE_SECONDS - 1
    assert await keys.sign_in(phone.get(young))
    clock.now += 2
    await refused(keys, phone.get(old))


async def test_a_challenge_for_one_thing_is_not_good_for_another(
    keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    salma = member(database)
    await register(keys, salma, phone)
    await refused(keys, phone.get(await keys.offer_step_up(salma, "session-1")))
    for options, session in ((await keys.offer_sign_in(), "session-1"), (await keys.offer_step_up(salma, "session-2"), "session-1")):
        with pytest.raises(Refused):
            await keys.step_up(salma, session, phone.get(options))
    await keys.step_up(salma, "session-1", phone.get(await keys.offer_step_up(salma, "session-1")))


async def test_with_the_short_lived_store_gone_no_challenge_given_out_before_is_good(
    keys: Passkeys, phone: Authenticator, database: Database, redis: Redis
) -> None:
    await register(keys, member(database), phone)
    used, unused = await keys.offer_sign_in(), await keys.offer_sign_in()
    await keys.sign_in(phone.get(used))
    await redis.flushall()
    for options in (used, unused):
        await refused(keys, phone.get(options))
    assert await keys.sign_in(phone.get(await keys.offer_sign_in()))


async def test_challenges_that_are_asked_for_and_not_used_fill_no_memory(keys: Passkeys, redis: Redis) -> None:
    await keys.offer_sign_in()
    before = await redis.dbsize()
    for _ in range(50):
        await keys.offer_sign_in()
    assert await redis.dbsize() == before == 1


async def test_without_user_verification_nobody_gets_in_or_is_added(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    salma = member(database)
    await register(keys, salma, phone)
    phone.verifies = False
    await refused(keys, phone.get(await keys.offer_sign_in()))
    with pytest.raises(Refused):
        await keys.register(salma, "s", phone.create(await keys.offer_registration(salma, "s")), "phone")


async def test_a_counter_that_goes_back_is_a_copy_refused_and_written_down(
    keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    await register(keys, member(database), phone)
    for _ in range(5):
        await keys.sign_in(phone.get(await keys.offer_sign_in()))
    for count in (1, 4):  # 5 with the next use: the same again
        phone.kept[-1].count = count
        await refused(keys, phone.get(await keys.offer_sign_in()))
    assert (await acts(database))[-2:] == ["passkey.count_back"] * 2
    phone.kept[-1].count = 5
    assert await keys.sign_in(phone.get(await keys.offer_sign_in()))


async def test_a_forged_counter_writes_nothing_down(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    await keys.sign_in(phone.get(await keys.offer_sign_in()))
    before, phone.kept[-1].count = await acts(database), 0
    answer = phone.get(await keys.offer_sign_in())
    answer["response"]["signature"] = encode(os.urandom(70))
    await refused(keys, answer)
    assert await acts(database) == before


async def test_an_unknown_credential_and_a_made_up_signature_are_refused(
    keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    salma, stranger = member(database), Authenticator()
    await register(keys, salma, phone)
    stranger.create(await keys.offer_registration(salma, "never sent"))
    await refused(keys, stranger.get(await keys.offer_sign_in()))
    stolen = phone.kept[-1]
    forged = Authenticator(kept=[type(stolen)(stolen.id, stranger.kept[-1].key, stolen.rp_id, stolen.user, 9)])
    await refused(keys, forged.get(await keys.offer_sign_in()))


async def test_another_accounts_credential_is_nobody_elses(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    salma, huda = member(database), member(database, "huda")
    await register(keys, salma, phone)
    phone.kept[-1].user = huda.id.encode()
    await refused(keys, phone.get(await keys.offer_sign_in()))
    with pytest.raises(Refused):
        await keys.step_up(huda, "s", phone.get(await keys.offer_step_up(huda, "s")))
    phone.kept[-1].user = salma.id.encode()
    with pytest.raises(Refused):
        await keys.step_up(huda, "s", phone.get(await keys.offer_step_up(huda, "s")))


async def test_a_sign_in_without_a_name_must_say_whose_it_is(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    answer = phone.get(await keys.offer_sign_in())
    del answer["response"]["userHandle"]
    await refused(keys, answer)


async def test_another_relying_partys_passkey_is_refused(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    phone.kept[-1].rp_id = "evil.test"
    await refused(keys, phone.get(await keys.offer_sign_in()))


@pytest.mark.parametrize("field", ["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("value", [None, "", "%", "AAAA", "ء", 5, [], "x" * 3000])
async def test_rubbish_is_refused_and_breaks_nothing(
    field: str, value: Any, keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    await register(keys, member(database), phone)
    answer = phone.get(await keys.offer_sign_in())
    (answer if field in answer else answer["response"])[field] = value
    await refused(keys, answer)


@pytest.mark.parametrize("value", ["", "AAAA", encode(os.urandom(400)), encode(b"\xa3" + b"a" * 40)])
async def test_rubbish_is_not_added(value: str, keys: Passkeys, phone: Authenticator, database: Database) -> None:
    salma = member(database)
    answer = phone.create(await keys.offer_registration(salma, "s"))
    answer["response"]["attestationObject"] = value
    with pytest.raises(Refused):
        await keys.register(salma, "s", answer, "phone")


async def test_what_was_made_for_one_session_is_added_by_no_other_and_once(
    keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    salma = member(database)
    answer = phone.create(await keys.offer_registration(salma, "s1"))
    with pytest.raises(Refused):
        await keys.register(salma, "s2", answer, "phone")
    await keys.register(salma, "s1", answer, "phone")
    with pytest.raises(Refused):
        await keys.register(salma, "s1", answer, "phone")
    again = phone.create(await keys.offer_registration(salma, "s1"))
    again_for = await keys.offer_registration(salma, "s1")
    assert [one["id"] for one in again_for["excludeCredentials"]] == [answer["id"]]
    assert again["id"] != answer["id"]


async def test_a_passkey_is_called_by_a_name_of_the_list_and_there_are_ten_at_most(keys: Passkeys, database: Database) -> None:
    salma = member(database)
    with pytest.raises(UnknownLabel):
        await register(keys, salma, Authenticator(), "Salma's phone")
    for _ in range(MOST):
        await register(keys, salma, Authenticator(), "security_key")
    with pytest.raises(TooManyPasskeys):
        await register(keys, salma, Authenticator())


async def test_a_passkey_taken_away_lets_nobody_in_and_only_its_owner_takes_it(
    keys: Passkeys, phone: Authenticator, database: Database
) -> None:
    salma, huda = member(database), member(database, "huda")
    made = await register(keys, salma, phone)
    with pytest.raises(NoSuchPasskey):
        await database.write(lambda c: remove_passkey(c, huda, made, now=1.0))
    assert [one.label for one in await database.read(lambda c: passkeys_of(c, salma.id))] == ["phone"]
    await database.write(lambda c: remove_passkey(c, salma, made, now=1.0))
    await refused(keys, phone.get(await keys.offer_sign_in()))


async def test_an_account_out_of_service_is_refused(keys: Passkeys, phone: Authenticator, database: Database) -> None:
    await register(keys, member(database), phone)
    await database.write(lambda c: c.execute(tables.staff.update().values(active=False)))
    await refused(keys, phone.get(await keys.offer_sign_in()))


@pytest.mark.parametrize(
    ("url", "party"),
    [("https://line.example", ("line.example", "https://line.example")), ("http://localhost:8080", ("localhost", "http://localhost:8080")),
     ("https://line.example:8443", ("line.example", "https://line.example:8443")), ("http://127.0.0.1:8080", None),
     ("https://[::1]", None), ("http://line.example", None), ("", None)],
)
def test_who_we_are_comes_from_the_public_address(url: str, party: tuple[str, str] | None) -> None:
    found = relying_party(url)
    assert (found and (found.id, found.origin)) == party


def test_the_labels_are_those_of_the_table() -> None:
    check = next(c for c in tables.passkeys.constraints if isinstance(c, sa.CheckConstraint))
    assert all(f"'{label}'" in str(check.sqltext) for label in module.PASSKEY_LABELS)
