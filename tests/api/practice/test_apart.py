"""Two worlds on one host: settings, stores, cookies, sessions and ways out of the one are nothing to the other."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from api.conversations.sealing import Keyring
from api.handoffs.relay import SendState
from api.practice.accounts import LEARNERS, learner, prepare_practice_staff
from api.practice.room import Room
from api.practice.world import end_world, make_world, practice_environment
from api.settings import NOWHERE, PRACTICE_MARK, Mode, Settings, SettingsError, load_settings
from api.supervisor import CannotStart
from api.v1 import Deps, build_v1
from api.web.console import build_console
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, code_of, databases, hire
from tests.journeys.practice_world import live_settings

LIVE = live_settings(65000, Path("/somewhere/live.db"))


def world(tmp_path: Path) -> Path:
    return make_world(tmp_path / "practice")


def settings(tmp_path: Path, more: Mapping[str, str] = LIVE) -> Settings:
    return load_settings(practice_environment(more, world(tmp_path), "127.0.0.1", 8090, None), tmp_path)


def test_a_practice_world_takes_nothing_from_the_shell_it_is_started_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in LIVE.items()))
    found = settings(tmp_path)
    assert found.mode is Mode.PRACTICE and not found.demo and not found.production
    own = tmp_path / "practice" / "world"
    assert found.database_url == f"sqlite:///{own / 'hams.db'}" and found.redis_url is None
    assert found.twilio_api_url == NOWHERE and found.builtin_standin
    assert (found.sentry_dsn, found.alert_webhook, found.alert_secret, found.heartbeat_url, found.practice_url) == (None,) * 5
    assert not found.duty_phone and found.port == 8090
    held = {value for name, value in LIVE.items() if name not in ("HAMS_MODE", "HAMS_PORT")}
    assert not held & set(found.as_environment().values())


def test_two_worlds_have_different_keys_each_time(tmp_path: Path) -> None:
    first = settings(tmp_path)
    second = settings(tmp_path)
    assert first.secret_keys != second.secret_keys and first.twilio_auth_tokens != second.twilio_auth_tokens


def test_a_part_of_a_practice_world_reads_back_what_it_is_given(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert load_settings(found.as_environment(), tmp_path).secret_keys == found.secret_keys


@pytest.mark.parametrize("name", sorted(set(LIVE) - {"HAMS_MODE", "HAMS_PORT", "TWILIO_SMS_FROM", "TWILIO_WHATSAPP_FROM", "TWILIO_ACCOUNT_SID"}))
def test_a_practice_gateway_refuses_whatever_is_of_the_live_world(tmp_path: Path, name: str) -> None:
    given = {**settings(tmp_path).as_environment(), name: LIVE[name]}
    if name == "HAMS_TWILIO_API_URL":
        given[name] = "https://api.twilio.com"
    with pytest.raises(SettingsError) as refused:
        load_settings(given, tmp_path)
    assert refused.value.name == name and LIVE[name] not in str(refused.value)


def test_practice_is_no_mode_to_be_set_for_the_live_service(tmp_path: Path) -> None:
    live = tmp_path / "var"
    live.mkdir()
    with pytest.raises(SettingsError, match="HAMS_VAR"):
        load_settings({"HAMS_MODE": "practice", "HAMS_VAR": str(live)}, tmp_path)
    (tmp_path / ".env").write_text("HAMS_MODE=practice\n")
    with pytest.raises(SettingsError, match="HAMS_MODE"):
        load_settings({}, tmp_path)


def test_no_other_run_lives_in_a_practice_world(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="practice world"):
        load_settings({"HAMS_VAR": str(world(tmp_path))}, tmp_path)


def test_a_world_is_made_anew_and_leaves_nothing(tmp_path: Path) -> None:
    made = world(tmp_path)
    (made / "hams.db").write_text("of the last time")
    again = world(tmp_path)
    assert again == made and [path.name for path in made.iterdir()] == [PRACTICE_MARK]
    end_world(made)
    assert not made.exists()


def test_what_is_no_practice_world_is_never_deleted(tmp_path: Path) -> None:
    precious = tmp_path / "practice" / "world"
    precious.mkdir(parents=True)
    (precious / "hams.db").write_text("somebody's casework")
    with pytest.raises(CannotStart):
        make_world(tmp_path / "practice")
    end_world(precious)
    assert (precious / "hams.db").read_text() == "somebody's casework"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "world").symlink_to(precious)
    with pytest.raises(CannotStart):
        make_world(tmp_path / "other")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"HAMS_PRACTICE_URL": "http://practice.example"}, "https"),
        ({"HAMS_PRACTICE_URL": "https://a.example/console"}, "scheme and host only"),
        ({"HAMS_PRACTICE_URL": "https://a.example", "HAMS_PUBLIC_URL": "https://a.example/"}, "own address"),
    ],
)
def test_the_link_to_practice_leads_to_another_address(tmp_path: Path, given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(given, tmp_path)


# -- two consoles ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RedisServer]]:
    both = start_redis(tmp_path_factory.mktemp("live")), start_redis(tmp_path_factory.mktemp("practice"))
    yield both
    for server in both:
        server.stop()


@dataclass(slots=True)
class Console:
    app: FastAPI
    deps: Deps

    def client(self, cookies: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://line.test", cookies=dict(cookies or {}))


class NoStage:
    """A room that nobody comes to."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
