"""What an exit leaves in the memory of the running redis-server: nothing that opens anything.

threats.md: "after a plain DEL the value was still in redis-server's memory 20 times of 20, after overwriting 0 of 20".
"""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from conversation_parts import Clock, MakeStore, Server

from api.conversations import names
from api.conversations.sealing import Keyring
from api.conversations.store import ConversationStore, Fence, Saved

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads the server's memory under /proc"
)

ROUNDS = 20


async def talk(store: ConversationStore, person: str, channel: str, canary: bytes, clock: Clock, turns: int = 3) -> bytes:
    """A talk of a few turns; returns the conversation's raw key."""
    key = b""
    for number in range(turns):
        clock.now += 5
        arrival = await store.arrive(person, channel, os.urandom(16).hex(), clock())
        async with store.turn(arrival) as fence:
            state = {"turn": number, "canary": canary, "slots": [1] * 50}
            assert await store.save(person, channel, state, fence) == Saved()
            key = raw_key(fence)
            await store.finish(arrival, fence)
    await store.wire.settle()
    return key


def raw_key(fence: Fence) -> bytes:
    assert fence._held.key is not None
    return fence._held.key


def wrapped_key(server: Server, person: str, channel: str) -> bytes:
    with server.blocking() as client:
        found = client.get(names.key(person, channel))
    assert isinstance(found, bytes)
    # what the test itself read must not be what the test then finds: its connection is closed, its buffer freed
    return found


async def test_after_an_exit_no_key_is_left_in_the_servers_memory_twenty_times_of_twenty(
    own_server: Server, make_store: MakeStore, keyring: Keyring, clock: Clock
) -> None:
    left: list[str] = []
    stores = [make_store(own_server) for _ in range(2)]  # two gateways take turns, one of them sees the exit
    wrapped: list[bytes] = []
    seal = keyring.seal

    def spy(purpose: str, plain: bytes, aad: bytes = b"") -> bytes:
        wrapped.append(seal(purpose, plain, aad))
        return wrapped[-1]

    for store in stores:
        store._keyring = _Spying(keyring, spy)  # type: ignore[assignment]
    for round_number in range(ROUNDS):
        person, canary = os.urandom(16).hex(), os.urandom(24)
        wrapped.clear()
        raw = [await talk(stores[0], person, "whatsapp", canary, clock)]
        raw.append(await talk(stores[1], person, "sms", canary, clock))
        await talk(stores[1], person, "whatsapp", canary, clock)
        assert len(wrapped) == 2, "one key a conversation, written once"
        # the secret parts stand after the key id; positive control: they are there before the exit
        found = own_server.holds(*[one[4:] for one in wrapped])
        assert found == [True, True], "the search must be able to find what is there"
        await stores[round_number % 2].exit(person, os.urandom(16).hex())
        needles = [*raw, canary, *[piece for one in wrapped for piece in (one[4:36], one[36:])]]
        for _ in range(10):  # a busy server may still be reading the request that wrote a key: gone within half a second
            still_there = own_server.holds(*needles)
            if not any(still_there):
                break
            await asyncio.sleep(0.05)
        left += [f"round {round_number}: needle {place}" for place, there in enumerate(still_there) if there]
    assert left == []


async def test_what_an_exit_wipes_is_overwritten_and_not_only_freed(
    own_server: Server, make_store: MakeStore
) -> None:
    """The place of one or two freed values is soon taken by others, by luck; not those of fifty."""
    suffixes = [f"x{number}" for number in range(50)]
    store, person = make_store(own_server, also_wiped=suffixes), os.urandom(16).hex()
    values = [os.urandom(92) for _ in suffixes]
    for suffix, value in zip(suffixes, values, strict=True):
        await store.wire.ask(("SET", f"{{{person}}}:{suffix}", value), carries_key="out")
    await store.wire.settle()
    needles = [value[30:70] for value in values]
    assert all(own_server.holds(*needles))
    await store.exit(person, os.urandom(16).hex())
    assert not any(own_server.holds(*needles))


class _Spying:
    """A keyring that shows the test what it seals."""

    def __init__(self, keyring: Keyring, seal: object) -> None:
        self.open, self.seal = keyring.open, seal


async def test_a_plain_del_leaves_the_key_so_the_overwriting_is_what_does_it(
    own_server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store, left = make_store(own_server), 0
    for _ in range(ROUNDS):
        person = os.urandom(16).hex()
        await talk(store, person, "whatsapp", b"", clock)
        wrapped = wrapped_key(own_server, person, "whatsapp")
        with own_server.blocking() as client:
            client.delete(*names.kept(person))
        left += own_server.holds(wrapped[36:])[0]
    assert left == ROUNDS


async def test_silence_is_overwritten_too_and_not_left_to_expiry(
    own_server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store, person = make_store(own_server), os.urandom(16).hex()
    arrival = await store.arrive(person, "sms", "one", clock())
    seals: list[bytes] = []
    store._keyring = _Spying(store._keyring, _noting(store._keyring, seals))  # type: ignore[assignment]
    async with store.turn(arrival) as fence:
        await store.save(person, "sms", {"n": 1}, fence, ttl_s=1)
        await store.finish(arrival, fence)
    await store.wire.settle()
    assert own_server.holds(seals[0][36:]) == [True]
    assert await store.purge_idle() == 0, "it is not its time yet"
    clock.now += 1
    assert await store.purge_idle() == 1
    assert own_server.holds(seals[0][36:]) == [False]
    assert await store.load(person, "sms") is None


def _noting(keyring: Keyring, seals: list[bytes]) -> object:
    def seal(purpose: str, plain: bytes, aad: bytes = b"") -> bytes:
        seals.append(keyring.seal(purpose, plain, aad))
        return seals[-1]

    return seal


async def test_a_refused_first_save_leaves_no_key_behind(
    own_server: Server, make_store: MakeStore, clock: Clock
) -> None:
    store, person = make_store(own_server), os.urandom(16).hex()
    seals: list[bytes] = []
    store._keyring = _Spying(store._keyring, _noting(store._keyring, seals))  # type: ignore[assignment]
    arrival = await store.arrive(person, "sms", "one", clock())
    async with store.turn(arrival) as fence:
        await store.exit(person, "two")
        await store.save(person, "sms", {"n": 1}, fence)
    await store.wire.settle()
    assert own_server.holds(seals[0][4:36], seals[0][36:]) == [False, False]
    with own_server.blocking() as client:
        assert not client.exists(*names.kept(person), names.staged(person, "sms", arrival.ticket))
