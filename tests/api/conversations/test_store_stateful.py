"""Arrivals, turns, saves and exits in any order on two gateways, against a model of ten lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import Any

from conversation_parts import SECRET, Clock, Server
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.conversations.limits import Window
from api.conversations.names import CHANNELS
from api.conversations.sealing import Keyring
from api.conversations.store import (
    Arrival,
    ConversationStore,
    LeftMeanwhile,
    Refused,
    Saved,
    connect,
)

PEOPLE = ("aa" * 16, "bb" * 16)
people, channels = st.sampled_from(PEOPLE), st.sampled_from(CHANNELS)
sids, gateways = st.sampled_from([f"s{number}" for number in range(12)]), st.integers(0, 1)


@dataclass
class Waiting:
    gateway: int
    arrival: Arrival
    exits_before: int


class Conversations(RuleBasedStateMachine):
    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.marks: dict[tuple[str, str], str] = {}
        self.waiting: dict[str, list[Waiting]] = {person: [] for person in PEOPLE}
        self.exits = dict.fromkeys(PEOPLE, 0)
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.count = 0

    @initialize()
    def begin(self) -> None:
        with self.server.blocking() as client:
            client.flushall()
        self.clients = [connect(self.server.url) for _ in range(2)]
        self.stores = [
            ConversationStore(client, Keyring([SECRET]), os.urandom, self.clock, limits=[Window(1, 99, 99)])
            for client in self.clients
        ]

    @rule(person=people, channel=channels, sid=sids, gateway=gateways)
    def arrive(self, person: str, channel: str, sid: str, gateway: int) -> None:
        arrival = self.runner.run(self.stores[gateway].arrive(person, channel, sid, self.clock()))
        known = self.marks.get((person, sid))
        assert arrival.duplicate == {None: "no", "p": "in_progress"}.get(known, "done")
        assert arrival.first == ((person, channel) not in self.kept)
        if known is None:
            self.marks[person, sid] = "p"
            earlier = [waiting.arrival.ticket for waiting in self.waiting[person]]
            assert all(ticket < arrival.ticket for ticket in earlier)
            self.waiting[person].append(Waiting(gateway, arrival, self.exits[person]))

    @rule(person=people, leaves=st.booleans(), sid=sids, gateway=gateways)
    def take_a_turn(self, person: str, leaves: bool, sid: str, gateway: int) -> None:
        if not self.waiting[person]:
            return
        waiting = self.waiting[person].pop(0)
        store, arrival = self.stores[waiting.gateway], waiting.arrival

        async def turn() -> None:
            async with store.turn(arrival) as fence:
                if waiting.exits_before == self.exits[person]:
                    assert fence.state == self.kept.get((person, arrival.channel))
                if leaves:
                    await self.leave(person, sid, gateway)
                self.count += 1
                state = {"count": self.count}
                gone = waiting.exits_before != self.exits[person]
                outcome = await store.save(person, arrival.channel, state, fence)
                assert outcome == (Refused("exited") if gone else Saved())
                assert await store.may_send(person, fence.generation) == (not gone)
                if not gone:
                    self.kept[person, arrival.channel] = state
                await store.finish(arrival, fence)

        if waiting.exits_before != self.exits[person]:
            # told so, or (its turn was given on arrival, the exit came by the other gateway) refused on saving
            with contextlib.suppress(LeftMeanwhile):
                self.runner.run(turn())
        else:
            self.runner.run(turn())
        if self.marks[person, arrival.sid_mark] != "x":
            self.marks[person, arrival.sid_mark] = "d"

    @rule(person=people)
    def finish_without_a_turn(self, person: str) -> None:
        if self.waiting[person]:
            waiting = self.waiting[person].pop()
            self.runner.run(self.stores[waiting.gateway].finish(waiting.arrival))
            if self.marks[person, waiting.arrival.sid_mark] != "x":
                self.marks[person, waiting.arrival.sid_mark] = "d"

    @rule(person=people, sid=sids, gateway=gateways)
    def exit(self, person: str, sid: str, gateway: int) -> None:
        self.runner.run(self.leave(person, sid, gateway))

    async def leave(self, person: str, sid: str, gateway: int) -> None:
        outcome = await self.stores[gateway].exit(person, sid)
        assert outcome.replayed == (self.marks.get((person, sid)) == "x")
        if not outcome.replayed:
            self.exits[person] += 1
            self.marks[person, sid] = "x"
            for channel in CHANNELS:
                self.kept.pop((person, channel), None)

    @rule(seconds=st.sampled_from([0.0, 0.5, 20.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def what_is_kept_is_what_was_saved_since_the_last_exit(self) -> None:
        if hasattr(self, "stores"):
            for person in PEOPLE:
                for channel in CHANNELS:
                    found = self.runner.run(self.stores[0].load(person, channel))
                    assert found == self.kept.get((person, channel))

    def teardown(self) -> None:
        for client, store in zip(getattr(self, "clients", []), getattr(self, "stores", []), strict=True):
            self.runner.run(store.wire.settle())
            self.runner.run(client.aclose())
        self.runner.close()


def test_any_order_of_arrivals_turns_and_exits_keeps_the_promises(running_server: Server) -> None:
    machine = type("Conversations", (Conversations,), {"server": running_server})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=25, deadline=None,
                          suppress_health_check=list(HealthCheck)),
    )
