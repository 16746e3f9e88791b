"""What a talk remembers between two messages: codes only, never a word of what was written.

One value of this travels in the Rasa slot ``talk`` (and so inside the sealed state the gateway keeps).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

Answers = dict[str, dict[str, str]]
"""Set name -> item id -> ``yes``, ``no``, ``skip``, ``unsure`` or an option's code."""


@dataclass(slots=True)
class Talk:
    """Codes that steer a talk.

    Attributes:
        stage: ``new``, ``opening``, ``urgent``, ``phone``, ``consent``, ``info`` (information only) or ``open``.
        sets: screening sets in play, in the order they are asked.
        answers: what was answered so far.
        said: disclosure intents heard so far (they choose the sets; only answers score).
        harmed: harm was told, but of which kind the model was not sure enough to say.
        flags: flags heard so far.
        pending: the question that waits for an answer: ``["screen", set, item]`` or ``["choice", id]``.
        told: outcomes and offers already said, so that none is said twice.
        band: the highest band a ticket was asked for in this talk, or empty.
        wish: the person asked for a human.
        declined: a human was offered and declined, or nobody was there yet: only critical items go on.
        minor: the writer is under eighteen.
        place: a place code, or empty.
        variant: wording the person chose (``en``…), or empty for what the dialect suggests.
    """

    stage: str = "new"
    sets: list[str] = field(default_factory=list)
    answers: Answers = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    harmed: bool = False
    flags: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    band: str = ""
    wish: bool = False
    declined: bool = False
    minor: bool = False
    place: str = ""
    variant: str = ""

    @classmethod
    def of(cls, slot: Any) -> Talk:
        """The talk kept in a slot value; a missing or foreign value is a new talk."""
        if not isinstance(slot, dict):
            return cls()
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in slot.items() if name in known})

    def as_slot(self) -> dict[str, Any]:
        """The value to keep: plain JSON, codes only."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def disclosed(self) -> bool:
        """Whether any harm was told in this talk."""
        return bool(self.said) or self.harmed

    def hear(self, intent: str, flags: list[str], sure: bool = True) -> None:
        """Remember a disclosure and its flags (each once); one the model is not sure of as harm of some kind only."""
        if is_disclosure(intent) and not sure:
            self.harmed = True
        elif is_disclosure(intent) and intent not in self.said:
            self.said.append(intent)
        for flag in flags:
            if flag not in self.flags:
                self.flags.append(flag)
        if "minor_speaking" in flags:
            self.minor = True

    def tell(self, code: str) -> bool:
        """Mark ``code`` as said; False when it had been said before."""
        if code in self.told:
            return False
        self.told.append(code)
        return True


def is_disclosure(intent: str) -> bool:
    """Somebody is being harmed (intents.yml, "disclosures")."""
    return intent.startswith("disclose_") or intent == "report_for_other"


ABOUT_OTHERS = frozenset({"disclose_own_violence", "report_for_other"})
"""Who writes is not the one who is harmed: a witness, or somebody who hurts others and says so."""

FIT_OTHERS = frozenset({"N2", "N4", "K1", "K2"})
"""Questions that can be put to them; "is the person you fear with you?" is not one."""


def is_about_others(talk: Talk) -> bool:
    """Whether all harm told in this talk is done to somebody else than the writer."""
    return bool(talk.said) and not talk.harmed and ABOUT_OTHERS.issuperset(talk.said)


VIOLENCE_SETS = frozenset({"now", "lethality", "honour", "child"})
"""screening.md: any violence, honour or child indicator closes joint counselling and mediation."""


def violence_said(talk: Talk) -> bool:
    """Whether routes that bring the other side in are closed (screening.md, "Counselling together")."""
    harmed = any(is_disclosure(intent) and intent != "disclose_own_violence" for intent in talk.said)
    flagged = bool(set(talk.flags) - {"minor_speaking", "pregnancy"})
    answered = any(
        answer == "yes" for name, items in talk.answers.items() if name in VIOLENCE_SETS for answer in items.values()
    )
    return harmed or flagged or answered or talk.harmed or "disclose_own_violence" in talk.said
