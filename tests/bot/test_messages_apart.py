"""No training message is another one with a word swapped, and none is like one of the development set."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.feature_extraction.text import CountVectorizer

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT / "benchmarks" / "understanding" / "dev"
ALIKE = 0.65
"""Jaccard similarity of character 4-grams above which two messages are one with a word swapped."""

SHORT = 12
"""Characters up to which messages may be alike: there are only so many ways to say yes."""

_EVEN = str.maketrans("أإآىةؤئ", "ااايهوي")


def training() -> list[str]:
    return [
        line[2:].strip()
        for file in sorted((ROOT / "nlu_data").glob("*.yml"))
        for block in yaml.load(file.read_bytes(), yaml.CSafeLoader).get("nlu", ())
        for line in block["examples"].splitlines()
        if line.startswith("- ")
    ]


def development() -> list[str]:
    lines = [line for file in sorted(DEV.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line)["text"] for line in lines]


def alike(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs above :data:`ALIKE`; a text is not paired with itself or twice with another of its own list."""
    same = left is right
    evened = [[re.sub(r"\W+", " ", f" {text} ".translate(_EVEN)) for text in texts] for texts in (left, right)]
    grams = CountVectorizer(analyzer="char", ngram_range=(4, 4), binary=True, dtype=np.float32).fit(evened[0] + evened[1])
    rows, columns = (grams.transform(texts) for texts in evened)
    sizes, others = (np.asarray(matrix.sum(axis=1)).ravel() for matrix in (rows, columns))
    found = []
    for start in range(0, len(left), 500):
        shared = (rows[start : start + 500] @ columns.T).tocoo()
        at = shared.row + start
        score = shared.data / (sizes[at] + others[shared.col] - shared.data)
        for one, other in zip(at[score > ALIKE], shared.col[score > ALIKE], strict=True):
            if min(len(left[one]), len(right[other])) > SHORT and not (same and other >= one):
                found.append((left[one], right[other]))
    return found


def test_no_two_messages_are_one_with_a_word_swapped() -> None:
    texts = training()
    assert len(texts) >= 20_000
    assert alike(texts, texts) == []


def test_no_training_message_is_like_one_of_the_development_set() -> None:
    dev = development()
    assert len(dev) > 1_000
    assert alike(training(), dev) == []


@pytest.mark.parametrize(("one", "other", "found"), [
    ("زوجي ضربني امبارح وكسر ايدي", "زوجي ضربني البارح وكسر ايدي", True), ("زوجي ضربني امبارح", "وين اقرب مركز شرطة", False),
])
def test_the_check_itself_sees_a_swapped_word(one: str, other: str, found: bool) -> None:
    assert (alike([one], [other]) != []) is found
