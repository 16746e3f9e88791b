"""Lines over shared features."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from bot.components.heads import Heads

ROWS = 400


def two_witnesses() -> tuple[csr_matrix, np.ndarray]:
    """Column 0 tells the label always, column 1 nine times of ten, the others never."""
    chance = np.random.RandomState(1)
    target = chance.random_sample(ROWS) < 0.3
    often = target ^ (chance.random_sample(ROWS) < 0.1)
    noise = chance.random_sample((ROWS, 8)) < 0.5
    return csr_matrix(np.column_stack([target, often, noise]).astype(np.float32)), target


def learned() -> Heads:
    features, target = two_witnesses()
    heads = Heads()
    heads.learn_in_parts("danger", features, target, 20.0, np.ones(ROWS, dtype=np.float32), parts=8, share=0.5)
    return heads


def test_a_line_learned_in_parts_does_not_hang_on_one_witness() -> None:
    features, target = two_witnesses()
    plain, parts = Heads(), learned()
    plain.learn_each(features, {"danger": target}, 20.0)

    def share_of_second(heads: Heads) -> float:
        return float(abs(heads.weights[1, 0]) / abs(heads.weights[0, 0]))

    assert share_of_second(parts) > 2 * share_of_second(plain)
    yes, no = (parts.score(np.array([0, 1]), np.array(seen, dtype=np.float32))["danger"]["danger"] for seen in ((1, 1), (0, 0)))
    assert yes > 0.9 and no < 0.1


def test_parts_are_the_same_in_every_training() -> None:
    assert np.array_equal(learned().weights, learned().weights)


def test_what_counts_more_is_heard_more() -> None:
    features = csr_matrix(np.ones((20, 1), dtype=np.float32))
    target = np.arange(20) < 10
    score = []
    for weight in (1.0, 8.0):
        heads = Heads()
        heads.learn_in_parts("danger", features, target, 20.0, np.where(target, 1.0, weight).astype(np.float32), parts=2, share=1.0)
        score.append(heads.score(np.array([0]), np.array([1.0], dtype=np.float32))["danger"]["danger"])
    assert score[1] < score[0]
