"""A tracker that lives for one turn, made from a state that holds no text.

Rules and loops need little of the past: the slots, the active loop and the question it asked. So the state is
those three, and turn 200 costs what turn 2 costs. Nothing is stored: the gateway keeps the state, sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

VERSION = 1
KEPT_SLOTS = ("talk",)
"""Slots that outlive a turn; everything else is made anew from the message."""

State = dict[str, Any]


class ForeignState(ValueError):
    """The state was written by another version and cannot be read."""


def events_of(state: State) -> list[Event]:
    """The events that bring a fresh tracker to this state.

    Raises:
        ForeignState: the state is not of this version.
    """
    if state.get("version") != VERSION:
        raise ForeignState(str(state.get("version")))
    events: list[Event] = [ActionExecuted(ACTION_LISTEN_NAME)]
    if state.get("loop"):
        events.append(ActiveLoop(state["loop"]))
    events += [SlotSet(name, value) for name, value in state["slots"].items()]
    if state.get("requested"):
        events.append(SlotSet(REQUESTED_SLOT, state["requested"]))
    return events


def state_of(tracker: DialogueStateTracker) -> State:
    """What must be known at the next message: codes only."""
    return {
        "version": VERSION,
        "loop": tracker.active_loop_name,
        "requested": tracker.get_slot(REQUESTED_SLOT),
        "slots": {name: tracker.get_slot(name) for name in KEPT_SLOTS},
    }


class OneTurnStore(TrackerStore):
    """Holds a tracker from the call's state to the call's end, then forgets it."""

    def __init__(self) -> None:
        super().__init__(None)
        self._brought: dict[str, State | None] = {}
        self._left: dict[str, DialogueStateTracker] = {}

    def bring(self, turn: str, state: State | None) -> None:
        """Lay out the state of a turn before Rasa asks for it."""
        self._brought[turn] = state

    def take(self, turn: str) -> DialogueStateTracker | None:
        """What Rasa saved; nothing of the turn stays here."""
        self._brought.pop(turn, None)
        return self._left.pop(turn, None)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker of this turn; None begins a new talk."""
        state = self._brought.get(sender_id)
        if state is None:
            return None
        return DialogueStateTracker.from_events(sender_id, events_of(state), slots=self.domain.slots, domain=self.domain)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Hand the tracker over to :meth:`take`."""
        self._left[tracker.sender_id] = tracker

    async def keys(self) -> Iterable[str]:
        """Turns under way."""
        return list(self._brought)

    async def delete(self, sender_id: str) -> None:
        """Forget a turn."""
        self.take(sender_id)
