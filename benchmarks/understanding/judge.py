"""What the product makes of one message: the trained model, the danger rules and the exit, as at the door."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import yaml

from bot.engine import Engine
from bot.quiet import hush_structlog
from safety.danger import compile_lexicon, find_danger
from safety.exit import compile_phrases, is_exit

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

    def with_rules(self, text: str, understood: dict[str, Any]) -> dict[str, Any]:
        """The same with ``rule`` (level), ``urgent`` (rule or model), ``exit``, and what ringing rules saw among the flags,
        as ``./hams understand`` prints it."""
        danger = find_danger(text, self._lexicon)
        rule = danger.level if danger else ""
        urgent = understood["alarm"] == "now" or rule == "now"
        seen = danger.codes if danger is not None and rule == "now" else ()
        flags = list(dict.fromkeys((*understood["flags"], *seen)))
        return {**understood, "flags": flags, "rule": rule, "urgent": urgent, "exit": is_exit(text, self._exits)}


def group_of(row: dict[str, Any]) -> str:
    """The group a message is reported in."""
    if re.search(r"[A-Za-z]{3}", row["text"]):
        return "Latin and mixed"
    return {"levantine": "Levantine", "gulf": "Gulf"}.get(row["dialect"] or "", "MSA and Egyptian")
