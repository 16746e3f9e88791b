"""Trained twice on the same messages, the models are the same (the whole set: benchmarks/understanding/twice.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from bot.components.heads import Heads
from bot.components.message_features import MessageFeatures
from bot.components.normaliser import normalise

ROOT = Path(__file__).resolve().parents[2]


def messages() -> list[tuple[str, str, bool]]:
    """Text, intent and whether it is danger: some of each block of one file."""
    blocks = yaml.load((ROOT / "nlu_data" / "danger.yml").read_bytes(), yaml.CSafeLoader)["nlu"]
    return [
        (line[2:], block["intent"], "danger_now" in block["metadata"]["flags"])
        for block in blocks for line in block["examples"].splitlines()[:5]
    ]


def learned() -> tuple[MessageFeatures, Heads]:
    texts, intents, danger = zip(*messages(), strict=True)
    features, heads = MessageFeatures(0.25), Heads()
    matrix = features.learn(texts, [text.isascii() for text in texts])
    heads.learn("intents", matrix, intents, 12.0)
    heads.learn_each(matrix, {"danger": np.array(danger)}, 6.0)
    return features, heads


def test_two_trainings_give_one_model() -> None:
    (one, one_heads), (other, other_heads) = learned(), learned()
    assert np.array_equal(one_heads.weights, other_heads.weights)
    for text, _, _ in messages()[::7]:
        scores = [heads.score(*seen.active(text, normalise(text))) for seen, heads in ((one, one_heads), (other, other_heads))]
        assert scores[0] == scores[1]
