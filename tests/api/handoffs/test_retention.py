"""How long a ticket is kept once it has ended, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.database import metadata
from api.handoffs import alerts, bands, claims, plan, queue, retention, wrapup
from api.handoffs.retention import KEPT_SECONDS, ticket_counts
from api.handoffs.tables import commands
from api.handoffs.tickets import Ticket, find, mark_left, open_handoff
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish

OVER = NOON + KEPT_SECONDS + 100


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    with databases(request.param, tmp_path) as [database], database.engine.begin() as opened:
        yield opened


def waits(connection: sa.Connection, **changes: object) -> Ticket:
    return open_handoff(connection, wish(**({"person": new_id()} | changes)), new_id=new_id(), now=NOON)


def worked_on(connection: sa.Connection) -> Ticket:
    """A ticket with a row in every table that knows tickets, closed in the end."""
    ticket = waits(connection, band="HIGH")
    alerts.owe(connection, ticket, ("webhook",), [new_id()], NOON)
    claims.claim(connection, ticket.id, staff="s1", now=NOON)
    bands.raise_band(connection, ticket.id, staff="s1", supervisor=False, band="RED", reason="weapon_near", new_id=new_id(), now=NOON)
    plan.mark(connection, ticket.id, "plan_home_1", talked=True, staff="s1", now=NOON)
    wrapup.note_done(connection, ticket.id, ["listened"])
    return claims.close(connection, ticket.id, staff="s1", outcome="helped", now=NOON)


def naming(connection: sa.Connection, ticket_id: str) -> set[str]:
    """The tables in which the id stands in any column."""
    found = set()
    for table in metadata.sorted_tables:
        columns = [column == ticket_id for column in table.columns if isinstance(column.type, sa.String)]
        if columns and connection.execute(sa.select(sa.literal(1)).select_from(table).where(sa.or_(*columns)).limit(1)).first():
            found.add(table.name)
    return found


def test_a_month_after_its_end_a_ticket_is_a_count_and_everything_about_it_is_gone(connection: sa.Connection) -> None:
    ticket = worked_on(connection)
    assert naming(connection, ticket.id) >= {"tickets", "band_changes", "ticket_done", "alerts", "audit"}
    assert retention.purge(connection, NOON + KEPT_SECONDS - 1) == 0 and find(connection, ticket.id) is not None
    assert retention.purge(connection, OVER) == 1
    assert naming(connection, ticket.id) == {"audit"}, "the trail has a term of its own; nothing else may name the ticket"
    [row] = connection.execute(sa.select(ticket_counts)).all()
    assert tuple(row) == ("JO", "2027-01", "RED", "helped", 1)
    assert connection.execute(sa.select(commands.c.id)).all() == []


def test_counts_add_up_and_stay_in_the_figures(connection: sa.Connection) -> None:
    for _ in range(6):
        worked_on(connection)
    open_still = waits(connection, band="RED")
    before = queue.counts(connection)["tickets"]
    while retention.purge(connection, OVER, at_most=4):
        pass
    assert queue.counts(connection)["tickets"] == before == {"RED": 7, "HIGH": 0, "ELEVATED": 0, "UNKNOWN": 0, "NONE_DISCLOSED": 0}
    assert [row.times for row in connection.execute(sa.select(ticket_counts.c.times))] == [6]
    assert find(connection, open_still.id) is not None


def test_who_waits_or_talks_is_never_touched_and_who_left_goes_with_the_rest(connection: sa.Connection) -> None:
    waiting, talking = waits(connection), waits(connection)
    claims.claim(connection, talking.id, staff="s1", now=NOON)
    left = waits(connection, person="e" * 32, band="RED")
    mark_left(connection, "e" * 32, now=NOON)
    assert retention.purge(connection, OVER + 10 * KEPT_SECONDS) == 1
    assert find(connection, waiting.id) is not None and find(connection, talking.id) is not None
    assert find(connection, left.id) is None


def test_a_ticket_closed_lately_stays_however_old_it_is(connection: sa.Connection) -> None:
    ticket = waits(connection)
    claims.claim(connection, ticket.id, staff="s1", now=OVER)
    claims.close(connection, ticket.id, staff="s1", outcome="helped", now=OVER)
    assert retention.purge(connection, OVER) == 0
