"""Words run together, set apart: «عميخنقها» is «عم يخنقها» to a reader, and no word at all to a model.

Who is afraid, or types with a thumb, leaves spaces out. A word that nobody wrote in the training messages, nor with
another beginning or ending, is cut where it falls into words that many wrote; the likeliest cut wins, and what makes no
sense in pieces stays whole. Mending single slips of letters the same way was tried and brought nothing (decision 15).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

_KNOWN = 2
"""Times a word must have been written to be left as it is."""

_PIECE = 6
"""Times a word must have been written to be a piece of another."""

_SHORTEST, _LONGEST, _LONGEST_PIECE = 6, 40, 12
"""Letters of a word that is looked at for cuts, and of a piece."""

_MOST = 40
"""Words of a message that are looked at: the length of a very long message must not be its price."""

_UNKNOWN_LETTER = 2.3
"""What a letter of a word nobody wrote costs, in nats: a tenth of the likelihood (Norvig, "Natural Language Corpus Data")."""

_SMALL = frozenset((
    "ما", "لا", "مش", "مو", "مب", "شو", "يا", "في", "من", "عن", "هو", "هي", "عم", "رح", "انا", "انت", "بس", "كل",
    "مع", "او", "ان", "لو", "اذا", "قد", "لم", "لن", "ثم", "بي", "لي", "و", "ع", "he", "is", "my", "me", "in",
    "at", "on", "to", "no", "i", "am", "so",
))
"""Words of one or two letters that may be pieces; others are beginnings and endings of words."""

_NO_WORDS = frozenset({"وال", "بال", "فال", "عال", "كال", "الم", "الت", "وبال"})
"""Beginnings that people also type apart; as pieces they would cut every noun in two."""

_BEFORE = (
    "", "وال", "بال", "فال", "عال", "كال", "لل", "ال", "هي", "هت", "هن", "ه", "ان", "ين", "بت", "بن", "و", "ف", "ب", "ل", "ع", "ك",
    "ما", "وما", "بي", "ن", "ي", "ت", "ا",
)
_AFTER = (
    "", "وها", "وه", "وني", "وهم", "ونا", "وك", "وكم", "تني", "تها", "ته", "ت", "هما", "هم", "هن", "كم", "كن", "ها", "نا", "ني", "ين",
    "ون", "ات", "وا", "لي", "لك", "لو", "له", "لها", "لنا", "ش", "ه", "ك", "ي", "و", "s", "ed", "ing",
)
"""Beginnings and endings that a known word may carry: such a word is whole, though nobody wrote it just so."""


class Spacing:
    """Knows the words of the training messages; sets apart what was run together."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._cost: dict[str, float] = {}
        self._all = 1.0

    def learn(self, texts: Iterable[str]) -> None:
        """Count the words of folded training texts."""
        counts = Counter(word for text in texts for word in text.split())
        self._all = math.log(sum(counts.values()) or 1)
        self._known = frozenset(word for word, count in counts.items() if count >= _KNOWN)
        self._cost = {
            word: self._all - math.log(count)
            for word, count in counts.items()
            if count >= _PIECE and word.isalpha() and word not in _NO_WORDS and (len(word) > 2 or word in _SMALL)
        }

    def apart(self, folded: str) -> str:
        """The text with its run-together words set apart."""
        if not self._cost:
            return folded
        words = folded.split()
        glued = [at for at, word in enumerate(words) if self._looks_glued(word)]
        for at in glued[:_MOST]:
            words[at] = self._cut(words[at])
        return " ".join(words)

    def _looks_glued(self, word: str) -> bool:
        return word.isalpha() and _SHORTEST <= len(word) <= _LONGEST and not self._is_one(word)

    def _is_one(self, word: str) -> bool:
        return any(
            word[len(before) : len(word) - len(after)] in self._known
            for before in _BEFORE if word.startswith(before)
            for after in _AFTER if word.endswith(after) and (not before + after or len(word) - len(before) - len(after) > 2)
        )

    def _cut(self, word: str) -> str:
        """The cheapest way to read it as several known words; the word itself if it is cheaper whole."""
        best: list[tuple[float, int]] = [(0.0, 0)]  # what the letters up to here cost, and where their last piece begins
        for end in range(1, len(word) + 1):
            starts = range(max(0, end - _LONGEST_PIECE), end)
            cuts = [(best[start][0] + self._cost[word[start:end]], start) for start in starts if word[start:end] in self._cost]
            best.append(min(cuts, default=(math.inf, 0)))
        if best[-1][0] >= self._all + _UNKNOWN_LETTER * (len(word) - 1):
            return word
        pieces, end = [], len(word)
        while end:
            start = best[end][1]
            pieces.append(word[start:end])
            end = start
        return " ".join(reversed(pieces))
