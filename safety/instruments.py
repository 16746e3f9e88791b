"""Screening instruments: what a set of questions is, and the small monotone grammar its rules are written in.

Everything here is data of the release (``scripts/screening/*.yml``), read from already parsed mappings: a new
question or a whole licensed instrument needs no code and no training (screening.md). ``instrument_files.py`` reads
them and refuses what is wrong; what has to be proved about a good one stands in ``proofs.py``.

The grammar has four words, and none of them can see a *no*::

    {item: P1}                                  this was answered with yes
    {item: S1, not_denied: true}                ... or was asked and not denied (skip, "I don't know")
    {at_least: 2, of: [P1, P2, P3]}             so many of these
    {all: [H1, H3]}                             every one of these
    {sum: {P1: 2, P5: 1}, at_least: 3}          weights of the yes answers over a threshold

A bare ``P1`` is short for ``{item: P1}``; conditions nest. Since no condition can turn false when an answer goes
from no to skip or from skip to yes, no list of rules can, however long (negative weights excepted: only an
instrument that declares ``licensed: true`` may have them, as some published ones do).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from safety.answers import AnswerWords, Option

Band = Literal["RED", "HIGH", "ELEVATED", "UNKNOWN", "NONE_DISCLOSED"]
Variant = Literal["lev", "gulf", "msa", "en"]

VARIANTS: tuple[Variant, ...] = ("lev", "gulf", "msa", "en")
RULE_BANDS: tuple[Band, ...] = ("ELEVATED", "HIGH", "RED")
"""Bands a rule may give, lowest first. UNKNOWN and NONE_DISCLOSED are the one lowest level, given by no rule."""

LEVELS: dict[Band, int] = {"NONE_DISCLOSED": 0, "UNKNOWN": 0, "ELEVATED": 1, "HIGH": 2, "RED": 3}
"""screening.md: UNKNOWN and NONE_DISCLOSED are the same level, told apart only by how much was answered."""


class InstrumentError(ValueError):
    """A screening file cannot be used. Never carries a person's words: only the file's own content is named.

    Attributes:
        path: the faulty field, as ``lethality.rules[1].when.of[3]``.
        problem: what is wrong with it and what would be right.
        others: further faults of the same folder, so that whoever mends one sees all.
        lacks: it names a question or a set that is not there; in a file that could be read only in part, it may be.
    """

    def __init__(self, path: str, problem: str, others: Sequence[InstrumentError] = (), *, lacks: bool = False) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.others = tuple(others)
        self.lacks = lacks


class Faults:
    """Goes on after a fault: each ``with faults.noted():`` part that is refused is kept, and raised at the end."""

    def __init__(self) -> None:
        self._found: list[InstrumentError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except InstrumentError as fault:
            self._found.append(fault)

    def among(self, name: str) -> bool:
        """Whether a file of this name has a fault."""
        return any(fault.path == name or fault.path.startswith((f"{name}.", f"{name}[")) for fault in self._found)

    def raise_if_any(self) -> None:
        """
        Raises:
            InstrumentError: the first fault, with all ``others``.
        """
        if self._found:
            first, *others = self._found
            raise InstrumentError(first.path, first.problem, others, lacks=first.lacks)


# -- conditions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """This item was answered with yes, or (``not_denied``) asked and not denied."""

    item: str
    bit: int
    not_denied: bool = False


@dataclass(frozen=True, slots=True)
class AtLeast:
    """So many of these hold. ``all`` is the same with the full count."""

    count: int
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """The weights of the items answered with yes reach the threshold."""

    weights: tuple[tuple[str, int, float], ...]
    threshold: float


Condition = Answered | AtLeast | WeightedSum


def holds(condition: Condition, yes: int, asked: int) -> bool:
    """Whether a condition holds.

    Args:
        condition: one condition of one set.
        yes: bit mask of the set's items answered with yes.
        asked: bit mask of those answered with yes, skip or unsure: asked and not denied.
    """
    if isinstance(condition, Answered):
        return bool((asked if condition.not_denied else yes) & condition.bit)
    if isinstance(condition, AtLeast):
        missing = condition.count
        for part in condition.of:
            if holds(part, yes, asked):
                missing -= 1
                if not missing:
                    return True
        return False
    return sum(weight for _, bit, weight in condition.weights if yes & bit) >= condition.threshold


def atoms(condition: Condition) -> Iterator[Answered]:
    """The single items a condition looks at (a weighted item as one that must be answered with yes)."""
    if isinstance(condition, Answered):
        yield condition
    elif isinstance(condition, AtLeast):
        for part in condition.of:
            yield from atoms(part)
    else:
        for item, bit, _ in condition.weights:
            yield Answered(item, bit)


# -- sets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    Attributes:
        id: stable code, the same question wherever it stands; ids are unique over all sets.
        kind: an ``indicator`` can set a band; a ``fact`` sets none and does not count as answered.
        critical: occurs in a RED rule, so it is asked first (screening.md). Derived from the rules.
        ask: the question alone, by variant.
        sms: a shorter wording by variant, where one was needed.
        hint: key of the answer hint in ``answers.yml``.
        options: the answers of a question that is not yes or no.
        card: what staff read on the card, ``ar`` and ``en``; never shown to the person.
        home: the set that words the question, when this set only shares it (``from:``); else this set.
    """

    id: str
    kind: Literal["indicator", "fact"]
    critical: bool
    ask: Mapping[str, str]
    sms: Mapping[str, str]
    hint: str
    options: tuple[Option, ...]
    card: Mapping[str, str]
    home: str
    bit: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A band and the condition that gives it."""

    band: Band
    when: Condition


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A set of questions and the rules that score it.

    Attributes:
        care: codes staff and later steps must obey, as ``never_contact_family``.
        closes_joint_routes: any yes here closes counselling together with the other side (screening.md).
    """

    name: str
    version: int
    about: str
    licensed: bool
    care: tuple[str, ...]
    closes_joint_routes: bool
    items: tuple[Item, ...]
    rules: tuple[Rule, ...]

    def level(self, yes: int, asked: int) -> int:
        """The level of one combination of answers; total, so every combination has exactly one."""
        for rule in self.rules:  # highest band first
            if holds(rule.when, yes, asked):
                return LEVELS[rule.band]
        return 0


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said (any of it), and the sets that are asked then."""

    intents: frozenset[str]
    flags: frozenset[str]
    facts: frozenset[str]
    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """How a question may be answered, said below it."""

    say: Mapping[str, str]
    sms: Mapping[str, str]


@dataclass(frozen=True)
class Instruments:
    """Everything screening knows, of one release."""

    sets: Mapping[str, QuestionSet]
    choices: tuple[Choice, ...]
    harm_intents: frozenset[str]
    harm_flags: frozenset[str]
    words: AnswerWords
    hints: Mapping[str, Hint]
    items: Mapping[str, Item] = field(default_factory=dict)
    """Every item by its id, from the set that words it."""

    def options(self, name: str, item: str) -> dict[str, str]:
        """Digit -> code of a question with options of its own; empty for a yes-or-no question or an unknown one."""
        found = self.items.get(item)
        return {str(option.digit): option.value for option in found.options} if found else {}

    def question(self, item: str, variant: str, *, sms: bool = False) -> str:
        """A question with its hint below it, for the placeholder ``{question}``.

        The channel's text around it supplies the neutral first line (safety.md): this names the subject.

        Raises:
            KeyError: no such item or variant in this release.
        """
        found = self.items[item]
        hint = self.hints[found.hint]
        ask = found.sms.get(variant, found.ask[variant]) if sms else found.ask[variant]
        return f"{ask}\n{hint.sms[variant] if sms else hint.say[variant]}"
