"""The screening loop: which sets are asked, which question comes next, when a person is offered.

Generic over the release's data: no set, item or rule is named here. ``instrument_files.py`` reads the data,
``scoring.py`` says what answers amount to, ``proofs.py`` shows on load that nobody can fall through.

    instruments = load_instruments(parsed)                      # once a release
    sets = choose_sets(instruments, intents, flags, facts)      # what was said chooses
    while waiting := next_item(instruments, sets, answers, facts=facts): ...
    outcome = evaluate(instruments, answers, facts)             # after every answer
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from safety.instrument_files import gather_instruments
from safety.instruments import LEVELS, Faults, InstrumentError, Instruments
from safety.proofs import prove
from safety.scoring import Answers, Facts, Outcome, evaluate

__all__ = [
    "Answers",
    "Facts",
    "InstrumentError",
    "Instruments",
    "Outcome",
    "choose_sets",
    "evaluate",
    "gather_facts",
    "load_instruments",
    "next_item",
    "offer_due",
]

OFFER_AFTER = 5
"""screening.md: a human is offered after five questions at the latest."""


def load_instruments(parsed: Mapping[str, Mapping[str, Any]]) -> Instruments:
    """Read the parsed files of ``scripts/screening/`` and prove the properties of screening.md for every set.

    Args:
        parsed: file stem -> content; ``answers`` and ``choose`` beside the sets.

    Raises:
        InstrumentError: with the path to the first faulty field, and all other faults beside it.
    """
    faults = Faults()
    instruments = gather_instruments(parsed, faults)
    for name, question_set in instruments.sets.items():
        if not faults.among(name):
            with faults.noted():
                prove(instruments, question_set, next_item)
    faults.raise_if_any()
    return instruments


def choose_sets(
    instruments: Instruments, intents: Iterable[str], flags: Iterable[str], facts: Facts | None = None
) -> tuple[str, ...]:
    """The sets that what was said calls for, in the order they are asked (``choose.yml``, row by row)."""
    said, flagged = frozenset(intents), frozenset(flags)
    so = frozenset(name for name, value in (facts or {}).items() if value)
    chosen: list[str] = []
    for row in instruments.choices:
        if row.intents & said or row.flags & flagged or row.facts & so:
            chosen += [name for name in row.ask if name not in chosen]
    return tuple(chosen)


def gather_facts(
    instruments: Instruments, facts: Facts, intents: Iterable[str], flags: Iterable[str]
) -> dict[str, Any]:
    """The facts after one more message: an under-18 writes, harm was told. A fact once so stays so."""
    said, flagged = frozenset(intents), frozenset(flags)
    disclosed = bool(said & instruments.harm_intents or flagged & instruments.harm_flags)
    return {
        **facts,
        "minor": bool(facts.get("minor")) or "minor_speaking" in flagged,
        "disclosed": bool(facts.get("disclosed")) or disclosed,
    }


def next_item(
    instruments: Instruments,
    sets: Sequence[str],
    answers: Answers,
    declined: bool = False,
    facts: Facts | None = None,
) -> tuple[str, str] | None:
    """The question to ask next as (set, item), or None when asking stops.

    screening.md: critical items of any set in play come first; RED stops at once; at HIGH a person is offered, and
    only if that is declined or nobody is there yet (``declined``) the critical items still unasked go on. A question
    that several sets share is asked once.
    """
    level = evaluate(instruments, answers, facts).level
    if level == LEVELS["RED"] or (level == LEVELS["HIGH"] and not declined):
        return None
    put = {item for items in answers.values() for item in items}  # put once, whatever came back
    playing = [instruments.sets[name] for name in sets if name in instruments.sets]
    critical = {item.id for question_set in playing for item in question_set.items if item.critical}
    for wanted in (True,) if level == LEVELS["HIGH"] else (True, False):
        for question_set in playing:
            for item in question_set.items:
                if item.id not in put and (item.id in critical) is wanted:
                    return question_set.name, item.id
    return None


def offer_due(answers: Answers) -> bool:
    """Whether so many questions were put that a person must be offered now, whatever was answered."""
    return sum(len(items) for items in answers.values()) >= OFFER_AFTER
