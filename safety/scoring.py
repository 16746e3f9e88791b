"""What answers add up to: the band, and why. The only place where anything scores (screening.md).

Only answers, danger found at the gate, and an under-18's disclosure score. What was said earlier chooses the
questions (``screening.py``) and is confirmed by one. No result of this is ever shown to the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safety.instruments import LEVELS, Answered, Band, Instruments, QuestionSet, atoms, holds

Answers = Mapping[str, Mapping[str, str]]
"""Set -> item -> ``yes``, ``no``, ``skip``, ``unsure`` or an option's value. Plain JSON, so that it travels."""

Facts = Mapping[str, Any]
"""What scores beside answers, plain JSON: ``minor`` (the writer is under 18), ``disclosed`` (harm was told),
``danger`` (``""``, ``"maybe"`` or ``"now"``: the gate's finding). A missing fact is not so."""

CHILDREN = "children"
"""The queue of under-18s (safety.md, "Minors")."""

ANSWERED_AT_LEAST = 3
"""screening.md: fewer than three answered is UNKNOWN."""

_WORRY = {"no": 1, "unsure": 2, "skip": 3, "yes": 4}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answers so far amount to.

    Attributes:
        band: one of the five, highest first RED, HIGH, ELEVATED, UNKNOWN, NONE_DISCLOSED.
        reasons: codes for the card: items that counted, in the order of the questions (``S1_not_denied`` for one
            that was skipped where that counts), then ``minor`` and ``danger``.
        answered: indicators answered with yes or no; facts, skip and unsure do not count.
        minor: the writer is under eighteen.
        lane: ``children`` for an under-18, else empty.
        joint_routes_closed: counselling together with the other side must not be offered any more.
    """

    band: Band
    reasons: tuple[str, ...]
    answered: int
    minor: bool
    lane: str
    joint_routes_closed: bool

    @property
    def level(self) -> int:
        """0 to 3; UNKNOWN and NONE_DISCLOSED are the same level."""
        return LEVELS[self.band]


def evaluate(instruments: Instruments, answers: Answers, facts: Facts | None = None) -> Outcome:
    """Score everything answered so far. Called after every answer; the order of answers makes no difference.

    Every set of the release is scored, whichever asked: a question two sets share counts in both. An answer to a
    question this release does not have is passed over (a talk may outlive a release).
    """
    facts = facts or {}
    given = merge(instruments, answers)
    level, reasons, answered, closed = 0, [], 0, False
    for question_set in instruments.sets.values():
        yes, asked = masks(question_set, given)
        level = max(level, question_set.level(yes, asked))
        reasons += [code for code in _counted(question_set, yes, asked) if code not in reasons]
        closed = closed or (question_set.closes_joint_routes and bool(yes))
    harm = bool(facts.get("disclosed"))
    for item in instruments.items.values():
        if item.kind == "indicator" and given.get(item.id) in ("yes", "no"):
            answered += 1
            harm = harm or given[item.id] == "yes"
    minor = bool(facts.get("minor")) or _says_minor(instruments, given)
    if minor and harm:  # screening.md: any under-18 disclosing harm is at least HIGH
        level = max(level, LEVELS["HIGH"])
        reasons.append("minor")
    if facts.get("danger") == "now":  # safety.md: danger by rule or by model above the higher threshold
        level = LEVELS["RED"]
        reasons.append("danger")
    return Outcome(_band(level, answered), tuple(reasons), answered, minor, CHILDREN if minor else "", closed)


def merge(instruments: Instruments, answers: Answers) -> dict[str, str]:
    """Item -> answer over all sets; should two sets hold one item, the more worrying answer counts."""
    given: dict[str, str] = {}
    for items in answers.values():
        for identity, value in items.items():
            item = instruments.items.get(identity)
            if item is None:
                continue
            known = {"skip", "unsure", *(o.value for o in item.options)} if item.options else _WORRY.keys()
            if value in known and _WORRY.get(value, 5) >= _WORRY.get(given.get(identity, ""), 0):
                given[identity] = value
    return given


def masks(question_set: QuestionSet, given: Mapping[str, str]) -> tuple[int, int]:
    """Bit masks of one set: items answered with yes; items asked and not denied (yes, skip or unsure)."""
    yes = asked = 0
    for item in question_set.items:
        if item.kind == "indicator":
            value = given.get(item.id)
            if value == "yes":
                yes |= item.bit
            if value in ("yes", "skip", "unsure"):
                asked |= item.bit
    return yes, asked


def _counted(question_set: QuestionSet, yes: int, asked: int) -> list[str]:
    """Codes of the items that made a rule hold, in the order of the set."""
    made: set[Answered] = set()
    for rule in question_set.rules:
        if holds(rule.when, yes, asked):
            made |= {atom for atom in atoms(rule.when) if holds(atom, yes, asked)}
    codes = []
    for item in question_set.items:
        if item.bit & yes and any(atom.item == item.id for atom in made):
            codes.append(item.id)
        elif any(atom.item == item.id and atom.not_denied for atom in made):
            codes.append(f"{item.id}_not_denied")
    return codes


def _says_minor(instruments: Instruments, given: Mapping[str, str]) -> bool:
    items = instruments.items.values()
    return any(option.minor and given.get(item.id) == option.value for item in items for option in item.options)


def _band(level: int, answered: int) -> Band:
    if level == 0:
        return "NONE_DISCLOSED" if answered >= ANSWERED_AT_LEAST else "UNKNOWN"
    bands: tuple[Band, ...] = ("ELEVATED", "HIGH", "RED")
    return bands[level - 1]
