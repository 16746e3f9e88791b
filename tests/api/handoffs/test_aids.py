"""What a counsellor has at hand: in the person's words, by the rules of their channel and place, and never sent by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from api.conversations.keys import PeriodKeys
from api.database import Database
from api.handoffs import claims, plan
from api.handoffs.aids import (
    CRITICAL,
    EMERGENCY,
    NUMBERS,
    Aids,
    blanks_of,
    known_of,
    split_for,
)
from api.handoffs.tables import KNOWN_REASONS
from api.handoffs.tickets import Ticket, mark_left, open_handoff
from api.scripts.current import Releases
from api.scripts.numbers import VARIANTS
from api.scripts.segments import BODY_LIMIT, count_segments, utf16_units
from api.scripts.texts import COUNSELLOR_PREFIX
from tests.fixtures_line import shipped_release
from tests.fixtures_staff import KEYRING, NOON, POSTGRES_URL, databases, new_id, wish

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=[
        pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="HAMS_TEST_POSTGRES_URL is not set"),
    ]),
]
LONG = "هذه جملة من كلمات كثيرة لا تعني شيئاً. " * 120


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


@pytest.fixture
def aids(tmp_path: Path) -> Aids:
    return Aids(Releases(shipped_release()), PeriodKeys(tmp_path / "keys", KEYRING, lambda n: bytes(n)), production=False)


async def flagged(database: Database, **changes: object) -> Ticket:
    def act(c: object) -> Ticket:
        ticket = open_handoff(c, wish(**changes), new_id=new_id(), now=NOON)  # type: ignore[arg-type]
        return claims.claim(c, ticket.id, staff="s1", now=NOON)  # type: ignore[arg-type]

    return await database.write(act)


@pytest.fixture
async def ticket(database: Database) -> Ticket:
    return await flagged(database)


async def test_the_replies_are_in_the_persons_dialect_and_in_the_order_of_the_release(aids: Aids, ticket: Ticket) -> None:
    said = {
        variant: {reply.code: reply.body for reply in aids.replies(replace(ticket, variant=variant), NOON)}
        for variant in VARIANTS
    }
    codes = list(said["lev"])
    assert codes[0] == "reply_hello" and 25 <= len(codes) <= 35
    assert all(list(replies) == codes for replies in said.values())
    assert "هلأ" in said["lev"]["reply_good_time"] and "الحين" in said["gulf"]["reply_good_time"]
    assert said["en"]["reply_good_time"].startswith("Is this")


async def test_a_reply_of_the_program_is_not_offered(aids: Aids, ticket: Ticket) -> None:
    offered = {reply.code for reply in aids.replies(ticket, NOON)}
    assert not offered & {"menu", "opening", "talk_closed", "code_word_given", "duress_given", "plan_home"}


async def test_numbers_are_those_of_the_place_the_person_says_they_are_in(aids: Aids, ticket: Ticket) -> None:
    assert aids.say(EMERGENCY, ticket, NOON).startswith("911\n")
    assert aids.say(EMERGENCY, replace(ticket, place="QA"), NOON).startswith("999 / 112\n")
    sharjah = replace(ticket, country="AE", place="AE-SH")
    assert {"999", "800700", "116111"} <= set(re.findall(r"\d+", aids.say(NUMBERS, sharjah, NOON)))


async def test_in_production_an_unverified_number_is_offered_to_nobody(aids: Aids, ticket: Ticket) -> None:
    live = replace(aids, production=True)
    assert re.findall(r"\d+", live.say(NUMBERS, ticket, NOON)) == ["911"], "the national number alone is always told"
    for reply in live.replies(ticket, NOON):
        assert "110" not in reply.body, reply.code


async def test_a_channel_without_numbers_gets_the_wordings_without(aids: Aids, ticket: Ticket) -> None:
    refused = replace(ticket, country="AE", channel="sms")
    for reply in aids.replies(refused, NOON):
        assert not re.search(r"\d{3}", reply.body), reply.code
        assert not set(reply.blanks) & {"{emergency}", "{numbers}", "{child_line}"}
    assert not any(re.search(r"\d{3}", step.body) for step in aids.plan(refused, NOON))


async def test_a_blank_nobody_filled_stands_in_its_braces(aids: Aids, ticket: Ticket) -> None:
    blanks = {reply.code: reply.blanks for reply in aids.replies(ticket, NOON) if reply.blanks}
    assert blanks == {"reply_hello": ("{name}",), "reply_call_time": ("{time}",)}
    assert "{safe_word}" in aids.say("code_word_given", ticket, NOON)
    assert blanks_of("معك {الاسم} و{الاسم} { } {\n}") == ("{الاسم}", "{ }")


def test_without_being_asked_to_the_renderer_shows_nobody_a_brace() -> None:
    from api.scripts.render import Audience, render

    who = Audience("lev", "whatsapp", "JO", None, False, date(2026, 1, 1))
    assert "{" not in render(shipped_release(), "set_safe_word", {}, who)


# -- the plan --------------------------------------------------------------------------------------------------------


async def test_the_plan_is_the_same_list_in_every_dialect_and_a_step_alone_is_safe_on_a_lock_screen(
    aids: Aids, ticket: Ticket
) -> None:
    plans = [aids.plan(replace(ticket, variant=variant), NOON) for variant in VARIANTS]
    codes = [step.code for step in plans[0]]
    assert codes[:2] == ["plan_home_1", "plan_home_2"] and len(codes) == 15
    for steps in plans:
        assert [step.code for step in steps] == codes
        assert all(step.body == f"{step.heading}\n{step.words}" for step in steps)
    by_sms = aids.plan(replace(ticket, channel="sms"), NOON)
    assert [step.code for step in by_sms] == codes, "the list does not shrink with the channel's wordings"


async def test_a_ticked_step_is_kept_for_a_successor_and_audited_once(database: Database, ticket: Ticket) -> None:
    from api.audit.trail import audit

    for _ in range(2):
        await database.write(lambda c: plan.mark(c, ticket.id, "plan_home_1", talked=True, staff="s1", now=NOON))
    await database.write(lambda c: plan.mark(c, ticket.id, "plan_phone_2", talked=True, staff="s1", now=NOON))
    await database.write(lambda c: plan.mark(c, ticket.id, "plan_phone_2", talked=False, staff="s1", now=NOON))
    await database.write(lambda c: claims.transfer(c, ticket.id, staff="s1", to_staff="s2", now=NOON))
    assert await database.read(lambda c: plan.talked_about(c, ticket.id)) == {"plan_home_1"}
    acts = await database.read(lambda c: [row.act for row in c.execute(audit.select().order_by(audit.c.seq))])
    assert [act for act in acts if "plan" in act] == ["handoff.plan_talked"] * 2 + ["handoff.plan_untalked"]


@pytest.mark.parametrize("item", ["plan_home", "home_1", "plan_home_1 ", "plan_جوزي_1", "plan_home_123", "", "plan_a_0"])
async def test_only_a_code_can_be_ticked(item: str, database: Database, ticket: Ticket) -> None:
    with pytest.raises(plan.NotAnItem):
        await database.write(lambda c: plan.mark(c, ticket.id, item, talked=True, staff="s1", now=NOON))


@pytest.mark.parametrize("how", ["close", "leave"])
async def test_the_ticks_go_when_the_talk_ends(how: str, database: Database, ticket: Ticket) -> None:
    await database.write(lambda c: plan.mark(c, ticket.id, "plan_home_1", talked=True, staff="s1", now=NOON))
    if how == "close":
        await database.write(lambda c: claims.close(c, ticket.id, staff="s1", outcome="helped", now=NOON))
    else:
        await database.write(lambda c: mark_left(c, ticket.person, now=NOON))
    assert await database.read(lambda c: plan.talked_about(c, ticket.id)) == frozenset()


# -- splitting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channel", "budget"), [("whatsapp", 24), ("sms", 2), ("sms", 1), ("sms", 3)])
@pytest.mark.parametrize("text", [
    LONG, "A sentence of seven words stands here. " * 60, "😀" * 900, "كلمة " * 400, "ا" * 3000, "{}[]~" * 300,
])
def test_every_part_fits_and_no_word_is_lost_or_moved(text: str, channel: str, budget: int) -> None:
    parts = split_for(text, channel, budget)
    assert "".join("".join(parts).split()) == "".join(text.split())
    for part in parts:
        assert part and utf16_units(part) <= BODY_LIMIT
        assert channel != "sms" or count_segments(part).parts <= budget


def test_a_long_text_is_cut_at_the_end_of_a_sentence() -> None:
    parts = split_for(LONG, "whatsapp", 24)
    assert len(parts) == 3 and all(part.endswith(".") for part in parts)
    assert all(part.endswith(".") for part in split_for("Is it so? " * 80 + "It is.", "sms", 2)[-1:])


@pytest.mark.parametrize("text", ["أنا هنا", "Hello.\n\nTwo paragraphs."])
def test_what_fits_is_one_message_as_it_was_written(text: str) -> None:
    assert split_for(text, "whatsapp", 24) == split_for(text, "sms", 2) == (text,)


# -- what is known ---------------------------------------------------------------------------------------------------


def test_what_is_critical_is_read_first_and_no_reason_is_lost() -> None:
    groups = known_of(KNOWN_REASONS)
    assert groups[0].group == "critical" and set(groups[0].codes) == CRITICAL
    codes = [code for group in groups for code in group.codes]
    assert sorted(codes) == sorted(KNOWN_REASONS)


def test_answers_stand_in_the_order_of_their_questions() -> None:
    assert [(group.group, group.codes) for group in known_of(["P11", "P5", "P1", "K3", "disclose_threat", "refused"])] == [
        ("critical", ("P1",)), ("answers_child", ("K3",)), ("answers_lethality", ("P5", "P11")),
        ("told", ("disclose_threat",)), ("of_the_talk", ("refused",)),
    ]


def test_every_canned_reply_has_a_first_line_and_no_more_than_two_sms_parts() -> None:
    for name, text in shipped_release().texts.items():
        if name.startswith(COUNSELLOR_PREFIX):
            for wording in text:
                assert wording.first_line.strip(), name
