"""Commands: one transaction, each id obeyed once, codes only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.commands import Asker, Done, carry_out, danger_command, wish_command
from api.database import Database
from api.handoffs.tables import KNOWN_REASONS, tickets
from api.handoffs.tickets import NotATicket
from safety.danger import FLAGS
from tests.fixtures_line import handoff
from tests.fixtures_staff import NOON, databases, new_id

ASKER = Asker(
    person="a" * 32, channel="whatsapp", generation=3, country="JO", place="", variant="lev", language="ar",
    sender="whatsapp:+15005550006", repeat_key="r" * 32, sealed_address=b"sealed",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


def obey(database: Database, *commands: dict[str, Any], asker: Asker = ASKER, now: float = NOON) -> Done:
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        return carry_out(connection, asker, commands, now=now, new_id=new_id)


def count(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tickets)).scalar_one())


def test_a_handoff_becomes_a_ticket_with_everything_the_engine_does_not_know(database: Database) -> None:
    asker = replace(ASKER, place="JO-AM")
    done = obey(database, handoff("HIGH", ["P1"], sets=["lethality"], wish=True, call=True, lane="children"), asker=asker)
    (ticket,) = done.tickets
    assert (ticket.band, ticket.reasons, ticket.sets, ticket.lane) == ("HIGH", ("P1",), ("lethality",), "children")
    assert ticket.wish and ticket.call and ticket.place == "JO-AM" and ticket.generation == 3
    assert ticket.reply_address == b"sealed" and ticket.sender == ASKER.sender and ticket.repeat_key == ASKER.repeat_key


def test_the_same_turn_run_again_after_a_crash_changes_nothing(database: Database) -> None:
    wishes = [handoff("HIGH"), {"id": "w1", "kind": "withdraw_handoff"}]
    first = obey(database, *wishes)
    obey(database, handoff("RED"))
    again = obey(database, *wishes)
    assert len(first.withdrawn) == 1 and again.withdrawn == ()
    with database.engine.connect() as connection:
        states = connection.execute(sa.select(tickets.c.state).order_by(tickets.c.created_at, tickets.c.state)).scalars()
        assert sorted(states) == ["queued", "withdrawn"]


def test_a_person_has_one_open_ticket_and_its_band_is_never_lowered(database: Database) -> None:
    for band in ("ELEVATED", "RED", "HIGH"):
        (ticket,) = obey(database, handoff(band)).tickets
    assert count(database) == 1 and ticket.band == "RED"


def test_forget_withdraws_and_says_that_the_state_is_to_go(database: Database) -> None:
    obey(database, handoff("HIGH"))
    done = obey(database, {"id": "f", "kind": "forget"})
    assert done.forget and [ticket.state for ticket in done.withdrawn] == ["withdrawn"]
    assert done.withdrawn[0].reply_address is None


def test_wishes_without_a_row_are_handed_on(database: Database) -> None:
    done = obey(
        database, {"id": "1", "kind": "set_language", "variant": "gulf"}, {"id": "2", "kind": "set_place", "place": "QA"},
        {"id": "3", "kind": "make_safe_word"},
    )
    assert done == Done(variant="gulf", place="QA", safe_word=True)
    assert count(database) == 0


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ({"id": "1", "kind": "set_language", "variant": "klingon"}, Done()),
        ({"id": "2", "kind": "set_place", "place": "شارع الجامعة رقم 5"}, Done()),
        ({"id": "3", "kind": "launch_missiles"}, Done()),
    ],
)
def test_what_is_not_a_code_is_not_kept(database: Database, command: dict[str, Any], left: Done) -> None:
    assert obey(database, command) == left


def test_a_reason_that_is_no_code_never_reaches_a_row(database: Database) -> None:
    (ticket,) = obey(database, handoff("HIGH", ["P1", "he said canary-99 to me"])).tickets
    assert "canary" not in "".join(ticket.reasons) and set(ticket.reasons) <= KNOWN_REASONS


def test_one_command_that_cannot_be_obeyed_undoes_its_transaction(database: Database) -> None:
    with pytest.raises(NotATicket):
        obey(database, handoff("HIGH"), handoff("PURPLE"))
    assert count(database) == 0


def test_the_doors_own_commands_are_red_for_danger_and_a_wish_for_nine(database: Database) -> None:
    red, wished = danger_command("t" * 32), wish_command("t" * 32)
    assert red["id"] != wished["id"] and len(red["id"]) <= 64
    (ticket,) = obey(database, red).tickets
    assert ticket.band == "RED" and ticket.reasons == ("danger_rule",) and not ticket.wish
    (ticket,) = obey(database, wished).tickets
    assert ticket.band == "RED" and ticket.wish


def test_danger_by_rule_puts_what_the_rules_saw_on_the_ticket_and_nothing_that_is_no_reason(database: Database) -> None:
    (ticket,) = obey(database, danger_command("t" * 32, ("danger_now", "weapon", "canary-99"))).tickets
    assert ticket.band == "RED" and ticket.reasons == ("danger_now", "danger_rule", "weapon")


def test_every_flag_of_the_rules_is_a_reason_of_a_ticket() -> None:
    assert set(FLAGS) <= KNOWN_REASONS


def test_two_turns_of_one_person_have_different_commands() -> None:
    ids = [make(mark * 32)["id"] for make, mark in itertools.product((danger_command, wish_command), "ab")]
    assert len(set(ids)) == 4


def test_what_was_done_one_by_one_is_added_up() -> None:
    assert Done(forget=True, place="JO").and_then(Done(variant="en", safe_word=True)) == Done(
        forget=True, place="JO", variant="en", safe_word=True
    )
