"""What an exit leaves where the person agreed to it: a number, sealed, for the counsellor who looks after the card."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from api.channels.address import parse_address
from api.conversations import safewords
from api.conversations.keys import day_of
from api.handoffs import safe_contacts
from api.handoffs.addresses import ReplyAddresses
from api.handoffs.tickets import mark_left, withdraw
from api.staff.stepup import FRESH_SECONDS
from tests.api.test_bad_input import helpline
from tests.api.test_inbound import PERSON, claimed
from tests.api.test_v1 import Line, problem
from tests.fixtures_line import Rig, rig_on, words_of
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import databases

OWN, SISTER = "+962790001122", "+962795556677"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def line(server: RedisServer, tmp_path: Path) -> AsyncIterator[Line]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    with databases("sqlite", tmp_path) as [database]:
        made = helpline(database, redis, tmp_path)
        yield made
        await made.app.state.v1.state.hub.close()
    await redis.aclose()


def addresses_of(line: Line) -> ReplyAddresses:
    assert line.deps.addresses is not None
    return line.deps.addresses


async def in_a_talk(line: Line, **changes: object):  # type: ignore[no-untyped-def]
    """A counsellor who talks with somebody in danger."""
    client = await line.signed_in("salma")
    person = "a" * 32
    sealed = addresses_of(line).seal(f"whatsapp:{OWN}", person, line.clock())
    ticket = await line.flag(**({"person": person, "reply_address": sealed, "band": "RED"} | changes))
    assert (await client.post(f"handoffs/{ticket.id}/claim")).status_code == 200
    return client, ticket


async def leaves(line: Line, person: str = "a" * 32) -> None:
    await line.deps.database.write(lambda c: mark_left(c, person, now=line.clock()))


@pytest.mark.parametrize(("number", "shown"), [(None, {"channel": "whatsapp", "number": OWN}), (SISTER, {"channel": "sms", "number": SISTER})])
async def test_after_an_exit_the_agreed_number_and_nothing_else_can_be_seen_by_the_one_who_looks_after_the_card(
    number: str | None, shown: dict[str, str], line: Line
) -> None:
    client, ticket = await in_a_talk(line)
    path = f"handoffs/{ticket.id}"
    assert (await client.put(f"{path}/safe-contact", json={"number": number, "epoch": 2})).status_code == 204
    await leaves(line)
    card = (await client.get(path)).json()
    assert (card["state"], card["safe_contact"]) == ("left", True) and OWN not in str(card)
    for reason in ("call_wish", "emergency_services"):
        problem(await client.post(f"{path}/contact", json={"reason": reason}), 410, "contact-gone")
    assert (await client.post(f"{path}/contact", json={"reason": "safe_contact"})).json() == shown
    other = await line.signed_in("huda")
    problem(await other.post(f"{path}/contact", json={"reason": "safe_contact"}), 409, "not-yours")


async def test_it_takes_a_second_factor_just_shown_and_is_written_down(line: Line) -> None:
    client, ticket = await in_a_talk(line)
    assert (await client.put(f"handoffs/{ticket.id}/safe-contact", json={})).status_code == 204
    await leaves(line)
    line.clock.now += FRESH_SECONDS + 1
    problem(await client.post(f"handoffs/{ticket.id}/contact", json={"reason": "safe_contact"}), 403, "step-up-needed")


async def test_without_an_agreement_an_exit_leaves_no_number(line: Line) -> None:
    client, ticket = await in_a_talk(line)
    await leaves(line)
    assert (await client.get(f"handoffs/{ticket.id}")).json()["safe_contact"] is False
    problem(await client.post(f"handoffs/{ticket.id}/contact", json={"reason": "safe_contact"}), 410, "contact-gone")


@pytest.mark.parametrize("how", ["taken back", "closed", "closed after the exit", "withdrawn", "no grave band"])
async def test_it_goes_with_the_wish_or_with_the_card(how: str, line: Line) -> None:
    client, ticket = await in_a_talk(line, band="ELEVATED" if how == "no grave band" else "RED")
    path = f"handoffs/{ticket.id}"
    assert (await client.put(f"{path}/safe-contact", json={"number": SISTER})).status_code == 204
    if how == "taken back":
        assert (await client.request("DELETE", f"{path}/safe-contact", json={"epoch": 2})).status_code == 204
    if how == "withdrawn":
        await line.deps.database.write(lambda c: withdraw(c, "a" * 32, now=line.clock()))
    if how in ("closed after the exit", "no grave band"):
        await leaves(line)
    if how.startswith("closed"):
        assert (await client.post(f"{path}/close", json={"outcome": "helped"})).status_code == 200
    left = await line.deps.database.read(lambda c: c.execute(sa.select(safe_contacts.safe_contacts)).all())
    assert left == []


@pytest.mark.parametrize("number", ["", "0790001122", "+0", "kanari", "+96279000112233445", "+962 79", "whatsapp:+962790001122", "١٢٣"])
async def test_only_a_number_is_kept(number: str, line: Line) -> None:
    client, ticket = await in_a_talk(line)
    answer = await client.put(f"handoffs/{ticket.id}/safe-contact", json={"number": number})
    problem(answer, 422, "invalid")
    assert "kanari" not in answer.text


async def test_it_is_sealed_bound_to_its_ticket_and_sealed_anew_each_day(line: Line) -> None:
    client, ticket = await in_a_talk(line)
    assert (await client.put(f"handoffs/{ticket.id}/safe-contact", json={"number": SISTER})).status_code == 204
    addresses, database = addresses_of(line), line.deps.database
    kept = await database.read(lambda c: safe_contacts.sealed_of(c, ticket.id))
    assert kept is not None and SISTER.encode() not in kept and kept.startswith(day_of(line.clock()).encode())
    for day in (1, 2, 3, 4):
        then = line.clock() + day * 86_400
        assert await database.write(lambda c: safe_contacts.renew(c, addresses, then)) == 1  # noqa: B023
        assert await database.write(lambda c: safe_contacts.renew(c, addresses, then)) == 0  # noqa: B023
        addresses.destroy_old(then)
    assert await database.read(lambda c: safe_contacts.opened(c, ticket.id, addresses)) == SISTER
    await database.write(lambda c: c.execute(safe_contacts.safe_contacts.update().values(ticket="b" * 32)))
    assert await database.read(lambda c: safe_contacts.opened(c, "b" * 32, addresses)) is None


# -- duress words, by way of the one path every message walks ------------------------------------------------------


@pytest.fixture
async def rig(server: RedisServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_on(server, tmp_path) as made:
        await made.redis.flushall()
        yield made


async def duress_words(rig: Rig, contact: str | None) -> str:
    """Two words agreed on in an earlier talk, with or without a safe contact; the talk is over."""
    agreed = {"variant": "lev"} | ({safe_contacts.AGREED: contact} if contact else {})
    made = await rig.database.write(
        lambda c: safewords.make(c, rig.keys, PERSON, agreed, rig.clock(), safewords.words_alone, 0, duress=True)
    )
    return made.words


async def test_duress_words_ring_in_silence_and_bring_the_agreed_contact_to_the_counsellor(rig: Rig) -> None:
    words = await duress_words(rig, f"whatsapp:{OWN}")
    await rig.to_the_talk()
    rig.provider.sent.clear()
    asked = len(rig.engine.asked)
    assert await rig.say(words) == "exit"
    assert rig.provider.sent == [] and len(rig.engine.asked) == asked, "silence, as after every exit"
    (ticket,) = await rig.tickets()
    assert (ticket.state, ticket.reasons, ticket.reply_address) == ("left", ("duress",), None)
    addresses = ReplyAddresses(rig.keys)
    wire = await rig.database.read(lambda c: safe_contacts.opened(c, ticket.id, addresses))
    assert wire is not None and parse_address(wire).value == OWN


@pytest.mark.parametrize("contact", [f"whatsapp:{OWN}", None])
async def test_whoever_writes_after_it_meets_a_stranger_s_opening_byte_for_byte(contact: str | None, rig: Rig) -> None:
    words = await duress_words(rig, contact)
    await rig.say("مرحبا")
    strangers = list(rig.provider.bodies)
    rig.provider.sent.clear()
    assert await rig.say(words) == "exit"
    await rig.wait(11)
    await rig.say("مرحبا")
    assert rig.provider.bodies == strangers == [words_of("opening")]


async def test_words_without_a_contact_leave_none(rig: Rig) -> None:
    await rig.say(await duress_words(rig, None))
    (ticket,) = await rig.tickets()
    assert await rig.database.read(lambda c: safe_contacts.sealed_of(c, ticket.id)) is None


async def test_duress_words_in_a_live_talk_leave_the_contact_agreed_there(rig: Rig) -> None:
    words = await duress_words(rig, SISTER)
    await rig.to_the_talk()
    ticket = await claimed(rig, "ELEVATED")
    await rig.say(words)
    addresses = ReplyAddresses(rig.keys)
    assert await rig.database.read(lambda c: safe_contacts.opened(c, ticket.id, addresses)) == SISTER


async def test_agreeing_and_taking_back_reach_the_record_beside_the_duress_words_whatever_came_first(line: Line) -> None:
    client, ticket = await in_a_talk(line)
    aids = line.deps.aids
    assert aids is not None
    path = f"handoffs/{ticket.id}"

    async def beside(words: str) -> object:
        found = await line.deps.database.read(
            lambda c: safewords.recognise_duress(c, aids.keys, "a" * 32, safewords.words_alone(words), line.clock())
        )
        assert found is not None
        return found.get(safe_contacts.AGREED)

    first = (await client.post(f"{path}/safe-words", json={"kind": "duress"})).json()["words"]
    assert await beside(first) is None
    assert (await client.put(f"{path}/safe-contact", json={"number": SISTER})).status_code == 204
    assert await beside(first) == SISTER
    second = (await client.post(f"{path}/safe-words", json={"kind": "duress"})).json()["words"]
    assert await beside(second) == SISTER, "made after it was agreed"
    code = (await client.post(f"{path}/safe-words", json={"kind": "code_word"})).json()["words"]
    known = await line.deps.database.read(
        lambda c: safewords.recognise(c, aids.keys, "a" * 32, safewords.words_alone(code), line.clock())
    )
    assert known is not None and safe_contacts.AGREED not in known
    assert (await client.request("DELETE", f"{path}/safe-contact", json={})).status_code == 204
    assert await beside(second) is None


async def test_a_record_with_a_contact_is_as_long_as_one_without(line: Line) -> None:
    client, ticket = await in_a_talk(line)
    await client.post(f"handoffs/{ticket.id}/safe-words", json={"kind": "duress"})
    lengths = sa.select(sa.func.length(safewords.safe_words.c.record))
    before = await line.deps.database.read(lambda c: c.execute(lengths).scalars().all())
    assert (await client.put(f"handoffs/{ticket.id}/safe-contact", json={"number": SISTER})).status_code == 204
    assert await line.deps.database.read(lambda c: c.execute(lengths).scalars().all()) == before


async def test_whoever_else_holds_the_phone_turns_no_earlier_words_to_themselves(line: Line) -> None:
    client, ticket = await in_a_talk(line, generation=7)
    aids = line.deps.aids
    assert aids is not None
    earlier = await line.deps.database.write(lambda c: safewords.make(
        c, aids.keys, "a" * 32, {"variant": "lev", safe_contacts.AGREED: SISTER}, line.clock(), safewords.words_alone, 6, duress=True
    ))  # fmt: skip
    path = f"handoffs/{ticket.id}/safe-contact"
    assert (await client.put(path, json={"number": "+962791112223"})).status_code == 204
    assert (await client.request("DELETE", path, json={})).status_code == 204
    found = await line.deps.database.read(
        lambda c: safewords.recognise_duress(c, aids.keys, "a" * 32, safewords.words_alone(earlier.words), line.clock())
    )
    assert found is not None and found[safe_contacts.AGREED] == SISTER
