"""What changed in the queue between two readings, so that a change costs what changed and not the whole queue.

Fifty consoles that are each told of two hundred people at every change would keep a gateway busy with nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any


class Snapshot:
    """The queue of some desks as it was read once: who is in it and how each card stands.

    Args:
        number: counts up; two readings with one number are the same reading.
        cards: as JSON (``queue.card``), in the queue's order.
        more: by priority, how many wait beyond them.
    """

    __slots__ = ("_told", "cards", "more", "number")

    def __init__(self, number: int, cards: Iterable[Mapping[str, Any]], more: Mapping[str, int] = MappingProxyType({})) -> None:
        self.number, self.more = number, dict(more)
        self.cards = {card["id"]: json.dumps(card, ensure_ascii=False) for card in cards}
        self._told: dict[int, str] = {}

    def stands_as(self, other: Snapshot) -> bool:
        """Whether the same people stand in the same order with the same cards, and as many wait beyond them."""
        return self.more == other.more and list(self.cards.items()) == list(other.cards.items())

    def since(self, before: Snapshot | None) -> str:
        """The frame for a console that was last told of ``before`` (``None``: of nothing).

        ``handoffs`` holds whom it does not know and whose card reads differently now, ``gone`` who is no longer there. A
        frame that carries neither says that only the order changed. ``more`` is there where not everybody is shown.
        """
        key = -1 if before is None else before.number
        told = self._told.get(key)
        if told is None:
            known = {} if before is None else before.cards
            changed = ",".join(card for ticket, card in self.cards.items() if known.get(ticket) != card)
            gone = json.dumps([ticket for ticket in known if ticket not in self.cards])
            more = f', "more": {json.dumps(self.more)}' if self.more else ""
            told = self._told[key] = f'{{"type": "queue", "handoffs": [{changed}], "gone": {gone}{more}}}'
        return told
