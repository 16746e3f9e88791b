"""The queue as it is drawn, read and drawn once however many consoles ask at the same instant.

A change rings at every console, and each asks for the queue: fifty readings and ten thousand cards, if each were served
alone. Nobody is shown anything older than their own request: a reading that had begun before it is not given to them.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from markupsafe import Markup

from api.database import Database
from api.handoffs import queue
from api.staff.accounts import Staff
from api.web.words import Words

_MOST_DRAWN = 4_000
"""Cards kept as drawn: two hundred, in two languages, for those they concern and for the others. They hold codes, no words."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the queue.

    Attributes:
        row: as read.
        card: the card of contract.md.
        stands: the card as a string, to tell whether it has been drawn. Not the row: that holds the sealed address.
    """

    row: queue.QueueRow
    card: Mapping[str, Any]
    stands: str


@dataclass(frozen=True, slots=True)
class Board:
    """Who is shown, the most urgent first, and by priority how many wait beyond them."""

    people: Sequence[Person] = ()
    more: Mapping[str, int] = field(default_factory=dict)


class Reading:
    """The queue of some desks, read once for everybody who asks while the reading before it is under way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_at_a_time = asyncio.Lock()
        self._next: dict[frozenset[str], asyncio.Task[Board]] = {}

    async def board(self, desks: frozenset[str]) -> Board:
        """Everybody these desks see, as they stand after the call.

        Raises:
            DatabaseUnavailable: they could not be read.
        """
        begins = self._next.get(desks)
        if begins is None:
            begins = self._next[desks] = asyncio.create_task(self._read(desks))
        return await asyncio.shield(begins)  # one who goes away does not take it from the others

    async def _read(self, desks: frozenset[str]) -> Board:
        async with self._one_at_a_time:
            del self._next[desks]  # who comes from here on might miss what was committed in between
            rows, more = await self._database.read(lambda connection: queue.board(connection, desks))
        cards = [queue.card(row) for row in rows]
        return Board([Person(row, card, json.dumps(card)) for row, card in zip(rows, cards, strict=True)], more)


class Drawing:
    """Cards as HTML; one that stands as it stood is not drawn again."""

    def __init__(self, templates: jinja2.Environment) -> None:
        self._template = templates.get_template("console_card.html")
        self._drawn: OrderedDict[Hashable, Markup] = OrderedDict()

    def card(self, person: Person, words: Words, concerns: Mapping[str, Any], desk: str) -> Markup:
        """One card.

        Args:
            concerns: what of it depends on who looks (:func:`concern`).
            desk: the names of its desks, as shown.
        """
        key = (person.stands, words.language, tuple(concerns.values()), desk)
        held = self._drawn.get(key)
        if held is None:
            held = Markup(self._template.render(words=words, card={**person.card, **concerns}, desk=desk))  # noqa: S704 - escaped by the template
            self._drawn[key] = held
            while len(self._drawn) > _MOST_DRAWN:
                self._drawn.popitem(last=False)
        else:
            self._drawn.move_to_end(key)
        return held


def concern(row: queue.QueueRow, member: Staff) -> dict[str, Any]:
    """What one member of staff has to do with a person: owns them, reads along, is asked to take them on, proposed a band."""
    return {
        "mine": row.ticket.owner == member.id,
        "reads": next((kind for staff, _, kind in row.present if staff == member.id), ""),
        "asked": row.invited is not None and row.invited[0] == member.id,
        "proposed": row.lowering is not None and row.lowering[0].staff == member.id,
        "supervises": member.role == "supervisor",
    }


def grouped(people: Sequence[Person], member: Staff) -> list[tuple[str, list[tuple[Person, dict[str, Any]]]]]:
    """People under their headings, each group in the queue's order; an empty group is not shown, but who waits is."""
    groups: dict[str, list[tuple[Person, dict[str, Any]]]] = {
        "asked": [], "mine": [], "beside": [], "waiting": [], "left_group": [], "with_colleagues": [],
    }
    for person in people:
        concerns, ticket = concern(person.row, member), person.row.ticket
        if concerns["mine"]:
            name = "mine"
        elif concerns["asked"]:
            name = "asked"
        elif concerns["reads"]:
            name = "beside"
        elif ticket.owner is not None:
            name = "with_colleagues"
        else:
            name = "left_group" if ticket.state == "left" else "waiting"
        groups[name].append((person, concerns))
    return [(name, cards) for name, cards in groups.items() if cards or name == "waiting"]
