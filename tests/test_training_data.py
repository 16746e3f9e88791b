"""Training messages: known names, enough of each, none twice. That no two are alike: tests/bot/test_messages_apart.py."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
INTENTS = frozenset(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])
DIALECTS = {"levantine", "gulf", "egyptian", "msa", "english"}
FLAGS = {
    "danger_now", "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
}


def blocks() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "nlu_data").glob("*.yml")):
        for block in yaml.safe_load(file.read_text(encoding="utf-8")).get("nlu", ()):
            yield file.name, block


def messages() -> list[tuple[str, str]]:
    return [
        (name, line[2:].strip())
        for name, block in blocks()
        for line in block["examples"].splitlines()
        if line.startswith("- ")
    ]


def test_every_block_has_known_names() -> None:
    for file, block in blocks():
        place = f"{file}: {block.get('intent')}"
        assert block["intent"] in INTENTS, place
        assert block["metadata"]["dialect"] in DIALECTS, place
        assert set(block["metadata"]["flags"]) <= FLAGS, place
        assert not re.search(r"[\[\]]", block["examples"]), f"{place}: brackets are entities to Rasa"


def test_every_intent_is_written_in_every_dialect() -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for _, block in blocks():
        seen[block["intent"]].add(block["metadata"]["dialect"])
    lacking = {intent: DIALECTS - seen[intent] for intent in INTENTS - {"exit_now"} if DIALECTS - seen[intent]}
    assert lacking == {}


def test_there_are_enough_of_them() -> None:
    """The figures of the data card (docs/training-data.md)."""
    of_intent: Counter[str] = Counter()
    about_danger = 0
    for file, block in blocks():
        count = sum(line.startswith("- ") for line in block["examples"].splitlines())
        of_intent[block["intent"]] += count
        about_danger += count if file == "danger.yml" else 0
    assert of_intent.total() >= 20_000
    assert {intent: of_intent[intent] for intent in INTENTS - {"exit_now"} if of_intent[intent] < 120} == {}
    assert about_danger >= 2_500, "danger and what only looks like it"


def test_the_exit_is_never_learned() -> None:
    """safety.md: exit_now is decided by rules."""
    assert not [file for file, block in blocks() if block["intent"] == "exit_now"]


def test_no_message_is_written_twice() -> None:
    counts = Counter(re.sub(r"\s+", "", text) for _, text in messages())
    assert [text for text, count in counts.items() if count > 1] == []
