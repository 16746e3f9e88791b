"""Who reads along beside the owner: as long as their console answers, and never longer than the talk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.handoffs import claims, hands, leases, presence, queue
from api.handoffs.claims import NoSuchTicket, NotYours, StaleEpoch
from api.handoffs.tickets import NoSuchStep, Ticket, mark_left, note_answered, open_handoff, withdraw
from api.staff.accounts import Staff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    with databases(request.param, tmp_path) as [database], database.engine.begin() as opened:
        yield opened


@pytest.fixture
def talk(connection: sa.Connection) -> Ticket:
    """s1 has handed somebody to s2 and is still there; a supervisor reads along; s3 is asked to take them on."""
    ticket = open_handoff(connection, wish(desk="amman"), new_id=new_id(), now=NOON)
    note_answered(connection, claims.claim(connection, ticket.id, staff="s1", now=NOON), NOON)
    hands.invite(connection, ticket.id, staff="s1", colleague="s2", now=NOON)
    hands.accept(connection, ticket.id, staff="s2", now=NOON)
    joined = hands.join(connection, ticket.id, staff="boss", openly=False, now=NOON)
    hands.invite(connection, ticket.id, staff="s2", colleague="s3", now=NOON)
    return joined


def there(connection: sa.Connection) -> dict[str, str]:
    return {one.staff: one.kind for one in presence.all_present(connection)}


def asked(connection: sa.Connection) -> list[str]:
    return [one.invited for one in presence.all_invitations(connection, leases.time_of(connection))]


ENDS: dict[str, Callable[[sa.Connection, Ticket], object]] = {
    "close": lambda c, t: claims.close(c, t.id, staff="s2", outcome="helped", now=NOON),
    "release": lambda c, t: claims.release(c, t.id, staff="s2", now=NOON),
    "desk": lambda c, t: claims.transfer(c, t.id, staff="s2", to_desk="irbid", now=NOON),
    "take_back": lambda c, t: claims.take_back(c, t.id, by="boss", now=NOON),
    "lapse": lambda c, t: claims.lapse(c, t, at=leases.time_of(c) + 3600, now=NOON),
    "exit": lambda c, t: mark_left(c, t.person, now=NOON),
    "withdraw": lambda c, t: withdraw(c, t.person, now=NOON),
}


@pytest.mark.parametrize("how", ENDS)
def test_presence_and_invitations_end_with_the_talk(how: str, connection: sa.Connection, talk: Ticket) -> None:
    assert there(connection) == {"s1": "former", "boss": "silent"} and asked(connection) == ["s3"]
    ENDS[how](connection, talk)
    assert there(connection) == {} and asked(connection) == []


def test_who_takes_the_person_back_is_not_present_beside_themselves(connection: sa.Connection, talk: Ticket) -> None:
    claims.transfer(connection, talk.id, staff="s2", to_staff="s1", now=NOON)
    assert there(connection) == {"boss": "silent"} and asked(connection) == []


def test_a_talk_is_read_by_its_owner_and_whoever_is_present_at_the_desk_and_by_nobody_else(
    connection: sa.Connection, talk: Ticket
) -> None:
    def member(staff: str, desks: tuple[str, ...] = ()) -> Staff:
        return Staff(staff, staff, "counsellor", frozenset(desks), 1)

    for staff in ("s1", "s2", "boss"):
        assert hands.readable(connection, talk.id, member(staff, ("amman",)), talk.epoch).id == talk.id
        with pytest.raises(StaleEpoch):
            hands.readable(connection, talk.id, member(staff), talk.epoch - 1)
        with pytest.raises(NoSuchTicket):
            hands.readable(connection, talk.id, member(staff, ("irbid",)), talk.epoch)
    for staff in ("s3", "s9"):  # whoever is only invited reads nothing yet
        with pytest.raises(NotYours):
            hands.readable(connection, talk.id, member(staff), talk.epoch)


def test_a_closed_laptop_ends_a_presence_and_an_open_console_keeps_it(connection: sa.Connection, talk: Ticket) -> None:
    at = leases.time_of(connection)
    presence.renew(connection, {"boss"}, at + leases.FIRST + leases.RENEWED_FOR)
    gone = presence.lapsed(connection, at + leases.FIRST + 5)
    assert [one.staff for one in gone] == ["s1"]
    assert presence.lapse(connection, gone[0], at=at + leases.FIRST + 5, now=NOON)
    assert not presence.lapse(connection, gone[0], at=at + leases.FIRST + 5, now=NOON), "once"
    assert there(connection) == {"boss": "silent"}
    last = connection.execute(sa.select(trail.audit).order_by(trail.audit.c.seq.desc()).limit(1)).one()
    assert (last.actor, last.act, last.object) == ("s1", "presence.lapse", talk.id)


def test_a_console_that_came_back_between_the_look_and_the_write_stays_present(connection: sa.Connection, talk: Ticket) -> None:
    at = leases.time_of(connection) + leases.FIRST + 5
    gone = presence.lapsed(connection, at)
    presence.renew(connection, {"s1"}, at + leases.RENEWED_FOR)
    assert [presence.lapse(connection, one, at=at, now=NOON) for one in gone if one.staff == "s1"] == [False]
    assert "s1" in there(connection)


def test_who_joined_openly_stays_so_and_who_joined_silently_may_show_themselves(connection: sa.Connection, talk: Ticket) -> None:
    again = hands.join(connection, talk.id, staff="boss", openly=False, now=NOON)
    assert again.epoch == talk.epoch, "twice is once"
    openly = hands.join(connection, talk.id, staff="boss", openly=True, now=NOON)
    assert openly.epoch == talk.epoch + 1 and there(connection)["boss"] == "open"
    assert hands.join(connection, talk.id, staff="boss", openly=False, now=NOON).epoch == openly.epoch
    assert there(connection)["boss"] == "open"


def test_an_owner_does_not_join_their_own_talk(connection: sa.Connection, talk: Ticket) -> None:
    with pytest.raises(NoSuchStep):
        hands.join(connection, talk.id, staff="s2", openly=True, now=NOON)


def test_of_who_joined_openly_the_person_is_told_once(connection: sa.Connection, talk: Ticket) -> None:
    assert not presence.untold(connection, talk.id)
    hands.join(connection, talk.id, staff="boss", openly=True, now=NOON)
    assert presence.untold(connection, talk.id)
    presence.note_told(connection, talk.id)
    assert not presence.untold(connection, talk.id)


def test_everybody_at_the_desk_sees_on_the_card_who_reads_along_and_who_is_asked(
    connection: sa.Connection, talk: Ticket
) -> None:
    [row] = queue.waiting(connection, frozenset({"amman"}))
    assert {(staff, kind) for staff, _, kind in row.present} == {("s1", "former"), ("boss", "silent")}
    assert row.invited is not None and row.invited[0] == "s3"
    shown = queue.card(row)
    assert {one["kind"] for one in shown["present"]} == {"former", "silent"}
    assert "boss" not in str(shown), "a card names people by their user name, not by their id"
