"""The ticket: how a person gets to a counsellor and what becomes of it. Who owns one is in ``claims.py``.

architecture.md, decision 3: the row is committed before anybody is told "a person is coming". All functions take
the connection of a running transaction, so the caller decides what is committed together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.audit import trail
from api.handoffs import plan, presence, safe_contacts
from api.handoffs.tables import (
    BANDS,
    KNOWN_REASONS,
    OPEN_STATES,
    SETS,
    commands,
    known_reasons,
    place_code,
    tickets,
)

State = Literal["queued", "claimed", "left", "closed", "withdrawn"]
Event = Literal[
    "reopen", "claim", "release", "transfer", "send_to_desk", "take_back", "close", "leave", "leave_flagged", "withdraw",
    "join", "take_over",
]

TRANSITIONS: Mapping[tuple[State, Event], State] = {
    ("queued", "reopen"): "queued",
    ("queued", "claim"): "claimed",
    ("queued", "send_to_desk"): "queued",
    ("queued", "leave"): "closed",
    ("queued", "leave_flagged"): "left",
    ("queued", "withdraw"): "withdrawn",
    ("claimed", "reopen"): "claimed",
    ("claimed", "release"): "queued",
    ("claimed", "transfer"): "claimed",
    ("claimed", "send_to_desk"): "queued",
    ("claimed", "take_back"): "queued",
    ("claimed", "join"): "claimed",
    ("claimed", "take_over"): "claimed",
    ("claimed", "close"): "closed",
    ("claimed", "leave"): "closed",
    ("claimed", "leave_flagged"): "left",
    ("claimed", "withdraw"): "withdrawn",
    # safety.md: a content-free ticket of band HIGH or RED stays after an exit; it is looked at, then closed.
    ("left", "claim"): "left",
    ("left", "release"): "left",
    ("left", "take_back"): "left",
    ("left", "take_over"): "left",
    ("left", "close"): "closed",
}
"""Every step a ticket can take; what is not here does not happen. ``docs/`` draws its picture from this table."""

LADDER_SECONDS: Mapping[str, float] = {"P0": 60.0, "P1": 300.0, "P2": 1800.0}
"""How long a ticket may wait before the ladder climbs (screening.md, bands)."""


AT_THE_PHONE_SECONDS = 600.0
"""Who wrote within this time is taken to be there: a text of the program's own then startles nobody."""


class NoSuchStep(Exception):
    """The ticket's state does not allow this; nothing was changed."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"a ticket that is {state} takes no {event}")


class NotATicket(ValueError):
    """The command that asks for a handoff is not made of known codes."""


def step(state: State, event: Event) -> State:
    """The state after ``event``.

    Raises:
        NoSuchStep: the table has no such step.
    """
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise NoSuchStep(state, event)
    return after


@dataclass(frozen=True, slots=True)
class OpenHandoff:
    """The engine's wish, completed by the gateway: this person is to reach a counsellor.

    ``reply_address`` is sealed before it comes here; ``desk`` is "" where no rota says otherwise, and counts for a new
    ticket only: who waits already is never taken from anybody's sight by what they say next.
    """

    command_id: str
    person: str
    channel: str
    generation: int
    country: str
    band: str
    variant: str
    language: str
    sender: str
    repeat_key: str
    reply_address: bytes | None
    place: str = ""
    lane: str = ""
    sets: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    wish: bool = False
    call: bool = False
    desk: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it stands in the database. Holds no word of anybody and no address in the open."""

    id: str
    person: str
    channel: str
    generation: int
    country: str
    place: str
    band: str
    lane: str
    sets: tuple[str, ...]
    reasons: tuple[str, ...]
    wish: bool
    call: bool
    variant: str
    language: str
    state: State
    owner: str | None
    epoch: int
    desk: str
    called_desk: str
    outcome: str | None
    created_at: float
    flagged_at: float
    acknowledged_at: float | None
    updated_at: float
    last_inbound_at: float
    left_at: float | None
    reply_address: bytes | None
    sender: str
    repeat_key: str
    introduced: bool
    answered_at: float | None
    not_now: bool
    lease_until: float | None
    again: bool
    ladder_step: int
    ladder_due: float | None

    @property
    def talking(self) -> bool:
        """Whether a counsellor talks with this person: until their first message the bot goes on (screening.md)."""
        return self.state == "claimed" and self.answered_at is not None

    def there(self, now: float) -> bool:
        """Whether the person is at the phone, as far as one can tell, and may be written to."""
        return not self.not_now and now - self.last_inbound_at <= AT_THE_PHONE_SECONDS

    @property
    def priority(self) -> str:
        """P0 to P3 (screening.md)."""
        return priority(self.band, self.wish or self.call)


