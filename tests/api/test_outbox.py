"""The only way out: the tombstone is asked last, and what is not known is not sent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.channels.address import parse_address
from api.channels.twilio.client import ProviderRefused, Reason
from api.conversations.store import ConversationStore, connect
from api.observability.metrics import REGISTRY
from api.outbox import VALIDITY_S, Dispatch, Outbox
from safety.message_text import MessageText
from tests.fixtures_line import OURS, SALMA, FakeProvider
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, Clock

PERSON = "b" * 32


@dataclass
class Way:
    outbox: Outbox
    provider: FakeProvider
    store: ConversationStore
    server: RedisServer
    clock: Clock

    async def send(self, generation: int = 0, **rest: object) -> Dispatch:
        return await self.outbox.send(
            parse_address(SALMA), OURS, MessageText("words"), PERSON, generation, **rest  # type: ignore[arg-type]
        )


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        server, clock, provider = start_redis(Path(folder)), Clock(), FakeProvider()
        client = connect(server.url)
        store = ConversationStore(client, KEYRING, os.urandom, clock)
        yield Way(Outbox(provider, store, "https://line.test/s", clock), provider, store, server, clock)  # type: ignore[arg-type]
        await client.aclose()
        server.stop()


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("hams_sent_total", {"channel": "sms", "outcome": outcome}) or 0.0


async def test_a_message_goes_out_with_a_short_life_and_a_callback_and_comes_back_with_its_sid(way: Way) -> None:
    before = counted("sent")
    assert await way.send() == Dispatch("sent", sid=way.provider.sent[0]["sid"])
    sent = way.provider.sent[0]
    assert (sent["to"], sent["from"], sent["validity"], sent["callback"]) == (SALMA, OURS, VALIDITY_S, "https://line.test/s")
    assert VALIDITY_S <= 300 and counted("sent") == before + 1


async def test_who_left_since_is_sent_nothing(way: Way) -> None:
    generation = await way.store.generation(PERSON)
    await way.store.exit(PERSON, "x" * 32)
    assert (await way.send(generation)).outcome == "withdrawn" and way.provider.sent == []


async def test_a_message_caused_after_the_exit_may_go(way: Way) -> None:
    left = await way.store.exit(PERSON, "x" * 32)
    assert (await way.send(left.generation)).outcome == "sent"


async def test_an_exit_while_the_connection_is_made_still_stops_the_message(way: Way) -> None:
    async def leave() -> None:
        await way.store.exit(PERSON, "x" * 32)

    way.provider.before = leave
    assert (await way.send(0)).outcome == "withdrawn" and way.provider.sent == []


async def test_with_redis_gone_only_the_answer_to_the_message_in_hand_goes(way: Way) -> None:
    way.server.kill()
    assert (await way.send()).outcome == "withdrawn"
    assert (await way.send(in_hand=True)).outcome == "sent"


async def test_with_redis_gone_an_exit_this_process_took_stops_even_that(way: Way) -> None:
    way.server.kill()
    generation = way.store.exit_locally(PERSON)
    assert (await way.send(generation - 1, in_hand=True)).outcome == "withdrawn"
    assert (await way.send(generation, in_hand=True)).outcome == "sent"


async def test_a_further_condition_is_asked_last_and_its_failure_is_the_callers(way: Way) -> None:
    async def no() -> bool:
        return False

    async def fails() -> bool:
        raise LookupError("mine")

    assert (await way.send(still=no)).outcome == "withdrawn"
    with pytest.raises(LookupError, match="mine"):
        await way.send(still=fails)
    assert way.provider.sent == []


@pytest.mark.parametrize(("maybe_done", "outcome"), [(False, "refused"), (True, "unsure")])
async def test_a_refusal_is_a_code_and_never_an_exception(way: Way, maybe_done: bool, outcome: str) -> None:
    way.provider.refuse = ProviderRefused(Reason.UNREACHABLE, maybe_done=maybe_done)
    assert await way.send() == Dispatch(outcome, reason="unreachable")
