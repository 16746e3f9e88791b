"""Everything the models see of a message, as one sparse row: n-grams, readings of Latin letters, concepts, an encoder.

The parts stand side by side in one matrix, in this order; readings share the columns of the words they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from bot.components.arabizi import Arabizi
from bot.components.concept_marks import ConceptMarks, read_concepts
from bot.components.encoder import Encoder
from bot.components.features import Ngrams
from bot.components.normaliser import normalise, words_alone
from bot.components.spacing import Spacing

_READING_WEIGHTS = (0.15, 0.1, 0.07)
"""Of the first, second and third reading of a Latin-letter word; chosen on half A of the development set."""


Part = TypeVar("Part", Ngrams, ConceptMarks)


def _learned(part: Part, folded: Sequence[str]) -> tuple[Part, csr_matrix]:
    features = part.learn(folded)
    return part, features


class MessageFeatures:
    """Features of messages, learned from the training messages.

    Args:
        concept_weight: see :class:`~bot.components.concept_marks.ConceptMarks`.
        encoder: a folder with a pretrained encoder (``encoder.py``), or none.
    """

    def __init__(self, concept_weight: float, encoder: Path | None = None) -> None:
        self._spacing = Spacing()
        self._ngrams = Ngrams()
        self._arabizi = Arabizi()
        self._marks = ConceptMarks(read_concepts(), concept_weight)
        self._encoder = Encoder(encoder) if encoder else None

    def learn(self, texts: Sequence[str], english: Sequence[bool]) -> csr_matrix:
        """Choose the columns from training texts, as typed; returns their features, one row a text.

        Args:
            english: which of them are English: their words are not read as Arabizi.
        """
        typed = [words_alone(normalise(text)) for text in texts]
        self._spacing.learn(typed)
        folded = [self._spacing.apart(text) for text in typed]
        # the two slowest steps of learning, side by side in two processes
        (self._ngrams, ngrams), (self._marks, marks) = Parallel(n_jobs=2)(
            delayed(_learned)(part, folded) for part in (self._ngrams, self._marks)
        )
        self._arabizi.learn(folded, [text for text, is_english in zip(folded, english, strict=True) if is_english])
        return self._beside(ngrams, texts, folded, marks)

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Features of many texts, one row a text."""
        folded = [self._spacing.apart(words_alone(normalise(text))) for text in texts]
        return self._beside(self._ngrams.of(folded), texts, folded, self._marks.of(folded))

    def active(self, text: str, folded: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The columns that are not zero for one message, and their values, as :meth:`of` gives them.

        A column may come twice, as what it is worth as an n-gram and as a reading: the two add up.
        """
        folded = self._spacing.apart(words_alone(folded))
        columns, values = self._ngrams.active(folded)
        marks, worth = self._marks.active(folded)
        parts = [columns, marks + self._ngrams.width]
        numbers = [values, worth]
        if read := self._read(folded):
            parts.append(np.fromiter(read, dtype=np.int64, count=len(read)))
            numbers.append(np.fromiter(read.values(), dtype=np.float32, count=len(read)))
        if self._encoder is not None:
            vector = self._encoder.vector(text)
            parts.append(np.arange(len(vector), dtype=np.int64) + self._ngrams.width + self._marks.width)
            numbers.append(vector)
        return np.concatenate(parts), np.concatenate(numbers)

    def _beside(self, ngrams: csr_matrix, texts: Sequence[str], folded: Sequence[str], marks: csr_matrix) -> csr_matrix:
        parts = [ngrams + self._readings(folded), marks]
        if self._encoder is not None:
            parts.append(csr_matrix(np.stack([self._encoder.vector(text) for text in texts])))
        return hstack(parts, format="csr")

    def _read(self, folded: str) -> dict[int, float]:
        """Column of an Arabic word -> what it is worth as a reading of a Latin-letter one."""
        found: dict[int, float] = {}
        for readings in self._arabizi.reading(folded):
            for word, weight in zip(readings, _READING_WEIGHTS, strict=False):
                column = self._ngrams.column_of(word)
                if column is not None:
                    found[column] = max(weight, found.get(column, 0.0))
        return found

    def _readings(self, folded: Sequence[str]) -> csr_matrix:
        rows = [self._read(text) for text in folded]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([column for row in rows for column in row], dtype=np.int32)
        values = np.array([value for row in rows for value in row.values()], dtype=np.float32)
        return csr_matrix((values, columns, ends), shape=(len(rows), self._ngrams.width))