def priority(band: str, wish: bool) -> str:
    """What a band means in the queue. A wish for a person is at least P2 (screening.md)."""
    if band == "RED":
        return "P0"
    if band == "HIGH":
        return "P1"
    return "P2" if band == "ELEVATED" or wish else "P3"


def as_ticket(row: sa.Row[Any]) -> Ticket:
    """A row of the table as a :class:`Ticket`."""
    columns = row._mapping  # made anew at every look
    fields = {name: columns[name] for name in Ticket.__slots__}
    fields["sets"], fields["reasons"] = tuple(fields["sets"]), tuple(fields["reasons"])
    return Ticket(**fields)


def find(connection: sa.Connection, ticket_id: str, *, lock: bool = False) -> Ticket | None:
    """The ticket of that id."""
    query = sa.select(tickets).where(tickets.c.id == ticket_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return as_ticket(row) if row else None


_OPEN_OF = sa.select(tickets).where(
    tickets.c.person == sa.bindparam("of_person"), tickets.c.channel == sa.bindparam("of_channel"),
    tickets.c.state.in_([sa.literal(state, literal_execute=True) for state in OPEN_STATES]),
)
_OPEN_OF_LOCKED = _OPEN_OF.with_for_update()


def open_ticket_of(connection: sa.Connection, person: str, channel: str, *, lock: bool = False) -> Ticket | None:
    """The ticket in which this person waits or talks on this channel."""
    query = _OPEN_OF_LOCKED if lock else _OPEN_OF
    row = connection.execute(query, {"of_person": person, "of_channel": channel}).first()
    return as_ticket(row) if row else None


def open_people(connection: sa.Connection, at_most: int = 1_000) -> list[tuple[str, int]]:
    """Whose tickets are open, with the generation of each: the longest untouched first."""
    rows = connection.execute(
        sa.select(tickets.c.person, tickets.c.generation).where(tickets.c.state.in_(OPEN_STATES))
        .order_by(tickets.c.updated_at).limit(at_most)
    )
    return [(row.person, row.generation) for row in rows]


def waiting_by_band(connection: sa.Connection) -> dict[str, int]:
    """How many people wait unclaimed, for every band."""
    rows = connection.execute(
        sa.select(tickets.c.band, sa.func.count().label("n")).where(tickets.c.state == "queued").group_by(tickets.c.band)
    )
    return dict.fromkeys(BANDS, 0) | {row.band: row.n for row in rows}


def note_inbound(connection: sa.Connection, ticket_id: str, now: float) -> None:
    """The person wrote: the channel's reply window starts again."""
    connection.execute(
        tickets.update()
        .where(tickets.c.id == ticket_id, tickets.c.state.in_(OPEN_STATES), tickets.c.last_inbound_at < now)
        .values(last_inbound_at=now)
    )


def take_back_introduced(connection: sa.Connection, ticket: Ticket) -> None:
    """They were not told that a human is there: it comes with the first message. By owner and not by epoch, which a
    supervisor who joins meanwhile raises: nobody would be told at all."""
    connection.execute(
        tickets.update()
        .where(
            tickets.c.id == ticket.id, tickets.c.state == "claimed", tickets.c.owner == ticket.owner,
            tickets.c.answered_at.is_(None),
        )
        .values(introduced=False)
    )


def note_introduced(connection: sa.Connection, ticket: Ticket, *, told: bool = True) -> None:
    """Whether the person is told that a human reads along; nothing, if the ticket changed hands since it was read."""
    connection.execute(
        tickets.update().where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch).values(introduced=told)
    )


