"""Parts of pages that htmx puts in place: whose code that is, what it may do, and who gets which part."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator

import httpx
import pytest

from api.handoffs import claims
from api.staff import rotas
from api.web.console import HEADERS
from api.weekly import Span
from tests.api.web import test_rota
from tests.api.web.test_console import STATIC, Console
from tests.api.web.test_rota import DESKS
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import NOON, NewStaff, code_of, hire, new_id

VENDOR = STATIC / "vendor"
TEMPLATES = STATIC.parent / "templates"

console = test_rota.console


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


async def signed_in(console: Console, member: NewStaff) -> httpx.AsyncClient:
    """A client with this member's session."""
    client = console.client()
    said = {"username": member.username, "password": member.password, "totp": code_of(member, console.clock())}
    assert (await client.post("/api/v1/session", json=said)).status_code == 200
    console.clock.now += 60  # a code works once
    return client


# -- code of others ----------------------------------------------------------------------------------------------------


def test_code_of_others_is_what_was_pinned_and_comes_with_its_licence() -> None:
    pinned = tomllib.loads((VENDOR / "vendored.toml").read_text("utf-8"))["file"]
    assert {one["name"] for one in pinned} == {file.name for file in VENDOR.glob("*.js")}, "nothing that is not pinned"
    for one in pinned:
        content = (VENDOR / one["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"], one["name"]
        assert "Permission to use" in (VENDOR / one["licence"]).read_text("utf-8")
    assert b'version="2.0.11"' in (VENDOR / "htmx.min.js").read_bytes().replace(b"'", b'"').replace(b"version:", b"version=")


async def test_code_of_others_is_served_by_us_under_our_policy(console: Console) -> None:
    for name in ("htmx.min.js", "idiomorph.min.js"):
        answer = await console.client().get(f"/console/static/{name}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    for name in ("vendored.toml", "htmx.LICENSE.txt", "vendor/htmx.min.js"):
        assert (await console.client().get(f"/console/static/{name}")).status_code == 404


async def test_htmx_is_told_to_evaluate_nothing_to_keep_nothing_and_to_ask_nobody_else(console: Console) -> None:
    page = (await (await console.signed_in("supervisor")).get("/console")).text
    found = re.search(r'<meta name="htmx-config" content="([^"]*)">', page)
    assert found is not None
    config = json.loads(found.group(1).replace("&#34;", '"'))
    assert [config[name] for name in ("allowEval", "allowScriptTags", "includeIndicatorStyles", "historyEnabled")] == [False] * 4
    assert config["selfRequestsOnly"] is True and config["historyCacheSize"] == 0
    for template in TEMPLATES.glob("console*.html"):
        said = template.read_text("utf-8")
        assert not re.search(r"hx-on|hx-vals=.js:|hx-push-url|hx-boost|hx-trigger=\"[^\"]*\[", said), template.name
        assert all(path.startswith("/console/") for path in re.findall(r'hx-(?:get|post|put|delete)="([^"]*)"', said)), template.name


async def test_a_page_with_two_hundred_people_weighs_no_more_than_it_may(console: Console) -> None:
    client = await console.signed_in("supervisor")
    for number in range(200):
        await console.flag(person=f"{number:032x}", band=("RED", "HIGH", "ELEVATED")[number % 3], reasons=("P1", "weapon"))
    page = (await client.get("/console")).content
    assert page.count(b'<li class="card') == 200
    files = [*STATIC.glob("console*"), *VENDOR.glob("*.js")]
    over_the_wire = sum(len(gzip.compress(content, 4)) for content in (page, *(file.read_bytes() for file in files)))
    assert over_the_wire <= 100_000


# -- who gets which part -----------------------------------------------------------------------------------------------


async def test_a_part_is_for_whoever_is_signed_in_and_keeps_no_session_alive(console: Console) -> None:
    client = await console.signed_in("supervisor")
    paths = ("/console/queue", "/console/rota/now", "/console/account/passkeys", "/console/account/others")
    [key] = await console.redis.keys("session:*")
    await console.redis.expire(key, 60)
    for path in paths:
        assert (await client.get(path)).status_code == 200
        assert (await console.client().get(path)).status_code == 401
    assert await console.redis.ttl(key) <= 60
    stranger = await console.client().get("/console/rota", headers={"HX-Request": "true"})
    assert stranger.status_code == 401, "a page that asks for its parts is not led to another one"


async def test_the_accounts_of_others_are_shown_to_those_who_look_after_them_and_of_their_desks_only(console: Console) -> None:
    lead = hire(console.database, "lead", "supervisor", ("jordan",))
    here, there = hire(console.database, "huda", desks=("jordan",)), hire(console.database, "noor", desks=("qatar",))
    counsellor = await signed_in(console, here)
    assert "huda" not in (await counsellor.get("/console/account/others")).text
    said = (await (await signed_in(console, lead)).get("/console/account/others?lang=en")).text
    assert here.username in said and there.username not in said
    assert "data-act" not in said, "to put out of service and to ask for a recovery is an admin's"
    said = (await (await signed_in(console, hire(console.database, "chief", "admin"))).get("/console/account/others?lang=en")).text
    assert said.count('data-act="put-out"') == 3, "of others, not of oneself"


async def test_an_account_that_must_choose_a_password_first_sees_no_list(console: Console) -> None:
    chief = hire(console.database, "chief", "admin")
    client = await signed_in(console, chief)
    await console.database.write(lambda c: c.exec_driver_sql("update staff set password_until = 9e9 where username = 'chief'"))
    assert (await client.get("/console/account/others")).status_code == 401
    assert "accounts" not in (await client.get("/console/account")).text.split("<main", 1)[1].replace("account_", "")


async def test_a_person_can_be_handed_to_colleagues_who_may_see_them_with_those_on_duty_first(console: Console) -> None:
    mine = hire(console.database, "salma", desks=("jordan",))
    duty = hire(console.database, "reem", desks=("jordan",))
    hire(console.database, "huda", desks=("jordan", "qatar"))
    hire(console.database, "noor", desks=("qatar",))
    hire(console.database, "lead", "supervisor", ("qatar",))
    hire(console.database, "chief", "admin")
    hire(console.database, "gone", desks=("jordan",))
    await console.database.write(lambda c: c.exec_driver_sql("update staff set active = false where username = 'gone'"))
    client = await signed_in(console, mine)
    ticket = await console.flag(desk="jordan")
    path = f"/console/colleagues/{ticket.id}?lang=en"
    assert (await client.get(path)).status_code == 404, "not claimed"
    await console.database.write(lambda c: claims.claim(c, ticket.id, staff=mine.id, now=NOON))

    def names(html: str) -> list[str]:
        return re.findall(r'<option value="(\w+)"', html)

    said = (await client.get(path)).text
    assert names(said) == ["huda", "lead", "reem"] and "optgroup" not in said
    await console.database.write(lambda c: rotas.add_shifts(
        c, username="reem", desk="jordan", spans=[Span(day, 0, 1440) for day in range(7)], desks=DESKS, by="lead", now=NOON,
        ids=[new_id()[:24] for _ in range(7)],
    ))  # fmt: skip
    said = (await client.get(path)).text
    assert names(said) == ["reem", "huda", "lead"] and said.index("On duty now") < said.index("reem") < said.index("Not on duty")

    other = await signed_in(console, duty)
    for strange in (ticket.id, "nobody", "%00", "x" * 300):
        assert (await other.get(f"/console/colleagues/{strange}")).status_code == 404
    assert (await console.client().get(path)).status_code == 401


async def test_a_claim_that_ends_takes_the_list_away(console: Console) -> None:
    mine = hire(console.database, "salma")
    client, ticket = await signed_in(console, mine), await console.flag()
    await console.database.write(lambda c: claims.claim(c, ticket.id, staff=mine.id, now=NOON))
    assert (await client.get(f"/console/colleagues/{ticket.id}")).status_code == 200
    await console.database.write(lambda c: claims.release(c, ticket.id, staff=mine.id, now=NOON))
    assert (await client.get(f"/console/colleagues/{ticket.id}")).status_code == 404


def test_no_two_buttons_of_a_card_share_an_id() -> None:
    """What is drawn anew under a focus is matched by it: one act must never become another."""
    for name in ("console_card.html", "console_hands.html"):
        buttons = re.findall(r"<button(?:[^>{]|\{\{.*?\}\})*>", (TEMPLATES / name).read_text("utf-8"))
        assert buttons and all(" id=" in button for button in buttons)


