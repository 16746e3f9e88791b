"""The rota over HTTP: supervisors and admins only, every slip a problem with its place, each act in the trail."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from redis.asyncio import Redis

from api.audit import trail
from api.database import Database
from api.handoffs import queue
from api.v1 import Deps, build_v1
from tests.api.test_v1 import Line, problem
from tests.fixtures_line import shipped_release
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, NOON, PASSWORDS, Clock, FakeOutbox, databases, hire

DESKS = shipped_release().desks
ALL = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
SHIFTS = {"staff": "salma", "desk": "jordan", "days": ALL, "from": "00:00", "to": "24:00"}
LEAVE = {"staff": "salma", "from": "2027-01-15T00:00:00+03:00", "until": "2027-02-01T00:00:00+03:00"}
COMPETENCE = {"staff": "salma", "code": "children", "expires_on": "2027-06-30"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


@pytest.fixture
async def line(database: Database, server: RedisServer) -> AsyncIterator[Line]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    outbox, clock = FakeOutbox(), Clock()
    deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS, desks=lambda: DESKS)
    app, v1 = FastAPI(), build_v1(deps)
    app.mount("/api/v1", v1)
    yield Line(app, deps, outbox, clock, v1.state.relay)
    await v1.state.hub.close()
    await redis.aclose()


def acts(database: Database) -> list[str]:
    with database.engine.connect() as connection:
        rows = connection.execute(sa.select(trail.audit.c.act, trail.audit.c.actor).order_by(trail.audit.c.seq)).all()
    return [row.act for row in rows if row.act.startswith("rota.") and row.actor != trail.SYSTEM]


@pytest.mark.parametrize("role", ["supervisor", "admin"])
async def test_who_plans_sees_desks_and_people_and_sets_everything(line: Line, role: str) -> None:
    lead = await line.signed_in("lead", role)
    hire(line.deps.database, "salma")
    hire(line.deps.database, "editor", "editor")
    made = await lead.post("rota/shifts", json=SHIFTS)
    assert made.status_code == 201 and [shift["day"] for shift in made.json()["shifts"]] == ALL
    assert made.json()["shifts"][0].items() >= {"staff": "salma", "desk": "jordan", "from": "00:00", "to": "24:00", "overnight": False}.items()
    away = await lead.post("rota/leave", json=LEAVE)
    assert away.status_code == 201 and away.json()["from"] == "2027-01-14T21:00:00Z", away.text
    trained = await lead.post("rota/competences", json=COMPETENCE)
    assert trained.status_code == 201 and trained.json()["expires_on"] == "2027-06-30"

    rota = (await lead.get("rota")).json()
    assert [desk["code"] for desk in rota["desks"]] == list(DESKS)
    assert {desk["code"]: desk["on_duty"] for desk in rota["desks"]}["jordan"] == [], "on leave at NOON"
    assert [one["name"] for one in rota["staff"]] == (["lead", "salma"] if role == "supervisor" else ["salma"])
    for plural, count in (("shifts", 7), ("leave", 1), ("competences", 1)):
        entries = (await lead.get(f"rota/{plural}")).json()[plural]
        assert entries == rota[plural] and len(entries) == count
    assert (await lead.delete(f"rota/leave/{away.json()['id']}")).status_code == 204
    rota = (await lead.get("rota")).json()
    assert {desk["code"]: desk["on_duty"] for desk in rota["desks"]}["jordan"] == ["salma"]
    assert (await lead.delete(f"rota/competences/{trained.json()['id']}")).status_code == 204
    assert (await lead.delete(f"rota/shifts/{rota['shifts'][0]['id']}")).status_code == 204
    assert acts(line.deps.database) == [
        *["rota.add_shift"] * 7, "rota.add_leave", "rota.set_competence", "rota.remove_leave", "rota.remove_competence", "rota.remove_shift",
    ]


@pytest.mark.parametrize("role", ["counsellor", "office", "editor", "security", None])
async def test_nobody_else_sees_or_sets_it(line: Line, role: str | None) -> None:
    client = await line.signed_in("huda", role) if role else line.client()
    hire(line.deps.database, "salma")
    wanted = (403, "not-your-role") if role else (401, "signed-out")
    for path in ("rota", "rota/shifts", "rota/leave", "rota/competences"):
        problem(await client.get(path), *wanted)
    for path, body in (("rota/shifts", SHIFTS), ("rota/leave", LEAVE), ("rota/competences", COMPETENCE)):
        problem(await client.post(path, json=body), *wanted)
        problem(await client.delete(f"{path}/x"), *wanted)
    assert acts(line.deps.database) == []


async def test_a_request_from_another_site_sets_nothing(line: Line) -> None:
    lead = await line.signed_in("lead", "supervisor")
    hire(line.deps.database, "salma")
    answer = await lead.post("rota/shifts", json=SHIFTS, headers={"Origin": "https://evil.example"})
    problem(answer, 403, "foreign-origin")
    assert acts(line.deps.database) == []


SLIPS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("shifts", {"staff": "nobody"}, 422, "invalid", "/staff"),
    ("shifts", {"staff": "editor"}, 422, "invalid", "/staff"),
    ("shifts", {"staff": "x" * 65}, 422, "invalid", "/staff"),
    ("shifts", {"desk": "nowhere"}, 422, "invalid", "/desk"),
    ("shifts", {"desk": ""}, 422, "invalid", "/desk"),
    ("shifts", {"staff": "doha"}, 422, "not-their-desk", ""),
    ("shifts", {"days": []}, 422, "invalid", "/days"),
    ("shifts", {"days": ["sunday"]}, 422, "invalid", "/days"),
    ("shifts", {"days": ["sun"] * 8}, 422, "invalid", "/days"),
    ("shifts", {"from": "24:00"}, 422, "shift-empty", ""),
    ("shifts", {"from": "08:00", "to": "08:00"}, 422, "shift-empty", ""),
    ("shifts", {"from": "8 o'clock"}, 422, "invalid", "/from"),
    ("shifts", {"to": "24:30"}, 422, "invalid", "/to"),
    ("shifts", {"from": 8}, 422, "invalid", "/from"),
    ("leave", {"until": "2027-01-15T00:00:00+03:00"}, 422, "invalid", "/until"),
    ("leave", {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}, 422, "in-the-past", "/until"),
    ("leave", {"until": "9999-12-31T23:59:59-12:00"}, 422, "invalid", "/until"),
    ("leave", {"from": "0001-01-01T00:00:00+14:00"}, 422, "invalid", "/until"),
    ("leave", {"from": "2027-01-15T00:00:00"}, 422, "invalid", "/from"),
    ("leave", {"from": "next week"}, 422, "invalid", "/from"),
    ("leave", {"staff": "nobody"}, 422, "invalid", "/staff"),
    ("competences", {"code": "karate"}, 422, "invalid", "/code"),
    ("competences", {"expires_on": "2026-01-01"}, 422, "in-the-past", "/expires_on"),
    ("competences", {"expires_on": "9999-12-31"}, 422, "invalid", "/expires_on"),
    ("competences", {"expires_on": "soon"}, 422, "invalid", "/expires_on"),
    ("competences", {"staff": "nobody"}, 422, "invalid", "/staff"),
]


@pytest.mark.parametrize(("where", "change", "status", "code", "pointer"), SLIPS)
async def test_each_slip_is_a_problem_and_changes_nothing(
    line: Line, where: str, change: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    lead = await line.signed_in("lead", "supervisor")
    hire(line.deps.database, "salma")
    hire(line.deps.database, "editor", "editor")
    hire(line.deps.database, "doha", desks=("qatar",))
    flawless = {"shifts": SHIFTS, "leave": LEAVE, "competences": COMPETENCE}[where]
    body = problem(await lead.post(f"rota/{where}", json={**flawless, **change}), status, code)
    assert [error["pointer"] for error in body.get("errors", [])] == ([pointer] if pointer else [])
    assert acts(line.deps.database) == []


async def test_the_same_hours_again_are_refused_and_none_of_the_days_is_taken(line: Line) -> None:
    lead = await line.signed_in("lead", "supervisor")
    hire(line.deps.database, "salma")
    night = {**SHIFTS, "days": ["sat"], "from": "22:00", "to": "06:00"}
    made = (await lead.post("rota/shifts", json=night)).json()["shifts"]
    assert [shift["overnight"] for shift in made] == [True]
    problem(await lead.post("rota/shifts", json={**SHIFTS, "days": ["mon", "sun"], "from": "05:00", "to": "09:00"}), 409, "shift-overlaps")
    assert (await lead.get("rota/shifts")).json()["shifts"] == made
    assert (await lead.post("rota/shifts", json={**night, "desk": "duty"})).status_code == 201, "two desks at once may be"


async def test_what_is_not_there_cannot_be_removed(line: Line) -> None:
    lead = await line.signed_in("lead", "supervisor")
    for path in ("shifts/forged", "leave/" + "x" * 300, "competences/%00"):
        problem(await lead.delete(f"rota/{path}"), 404, "not-found")


async def test_every_console_hears_of_a_change(line: Line) -> None:
    lead = await line.signed_in("lead", "supervisor")
    hire(line.deps.database, "salma")
    async with line.deps.redis.pubsub() as heard:
        await heard.subscribe(queue.CHANGED)
        await lead.post("rota/shifts", json=SHIFTS)
        for _ in range(100):
            notice = await heard.get_message(ignore_subscribe_messages=True, timeout=0.2)
            if notice:
                break
        assert notice and notice["data"] == b"changed"


async def test_a_card_tells_both_desks_and_a_called_desk_may_claim(line: Line) -> None:
    hers = await line.signed_in("salma", desks=("duty",))
    others = await line.signed_in("huda", desks=("qatar",))
    lead = await line.signed_in("lead", "supervisor", desks=("qatar",))
    ticket = await line.flag(desk="jordan")
    for client in (hers, others):
        problem(await client.post(f"handoffs/{ticket.id}/claim"), 404, "not-found")
    assert [card["id"] for card in (await lead.get("handoffs")).json()["handoffs"]] == [ticket.id], "a supervisor sees every desk"
    await line.deps.database.write(lambda c: c.execute(sa.text("update tickets set called_desk = 'duty'")))
    [card] = (await hers.get("handoffs")).json()["handoffs"]
    assert (card["desk"], card["called_desk"]) == ("jordan", "duty")
    problem(await others.post(f"handoffs/{ticket.id}/claim"), 404, "not-found")
    assert (await hers.post(f"handoffs/{ticket.id}/claim", json={"epoch": card["epoch"]})).status_code == 200


async def test_a_transfer_goes_to_a_desk_that_has_a_rota(line: Line) -> None:
    hers, lead = await line.signed_in("salma"), await line.signed_in("lead", "supervisor")
    ticket = await line.flag()
    await hers.post(f"handoffs/{ticket.id}/claim")
    problem(await hers.post(f"handoffs/{ticket.id}/transfer", json={"desk": "jordan"}), 422, "invalid")
    await lead.post("rota/shifts", json=SHIFTS)
    sent: httpx.Response = await hers.post(f"handoffs/{ticket.id}/transfer", json={"desk": "jordan"})
    assert sent.status_code == 200 and sent.json()["desk"] == "jordan"


def test_the_examples_above_are_around_the_clock_of_the_tests() -> None:
    assert 1_799_960_400 < NOON < 1_801_429_200  # 15 January to 1 February 2027 in Amman
