from __future__ import annotations

import pytest
from conversation_parts import ZAYNAB, Clock, MakeStore, Server

from api.conversations.limits import Window
from api.conversations.store import ConversationStore


async def came(store: ConversationStore, clock: Clock, count: int, every: float, start: int = 0) -> list[str]:
    found = []
    for number in range(start, start + count):
        arrival = await store.arrive(ZAYNAB, "sms", f"m{number}", clock())
        found.append(arrival.over)
        await store.finish(arrival)
        clock.now += every
    return found


async def test_twenty_five_messages_in_twenty_seconds_are_too_many(store: ConversationStore, clock: Clock) -> None:
    assert await came(store, clock, 26, 0.5) == [""] * 14 + ["soft"] * 10 + ["hard"] * 2


async def test_somebody_who_writes_many_short_lines_is_served(store: ConversationStore, clock: Clock) -> None:
    assert set(await came(store, clock, 90, 1.5)) == {""}


async def test_the_window_slides_and_lets_go(store: ConversationStore, clock: Clock) -> None:
    await came(store, clock, 25, 0.1)
    clock.now += 20
    assert await came(store, clock, 1, 0, start=100) == [""]


async def test_a_duplicate_does_not_count(store: ConversationStore, clock: Clock) -> None:
    for _ in range(40):
        await store.arrive(ZAYNAB, "sms", "the same", clock())
    assert await came(store, clock, 1, 0) == [""]


async def test_two_gateways_count_together(server: Server, make_store: MakeStore, clock: Clock) -> None:
    windows = [Window(20, soft=3, hard=4)]
    one, two = make_store(server, limits=windows), make_store(server, limits=windows)
    assert [*await came(one, clock, 2, 1), *await came(two, clock, 2, 1, start=9)] == ["", "", "soft", "hard"]


async def test_the_count_is_gone_with_its_window(store: ConversationStore, server: Server, clock: Clock) -> None:
    await came(store, clock, 30, 0.1)
    with server.blocking() as client:
        assert 0 < client.pttl(f"{{{ZAYNAB}}}:rate") <= 600_000
        assert client.llen(f"{{{ZAYNAB}}}:rate") <= 200


@pytest.mark.parametrize("numbers", [(0, 1, 2), (20, 0, 2), (20, 3, 2)])
def test_a_window_that_means_nothing_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        Window(*numbers)
