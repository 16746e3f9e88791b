"""Which features and which models understand best: one table, on the development set.

    .venv/engine/bin/python -m benchmarks.understanding.compare [--share S] [--embeddings] [--network] [--stock EPOCHS] [--curve]

Trains each mix on ``nlu_data/`` outside of Rasa (the default pipeline with DIET: in Rasa) and judges it on both halves of
the development set. Half A is where choices were made, half B is only ever reported. ``ranking`` is how often a message
of danger scores above one that only looks like it (area under the curve), before rules and thresholds. ``seconds`` is
what learning took by the clock. ``--share 0.07`` learns every row from that part of the data, so that slow ones can stand in
the table too. ``--curve`` learns the shipped mix from parts of the data instead. The sub-word embeddings (``--embeddings``:
dense, so slow on much data) are learned from nlu_data/ordinary and the training messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from benchmarks.understanding.judge import group_of
from benchmarks.understanding.subwords import Subwords
from bot.components.concept_marks import ConceptMarks, read_concepts
from bot.components.features import Ngrams
from bot.components.heads import Heads
from bot.components.message_features import MessageFeatures
from bot.components.normaliser import normalise
from bot.components.understanding import FLAGS, read_ordinary
from bot.quiet import hush, hush_structlog

ROOT = Path(__file__).resolve().parents[2]
Matrix = NDArray[np.float32]
Scored = tuple[Matrix, Matrix]
"""Chances of intents and of flags, one row a message."""


@dataclass(slots=True)
class Messages:
    """Texts with what they mean."""

    texts: list[str]
    intents: list[str]
    flags: Matrix
    rows: list[dict[str, Any]]


def training() -> Messages:
    rows = [
        {"text": line[2:].strip(), "intent": block["intent"], **block["metadata"]}
        for file in sorted((ROOT / "nlu_data").glob("*.yml"))
        for block in yaml.load(file.read_bytes(), yaml.CSafeLoader).get("nlu", ())
        for line in block["examples"].splitlines()
        if line.startswith("- ")
    ]
    return _messages(rows)


def development() -> Messages:
    dev = Path(__file__).parent / "dev"
    lines = [line for file in sorted(dev.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    return _messages([row for row in map(json.loads, lines) if row["kind"] != "exit" and row["flags"] is not None])


def _messages(rows: list[dict[str, Any]]) -> Messages:
    flags = np.array([[flag in row["flags"] for flag in FLAGS] for row in rows], dtype=np.float32)
    return Messages([row["text"] for row in rows], [row["intent"] for row in rows], flags, rows)


def ngrams(known: Messages, asked: Messages) -> tuple[csr_matrix, csr_matrix]:
    """N-grams of the folded texts."""
    found = Ngrams()
    return found.learn([normalise(text) for text in known.texts]), found.of([normalise(text) for text in asked.texts])


def concepts(known: Messages, asked: Messages) -> tuple[csr_matrix, csr_matrix]:
    """Concepts and ordered pairs of them."""
    marks = ConceptMarks(read_concepts())
    return marks.learn(known.texts), marks.of(asked.texts)


def shipped(known: Messages, asked: Messages) -> tuple[csr_matrix, csr_matrix]:
    """What the engine has: n-grams, concepts, and readings of Latin-letter words."""
    found = MessageFeatures(0.25)
    return found.learn(known.texts, [row["dialect"] == "english" for row in known.rows]), found.of(asked.texts)


def subwords(known: Messages, asked: Messages) -> tuple[csr_matrix, csr_matrix]:
    """Sub-word embeddings."""
    found = Subwords()
    folded = [normalise(text) for text in known.texts]
    found.learn([*folded, *(normalise(text) for text in read_ordinary())])
    return found.of(folded), found.of([normalise(text) for text in asked.texts])


def beside(*parts: tuple[csr_matrix, csr_matrix]) -> tuple[csr_matrix, csr_matrix]:
    """Several features of the same messages."""
    learned, seen = zip(*parts, strict=True)
    return hstack(learned, format="csr"), hstack(seen, format="csr")


def lines(known: Messages, x: csr_matrix, y: csr_matrix, names: list[str]) -> Scored:
    """One-against-rest logistic lines, as the engine has them."""
    heads = Heads()
    heads.learn("intents", x, known.intents, 8.0)
    heads.learn_each(x, {flag: known.flags[:, column] > 0 for column, flag in enumerate(FLAGS)}, 6.0)
    assert heads.weights is not None and heads.bias is not None
    chances = 1.0 / (1.0 + np.exp(-(y @ heads.weights + heads.bias)))
    assert list(heads.groups["intents"]) == names
    return chances[:, : len(names)] ** 1.6, chances[:, len(names) :]


def network(known: Messages, x: csr_matrix, y: csr_matrix, names: list[str]) -> Scored:
    """One hidden layer of 192 units for intents and flags together; dropout on features and on units."""
    import tensorflow as tf

    tf.random.set_seed(0)
    random = np.random.default_rng(0)
    into = tf.Variable(random.normal(0, 0.05, (x.shape[1], 192)).astype(np.float32))
    out = tf.Variable(random.normal(0, 0.07, (192, len(names) + len(FLAGS))).astype(np.float32))
    biases = [tf.Variable(tf.zeros(192)), tf.Variable(tf.zeros(out.shape[1]))]
    optimizer = tf.keras.optimizers.legacy.Adagrad(0.05, initial_accumulator_value=0.01)
    wanted = np.eye(len(names), dtype=np.float32)[[names.index(intent) for intent in known.intents]]

    def given(matrix: csr_matrix, drop: float) -> tuple[Any, Any, Any]:
        kept = (random.random(matrix.nnz) >= drop) / (1.0 - drop)
        at = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return tf.constant(at, tf.int32), tf.constant(matrix.indices, tf.int32), tf.constant(5 * matrix.data * kept, tf.float32)

    def forward(at: Any, columns: Any, values: Any, size: int, drop: float) -> Any:
        hidden = tf.nn.relu(tf.math.unsorted_segment_sum(tf.gather(into, columns) * values[:, None], at, size) + biases[0])
        return (tf.nn.dropout(hidden, drop) if drop else hidden) @ out + biases[1]

    @tf.function(reduce_retracing=True)
    def step(at: Any, columns: Any, values: Any, intents: Any, flags: Any) -> None:
        with tf.GradientTape() as tape:
            scores = forward(at, columns, values, 64, 0.4)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(intents, scores[:, : len(names)]))
            loss += 4 * tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(flags, scores[:, len(names) :], 2.0))
        weights = [into, out, *biases]
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))  # noqa: B905  TensorFlow's zip knows no strict

    for _ in range(12):
        order = random.permutation(x.shape[0])
        for start in range(0, len(order) - 63, 64):
            chosen = order[start : start + 64]
            step(*given(x[chosen], 0.3), tf.constant(wanted[chosen]), tf.constant(known.flags[chosen]))
    scores = forward(*given(y, 0.0), y.shape[0], 0.0).numpy()
    return _softmax(scores[:, : len(names)]), 1.0 / (1.0 + np.exp(-scores[:, len(names) :]))


def _softmax(scores: Matrix) -> Matrix:
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def mixed(one: Scored, other: Scored) -> Scored:
    """The geometric middle of two models."""
    intents = np.sqrt(one[0] / one[0].sum(axis=1, keepdims=True) * other[0])
    return intents, np.sqrt(one[1] * other[1])


def figures(scored: Scored, asked: Messages, names: list[str]) -> Iterator[str]:
    """The figures of each half: intents, their worst group, ranking of danger, F1 of flags at the best threshold."""
    intents, flags = scored
    for half in "AB":
        groups: dict[str, list[bool]] = defaultdict(list)
        for at, row in enumerate(asked.rows):
            if row["half"] == half and row["kind"] == "intent":
                groups[group_of(row)].append(names[int(intents[at].argmax())] in (row["intent"], *row["also"]))
        every = [hit for hits in groups.values() for hit in hits]
        danger, alike = (
            np.array([flags[at, 0] for at, row in enumerate(asked.rows) if row["half"] == half and row["kind"] == kind])
            for kind in ("danger", "lookalike")
        )
        ranking = float(np.mean(danger[:, None] > alike[None, :]))
        at = [place for place, row in enumerate(asked.rows) if row["half"] == half]
        truth = asked.flags[at] > 0
        best = max(
            2 * np.sum((flags[at] >= cut) & truth) / (np.sum(flags[at] >= cut) + np.sum(truth)) for cut in np.arange(0.2, 0.8, 0.05)
        )
        seen = f"{ranking:.3f} {best:.3f}" if flags.any() else "    –     –"
        yield f"{np.mean(every):.3f} {min(np.mean(hits) for hits in groups.values()):.3f} {seen}"


def stock(known: Messages, asked: Messages, names: list[str], epochs: int) -> Scored:
    """Rasa's default pipeline: intents only, flags are none of its business."""
    from benchmarks.understanding.public import STOCK, through_rasa

    pipeline = [{**part, "epochs": epochs} if "epochs" in part else part for part in STOCK]
    bare = str.maketrans("[](){}", "      ")
    intents = np.zeros((len(asked.texts), len(names)), dtype=np.float32)
    with tempfile.TemporaryDirectory() as scratch:
        rows = [(text.translate(bare), intent) for text, intent in zip(known.texts, known.intents, strict=True)]
        label_of = through_rasa(pipeline, rows, Path(scratch))
        for at, text in enumerate(asked.texts):
            intents[at, names.index(asyncio.run(label_of(text.translate(bare))))] = 1
    return intents, np.zeros((len(asked.texts), len(FLAGS)), dtype=np.float32)


