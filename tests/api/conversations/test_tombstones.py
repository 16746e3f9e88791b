from __future__ import annotations

import pytest
from conversation_parts import ZAYNAB, Clock, MakeStore, Server

from api.conversations import names
from api.conversations.store import ConversationStore, LeftMeanwhile, Refused, StoreUnavailable
from api.conversations.tombstones import Tombstones, defer_wipe, forget_pending, pending
from api.database import Database


def test_an_exit_is_remembered_for_a_day_and_a_lower_one_never_replaces_it() -> None:
    graves = Tombstones()
    graves.remember("a", 5, now=0)
    graves.remember("a", 3, now=1)
    assert (graves.floor("a", 86_400), graves.floor("a", 86_401), graves.floor("b", 0)) == (5, 0, 0)


def test_what_is_remembered_does_not_grow_without_end() -> None:
    graves = Tombstones(most=3)
    for number in range(10):
        graves.remember(f"{number}", number + 1, now=number)
    assert len(graves) == 3 and graves.floor("9", 9) == 10
    graves.remember("late", 1, now=100_000)
    assert len(graves) == 1


async def test_an_exit_that_redis_lost_in_a_fail_over_happens_again(
    server: Server, store: ConversationStore, clock: Clock
) -> None:
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as fence:
        await store.save(ZAYNAB, "sms", {"n": 1}, fence)
        with server.blocking() as client:
            before = {key: client.dump(key) for key in client.keys("*")}
            outcome = await store.exit(ZAYNAB, "2")
            client.flushall()
            for key, value in before.items():  # the replica that took over had not heard of the exit
                client.restore(key, 0, value)
        assert not await store.may_send(ZAYNAB, arrival.generation)
        assert await store.save(ZAYNAB, "sms", {"n": 2}, fence) == Refused("exited")
    later = await store.arrive(ZAYNAB, "sms", "3", clock())
    assert later.first and later.generation == outcome.generation
    with server.blocking() as client:
        assert not client.exists(*names.kept(ZAYNAB)) and client.exists(names.generation(ZAYNAB))


async def test_an_empty_redis_does_not_refuse_answers_to_who_never_left(
    server: Server, store: ConversationStore, clock: Clock
) -> None:
    """architecture.md 4: a flagged person can be answered after Redis is gone."""
    await store.exit(ZAYNAB, "1")
    clock.now += 60
    arrival = await store.arrive(ZAYNAB, "sms", "2", clock())
    with server.blocking() as client:
        client.flushall()
    assert await store.may_send(ZAYNAB, arrival.generation)
    assert await store.may_send("0c" * 16, 0)


async def test_an_exit_while_redis_is_away_goes_to_sql_and_is_applied_when_it_is_back(
    own_server: Server, make_store: MakeStore, database: Database, clock: Clock
) -> None:
    store, other = make_store(own_server), make_store(own_server)
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as fence:
        await store.save(ZAYNAB, "sms", {"n": 1}, fence)
    waiting = await store.arrive(ZAYNAB, "sms", "2", clock())
    clock.now += 1
    own_server.freeze()
    with pytest.raises(StoreUnavailable):
        await store.exit(ZAYNAB, "3")
    generation = store.exit_locally(ZAYNAB)
    await database.write(lambda connection: defer_wipe(connection, ZAYNAB, generation))
    own_server.thaw()
    # this process refuses at once, before anything was applied
    assert not await store.may_send(ZAYNAB, arrival.generation)
    with pytest.raises(LeftMeanwhile):
        async with store.turn(waiting):
            pass
    waiting_exits = await database.read(pending)
    assert [person for person, _ in waiting_exits] == [ZAYNAB]
    done = await store.apply_pending(waiting_exits)
    await database.write(lambda connection: forget_pending(connection, done))
    assert await database.read(pending) == []
    assert await other.load(ZAYNAB, "sms") is None
    assert not await other.may_send(ZAYNAB, arrival.generation)


async def test_a_deferred_exit_that_an_arrival_made_good_does_not_end_the_talk_begun_since(
    server: Server, store: ConversationStore, clock: Clock
) -> None:
    generation = store.exit_locally(ZAYNAB)
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as fence:
        await store.save(ZAYNAB, "sms", {"n": 1}, fence)
    assert await store.apply_pending([(ZAYNAB, generation)]) == [(ZAYNAB, generation)]
    assert await store.load(ZAYNAB, "sms") == {"n": 1}


async def test_an_exit_deferred_twice_is_one_and_a_newer_one_is_not_forgotten_with_the_older(database: Database) -> None:
    await database.write(lambda connection: defer_wipe(connection, ZAYNAB, 1))
    taken = await database.read(pending)
    await database.write(lambda connection: defer_wipe(connection, ZAYNAB, 2))
    await database.write(lambda connection: forget_pending(connection, taken))
    assert await database.read(pending) == [(ZAYNAB, 2)]


async def test_a_deferred_exit_does_not_end_a_talk_for_its_own_message_only(
    store: ConversationStore, clock: Clock
) -> None:
    first = await store.exit(ZAYNAB, "")
    second = await store.exit(ZAYNAB, "")
    assert not second.replayed and second.generation > first.generation
