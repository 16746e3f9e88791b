"""What the product makes of one message: the trained model, the danger rules and the exit, as at the door.

And the figures more than one command prints: how often that is right, and how well confidence tells so.
"""

from __future__ import annotations

import gc
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.quiet import hush_structlog
from safety.danger import compile_lexicon, find_danger
from safety.exit import compile_phrases, is_exit

DEV = Path(__file__).parent / "dev"
Judged = list[tuple[dict[str, Any], dict[str, Any]]]
"""Records of the development set, each with what was understood of it."""

Part = TypeVar("Part")
_PHRASES = Path(__file__).resolve().parents[2] / "scripts" / "phrases"


class Judge:
    """Judges messages with one model. Call :meth:`warm` first.

    Args:
        model: a trained model (``.tar.gz``).
    """

    def __init__(self, model: Path) -> None:
        self._lexicon = compile_lexicon(yaml.safe_load((_PHRASES / "danger.yml").read_text(encoding="utf-8")))
        listed = yaml.safe_load((_PHRASES / "exit.yml").read_text(encoding="utf-8"))["phrases"]
        self._exits = compile_phrases([str(row["phrase"]) for row in listed])
        from bot.engine import Engine  # brings Rasa: here, so that who calls has hushed it before

        self._engine = Engine(model)
        hush_structlog()

    async def warm(self) -> None:
        """Load the model; what it holds is left out of later collections of garbage, as in the engine (``bot/__main__.py``)."""
        await self._engine.warm()
        gc.collect()
        gc.freeze()

    async def understand(self, text: str) -> dict[str, Any]:
        """What the engine says; the only part that is timed."""
        return await self._engine.understand(text)

    def part(self, kind: type[Part]) -> Part:
        """The loaded component of a class, with the settings it was trained with.

        Raises:
            LookupError: the model has none.
        """
        # no door leads there: only a measurement asks
        nodes = self._engine._agent.processor.graph_runner._nodes.values()
        for node in nodes:
            if isinstance(node._component, kind):
                return node._component
        raise LookupError(kind.__name__)

    def with_rules(self, text: str, understood: dict[str, Any]) -> dict[str, Any]:
        """The same with ``rule`` (level), ``urgent`` (rule or model), ``exit``, and what ringing rules saw among the flags,
        as ``./hams understand`` prints it."""
        danger = find_danger(text, self._lexicon)
        rule = danger.level if danger else ""
        urgent = understood["alarm"] == "now" or rule == "now"
        seen = danger.codes if danger is not None and rule == "now" else ()
        flags = list(dict.fromkeys((*understood["flags"], *seen)))
        return {**understood, "flags": flags, "rule": rule, "urgent": urgent, "exit": is_exit(text, self._exits)}


def development(half: str) -> list[dict[str, Any]]:
    """The records of a half of the development set, ``A`` or ``B``; of both where ``half`` is empty."""
    lines = [line for file in sorted(DEV.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    return [row for row in map(json.loads, lines) if not half or row["half"] == half]


def group_of(row: dict[str, Any]) -> str:
    """The group a message is reported in."""
    if re.search(r"[A-Za-z]{3}", row["text"]):
        return "Latin and mixed"
    return {"levantine": "Levantine", "gulf": "Gulf"}.get(row["dialect"] or "", "MSA and Egyptian")


def finer_group_of(row: dict[str, Any]) -> str:
    """The part of its group a message is reported in; empty where the group has no parts or the label names none.

    ``dialect`` tells Egyptian from Standard Arabic and, of Latin letters, English (null) from Arabizi; mixed is what
    has Arabic letters beside them.
    """
    if group_of(row) == "Latin and mixed":
        if re.search(r"[\u0621-\u064a]", row["text"]):
            return "mixed"
        return "Arabizi" if row["dialect"] else "English"
    return {"egyptian": "Egyptian", "msa": "MSA"}.get(row["dialect"] or "", "")


def right(row: dict[str, Any], understood: dict[str, Any]) -> bool:
    """Whether the intent is the record's, or one that also counts."""
    return understood["intent"] in (row["intent"], *row["also"])


def flags_f1(judged: Judged) -> float:
    """Micro-F1 over all flags of all messages but those of the exit and those whose flags nobody wrote down (``None``);
    0 where no flag was found."""
    flagged = [(set(r["flags"]), set(u["flags"])) for r, u in judged if r["kind"] != "exit" and r["flags"] is not None]
    hit = sum(len(a & b) for a, b in flagged)
    wrong = sum(len(a ^ b) for a, b in flagged)
    return 2 * hit / (2 * hit + wrong) if hit else 0.0


def calibration_error(judged: Judged) -> float:
    """Expected calibration error, 0 to 1: ten bins of confidence against how often it was right."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for row, understood in judged:
        bins[min(9, int(understood["confidence"] * 10))].append((understood["confidence"], right(row, understood)))
    gaps = (abs(sum(c for c, _ in b) - sum(ok for _, ok in b)) for b in bins.values())
    return sum(gaps) / len(judged)