def part(known: Messages, share: float) -> Messages:
    """The first so many of the messages in an order that is always the same."""
    order = np.random.default_rng(0).permutation(len(known.texts))[: int(share * len(known.texts))]
    return _messages([known.rows[at] for at in order])


def main() -> int:
    """Learn each mix, judge it, print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curve", action="store_true", help="how much more data brings, instead of the table")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="learn from this part of the messages, 0 to 1")
    parser.add_argument("--embeddings", action="store_true", help="and sub-word embeddings trained on open Arabic text")
    parser.add_argument("--network", action="store_true", help="and a network with one hidden layer, in TensorFlow")
    parser.add_argument("--stock", type=int, default=0, metavar="EPOCHS", help="and Rasa's default pipeline (its default: 100)")
    chosen = parser.parse_args()
    hush()
    known, asked = training(), development()
    if chosen.share < 1.0:
        known = part(known, chosen.share)
    names = sorted(set(known.intents))
    print(f"{len(known.texts)} training messages, {len(asked.texts)} of the development set")
    print(f"{'':44} half A: intents worst ranking flags   half B: the same            seconds")

    def row(name: str, learn: Callable[[], Scored]) -> Scored:
        began = time.perf_counter()
        scored = learn()
        print(f"{name:44} {'   '.join(figures(scored, asked, names))}   {time.perf_counter() - began:6.0f}", flush=True)
        return scored

    if chosen.curve:
        for share in (0.125, 0.25, 0.5, 0.75, 1.0):
            some = part(known, share)
            row(f"{len(some.texts)} messages", lambda some=some: lines(some, *shipped(some, asked), names))
        return 0
    plain, seen, full = ngrams(known, asked), concepts(known, asked), shipped(known, asked)
    row("lines on n-grams", lambda: lines(known, *plain, names))
    row("lines on n-grams and concepts", lambda: lines(known, *beside(plain, seen), names))
    straight = row("the same and readings (shipped)", lambda: lines(known, *full, names))
    if chosen.embeddings:
        words = subwords(known, asked)
        row("lines on sub-word embeddings", lambda: lines(known, *words, names))
        row("lines on n-grams and embeddings", lambda: lines(known, *beside(plain, words), names))
        row("shipped and embeddings", lambda: lines(known, *beside(full, words), names))
    if chosen.network:
        row("network on n-grams", lambda: network(known, *plain, names))
        bent = row("network on what is shipped", lambda: network(known, *full, names))
        row("shipped lines and this network, mixed", lambda: mixed(straight, bent))
    if chosen.stock:
        import rasa.model_training  # noqa: F401  its loggers are hushed after it is loaded

        hush_structlog()
        row(f"Rasa's default pipeline, DIET {chosen.stock} epochs", lambda: stock(known, asked, names, chosen.stock))
    return 0


if __name__ == "__main__":
    sys.exit(main())
