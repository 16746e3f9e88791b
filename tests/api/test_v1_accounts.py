"""Accounts over HTTP: passkeys, step-up before a contact, recovery by two people, being put out of service."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.keys import PeriodKeys
from api.database import Database
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, mark_left, open_handoff
from api.staff.accounts import end_sessions, find_staff
from api.staff.passkeys import Passkeys, relying_party
from api.staff.recovery import EXPIRES_SECONDS
from api.staff.sessions import IDLE_SECONDS, LONGEST_SECONDS
from api.staff.signin import Refused as PasskeyRefused
from api.staff.stepup import FRESH_SECONDS
from api.staff.tables import passkeys, staff
from api.v1 import Deps, build_v1, sessions_of
from tests.fixtures_authenticator import Authenticator
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, POSTGRES_URL, Clock, FakeOutbox, databases, hire, new_id, wish

NUMBER = "+962790001122"
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


@dataclass(slots=True)
class SignIn:
    """What a member of staff knows and has."""

    username: str
    password: str
    otpauth: str
    phone: Authenticator = field(default_factory=Authenticator)

    def said(self, now: float) -> dict[str, str]:
        code = pyotp.parse_uri(self.otpauth).at(int(now))  # type: ignore[union-attr]
        return {"password": self.password, "totp": code}


@dataclass(slots=True)
class Line:
    """A helpline with its API mounted where it belongs, reached by https."""

    app: FastAPI
    deps: Deps
    clock: Clock
    addresses: ReplyAddresses
    people: dict[str, SignIn] = field(default_factory=dict)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://line.test/api/v1/")

    def hire(self, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> SignIn:
        made = hire(self.deps.database, name, role, desks)
        self.people[name] = SignIn(name, made.password, made.otpauth_uri)
        return self.people[name]

    async def enter(self, who: SignIn) -> httpx.AsyncClient:
        self.clock.now += 30  # a code works once
        client = self.client()
        answer = await client.post("session", json={"username": who.username, **who.said(self.clock())})
        assert answer.status_code == 200, answer.text
        return client

    async def signed_in(self, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> httpx.AsyncClient:
        return await self.enter(self.hire(name, role, desks))

    async def flag(self, address: str = f"whatsapp:{NUMBER}", **changes: Any) -> Ticket:
        person = changes.pop("person", new_id())
        sealed = self.addresses.seal(address, person, self.clock())
        return await self.deps.database.write(lambda c: open_handoff(
            c, wish(person=person, reply_address=sealed, **changes), new_id=new_id(), now=self.clock()
        ))  # fmt: skip

    async def acts(self) -> list[tuple[str, str]]:
        query = sa.select(trail.audit.c.act, trail.audit.c.object).order_by(trail.audit.c.seq)
        rows = await self.deps.database.read(lambda c: [(row.act, row.object) for row in c.execute(query)])
        assert await self.deps.database.read(trail.verify) is None
        return rows


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


@pytest.fixture
async def line(database: Database, server: RedisServer, tmp_path: Path) -> AsyncIterator[Line]:
    redis, clock = Redis.from_url(server.url), Clock()
    await redis.flushall()
    addresses = ReplyAddresses(PeriodKeys(tmp_path / "periods", KEYRING, os.urandom))
    deps = Deps(
        database, redis, KEYRING, FakeOutbox(), clock, os.urandom, passwords=PASSWORDS, public_url="https://line.test",
        addresses=addresses,
    )
    app, v1 = FastAPI(), build_v1(deps)
    app.mount("/api/v1", v1)
    yield Line(app, deps, clock, addresses)
    await v1.state.hub.close()
    await redis.aclose()


def problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hams:problem:{code}"), answer.text


async def add_passkey(client: httpx.AsyncClient, phone: Authenticator, label: str = "phone") -> httpx.Response:
    options = (await client.post("session/passkeys/options")).json()["publicKey"]
    return await client.post("session/passkeys", json={"label": label, "passkey": phone.create(options)})


# ---- passkeys

async def test_a_passkey_is_added_listed_used_and_taken_away(line: Line) -> None:
    client, phone = await line.signed_in("salma"), Authenticator()
    added = await add_passkey(client, phone)
    assert added.status_code == 201 and added.json()["label"] == "phone"
    other = line.client()
    options = (await other.post("session/passkey/options")).json()["publicKey"]
    entered = await other.post("session/passkey", json={"passkey": phone.get(options)})
    assert entered.json() == {"username": "salma", "role": "counsellor", "desks": [], "idle_seconds": IDLE_SECONDS}
    assert "__Host-hams=" in entered.headers["set-cookie"] and (await other.get("handoffs")).status_code == 200
    [shown] = (await client.get("session/passkeys")).json()["passkeys"]
    assert shown["id"] == added.json()["id"] and shown["used_at"] is not None
    assert (await client.delete(f"session/passkeys/{shown['id']}")).status_code == 200
    assert (await client.get("session/passkeys")).json() == {"possible": True, "passkeys": []}
    problem(await other.get("handoffs"), 401, "signed-out")  # a lost phone's session goes with its passkey
    options = (await other.post("session/passkey/options")).json()["publicKey"]
    problem(await other.post("session/passkey", json={"passkey": phone.get(options)}), 401, "refused")


async def test_a_passkey_is_added_or_taken_away_only_with_a_fresh_second_factor(line: Line) -> None:
    client, phone = await line.signed_in("salma"), Authenticator()
    made = (await add_passkey(client, phone)).json()["id"]
    options = (await client.post("session/passkeys/options")).json()["publicKey"]
    line.clock.now += FRESH_SECONDS + 1
    problem(await client.post("session/passkeys/options"), 403, "step-up-needed")
    problem(await client.post("session/passkeys", json={"label": "phone", "passkey": phone.create(options)}), 403, "step-up-needed")
    problem(await client.delete(f"session/passkeys/{made}"), 403, "step-up-needed")


async def test_a_new_password_is_no_second_factor_and_gives_no_longer_day(line: Line) -> None:
    client = await line.signed_in("salma")
    began = line.clock()
    line.clock.now += FRESH_SECONDS + 1
    new = "seven green boats at dawn"
    changed = await client.post("session/password", json={"password": line.people["salma"].password, "new_password": new})
    assert changed.status_code == 200, changed.text
    problem(await client.post("session/passkeys/options"), 403, "step-up-needed")
    line.clock.now = began + LONGEST_SECONDS + 1
    problem(await client.get("handoffs"), 401, "signed-out")


async def test_a_passkey_that_was_begun_before_a_recovery_is_not_kept(line: Line) -> None:
    client, phone = await line.signed_in("salma"), Authenticator()
    options = (await client.post("session/passkeys/options")).json()["publicKey"]
    member = await line.deps.database.read(
        lambda c: find_staff(c, c.execute(sa.select(staff.c.id).where(staff.c.username == "salma")).scalar_one())
    )
    assert member is not None
    party = relying_party("https://line.test")
    assert party is not None
    keys = Passkeys(line.deps.database, line.deps.redis, KEYRING, party, clock=line.clock, random_bytes=os.urandom)
    session = await sessions_of(line.deps).read(client.cookies.get(sessions_of(line.deps).cookie), touch=False)
    assert session is not None
    await line.deps.database.write(lambda c: end_sessions(c, member, now=line.clock()))  # as a recovery does
    with pytest.raises(PasskeyRefused):
        await keys.register(member, session.key, phone.create(options), "phone")
    assert await line.deps.database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(passkeys)).scalar_one()) == 0


async def test_somebody_elses_passkey_is_not_found_and_labels_are_codes(line: Line) -> None:
    salma, huda, phone = await line.signed_in("salma"), await line.signed_in("huda"), Authenticator()
    made = (await add_passkey(salma, phone)).json()["id"]
    for name in (made, "%00", "x" * 300, "0" * 16):
        problem(await huda.delete(f"session/passkeys/{name}"), 404, "not-found")
    answer = await add_passkey(huda, Authenticator(), "my phone")
    problem(answer, 422, "invalid")
    assert "my phone" not in answer.text


async def test_a_broken_answer_is_refused_and_not_echoed(line: Line) -> None:
    client = line.client()
    junk = {"id": "kanari", "rawId": "kanari", "type": "public-key", "response": {"clientDataJSON": "kanari"}}
    answer = await client.post("session/passkey", json={"passkey": junk})
    problem(answer, 401, "refused")
    assert "kanari" not in answer.text
    problem(await client.post("session/passkey", json={"passkey": {"id": 5}}), 422, "invalid")


# ---- step-up and the contact

async def claimed(line: Line, client: httpx.AsyncClient, **changes: Any) -> Ticket:
    ticket = await line.flag(**changes)
    assert (await client.post(f"handoffs/{ticket.id}/claim")).status_code == 200
    return ticket


async def test_a_contact_is_shown_to_its_owner_with_a_reason_and_written_down(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await claimed(line, client, call=True)
    answer = await client.post(f"handoffs/{ticket.id}/contact", json={"reason": "call_wish"})
    assert answer.json() == {"channel": "whatsapp", "number": NUMBER}
    assert answer.headers["cache-control"] == "no-store"
    assert (await line.acts())[-1] == ("contact.call_wish", ticket.id)


async def test_after_five_minutes_a_contact_needs_a_second_factor_again(line: Line) -> None:
    client = await line.signed_in("salma")
    who, ticket = line.people["salma"], await claimed(line, client)
    path, body = f"handoffs/{ticket.id}/contact", {"reason": "emergency_services"}
    line.clock.now += FRESH_SECONDS - 1
    assert (await client.post(path, json=body)).status_code == 200
    line.clock.now += 2
    before = await line.acts()
    problem(await client.post(path, json=body), 403, "step-up-needed")
    assert await line.acts() == before
    problem(await client.post("session/step-up", json={"password": "wrong password!", "totp": "000000"}), 401, "refused")
    problem(await client.post(path, json=body), 403, "step-up-needed")
    proved = await client.post("session/step-up", json=who.said(line.clock()))
    assert proved.status_code == 200 and proved.json()["fresh_until"].endswith("Z")
    assert (await client.post(path, json=body)).json()["number"] == NUMBER
    problem(await client.post("session/step-up", json=who.said(line.clock())), 401, "refused")  # a code works once


async def test_a_passkey_is_a_second_factor_for_its_own_session(line: Line) -> None:
    client, phone = await line.signed_in("salma"), Authenticator()
    await add_passkey(client, phone)
    there = await line.enter(line.people["salma"])
    ticket = await claimed(line, client)
    line.clock.now += FRESH_SECONDS + 1
    asked = (await client.post("session/step-up/options")).json()["publicKey"]
    assert len(asked["allowCredentials"]) == 1
    answer = {"passkey": phone.get(asked)}
    problem(await there.post("session/step-up", json=answer), 401, "refused")
    assert (await client.post("session/step-up", json=answer)).status_code == 200
    body = {"reason": "safe_contact"}
    problem(await there.post(f"handoffs/{ticket.id}/contact", json=body), 403, "step-up-needed")
    assert (await client.post(f"handoffs/{ticket.id}/contact", json=body)).status_code == 200


async def test_a_step_up_is_one_way_or_the_other(line: Line) -> None:
    client = await line.signed_in("salma")
    for body in ({}, {"password": "x"}, {"totp": "123456"}):
        problem(await client.post("session/step-up", json=body), 422, "invalid")
    problem(await line.client().post("session/step-up", json={"password": "x", "totp": "1"}), 401, "signed-out")


async def test_a_step_up_does_not_bring_an_ended_session_back(line: Line) -> None:
    client = await line.signed_in("salma")
    cookies = dict(client.cookies)
    await client.delete("session")
    client.cookies.update(cookies)
    problem(await client.post("session/step-up", json=line.people["salma"].said(line.clock() + 30)), 401, "signed-out")


async def test_only_the_owner_sees_a_contact(line: Line) -> None:
    owner, colleague = await line.signed_in("salma"), await line.signed_in("huda")
    stranger = await line.signed_in("doha", desks=("doha",))
    ticket, body = await claimed(line, owner, desk="amman"), {"reason": "call_wish"}
    waiting = await line.flag()
    problem(await colleague.post(f"handoffs/{ticket.id}/contact", json=body), 409, "not-yours")
    problem(await owner.post(f"handoffs/{waiting.id}/contact", json=body), 409, "not-yours")
    problem(await stranger.post(f"handoffs/{ticket.id}/contact", json=body), 404, "not-found")
    problem(await owner.post(f"handoffs/{ticket.id}/contact", json={**body, "epoch": 1}), 409, "stale-epoch")
    problem(await (await line.signed_in("chief", "admin")).post(f"handoffs/{ticket.id}/contact", json=body), 403, "not-your-role")
    assert not [act for act, _ in await line.acts() if act.startswith("contact.")]


async def test_a_reason_is_one_of_the_codes(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await claimed(line, client)
    for reason in ("kanari", "", "curious"):
        answer = await client.post(f"handoffs/{ticket.id}/contact", json={"reason": reason})
        problem(answer, 422, "invalid")
        assert "kanari" not in answer.text
    problem(await client.post(f"handoffs/{ticket.id}/contact", json={}), 422, "invalid")


async def test_after_an_exit_there_is_no_contact(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await claimed(line, client, band="RED")
    await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=line.clock()))
    answer = await client.post(f"handoffs/{ticket.id}/contact", json={"reason": "call_wish"})
    problem(answer, 410, "contact-gone")
    assert NUMBER not in answer.text


async def test_after_the_end_there_is_no_contact(line: Line) -> None:
    client = await line.signed_in("salma")
    ticket = await claimed(line, client)
    await client.post(f"handoffs/{ticket.id}/close", json={"outcome": "helped"})
    assert (await client.post(f"handoffs/{ticket.id}/contact", json={"reason": "call_wish"})).status_code in (409, 410)


async def test_an_address_without_a_number_or_without_its_key_shows_nothing(line: Line) -> None:
    client = await line.signed_in("salma")
    opaque = await claimed(line, client, address="whatsapp:JO.1234abcd")
    problem(await client.post(f"handoffs/{opaque.id}/contact", json={"reason": "call_wish"}), 410, "contact-gone")
    damaged = await claimed(line, client)
    await line.deps.database.write(lambda c: c.execute(
        tickets.update().where(tickets.c.id == damaged.id).values(reply_address=b"2027-01-15 junk")
    ))  # fmt: skip
    problem(await client.post(f"handoffs/{damaged.id}/contact", json={"reason": "call_wish"}), 410, "contact-gone")


# ---- recovery by two

async def test_an_account_is_recovered_by_an_admin_and_a_second_person(line: Line) -> None:
    salma, phone = await line.signed_in("salma"), Authenticator()
    await add_passkey(salma, phone)
    old = line.people["salma"]
    chief, lead = await line.signed_in("chief", "admin"), await line.signed_in("lead", "supervisor")
    assert (await chief.post("staff/Salma/recovery")).status_code == 201
    assert (await salma.get("handoffs")).status_code == 200  # nothing has happened yet
    [shown] = [one for one in (await lead.get("staff")).json()["accounts"] if one["username"] == "salma"]
    assert shown["recovery_by"] == "chief" and shown["passkeys"] == 1
    made = (await lead.post("staff/salma/recovery/confirm")).json()
    assert set(made) == {"username", "password", "expires_at"}, "the second person sees no secret of the new authenticator"
    assert made["username"] == "salma" and made["password"] != old.password
    problem(await salma.get("handoffs"), 401, "signed-out")
    other = line.client()
    options = (await other.post("session/passkey/options")).json()["publicKey"]
    problem(await other.post("session/passkey", json={"passkey": phone.get(options)}), 401, "refused")
    line.clock.now += 30
    problem(await other.post("session", json={"username": "salma", **old.said(line.clock())}), 401, "refused")
    problem(await lead.post("staff/salma/recovery/confirm"), 409, "not-possible")  # shown once
    acts = [act for act, _ in await line.acts()]
    assert [act for act in acts if act.startswith("recovery")] == ["recovery.open", "recovery.confirm"]

    problem(await other.post("session", json={"username": "salma", "password": "wrong"}), 401, "refused")
    salma = line.client()
    entered = await salma.post("session", json={"username": "salma", "password": made["password"]})
    assert entered.json()["own_password_first"] is True, "the password alone, for this one thing"
    for method, path in (("GET", "handoffs"), ("GET", "stats"), ("POST", "session/passkeys/options"), ("GET", "staff"),
                         ("POST", "session/step-up/options")):
        problem(await salma.request(method, path), 403, "own-password-first")
    shown = await salma.post("session/authenticator")
    assert shown.headers["cache-control"] == "no-store"
    mine = SignIn("salma", "a pass phrase of her own", shown.json()["otpauth"])
    assert mine.otpauth != old.otpauth
    body = {"password": made["password"], "new_password": mine.password}
    for code in ("", "000000", old.said(line.clock())["totp"]):
        problem(await salma.post("session/password", json=body | {"totp": code}), 401, "refused")
    line.clock.now += 60
    code = mine.said(line.clock())["totp"]
    assert (await salma.post("session/password", json=body | {"totp": code})).status_code == 200
    assert (await salma.get("handoffs")).status_code == 200
    problem(await salma.post("session/authenticator"), 409, "not-possible")  # shown no more
    line.clock.now += 30
    fresh = line.client()
    problem(await fresh.post("session", json={"username": "salma", "password": mine.password}), 401, "refused")
    problem(await fresh.post("session", json={"username": "salma", "password": mine.password, "totp": code}), 401, "refused")
    assert (await fresh.post("session", json={"username": "salma", **mine.said(line.clock())})).status_code == 200
    acts = [act for act, _ in await line.acts()]
    assert acts.count("staff.authenticator") == 1


async def test_an_authenticator_s_secret_is_shown_to_nobody_who_was_not_recovered(line: Line) -> None:
    salma = await line.signed_in("salma")
    problem(await salma.post("session/authenticator"), 409, "not-possible")
    problem(await line.client().post("session/authenticator"), 401, "signed-out")
    new = {"password": line.people["salma"].password, "new_password": "a better pass phrase"}
    assert (await salma.post("session/password", json=new)).status_code == 200, "nobody else is asked for a code"


async def test_whoever_signs_in_second_with_a_one_time_password_finds_the_account_taken(line: Line) -> None:
    line.hire("salma")
    chief, lead = await line.signed_in("chief", "admin"), await line.signed_in("lead", "supervisor")
    await chief.post("staff/salma/recovery")
    made = (await lead.post("staff/salma/recovery/confirm")).json()
    first, second = line.client(), line.client()
    for client in (first, second):
        assert (await client.post("session", json={"username": "salma", "password": made["password"]})).status_code == 200
    own = SignIn("salma", "", (await first.post("session/authenticator")).json()["otpauth"])
    body = {"password": made["password"], "new_password": "a pass phrase of her own", "totp": own.said(line.clock())["totp"]}
    assert (await first.post("session/password", json=body)).status_code == 200
    problem(await second.post("session/authenticator"), 401, "signed-out")


async def test_a_one_time_password_is_good_for_an_hour(line: Line) -> None:
    who, chief, lead = line.hire("salma"), await line.signed_in("chief", "admin"), await line.signed_in("lead", "supervisor")
    await chief.post("staff/salma/recovery")
    made = (await lead.post("staff/salma/recovery/confirm")).json()
    line.clock.now += EXPIRES_SECONDS + 1
    problem(await line.client().post("session", json={"username": who.username, "password": made["password"]}), 401, "refused")


async def test_nobody_recovers_an_account_alone(line: Line) -> None:
    line.hire("salma")
    chief, second = await line.signed_in("chief", "admin"), await line.signed_in("second", "admin")
    lead = await line.signed_in("lead", "supervisor")
    salma = await line.enter(line.people["salma"])
    problem(await lead.post("staff/salma/recovery"), 403, "not-your-role")
    problem(await salma.post("staff/salma/recovery/confirm"), 403, "not-your-role")
    problem(await lead.post("staff/salma/recovery/confirm"), 409, "not-possible")  # nobody has asked
    await chief.post("staff/salma/recovery")
    problem(await chief.post("staff/salma/recovery/confirm"), 409, "not-possible")  # the same person
    problem(await second.post("staff/salma/recovery"), 409, "not-possible")  # it waits already: confirm that one
    await chief.post("staff/second/recovery")
    problem(await second.post("staff/second/recovery/confirm"), 409, "not-possible")  # the account itself
    problem(await chief.post("staff/chief/recovery"), 409, "not-possible")
    assert (await second.delete("staff/salma/recovery")).status_code == 204
    problem(await lead.post("staff/salma/recovery/confirm"), 409, "not-possible")
    problem(await second.delete("staff/salma/recovery"), 409, "not-possible")


async def test_a_recovery_lapses_after_an_hour_and_with_its_admin(line: Line) -> None:
    line.hire("salma")
    line.hire("huda")
    chief, second = await line.signed_in("chief", "admin"), await line.signed_in("second", "admin")
    await chief.post("staff/huda/recovery")
    assert (await second.post("staff/chief/deactivate")).status_code == 204
    problem(await second.post("staff/huda/recovery/confirm"), 409, "not-possible")
    line.hire("third", "admin")
    third = await line.enter(line.people["third"])
    assert (await third.post("staff/salma/recovery")).status_code == 201
    line.clock.now += EXPIRES_SECONDS + 1
    second = await line.enter(line.people["second"])
    problem(await second.post("staff/salma/recovery/confirm"), 409, "not-possible")
    assert (await second.post("staff/salma/recovery")).status_code == 201  # one that lapsed is in nobody's way


async def test_what_touches_accounts_needs_a_fresh_second_factor(line: Line) -> None:
    line.hire("salma")
    chief, lead = await line.signed_in("chief", "admin"), await line.signed_in("lead", "supervisor")
    await chief.post("staff/salma/recovery")
    line.clock.now += FRESH_SECONDS + 1
    for client, path in ((chief, "recovery"), (chief, "deactivate"), (lead, "recovery/confirm")):
        problem(await client.post(f"staff/salma/{path}"), 403, "step-up-needed")


async def test_one_admin_puts_out_of_service_at_once_and_it_takes_two_to_come_back(line: Line) -> None:
    salma = await line.signed_in("salma")
    chief, second = await line.signed_in("chief", "admin"), await line.signed_in("second", "admin")
    assert (await chief.post("staff/salma/deactivate")).status_code == 204
    problem(await salma.get("session"), 401, "signed-out")
    line.clock.now += 30
    said = {"username": "salma", **line.people["salma"].said(line.clock())}
    problem(await line.client().post("session", json=said), 401, "refused")
    problem(await chief.post("staff/salma/deactivate"), 409, "not-possible")
    await chief.post("staff/salma/recovery")
    made = (await second.post("staff/salma/recovery/confirm")).json()
    assert (await line.client().post("session", json={"username": "salma", "password": made["password"]})).status_code == 200


async def test_the_last_admin_cannot_be_shut_out(line: Line) -> None:
    chief, second = await line.signed_in("chief", "admin"), await line.signed_in("second", "admin")
    problem(await chief.post("staff/chief/deactivate"), 409, "not-possible")
    results = await asyncio.gather(chief.post("staff/second/deactivate"), second.post("staff/chief/deactivate"))
    assert sorted(result.status_code for result in results) in ([204, 401], [204, 409])


async def test_an_account_of_another_desk_is_not_found(line: Line) -> None:
    line.hire("salma", desks=("amman",))
    line.hire("everywhere")
    doha = await line.signed_in("doha-lead", "supervisor", ("doha",))
    admin = await line.signed_in("doha-admin", "admin", ("doha",))
    assert {one["username"] for one in (await doha.get("staff")).json()["accounts"]} == {"doha-lead", "doha-admin"}
    for name in ("salma", "everywhere", "nobody", "%00", "x" * 300):
        problem(await doha.post(f"staff/{name}/recovery/confirm"), 404, "not-found")
        for method, path in (("POST", "recovery"), ("DELETE", "recovery"), ("POST", "deactivate")):
            problem(await admin.request(method, f"staff/{name}/{path}"), 404, "not-found")


# ---- sessions

async def test_signing_out_everywhere_ends_every_session(line: Line) -> None:
    here, there = await line.signed_in("salma"), await line.enter(line.people["salma"])
    assert (await here.delete("sessions")).status_code == 204
    for client in (here, there):
        problem(await client.get("session"), 401, "signed-out")


async def test_where_browsers_allow_no_passkeys_it_is_said_and_everything_else_works(line: Line) -> None:
    v1 = build_v1(replace(line.deps, public_url="http://127.0.0.1:8080"))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(v1), base_url="http://127.0.0.1:8080")
    problem(await client.post("/session/passkey/options"), 409, "no-passkeys")
    said = {"username": "salma", **line.hire("salma").said(line.clock())}
    assert (await client.post("/session", json=said)).status_code == 200
    assert (await client.get("/session/passkeys")).json()["possible"] is False
    await v1.state.hub.close()


@pytest.mark.parametrize("name", ["\x00", "sal\x00ma", "\ud800", "x" * 64, "' or 1=1 --", ""])
async def test_a_name_no_account_can_have_is_refused_like_any_other(name: str, line: Line) -> None:
    client = line.client()
    said = json.dumps({"username": name, "password": "wrong password!", "totp": "000000"})
    answer = await client.post("session", content=said, headers={"content-type": "application/json"})
    assert answer.status_code in (401, 422), answer.text