async def consoles(servers: tuple[RedisServer, RedisServer], tmp_path: Path) -> AsyncIterator[tuple[Console, Console]]:
    made: list[Console] = []
    clock = Clock()
    keyrings = (KEYRING, Keyring((b"of the practice world, 32 bytes!",)))
    (tmp_path / "live").mkdir()
    (tmp_path / "practice").mkdir()
    with databases("sqlite", tmp_path / "live") as [live], databases("sqlite", tmp_path / "practice") as [practice]:
        for server, database, keyring in zip(servers, (live, practice), keyrings, strict=True):
            redis = Redis.from_url(server.url)
            await redis.flushall()
            room = Room(NoStage(), {}, FakeOutbox) if database is practice else None  # type: ignore[arg-type]
            deps = Deps(
                database, redis, keyring, FakeOutbox(), clock, os.urandom, passwords=PASSWORDS, practice=room,
                practice_url=None if room else "https://practice.example",
            )
            app, v1 = FastAPI(), build_v1(deps)
            app.mount("/api/v1", v1)
            app.include_router(build_console(deps))
            made.append(Console(app, deps))
        prepare_practice_staff(practice, keyrings[1], clock)
        yield made[0], made[1]
        for one in made:
            await one.deps.redis.aclose()


async def live_session(live: Console) -> dict[str, str]:
    member = hire(live.deps.database, "salma", "counsellor")
    client = live.client()
    said = {"username": "salma", "password": member.password, "totp": code_of(member, live.deps.clock())}
    assert (await client.post("/api/v1/session", json=said)).status_code == 200
    return dict(client.cookies)


async def practice_session(practice: Console, name: str = "practice-1") -> dict[str, str]:
    client = practice.client()
    assert (await client.post("/api/v1/practice/session", json={"name": name})).status_code == 200
    return dict(client.cookies)


