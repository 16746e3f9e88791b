"""Every route of the API, for every role, for a ticket or an account of another desk: from the OpenAPI document itself.

A route that is added without a line in ``WHO`` fails here, so nobody can add one without saying who may use it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from api.handoffs import claims
from api.handoffs.tickets import Ticket, find, open_handoff
from api.staff.tables import ROLES
from api.v1 import Deps, build_v1
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, code_of, databases, hire, new_id, wish

EVERYBODY = frozenset(ROLES)
TALKS = frozenset({"counsellor", "supervisor"})
LOOKS_AFTER = frozenset({"supervisor", "admin"})
ADMIN = frozenset({"admin"})
SUPERVISOR = frozenset({"supervisor"})

ANYBODY = None
"""Without a session: the ways in."""

WHO: dict[tuple[str, str], frozenset[str] | None] = {
    ("post", "/session"): ANYBODY,
    ("post", "/session/passkey/options"): ANYBODY,
    ("post", "/session/passkey"): ANYBODY,
    ("delete", "/session"): ANYBODY,  # signing out twice harms nobody
    ("get", "/session"): EVERYBODY,
    ("post", "/session/password"): EVERYBODY,
    ("post", "/session/authenticator"): EVERYBODY,  # of one's own account, after a recovery
    ("post", "/session/step-up"): EVERYBODY,
    ("post", "/session/step-up/options"): EVERYBODY,
    ("get", "/session/passkeys"): EVERYBODY,
    ("post", "/session/passkeys"): EVERYBODY,
    ("post", "/session/passkeys/options"): EVERYBODY,
    ("delete", "/session/passkeys/{passkey_id}"): EVERYBODY,
    ("delete", "/sessions"): EVERYBODY,
    ("get", "/staff"): LOOKS_AFTER,
    ("post", "/staff/{username}/recovery"): ADMIN,
    ("delete", "/staff/{username}/recovery"): ADMIN,
    ("post", "/staff/{username}/recovery/confirm"): LOOKS_AFTER,
    ("post", "/staff/{username}/deactivate"): ADMIN,
    ("get", "/handoffs"): TALKS,
    ("get", "/handoffs/{ticket_id}"): TALKS,
    ("post", "/handoffs/{ticket_id}/claim"): TALKS,
    ("post", "/handoffs/{ticket_id}/release"): TALKS,
    ("post", "/handoffs/{ticket_id}/transfer"): TALKS,
    ("post", "/handoffs/{ticket_id}/messages"): TALKS,
    ("post", "/handoffs/{ticket_id}/close"): TALKS,
    ("post", "/handoffs/{ticket_id}/contact"): TALKS,
    ("post", "/handoffs/{ticket_id}/invite"): TALKS,
    ("post", "/handoffs/{ticket_id}/accept"): TALKS,
    ("post", "/handoffs/{ticket_id}/decline"): TALKS,
    ("post", "/handoffs/{ticket_id}/leave"): TALKS,
    ("get", "/handoffs/{ticket_id}/colleagues/{username}/keys"): TALKS,
    ("post", "/handoffs/{ticket_id}/join"): SUPERVISOR,
    ("post", "/handoffs/{ticket_id}/take-over"): SUPERVISOR,
    ("post", "/handoffs/{ticket_id}/raise"): TALKS,
    ("post", "/handoffs/{ticket_id}/lower"): TALKS,
    ("post", "/handoffs/{ticket_id}/lower/confirm"): TALKS,
    ("post", "/handoffs/{ticket_id}/lower/decline"): TALKS,
    ("post", "/handoffs/{ticket_id}/block"): TALKS,
    ("post", "/handoffs/{ticket_id}/block/lift"): SUPERVISOR,
    ("get", "/rota"): LOOKS_AFTER,
    ("get", "/rota/shifts"): LOOKS_AFTER,
    ("post", "/rota/shifts"): LOOKS_AFTER,
    ("delete", "/rota/shifts/{entry_id}"): LOOKS_AFTER,
    ("get", "/rota/leave"): LOOKS_AFTER,
    ("post", "/rota/leave"): LOOKS_AFTER,
    ("delete", "/rota/leave/{entry_id}"): LOOKS_AFTER,
    ("get", "/rota/competences"): LOOKS_AFTER,
    ("post", "/rota/competences"): LOOKS_AFTER,
    ("delete", "/rota/competences/{entry_id}"): LOOKS_AFTER,
    ("post", "/handoffs/{ticket_id}/refer"): EVERYBODY,  # 501 until referrals are built
    ("get", "/referrals"): EVERYBODY,
    ("post", "/referrals/{referral_id}/acknowledge"): EVERYBODY,
    ("post", "/referrals/{referral_id}/status"): EVERYBODY,
    ("get", "/stats"): frozenset({"counsellor", "supervisor", "admin"}),
}

BODIES: dict[str, dict[str, Any]] = {
    "/handoffs/{ticket_id}/transfer": {"desk": "doha"},
    "/handoffs/{ticket_id}/messages": {"text": "kanari"},
    "/handoffs/{ticket_id}/contact": {"reason": "call_wish"},
    "/handoffs/{ticket_id}/invite": {"to": "stranger"},
    "/handoffs/{ticket_id}/raise": {"reason": "my_judgement"},
    "/handoffs/{ticket_id}/lower": {"band": "UNKNOWN", "reason": "misread"},
    "/handoffs/{ticket_id}/lower/confirm": {"change": "x"},
    "/handoffs/{ticket_id}/lower/decline": {"change": "x"},
    "/handoffs/{ticket_id}/block": {"reason": "prank"},
    "/rota/shifts": {"staff": "stranger", "desk": "doha", "days": ["sun"], "start": "08:00", "end": "16:00"},
    "/rota/leave": {"staff": "stranger", "begins_at": "2027-01-01T00:00:00Z", "ends_at": "2027-01-02T00:00:00Z"},
    "/rota/competences": {"staff": "stranger", "code": "children", "expires_at": "2027-01-01T00:00:00Z"},
}
"""What makes a request whole where a body is needed: who may not must be told so, not that a field is missing."""

NOT_BUILT = {route for route in WHO if "refer" in route[1]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def deps(server: RedisServer, tmp_path: Path) -> AsyncIterator[Deps]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    with databases("sqlite", tmp_path) as [database]:
        yield Deps(
            database, redis, KEYRING, FakeOutbox(), Clock(), os.urandom, passwords=PASSWORDS, public_url="https://line.test"
        )
    await redis.aclose()


@pytest.fixture
async def app(deps: Deps) -> AsyncIterator[FastAPI]:
    made = build_v1(deps)
    yield made
    await made.state.hub.close()


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="https://line.test")


async def entered(app: FastAPI, deps: Deps, name: str, role: str, desks: tuple[str, ...]) -> httpx.AsyncClient:
    member, client = hire(deps.database, name, role, desks), client_of(app)
    said = {"username": name, "password": member.password, "totp": code_of(member, deps.clock())}
    assert (await client.post("/session", json=said)).status_code == 200
    return client


async def owned_ticket(deps: Deps, desk: str, staff: str) -> Ticket:
    """Somebody of that desk talks with this person."""
    ticket = await deps.database.write(
        lambda c: open_handoff(c, wish(person=new_id(), desk=desk), new_id=new_id(), now=deps.clock())
    )
    return await deps.database.write(lambda c: claims.claim(c, ticket.id, staff=staff, now=deps.clock()))


async def ask(client: httpx.AsyncClient, method: str, path: str, **names: str) -> httpx.Response:
    whole = path.format(**({"ticket_id": "x", "referral_id": "x", "username": "x", "passkey_id": "x", "entry_id": "x"} | names))
    body = BODIES.get(path) if method == "post" else None
    return await client.request(method, whole, json=body)


def code(answer: httpx.Response) -> str:
    if answer.headers.get("content-type") != "application/problem+json":
        return "fine"
    return str(answer.json()["type"]).rsplit(":", 1)[-1]


def routes(app: FastAPI) -> set[tuple[str, str]]:
    return {(method, path) for path, item in app.openapi()["paths"].items() for method in item}


async def test_every_route_says_who_may_use_it(app: FastAPI) -> None:
    assert routes(app) == set(WHO)


async def test_without_a_session_there_is_only_the_way_in(app: FastAPI) -> None:
    for (method, path), who in WHO.items():
        answer = await ask(client_of(app), method, path)
        assert (code(answer) == "signed-out" and answer.status_code == 401) == (who is not ANYBODY), (method, path, answer.status_code)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_what_the_table_says_and_nothing_else(role: str, app: FastAPI, deps: Deps) -> None:
    for number, ((method, path), who) in enumerate(sorted(WHO.items())):
        if who is ANYBODY:
            continue
        client = await entered(app, deps, f"someone{number}", role, ("amman",))
        answer = await ask(client, method, path)
        assert answer.status_code != 500, (method, path)
        assert (code(answer) == "not-your-role") == (role not in who), (role, method, path, answer.status_code, code(answer))
        assert (answer.status_code == 403 and code(answer) == "not-your-role") or role in who, (role, method, path)


@pytest.mark.parametrize("role", ROLES)
async def test_what_belongs_to_another_desk_does_not_exist(role: str, app: FastAPI, deps: Deps) -> None:
    """404 and the same bytes as for an id nobody has: 403 would say that there is something."""
    if role == "supervisor":
        pytest.skip("supervisors see every desk (decision 20)")
    other = hire(deps.database, "stranger", "counsellor", ("doha",))
    client = await entered(app, deps, "someone", role, ("amman",))
    for (method, path), who in sorted(WHO.items()):
        if who is ANYBODY or role not in who or "{" not in path or (method, path) in NOT_BUILT:
            continue
        ticket = await owned_ticket(deps, "doha", other.id)
        answer = await ask(client, method, path, ticket_id=ticket.id, username="stranger")
        nobodys = await ask(client, method, path, ticket_id="0" * 32, username="nobody")
        assert (answer.status_code, code(answer)) == (404, "not-found"), (role, method, path)
        assert answer.content == nobodys.content
        assert await deps.database.read(lambda c, t=ticket: find(c, t.id)) == ticket, "nothing was changed"
    for method, path in (("get", "/handoffs"), ("get", "/staff")):
        answer = await ask(client, method, path)
        assert "stranger" not in answer.text and "doha" not in answer.text


@pytest.mark.parametrize("role", sorted(TALKS))
async def test_what_a_colleague_of_the_same_desk_owns_is_seen_and_not_touched(role: str, app: FastAPI, deps: Deps) -> None:
    other = hire(deps.database, "colleague", "counsellor", ("amman",))
    client = await entered(app, deps, "someone", role, ("amman",))
    for act in ("claim", "release", "transfer", "messages", "close", "contact"):
        ticket, path = await owned_ticket(deps, "amman", other.id), f"/handoffs/{{ticket_id}}/{act}"
        body = {"transfer": {"desk": "amman"}}.get(act, BODIES.get(path, {}))
        answer = await client.post(path.format(ticket_id=ticket.id), json=body)
        assert (answer.status_code, code(answer)) == (409, "not-yours"), (role, act)
        assert await deps.database.read(lambda c, t=ticket: find(c, t.id)) == ticket
