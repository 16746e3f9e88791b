"""Hands that change while somebody is with the person: never two owners, nobody in a talk that is over."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.audit import trail
from api.database import Database
from api.handoffs import bands, blocks, claims, hands, leases, presence
from api.handoffs.claims import NotYours, StaleEpoch
from api.handoffs.hands import NotInvited
from api.handoffs.tables import tickets
from api.handoffs.tickets import NoSuchStep, Ticket, find, mark_left, note_answered, open_handoff, withdraw
from tests.api.handoffs.test_claims import KINDS
from tests.fixtures_staff import NOON, databases, new_id, wish

REFUSED = (
    NotYours, StaleEpoch, NoSuchStep, NotInvited, bands.NotProposed, bands.SamePerson, bands.WrongBand, blocks.NoNumber,
    claims.NoSuchTicket,
)


@pytest.fixture(params=KINDS)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Database]]:
    """Two gateways over one store."""
    with databases(request.param, tmp_path, 2) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    with databases(request.param, tmp_path) as [database], database.engine.begin() as opened:
        yield opened


@pytest.fixture
def talk(connection: sa.Connection) -> Ticket:
    """Somebody whom s1 has claimed and written to."""
    ticket = open_handoff(connection, wish(), new_id=new_id(), now=NOON)
    claimed = claims.claim(connection, ticket.id, staff="s1", now=NOON)
    note_answered(connection, claimed, NOON)
    return claimed


def there(connection: sa.Connection, ticket: Ticket) -> dict[str, str]:
    return {one.staff: one.kind for one in presence.all_present(connection, [ticket.id])}


def test_a_warm_transfer_gives_the_person_on_when_the_colleague_accepts_and_the_first_stays(
    connection: sa.Connection, talk: Ticket
) -> None:
    asked = hands.invite(connection, talk.id, staff="s1", colleague="s2", epoch=talk.epoch, now=NOON)
    assert (asked.owner, asked.epoch) == ("s1", talk.epoch), "nothing has changed hands yet"
    taken = hands.accept(connection, talk.id, staff="s2", epoch=talk.epoch, now=NOON)
    assert (taken.owner, taken.state, taken.epoch, taken.answered_at) == ("s2", "claimed", talk.epoch + 1, NOON)
    assert there(connection, talk) == {"s1": "former"}
    with pytest.raises(NotYours):
        claims.owned(connection, talk.id, staff="s1", epoch=None)
    hands.leave(connection, talk.id, staff="s1", now=NOON)
    assert there(connection, talk) == {}


def test_an_invitation_is_accepted_once_and_only_by_whom_it_is_for(connection: sa.Connection, talk: Ticket) -> None:
    hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
    for staff in ("s3", "s1"):
        with pytest.raises(NotInvited):
            hands.accept(connection, talk.id, staff=staff, now=NOON)
    hands.invite(connection, talk.id, staff="s1", colleague="s3", now=NOON)
    with pytest.raises(NotInvited):
        hands.accept(connection, talk.id, staff="s2", now=NOON)
    hands.accept(connection, talk.id, staff="s3", now=NOON)
    with pytest.raises(NotInvited):
        hands.accept(connection, talk.id, staff="s3", now=NOON)


def test_an_invitation_is_refused_taken_back_or_lapses_and_the_person_never_left_the_owner(
    connection: sa.Connection, talk: Ticket
) -> None:
    for staff in ("s2", "s1"):
        hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
        with pytest.raises(NotInvited):
            hands.decline(connection, talk.id, staff="s3", now=NOON)
        hands.decline(connection, talk.id, staff=staff, now=NOON)
        with pytest.raises(NotInvited):
            hands.accept(connection, talk.id, staff="s2", now=NOON)
    hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
    connection.execute(presence.invitations.update().values(until=leases.time_of(connection) - 1))
    with pytest.raises(NotInvited):
        hands.accept(connection, talk.id, staff="s2", now=NOON)
    now = find(connection, talk.id)
    assert now is not None and (now.owner, now.epoch) == ("s1", talk.epoch)


def test_an_invitation_is_void_when_who_made_it_is_not_the_owner_any_more(connection: sa.Connection, talk: Ticket) -> None:
    hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
    hands.take_over(connection, talk.id, staff="boss", now=NOON)
    with pytest.raises(NotInvited):
        hands.accept(connection, talk.id, staff="s2", now=NOON)
    claims.transfer(connection, talk.id, staff="boss", to_staff="s1", now=NOON)
    with pytest.raises(NotInvited):  # not revived when it comes back
        hands.accept(connection, talk.id, staff="s2", now=NOON)


def test_only_the_owner_of_a_talk_invites_and_nobody_themselves(connection: sa.Connection, talk: Ticket) -> None:
    with pytest.raises(NotYours):
        hands.invite(connection, talk.id, staff="s2", colleague="s3", now=NOON)
    with pytest.raises(ValueError, match="somebody else"):
        hands.invite(connection, talk.id, staff="s1", colleague="s1", now=NOON)
    with pytest.raises(StaleEpoch):
        hands.invite(connection, talk.id, staff="s1", colleague="s2", epoch=talk.epoch - 1, now=NOON)
    mark_left(connection, talk.person, now=NOON)
    with pytest.raises(NoSuchStep):
        hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)


def test_a_supervisor_takes_over_at_once_and_the_former_owners_next_send_is_refused(
    connection: sa.Connection, talk: Ticket
) -> None:
    hands.join(connection, talk.id, staff="boss", openly=False, now=NOON)
    taken = hands.take_over(connection, talk.id, staff="boss", now=NOON)
    assert (taken.owner, taken.state, taken.epoch, taken.answered_at) == ("boss", "claimed", talk.epoch + 2, NOON)
    assert there(connection, talk) == {}, "an owner is not beside themselves, and who lost the person reads no more"
    for epoch in (None, talk.epoch, taken.epoch):
        with pytest.raises(NotYours):
            claims.owned(connection, talk.id, staff="s1", epoch=epoch)
    assert hands.take_over(connection, talk.id, staff="boss", now=NOON) == taken, "twice is once"


def test_who_waits_is_claimed_and_not_taken_over(connection: sa.Connection, talk: Ticket) -> None:
    claims.release(connection, talk.id, staff="s1", now=NOON)
    with pytest.raises(NoSuchStep):
        hands.take_over(connection, talk.id, staff="boss", now=NOON)
    with pytest.raises(NoSuchStep):
        hands.join(connection, talk.id, staff="boss", openly=True, now=NOON)


def test_each_act_is_in_the_trail_and_a_silent_joining_says_so(connection: sa.Connection, talk: Ticket) -> None:
    hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
    hands.decline(connection, talk.id, staff="s2", now=NOON)
    hands.invite(connection, talk.id, staff="s1", colleague="s2", now=NOON)
    hands.accept(connection, talk.id, staff="s2", now=NOON)
    hands.join(connection, talk.id, staff="boss", openly=False, now=NOON)
    hands.join(connection, talk.id, staff="boss", openly=True, now=NOON)
    hands.leave(connection, talk.id, staff="s1", now=NOON)
    hands.leave(connection, talk.id, staff="s1", now=NOON)
    hands.take_over(connection, talk.id, staff="boss", now=NOON)
    acts = [(row.actor, row.act) for row in connection.execute(sa.select(trail.audit).order_by(trail.audit.c.seq))]
    assert acts == [
        ("s1", "handoff.claim"), ("s1", "handoff.invite"), ("s2", "handoff.decline"), ("s1", "handoff.invite"),
        ("s2", "handoff.accept"), ("boss", "handoff.join_silent"), ("boss", "handoff.join_open"), ("s1", "handoff.leave"),
        ("boss", "handoff.take_over"),
    ]


async def test_of_an_accepting_colleague_and_a_supervisor_who_takes_over_at_once_one_owns(two: list[Database]) -> None:
    for _ in range(6):
        def begin(c: sa.Connection) -> Ticket:
            ticket = open_handoff(c, wish(person=new_id()), new_id=new_id(), now=NOON)
            mine = claims.claim(c, ticket.id, staff="s1", now=NOON)
            return hands.invite(c, ticket.id, staff="s1", colleague="s2", epoch=mine.epoch, now=NOON)

        talk = await two[0].write(begin)

        async def accepts(talk: Ticket = talk) -> Ticket:
            return await two[0].write(lambda c: hands.accept(c, talk.id, staff="s2", epoch=talk.epoch, now=NOON))

        async def takes_over(talk: Ticket = talk) -> Ticket:
            return await two[1].write(lambda c: hands.take_over(c, talk.id, staff="boss", epoch=talk.epoch, now=NOON))

        ended = await asyncio.gather(accepts(), takes_over(), return_exceptions=True)
        won = [one for one in ended if isinstance(one, Ticket)]
        assert len(won) == 1 and sum(isinstance(one, StaleEpoch) for one in ended) == 1
        now = await two[1].read(lambda c, talk=talk: find(c, talk.id))  # type: ignore[misc]
        assert now is not None and (now.owner, now.epoch) == (won[0].owner, talk.epoch + 1)


async def test_who_is_invited_in_the_instant_of_an_exit_is_invited_to_nothing(two: list[Database]) -> None:
    def begin(c: sa.Connection) -> Ticket:
        ticket = open_handoff(c, wish(band="RED"), new_id=new_id(), now=NOON)
        return claims.claim(c, ticket.id, staff="s1", now=NOON)

    talk, gone = await two[0].write(begin), threading.Event()

    def leaves(c: sa.Connection) -> None:
        mark_left(c, talk.person, now=NOON)
        gone.set()
        time.sleep(0.5)  # done and not yet committed

    async def invites() -> None:
        await asyncio.to_thread(gone.wait, 20)
        with contextlib.suppress(NoSuchStep):
            await two[1].write(lambda c: hands.invite(c, talk.id, staff="s1", colleague="s2", now=NOON))

    await asyncio.gather(two[0].write(leaves), invites())
    assert await two[0].read(lambda c: presence.all_invitations(c, leases.time_of(c))) == ()


STAFF = ("s0", "s1", "s2", "s3", "boss", "chief")
ACTS = (
    "claim", "claim", "claim", "release", "transfer", "desk", "take_back", "invite", "invite", "accept", "accept",
    "accept", "accept", "accept", "decline", "join", "join_open", "leave", "take_over", "raise", "lower", "confirm", "block", "lift",
    "lapse", "gone", "close", "leave_chat", "withdraw", "send", "send", "send", "claim", "invite", "join", "send",
)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_many_do_at_once_one_owns_or_the_person_waits_and_nobody_stays_where_no_talk_is(
    two: list[Database], seed: int
) -> None:
    """Eight clients at two gateways do everything there is to do with two people, in every order the machine chooses."""
    people = [new_id(), new_id()]
    dice = random.Random(seed)
    hands_seen: dict[tuple[str, int], set[tuple[str, str | None]]] = {}
    sends: list[tuple[str, int, str]] = []
    done: dict[str, int] = {}

    async def open_again(person: str, database: Database) -> None:
        await database.write(
            lambda c: open_handoff(
                c, wish(person=person, command_id=new_id(), band=dice.choice(["RED", "HIGH", "ELEVATED"])),
                new_id=new_id(), now=NOON,
            )
        )

    def perform(c: sa.Connection, kind: str, staff: str, ticket: Ticket, other: str, exact: bool) -> Ticket | None:
        epoch = ticket.epoch if exact else None
        boss = staff in ("boss", "chief")
        match kind:
            case "claim":
                return claims.claim(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "release":
                return claims.release(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "transfer":
                return claims.transfer(c, ticket.id, staff=staff, to_staff=other, epoch=epoch, now=NOON)
            case "desk":
                return claims.transfer(c, ticket.id, staff=staff, to_desk="amman", epoch=epoch, now=NOON)
            case "take_back" if boss:
                return claims.take_back(c, ticket.id, by=staff, epoch=epoch, now=NOON)
            case "invite" if other != staff:
                return hands.invite(c, ticket.id, staff=staff, colleague=other, epoch=epoch, now=NOON)
            case "accept":
                return hands.accept(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "decline":
                return hands.decline(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "join" | "join_open" if boss:
                return hands.join(c, ticket.id, staff=staff, openly=kind == "join_open", epoch=epoch, now=NOON)
            case "leave":
                return hands.leave(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "take_over" if boss:
                return hands.take_over(c, ticket.id, staff=staff, epoch=epoch, now=NOON)
            case "raise":
                return bands.raise_band(
                    c, ticket.id, staff=staff, supervisor=boss, band="RED", reason="my_judgement", new_id=new_id(), now=NOON
                )
            case "lower":
                return bands.propose_lowering(
                    c, ticket.id, staff=staff, supervisor=boss, band="UNKNOWN", reason="misread", new_id=new_id(), now=NOON
                )
            case "confirm":
                for waits in bands.proposals(c, leases.time_of(c)):
                    return bands.confirm_lowering(c, waits.ticket, staff=staff, change=waits.id, now=NOON)
            case "block":
                return blocks.block(c, ticket.id, staff=staff, reason="prank", now=NOON)
            case "lift" if boss:
                return blocks.lift(c, ticket.id, staff=staff, now=NOON)
            case "lapse":
                moved = claims.lapse(c, ticket, at=leases.time_of(c) + 3600, now=NOON)
                return moved[1] if moved else None
            case "gone":
                at = leases.time_of(c) + 3600
                for one in presence.lapsed(c, at)[:1]:
                    presence.lapse(c, one, at=at, now=NOON)
            case "close":
                return claims.close(c, ticket.id, staff=staff, outcome="helped", epoch=epoch, now=NOON)
            case "leave_chat":
                for gone in mark_left(c, ticket.person, now=NOON):
                    return gone
            case "withdraw":
                for gone in withdraw(c, ticket.person, now=NOON):
                    return gone
        return None

    def look(c: sa.Connection) -> list[sa.Row[tuple[str, str]]]:
        """In one statement, so that it is one moment: presence without a talk, or of the owner."""
        return list(c.execute(
            sa.select(presence.presence.c.ticket, presence.presence.c.staff)
            .join(tickets, tickets.c.id == presence.presence.c.ticket, isouter=True)
            .where(sa.or_(tickets.c.id.is_(None), tickets.c.state != "claimed", tickets.c.owner == presence.presence.c.staff))
        ).all())

    async def client(number: int) -> None:
        database = two[number % 2]
        known: dict[str, Ticket] = {}
        for _ in range(45):
            person, staff = dice.choice(people), dice.choice(STAFF)
            row = await database.read(
                lambda c, p=person: c.execute(  # type: ignore[misc]
                    sa.select(tickets.c.id, tickets.c.state).where(tickets.c.person == p)
                    .order_by(tickets.c.state.in_(("queued", "claimed")).desc(), tickets.c.id)
                ).all()
            )
            if not row or row[0].state not in ("queued", "claimed"):
                await open_again(person, database)
                continue
            chosen = row[0].id if dice.random() < 0.9 else dice.choice(row).id
            ticket = await database.read(lambda c, i=chosen: find(c, i))  # type: ignore[misc]
            assert ticket is not None
            kind, other = dice.choice(ACTS), dice.choice(STAFF)
            if kind in ("leave_chat", "withdraw", "close") and dice.random() < 0.6:
                continue
            if dice.random() < 0.7:  # mostly who could do it; else whoever
                asked = await database.read(lambda c, t=ticket: presence.invitation_of(c, t.id, leases.time_of(c)))  # type: ignore[misc]
                if kind == "accept" and asked is not None:
                    staff = asked.invited
                elif kind == "accept" and ticket.owner:
                    kind, staff = "invite", ticket.owner
                elif kind in ("join", "join_open", "take_over", "take_back", "lift"):
                    staff = dice.choice(("boss", "chief"))
                elif kind in ("invite", "release", "transfer", "send", "block", "raise", "lower") and ticket.owner:
                    staff = ticket.owner
            if dice.random() < 0.2:  # a page that was not refreshed
                ticket = known.get(ticket.id, ticket)
            if kind == "send":
                # under the epoch this client saw last, however old that is
                seen = known.get(ticket.id, ticket) if dice.random() < 0.5 else ticket

                def send(c: sa.Connection, seen: Ticket = seen, staff: str = staff) -> Ticket:
                    mine = claims.owned(c, seen.id, staff=staff, epoch=seen.epoch)
                    if mine.state != "claimed":
                        raise NoSuchStep(mine.state, "message")
                    return mine

                try:
                    mine = await database.read(send)
                    sends.append((mine.id, mine.epoch, staff))
                    done["send"] = done.get("send", 0) + 1
                except REFUSED:
                    done["send refused"] = done.get("send refused", 0) + 1
                continue
            try:
                after = await database.write(
                    lambda c, k=kind, s=staff, t=ticket, o=other, e=dice.random() < 0.5: perform(c, k, s, t, o, e)  # type: ignore[misc]
                )
            except REFUSED:
                continue
            if after is not None:
                done[kind] = done.get(kind, 0) + 1
                known[after.id] = after
                hands_seen.setdefault((after.id, after.epoch), set()).add((after.state, after.owner))
            assert await database.read(look) == []
            await asyncio.sleep(0)

    for person in people:
        await open_again(person, two[0])
    await asyncio.gather(*(client(n) for n in range(8)))
    assert all(len(seen) == 1 for seen in hands_seen.values()), "one epoch, one owner, one state"
    for ticket_id, epoch, staff in sends:
        assert hands_seen.get((ticket_id, epoch), {("claimed", staff)}) == {("claimed", staff)}
    ends = await two[0].read(lambda c: c.execute(sa.select(tickets.c.state, tickets.c.owner)).all())
    assert all((state == "claimed") == (owner is not None) for state, owner in ends if state in ("queued", "claimed"))
    changed = sum(done.get(kind, 0) for kind in ("accept", "join", "join_open", "take_over"))
    assert done.get("claim", 0) > 5 and done.get("send", 0) > 0 and changed > 3, f"it came to too little: {done}"
    assert await two[0].read(lambda c: trail.verify(c)) is None
