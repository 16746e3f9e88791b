"""A band is raised by one and lowered by two; priority and ladder follow, and nothing the person gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.handoffs import bands, claims, ladder, leases, queue
from api.handoffs.bands import NotProposed, SamePerson, UnknownReason, WrongBand, band_changes
from api.handoffs.claims import NotYours, StaleEpoch
from api.handoffs.tickets import NoSuchStep, Ticket, find, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    with databases(request.param, tmp_path) as [database], database.engine.begin() as opened:
        yield opened


def waits(connection: sa.Connection, band: str, **changes: object) -> Ticket:
    return open_handoff(connection, wish(person=new_id(), band=band, **changes), new_id=new_id(), now=NOON)


def raised(connection: sa.Connection, ticket: Ticket, staff: str = "boss", *, supervisor: bool = True, band: str = "RED") -> Ticket:
    return bands.raise_band(
        connection, ticket.id, staff=staff, supervisor=supervisor, band=band, reason="my_judgement", new_id=new_id(),
        epoch=ticket.epoch, now=NOON + 100,
    )


def proposed(
    connection: sa.Connection, ticket: Ticket, staff: str = "s1", *, supervisor: bool = False, band: str = "UNKNOWN"
) -> str:
    new = new_id()
    after = bands.propose_lowering(
        connection, ticket.id, staff=staff, supervisor=supervisor, band=band, reason="misread", new_id=new, now=NOON + 100
    )
    assert after == ticket, "nothing changes before a second person has agreed"
    return new


def confirmed(connection: sa.Connection, ticket: Ticket, change: str, staff: str = "s2") -> Ticket:
    return bands.confirm_lowering(connection, ticket.id, staff=staff, change=change, now=NOON + 200)


@pytest.mark.parametrize("band", ["UNKNOWN", "ELEVATED", "HIGH"])
def test_somebody_who_waits_and_is_raised_to_red_starts_the_clock_of_red(band: str, connection: sa.Connection) -> None:
    ticket = raised(connection, waits(connection, band))
    assert (ticket.band, ticket.priority, ticket.ladder_due, ticket.flagged_at) == ("RED", "P0", NOON + 160, NOON + 100)
    assert [one.id for one in ladder.due(connection, NOON + 161)] == [ticket.id]


def test_a_clock_that_was_due_earlier_is_not_put_off_by_a_raise(connection: sa.Connection) -> None:
    ticket = waits(connection, "HIGH")
    late = bands.raise_band(
        connection, ticket.id, staff="boss", supervisor=True, band="RED", reason="weapon_near", new_id=new_id(), now=NOON + 290
    )
    assert late.ladder_due == NOON + 300


def test_the_owner_raises_alone_and_keeps_their_talk_and_epoch(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, "ELEVATED").id, staff="s1", now=NOON)
    after = raised(connection, mine, "s1", supervisor=False)
    assert (after.band, after.owner, after.epoch, after.ladder_due) == ("RED", "s1", mine.epoch, None)
    assert claims.owned(connection, mine.id, staff="s1", epoch=mine.epoch).band == "RED", "words under way are not refused"


def test_a_counsellor_changes_nobodys_band_but_their_own_peoples(connection: sa.Connection) -> None:
    ticket = waits(connection, "ELEVATED")
    with pytest.raises(NotYours):
        raised(connection, ticket, "s1", supervisor=False)
    claims.claim(connection, ticket.id, staff="s2", now=NOON)
    with pytest.raises(NotYours):
        proposed(connection, ticket, "s1")


@pytest.mark.parametrize("band", ["HIGH", "ELEVATED", "NONE_DISCLOSED", "PURPLE", ""])
def test_a_raise_goes_up(band: str, connection: sa.Connection) -> None:
    with pytest.raises(WrongBand):
        raised(connection, waits(connection, "HIGH"), band=band)


def test_a_change_has_one_of_the_known_reasons(connection: sa.Connection) -> None:
    ticket = waits(connection, "HIGH")
    for act in (bands.raise_band, bands.propose_lowering):
        with pytest.raises(UnknownReason):
            act(connection, ticket.id, staff="boss", supervisor=True, band="RED", reason="he is home", new_id=new_id(), now=NOON)
    assert not set(bands.RAISE_REASONS) & set(bands.LOWER_REASONS)


def test_a_lowering_takes_a_second_person_and_a_reason(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, "RED").id, staff="s1", now=NOON)
    change = proposed(connection, mine, band="ELEVATED")
    with pytest.raises(SamePerson):
        confirmed(connection, mine, change, "s1")
    still = find(connection, mine.id)
    assert still is not None and still.band == "RED"
    after = confirmed(connection, mine, change, "s2")
    assert (after.band, after.priority, after.owner, after.epoch) == ("ELEVATED", "P2", "s1", mine.epoch)
    row = connection.execute(sa.select(band_changes)).one()
    assert (row.staff, row.second, row.was, row.becomes, row.reason, row.state) == ("s1", "s2", "RED", "ELEVATED", "misread", "done")
    acts = [(one.actor, one.act) for one in connection.execute(sa.select(trail.audit).order_by(trail.audit.c.seq))][1:]
    assert acts == [("s1", "lowering.misread"), ("s2", "lower.misread")]
    with pytest.raises(NotProposed):
        confirmed(connection, mine, change, "s3")


def test_a_supervisor_who_proposes_needs_a_second_person_too(connection: sa.Connection) -> None:
    ticket = waits(connection, "RED")
    change = proposed(connection, ticket, "boss", supervisor=True, band="HIGH")
    with pytest.raises(SamePerson):
        confirmed(connection, ticket, change, "boss")
    after = confirmed(connection, ticket, change, "s2")
    assert (after.ladder_step, after.ladder_due) == (0, NOON + 500), "two have just looked: the clock of the new band, anew"


def test_a_proposal_lapses_is_refused_or_overtaken_and_the_band_stays(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, "HIGH").id, staff="s1", now=NOON)
    first = proposed(connection, mine)
    second = proposed(connection, mine, band="ELEVATED")
    with pytest.raises(NotProposed):
        confirmed(connection, mine, first)
    bands.decline_lowering(connection, mine.id, staff="s2", change=second, now=NOON)
    with pytest.raises(NotProposed):
        confirmed(connection, mine, second)
    third = proposed(connection, mine)
    raised(connection, mine)
    with pytest.raises(NotProposed):
        confirmed(connection, mine, third)
    fourth = proposed(connection, replace(mine, band="RED", flagged_at=NOON + 100, updated_at=NOON + 100), band="HIGH")
    connection.execute(band_changes.update().values(until=leases.time_of(connection) - 1))
    with pytest.raises(NotProposed):
        confirmed(connection, mine, fourth)
    now = find(connection, mine.id)
    assert now is not None and now.band == "RED" and bands.proposals(connection, leases.time_of(connection)) == ()


def test_danger_found_between_proposal_and_confirmation_wins(connection: sa.Connection) -> None:
    ticket = waits(connection, "HIGH")
    change = proposed(connection, ticket, "boss", supervisor=True)
    open_handoff(connection, wish(person=ticket.person, command_id=new_id(), band="RED"), new_id=new_id(), now=NOON + 150)
    with pytest.raises(NotProposed):
        confirmed(connection, ticket, change)


def test_what_is_heard_between_proposal_and_confirmation_voids_it_though_the_band_is_the_same(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, "RED").id, staff="s1", now=NOON)
    change = proposed(connection, mine, band="ELEVATED")
    again = wish(mine.person, band="RED", reasons=("weapon", "danger_now"))
    open_handoff(connection, again, new_id=new_id(), now=NOON + 5)
    with pytest.raises(NotProposed):
        confirmed(connection, mine, change, "s2")
    assert bands.proposals(connection, 0.0) == ()


def test_an_under_18_s_band_goes_no_lower_than_high_and_nobodys_to_nothing_disclosed(connection: sa.Connection) -> None:
    child = waits(connection, "RED", lane="children")
    assert bands.lower_bands(child) == ("HIGH",)
    with pytest.raises(WrongBand):
        proposed(connection, child, "boss", supervisor=True, band="ELEVATED")
    proposed(connection, child, "boss", supervisor=True, band="HIGH")
    adult = waits(connection, "RED")
    assert bands.lower_bands(adult) == ("HIGH", "ELEVATED", "UNKNOWN")
    assert bands.lower_bands(waits(connection, "UNKNOWN")) == ()


def test_a_lowering_touches_nothing_that_the_person_gets(connection: sa.Connection) -> None:
    ticket = waits(connection, "RED", wish=True, call=True)
    after = confirmed(connection, ticket, proposed(connection, ticket, "boss", supervisor=True))
    same = replace(
        after, band=ticket.band, flagged_at=ticket.flagged_at, updated_at=ticket.updated_at, ladder_due=ticket.ladder_due,
        ladder_step=ticket.ladder_step,
    )
    assert same == ticket and after.priority == "P2", "a wish for a person is still one"


def test_the_bands_of_who_is_gone_stay(connection: sa.Connection) -> None:
    mine = claims.claim(connection, waits(connection, "HIGH").id, staff="s1", now=NOON)
    change = proposed(connection, mine)
    with pytest.raises(StaleEpoch):
        bands.confirm_lowering(connection, mine.id, staff="s2", change=change, epoch=mine.epoch - 1, now=NOON)
    closed = claims.close(connection, mine.id, staff="s1", outcome="helped", now=NOON)
    for act in (lambda: confirmed(connection, closed, change), lambda: raised(connection, closed)):
        with pytest.raises(NoSuchStep):
            act()


def test_a_proposal_is_on_the_card_for_whoever_is_to_agree(connection: sa.Connection) -> None:
    ticket = waits(connection, "RED")
    change = proposed(connection, ticket, "boss", supervisor=True, band="HIGH")
    [row] = queue.waiting(connection, frozenset())
    shown = queue.card(row)["lowering"]
    assert (shown["id"], shown["to"], shown["reason"]) == (change, "HIGH", "misread")
