"""What the console shows of presence, invitations, bands and blocks, to whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from api.handoffs import bands, blocks, claims, hands
from api.handoffs.tickets import Ticket
from api.web.words import Words, in_words
from tests.api.web import test_console
from tests.api.web.test_console import Console
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import NOON, NewStaff, code_of, hire, new_id

console = test_console.console


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


class Team:
    """Two counsellors and a supervisor at one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.members: dict[str, NewStaff] = {
            name: hire(console.database, name, "supervisor" if name == "boss" else "counsellor")
            for name in ("salma", "huda", "boss")
        }

    async def card(self, name: str, ticket: Ticket, language: str = "en") -> str:
        """One card as this member sees it."""
        client = self.console.client()
        member = self.members[name]
        said = {"username": name, "password": member.password, "totp": code_of(member, self.console.clock())}
        assert (await client.post("/api/v1/session", json=said)).status_code == 200
        self.console.clock.now += 60  # a code works once
        page = await self.fetch(client, language)
        found = re.search(rf'<li class="card[^>]*data-id="{ticket.id}".*?\n      </li>', page, re.S)
        assert found is not None
        return found.group(0)

    async def fetch(self, client: httpx.AsyncClient, language: str) -> str:
        """The queue."""
        return (await client.get(f"/console/queue?lang={language}")).text


@pytest.fixture
async def team(console: Console) -> AsyncIterator[Team]:
    yield Team(console)


def acts(card: str) -> set[str]:
    return set(re.findall(r'data-(?:hands|act)="([^"]+)"', card))


async def test_an_invitation_is_answered_by_whom_it_is_for_and_taken_back_by_its_owner(team: Team) -> None:
    ticket = await team.console.flag()
    ids = {name: member.id for name, member in team.members.items()}

    def begin(c: sa.Connection) -> None:
        claims.claim(c, ticket.id, staff=ids["salma"], now=NOON)
        hands.invite(c, ticket.id, staff=ids["salma"], colleague=ids["huda"], now=NOON)

    await team.console.database.write(begin)
    assert acts(await team.card("huda", ticket)) == {"accept", "decline"}
    assert acts(await team.card("salma", ticket)) == {"open", "decline"}
    seen = await team.card("boss", ticket)
    assert acts(seen) == {"join", "take-over", "raise"} and "Asked to take on" in seen and "huda" in seen


async def test_who_reads_along_is_seen_by_everybody_at_the_desk(team: Team) -> None:
    ticket = await team.console.flag()
    ids = {name: member.id for name, member in team.members.items()}

    def begin(c: sa.Connection) -> None:
        claims.claim(c, ticket.id, staff=ids["salma"], now=NOON)
        hands.join(c, ticket.id, staff=ids["boss"], openly=False, now=NOON)

    await team.console.database.write(begin)
    for name in ("salma", "huda"):
        assert "Supervisor reads along silently" in await team.card(name, ticket)
    reader = await team.card("boss", ticket)
    assert 'data-reads="silent"' in reader and acts(reader) == {"open", "leave", "join", "take-over", "raise"}


async def test_a_proposal_is_agreed_to_by_a_second_person_and_taken_back_by_the_first(team: Team) -> None:
    ticket = await team.console.flag(band="RED")
    ids = {name: member.id for name, member in team.members.items()}

    def begin(c: sa.Connection) -> None:
        claims.claim(c, ticket.id, staff=ids["salma"], now=NOON)
        bands.propose_lowering(
            c, ticket.id, staff=ids["salma"], supervisor=False, band="HIGH", reason="misread", new_id=new_id(), now=NOON
        )

    await team.console.database.write(begin)
    assert acts(await team.card("huda", ticket)) == {"lower/confirm", "lower/decline"}
    assert acts(await team.card("salma", ticket)) == {"open", "lower/decline"}


async def test_a_blocked_number_is_marked_and_a_supervisor_may_lift_it(team: Team) -> None:
    ticket = await team.console.flag()
    ids = {name: member.id for name, member in team.members.items()}

    def begin(c: sa.Connection) -> None:
        claims.claim(c, ticket.id, staff=ids["salma"], now=NOON)
        blocks.block(c, ticket.id, staff=ids["salma"], reason="prank", now=NOON)

    await team.console.database.write(begin)
    mine = await team.card("salma", ticket, "ar")
    assert "رقم محظور" in mine and "block/lift" not in acts(mine)
    assert "block/lift" in acts(await team.card("boss", ticket))


def test_every_reason_presence_and_problem_has_words_in_both_languages() -> None:
    codes = [
        *(f"raise_{reason}" for reason in bands.RAISE_REASONS), *(f"lower_{reason}" for reason in bands.LOWER_REASONS),
        *(f"block_{reason}" for reason in blocks.REASONS), "present_former", "present_silent", "present_open",
        "problem_not-invited", "problem_not-proposed", "problem_same-person", "asked", "beside",
    ]
    assert not [code for code in codes if not in_words(code)]
    assert all(Words("ar")(code) != Words("en")(code) for code in codes)


def test_the_module_is_served_with_the_others() -> None:
    assert (Path(test_console.STATIC) / "console-hands.js").is_file()
