"""The one path every message walks: its order, and what becomes of a person when a part of it is missing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.channels.address import parse_address
from api.channels.twilio.client import ProviderRefused, Reason
from api.conversations import safewords
from api.conversations.identity import person_of
from api.conversations.keys import quarter_of
from api.conversations.optouts import has_opted_out
from api.conversations.store import StoreUnavailable
from api.database import Database, DatabaseUnavailable
from api.handoffs import claims, wrapup
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.relay import MOST_WAITING, Relay
from api.handoffs.tickets import OpenHandoff, Ticket, note_answered, note_introduced, open_handoff
from api.record import IDLE_CLOSES_S, Record
from api.staff import rotas
from api.weekly import ALWAYS
from safety.folding import fold
from tests.fixtures_browser_keys import relay_for
from tests.fixtures_line import DANGER, OURS, SALMA, Rig, handoff, rig_on, shipped_release, state, turn, words_of
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, hire, new_id, wish

PERSON = person_of(KEYRING, SALMA)
MAYBE = "قال رح يقتلني"


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
async def mortal(tmp_path: Path) -> AsyncIterator[Rig]:
    """A rig whose Redis may be killed."""
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        server = start_redis(Path(folder))
        async with rig_on(server, tmp_path) as made:
            yield made
        server.stop()


async def record_of(rig: Rig, channel: str = "whatsapp") -> Record:
    return Record.of(await rig.store.load(PERSON, channel))


async def claimed(rig: Rig, band: str = "HIGH", channel: str = "whatsapp", *, answered: bool = True) -> Ticket:
    """A counsellor has taken this person's ticket and, unless told otherwise, written to them."""

    def act(connection: sa.Connection) -> Ticket:
        made: OpenHandoff = wish(PERSON, band=band, channel=channel, generation=0)
        ticket = open_handoff(connection, made, new_id=new_id(), now=rig.clock())
        mine = claims.claim(connection, ticket.id, staff="counsellor-1", now=rig.clock())
        if answered:
            note_answered(connection, mine, rig.clock())
        return mine

    return await rig.database.write(act)