def note_answered(connection: sa.Connection, ticket: Ticket, now: float) -> None:
    """The owner writes for the first time: from now on the bot is silent (screening.md)."""
    connection.execute(
        tickets.update()
        .where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.answered_at.is_(None))
        .values(answered_at=now, introduced=True)
    )


def take_back_answered(connection: sa.Connection, ticket: Ticket, noted_at: float) -> None:
    """That first message did not go out: nobody talks with the person yet, and the bot goes on.

    Args:
        ticket: as it was read before :func:`note_answered`.
        noted_at: the time that was given there; another's note since stays.
    """
    connection.execute(
        tickets.update()
        .where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.answered_at == noted_at)
        .values(answered_at=None, introduced=ticket.introduced)
    )


def note_not_now(connection: sa.Connection, person: str, channel: str, *, on: bool) -> None:
    """The person cannot talk now, or can again: whoever owns or claims the ticket is warned before writing."""
    connection.execute(
        tickets.update()
        .where(tickets.c.person == person, tickets.c.channel == channel, tickets.c.state.in_(OPEN_STATES))
        .values(not_now=on)
    )


def open_handoff(
    connection: sa.Connection,
    command: OpenHandoff,
    *,
    new_id: str,
    now: float,
    known: frozenset[str] = KNOWN_REASONS,
) -> Ticket:
    """Commit that this person is to reach a counsellor: a new ticket, or more said about the open one.

    The same command twice is one command. A person has one open ticket a channel. A band is never lowered here.

    Args:
        connection: of the transaction that must be durable before the person is told.
        command: what the engine asked for.
        new_id: the ticket's id if it is a new one.
        now: the time.
        known: the codes of reasons and sets a row may hold; the release in force may add to the default.

    Raises:
        NotATicket: band, channel, lane or set is not a code the product knows.
    """
    _check(command)
    for _ in range(3):
        if not _obey_once(connection, command.command_id, "open_handoff", now):
            obeyed = connection.execute(
                sa.select(tickets).join(commands, commands.c.ticket == tickets.c.id)
                .where(commands.c.id == command.command_id)
            ).first()
            if obeyed is None:
                raise NotATicket("the command's id was used by a command of another kind")
            return as_ticket(obeyed)
        there = open_ticket_of(connection, command.person, command.channel, lock=True)
        ticket = _add(connection, there, command, now, known) if there else _new(
            connection, command, new_id, now, known
        )
        if ticket is not None:
            connection.execute(
                commands.update().where(commands.c.id == command.command_id).values(ticket=ticket.id)
            )
            return ticket
        # Another writer opened this person's ticket between our look and our insert: look again.
        connection.execute(commands.delete().where(commands.c.id == command.command_id))
    raise NotATicket("the person's ticket was opened and closed faster than it could be read")


def mark_left(connection: sa.Connection, person: str, *, now: float, before: int | None = None) -> tuple[Ticket, ...]:
    """The person has exited: nothing can be sent any more, on no channel (safety.md, "The safety exit").

    The reply address is destroyed and the epoch raised, so that whatever is on its way is refused. RED and HIGH
    stay, marked; the others close. Runs twice without harm. Returns the tickets it changed.

    Args:
        before: the generation of the exit, where it is written down late: a ticket opened since is not touched.
    """
    return _end(connection, person, now, flagged_stay=True, before=before)


def withdraw(connection: sa.Connection, person: str, *, now: float, command_id: str | None = None) -> tuple[Ticket, ...]:
    """The person wants no counsellor any more, or their data deleted: every open ticket of theirs ends as withdrawn.

    One that was left behind by an exit stays for a counsellor to look at: who writes now from this number may be the
    one it warns of.
    A ``command_id`` seen before changes nothing: a ticket opened since is not touched by the old wish.
    """
    if command_id is not None and not _obey_once(connection, command_id, "withdraw_handoff", now):
        return ()
    return _end(connection, person, now, flagged_stay=False)


