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

Label = tuple[str, frozenset[str]]
"""An intent and its flags."""

_EVEN = str.maketrans("أإآىةؤئ", "ااايهوي")


def labelled() -> list[tuple[Label, str]]:
    """The training messages with what they teach: the intent and the flags."""
    return [
        ((block["intent"], frozenset(block.get("metadata", {}).get("flags", ()))), line[2:].strip())
        for file in sorted((ROOT / "nlu_data").glob("*.yml"))
        for block in yaml.load(file.read_bytes(), yaml.CSafeLoader).get("nlu", ())
        for line in block["examples"].splitlines()
        if line.startswith("- ")
    ]


def training() -> list[str]:
    return [text for _, text in labelled()]


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


def one_word_apart(messages: Sequence[tuple[Label, str]]) -> list[tuple[str, str]]:
    """The pairs of four words and more that teach the same and differ in one word.

    Pairs that teach different things are wanted: the word between them is what is to be learned.
    """
    seen: dict[tuple[object, ...], str] = {}
    found = []
    for label, text in messages:
        words = re.findall(r"\w+", text.lower().translate(_EVEN))
        for at in range(len(words)) if len(words) >= 4 else ():
            frame = (label, *words[:at], None, *words[at + 1 :])
            if seen.setdefault(frame, text) is not text:
                found.append((seen[frame], text))
    return found


def test_no_two_messages_that_teach_the_same_are_one_word_apart() -> None:
    assert one_word_apart(labelled()) == []


def test_the_search_for_one_word_apart_finds_it_and_leaves_what_is_to_be_told_apart() -> None:
    now, past = ("disclose_physical", frozenset({"danger_now"})), ("disclose_physical", frozenset[str]())
    assert one_word_apart([(now, "ماسكني من شعري هسا"), (now, "ماسكني من شعري دلوقتي")]) != []
    assert one_word_apart([(now, "ماسكني من شعري هسا"), (past, "ماسكني من شعري امبارح")]) == []


def test_no_training_message_is_like_one_of_the_development_set() -> None:
    dev = development()
    assert len(dev) > 1_000
    assert alike(training(), dev) == []


@pytest.mark.parametrize(("one", "other", "found"), [
    ("زوجي ضربني امبارح وكسر ايدي", "زوجي ضربني البارح وكسر ايدي", True), ("زوجي ضربني امبارح", "وين اقرب مركز شرطة", False),
])
def test_the_check_itself_sees_a_swapped_word(one: str, other: str, found: bool) -> None:
    assert (alike([one], [other]) != []) is found