class Broken:
    """A database that is away."""

    def __init__(self, real: Database) -> None:
        self.real = real
        self.away = True

    async def write(self, act: Any, within_s: float | None = None) -> Any:
        if self.away:
            raise DatabaseUnavailable("OperationalError")
        return await self.real.write(act, within_s)

    async def read(self, ask: Any, within_s: float | None = None) -> Any:
        if self.away:
            raise DatabaseUnavailable("OperationalError")
        return await self.real.read(ask, within_s)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait two seconds at most."""
    for _ in range(100):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


# --- an ordinary message ----------------------------------------------------------------------------------------------


async def test_a_message_is_answered_on_the_channel_and_from_the_number_it_came_to(rig: Rig) -> None:
    assert await rig.say("مرحبا") == "answered"
    assert await rig.say("مرحبا", channel="sms") == "answered"
    assert [(m["to"], m["from"]) for m in rig.provider.sent] == [
        (f"whatsapp:{SALMA}", f"whatsapp:{OURS}"), (SALMA, OURS),
    ]
    assert rig.provider.bodies[0] == words_of("opening")
    assert all(m["validity"] <= 300 and m["callback"] for m in rig.provider.sent)


@pytest.mark.parametrize(
    ("text", "language"),
    [("مجھے مدد چاہیے میرا شوہر مجھے مارتا ہے", "ur"), ("شوهرم من را میزنه کمک میخواهم", "fa"), ("kailangan ko ng tulong sinasaktan ako", "tl"),
     ("ባለቤቴ ይመታኛል", "am"), ("bonjour mon mari me frappe", "fr")],
)
async def test_who_writes_in_another_language_meets_the_opening_in_it(rig: Rig, text: str, language: str) -> None:
    await rig.say(text)
    assert rig.provider.bodies == [words_of(f"other_language_{language}")]
    assert rig.provider.bodies != [words_of("opening")]


async def test_the_engine_is_given_the_words_the_state_and_no_address(rig: Rig) -> None:
    rig.engine.outcomes = [turn("opening", loop="opening"), turn("phone_check")]
    await rig.say("مرحبا")
    await rig.say("1")
    (first, *_), (second, words, facts) = rig.engine.asked
    assert first is None and second == state("opening") and words == "1"
    assert facts["country"] == "JO" and facts["channel"] == "whatsapp" and facts["ticket"] == ""
    assert facts["danger"] == "" and facts["safe_word"] is False and facts["release"]
    assert SALMA[1:] not in repr(rig.engine.asked)


async def test_replies_of_one_turn_are_one_message_in_their_order(rig: Rig) -> None:
    rig.engine.outcomes = [turn("thanks", "menu")]
    await rig.say("شكرا لكم")
    (body,) = rig.provider.bodies
    assert body.index(words_of("thanks")) < body.index(words_of("menu"))


async def test_what_came_in_and_what_went_out_is_in_the_erasure_ledger_and_no_answer_stays_owed(rig: Rig) -> None:
    message = rig.message("مرحبا", media=("ME" + "1" * 32,))
    await rig.line.receive(message)
    assert set(await rig.ledger()) == {message.sid, "ME" + "1" * 32, rig.provider.sent[0]["sid"]}
    assert await rig.debts() == 0


async def test_while_a_turn_is_thought_about_the_answer_is_owed_on_disk(rig: Rig) -> None:
    owed: list[int] = []

    async def look() -> None:
        for _ in range(100):
            if found := await rig.debts():
                owed.append(found)
                return
            await asyncio.sleep(0.01)

    rig.engine.during = look
    await rig.say("مرحبا")
    assert owed == [1]


async def test_a_number_nobody_serves_is_of_the_country_of_the_line_it_wrote_to_or_of_none(rig: Rig) -> None:
    await rig.say("hello", number="+447400000001")
    await rig.line.receive(rig.message("hello", number="+447400000002", to="whatsapp:+97317000000"))
    assert [facts["country"] for *_, facts in rig.engine.asked] == ["XX", "BH"]


async def test_messages_of_one_person_are_answered_one_after_the_other_in_the_order_of_arrival(rig: Rig) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.02)

    rig.engine.during = slowly
    rig.engine.outcomes = [turn(name) for name in ("thanks", "menu", "goodbye")]
    first = asyncio.create_task(rig.say("واحد"))
    await asyncio.sleep(0.005)
    second = asyncio.create_task(rig.say("اثنان"))
    await asyncio.sleep(0.005)
    await asyncio.gather(first, second, rig.say("ثلاثة"))
    assert [words for _, words, _ in rig.engine.asked] == ["واحد", "اثنان", "ثلاثة"]
    assert rig.provider.bodies == [words_of(name) for name in ("thanks", "menu", "goodbye")]


# --- the order of the gate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phrase", ["0", "خروج", "stop", "exit"])
async def test_an_exit_is_silent_and_reaches_neither_engine_nor_relay(rig: Rig, phrase: str) -> None:
    await rig.to_the_talk()
    asked = len(rig.engine.asked)
    assert await rig.say(phrase) in ("exit", "opt_out")
    assert rig.provider.sent == [] and len(rig.engine.asked) == asked
    assert await rig.store.load(PERSON, "whatsapp") is None


async def test_an_exit_goes_before_the_limits(rig: Rig) -> None:
    for _ in range(40):
        await rig.say("الو")
    assert await rig.say("0") == "exit"


async def test_an_exit_on_one_channel_wipes_the_other(rig: Rig) -> None:
    await rig.say("مرحبا", channel="sms")
    assert await rig.store.load(PERSON, "sms") is not None
    await rig.say("0", channel="whatsapp")
    assert await rig.store.load(PERSON, "sms") is None


async def test_after_an_exit_whoever_writes_next_meets_the_engine_without_a_state(rig: Rig) -> None:
    await rig.to_the_talk()
    await rig.say("0")
    await rig.wait(11)
    await rig.say("مرحبا")
    assert rig.engine.asked[-1][0] is None
    assert rig.provider.bodies == [words_of("opening")]


async def test_a_straggler_within_ten_seconds_of_an_exit_is_met_with_silence(rig: Rig) -> None:
    await rig.to_the_talk()
    await rig.say("0")
    asked = len(rig.engine.asked)
    message = rig.message("لسا بدي احكي")
    assert await rig.line.receive(message) == "quiet"
    assert rig.provider.sent == [] and len(rig.engine.asked) == asked
    assert message.sid in await rig.ledger()


async def test_an_uncertain_straggler_is_silent_but_new_danger_is_not(rig: Rig) -> None:
    await rig.say("0")
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    assert await rig.say(MAYBE) == "quiet"
    assert await rig.say(DANGER) == "answered"
    assert rig.provider.bodies[0].startswith("911")
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]


async def test_the_providers_second_delivery_is_silent(rig: Rig) -> None:
    message = rig.message(DANGER)
    assert await rig.line.receive(message) == "answered"
    assert await rig.line.receive(message) == "duplicate"
    assert len(rig.provider.sent) == 1 and len(await rig.tickets()) == 1


async def test_a_replayed_exit_does_not_end_the_talk_begun_since(rig: Rig) -> None:
    leaving = rig.message("0")
    await rig.line.receive(leaving)
    await rig.wait(60)
    await rig.to_the_talk()
    assert await rig.line.receive(leaving) == "duplicate"
    assert (await record_of(rig)).good_time


async def test_a_flood_is_told_once_and_then_met_with_silence(rig: Rig) -> None:
    outcomes = [await rig.say(f"سطر {n}") for n in range(30)]
    assert outcomes.count("answered") == 14 and outcomes.count("over_limit") == 16
    assert rig.provider.bodies.count(words_of("too_fast")) == 1
    assert len(rig.provider.bodies) == 15
    assert await rig.debts() == 0


async def test_after_a_flood_and_an_exit_the_number_is_a_strangers(rig: Rig) -> None:
    for n in range(30):
        await rig.say(f"سطر {n}")
    await rig.say("0")
    for n in range(30):
        assert await rig.say(f"سطر {n}") == "quiet"
    rig.provider.sent.clear()
    await rig.wait(11)
    assert await rig.say("مرحبا") == "answered"
    assert rig.provider.bodies == [words_of("opening")]


async def test_danger_is_heard_above_every_limit(rig: Rig) -> None:
    for n in range(30):
        await rig.say(f"سطر {n}")
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    assert await rig.say(DANGER) == "answered"
    assert rig.provider.bodies[-1].startswith("911")
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]


async def test_danger_by_rule_is_told_to_the_engine_and_committed_whatever_the_engine_thinks(rig: Rig) -> None:
    rig.engine.outcomes = [turn("menu")]
    await rig.say(DANGER)
    assert rig.engine.asked[0][2]["danger"] == "now"
    (ticket,) = await rig.tickets()
    assert (ticket.band, ticket.reasons, ticket.state) == ("RED", ("danger_now", "danger_rule", "threat_to_kill", "weapon"), "queued")
    await rig.say(MAYBE)
    assert rig.engine.asked[1][2]["danger"] == "maybe"


# --- commands before replies ------------------------------------------------------------------------------------------


async def test_the_ticket_is_committed_before_the_provider_is_called(rig: Rig) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append([ticket.band for ticket in await rig.tickets()])

    rig.provider.before = look
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
    await rig.say("جوزي بيضربني")
    assert seen == [["HIGH"]]


async def test_a_ticket_holds_the_address_sealed_and_nothing_of_the_words(rig: Rig) -> None:
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
    await rig.say("جوزي بيضربني")
    (ticket,) = await rig.tickets()
    assert SALMA.encode() not in (ticket.reply_address or b"")
    assert ReplyAddresses(rig.keys).open(ticket.reply_address or b"", PERSON) == f"whatsapp:{SALMA}"
    assert ticket.sender == f"whatsapp:{OURS}" and ticket.country == "JO"


async def test_nothing_is_sent_when_the_state_may_not_be_saved(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.conversations.store import Refused

    async def refuse(*_: Any, **__: Any) -> Refused:
        return Refused("stale")

    monkeypatch.setattr(rig.store, "save", refuse)
    assert await rig.say("مرحبا") == "quiet"
    assert rig.provider.sent == []
    assert await rig.debts() == 1, "somebody else has the turn; if it comes to nothing the answer is still owed"


async def test_an_exit_while_the_engine_thinks_silences_its_answer(rig: Rig) -> None:
    leaving = rig.message("0")

    async def leave() -> None:
        rig.engine.during = None
        assert await rig.line.receive(leaving) == "exit"

    rig.engine.during = leave
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
    message = rig.message("جوزي بيضربني")
    assert await rig.line.receive(message) == "quiet"
    assert rig.provider.sent == [] and await rig.tickets() == []
    assert await rig.store.load(PERSON, "whatsapp") is None
    assert await rig.debts() == 0
    assert await rig.line.receive(message) == "duplicate", "the provider's second try is not a new message"


async def test_an_exit_between_the_save_and_the_first_byte_silences_the_answer(rig: Rig) -> None:
    leaving = rig.message("0")

    async def leave() -> None:
        rig.provider.before = None
        await rig.line.receive(leaving)

    rig.provider.before = leave
    await rig.say("مرحبا")
    assert rig.provider.sent == []


async def test_a_ticket_written_in_the_very_instant_of_an_exit_does_not_stay_open(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit falls between the last look and the commit: without care the next stranger would be in a live talk."""
    real = rig.store.may_send
    leaving = rig.message("0")

    async def pass_then_leave(person: str, generation: int) -> bool:
        fine = await real(person, generation)
        monkeypatch.setattr(rig.store, "may_send", real)
        await rig.line.receive(leaving)
        return fine

    monkeypatch.setattr(rig.store, "may_send", pass_then_leave)
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
    assert await rig.say("جوزي بيضربني") == "quiet"
    (ticket,) = await rig.tickets()
    assert ticket.state == "left" and ticket.reply_address is None
    assert rig.provider.sent == []


