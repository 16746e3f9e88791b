"""A flagged person becomes one committed row, and an exit takes everything that could reach them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audit import trail
from api.database import Database
from api.handoffs import claims, tables, tickets
from api.handoffs.tickets import Event, NoSuchStep, NotATicket, State, mark_left, open_handoff, withdraw
from tests.fixtures_staff import NOON, POSTGRES_URL, databases, new_id, wish

PERSON = "a" * 32


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres", marks=[pytest.mark.postgres, pytest.mark.skipif(not POSTGRES_URL, reason="no PostgreSQL")]
        ),
    ]
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases(request.param, tmp_path) as [opened]:
        yield opened


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.engine.begin() as opened:
        yield opened


def rows(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(tables.tickets)).scalar_one()


def test_a_red_ticket_is_p0_and_due_in_sixty_seconds(connection: sa.Connection) -> None:
    ticket = open_handoff(connection, wish(band="RED"), new_id=new_id(), now=NOON)
    assert (ticket.priority, ticket.state, ticket.owner, ticket.ladder_due) == ("P0", "queued", None, NOON + 60)


def test_a_wish_for_a_person_is_at_least_p2(connection: sa.Connection) -> None:
    assert open_handoff(connection, wish(band="UNKNOWN"), new_id=new_id(), now=NOON).priority == "P3"
    assert open_handoff(connection, wish(band="UNKNOWN", wish=True), new_id=new_id(), now=NOON).priority == "P2"


def test_the_same_command_twice_is_one_ticket(connection: sa.Connection) -> None:
    command = wish()
    first = open_handoff(connection, command, new_id=new_id(), now=NOON)
    second = open_handoff(connection, command, new_id=new_id(), now=NOON + 5)
    assert first == second and rows(connection) == 1


def test_a_command_replayed_after_an_exit_opens_nothing(connection: sa.Connection) -> None:
    command = wish()
    open_handoff(connection, command, new_id=new_id(), now=NOON)
    mark_left(connection, PERSON, now=NOON + 1)
    again = open_handoff(connection, command, new_id=new_id(), now=NOON + 2)
    assert again.state == "left" and again.reply_address is None and rows(connection) == 1


def test_a_person_has_one_open_ticket_a_channel(connection: sa.Connection) -> None:
    for _ in range(3):
        open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    open_handoff(connection, wish(channel="sms"), new_id=new_id(), now=NOON)
    assert rows(connection) == 2


@settings(deadline=None, max_examples=40)
@given(bands=st.lists(st.sampled_from(tables.BANDS), min_size=1, max_size=6))
def test_a_band_is_never_lowered(bands: list[str]) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables.metadata.create_all(connection, tables=[tables.tickets, tables.commands])
        highest = len(tables.BANDS)
        for band in bands:
            ticket = open_handoff(connection, wish(band=band), new_id=new_id(), now=NOON)
            highest = min(highest, tables.BANDS.index(band))
            assert ticket.band == tables.BANDS[highest]
    engine.dispose()


def test_more_danger_brings_the_ladder_forward_and_less_leaves_it(connection: sa.Connection) -> None:
    open_handoff(connection, wish(band="ELEVATED"), new_id=new_id(), now=NOON)
    risen = open_handoff(connection, wish(band="RED"), new_id=new_id(), now=NOON + 100)
    assert (risen.ladder_due, risen.flagged_at, risen.created_at) == (NOON + 160, NOON + 100, NOON)
    same = open_handoff(connection, wish(band="NONE_DISCLOSED"), new_id=new_id(), now=NOON + 120)
    assert (same.band, same.ladder_due, same.flagged_at) == ("RED", NOON + 160, NOON + 100)


def test_what_is_said_later_is_added_to_what_was_said(connection: sa.Connection) -> None:
    open_handoff(connection, wish(reasons=("P1",), place="JO-AM"), new_id=new_id(), now=NOON)
    ticket = open_handoff(connection, wish(reasons=("N3",), sets=("now",), call=True), new_id=new_id(), now=NOON)
    assert ticket.reasons == ("N3", "P1") and ticket.sets == ("lethality", "now")
    assert ticket.call and ticket.place == "JO-AM"


@pytest.mark.parametrize("words", ["he hit me", "ضربني", "<script>", "P1; drop table", "x" * 40])
def test_words_never_reach_a_row(words: str, connection: sa.Connection) -> None:
    ticket = open_handoff(
        connection, wish(reasons=(words, "P1"), sets=(words, "now"), place=words), new_id=new_id(), now=NOON
    )
    assert set(ticket.reasons) == {"P1", tables.UNNAMED_REASON}
    assert ticket.sets == ("now",) and ticket.place == ""
    stored = connection.execute(sa.select(tables.tickets)).one()
    assert words not in repr(tuple(stored))


@pytest.mark.parametrize(
    "change", [{"band": "PURPLE"}, {"channel": "fax"}, {"country": "ZZZ"}, {"lane": "fast"}, {"command_id": ""}]
)
def test_a_command_of_unknown_codes_is_refused(change: dict[str, str], connection: sa.Connection) -> None:
    with pytest.raises(NotATicket):
        open_handoff(connection, wish(**change), new_id=new_id(), now=NOON)
    assert rows(connection) == 0


@pytest.mark.parametrize("band", ["RED", "HIGH"])
@pytest.mark.parametrize("claimed", [False, True])
def test_an_exit_leaves_a_flagged_ticket_without_address_under_a_new_epoch(
    band: str, claimed: bool, connection: sa.Connection
) -> None:
    ticket = open_handoff(connection, wish(band=band), new_id=new_id(), now=NOON)
    if claimed:
        ticket = claims.claim(connection, ticket.id, staff="s1", now=NOON + 1)
    [left] = mark_left(connection, PERSON, now=NOON + 2)
    assert (left.state, left.reply_address, left.left_at) == ("left", None, NOON + 2)
    assert left.epoch == ticket.epoch + 1 and left.owner == ticket.owner
    assert mark_left(connection, PERSON, now=NOON + 3) == ()


@pytest.mark.parametrize("band", ["ELEVATED", "UNKNOWN", "NONE_DISCLOSED"])
def test_an_exit_closes_what_is_not_flagged(band: str, connection: sa.Connection) -> None:
    open_handoff(connection, wish(band=band, wish=True), new_id=new_id(), now=NOON)
    [left] = mark_left(connection, PERSON, now=NOON + 2)
    assert (left.state, left.outcome, left.reply_address, left.ladder_due) == ("closed", "left_chat", None, None)


def test_an_exit_on_one_channel_ends_the_other_channels_talk(connection: sa.Connection) -> None:
    for channel in ("whatsapp", "sms"):
        open_handoff(connection, wish(channel=channel), new_id=new_id(), now=NOON)
    assert {ticket.channel for ticket in mark_left(connection, PERSON, now=NOON)} == {"whatsapp", "sms"}


def test_an_exit_touches_nobody_else(connection: sa.Connection) -> None:
    other = open_handoff(connection, wish(person="b" * 32), new_id=new_id(), now=NOON)
    mark_left(connection, PERSON, now=NOON)
    assert tickets.find(connection, other.id) == other


def test_after_an_exit_the_same_number_opens_a_new_ticket(connection: sa.Connection) -> None:
    first = open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    mark_left(connection, PERSON, now=NOON + 1)
    second = open_handoff(connection, wish(), new_id=new_id(), now=NOON + 2)
    assert second.id != first.id and second.state == "queued"


def test_the_address_is_overwritten_before_it_is_dropped(connection: sa.Connection) -> None:
    seen: list[object] = []

    def note(_conn: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        if statement.startswith("UPDATE tickets SET reply_address"):
            first = next(iter(given.values())) if isinstance(given, dict) else given[0]
            seen.append(None if first is None else bytes(getattr(first, "obj", first)))  # psycopg wraps it

    sa.event.listen(connection, "before_cursor_execute", note)
    open_handoff(connection, wish(reply_address=b"secret"), new_id=new_id(), now=NOON)
    mark_left(connection, PERSON, now=NOON)
    assert seen == [bytes(6), None]


def test_an_address_leaves_no_trace_in_the_sqlite_file(tmp_path: Path) -> None:
    canary = b"canary-3f9a1c77d2-address"
    with databases("sqlite", tmp_path) as [database]:
        with database.engine.begin() as connection:
            open_handoff(connection, wish(reply_address=canary), new_id=new_id(), now=NOON)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert canary in (tmp_path / "casework.db").read_bytes(), "the control: it was there"
        with database.engine.begin() as connection:
            mark_left(connection, PERSON, now=NOON)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert all(canary not in path.read_bytes() for path in tmp_path.glob("casework.db*"))


def test_withdrawing_ends_every_ticket_and_keeps_only_the_audit_entry(connection: sa.Connection) -> None:
    ticket = open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    [ended] = withdraw(connection, PERSON, now=NOON, command_id="w1")
    assert (ended.state, ended.reply_address) == ("withdrawn", None)
    entry = connection.execute(sa.select(trail.audit)).one()
    assert (entry.actor, entry.act, entry.object) == (trail.PERSON, "handoff.withdraw", ticket.id)


def test_an_old_withdrawal_does_not_end_a_ticket_opened_since(connection: sa.Connection) -> None:
    open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    withdraw(connection, PERSON, now=NOON, command_id="w1")
    since = open_handoff(connection, wish(), new_id=new_id(), now=NOON + 1)
    assert withdraw(connection, PERSON, now=NOON + 2, command_id="w1") == ()
    assert tickets.find(connection, since.id) == since


def test_the_database_itself_refuses_a_second_open_ticket(connection: sa.Connection) -> None:
    open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    row = dict(connection.execute(sa.select(tables.tickets)).one()._mapping) | {"id": new_id()}
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(tables.tickets.insert().values(**row))


def test_the_database_itself_refuses_neither_owned_nor_queued(connection: sa.Connection) -> None:
    ticket = open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    for values in ({"state": "claimed"}, {"owner": "s1"}):
        with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
            connection.execute(tables.tickets.update().where(tables.tickets.c.id == ticket.id).values(**values))


def test_every_pair_of_state_and_event_is_in_the_table_or_refused() -> None:
    allowed = 0
    for state, event in itertools.product(get_args(State), get_args(Event)):
        if (state, event) in tickets.TRANSITIONS:
            assert tickets.step(state, event) in get_args(State)
            allowed += 1
        else:
            with pytest.raises(NoSuchStep):
                tickets.step(state, event)
    assert allowed == len(tickets.TRANSITIONS)


def test_nothing_leaves_an_ended_ticket() -> None:
    assert not [pair for pair in tickets.TRANSITIONS if pair[0] in ("closed", "withdrawn")]
