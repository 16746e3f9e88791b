"""Features that say what a message is about: its concepts, and which concept comes soon after which.

n-grams know the words of the training messages; concepts know ten ways of saying each of them (safety/concepts.py). An
ordered pair keeps who does what: "husband hit" is not "hit husband".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from safety.concepts import Concepts, compile_concepts, concepts_in
from safety.folding import fold

FILES = Path(__file__).resolve().parents[2] / "nlu_data" / "concepts"

_NEAR = 6
"""How many words on a concept may stand to be still read together with one before it."""

_MOST = 120
"""Concepts of a message that are read together with what follows: the length of a very long one must not be its price."""

_FEWEST = 3
"""Training messages a mark must be seen in: rarer ones would be learned by heart."""


def read_concepts(directory: Path = FILES) -> Concepts:
    """Compile the concept files of the repository.

    Raises:
        safety.concepts.ConceptsNotUsable: a file has a mistake.
    """
    return compile_concepts(yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in sorted(directory.glob("*.yml")))


class ConceptMarks:
    """Concepts and ordered pairs as columns of a matrix.

    Args:
        weight: the value of a mark. N-grams of a message have the length of about 1.4; a mark of 0.25 adds to them
            without drowning them. Chosen on half A of the development set.
        most: columns at most, the commonest first (a model must stay under 40 MB).
    """

    def __init__(self, concepts: Concepts, weight: float = 0.25, most: int = 50_000) -> None:
        self._concepts, self._weight, self._most = concepts, weight, most
        self._columns: dict[str, int] = {}

    def learn(self, texts: Sequence[str]) -> csr_matrix:
        """Choose the columns from training texts (as typed); returns their marks, one row a text."""
        marked = [self._marks(text) for text in texts]
        seen = Counter(mark for marks in marked for mark in marks)
        often = sorted((mark for mark, count in seen.items() if count >= _FEWEST), key=lambda mark: (-seen[mark], mark))
        self._columns = {mark: column for column, mark in enumerate(often[: self._most])}
        return self._matrix(marked)

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Marks of many texts, one row a text."""
        return self._matrix([self._marks(text) for text in texts])

    def active(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The columns of one text and their values, as :meth:`of` gives them."""
        columns = self._found(self._marks(text))
        return np.array(columns, dtype=np.int64), np.full(len(columns), self._weight, dtype=np.float32)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def _marks(self, text: str) -> set[str]:
        seen = concepts_in(fold(text), self._concepts)
        marks = {name for name, _ in seen}
        for first, (name, at) in enumerate(seen[:_MOST]):
            for later, where in seen[first + 1 :]:
                if where - at > _NEAR:
                    break
                if later != name:
                    marks.add(f"{name} {later}")
        return marks

    def _found(self, marks: Iterable[str]) -> list[int]:
        return sorted(self._columns[mark] for mark in marks if mark in self._columns)

    def _matrix(self, marked: Sequence[set[str]]) -> csr_matrix:
        rows = [self._found(marks) for marks in marked]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([column for row in rows for column in row], dtype=np.int32)
        values = np.full(len(columns), self._weight, dtype=np.float32)
        return csr_matrix((values, columns, ends), shape=(len(marked), len(self._columns)))