async def test_an_exit_ends_the_tickets_brings_erasure_forward_and_releases_what_is_owed(rig: Rig) -> None:
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
    await rig.say("جوزي بيضربني")
    sent = rig.provider.sent[0]["sid"]
    assert (await rig.ledger())[sent] > rig.clock()
    leaving = rig.message("0")
    await rig.line.receive(leaving)
    (ticket,) = await rig.tickets()
    assert ticket.state == "left" and ticket.reply_address is None
    due = await rig.ledger()
    assert due[sent] <= rig.clock() and due[leaving.sid] <= rig.clock()
    assert rig.eraser.woken == 1


async def test_one_command_the_product_does_not_know_takes_neither_danger_nor_the_answer_with_it(rig: Rig) -> None:
    rig.engine.outcomes = [turn("menu", commands=[handoff("PURPLE"), {"kind": "open_handoff"}])]
    assert await rig.say(DANGER) == "answered"
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]
    assert rig.provider.bodies == [words_of("menu")]


# --- parts that are missing -------------------------------------------------------------------------------------------


async def test_without_the_engine_a_stranger_meets_the_same_opening(rig: Rig) -> None:
    rig.engine.down = True
    assert await rig.say("مرحبا") == "degraded"
    assert rig.provider.bodies == [words_of("opening")]


async def test_without_the_engine_danger_is_committed_and_answered_with_the_number(rig: Rig) -> None:
    rig.engine.down = True
    assert await rig.say(DANGER) == "degraded"
    assert rig.provider.bodies[0].startswith("911")
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]


async def test_without_the_engine_nine_is_a_person_and_the_state_is_kept(rig: Rig) -> None:
    await rig.to_the_talk()
    rig.engine.down = True
    await rig.say("9")
    (ticket,) = await rig.tickets()
    assert ticket.wish and ticket.priority == "P2"
    assert rig.provider.bodies == [words_of("request_human")]
    assert (await record_of(rig)).engine == state("asking")


async def test_without_the_engine_a_newcomer_gets_past_the_opening_to_a_person(rig: Rig) -> None:
    rig.engine.down = True
    for words in ("مرحبا", "1", "6", "9"):
        assert await rig.say(words) == "degraded"
    assert rig.provider.bodies == [words_of(n) for n in ("opening", "degraded_open", "ask_shelter", "request_human")]
    assert "911" in rig.provider.bodies[1]
    (ticket,) = await rig.tickets()
    assert ticket.wish and (await record_of(rig)).good_time
    rig.engine.down = False
    rig.engine.outcomes = [turn("ticket_waiting", loop=None)]
    assert await rig.say("في حدا؟") == "answered"
    kept = rig.engine.asked[-1][0]
    assert kept is not None and (kept["version"], kept["loop"], kept["slots"]["talk"]["stage"]) == (1, None, "phone")


async def test_without_the_engine_nine_in_the_opening_opens_a_ticket_and_not_now_is_told_to_its_counsellor(rig: Rig) -> None:
    rig.engine.down = True
    await rig.say("مرحبا")
    await rig.say("9")
    assert rig.provider.bodies == [words_of("opening")] * 2, "nothing shows what was asked for"
    (ticket,) = await rig.tickets()
    assert ticket.wish and ticket.priority == "P2" and not ticket.not_now
    await rig.say("2")
    assert rig.provider.bodies[-1] == words_of("not_now") and (await rig.tickets())[0].not_now
    await rig.say("مرحبا")
    await rig.say("نعم")
    assert rig.provider.bodies[-1] == words_of("request_human") + "\n\n" + words_of("degraded_open")
    (ticket,) = await rig.tickets()
    assert not ticket.not_now


async def test_without_the_engine_uncertain_danger_leads_to_one_question(rig: Rig) -> None:
    rig.engine.down = True
    await rig.say(MAYBE)
    assert rig.provider.bodies == [words_of("urgent_check")] and await rig.tickets() == []
    await rig.say("1")
    assert rig.provider.bodies[-1] == "911\n\n" + words_of("opening")
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]


async def test_without_engine_and_database_nobody_is_told_that_a_person_was_asked_for(rig: Rig) -> None:
    rig.deps.database = Broken(rig.database)  # type: ignore[assignment]
    rig.engine.down = True
    for words in ("مرحبا", "9", "1"):
        await rig.say(words)
    assert rig.provider.bodies == [words_of("opening")] * 2 + [words_of("degraded_open")]


async def test_without_the_database_a_person_is_still_answered(rig: Rig) -> None:
    rig.deps.database = Broken(rig.database)  # type: ignore[assignment]
    assert await rig.say("مرحبا") == "answered"
    assert rig.provider.bodies == [words_of("opening")]


async def test_without_the_database_nobody_is_told_that_a_person_comes(rig: Rig) -> None:
    await rig.to_the_talk()
    rig.deps.database = Broken(rig.database)  # type: ignore[assignment]
    rig.engine.outcomes = [turn("request_human", commands=[handoff("UNKNOWN", ["wish"], wish=True)])]
    await rig.say("بدي احكي مع حدا")
    rig.engine.outcomes = [turn("danger_emergency")]
    await rig.say(DANGER)
    assert rig.provider.bodies[0] == words_of("degraded_open")
    assert rig.provider.bodies[1] == "911\n\n" + words_of("degraded_open")


async def test_before_the_good_time_a_ticket_that_cannot_be_written_changes_no_word(rig: Rig) -> None:
    rig.deps.database = Broken(rig.database)  # type: ignore[assignment]
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    await rig.say(DANGER)
    assert rig.provider.bodies == ["911\n\n" + words_of("opening")]


async def test_a_ticket_the_database_could_not_take_is_written_with_the_next_message(rig: Rig) -> None:
    broken = Broken(rig.database)
    rig.deps.database = broken  # type: ignore[assignment]
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    await rig.say(DANGER)
    broken.away = False
    await rig.say("الو")
    await rig.say("الو")
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]
    assert (await record_of(rig)).undone == []


async def test_a_ticket_the_database_could_not_take_is_written_though_the_person_writes_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.inbound._AGAIN_S", (0.02,))
    broken = Broken(rig.database)
    rig.deps.database = broken  # type: ignore[assignment]
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    await rig.say(DANGER)
    broken.away = False

    async def flagged() -> bool:
        return [ticket.band for ticket in await rig.tickets()] == ["RED"]

    await until(flagged)
    await rig.say("الو")
    assert len(await rig.tickets()) == 1, "the command came again with the next message, and was obeyed already"


