"""Training messages: known names, no two alike, and none like the development set they are judged on."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
INTENTS = frozenset(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])
DIALECTS = {"levantine", "gulf", "egyptian", "msa", "english"}
FLAGS = {
    "danger_now", "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
}
ALIKE = 0.65
"""Jaccard similarity of character 4-grams above which two messages are one with a word swapped."""


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


def grams(text: str) -> frozenset[str]:
    text = re.sub(r"\W+", " ", text.translate(str.maketrans("أإآىةؤئ", "اااايه"[:6] + "ي"))).strip()
    text = f" {text} "
    return frozenset(text[i : i + 4] for i in range(len(text) - 3)) or frozenset({text})


def alike(left: Iterable[tuple[str, str]], right: Iterable[tuple[str, str]], *, same: bool) -> list[tuple[str, str, float]]:
    """Pairs above :data:`ALIKE`; only those that share a piece few others have are compared."""
    left, right = list(left), list(right)
    pieces = [grams(text) for _, text in left]
    others = pieces if same else [grams(text) for _, text in right]
    common = Counter(gram for one in others for gram in one)
    index: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(others):
        for gram in sorted(one, key=lambda g: common[g])[: max(3, len(one) // 2)]:
            index[gram].append(place)
    found = []
    for place, one in enumerate(pieces):
        seen = {other for gram in one if common[gram] < 400 for other in index.get(gram, ())}
        for other in seen:
            if same and other <= place:
                continue
            score = len(one & others[other]) / len(one | others[other])
            if score > ALIKE and min(len(left[place][1]), len((left if same else right)[other][1])) > 12:
                found.append((left[place][1], (left if same else right)[other][1], score))
    return found


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


def test_no_message_is_written_twice() -> None:
    counts = Counter(re.sub(r"\s+", "", text) for _, text in messages())
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_two_messages_are_one_with_a_word_swapped() -> None:
    found = alike(messages(), (), same=True)
    assert found == [], f"{len(found)} pairs"


def test_no_training_message_is_like_one_of_the_development_set() -> None:
    dev = [
        (file.name, json.loads(line)["text"])
        for file in sorted((ROOT / "benchmarks" / "understanding" / "dev").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert len(dev) > 1_000
    assert alike(messages(), dev, same=False) == []


@pytest.mark.parametrize("pair", [("زوجي ضربني امبارح وكسر ايدي", "زوجي ضربني البارح وكسر ايدي")])
def test_the_check_itself_sees_a_swapped_word(pair: tuple[str, str]) -> None:
    left, right = ([("x", text)] for text in pair)
    score = len(grams(left[0][1]) & grams(right[0][1])) / len(grams(left[0][1]) | grams(right[0][1]))
    assert score > ALIKE - 0.1
