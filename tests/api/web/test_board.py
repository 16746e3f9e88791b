"""The queue for many consoles: read and drawn once, and never older than the request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from api.database import Database, DatabaseUnavailable
from api.handoffs import claims, queue
from api.handoffs.tickets import open_handoff
from api.staff.accounts import Staff
from api.web import board as board_module
from api.web.board import Drawing, Drawn, Pages, Person, Reading, grouped
from api.web.words import Words
from tests.fixtures_staff import NOON, databases, hire, new_id, wish

TEMPLATES = Path(__file__).parents[3] / "api" / "web" / "templates"
ALL: frozenset[str] = frozenset()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [one]:
        yield one


class Counted:
    """A database that counts readings and holds each until it is let go."""

    def __init__(self, database: Database) -> None:
        self.database, self.readings, self.go, self.away = database, 0, asyncio.Event(), False

    async def read(self, ask: Any) -> Any:
        self.readings += 1
        if self.away:
            raise DatabaseUnavailable
        found = await self.database.read(ask)
        await self.go.wait()
        return found


async def flag(database: Database, person: str = "p1") -> str:
    ticket = await database.write(lambda c: open_handoff(c, wish(person, generation=0), new_id=new_id(), now=NOON))
    return ticket.id


def counsellor(name: str, role: str = "counsellor") -> Staff:
    return Staff(name, name, role, frozenset(), 1)


async def test_fifty_consoles_that_ask_at_once_cost_two_readings_and_all_see_what_was_committed_before_they_asked(
    database: Database,
) -> None:
    counted = Counted(database)
    reading = Reading(counted)  # type: ignore[arg-type]
    first = asyncio.create_task(reading.board(ALL))
    while not counted.readings:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # it has read and not answered yet
    await flag(database)
    others = [asyncio.create_task(reading.board(ALL)) for _ in range(49)]
    await asyncio.sleep(0.05)
    counted.go.set()
    assert len((await first).people) == 0
    assert [len(board.people) for board in await asyncio.gather(*others)] == [1] * 49
    assert counted.readings == 2


async def test_one_who_goes_away_takes_the_reading_from_nobody(database: Database) -> None:
    counted = Counted(database)
    reading = Reading(counted)  # type: ignore[arg-type]
    goes, stays = asyncio.create_task(reading.board(ALL)), asyncio.create_task(reading.board(ALL))
    await asyncio.sleep(0.05)
    goes.cancel()
    counted.go.set()
    assert (await stays).people == []


async def test_a_database_that_is_away_is_away_for_everybody_who_asked_and_asked_anew_by_the_next(database: Database) -> None:
    counted = Counted(database)
    counted.go.set()
    counted.away = True
    reading = Reading(counted)  # type: ignore[arg-type]
    failed = await asyncio.gather(*(reading.board(ALL) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in failed] == [DatabaseUnavailable] * 3
    counted.away = False
    assert (await reading.board(ALL)).people == []


async def test_a_card_is_drawn_once_for_all_whom_it_does_not_concern_and_anew_when_it_changed(database: Database) -> None:
    drawn: list[str] = []
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    drawing = Drawing(templates)
    render = drawing._template.render
    drawing._template.render = lambda **values: (drawn.append(values["card"]["id"]), render(**values))[1]  # type: ignore[method-assign, func-returns-value]

    async def board(member: Staff) -> str:
        people: Sequence[Person] = (await Reading(database).board(ALL)).people
        return "".join(
            drawing.card(person, Words("en"), concerns, "").html for _, cards in grouped(people, member) for person, concerns in cards
        )

    ana = hire(database, "ana").id
    ticket = await flag(database)
    assert await board(counsellor(ana)) == await board(counsellor("b")) and drawn == [ticket]
    assert 'data-act="claim"' in await board(counsellor(ana))
    await database.write(lambda c: claims.claim(c, ticket, staff=ana, now=NOON))
    assert 'data-act="open"' in await board(counsellor(ana)) and "data-act" not in await board(counsellor("b"))
    assert "take-over" in await board(counsellor("c", "supervisor")) and drawn == [ticket] * 4


def test_what_is_kept_as_drawn_holds_no_sealed_address(database: Database) -> None:
    async def go() -> Person:
        await flag(database)
        (person,) = (await Reading(database).board(ALL)).people
        return person

    person = asyncio.run(go())
    assert person.row.ticket.reply_address and person.row.ticket.person not in person.stands
    assert set(person.card) == set(queue.card(person.row))


def drawn(ticket: str, look: str) -> Drawn:
    return board_module.drawn(ticket, Markup(f"<li>{ticket} {look}</li>"))


def test_a_page_is_sent_only_the_cards_it_does_not_have() -> None:
    pages = Pages()
    page = pages.sent([drawn("a", "red"), drawn("b", "red"), drawn("c", "red")])
    html = pages.without_those_of(page, [drawn("d", "red"), drawn("b", "high"), drawn("a", "red")])
    assert list(html) == ["d", "b", "a"]
    assert html["d"] == "<li>d red</li>" and html["b"] == "<li>b high</li>", "new, and changed"
    assert "data-kept" in html["a"] and 'id="card-a"' in html["a"] and "red" not in html["a"]


@pytest.mark.parametrize("page", ["", "undefined", "'; drop", "00" * 9])
def test_a_page_nobody_knows_is_sent_every_card(page: str) -> None:
    assert Pages().without_those_of(page, [drawn("a", "red")]) == {"a": "<li>a red</li>"}


def test_pages_that_look_alike_share_a_name_and_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "_MOST_PAGES", 2)
    pages = Pages()
    first = pages.sent([drawn("a", "1")])
    assert pages.sent([drawn("a", "1")]) == first
    for look in ("2", "3"):
        pages.sent([drawn("a", look)])
    assert "data-kept" not in pages.without_those_of(first, [drawn("a", "1")])["a"]
    assert pages.sent([drawn("b", "1"), drawn("a", "1")]) != pages.sent([drawn("a", "1"), drawn("b", "1")])


async def test_a_message_more_does_not_make_another_card_and_the_window_is_never_shown_too_long(database: Database) -> None:
    ticket = await flag(database)
    row = await database.read(lambda c: queue.one(c, ticket))
    assert row is not None and NOON % queue.WINDOW_SHOWN_TO == 0

    def shown(after: float) -> Any:
        return queue.card(replace(row, ticket=replace(row.ticket, channel="whatsapp", last_inbound_at=NOON + after)))

    assert shown(0) == shown(10) == shown(299) != shown(300)
    assert shown(299)["window_closes_at"] == queue.moment(NOON + 24 * 3600)