async def test_who_left_before_the_database_came_back_is_not_flagged_afterwards(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.inbound._AGAIN_S", (0.05,))
    broken = Broken(rig.database)
    rig.deps.database = broken  # type: ignore[assignment]
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    await rig.say(DANGER)
    await rig.say("0")
    broken.away = False
    await asyncio.sleep(0.3)
    assert await rig.tickets() == [] and not rig.line._unwritten


async def test_sids_the_database_would_not_take_are_remembered(rig: Rig) -> None:
    rig.deps.database = Broken(rig.database)  # type: ignore[assignment]
    message = rig.message("مرحبا")
    await rig.line.receive(message)
    assert {copy.sid for copy in rig.eraser.kept} == {message.sid, rig.provider.sent[0]["sid"]}


async def test_a_database_that_says_nothing_counts_as_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.inbound._WRITTEN_WITHIN_S", 0.1)
    monkeypatch.setattr("api.inbound._AGAIN_S", (0.02,))
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    other = sqlite3.connect(rig.database.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # somebody holds the file
    began = asyncio.get_running_loop().time()
    assert await rig.say(DANGER) == "answered"
    assert asyncio.get_running_loop().time() - began < 2
    assert rig.provider.bodies[0].startswith("911")
    other.execute("ROLLBACK")
    other.close()

    async def flagged() -> bool:
        return [ticket.band for ticket in await rig.tickets()] == ["RED"]

    await until(flagged)


async def test_an_exit_whose_gateway_died_before_the_database_heard_is_made_good_by_its_second_delivery(rig: Rig) -> None:
    await claimed(rig, "RED")
    leaving = rig.message("0")
    await rig.wait(5)
    working, rig.deps.database = rig.deps.database, Broken(rig.database)  # type: ignore[assignment]
    await rig.line.receive(leaving)
    for task in rig.line._unwritten:
        task.cancel()  # as the death of the process would
    rig.deps.database = working
    assert (await rig.tickets())[0].state == "claimed"
    assert await rig.line.receive(leaving) == "duplicate"
    assert (await rig.tickets())[0].state == "left"


async def test_an_exit_without_the_database_is_written_down_when_it_is_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.inbound._AGAIN_S", (0.02,))
    await claimed(rig)
    broken = Broken(rig.database)
    rig.deps.database = broken  # type: ignore[assignment]
    assert await rig.say("0") == "exit"
    broken.away = False
    for _ in range(100):
        if (await rig.tickets())[0].state == "left":
            break
        await asyncio.sleep(0.02)
    (ticket,) = await rig.tickets()
    assert ticket.state == "left" and ticket.reply_address is None


async def test_an_exit_the_database_never_heard_of_still_keeps_the_next_stranger_out_of_the_live_talk(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await claimed(rig)
    await rig.wait(5)
    await rig.store.exit(PERSON, "e" * 32)  # and the process died before it wrote a line of SQL
    await rig.wait(60)
    assert await rig.say("مرحبا") == "answered"
    assert await rig.relay.waiting(ticket.id) == ()
    assert rig.provider.bodies == [words_of("opening")]
    assert (await rig.tickets())[0].state == "left"


async def test_without_redis_the_opening_is_said_and_danger_is_committed(mortal: Rig) -> None:
    mortal.server.kill()
    assert await mortal.say("مرحبا") == "static"
    assert await mortal.say(DANGER) == "static"
    assert mortal.provider.bodies == [words_of("opening"), "911\n\n" + words_of("opening")]
    assert [ticket.band for ticket in await mortal.tickets()] == ["RED"]
    assert mortal.engine.asked == []
    assert len(await mortal.ledger()) == 4


async def test_without_redis_an_exit_is_silent_noted_in_sql_and_stragglers_stay_silent(mortal: Rig) -> None:
    await mortal.to_the_talk()
    mortal.server.kill()
    assert await mortal.say("0") == "exit"
    assert [person for person, _ in await mortal.deferred()] == [PERSON]
    mortal.clock.now += 3
    assert await mortal.say("لسا بدي احكي") == "quiet"
    assert mortal.provider.sent == []
    assert await mortal.say(DANGER) == "static"
    assert len(mortal.provider.sent) == 1
    mortal.clock.now += 10
    assert await mortal.say("مرحبا") == "static"
    assert mortal.provider.bodies[-1] == words_of("opening")


async def test_redis_dying_under_a_turn_leads_to_one_answer_and_no_debt(mortal: Rig) -> None:
    async def die() -> None:
        mortal.server.kill()

    mortal.engine.during = die
    mortal.engine.outcomes = [turn("high_offer", commands=[handoff("RED", ["N1"])])]
    assert await mortal.say("1") == "static"
    assert mortal.provider.bodies == [words_of("opening")]
    assert [ticket.band for ticket in await mortal.tickets()] == ["RED"], "what the engine found is not lost with Redis"
    assert await mortal.debts() == 0


async def test_redis_dying_after_the_answer_does_not_lead_to_a_second_one(mortal: Rig) -> None:
    async def die() -> None:
        mortal.server.kill()

    mortal.provider.at_send = die
    mortal.engine.outcomes = [turn("menu")]
    assert await mortal.say("1") == "answered"
    assert mortal.provider.bodies == [words_of("menu")]


async def test_redis_dying_right_before_the_send_leaves_the_person_with_the_opening(mortal: Rig) -> None:
    async def die() -> None:
        mortal.provider.before = None
        mortal.server.kill()

    mortal.provider.before = die
    mortal.engine.outcomes = [turn("menu")]
    assert await mortal.say("1") == "static"
    assert mortal.provider.bodies == [words_of("opening")]


async def test_an_exit_taken_while_redis_is_gone_silences_the_turn_that_was_under_way(mortal: Rig) -> None:
    leaving = mortal.message("0")

    async def die_and_leave() -> None:
        mortal.server.kill()
        await mortal.line.receive(leaving)

    mortal.engine.during = die_and_leave
    mortal.engine.outcomes = [turn("menu")]
    assert await mortal.say("1") == "quiet"
    assert mortal.provider.sent == []


async def test_a_ticket_redis_does_not_know_of_still_leads_to_its_counsellor(rig: Rig) -> None:
    """Opened while Redis was away, or by a turn that ended before its state was saved."""
    await rig.to_the_talk()
    ticket = await claimed(rig)
    assert await rig.say("في حدا؟") == "relayed"
    assert len(await rig.relay.waiting(ticket.id)) == 1


async def test_danger_is_committed_even_when_no_key_can_be_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.keys, "key", full)
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    assert await rig.say(DANGER) == "answered"
    (ticket,) = await rig.tickets()
    assert ticket.band == "RED" and ticket.reply_address is None
    assert rig.provider.bodies[0].startswith("911")


async def test_a_send_the_provider_throttles_is_made_again_before_it_is_given_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.inbound._SEND_AGAIN_S", (0.01, 0.01))
    tries = []

    async def count() -> None:
        tries.append(1)
        if len(tries) == 3:
            rig.provider.refuse = None

    rig.provider.before = count
    rig.provider.refuse = ProviderRefused(Reason.SLOW_DOWN, code=20429, status=429, retry=True)
    assert await rig.say("مرحبا") == "answered"
    assert len(tries) == 3 and rig.provider.bodies == [words_of("opening")]
    assert await rig.debts() == 0


async def test_an_answer_that_could_not_be_handed_over_stays_owed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.inbound._SEND_AGAIN_S", (0.01,))
    rig.provider.refuse = ProviderRefused(Reason.UNREACHABLE)
    assert await rig.say("مرحبا") == "answered"
    assert rig.provider.sent == [] and await rig.debts() == 1


async def test_an_exit_while_a_throttled_send_waits_silences_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.inbound._SEND_AGAIN_S", (0.2,))
    rig.provider.refuse = ProviderRefused(Reason.SLOW_DOWN, code=20429, status=429, retry=True)
    under_way = asyncio.create_task(rig.say("مرحبا"))
    await asyncio.sleep(0.1)
    await rig.say("0")
    rig.provider.refuse = None
    await under_way
    assert rig.provider.sent == []


async def test_an_answer_the_provider_would_not_take_is_not_sent_twice(rig: Rig) -> None:
    rig.provider.refuse = ProviderRefused(Reason.OPTED_OUT, code=21610, status=400)
    assert await rig.say("مرحبا") == "answered"
    assert rig.provider.sent == [] and await rig.debts() == 0


# --- the live talk ----------------------------------------------------------------------------------------------------


async def test_in_a_live_talk_the_words_go_to_the_counsellor_and_not_to_the_engine(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.wait(7)
    assert await rig.say("شكرا لأنك هون") == "relayed"
    assert await rig.shown(ticket.id) == ["شكرا لأنك هون"]
    assert rig.engine.asked == [] and rig.provider.sent == []
    assert (await rig.tickets())[0].last_inbound_at == rig.clock()


async def test_until_the_counsellors_first_message_the_bot_goes_on_and_the_words_reach_both(rig: Rig) -> None:
    ticket = await claimed(rig, answered=False)
    rig.engine.outcomes = [turn("ticket_waiting"), turn("ticket_waiting")]
    assert await rig.say("في حدا؟") == "answered"
    assert [asked[1] for asked in rig.engine.asked] == ["في حدا؟"] and rig.provider.bodies == [words_of("ticket_waiting")]
    assert await rig.shown(ticket.id) == ["في حدا؟"]
    await rig.database.write(lambda c: note_answered(c, ticket, rig.clock()))
    assert await rig.say("اه هون") == "relayed"
    assert len(rig.provider.bodies) == 1 and len(await rig.relay.waiting(ticket.id)) == 2


async def test_given_back_to_the_queue_the_bot_answers_again(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.database.write(lambda c: claims.release(c, ticket.id, staff="counsellor-1", now=rig.clock()))
    rig.engine.outcomes = [turn("ticket_waiting")]
    assert await rig.say("وينكم؟") == "answered"
    assert await rig.relay.waiting(ticket.id) == (), "nobody is there to read it"


async def test_what_was_asked_before_the_counsellor_is_not_asked_again_after_them(rig: Rig) -> None:
    await rig.to_the_talk()
    rig.engine.outcomes = [replace(turn("danger_emergency", commands=[handoff("RED")]),
                                   state=state("asking", pending=["choice", "danger"], told=["phone"]))]
    await rig.say(DANGER)
    (ticket,) = await rig.tickets()

    def talk_and_close(connection: sa.Connection) -> None:
        mine = claims.claim(connection, ticket.id, staff="counsellor-1", now=rig.clock())
        note_answered(connection, mine, rig.clock())

    await rig.database.write(talk_and_close)
    assert await rig.say("راح وانا بخير") == "relayed"
    await rig.database.write(
        lambda c: claims.close(c, ticket.id, staff="counsellor-1", outcome="helped", epoch=None, now=rig.clock())
    )
    await rig.say("شكرا")
    kept, words, _ = rig.engine.asked[-1]
    assert words == "شكرا" and (kept["loop"], kept["requested"]) == (None, None)
    assert kept["slots"]["talk"] == {"pending": [], "told": ["phone"]}


async def test_who_cannot_talk_now_is_marked_for_the_counsellor_until_they_can(rig: Rig) -> None:
    await claimed(rig, answered=False)
    rig.engine.outcomes = [
        turn("not_safe_to_talk", commands=[{"id": "a", "kind": "not_now"}]),
        turn("opening"), turn("ask_safe_phone", commands=[{"id": "b", "kind": "good_time"}]),
    ]
    seen = []
    for said in ("اجا", "هلا", "1"):
        await rig.say(said)
        seen.append((await rig.tickets())[0].not_now)
    assert seen == [True, True, False]


async def test_in_a_live_talk_danger_rings_the_bell_and_gives_the_number(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.say(DANGER)
    assert (await rig.tickets())[0].band == "RED"
    await rig.say(DANGER + " الآن")
    assert rig.provider.bodies == ["911", "911"], "the number and no question: they are writing with a person already"
    assert len(await rig.relay.waiting(ticket.id)) == 2


async def test_in_a_live_talk_the_model_rings_where_the_rules_do_not(rig: Rig) -> None:
    await claimed(rig)
    rig.engine.alarm = "now"
    await rig.say("وصل للبيت")
    assert rig.engine.parsed == ["وصل للبيت"]
    assert (await rig.tickets())[0].band == "RED"


async def test_a_live_talk_goes_on_without_the_engine(rig: Rig) -> None:
    ticket = await claimed(rig)
    rig.engine.down = True
    assert await rig.say("وصل للبيت") == "relayed"
    assert len(await rig.relay.waiting(ticket.id)) == 1


async def test_an_exit_during_a_live_talk_silences_the_counsellor(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.say("كلمة ما انقرأت")
    await rig.say("خروج")
    assert await rig.relay.waiting(ticket.id) == ()
    (after,) = await rig.tickets()
    assert after.state == "left" and after.epoch > ticket.epoch and after.reply_address is None


async def test_words_the_counsellor_cannot_be_shown_are_not_passed_over_in_silence(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.relay.forget(ticket.id)
    await rig.say("الو")
    assert rig.provider.bodies == [words_of("live_not_shown")]


async def test_words_no_browser_on_duty_could_show_are_not_kept_and_the_person_reads_so(rig: Rig) -> None:
    ticket = await claimed(rig)
    rig.deps.relay = relay_for(rig.redis)
    assert await rig.say("الو") == "relayed"
    assert rig.provider.bodies == [words_of("live_not_shown")]
    assert await rig.relay.waiting(ticket.id) == () and not await rig.redis.exists(f"relay:{{{ticket.id}}}:in")


async def test_with_nobody_to_tell_who_is_on_duty_the_person_reads_that_it_did_not_arrive(rig: Rig) -> None:
    await claimed(rig)

    async def away(_ticket: str) -> Any:
        raise DatabaseUnavailable("OperationalError")

    rig.deps.relay = Relay(rig.redis, away, away)
    assert await rig.say("الو") == "relayed"
    assert rig.provider.bodies == [words_of("live_not_shown")]


async def test_a_talk_with_an_open_ticket_is_never_closed_by_silence(rig: Rig) -> None:
    rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")]), turn("ticket_waiting")]
    await rig.say("جوزي بيضربني")
    await rig.wait(3600)
    await rig.say("في حدا؟")
    assert rig.engine.asked[1][0] == state("asking")
    assert rig.engine.asked[1][2]["ticket"] == "queued"


async def test_six_minutes_of_silence_close_a_talk_without_a_ticket(rig: Rig) -> None:
    await rig.to_the_talk()
    await rig.wait(IDLE_CLOSES_S + 1)
    await rig.say("مرحبا")
    assert rig.engine.asked[-1][0] is None


# --- media ------------------------------------------------------------------------------------------------------------


async def test_a_voice_note_before_the_good_time_meets_the_opening_and_after_it_the_truth(rig: Rig) -> None:
    note: dict[str, Any] = {"has_media": True, "has_voice": True, "media": ("ME" + "2" * 32,)}
    await rig.say("", **note)
    assert rig.provider.bodies == [f"{words_of('media_voice')}\n\n{words_of('opening')}"]
    assert [words for _, words, _ in rig.engine.asked] == [""], "the engine knows that the opening was said"
    await rig.to_the_talk()
    await rig.say("", **note)
    assert rig.provider.bodies == [words_of("media_voice")]
    assert "ME" + "2" * 32 in await rig.ledger()


async def test_a_place_is_answered_like_a_voice_note_and_goes_nowhere(rig: Rig) -> None:
    await rig.say("", location=True)
    await rig.to_the_talk()
    await rig.say("", location=True)
    assert rig.provider.bodies == [words_of("location_received")]
    assert [words for _, words, _ in rig.engine.asked] == ["", "نعم وقت مناسب"]


async def test_danger_in_the_caption_of_a_picture_is_heard(rig: Rig) -> None:
    await rig.say(DANGER, has_media=True)
    assert [facts["danger"] for _, _, facts in rig.engine.asked] == ["now"]
    assert [ticket.band for ticket in await rig.tickets()] == ["RED"]


async def test_the_words_below_a_picture_are_answered_and_the_picture_is_owned_up_to(rig: Rig) -> None:
    rig.engine.outcomes = [turn("menu")]
    await rig.say("شو بتنصحوني اعمل", has_media=True)
    assert rig.provider.bodies == [words_of("menu") + "\n\n" + words_of("media_voice")]


async def test_a_voice_note_in_a_live_talk_is_answered_and_its_caption_relayed(rig: Rig) -> None:
    ticket = await claimed(rig)
    await rig.say("", has_media=True, has_voice=True)
    assert rig.provider.bodies == [words_of("live_media")]
    assert await rig.relay.waiting(ticket.id) == ()


async def test_between_claim_and_first_message_nobody_is_told_that_nobody_came(rig: Rig) -> None:
    ticket = await claimed(rig, answered=False)
    await rig.database.write(lambda c: note_introduced(c, ticket))
    rig.engine.outcomes = [turn("ticket_waiting", "menu"), turn("ask_privacy")]
    await rig.say("في حدا؟")
    await rig.say("مين بيشوف؟")
    assert rig.provider.bodies == [words_of("live_reading"), words_of("ask_privacy")]
    assert [facts["ticket"] for *_, facts in rig.engine.asked] == ["live", "live"]


async def test_too_many_lines_to_a_counsellor_still_reach_them(rig: Rig) -> None:
    ticket = await claimed(rig)
    outcomes = [await rig.say(f"سطر {number}") for number in range(40)]
    assert set(outcomes) == {"relayed"} and len(await rig.relay.waiting(ticket.id)) == 40
    assert rig.provider.sent == []


async def test_above_the_limit_the_words_reach_who_has_claimed_and_not_yet_written(rig: Rig) -> None:
    ticket = await claimed(rig, answered=False)
    for number in range(30):
        await rig.say(f"سطر {number}")
    assert await rig.shown(ticket.id) == [f"سطر {n}" for n in range(30)]
    assert words_of("too_fast") not in rig.provider.bodies


async def test_what_the_relay_will_not_hold_is_said_to_be_unseen_once_a_minute(rig: Rig) -> None:
    ticket = await claimed(rig)
    for number in range(MOST_WAITING + 10):
        await rig.say(f"سطر {number}")
    assert len(await rig.relay.waiting(ticket.id)) == MOST_WAITING
    assert rig.provider.bodies == [words_of("live_not_shown")]


async def test_who_writes_too_fast_is_told_so_in_their_own_wording(rig: Rig) -> None:
    rig.engine.outcomes = [turn("menu", commands=[{"id": "l1", "kind": "set_language", "variant": "en"}])]
    for number in range(16):
        await rig.say(f"line {number}")
    assert rig.provider.bodies[-1] == words_of("too_fast", "en")


# --- wording, safe words, opt-outs ------------------------------------------------------------------------------------


async def test_the_dialect_settled_on_first_stays_through_the_talk(rig: Rig) -> None:
    rig.engine.outcomes = [
        turn("menu", intent="request_human", dialect="levantine"), turn("menu", intent="request_human", dialect="gulf"),
        turn("menu", intent="affirm", dialect=None, language="en"),
    ]
    for words in ("بدي احكي معكم هلأ", "ابي اكلم احد الحين", "ok"):
        await rig.say(words)
    assert rig.provider.bodies == [words_of("menu", "lev")] * 3


async def test_a_greeting_in_arabic_does_not_settle_the_wording_of_who_goes_on_in_english(rig: Rig) -> None:
    rig.engine.outcomes = [
        turn("menu", intent="greet", dialect="msa"), turn("menu", intent="disclose_exploitation", language="en"),
        turn("menu", intent="thanks", dialect="msa"),
    ]
    for words in ("السلام عليكم ورحمة الله وبركاته", "my madam keep my passport", "شكرا"):
        await rig.say(words)
    assert rig.provider.bodies == [words_of("menu", "msa"), words_of("menu", "en"), words_of("menu", "en")]


async def test_a_wording_the_person_chose_wins_over_what_is_heard(rig: Rig) -> None:
    rig.engine.outcomes = [
        turn("language_set", commands=[{"id": "x1", "kind": "set_language", "variant": "en"}], dialect="levantine"),
        turn("menu", dialect="levantine"),
    ]
    await rig.say("English please")
    await rig.say("بدي احكي معكم")
    assert rig.provider.bodies == [words_of("language_set", "en"), words_of("menu", "en")]


async def test_a_safe_word_brings_back_what_was_agreed_and_only_at_the_opening(rig: Rig) -> None:
    made = await rig.database.write(
        lambda c: safewords.make(c, rig.keys, PERSON, {"variant": "lev"}, rig.clock(), fold, 0)
    )
    await rig.say(made.words)
    await rig.to_the_talk()
    before = len(rig.engine.asked)
    await rig.say(made.words)
    assert [facts["safe_word"] for *_, facts in rig.engine.asked[:before]] == [True, False]
    assert rig.provider.bodies[-1] == words_of("safe_word_known", "lev"), "in the wording that was kept with them"


async def test_who_comes_back_is_spoken_to_in_the_wording_they_had_and_the_word_holds_on(rig: Rig) -> None:
    made = await rig.database.write(lambda c: safewords.make(c, rig.keys, PERSON, {"variant": "en"}, rig.clock(), fold, 0))
    made_in = quarter_of(rig.clock())
    while quarter_of(rig.clock()) == made_in:
        await rig.wait(86400)
    for days in (3, 60):  # in the two weeks in which the old quarter still counts, then long after them
        await rig.wait(days * 86400)
        rig.engine.outcomes = [turn("safe_word_back")]
        await rig.say(f"{made.words}.")  # phones set a full stop by themselves
        assert rig.provider.bodies[-1] == words_of("safe_word_back", "en")
        await rig.say("0")
    assert rig.engine.asked[-1][2]["safe_word"] is True
    await rig.wait(182 * 86400)
    await rig.say(made.words)
    assert rig.engine.asked[-1][2]["safe_word"] is False, "a word nobody uses lapses"


async def test_a_safe_word_is_told_once_and_known_again(rig: Rig) -> None:
    rig.engine.outcomes = [turn("set_safe_word", commands=[{"id": "s1", "kind": "make_safe_word"}])]
    await rig.say("بدي كلمة سر")
    (body,) = rig.provider.bodies
    said = words_of("set_safe_word", safe_word="\x00").split("\x00")
    words = body.removeprefix(said[0]).split(said[1])[0]
    assert len(words.split()) == 2
    await rig.say("0")
    await rig.wait(60)
    await rig.say(words)
    assert rig.engine.asked[-1][2]["safe_word"] is True


async def test_safe_words_asked_for_again_are_said_to_hold_alone(rig: Rig) -> None:
    asks = turn("set_safe_word", commands=[{"id": "s1", "kind": "make_safe_word"}])
    again = turn("set_safe_word", commands=[{"id": "s2", "kind": "make_safe_word"}])
    rig.engine.outcomes = [asks, again]
    await rig.say("بدي كلمة سر")
    await rig.say("كمان مرة")
    first, second = (words_of(name, safe_word="\x00").split("\x00") for name in ("set_safe_word", "safe_word_instead"))
    one, two = rig.provider.bodies
    assert one.startswith(first[0]) and two.startswith(second[0]) and two.endswith(second[1])


async def test_delete_my_data_withdraws_the_ticket_and_voids_the_safe_word(rig: Rig) -> None:
    made = await rig.database.write(lambda c: safewords.make(c, rig.keys, PERSON, {}, rig.clock(), fold, 0))
    rig.engine.outcomes = [
        turn("high_offer", commands=[handoff("HIGH"), {"id": "p1", "kind": "set_place", "place": "JO-AM"}]),
        turn("delete_my_data_done", commands=[{"id": "f1", "kind": "forget"}]),
    ]
    await rig.say("جوزي بيضربني")
    assert (await record_of(rig)).place
    await rig.say("1")
    (ticket,) = await rig.tickets()
    assert ticket.state == "withdrawn" and ticket.reply_address is None
    assert (await record_of(rig)).place == ""
    recognised = await rig.database.read(
        lambda c: safewords.recognise(c, rig.keys, PERSON, fold(made.words), rig.clock())
    )
    assert recognised is None
    assert rig.provider.bodies[-1] == words_of("delete_my_data_done")


async def test_who_holds_the_phone_after_an_exit_cannot_take_the_flag_away(rig: Rig) -> None:
    rig.engine.outcomes = [turn("danger_bare", "opening", loop="opening")]
    await rig.say(DANGER)
    await rig.say("0")
    await rig.wait(60)
    rig.engine.outcomes = [
        turn("delete_my_data_done", commands=[{"id": "f2", "kind": "forget"}]),
        turn("cancel_handoff", commands=[{"id": "w2", "kind": "withdraw_handoff"}]),
    ]
    await rig.say("امسحوا بياناتي")
    await rig.say("ما بدي حدا")
    assert [ticket.state for ticket in await rig.tickets()] == ["left"]


async def test_the_providers_words_opt_out_and_in(rig: Rig) -> None:
    async def out() -> bool:
        return await rig.database.read(lambda c: has_opted_out(c, rig.keys, PERSON, "whatsapp", rig.clock()))

    assert await rig.say("stop") == "opt_out"
    assert await out()
    await rig.wait(60)
    assert await rig.say("start") == "answered"
    assert not await out()


async def test_an_address_without_a_number_is_answered_too(rig: Rig) -> None:
    message = rig.message("مرحبا", sender=parse_address("whatsapp:JO.1234567890"))
    assert await rig.line.receive(message) == "answered"
    assert rig.provider.sent[0]["to"] == "whatsapp:JO.1234567890"
    assert rig.engine.asked[0][2]["country"] == "JO"


async def test_a_store_that_fails_when_a_message_is_only_to_be_ticked_off_harms_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.say("0")

    async def away(*_: Any) -> None:
        raise StoreUnavailable("ConnectionError")

    monkeypatch.setattr(rig.store, "finish", away)
    assert await rig.say("الو") == "quiet"


# --- the one question after a talk ------------------------------------------------------------------------------------


async def asked_after(rig: Rig) -> None:
    """A talk with a counsellor that has just been closed with the question, which went out."""
    await rig.to_the_talk()
    ticket = await claimed(rig)
    await rig.say("شكرا الكم على كل شي")

    def end(c: sa.Connection) -> None:
        claims.close(c, ticket.id, staff="counsellor-1", outcome="helped", now=rig.clock())
        wrapup.ask(c, wrapup.Asked(PERSON, "whatsapp", ticket.generation, "JO"), rig.clock())

    await rig.database.write(end)
    rig.provider.sent.clear()
    rig.engine.asked.clear()


async def counted(rig: Rig) -> int:
    return await rig.database.read(lambda c: c.execute(sa.select(sa.func.coalesce(sa.func.sum(wrapup.answers.c.times), 0))).scalar_one())


async def test_the_first_message_after_the_talk_may_answer_the_question(rig: Rig) -> None:
    await asked_after(rig)
    await rig.wait(8 * 60)
    assert await rig.say("1") == "answered"
    assert rig.provider.bodies == [words_of("asked_thanks")] and rig.engine.asked == []
    assert await counted(rig) == 1
    await rig.say("1")
    assert len(rig.engine.asked) == 1 and await counted(rig) == 1, "once; then a 1 is whatever it is"


async def test_who_writes_something_else_after_the_talk_is_asked_nothing_any_more(rig: Rig) -> None:
    await asked_after(rig)
    await rig.say("طيب")
    await rig.say("1")
    assert await counted(rig) == 0 and len(rig.engine.asked) == 2


async def test_after_an_exit_the_question_is_forgotten_and_the_opening_is_a_strangers(rig: Rig) -> None:
    await asked_after(rig)
    assert await rig.say("0") == "exit"
    await rig.wait(11)
    await rig.say("1")
    assert rig.provider.bodies == [words_of("opening")] and await counted(rig) == 0


async def test_danger_is_no_answer_and_late_answers_meet_the_opening(rig: Rig) -> None:
    await asked_after(rig)
    await rig.wait(wrapup.ASKED_SECONDS + 1)
    await rig.say("2")
    assert len(rig.engine.asked) == 1 and rig.engine.asked[0][0] is None and await counted(rig) == 0


# --- duress words -----------------------------------------------------------------------------------------------------


async def duress_words(rig: Rig, **agreed: str) -> str:
    """Words that were set up for this person by a counsellor."""
    made = await rig.database.write(lambda c: safewords.make(
        c, rig.keys, PERSON, {"variant": "lev", "place": "JO-AM"} | agreed, rig.clock(), safewords.words_alone, 0, duress=True,
    ))
    return made.words


async def test_duress_words_are_met_with_silence_and_ring_a_p0_nobody_may_answer(rig: Rig) -> None:
    words = await duress_words(rig)
    await rig.to_the_talk()
    asked = len(rig.engine.asked)
    assert await rig.say(f"{words}.") == "exit"
    assert rig.provider.sent == [] and len(rig.engine.asked) == asked
    assert await rig.store.load(PERSON, "whatsapp") is None, "everything an exit wipes"
    (ticket,) = await rig.tickets()
    assert (ticket.state, ticket.priority, ticket.reasons, ticket.owner) == ("left", "P0", ("duress",), None)
    assert ticket.reply_address is None and (ticket.variant, ticket.place) == ("lev", "JO-AM")
    assert ticket.ladder_due is not None, "it climbs until somebody looks"


@pytest.mark.parametrize("before", ["stranger", "queue", "live talk", "flood"])
async def test_duress_words_work_in_every_state(before: str, rig: Rig) -> None:
    words = await duress_words(rig)
    if before == "queue":
        await rig.to_the_talk()
        rig.engine.outcomes = [turn("high_offer", commands=[handoff("HIGH")])]
        await rig.say("جوزي بيضربني")
    elif before == "live talk":
        await rig.to_the_talk()
        await claimed(rig, "ELEVATED")
    elif before == "flood":
        for n in range(30):
            await rig.say(f"سطر {n}")
    rig.provider.sent.clear()
    assert await rig.say(words) == "exit"
    (ticket,) = await rig.tickets()
    assert (ticket.state, ticket.band, ticket.owner) == ("left", "RED", None) and "duress" in ticket.reasons
    assert ticket.ladder_due is not None and ticket.reply_address is None
    await rig.wait(1)
    assert await rig.say("مرحبا") == "quiet"
    await rig.wait(11)
    await rig.say("مرحبا")
    assert rig.provider.bodies == [words_of("opening")], "a stranger's opening, byte for byte"


async def test_a_replayed_duress_message_rings_once(rig: Rig) -> None:
    message = rig.message(await duress_words(rig))
    await rig.line.receive(message)
    assert await rig.line.receive(message) == "duplicate"
    assert len(await rig.tickets()) == 1


async def test_duress_that_died_before_it_was_written_down_rings_when_it_is_delivered_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, real = rig.message(await duress_words(rig)), rig.line._try_write

    async def dies(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(rig.line, "_try_write", dies)
    with pytest.raises(asyncio.CancelledError):
        await rig.line.receive(message)
    assert await rig.tickets() == []
    monkeypatch.setattr(rig.line, "_try_write", real)
    await rig.line.receive(message)
    (ticket,) = await rig.tickets()
    assert (ticket.state, ticket.reasons) == ("left", ("duress",))


async def test_with_the_database_away_it_is_silent_and_rings_when_it_is_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.inbound._AGAIN_S", (0.05,))
    words, broken = await duress_words(rig), Broken(rig.database)
    await rig.to_the_talk()
    rig.deps.database = broken  # type: ignore[assignment]
    assert await rig.say(words) == "exit"
    assert rig.provider.sent == []
    broken.away = False

    async def rung() -> bool:
        return [ticket.reasons for ticket in await rig.tickets()] == [("duress",)]

    await until(rung)


async def test_two_plain_words_that_are_nobodys_are_an_ordinary_message(rig: Rig) -> None:
    first, second = safewords.word_lists()
    await rig.to_the_talk()
    rig.engine.outcomes = [turn("menu")]
    assert await rig.say(f"{first[0]} {second[0]}") == "answered"
    assert await rig.tickets() == []


async def test_the_safe_words_still_bring_the_talk_back_beside_duress_words(rig: Rig) -> None:
    await duress_words(rig)
    made = await rig.database.write(
        lambda c: safewords.make(c, rig.keys, PERSON, {"variant": "gulf"}, rig.clock(), safewords.words_alone, 0)
    )
    assert await rig.say(made.words) == "answered"
    assert rig.engine.asked[-1][2]["safe_word"] is True and await rig.tickets() == []


async def test_an_exit_stays_an_exit_whatever_words_were_set_up(rig: Rig) -> None:
    await duress_words(rig)
    await rig.to_the_talk()
    assert await rig.say("0") == "exit"
    assert await rig.tickets() == []
async def test_a_person_in_danger_comes_to_the_desk_that_is_on_duty_now(rig: Rig) -> None:
    hire(rig.database, "salma")
    desks = shipped_release().desks
    await rig.database.write(
        lambda c: rotas.add_shifts(
            c, username="salma", desk="jordan", spans=ALWAYS, desks=desks, by="lead", now=rig.clock.now,
            ids=[os.urandom(8).hex() for _ in ALWAYS],
        )
    )
    assert await rig.say(DANGER) == "answered"
    (ticket,) = await rig.tickets()
    assert (ticket.country, ticket.desk) == ("JO", "jordan")
