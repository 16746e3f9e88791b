"""The engine as a function: a turn goes in, a turn's outcome comes out, nothing stays.

Modelled on goflow: the engine is a library without I/O; the host (the gateway) keeps the state and carries out the
commands. Every turn goes through Rasa's ``Agent.handle_message``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import InMemoryLockStore
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from actions.directory import RELEASES, LacksRelease
from bot import economies
from bot.in_process import InProcessActions, NamesOnly
from bot.state import OneTurnStore, State, state_of
from bot.straight import StraightRunner


class TurnFailed(Exception):
    """Rasa gave no outcome for this turn. Carries a code, never a word."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn leaves.

    Attributes:
        state: to be sealed and brought back with the next message.
        replies: ``{"name": …, "values": {…}}`` in order; the words are the gateway's.
        commands: effects to commit before any reply is sent, each with its own id.
        understood: intent, confidence, flags, dialect, script, language, p_danger, alarm.
        policy: which policy decided the first action of the turn.
    """

    state: State
    replies: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)
    policy: str = ""


class Engine:
    """A loaded model and the one-turn store around it."""

    def __init__(self, model: Path) -> None:
        economies.apply()
        self._store = OneTurnStore()
        self._agent = Agent.load(
            str(model), generator=NamesOnly(), tracker_store=self._store, lock_store=InMemoryLockStore(),
            action_endpoint=InProcessActions(),
        )
        if not self._agent.is_ready():
            raise TurnFailed("model_not_ready")
        self._agent.processor.graph_runner = StraightRunner(self._agent.processor.graph_runner)
        self.decided: Counter[str] = Counter()

    async def turn(self, state: State | None, text: str, facts: dict[str, Any]) -> Outcome:
        """Run one turn.

        Args:
            state: what the last turn left, or None for a new talk.
            text: the person's words; they live for this call.
            facts: ``turn`` (unique id), ``country``, ``channel``, ``danger``, ``ticket``, ``release``, ``safe_word``.

        Raises:
            LacksRelease: the release named in the facts was not put here.
            TurnFailed: an action or a policy failed; the gateway answers with a static text.
            bot.state.ForeignState: the state is another version's.
        """
        release = str(facts.get("release") or "")
        if release and release not in RELEASES:
            raise LacksRelease(release)
        turn = str(facts["turn"])
        self._store.bring(turn, state)
        channel = CollectingOutputChannel()
        try:
            await self._agent.handle_message(
                UserMessage(plain_words(text), channel, turn, input_channel="gateway", metadata=facts)
            )
        except Exception as error:
            raise TurnFailed(type(error).__name__) from None
        finally:
            tracker = self._store.take(turn)
        if tracker is None:
            raise TurnFailed("no_tracker")
        policy = _decided_by(tracker)
        self.decided[policy] += 1
        return Outcome(
            state=state_of(tracker),
            replies=[message["custom"] for message in channel.messages if "custom" in message],
            commands=list(tracker.get_slot("commands") or []),
            understood=_understood(tracker.latest_message.parse_data if tracker.latest_message else {}),
            policy=policy,
        )

    async def warm(self) -> None:
        """Run a throw-away turn: the first one builds caches that nobody should wait for."""
        await self.turn(None, "hello", {"turn": "warm-up", "channel": "whatsapp"})
        self.decided.clear()

    async def understand(self, text: str) -> dict[str, Any]:
        """Parse only: what a message means, with no talk around it."""
        return _understood(await self._agent.processor.parse_message(UserMessage(plain_words(text))))


def plain_words(text: str) -> str:
    """The words without leading slashes: Rasa takes "/restart" and "/any_intent{…}" as orders, whoever writes them."""
    return text.lstrip("/ \t\n") if text.lstrip().startswith("/") else text


def as_map(outcome: Outcome) -> dict[str, Any]:
    """The outcome as the gateway receives it. Not ``asdict``: it copies, piece by piece, what is packed right after."""
    return {
        "state": outcome.state, "replies": outcome.replies, "commands": outcome.commands,
        "understood": outcome.understood, "policy": outcome.policy,
    }


def _understood(parsed: dict[str, Any]) -> dict[str, Any]:
    best = (parsed.get("intent_ranking") or [parsed.get("intent") or {}])[0]
    return {
        "intent": best.get("name") or "out_of_scope",  # nothing in it to understand: an emoji, no letter at all
        "confidence": best.get("confidence") or 0.0,
        **{name: parsed.get(name) for name in ("flags", "dialect", "script", "language", "p_danger", "alarm")},
    }


def _decided_by(tracker: DialogueStateTracker) -> str:
    """The policy behind the first action after the person's message."""
    first = ""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted) and event.policy:
            first = str(event.policy)
    return first or "none"
