"""What the gateway keeps of a talk between two messages, beside the engine's state: codes, sealed by the store."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

IDLE_CLOSES_S = 6 * 60.0
"""safety.md: six minutes of silence close a talk with the bot that has no open ticket, without a word."""

LONG_ENOUGH = 4
"""Words from which a message tells a dialect well enough to settle on it."""


@dataclass(slots=True)
class Record:
    """One talk on one channel.

    Attributes:
        engine: the engine's state; None begins anew.
        at: when the person last wrote, seconds.
        variant: the wording chosen by the person, or empty.
        dialect: the dialect heard; steady within a talk once ``settled``.
        language: ``ar`` or ``en``, as last heard.
        place: a place code, or empty.
        release: digest of the script release the talk began with.
        good_time: the person has said that it is a good time to write.
        ticket: a ticket was open after the last turn; only a guess, the durable store knows.
        live: a counsellor was talking at the last message.
        undone: commands the database could not take yet; tried again with the next message.
    """

    engine: dict[str, Any] | None = None
    at: float = 0.0
    variant: str = ""
    dialect: str = ""
    settled: bool = False
    language: str = ""
    place: str = ""
    release: str = ""
    good_time: bool = False
    ticket: bool = False
    live: bool = False
    undone: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Record:
        """The record as kept, or a new one."""
        return cls(**{name: value for name, value in (kept or {}).items() if name in _FIELDS})

    def as_kept(self) -> dict[str, Any]:
        """What is sealed."""
        return {name: getattr(self, name) for name in _FIELDS}

    def hear(self, dialect: str | None, language: str, words: int, *, greeting: bool = False) -> None:
        """Settle on a wording, so that replies do not flip from one message to the next.

        A short message says little about a dialect: what it suggests holds until the first longer one, which decides
        for the rest of the talk. So does a greeting, however long: «السلام عليكم ورحمة الله وبركاته» is written by
        people of every dialect, and by many who go on in English.
        """
        long = words >= LONG_ENOUGH and not greeting
        if dialect and not self.settled and (long or (words >= 2 and not self.dialect)):
            self.dialect, self.settled = dialect, long
        if language == "en" and long and not self.settled:
            self.dialect = ""  # what a short message seemed to be
        if language in ("ar", "en") and (words >= 2 or not self.language):
            self.language = language


_FIELDS = frozenset(one.name for one in fields(Record))
