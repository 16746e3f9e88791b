"""Sub-word embeddings trained on open Arabic text: a peer for the comparison, no part of the product.

Words are described by the words around them (positive pointwise mutual information, truncated SVD: what word2vec
approximates, Levy & Goldberg 2014); a piece of a word by the words it is in, as fastText does; a message by the mean of
its words, a word nobody has seen by its pieces.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

_WINDOW = 4
_FEWEST = 3


class Subwords:
    """Vectors of words and of their pieces.

    Args:
        size: numbers in a vector.
    """

    def __init__(self, size: int = 150) -> None:
        self._size = size
        self._words: dict[str, NDArray[np.float32]] = {}
        self._pieces: dict[str, NDArray[np.float32]] = {}
        self._rare: dict[str, float] = {}

    def learn(self, texts: Sequence[str]) -> None:
        """Learn from folded text."""
        sentences = [text.split() for text in texts]
        counts = Counter(word for words in sentences for word in words)
        known = {word: at for at, (word, count) in enumerate(counts.most_common()) if count >= _FEWEST}
        pairs: Counter[tuple[int, int]] = Counter()
        for words in sentences:
            seen = [known[word] for word in words if word in known]
            for at, word in enumerate(seen):
                for near in seen[at + 1 : at + 1 + _WINDOW]:
                    pairs[word, near] += 1
                    pairs[near, word] += 1
        rows, columns = (np.fromiter((pair[side] for pair in pairs), dtype=np.int64) for side in (0, 1))
        together = np.fromiter(pairs.values(), dtype=np.float64)
        alone = np.bincount(rows, weights=together, minlength=len(known))
        chance = np.log(together * together.sum() / (alone[rows] * alone[columns] ** 0.75 * alone.sum() ** 0.25))
        table = csr_matrix((np.maximum(chance, 0), (rows, columns)), shape=(len(known), len(known)))
        vectors = TruncatedSVD(self._size, random_state=0).fit_transform(table).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6
        self._words = {word: vectors[at] for word, at in known.items()}
        self._rare = {word: 1 / (1 + counts[word] / 1000) for word in known}
        parts: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        for word, vector in self._words.items():
            for piece in pieces_of(word):
                parts[piece].append(vector)
        self._pieces = {piece: np.mean(found, axis=0) for piece, found in parts.items() if len(found) > 1}

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """One row a folded text, of length one."""
        return csr_matrix(np.stack([self._vector(text) for text in texts]))

    def _vector(self, text: str) -> NDArray[np.float32]:
        total = np.zeros(self._size, dtype=np.float32)
        for word in text.split():
            found = [self._pieces[piece] for piece in pieces_of(word) if piece in self._pieces]
            by_pieces = np.mean(found, axis=0) if found else np.zeros(self._size, dtype=np.float32)
            total += self._rare.get(word, 1.0) * (self._words.get(word, by_pieces) + 0.5 * by_pieces)
        return total / (float(np.linalg.norm(total)) or 1.0)


def pieces_of(word: str) -> Iterator[str]:
    """Pieces of three to five letters, the word's ends marked."""
    marked = f"<{word}>"
    for length in (3, 4, 5):
        for at in range(len(marked) - length + 1):
            yield marked[at : at + length]
