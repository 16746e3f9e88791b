"""The queue as it is drawn, read and drawn once however many consoles ask at the same instant.

A change rings at every console, and each asks for the queue: fifty readings and ten thousand cards, if each were served
alone. Nobody is shown anything older than their own request: a reading that had begun before it is not given to them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
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

_MOST_PAGES = 300
"""Different pages remembered: consoles that look at one desk in one language mostly share theirs."""

_KEPT = Markup('<li class="card" id="card-{}" data-kept></li>\n')


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


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card as HTML.

    Attributes:
        stamp: two cards with one stamp look alike.
        kept: stands in its place in a page that has it.
    """

    id: str
    html: Markup
    stamp: str
    kept: Markup


def drawn(ticket_id: str, html: Markup) -> Drawn:
    """A card as it looks."""
    return Drawn(ticket_id, html, _stamp(html), _KEPT.format(ticket_id))


class Drawing:
    """Cards as HTML; one that stands as it stood is not drawn again."""

    def __init__(self, templates: jinja2.Environment) -> None:
        self._template = templates.get_template("console_card.html")
        self._drawn: OrderedDict[Hashable, Drawn] = OrderedDict()

    def card(self, person: Person, words: Words, concerns: Mapping[str, Any], desk: str) -> Drawn:
        """One card.

        Args:
            concerns: what of it depends on who looks (:func:`concern`).
            desk: the names of its desks, as shown.
        """
        key = (person.stands, words.language, tuple(concerns.values()), desk)
        held = self._drawn.get(key)
        if held is None:
            html = Markup(self._template.render(words=words, card={**person.card, **concerns}, desk=desk))  # noqa: S704 - escaped by the template
            held = self._drawn[key] = drawn(person.card["id"], html)
            while len(self._drawn) > _MOST_DRAWN:
                self._drawn.popitem(last=False)
        else:
            self._drawn.move_to_end(key)
        return held


class Pages:
    """Which cards stand in the pages that are open, so that a page is sent only those that it does not have.

    A page names what it was last sent; a name that nobody knows any more (another gateway sent it, or it is long ago) is a
    page without a card. Names and stamps are hashes of what the page already shows.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def sent(self, cards: Iterable[Drawn]) -> str:
        """Remember what a page is being sent; its name."""
        stamps = {card.id: card.stamp for card in cards}
        name = _stamp(json.dumps(list(stamps.items())))
        self._sent[name] = stamps
        self._sent.move_to_end(name)
        while len(self._sent) > _MOST_PAGES:
            self._sent.popitem(last=False)
        return name

    def without_those_of(self, page: str, cards: Iterable[Drawn]) -> dict[str, Markup]:
        """The cards by id; in place of one that the page has, a mark to keep it."""
        there = self._sent.get(page, {})
        return {
            card.id: card.kept if there.get(card.id) == card.stamp else card.html for card in cards
        }


def _stamp(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()


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
