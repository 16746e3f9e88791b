"""Reading one message by hand gives what the library gives; weights survive being kept in half precision."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from bot.components.features import Ngrams
from bot.components.heads import Heads

TEXTS = ["جوزي ضربني مبارح", "زوجي يضربني كل يوم", "وين اقدر اروح الليله", "where can i sleep tonight", "ابي اكلم احد", "بدي احكي مع حدا",
         "wein aro7 elleileh", "شكرا كثير", "شكرا لكم"] * 3


@pytest.fixture(scope="module")
def ngrams() -> Ngrams:
    features = Ngrams()
    features.learn(TEXTS)
    return features


@pytest.mark.parametrize("text", ["جوزي ضربني", "tonight tonight where", "", "كلمه غريبه", "ا" * 300, "ضربني " * 40])
def test_the_sums_by_hand_are_the_librarys(ngrams: Ngrams, text: str) -> None:
    columns, values = ngrams.active(text)
    dense = ngrams.of([text]).toarray()[0]
    by_hand = np.zeros_like(dense)
    by_hand[columns] = values
    assert np.allclose(dense, by_hand, atol=1e-5)


def test_a_kept_model_answers_as_the_learned_one(ngrams: Ngrams) -> None:
    heads = Heads()
    features = ngrams.of(TEXTS)
    heads.learn("intents", features, (["hit", "hit", "place", "place", "person", "person", "place", "thanks", "thanks"] * 3), 6.0)
    heads.learn_each(features, {"night": np.array(["tonight" in t or "ليله" in t for t in TEXTS])}, 6.0)
    kept = pickle.loads(pickle.dumps(heads))
    for text in TEXTS[:9]:
        before, after = heads.score(*ngrams.active(text)), kept.score(*ngrams.active(text))
        assert max(before["intents"], key=before["intents"].get) == max(after["intents"], key=after["intents"].get)
        assert abs(before["night"]["night"] - after["night"]["night"]) < 0.01
        assert abs(sum(after["intents"].values()) - 1) < 1e-5
