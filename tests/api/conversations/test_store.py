from __future__ import annotations

import asyncio
import os
import time

import pytest
from conversation_parts import SECRET, ZAYNAB, Clock, MakeStore, Server

from api.conversations import names
from api.conversations.sealing import Keyring
from api.conversations.store import (
    IDLE_S,
    Arrival,
    ConversationStore,
    ExitOutcome,
    LeftMeanwhile,
    Refused,
    Saved,
    StoreUnavailable,
    connect,
)

LAYLA = "1a" * 16


async def say(store: ConversationStore, sid: str, clock: Clock, state: dict[str, object], *, person: str = ZAYNAB,
              channel: str = "whatsapp", ttl_s: int = IDLE_S) -> dict[str, object] | None:
    """One whole turn; returns the state it found."""
    arrival = await store.arrive(person, channel, sid, clock())
    async with store.turn(arrival) as fence:
        found = fence.state
        assert await store.save(person, channel, state, fence, ttl_s) == Saved()
        await store.finish(arrival, fence)
    return found


async def test_what_was_kept_in_one_turn_is_there_in_the_next(store: ConversationStore, clock: Clock) -> None:
    assert await say(store, "1", clock, {"stage": "opening", "n": 1}) is None
    assert await say(store, "2", clock, {"stage": "consent", "n": 2}) == {"stage": "opening", "n": 1}
    assert await store.load(ZAYNAB, "whatsapp") == {"stage": "consent", "n": 2}


async def test_the_first_message_of_a_talk_is_known_as_such(store: ConversationStore, clock: Clock) -> None:
    first = await store.arrive(ZAYNAB, "sms", "1", clock())
    await store.finish(first)
    await say(store, "2", clock, {}, channel="sms")
    later = await store.arrive(ZAYNAB, "sms", "3", clock())
    assert (first.first, later.first) == (True, False)


async def test_two_channels_and_two_people_are_kept_apart(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {"at": "whatsapp"})
    assert await say(store, "2", clock, {"at": "sms"}, channel="sms") is None
    assert await say(store, "3", clock, {"at": "layla"}, person=LAYLA) is None
    assert await store.load(ZAYNAB, "whatsapp") == {"at": "whatsapp"}


async def test_a_turn_takes_four_round_trips_sending_included(store: ConversationStore, clock: Clock) -> None:
    await say(store, "0", clock, {})
    before = store.wire.trips
    arrival = await store.arrive(ZAYNAB, "whatsapp", "1", clock())
    async with store.turn(arrival) as fence:
        await store.save(ZAYNAB, "whatsapp", {"n": 1}, fence)
        assert await store.may_send(ZAYNAB, fence.generation)
        await store.finish(arrival, fence)
    assert store.wire.trips - before == 4


# --- duplicates (twilio.md: a lease "in progress", then "done") ---