async def test_the_two_worlds_cookies_have_different_names(consoles: tuple[Console, Console]) -> None:
    live, practice = consoles
    assert set(await live_session(live)) & set(await practice_session(practice)) == set()


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/handoffs", "/api/v1/practice"])
async def test_a_session_of_one_world_opens_nothing_in_the_other(consoles: tuple[Console, Console], path: str) -> None:
    live, practice = consoles
    theirs, ours = await live_session(live), await practice_session(practice)
    as_live = {"hams": ours["hams-practice"], "hams-known": ours["hams-known-practice"]}
    as_practice = {"hams-practice": theirs["hams"], "hams-known-practice": theirs["hams-known"]}
    for cookies in (ours, as_live):
        assert (await live.client(cookies).get(path)).status_code in (401, 404), "a practice session was taken for a live one"
    for cookies in (theirs, as_practice):
        assert (await practice.client(cookies).get(path)).status_code == 401, "a live session was taken in practice"
    assert (await practice.client(ours).get(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "session"), ("GET", ""), ("POST", "people"), ("PUT", "pace"), ("DELETE", "people")],
)
async def test_the_live_world_has_no_practice_at_all(consoles: tuple[Console, Console], method: str, path: str) -> None:
    live, _ = consoles
    client = live.client(await live_session(live))
    answer = await client.request(method, f"/api/v1/practice/{path}".rstrip("/"), json={"name": "practice-1"})
    assert answer.status_code == 404
    for page in ("/console/practice", "/console/practice/looks"):
        assert (await client.get(page)).status_code == 404
    for page in ("/console", "/console/sign-in"):
        body = (await client.get(page)).text
        assert 'class="practice' not in body and "nobody here is real" not in body and "console-practice" not in body
        assert "https://practice.example" in body, "the operator's link is there"


@pytest.mark.parametrize("name", ["salma", "practice-3", "", "practice-1 "])
async def test_nobody_but_the_practice_accounts_enters_by_a_click(consoles: tuple[Console, Console], name: str) -> None:
    _, practice = consoles
    hire(practice.deps.database, "salma", "counsellor")
    answer = await practice.client().post("/api/v1/practice/session", json={"name": name})
    assert answer.status_code == 404 and not answer.cookies


async def test_another_sites_page_cannot_enter(consoles: tuple[Console, Console]) -> None:
    _, practice = consoles
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = await practice.client().post("/api/v1/practice/session", json={"name": "practice-1"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("path", ["sign-in", "", "practice", "rota"])
async def test_every_page_of_a_practice_world_says_so(consoles: tuple[Console, Console], path: str, language: str) -> None:
    _, practice = consoles
    client = practice.client(await practice_session(practice, "practice-lead"))
    page = await client.get(f"/console/{path}?lang={language}".replace("/?", "?"))
    assert page.status_code == 200
    words = {"ar": "تدريب: لا أحد حقيقي هنا", "en": "Practice: nobody here is real"}[language]
    assert words in page.text and "practice-band" in page.text
    title = page.text.partition("<title>")[2].partition("</title>")[0]
    assert title == {"ar": "تدريب · همس", "en": "Practice · Hams"}[language]
    assert "console-practice.svg" in page.text and 'href="data:,"' not in page.text
    assert 'type="password"' not in page.text.partition('id="step-up"')[0]
    assert "style=" not in page.text and "<style" not in page.text


async def test_only_a_learners_own_talks_are_looked_back_at(consoles: tuple[Console, Console]) -> None:
    from api.practice.player import Facts
    from api.practice.room import LookBack

    _, practice = consoles
    room = practice.deps.practice
    first, second, lead = [
        await practice.deps.database.read(lambda c, n=name: learner(c, n)) for name, _ in LEARNERS
    ]
    texts = {"ar": "س", "en": "S"}
    for number, owner in enumerate((first.id, second.id, ""), 1):
        room._look_backs.appendleft(LookBack(str(number), "s", texts, texts, 0.0, Facts(owner=owner, ended="closed", band="HIGH")))
    assert [[one.id for one in room.look_backs(member)] for member in (first, second, lead)] == [["3", "1"], ["3", "2"], ["3", "2", "1"]]
    page = await practice.client(await practice_session(practice)).get("/console/practice/looks?lang=en")
    assert page.status_code == 200 and page.text.count('class="look"') == 2


async def test_what_could_not_be_sent_is_not_heard(consoles: tuple[Console, Console]) -> None:
    heard: list[str] = []

    class Refusing(FakeOutbox):
        async def send(self, *_: Any, **__: Any) -> SendState:
            return SendState.REFUSED

    room = Room(NoStage(), {}, FakeOutbox)  # type: ignore[arg-type]
    room.heard = lambda ticket, words: heard.append("heard")  # type: ignore[method-assign]
    assert await room.overhear(Refusing()).send(None, None) is SendState.REFUSED  # type: ignore[arg-type]
    assert heard == []
