"""Features the models share: character and word n-grams of the folded text, as one sparse matrix."""

from __future__ import annotations

from typing import Any

from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer


class Ngrams:
    """Character 2–5-grams inside words and word 1–2-grams, TF-IDF weighted.

    Dialect is not standardised: one word is written ten ways, and its pieces stay the same.
    """

    def __init__(self) -> None:
        self._characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True, dtype="float32")
        self._words = TfidfVectorizer(tokenizer=str.split, token_pattern=None, ngram_range=(1, 2), min_df=1, sublinear_tf=True, dtype="float32")

    def learn(self, texts: list[str]) -> csr_matrix:
        """Fit on folded training texts; returns their features, one row a text."""
        return self._join(self._characters.fit_transform(texts), self._words.fit_transform(texts))

    def of(self, texts: list[str]) -> csr_matrix:
        """Features of folded texts, one row a text."""
        return self._join(self._characters.transform(texts), self._words.transform(texts))

    @staticmethod
    def _join(*parts: Any) -> csr_matrix:
        return hstack(parts, format="csr")
