"""The rota's page as it is rendered, and what the queue shows of desks."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from redis.asyncio import Redis

from api.scripts.desks import COMPETENCES
from api.staff import rotas
from api.staff.tables import staff
from api.v1 import Deps, build_v1
from api.web import words as catalogue
from api.web.console import build_console
from api.web.rota import _SPOKEN
from api.web.words import in_words
from api.weekly import DAYS, Span
from tests.api.web.test_console import Console
from tests.fixtures_line import shipped_release
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, NOON, PASSWORDS, Clock, FakeOutbox, databases, hire

DESKS = shipped_release().desks
TEMPLATES = Path(catalogue.__file__).parent / "templates"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def console(server: RedisServer, tmp_path: Path) -> AsyncIterator[Console]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    with databases("sqlite", tmp_path) as [database]:
        outbox, clock = FakeOutbox(), Clock()
        deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS, desks=lambda: DESKS)
        app, v1 = FastAPI(), build_v1(deps)
        app.mount("/api/v1", v1)
        app.include_router(build_console(deps))
        yield Console(app, database, redis, v1.state.relay, outbox, clock)
        await v1.state.hub.close()
    await redis.aclose()


async def works(console: Console, name: str, desk: str) -> None:
    """Day and night."""
    await console.database.write(
        lambda c: rotas.add_shifts(
            c, username=name, desk=desk, spans=[Span(day, 0, 1440) for day in range(7)], desks=DESKS, by="lead", now=NOON,
            ids=[os.urandom(12).hex() for _ in range(7)],
        )
    )


@pytest.mark.parametrize("role", ["supervisor", "admin"])
async def test_the_page_is_arabic_first_and_names_who_is_on_duty_and_who_stands_in(console: Console, role: str) -> None:
    client = await console.signed_in(role)
    hire(console.database, "huda")
    hire(console.database, "reem")
    assert "لا مناوبات بعد" in (await client.get("/console/rota")).text
    await works(console, "huda", "duty")
    await works(console, "reem", "children")
    page = await client.get("/console/rota")
    assert page.status_code == 200 and '<html lang="ar" dir="rtl">' in page.text and "no-store" in page.headers["cache-control"]
    assert "'unsafe" not in page.headers["content-security-policy"] and " style=" not in page.text and "<script>" not in page.text
    english = (await client.get("/console/rota?lang=en")).text
    assert english.count("stands in: Duty desk") == 5, "every desk but the one that is always open"
    assert english.count("does not count") == 7, "no competence for children"
    await console.database.write(
        lambda c: rotas.set_competence(
            c, username="reem", code="children", expires_at=NOON + 1e6, by="lead", now=NOON, new_id="c"
        )
    )
    english = (await client.get("/console/rota?lang=en")).text
    assert english.count("stands in: Duty desk") == 4 and "does not count" not in english
    assert "Valid until" in english
    fragment = await client.get("/console/rota/now?lang=en")
    assert fragment.status_code == 200 and "<html" not in fragment.text and "reem" in fragment.text


async def test_nobody_else_gets_the_page(console: Console) -> None:
    counsellor = await console.signed_in()
    for path in ("/console/rota", "/console/rota/now"):
        answer = await counsellor.get(path)
        assert answer.status_code in (401, 403) and "huda" not in answer.text
    assert "/console/rota" not in (await counsellor.get("/console")).text, "no link to what is not theirs"
    stranger = await console.client().get("/console/rota")
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/console/sign-in?lang=ar")
    assert (await console.client().get("/console/rota/now")).status_code == 401


async def test_a_shift_at_a_desk_that_is_no_more_can_still_be_removed(console: Console) -> None:
    client = await console.signed_in("supervisor")
    hire(console.database, "huda")
    await works(console, "huda", "duty")
    await console.database.write(lambda c: c.execute(sa.text("update staff_shifts set desk = 'amman' where day = 0")))
    page = (await client.get("/console/rota?lang=en")).text
    assert "no longer in desks.yml" in page and page.count("data-remove=\"shifts/") == 7


async def test_the_queue_names_the_desk_and_counts_who_is_on_duty(console: Console) -> None:
    client = await console.signed_in("supervisor")
    hire(console.database, "huda")
    ticket = await console.flag(desk="jordan")
    assert "on duty now" not in (await client.get("/console/queue?lang=en")).text, "no rota"
    await works(console, "huda", "duty")
    await works(console, "huda", "jordan")
    console.clock.now += 6
    page = (await client.get("/console/queue?lang=en")).text
    assert "1 person on duty now" in page and '<span class="at-desk">Jordan desk</span>' in page
    await console.database.write(lambda c: c.execute(sa.text("update tickets set called_desk = 'duty', ladder_step = 1")))
    page = (await client.get("/console/queue?lang=en")).text
    assert '<span class="at-desk">Jordan desk + Duty desk</span>' in page and "Next desk called" in page
    await console.database.write(lambda c: c.execute(sa.text("update tickets set called_desk = '', desk = ''")))
    page = (await client.get("/console/queue?lang=en")).text
    assert "at-desk" not in page and "Open to every desk" in page and ticket.id in page
    assert "/console/rota?lang=ar" in (await client.get("/console")).text


async def test_who_no_longer_works_here_is_not_counted(console: Console) -> None:
    client = await console.signed_in("supervisor")
    hire(console.database, "huda")
    await works(console, "huda", "jordan")
    await console.database.write(lambda c: c.execute(staff.update().where(staff.c.username == "huda").values(active=False)))
    assert "huda" not in (await client.get("/console/rota")).text


def test_every_word_of_the_page_is_in_the_catalogue_in_both_languages() -> None:
    asked = set(_SPOKEN) | {f"rota_day_{day}" for day in DAYS} | {f"rota_competence_{code}" for code in COMPETENCES}
    for name in ("console_rota.html", "console_rota_now.html"):
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        asked |= {code for code in re.findall(r"[\"']((?:rota_)?[a-z_]+)[\"'] (?:if|else)|words\([\"']([a-z_]+)[\"']\)", text) for code in code if code}
    asked -= {"climbed_"}
    missing = {code for code in asked if not in_words(code)}
    assert not missing and len(asked) > 40
