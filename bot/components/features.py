"""Features the models share: character and word n-grams of the folded text.

Learning uses scikit-learn's vectorizers; reading one message does the same sums by hand, because a library call that
validates its input costs more than the sums (a tenth of a millisecond against one).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer


class Ngrams:
    """Character 2–5-grams inside words and word 1–2-grams, TF-IDF weighted.

    Dialect is not standardised: one word is written ten ways, and its pieces stay the same.
    """

    def __init__(self, characters: int = 70_000, words: int = 25_000) -> None:
        # the commonest pieces only: a model must stay under 40 MB (issue on understanding, "Cost")
        self._vectorizers = (
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=(2, 5), min_df=2, max_features=characters, sublinear_tf=True, dtype=np.float32
            ),
            TfidfVectorizer(
                tokenizer=str.split, token_pattern=None, lowercase=False, ngram_range=(1, 2), min_df=2,
                max_features=words, sublinear_tf=True, dtype=np.float32,
            ),
        )
        self._readers: list[tuple[Callable[[str], list[str]], dict[str, int], NDArray[np.float32], int]] = []

    def learn(self, texts: Sequence[str]) -> csr_matrix:
        """Fit on folded training texts; returns their features, one row a text."""
        learned = hstack([vectorizer.fit_transform(texts) for vectorizer in self._vectorizers], format="csr")
        for vectorizer in self._vectorizers:
            vars(vectorizer).pop("stop_words_", None)  # every piece that was left out: a hundred megabytes nobody asks for
        return learned

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Features of many folded texts, one row a text."""
        return hstack([vectorizer.transform(texts) for vectorizer in self._vectorizers], format="csr")

    def active(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The features of one folded text that are not zero: their columns and values, as :meth:`of` gives them."""
        columns, values = [], []
        for analyse, vocabulary, weights, offset in self._prepared():
            known = map(vocabulary.get, analyse(text))
            counts = Counter(known)
            counts.pop(None, None)  # the pieces nobody learned
            found = np.fromiter(counts, dtype=np.int64, count=len(counts))
            often = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
            worth = (1.0 + np.log(often)) * weights[found]
            columns.append(found + offset)
            values.append(worth / (math.sqrt(float(worth @ worth)) or 1.0))
        return np.concatenate(columns), np.concatenate(values).astype(np.float32)

    def column_of(self, word: str) -> int | None:
        """The column of a single word, if it was learned."""
        characters, words = self._vectorizers
        column = words.vocabulary_.get(word)
        return None if column is None else len(characters.vocabulary_) + int(column)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return sum(len(vectorizer.vocabulary_) for vectorizer in self._vectorizers)

    def _prepared(self) -> list[tuple[Callable[[str], list[str]], dict[str, int], NDArray[np.float32], int]]:
        if not self._readers:
            offset = 0
            for vectorizer in self._vectorizers:
                self._readers.append((vectorizer.build_analyzer(), vectorizer.vocabulary_, vectorizer.idf_, offset))
                offset += len(vectorizer.vocabulary_)
        return self._readers

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_readers": []}  # analysers are closures: made again after loading
