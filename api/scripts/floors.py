"""The bands screening.md gives, kept beside the scripts so that a change that lowers one is never made unseen.

The questions are data and staff may change them; an institution may bring its own instrument under another name. But
"the person I fear is with me" counting for less than RED is more often a slip than a decision, so the checker warns
and a clinician signs (docs/writing-scripts.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from safety.instruments import LEVELS, Band, Instruments
from safety.scoring import evaluate


@dataclass(frozen=True, slots=True)
class Floor:
    """These answers, and nothing else answered, must give at least this band."""

    set_name: str
    answered: tuple[tuple[str, str], ...]
    band: Band

    def __str__(self) -> str:
        return " and ".join(f"{item} {answer}" for item, answer in self.answered)


CLOSING: Final = ("now", "lethality", "child", "honour")
"""screening.md: any violence, honour or child indicator closes counselling together with the other side."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A floor that does not hold.

    Attributes:
        given: the band the scripts give in its place; empty if something is not asked.
        missing: the question of the set that is not asked; empty if the whole set is not there.
    """

    floor: Floor
    given: str = ""
    missing: str = ""


def _yes(set_name: str, band: Band, *groups: tuple[str, ...]) -> tuple[Floor, ...]:
    return tuple(Floor(set_name, tuple((item, "yes") for item in group), band) for group in groups)


def _each(*items: str) -> tuple[tuple[str, ...], ...]:
    return tuple((item,) for item in items)


FLOORS: Final[tuple[Floor, ...]] = (
    *_yes("now", "RED", *_each("N1", "N2", "N3", "N4")),
    *_yes("lethality", "RED", *combinations(("P1", "P2", "P3", "P4"), 2)),
    *_yes("lethality", "HIGH", *_each("P1", "P2", "P3", "P4")),
    *_yes("lethality", "HIGH", *combinations(("P5", "P6", "P7", "P8", "P9", "P10", "P11"), 4)),
    *_yes("lethality", "ELEVATED", *_each("P5", "P6", "P7", "P8", "P9", "P10", "P11")),
    *_yes("child", "RED", ("K2",)),
    *_yes("child", "HIGH", *_each("K4", "K5")),
    *_yes("self_harm", "RED", *_each("S2", "S3")),
    *_yes("self_harm", "HIGH", ("S1",)),
    *(Floor("self_harm", ((item, how),), "HIGH") for item in ("S1", "S2", "S3") for how in ("skip", "unsure")),
    *_yes("exploitation", "RED", ("T6",)),
    *_yes("exploitation", "HIGH", ("T4",), ("T2", "T1"), ("T2", "T3"), ("T2", "T5")),
    *_yes("exploitation", "ELEVATED", *_each("T1", "T2", "T3", "T5")),
    *_yes("honour", "RED", ("H2",), ("H4",), ("H1", "H3")),
    *_yes("honour", "HIGH", *_each("H1", "H3", "H5")),
)
"""The table of screening.md, row by row. An under-18's disclosure stands in ``safety.scoring`` and is not data."""


def find_lowered(instruments: Instruments) -> Iterator[Lowered]:
    """Every floor that the scripts' questions do not reach; a set or question that is not there once, not with every
    floor it had. Scripts with none of these sets bring an instrument of their own, which this table cannot judge."""
    if not any(floor.set_name in instruments.sets for floor in FLOORS):
        return
    told: set[tuple[str, str]] = set()
    for floor in FLOORS:
        question_set = instruments.sets.get(floor.set_name)
        asked = {item.id for item in question_set.items} if question_set is not None else set()
        lost = [item for item, _ in floor.answered if item not in asked]
        if not lost:
            given = evaluate(instruments, {floor.set_name: dict(floor.answered)})
            if given.level < LEVELS[floor.band]:
                yield Lowered(floor, given=given.band)
            continue
        for missing in lost if question_set is not None else [""]:
            if (floor.set_name, missing) not in told:
                told.add((floor.set_name, missing))
                yield Lowered(floor, missing=missing)


def never_chosen(instruments: Instruments) -> list[str]:
    """The sets of these names that nothing that is said leads to."""
    chosen = {name for row in instruments.choices for name in row.ask}
    return [name for name in dict.fromkeys(floor.set_name for floor in FLOORS) if name in instruments.sets and name not in chosen]
