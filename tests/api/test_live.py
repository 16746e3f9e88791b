"""A counsellor's words on their way out: only to the person of the ticket, only while the ticket is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.channels.twilio.client import ProviderRefused, Reason
from api.conversations.keys import day_of
from api.database import DatabaseUnavailable
from api.handoffs import claims, hands
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import SendState
from api.handoffs.tickets import Ticket, find, mark_left, note_introduced, open_handoff
from api.live import CounsellorOutbox
from safety.message_text import MessageText
from tests.fixtures_line import SALMA, Rig, rig_on
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import new_id, wish

PERSON = "c" * 32


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


@pytest.fixture
def outbox(rig: Rig) -> CounsellorOutbox:
    return CounsellorOutbox(
        rig.deps.outbox, rig.database, ReplyAddresses(rig.keys), rig.deps.releases, rig.clock, production=False, keep=rig.eraser.keep,
    )


async def claimed(rig: Rig, *, introduced: bool = True) -> Ticket:
    sealed = ReplyAddresses(rig.keys).seal(f"whatsapp:{SALMA}", PERSON, rig.clock())

    def act(connection: sa.Connection) -> Ticket:
        made = wish(PERSON, reply_address=sealed, sender="whatsapp:+15005550006", generation=0)
        ticket = open_handoff(connection, made, new_id=new_id(), now=rig.clock())
        mine = claims.claim(connection, ticket.id, staff="s1", now=rig.clock())
        note_introduced(connection, mine, told=introduced)
        return replace(mine, introduced=introduced)

    return await rig.database.write(act)


WORDS = MessageText("معك، خدي وقتك")


async def test_the_words_reach_the_sealed_address_from_the_right_number_and_the_sid_is_noted(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    assert await outbox.send(await claimed(rig), WORDS) is SendState.SENT
    (sent,) = rig.provider.sent
    assert (sent["to"], sent["from"], sent["body"]) == (f"whatsapp:{SALMA}", "whatsapp:+15005550006", WORDS.reveal())
    assert set(await rig.ledger()) == {sent["sid"]}


async def test_who_was_not_told_that_a_human_reads_is_told_in_the_same_message(rig: Rig, outbox: CounsellorOutbox) -> None:
    assert await outbox.send(await claimed(rig, introduced=False), WORDS) is SendState.SENT
    (sent,) = rig.provider.sent
    joined, words = sent["body"].rsplit("\n\n", 1)
    assert "شخص من الفريق" in joined and words == WORDS.reveal()


async def test_a_counsellors_coming_and_going_is_said_in_the_persons_words(rig: Rig, outbox: CounsellorOutbox) -> None:
    ticket = await claimed(rig)
    assert await outbox.tell(ticket, "counsellor_joined", ticket.reply_address) is SendState.SENT
    after = await rig.database.write(
        lambda c: claims.close(c, ticket.id, staff="s1", outcome="helped", now=rig.clock())
    )
    assert after.reply_address is None
    assert await outbox.tell(after, "talk_closed", ticket.reply_address) is SendState.SENT
    assert [body.splitlines()[0] for body in rig.provider.bodies] == ["صار معك شخص من الفريق.", "خلص الحديث مع الشخص."]


async def test_what_is_said_of_a_step_is_not_said_after_the_next_one_or_after_an_exit(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    ticket = await claimed(rig)
    await rig.database.write(lambda c: claims.release(c, ticket.id, staff="s1", now=rig.clock()))
    assert await outbox.tell(ticket, "counsellor_joined", ticket.reply_address) is SendState.REFUSED
    queued = await rig.database.read(lambda c: find(c, ticket.id))
    assert queued is not None
    await rig.store.exit(PERSON, "e" * 32)
    assert await outbox.tell(queued, "counsellor_away", ticket.reply_address) is SendState.REFUSED
    assert rig.provider.sent == []


async def test_after_an_exit_nothing_is_sent(rig: Rig, outbox: CounsellorOutbox) -> None:
    ticket = await claimed(rig)
    await rig.store.exit(PERSON, "e" * 32)
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED
    assert rig.provider.sent == []


async def test_an_exit_only_the_database_knows_of_is_enough(rig: Rig, outbox: CounsellorOutbox) -> None:
    ticket = await claimed(rig)
    await rig.database.write(lambda c: mark_left(c, PERSON, now=rig.clock()))
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED


async def test_a_ticket_that_changed_hands_while_the_words_were_under_way_is_refused(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    ticket = await claimed(rig)

    async def hand_back() -> None:
        await rig.database.write(lambda c: claims.release(c, ticket.id, staff="s1", now=rig.clock()))

    rig.provider.before = hand_back
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED
    assert rig.provider.sent == []


async def test_words_of_the_counsellor_before_are_refused_when_another_has_taken_over_meanwhile(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    ticket = await claimed(rig)

    def hand_over(connection: sa.Connection) -> None:
        claims.release(connection, ticket.id, staff="s1", now=rig.clock())
        claims.claim(connection, ticket.id, staff="s2", now=rig.clock())

    async def meanwhile() -> None:
        await rig.database.write(hand_over)

    rig.provider.before = meanwhile
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED
    assert rig.provider.sent == []


async def test_a_ticket_without_an_address_or_whose_days_key_is_gone_sends_nothing(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    ticket = await claimed(rig)
    assert await outbox.send(replace(ticket, reply_address=None), WORDS) is SendState.REFUSED
    assert await outbox.send(replace(ticket, reply_address=b"\xff damaged"), WORDS) is SendState.FAILED
    rig.keys.destroy_before("reply", day_of(rig.clock() + 86_400))
    assert await outbox.send(ticket, WORDS) is SendState.FAILED
    assert rig.provider.sent == []


async def test_an_address_cannot_be_moved_to_another_persons_ticket(rig: Rig, outbox: CounsellorOutbox) -> None:
    assert await outbox.send(replace(await claimed(rig), person="d" * 32), WORDS) is SendState.FAILED
    assert rig.provider.sent == []


async def test_a_provider_that_refuses_is_told_to_the_counsellor(rig: Rig, outbox: CounsellorOutbox) -> None:
    rig.provider.refuse = ProviderRefused(Reason.WINDOW_CLOSED, code=63016, status=400)
    assert await outbox.send(await claimed(rig), WORDS) is SendState.FAILED


async def test_a_database_that_cannot_say_whose_ticket_it_is_means_no(
    rig: Rig, outbox: CounsellorOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await claimed(rig)

    async def away(_ask: object) -> None:
        raise DatabaseUnavailable("OperationalError")

    monkeypatch.setattr(rig.database, "read", away)
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED
    assert rig.provider.sent == []


async def test_words_that_went_out_count_as_sent_though_their_sid_could_not_be_noted(
    rig: Rig, outbox: CounsellorOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await claimed(rig)

    async def away(_act: object) -> None:
        raise DatabaseUnavailable("OperationalError")

    monkeypatch.setattr(rig.database, "write", away)
    assert await outbox.send(ticket, WORDS) is SendState.SENT


async def test_of_a_supervisor_who_joined_openly_unsaid_the_person_is_told_with_the_next_message_and_once(
    rig: Rig, outbox: CounsellorOutbox
) -> None:
    ticket = await claimed(rig)
    joined = await rig.database.write(
        lambda c: hands.join(c, ticket.id, staff="boss", openly=True, now=rig.clock())
    )
    assert await outbox.send(ticket, WORDS) is SendState.REFUSED, "written before it was seen who reads along"
    for _ in range(2):
        assert await outbox.send(joined, WORDS) is SendState.SENT
    told, words = rig.provider.bodies[0].rsplit("\n\n", 1)
    assert "يقرا معنا" in told and words == WORDS.reveal()
    assert rig.provider.bodies[1:] == [WORDS.reveal()]