def destroy_address(connection: sa.Connection, ticket_id: str) -> None:
    """Overwrite the sealed reply address, then drop it (threats.md: overwritten at close or exit)."""
    row = connection.execute(sa.select(tickets.c.reply_address).where(tickets.c.id == ticket_id)).first()
    if row is None or row.reply_address is None:
        return
    at = tickets.update().where(tickets.c.id == ticket_id)
    connection.execute(at.values(reply_address=bytes(len(row.reply_address))))
    connection.execute(at.values(reply_address=None))


def move(
    connection: sa.Connection, ticket: Ticket, event: Event, values: Mapping[str, Any], *, now: float
) -> Ticket | None:
    """Take one step of the table if nobody was faster; ``None`` if somebody was.

    The only place a state is written: conditional on the epoch and state that were read, and raising the epoch.

    Raises:
        NoSuchStep: the state does not allow the event.
    """
    after = step(ticket.state, event)
    if event == "send_to_desk":
        values = {"called_desk": "", **values}  # who was called for the old desk does not see what the new one is sent
    done = connection.execute(
        tickets.update()
        .where(tickets.c.id == ticket.id, tickets.c.epoch == ticket.epoch, tickets.c.state == ticket.state)
        .values(state=after, epoch=ticket.epoch + 1, updated_at=now, **values)
    )
    if done.rowcount != 1:
        return None
    if after in ("closed", "left", "withdrawn"):
        destroy_address(connection, ticket.id)
        plan.forget(connection, ticket.id)
    if after in ("closed", "withdrawn"):  # after an exit it is what is left, until a counsellor has looked after it
        safe_contacts.forget(connection, ticket.id)
    owner = values.get("owner", ticket.owner)
    presence.follow(
        connection, ticket.id, talk=after == "claimed", owner=owner, changed_hands=owner != ticket.owner,
    )
    return find(connection, ticket.id)


def ladder_due(priority_code: str, now: float) -> float | None:
    """When the ladder takes its first step for a ticket nobody has acknowledged."""
    wait = LADDER_SECONDS.get(priority_code)
    return None if wait is None else now + wait


def _check(command: OpenHandoff) -> None:
    for value, allowed, what in (
        (command.band, BANDS, "band"),
        (command.channel, ("whatsapp", "sms"), "channel"),
        (command.lane, ("", "children"), "lane"),
        (command.variant, ("lev", "gulf", "msa", "en"), "variant"),
        (command.language, ("ar", "en", "other"), "language"),
        (command.country, ("JO", "QA", "BH", "AE", "XX"), "country"),
    ):
        if value not in allowed:
            raise NotATicket(f"{what} is not a known code")
    if not command.command_id or len(command.command_id) > 64:
        raise NotATicket("a command carries an id of at most 64 characters")


def _obey_once(connection: sa.Connection, command_id: str, kind: str, now: float) -> bool:
    first = connection.execute(
        _insert(connection, commands)
        .values(id=command_id, kind=kind, ticket=None, at=now)
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(commands.c.id)
    ).first()
    return first is not None


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _sets(names: tuple[str, ...], known: frozenset[str]) -> list[str]:
    return sorted({name for name in names if name in SETS or name in known})


