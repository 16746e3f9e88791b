"""How a talk ends: codes of what was done, and an answer that is counted and tied to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.database import Database
from api.handoffs import wrapup
from api.handoffs.wrapup import ASKED_SECONDS, SUPPRESSED_BELOW, Asked, UnknownDone, answer_of
from tests.fixtures_staff import NOON, POSTGRES_URL, databases

MONTH = datetime.fromtimestamp(NOON, UTC).strftime("%Y-%m")
SALMA = Asked("a" * 32, "whatsapp", 7, "JO")

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=[
        pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="HAMS_TEST_POSTGRES_URL is not set"),
    ]),
]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


async def answered(database: Database, who: Asked = SALMA, answer: wrapup.Answer = "helped", *, at: float = NOON, **changes: object) -> bool:
    values: dict[str, object] = {"person": who.person, "channel": who.channel, "generation": who.generation} | changes
    return await database.write(lambda c: wrapup.count(c, answer=answer, now=at, **values))


async def test_what_was_done_is_kept_as_codes(database: Database) -> None:
    await database.write(lambda c: wrapup.note_done(c, "t1", ["plan_made", "numbers_given", "plan_made"]))
    assert await database.read(lambda c: wrapup.done_of(c, "t1")) == {"plan_made", "numbers_given"}


@pytest.mark.parametrize("code", ["", "she told me", "plan_made ", "PLAN_MADE", "helped"])
async def test_what_is_no_code_is_not_kept_and_takes_the_others_with_it(code: str, database: Database) -> None:
    with pytest.raises(UnknownDone):
        await database.write(lambda c: wrapup.note_done(c, "t1", ["plan_made", code]))
    assert await database.read(lambda c: wrapup.done_of(c, "t1")) == frozenset()


async def test_an_answer_is_counted_once(database: Database) -> None:
    await database.write(lambda c: wrapup.ask(c, SALMA, NOON))
    assert await answered(database)
    assert not await answered(database)
    assert await database.read(lambda c: c.execute(sa.select(wrapup.answers.c.times)).scalars().all()) == [1]


@pytest.mark.parametrize("changes", [
    {"person": "b" * 32}, {"channel": "sms"}, {"generation": 8}, {"at": NOON + ASKED_SECONDS},
])
async def test_nobody_else_and_nothing_later_answers(changes: dict[str, object], database: Database) -> None:
    await database.write(lambda c: wrapup.ask(c, SALMA, NOON))
    assert not await answered(database, **changes)  # type: ignore[arg-type]
    assert await database.read(lambda c: c.execute(sa.select(wrapup.answers)).all()) == []


async def test_who_was_not_asked_or_left_answers_nothing(database: Database) -> None:
    assert not await answered(database)
    await database.write(lambda c: wrapup.ask(c, SALMA, NOON))
    await database.write(lambda c: wrapup.forget(c, SALMA.person))
    assert not await answered(database)


async def test_nothing_of_who_answered_stays(database: Database) -> None:
    await database.write(lambda c: wrapup.ask(c, SALMA, NOON))
    await answered(database)
    assert await database.read(lambda c: c.execute(sa.select(wrapup.asked)).all()) == []
    assert set(wrapup.answers.c.keys()) == {"country", "month", "answer", "times"}


async def test_who_never_answered_is_forgotten_when_the_next_is_asked(database: Database) -> None:
    await database.write(lambda c: wrapup.ask(c, SALMA, NOON))
    await database.write(lambda c: wrapup.ask(c, Asked("b" * 32, "sms", 1, "QA"), NOON + ASKED_SECONDS))
    rows = await database.read(lambda c: c.execute(sa.select(wrapup.asked.c.person)).scalars().all())
    assert rows == ["b" * 32]


@pytest.mark.parametrize(("helped", "not_helped", "shown"), [
    (SUPPRESSED_BELOW, SUPPRESSED_BELOW, True), (SUPPRESSED_BELOW, 0, True), (SUPPRESSED_BELOW - 1, 0, False),
    (20, 1, False), (1, 20, False),
])
async def test_small_counts_are_not_shown_nor_to_be_told_from_the_other(helped: int, not_helped: int, shown: bool, database: Database) -> None:
    def fill(c: sa.Connection) -> None:
        for answer, times in (("helped", helped), ("not_helped", not_helped)):
            for _ in range(times):
                wrapup.ask(c, SALMA, NOON)
                wrapup.count(c, SALMA.person, SALMA.channel, SALMA.generation, answer, NOON)  # type: ignore[arg-type]

    await database.write(fill)
    cell = {"helped": helped, "not_helped": not_helped} if shown else {"helped": None, "not_helped": None}
    assert await database.read(wrapup.figures) == [{"month": MONTH, "country": "JO", **cell}]


@pytest.mark.parametrize(("text", "answer"), [
    ("1", "helped"), (" ٢ ", "not_helped"), ("۱", "helped"), ("0", None), ("x", None), ("3", None), ("12", None), ("", None),
    ("نعم", None), ("1.", None), ("²", None),
])
def test_only_a_bare_one_or_two_answers(text: str, answer: str | None) -> None:
    assert answer_of(text) == answer
