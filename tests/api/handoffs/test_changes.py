"""A console is told what it does not know of the queue, and nothing twice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.handoffs.changes import Snapshot

QUEUES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)).map(
    lambda found: [{"id": ticket, "epoch": epoch, "place": "إربد"} for ticket, epoch in found.items()]
)


def told(frame: str, known: dict[str, Any]) -> dict[str, Any]:
    """What a console knows after a frame."""
    said = json.loads(frame)
    assert said["type"] == "queue"
    after = {ticket: card for ticket, card in known.items() if ticket not in said["gone"]}
    return {**after, **{card["id"]: card for card in said["handoffs"]}}


@given(st.lists(QUEUES, min_size=1, max_size=5))
def test_whoever_listens_from_any_moment_on_knows_the_queue_as_it_is(queues: list[list[dict[str, Any]]]) -> None:
    snapshots = [Snapshot(number, queue) for number, queue in enumerate(queues)]
    for start in range(len(snapshots)):
        before, known = None, {}
        for snapshot in snapshots[start:]:
            known, before = told(snapshot.since(before), known), snapshot
        assert known == {card["id"]: card for card in queues[-1]}


def test_what_a_console_knows_is_not_told_again() -> None:
    before = Snapshot(1, [{"id": "a", "epoch": 1}, {"id": "b", "epoch": 1}])
    after = Snapshot(2, [{"id": "c", "epoch": 1}, {"id": "a", "epoch": 1}])
    assert json.loads(after.since(before)) == {"type": "queue", "handoffs": [{"id": "c", "epoch": 1}], "gone": ["b"]}


def test_the_order_alone_is_a_change_and_the_same_reading_is_none() -> None:
    one, other = Snapshot(1, [{"id": "a"}, {"id": "b"}]), Snapshot(2, [{"id": "b"}, {"id": "a"}])
    assert not one.stands_as(other) and one.stands_as(Snapshot(3, [{"id": "a"}, {"id": "b"}]))
    assert json.loads(other.since(one)) == {"type": "queue", "handoffs": [], "gone": []}