def _new(
    connection: sa.Connection, command: OpenHandoff, new_id: str, now: float, known: frozenset[str]
) -> Ticket | None:
    values: dict[str, Any] = {
        "id": new_id, "person": command.person, "channel": command.channel, "generation": command.generation,
        "country": command.country, "place": place_code(command.place), "band": command.band, "lane": command.lane,
        "sets": _sets(command.sets, known), "reasons": list(known_reasons(command.reasons, known)), "wish": command.wish,
        "call": command.call, "variant": command.variant, "language": command.language, "state": "queued",
        "owner": None, "epoch": 1, "desk": command.desk, "called_desk": "", "outcome": None, "created_at": now, "flagged_at": now,
        "acknowledged_at": None, "updated_at": now, "last_inbound_at": now, "left_at": None,
        "reply_address": command.reply_address, "sender": command.sender, "repeat_key": command.repeat_key,
        "introduced": False, "answered_at": None, "not_now": False, "lease_until": None, "again": False,
        "ladder_step": 0, "ladder_due": ladder_due(priority(command.band, command.wish or command.call), now),
    }
    made = connection.execute(
        _insert(connection, tickets).values(**values).on_conflict_do_nothing().returning(tickets.c.id)
    ).first()
    return find(connection, new_id) if made else None


def _add(
    connection: sa.Connection, there: Ticket, command: OpenHandoff, now: float, known: frozenset[str]
) -> Ticket | None:
    step(there.state, "reopen")
    band = min(there.band, command.band, key=BANDS.index)  # BANDS: highest first
    wish, call = there.wish or command.wish, there.call or command.call
    was, becomes = there.priority, priority(band, wish or call)
    values: dict[str, Any] = {
        "band": band, "wish": wish, "call": call, "lane": there.lane or command.lane,
        "sets": _sets((*there.sets, *command.sets), known),
        "reasons": list(known_reasons((*there.reasons, *command.reasons), known)),
        "place": place_code(command.place) or there.place, "variant": command.variant, "language": command.language,
        "generation": max(there.generation, command.generation), "updated_at": now,
        "last_inbound_at": max(there.last_inbound_at, now),
        "sender": command.sender, "repeat_key": command.repeat_key,
    }
    if command.lane and not there.lane and command.desk and there.desk not in ("", command.desk):
        # A child after all: the desk for it sees them too. Never instead: somebody may be about to take them.
        if there.called_desk in ("", command.desk):
            values["called_desk"] = command.desk
        else:
            values |= {"desk": "", "called_desk": ""}
    if command.country != "XX":
        values["country"] = command.country
    if command.reply_address is not None:
        values["reply_address"] = command.reply_address
    if band != there.band:
        values |= {"flagged_at": now, "again": False}  # on top of the old band, not above those who wait in the new one
    if becomes != was and there.state == "queued":
        # More danger: the clock that is due first counts.
        due = [moment for moment in (there.ladder_due, ladder_due(becomes, now)) if moment is not None]
        values["ladder_due"] = min(due) if due else None
    # Conditional like every other write: an exit that committed in between must not get its address back.
    done = connection.execute(
        tickets.update()
        .where(tickets.c.id == there.id, tickets.c.epoch == there.epoch, tickets.c.state == there.state)
        .values(**values)
    )
    return find(connection, there.id) if done.rowcount == 1 else None


def _end(
    connection: sa.Connection, person: str, now: float, *, flagged_stay: bool, before: int | None = None
) -> tuple[Ticket, ...]:
    query = sa.select(tickets).where(tickets.c.person == person, tickets.c.state.in_(OPEN_STATES))
    if before is not None:
        query = query.where(tickets.c.generation < before)
    rows = connection.execute(query.with_for_update()).all()
    changed = []
    for ticket in map(as_ticket, rows):
        event: Event
        values: dict[str, Any] = {"ladder_due": ticket.ladder_due}
        if flagged_stay:
            event = "leave_flagged" if ticket.band in ("RED", "HIGH") else "leave"
            values["left_at"] = now
            if event == "leave":
                values |= {"outcome": "left_chat", "ladder_due": None}
        else:
            event, values["ladder_due"] = "withdraw", None
        # The rows are locked (FOR UPDATE, or SQLite's one writer), so nobody can be faster than an exit.
        after = move(connection, ticket, event, values, now=now)
        if after is not None:
            changed.append(after)
            if event == "withdraw":
                trail.append(connection, at=now, actor=trail.PERSON, act="handoff.withdraw", object_id=ticket.id)
    return tuple(changed)