async def test_the_same_message_twice_at_the_same_instant_runs_once(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    gateways = [make_store(server), make_store(server)]
    for attempt in range(25):
        arrivals = await asyncio.gather(*(
            gateway.arrive(ZAYNAB, "sms", f"SM{attempt}", clock()) for gateway in gateways * 2
        ))
        assert sorted(arrival.duplicate for arrival in arrivals) == ["in_progress"] * 3 + ["no"]
        for arrival in arrivals:
            await gateways[0].finish(arrival)


async def test_a_finished_message_stays_known_for_a_day(store: ConversationStore, server: Server, clock: Clock) -> None:
    await say(store, "1", clock, {})
    assert (await store.arrive(ZAYNAB, "whatsapp", "1", clock())).duplicate == "done"
    with server.blocking() as client:
        assert 86_390_000 < client.pttl(names.mark(ZAYNAB, "1")) <= 86_400_000


async def test_a_message_whose_gateway_died_may_come_again_after_its_lease(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(server, mark_lease_s=0.15, lease_s=0.15)
    await store.arrive(ZAYNAB, "sms", "1", clock())
    assert (await store.arrive(ZAYNAB, "sms", "1", clock())).duplicate == "in_progress"
    await asyncio.sleep(0.2)
    again = await store.arrive(ZAYNAB, "sms", "1", clock())
    assert again.duplicate == "no"
    async with store.turn(again) as fence:
        assert fence.state is None


async def test_a_slow_turn_keeps_its_mark(server: Server, make_store: MakeStore, clock: Clock) -> None:
    store = make_store(server, mark_lease_s=0.3, lease_s=0.3)
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as fence:
        await asyncio.sleep(0.8)
        assert (await store.arrive(ZAYNAB, "sms", "1", clock())).duplicate == "in_progress"
        assert await store.save(ZAYNAB, "sms", {}, fence) == Saved()


async def test_a_duplicate_has_no_turn_and_nothing_to_finish(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {})
    duplicate = await store.arrive(ZAYNAB, "whatsapp", "1", clock())
    with pytest.raises(ValueError):
        async with store.turn(duplicate):
            pass
    await store.finish(duplicate)
    assert (await store.arrive(ZAYNAB, "whatsapp", "1", clock())).duplicate == "done"


# --- exit ---

async def test_an_exit_ends_the_talks_of_both_channels(store: ConversationStore, server: Server, clock: Clock) -> None:
    await say(store, "1", clock, {"n": 1})
    await say(store, "2", clock, {"n": 1}, channel="sms")
    outcome = await store.exit(ZAYNAB, "3")
    assert outcome == ExitOutcome(False, outcome.generation) and outcome.generation > 0
    assert await store.load(ZAYNAB, "whatsapp") is None and await store.load(ZAYNAB, "sms") is None
    with server.blocking() as client:
        left = {key.decode().split(":", 1)[1] for key in client.keys("*")}
    assert left == {"gen", "quiet", "m:1", "m:2", "m:3"}, "nothing that says what was talked of"


async def test_an_exit_leaves_another_person_alone(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {"n": 1}, person=LAYLA)
    await store.exit(ZAYNAB, "2")
    assert await store.load(LAYLA, "whatsapp") == {"n": 1}
    assert await store.may_send(LAYLA, 0)


async def test_an_exit_during_a_turn_refuses_its_save_and_its_send(store: ConversationStore, clock: Clock) -> None:
    arrival = await store.arrive(ZAYNAB, "whatsapp", "1", clock())
    async with store.turn(arrival) as fence:
        clock.now += 1
        await store.exit(ZAYNAB, "2")
        assert await store.save(ZAYNAB, "whatsapp", {"n": 1}, fence) == Refused("exited")
        assert not await store.may_send(ZAYNAB, fence.generation)
    assert await store.load(ZAYNAB, "whatsapp") is None


async def test_an_exit_by_another_gateway_refuses_too(server: Server, make_store: MakeStore, clock: Clock) -> None:
    here, there = make_store(server), make_store(server)
    await say(here, "0", clock, {"n": 0})
    arrival = await here.arrive(ZAYNAB, "whatsapp", "1", clock())
    async with here.turn(arrival) as fence:
        await there.exit(ZAYNAB, "2")
        assert await here.save(ZAYNAB, "whatsapp", {"n": 1}, fence) == Refused("exited")
        assert not await here.may_send(ZAYNAB, fence.generation)
    assert await there.load(ZAYNAB, "whatsapp") is None


async def test_even_when_the_clock_stands_still_an_exit_is_later_than_what_it_ends(
    store: ConversationStore, clock: Clock
) -> None:
    generations = [(await store.exit(ZAYNAB, f"{number}")).generation for number in range(5)]
    assert generations == sorted(set(generations))
    arrival = await store.arrive(ZAYNAB, "sms", "a", clock())
    assert arrival.generation == generations[-1]
    await store.exit(ZAYNAB, "b")
    assert not await store.may_send(ZAYNAB, arrival.generation)


async def test_a_replayed_exit_does_not_end_the_talk_begun_since(store: ConversationStore, clock: Clock) -> None:
    first = await store.exit(ZAYNAB, "1")
    clock.now += 60
    await say(store, "2", clock, {"n": 2})
    assert await store.exit(ZAYNAB, "1") == ExitOutcome(True, first.generation)
    assert await store.load(ZAYNAB, "whatsapp") == {"n": 2}


async def test_the_same_exit_twice_at_the_same_instant_is_one_exit(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    gateways = [make_store(server), make_store(server)]
    outcomes = await asyncio.gather(*(gateway.exit(ZAYNAB, "1") for gateway in gateways * 3))
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 5
    assert len({outcome.generation for outcome in outcomes}) == 1


async def test_when_it_cannot_be_known_whether_it_is_a_replay_it_is_an_exit(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await store.exit(ZAYNAB, "1")
    await say(store, "2", clock, {"n": 2})
    with server.blocking() as client:
        client.delete(names.mark(ZAYNAB, "1"))
    assert not (await store.exit(ZAYNAB, "1")).replayed
    assert await store.load(ZAYNAB, "whatsapp") is None


async def test_those_who_wait_for_their_turn_learn_of_an_exit_at_once(store: ConversationStore, clock: Clock) -> None:
    first = await store.arrive(ZAYNAB, "sms", "1", clock())
    second = await store.arrive(ZAYNAB, "sms", "2", clock())

    async def wait(arrival: Arrival) -> None:
        async with store.turn(arrival):
            raise AssertionError("it must not get its turn")

    async with store.turn(first):
        waiting = asyncio.create_task(wait(second))
        await asyncio.sleep(0.03)
        began = time.monotonic()
        await store.exit(ZAYNAB, "3")
        with pytest.raises(LeftMeanwhile):
            await waiting
        assert time.monotonic() - began < 5


async def test_a_message_that_arrived_before_the_exit_gets_no_turn_after_it(
    store: ConversationStore, clock: Clock
) -> None:
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    await store.exit(ZAYNAB, "2")
    with pytest.raises(LeftMeanwhile):
        async with store.turn(arrival):
            pass


async def test_stragglers_are_known_for_ten_seconds(store: ConversationStore, server: Server, clock: Clock) -> None:
    await store.exit(ZAYNAB, "1")
    assert (await store.arrive(ZAYNAB, "sms", "2", clock())).quiet
    with server.blocking() as client:
        assert 9_000 < client.pttl(names.quiet(ZAYNAB)) <= 10_000
        client.delete(names.quiet(ZAYNAB))
    assert not (await store.arrive(ZAYNAB, "sms", "3", clock())).quiet


async def test_after_an_exit_the_number_is_a_strangers(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {"n": 1})
    await store.exit(ZAYNAB, "2")
    clock.now += 11
    arrival = await store.arrive(ZAYNAB, "whatsapp", "3", clock())
    assert arrival.first
    async with store.turn(arrival) as fence:
        assert fence.state is None
        assert await store.save(ZAYNAB, "whatsapp", {"n": 9}, fence) == Saved()
        assert await store.may_send(ZAYNAB, fence.generation)


async def test_an_exit_wipes_what_others_keep_beside_the_talk(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(server, also_wiped=("relay", "draft"))
    with server.blocking() as client:
        client.rpush(f"{{{ZAYNAB}}}:relay", b"a", b"b")
        client.set(f"{{{ZAYNAB}}}:draft", b"c" * 60)
        await store.exit(ZAYNAB, "1")
        assert not client.exists(f"{{{ZAYNAB}}}:relay", f"{{{ZAYNAB}}}:draft")


# --- how long ---

async def test_a_talk_lives_thirty_minutes_after_the_last_word(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await say(store, "1", clock, {"n": 1})
    with server.blocking() as client:
        lives = [client.pttl(name(ZAYNAB, "whatsapp")) / 1000 for name in (names.key, names.state)]
    assert all(IDLE_S < life <= IDLE_S + 60 for life in lives), "Redis's own expiry is only the backstop"
    clock.now += IDLE_S - 1
    assert await say(store, "2", clock, {"n": 2}) == {"n": 1}
    clock.now += IDLE_S
    assert await say(store, "3", clock, {"n": 3}) is None


async def test_somebody_who_waits_for_a_person_is_not_forgotten(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await say(store, "1", clock, {"n": 1}, ttl_s=7200)
    clock.now += 7000
    assert await store.load(ZAYNAB, "whatsapp") == {"n": 1}
    await store.keep(ZAYNAB, 3600)
    clock.now += 3500
    assert await store.load(ZAYNAB, "whatsapp") == {"n": 1}
    assert await store.purge_idle() == 0
    await store.keep(ZAYNAB, 10)
    with server.blocking() as client:
        assert client.pttl(names.key(ZAYNAB, "whatsapp")) > 3_600_000, "keeping never shortens"
    clock.now += 200
    assert await store.load(ZAYNAB, "whatsapp") is None


async def test_the_tombstone_outlives_the_talk_begun_since(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await store.exit(ZAYNAB, "1")
    await say(store, "2", clock, {"n": 1}, ttl_s=3 * 86_400)
    with server.blocking() as client:
        assert client.pttl(names.generation(ZAYNAB)) >= 3 * 86_400_000 - 1000


async def test_everything_in_redis_lapses_by_itself(store: ConversationStore, server: Server, clock: Clock) -> None:
    await say(store, "1", clock, {"n": 1})
    await store.arrive(ZAYNAB, "sms", "2", clock())
    await store.exit(LAYLA, "3")
    with server.blocking() as client:
        assert all(client.pttl(key) > 0 for key in client.keys("*"))


async def test_nothing_but_marks_and_counts_is_left_of_a_message_that_was_not_answered(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await store.finish(await store.arrive(ZAYNAB, "sms", "1", clock()))
    with server.blocking() as client:
        assert {key.decode().split(":", 1)[1] for key in client.keys("*")} == {"m:1", "rate"}


async def test_forgetting_takes_the_state_and_no_more(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {"n": 1})
    await store.forget(ZAYNAB)
    arrival = await store.arrive(ZAYNAB, "whatsapp", "2", clock())
    assert arrival.first and not arrival.quiet and arrival.generation == 0


async def test_a_key_that_lapsed_during_the_turn_is_made_anew(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await say(store, "1", clock, {"n": 1})
    arrival = await store.arrive(ZAYNAB, "whatsapp", "2", clock())
    async with store.turn(arrival) as fence:
        with server.blocking() as client:
            client.delete(*names.kept(ZAYNAB))
        assert await store.save(ZAYNAB, "whatsapp", {"n": 2}, fence) == Saved()
    assert await store.load(ZAYNAB, "whatsapp") == {"n": 2}


# --- sealing ---

async def test_redis_sees_no_plain_word_and_one_talks_state_does_not_open_as_anothers(
    store: ConversationStore, server: Server, clock: Clock
) -> None:
    await say(store, "1", clock, {"canary": "c4n4ry"})
    await say(store, "2", clock, {"n": 2}, person=LAYLA)
    with server.blocking() as client:
        assert not any(b"c4n4ry" in client.dump(key) for key in client.keys("*"))
        for name in (names.key, names.state):
            client.set(name(LAYLA, "whatsapp"), client.get(name(ZAYNAB, "whatsapp")))
    assert await store.load(LAYLA, "whatsapp") is None


async def test_what_cannot_be_opened_meets_the_opening_of_a_stranger(
    server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(server)
    await say(store, "1", clock, {"n": 1})
    with server.blocking() as client:
        client.setrange(names.state(ZAYNAB, "whatsapp"), 40, b"\xff\xff")
    assert await say(store, "2", clock, {"n": 2}) is None
    assert await store.load(ZAYNAB, "whatsapp") == {"n": 2}


async def test_a_rotated_secret_still_opens_the_talk(server: Server, clock: Clock) -> None:
    new = b"a newer secret of the tests ...."
    for ring, found in ((Keyring([SECRET]), None), (Keyring([new, SECRET]), {"n": 1}), (Keyring([new]), None)):
        client = connect(server.url)
        store = ConversationStore(client, ring, os.urandom, clock)
        arrival = await store.arrive(ZAYNAB, "sms", os.urandom(4).hex(), clock())
        async with store.turn(arrival) as fence:
            assert fence.state == found
            if found is None:
                await store.save(ZAYNAB, "sms", {"n": 1}, fence)
        await store.wire.settle()
        await client.aclose()


async def test_nothing_sealed_or_kept_is_shown(store: ConversationStore, clock: Clock) -> None:
    await say(store, "1", clock, {"canary": "c4n4ry"})
    arrival = await store.arrive(ZAYNAB, "whatsapp", "2", clock())
    async with store.turn(arrival) as fence:
        shown = repr(arrival) + repr(fence) + str(fence)
        assert "c4n4ry" not in shown and "\\x" not in shown


async def test_a_fence_is_good_for_its_own_conversation_only(store: ConversationStore, clock: Clock) -> None:
    async with store.turn(await store.arrive(ZAYNAB, "sms", "1", clock())) as fence:
        with pytest.raises(ValueError):
            await store.save(ZAYNAB, "whatsapp", {}, fence)


# --- Redis away ---

async def test_a_dead_redis_is_said_so_at_once(own_server: Server, make_store: MakeStore, clock: Clock) -> None:
    store = make_store(own_server)
    arrival = await store.arrive(ZAYNAB, "sms", "1", clock())
    async with store.turn(arrival) as fence:
        own_server.kill()
        began = time.monotonic()
        for act in (
            store.arrive(ZAYNAB, "sms", "2", clock()), store.save(ZAYNAB, "sms", {}, fence), store.finish(arrival),
            store.may_send(ZAYNAB, 0), store.generation(ZAYNAB), store.load(ZAYNAB, "sms"), store.exit(ZAYNAB, "3"),
            store.keep(ZAYNAB, 10), store.forget(ZAYNAB),
        ):
            with pytest.raises(StoreUnavailable):
                await act
        assert time.monotonic() - began < 5, "nine calls that each waited a second would take longer"


async def test_a_frozen_redis_is_given_up_after_a_second(
    own_server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(own_server)
    await say(store, "1", clock, {})
    own_server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.may_send(ZAYNAB, 0)
    assert 0.9 < time.monotonic() - began < 4
    own_server.thaw()
    assert await store.may_send(ZAYNAB, 0)


async def test_a_redis_that_came_back_empty_is_taught_the_scripts_again(
    own_server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(own_server)
    await say(store, "1", clock, {"n": 1})
    own_server.kill()
    own_server.start()
    await asyncio.sleep(0.05)
    assert await say(store, "2", clock, {"n": 2}) is None
    with own_server.blocking() as client:
        client.script_flush()
    assert await say(store, "3", clock, {"n": 3}) == {"n": 2}
