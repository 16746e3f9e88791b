"""Who is flagged waits where somebody is on duty, now: by hour, country, lane, leave and competence; and nobody ever
waits at a desk where nobody could see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audit import trail
from api.commands import Asker, carry_out
from api.database import Database
from api.handoffs import claims, ladder, queue
from api.handoffs import desks as routing
from api.handoffs.desk_watch import DeskWatch
from api.handoffs.desks import choose, next_desk, stand_in
from api.handoffs.tables import tickets
from api.handoffs.tickets import Ticket, find, mark_left
from api.scripts.desks import COMPETENCES, LANES, PLACES, Desk, path
from api.staff import rotas
from api.staff.accounts import Staff, may_see
from api.staff.rotas import (
    FURTHEST,
    Competence,
    Leave,
    NoSuchEntry,
    NotInRota,
    NotTheirDesk,
    Overlaps,
    Rota,
    Shift,
    attended,
    on_duty,
    read_rota,
)
from api.staff.tables import ROLES, staff
from api.weekly import ALWAYS, DAY, DAYS, Span
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_line import handoff, shipped_release
from tests.fixtures_staff import databases, hire, new_id

AMMAN = ZoneInfo("Asia/Amman")
DESKS = shipped_release().desks
MONDAY_TEN = datetime(2026, 11, 23, 10, 0, tzinfo=AMMAN).timestamp()
HOUR = 3600.0
WEEK = tuple(Span(day, 8 * 60, 16 * 60) for day in range(7))


async def nothing() -> None:
    """Nobody looks at the queue here."""


@dataclass(slots=True)
class Helpline:
    """Two gateways over one store, with a rota to set and people to flag."""

    gateways: list[Database]
    now: float = MONDAY_TEN

    @property
    def database(self) -> Database:
        return self.gateways[0]

    def hire(self, name: str, role: str = "counsellor", desks: tuple[str, ...] = ()) -> str:
        return hire(self.database, name, role, desks).id

    async def shifts(self, name: str, desk: str, *spans: Span) -> tuple[Shift, ...]:
        ids = [new_id()[:24] for _ in spans]
        return await self.database.write(
            lambda c: rotas.add_shifts(
                c, username=name, desk=desk, spans=spans, desks=DESKS, by="lead", now=self.now, ids=ids
            )
        )

    async def leave(self, name: str, begins_at: float, ends_at: float) -> Leave:
        return await self.database.write(
            lambda c: rotas.add_leave(
                c, username=name, begins_at=begins_at, ends_at=ends_at, by="lead", now=self.now, new_id=new_id()[:24]
            )
        )

    async def competence(self, name: str, code: str, expires_at: float) -> Competence:
        return await self.database.write(
            lambda c: rotas.set_competence(
                c, username=name, code=code, expires_at=expires_at, by="lead", now=self.now, new_id=new_id()[:24]
            )
        )

    async def flag(self, person: str = "", country: str = "JO", place: str = "", band: str = "RED", lane: str = "") -> Ticket:
        asker = Asker(
            person=person or new_id(), channel="whatsapp", generation=1, country=country, place=place, variant="lev",
            language="ar", sender="whatsapp:+15005550006", repeat_key="r" * 32, sealed_address=b"sealed",
        )
        done = await self.database.write(
            lambda c: carry_out(c, asker, [handoff(band, lane=lane)], now=self.now, new_id=new_id, desks=DESKS)
        )
        return done.tickets[0]

    async def look(self, gateway: int = 0) -> int:
        return await DeskWatch(self.gateways[gateway], lambda: DESKS, nothing, lambda: self.now).look()

    async def climb(self, ticket: Ticket) -> Ticket:
        await self.database.write(lambda c: ladder.climb(c, ticket, self.now, desks=DESKS))
        return await self.see(ticket)

    async def see(self, ticket: Ticket) -> Ticket:
        found = await self.database.read(lambda c: find(c, ticket.id))
        assert found is not None
        return found

    async def acts(self) -> list[str]:
        query = sa.select(trail.audit.c.act).order_by(trail.audit.c.seq)
        return [act for act in await self.database.read(lambda c: c.execute(query).scalars().all()) if act != "staff.add"]


@pytest.fixture(params=KINDS)
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Helpline]:
    with databases(request.param, tmp_path, 2) as opened:
        yield Helpline(opened)


# -- the rule, over the whole space ------------------------------------------------------------------------------------

CODES = ("a", "b", "c", "d")
ZONES = (AMMAN, ZoneInfo("Asia/Dubai"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Beirut"))
MOMENTS = st.floats(MONDAY_TEN - 400 * 24 * HOUR, MONDAY_TEN + 400 * 24 * HOUR)
SPANS = st.builds(Span, st.integers(0, 6), st.integers(0, DAY - 1), st.integers(0, DAY)).filter(lambda s: s.start != s.end)
WEEKS = st.one_of(st.just(ALWAYS), st.lists(SPANS, max_size=3).map(tuple))
SOME = st.frozensets(st.sampled_from(CODES), max_size=2)
AGO, AHEAD = st.floats(-100 * 24 * HOUR, 0), st.floats(0, 100 * 24 * HOUR)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Desk], Rota, float]:
    """Any desks, circles and dead ends too, and any rota around a moment: often with somebody there, often not."""
    desks = {
        code: Desk(
            code, {"ar": code, "en": code}, tuple(draw(st.frozensets(st.sampled_from(PLACES), min_size=1))),
            draw(st.sampled_from(LANES)), draw(st.sampled_from(ZONES)), draw(WEEKS),
            tuple(draw(st.frozensets(st.sampled_from(COMPETENCES[:2]), max_size=1))), draw(st.sampled_from(("", *CODES))),
        )
        for code in sorted(draw(st.frozensets(st.sampled_from(CODES), min_size=1)))
    }
    now, people = draw(MOMENTS), ("s0", "s1", "s2")
    who, code = st.sampled_from((*people, "gone")), st.sampled_from((*CODES, "closed"))
    roles = st.sampled_from(("counsellor", "counsellor", "supervisor", *ROLES))
    members = {name: Staff(name, name, draw(roles), draw(SOME), 1) for name in people}
    jobs = draw(st.lists(st.tuples(who, code, WEEKS), max_size=6))
    away = draw(st.lists(st.tuples(who, AGO, st.one_of(AGO, AHEAD)), max_size=2))
    held = draw(st.lists(st.tuples(who, st.sampled_from(COMPETENCES[:2]), st.one_of(AGO, AHEAD)), max_size=5))
    return desks, Rota(
        members,
        [Shift("i", name, desk, span) for name, desk, spans in jobs for span in spans],
        [Leave("i", name, now + begins, now + ends) for name, begins, ends in away],
        [Competence("i", name, what, now + ends) for name, what, ends in held],
    ), now


def there_by_hand(desks: dict[str, Desk], rota: Rota, now: float) -> frozenset[str]:
    """The rule of the design again, written out sentence by sentence, minute by minute."""
    found = set()
    for code, desk in desks.items():
        local = datetime.fromtimestamp(now, desk.zone)
        today, minute = (local.weekday() + 1) % 7, local.hour * 60 + local.minute

        def holds(span: Span, today: int = today, minute: int = minute) -> bool:
            if span.end > span.start:
                return span.day == today and span.start <= minute < span.end
            return (span.day == today and minute >= span.start) or ((span.day + 1) % 7 == today and minute < span.end)

        for member in rota.staff.values():
            works = any(shift.staff == member.id and shift.desk == code and holds(shift.span) for shift in rota.shifts)
            away = any(one.staff == member.id and one.begins_at <= now < one.ends_at for one in rota.leave)
            trained = all(
                any(one.staff == member.id and one.code == wanted and one.expires_at > now for one in rota.competences)
                for wanted in desk.competences
            )
            sees = member.role == "supervisor" or not member.desks or code in member.desks
            talks = member.role in ("counsellor", "supervisor")
            if any(map(holds, desk.hours)) and works and not away and trained and sees and talks:
                found.add(code)
    return frozenset(found)


@settings(max_examples=400, deadline=None)
@given(world=worlds(), country=st.sampled_from(PLACES), lane=st.sampled_from(LANES), was=st.sampled_from((*CODES, "unknown")))
def test_nobody_waits_at_a_desk_without_anybody_who_can_see_them(
    world: tuple[dict[str, Desk], Rota, float], country: str, lane: str, was: str
) -> None:
    desks, rota, now = world
    there = attended(rota, desks, now)
    assert there == there_by_hand(desks, rota, now)
    for where in (
        choose(desks, there, country, lane), stand_in(desks, there, was, country, lane), next_desk(desks, there, was, country, lane),
    ):
        assert where == "" or any(member.talks and may_see(member, where) for member in on_duty(rota, desks[where], now))


@settings(max_examples=200, deadline=None)
@given(world=worlds(), country=st.sampled_from(PLACES), lane=st.sampled_from(LANES))
def test_everybody_s_desk_only_where_no_desk_on_the_way_has_anybody(
    world: tuple[dict[str, Desk], Rota, float], country: str, lane: str
) -> None:
    desks, rota, now = world
    there = attended(rota, desks, now)
    way = path(desks, country, lane)
    where = choose(desks, there, country, lane)
    assert where == next((code for code in way if code in there), "")
    for was in way:
        assert stand_in(desks, there, was, country, lane) != was != next_desk(desks, there, was, country, lane)


# -- where somebody waits ----------------------------------------------------------------------------------------------


async def test_without_any_rota_everybody_sees_everybody(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    ticket = await line.flag()
    assert ticket.desk == "" and await line.look() == 0


async def test_the_country_s_desk_gets_a_person_while_somebody_is_on_duty_there(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    line.hire("huda", desks=("duty",))
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    assert (await line.flag()).desk == "jordan"
    assert (await line.flag(country="QA")).desk == "duty", "nobody on duty in Qatar"
    assert (await line.flag(country="QA", place="JO-AM")).desk == "jordan", "where they say they are"
    line.now += 6 * HOUR
    assert (await line.flag()).desk == "duty", "her shift is over"


async def test_with_nobody_on_duty_anywhere_everybody_sees_a_person(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    await line.shifts("salma", "jordan", *WEEK)
    line.now += 12 * HOUR
    assert (await line.flag()).desk == ""


async def test_the_children_s_desk_counts_only_whose_competence_has_not_lapsed(line: Helpline) -> None:
    for name in ("salma", "huda"):
        line.hire(name)
    await line.shifts("salma", "children", *WEEK)
    await line.shifts("huda", "duty", *WEEK)
    assert (await line.flag(lane="children")).desk == "duty"
    await line.competence("salma", "children", line.now + HOUR)
    ticket = await line.flag(lane="children")
    assert ticket.desk == "children" and (await line.flag()).desk == "duty"
    line.now += HOUR
    assert (await line.flag(lane="children")).desk == "duty" and await line.look() == 1
    assert (await line.see(ticket)).desk == "duty"


async def test_leave_counts_at_once_and_until_it_ends(line: Helpline) -> None:
    line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *WEEK)
    ticket = await line.flag()
    await line.leave("salma", line.now - HOUR, line.now + HOUR)
    assert await line.look() == 1 and (await line.see(ticket)).desk == "duty"
    line.now += HOUR
    assert (await line.flag()).desk == "jordan"


async def test_an_account_out_of_service_is_on_no_duty(line: Helpline) -> None:
    salma = line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *WEEK)
    ticket = await line.flag()
    await line.database.write(lambda c: c.execute(staff.update().where(staff.c.id == salma).values(active=False)))
    assert await line.look() == 1 and (await line.see(ticket)).desk == "duty"


async def test_what_a_person_says_next_takes_them_out_of_nobody_s_sight(line: Helpline) -> None:
    for name, desk in (("salma", "jordan"), ("huda", "duty"), ("reem", "children")):
        line.hire(name, desks=(desk,))
        await line.shifts(name, desk, *WEEK)
    await line.competence("reem", "children", line.now + HOUR)
    person = new_id()
    first = await line.flag(person)
    line.now += 5
    again = await line.flag(person, country="QA", band="HIGH")
    assert (again.id, again.desk, again.called_desk) == (first.id, "jordan", "")
    child = await line.flag(person, lane="children")
    assert (child.desk, child.called_desk, child.epoch) == ("jordan", "children", first.epoch), "both see them"
    opened = await line.climb(replace(child, ladder_due=child.ladder_due))
    assert (opened.desk, opened.called_desk) == ("", ""), "whoever was called already is not sent away"
    assert (await line.flag(person, lane="children")).desk == "", "what is open to everybody stays so"


# -- when the last one goes --------------------------------------------------------------------------------------------


async def test_at_the_end_of_the_last_shift_who_waits_moves_with_their_waiting_time(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    line.hire("huda", desks=("duty",))
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    before = [await line.flag(), await line.flag(band="HIGH")]
    line.now += 6 * HOUR - 1
    assert await line.look() == 0
    line.now += 1
    assert await line.look(1) == 2
    for was in before:
        now = await line.see(was)
        assert (now.desk, now.state, now.epoch) == ("duty", "queued", was.epoch + 1)
        assert (now.created_at, now.ladder_due, now.ladder_step) == (was.created_at, was.ladder_due, was.ladder_step)
        with pytest.raises(claims.StaleEpoch):
            await line.database.write(lambda c, was=was: claims.claim(c, was.id, staff="s1", epoch=was.epoch, now=line.now))
    assert await line.look() == 0, "they stay"
    assert (await line.acts())[-2:] == ["handoff.stand_in"] * 2


async def test_the_colleague_who_begins_as_another_ends_keeps_the_desk(line: Helpline) -> None:
    for name, span in (("salma", Span(DAYS.index("mon"), 480, 960)), ("huda", Span(DAYS.index("mon"), 960, 1440))):
        line.hire(name)
        await line.shifts(name, "jordan", span)
    ticket = await line.flag()
    line.now += 6 * HOUR
    assert await line.look() == 0 and (await line.see(ticket)).desk == "jordan"


async def test_who_left_flagged_is_looked_after_by_who_stands_in(line: Helpline) -> None:
    line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    ticket = await line.flag()
    await line.database.write(lambda c: mark_left(c, ticket.person, now=line.now))
    line.now += 6 * HOUR
    assert await line.look() == 1
    now = await line.see(ticket)
    assert (now.state, now.desk) == ("left", "duty")


async def test_who_is_owned_is_not_moved_and_who_is_given_back_is(line: Helpline) -> None:
    line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    ticket = await line.flag()
    await line.database.write(lambda c: claims.claim(c, ticket.id, staff="s1", now=line.now))
    line.now += 6 * HOUR
    assert await line.look() == 0
    await line.database.write(lambda c: claims.release(c, ticket.id, staff="s1", now=line.now))
    assert await line.look() == 1 and (await line.see(ticket)).desk == "duty"


async def test_a_rota_taken_away_altogether_leaves_nobody_behind(line: Helpline) -> None:
    line.hire("salma")
    [shift] = await line.shifts("salma", "jordan", WEEK[1])
    ticket = await line.flag()
    await line.database.write(lambda c: rotas.remove(c, "shift", shift.id, by="lead", now=line.now))
    assert await line.look() == 1 and (await line.see(ticket)).desk == ""


async def test_a_desk_only_accounts_know_keeps_its_people_while_somebody_works_there(line: Helpline) -> None:
    salma = line.hire("salma", desks=("amman",))
    line.hire("huda")
    await line.shifts("huda", "jordan", *WEEK)
    ticket = await line.flag()
    await line.database.write(lambda c: c.execute(tickets.update().values(desk="amman")))
    assert await line.look() == 0
    await line.database.write(lambda c: c.execute(staff.update().where(staff.c.id == salma).values(active=False)))
    assert await line.look() == 1 and (await line.see(ticket)).desk == "jordan"


async def test_of_two_gateways_one_moves_a_person_and_a_claim_in_between_wins(line: Helpline) -> None:
    line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    ticket, claimed = await line.flag(), await line.flag()
    line.now += 6 * HOUR
    seen = await line.database.read(lambda c: routing.unattended(c, DESKS, line.now))
    assert [found.id for found, _ in seen] == [ticket.id, claimed.id]
    await line.database.write(lambda c: claims.claim(c, claimed.id, staff="s1", epoch=claimed.epoch, now=line.now))
    moved = await asyncio.gather(
        *(line.gateways[n % 2].write(lambda c, t=t, to=to: routing.move_on(c, t, to, line.now)) for n in range(4) for t, to in seen)
    )
    assert sum(moved) == 1
    owned = await line.see(claimed)
    assert (owned.owner, owned.desk) == ("s1", "jordan")


async def test_of_many_the_gravest_move_first(line: Helpline) -> None:
    line.hire("salma")
    line.hire("huda")
    await line.shifts("salma", "jordan", *WEEK)
    await line.shifts("huda", "duty", *(Span(day, 0, DAY) for day in range(7)))
    for _ in range(6):
        await line.flag(band="NONE_DISCLOSED")
    grave = [await line.flag(band="HIGH"), await line.flag()]
    line.now += 6 * HOUR
    seen = await line.database.read(lambda c: routing.unattended(c, DESKS, line.now, at_most=2))
    assert [found.id for found, _ in seen] == [grave[1].id, grave[0].id]


# -- the ladder --------------------------------------------------------------------------------------------------------


async def test_the_first_rung_calls_the_next_desk_beside_the_first_and_the_second_everybody(line: Helpline) -> None:
    for name, desk in (("salma", "jordan"), ("huda", "duty"), ("reem", "qatar")):
        line.hire(name, desks=(desk,))
        await line.shifts(name, desk, *WEEK)
    ticket = await line.flag()

    async def sees(desk: str) -> bool:
        rows = await line.database.read(lambda c: queue.waiting(c, frozenset({desk})))
        return ticket.id in {row.ticket.id for row in rows}

    assert [await sees(desk) for desk in ("jordan", "duty", "qatar")] == [True, False, False]
    line.now += 60
    called = await line.climb(ticket)
    assert (called.desk, called.called_desk, called.epoch) == ("jordan", "duty", ticket.epoch)
    assert [await sees(desk) for desk in ("jordan", "duty", "qatar")] == [True, True, False]
    assert may_see(Staff("h", "h", "counsellor", frozenset({"duty"}), 1), called.desk, called.called_desk)
    assert not may_see(Staff("r", "r", "counsellor", frozenset({"qatar"}), 1), called.desk, called.called_desk)
    line.now += 60
    opened = await line.climb(called)
    assert (opened.desk, opened.called_desk, opened.ladder_step) == ("", "", 2)
    assert [await sees(desk) for desk in ("jordan", "duty", "qatar")] == [True, True, True]
    assert (await line.acts())[-2:] == ["ladder.desk", "ladder.supervisor"]


async def test_with_no_other_desk_on_duty_the_first_rung_calls_everybody(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    await line.shifts("salma", "jordan", *WEEK)
    ticket = await line.flag()
    line.now += 60
    assert (await line.climb(ticket)).desk == ""


async def test_who_is_sent_to_another_desk_is_no_longer_seen_by_the_one_that_was_called(line: Helpline) -> None:
    for name, desk in (("salma", "jordan"), ("huda", "duty")):
        line.hire(name, desks=(desk,))
        await line.shifts(name, desk, *WEEK)
    ticket = await line.flag()
    line.now += 60
    called = await line.climb(ticket)
    await line.database.write(lambda c: claims.claim(c, ticket.id, staff="s1", epoch=called.epoch, now=line.now))
    await line.database.write(lambda c: claims.transfer(c, ticket.id, staff="s1", to_desk="qatar", now=line.now))
    sent = await line.see(ticket)
    assert (sent.desk, sent.called_desk) == ("qatar", "")
    assert await line.look() == 1 and (await line.see(ticket)).desk == "duty", "nobody is on duty there: at once to who stands in"


def test_a_supervisor_sees_every_desk_and_a_counsellor_their_own() -> None:
    lead, counsellor = Staff("l", "l", "supervisor", frozenset({"jordan"}), 1), Staff("c", "c", "counsellor", frozenset({"jordan"}), 1)
    assert may_see(lead, "qatar") and lead.scope == frozenset()
    assert not may_see(counsellor, "qatar") and may_see(counsellor, "jordan") and may_see(counsellor, "")
    assert not may_see(counsellor, "qatar", "") and may_see(counsellor, "qatar", "jordan")


# -- what may stand in a rota ------------------------------------------------------------------------------------------


async def test_shifts_that_overlap_are_refused_all_together(line: Helpline) -> None:
    line.hire("salma")
    await line.shifts("salma", "jordan", Span(6, 22 * 60, 6 * 60))
    with pytest.raises(Overlaps):
        await line.shifts("salma", "jordan", Span(3, 0, 60), Span(0, 5 * 60, 8 * 60))
    await line.shifts("salma", "jordan", Span(0, 6 * 60, 8 * 60))
    await line.shifts("salma", "duty", Span(0, 5 * 60, 8 * 60))
    rota = await line.database.read(read_rota)
    assert sorted((shift.desk, str(shift.span)) for shift in rota.shifts) == [
        ("duty", "05:00–08:00"), ("jordan", "06:00–08:00"), ("jordan", "22:00–06:00"),
    ]


async def test_two_supervisors_at_once_give_nobody_the_same_hours_twice(line: Helpline) -> None:
    line.hire("salma")

    async def give(gateway: int) -> bool:
        try:
            await line.gateways[gateway].write(
                lambda c: rotas.add_shifts(
                    c, username="salma", desk="jordan", spans=[WEEK[0]], desks=DESKS, by="lead", now=line.now, ids=[new_id()[:24]]
                )
            )
        except Overlaps:
            return False
        return True

    assert sum(await asyncio.gather(*(give(n % 2) for n in range(6)))) == 1


async def test_what_cannot_be_is_refused_and_changes_nothing(line: Helpline) -> None:
    line.hire("salma", desks=("jordan",))
    line.hire("editor", role="editor")
    for name, desk, wanted in (
        ("nobody", "jordan", NotInRota), ("editor", "jordan", NotInRota), ("salma", "nowhere", NotInRota), ("salma", "qatar", NotTheirDesk),
    ):
        with pytest.raises(wanted):
            await line.shifts(name, desk, WEEK[0])
    for begins, ends in ((-2 * HOUR, -HOUR), (-HOUR, 0.0), (HOUR, HOUR), (2 * HOUR, HOUR), (0.0, FURTHEST + 1), (-FURTHEST - 1, HOUR)):
        with pytest.raises(NotInRota):
            await line.leave("salma", line.now + begins, line.now + ends)
    for code, expires in (("karate", HOUR), ("children", 0.0), ("children", -HOUR), ("children", FURTHEST + 1)):
        with pytest.raises(NotInRota):
            await line.competence("salma", code, line.now + expires)
    for kind in ("shift", "leave", "competence"):
        with pytest.raises(NoSuchEntry):
            await line.database.write(lambda c, kind=kind: rotas.remove(c, kind, "forged", by="lead", now=line.now))
    rota = await line.database.read(read_rota)
    assert not (rota.shifts or rota.leave or rota.competences) and await line.acts() == []


async def test_each_change_is_in_the_trail_and_a_competence_said_again_counts_anew(line: Helpline) -> None:
    line.hire("salma")
    [shift] = await line.shifts("salma", "jordan", WEEK[0])
    away = await line.leave("salma", line.now, line.now + HOUR)
    await line.competence("salma", "children", line.now + HOUR)
    later = await line.competence("salma", "children", line.now + 2 * HOUR)
    rota = await line.database.read(read_rota)
    assert [one.expires_at for one in rota.competences] == [later.expires_at]
    for kind, entry in (("shift", shift.id), ("leave", away.id), ("competence", later.id)):
        await line.database.write(lambda c, k=kind, e=entry: rotas.remove(c, k, e, by="lead", now=line.now))  # type: ignore[misc]
    assert await line.acts() == [
        "rota.add_shift", "rota.add_leave", "rota.set_competence", "rota.set_competence",
        "rota.remove_shift", "rota.remove_leave", "rota.remove_competence",
    ]
    assert await line.database.read(trail.verify) is None
