"""The bot goes on until the counsellor's first message and no further (screening.md), whatever it is thinking about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.handoffs import claims
from api.handoffs.tickets import Ticket, note_answered, note_introduced, open_handoff
from tests.api.test_inbound import PERSON, claimed
from tests.fixtures_line import DANGER, Rig, rig_on, turn, words_of
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import new_id, wish


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def rig(server: RedisServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_on(server, tmp_path) as made:
        await made.redis.flushall()
        yield made


async def opened(rig: Rig) -> Ticket:
    """Somebody waits and nobody has come."""
    return await rig.database.write(
        lambda c: open_handoff(c, wish(PERSON, generation=0), new_id=new_id(), now=rig.clock())
    )

async def test_what_the_bot_thought_before_a_counsellors_first_message_is_not_said_after_it(rig: Rig) -> None:
    await rig.to_the_talk()
    ticket = await claimed(rig, answered=False)

    async def answers() -> None:
        await rig.database.write(lambda c: note_answered(c, ticket, rig.clock()))

    rig.engine.outcomes.append(turn("menu"))
    rig.engine.during = answers
    assert await rig.say("في حدا؟") == "relayed"
    assert rig.provider.bodies == []
    assert await rig.shown(ticket.id) == ["في حدا؟"]
    assert await rig.debts() == 0


@pytest.mark.parametrize("when", ["thinking", "sending"])
async def test_words_written_before_anybody_came_reach_the_counsellor_who_came_and_wrote_meanwhile(rig: Rig, when: str) -> None:
    await rig.to_the_talk()
    waits = await opened(rig)

    async def comes_and_writes() -> None:
        rig.engine.during = rig.provider.before = None

        def act(connection: sa.Connection) -> None:
            note_answered(connection, claims.claim(connection, waits.id, staff="counsellor-1", now=rig.clock()), rig.clock())

        await rig.database.write(act)

    if when == "thinking":
        rig.engine.during = comes_and_writes
    else:
        rig.provider.before = comes_and_writes
    rig.engine.outcomes.append(turn("menu"))
    assert await rig.say("لسا حدا؟") == "relayed"
    assert rig.provider.bodies == []
    assert await rig.shown(waits.id) == ["لسا حدا؟"]


async def test_of_danger_the_number_is_said_though_a_counsellor_has_begun_to_write_meanwhile(rig: Rig) -> None:
    await rig.to_the_talk()
    ticket = await claimed(rig, answered=False)

    async def answers() -> None:
        await rig.database.write(lambda c: note_answered(c, ticket, rig.clock()))

    rig.engine.outcomes.append(turn("red_emergency"))
    rig.engine.during = answers
    assert await rig.say(DANGER) == "relayed"
    assert rig.provider.bodies == [words_of("danger_bare")]


async def test_who_was_claimed_while_the_bot_thought_is_not_told_that_nobody_came(rig: Rig) -> None:
    await rig.to_the_talk()
    waits = await opened(rig)

    async def comes() -> None:
        def act(connection: sa.Connection) -> None:
            note_introduced(connection, claims.claim(connection, waits.id, staff="counsellor-1", now=rig.clock()))

        await rig.database.write(act)

    rig.engine.outcomes.append(turn("ticket_waiting"))
    rig.engine.during = comes
    assert await rig.say("وينكم؟") == "answered"
    assert rig.provider.bodies == [words_of("live_reading")]
    assert await rig.shown(waits.id) == ["وينكم؟"]


async def test_an_exit_while_it_is_asked_whose_ticket_it_is_still_silences_the_bot(rig: Rig) -> None:
    await rig.to_the_talk()
    await opened(rig)
    asked = rig.line._unmoved

    async def leaves(*args: Any) -> bool:
        stands = await asked(*args)
        await rig.store.exit(PERSON, "e" * 32)
        return stands

    rig.line._unmoved = leaves  # type: ignore[method-assign]
    rig.engine.outcomes.append(turn("menu"))
    await rig.say("في حدا؟")
    assert rig.provider.bodies == []
