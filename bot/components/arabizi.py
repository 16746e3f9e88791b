"""Arabizi to Arabic: the words of the training messages that a Latin-letter word may stand for, several of them.

Nobody spells Arabizi the same way twice, but all keep the consonants: "bedrobny", "bidrobni" and «بيضربني» have one
skeleton. Every Arabic-script word that was learned is filed under its skeletons, a typed word is looked up under its own;
vowels and frequency put the readings in order. So what was learned in one script is known in the other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product

from safety.concepts import bones

MOST = 3
"""Readings kept of one word: a skeleton is often shared («حامل», «حمل»), and the models see all of them."""

# Arabic consonant -> how the skeletons of safety.concepts write it, the commonest first. Empty: it may not be written.
_WRITTEN: dict[str, tuple[str, ...]] = {
    "ا": ("",), "و": ("", "w"), "ي": ("", "y"), "ه": ("h", ""), "ء": ("2", ""),
    "ب": ("b",), "ت": ("t",), "ث": ("t", "d", "s"), "ج": ("j", "2", "y"), "ح": ("h",), "خ": ("5",), "د": ("d",), "ذ": ("d", "z"),
    "ر": ("r",), "ز": ("z",), "س": ("s",), "ش": ("$",), "ص": ("s",), "ض": ("d",), "ط": ("t",), "ظ": ("d", "z"), "ع": ("3", ""),
    "غ": ("2",), "ف": ("f", "v"), "ق": ("2", "k"), "ك": ("k",), "ل": ("l",), "م": ("m",), "ن": ("n",),
}
_MOST_SKELETONS = 12
_MOST_FILED = 12  # words under one skeleton; the rarer ones would cost time and win nothing
_TWICE = re.compile(r"(.)\1+")
_VOWEL = {"ا": "a", "و": "ouw", "ي": "eiy"}
_LATIN_WORD = re.compile(r"[a-z0-9']*[a-z][a-z0-9']*")
_ARABIC_WORD = re.compile(r"[\u0621-\u064a]{2,}")


def skeletons(word: str) -> Iterator[str]:
    """The consonants of an Arabic-script word as a Latin-letter writer may leave them, the commonest first."""
    spelled = [_WRITTEN.get(letter, ("",)) for letter in word]
    if word[:1] in ("و", "ي"):  # at the beginning they are consonants
        spelled[0] = ("w",) if word[0] == "و" else ("y",)
    seen: set[str] = set()
    for choice in islice(product(*spelled), 4 * _MOST_SKELETONS):
        skeleton = _TWICE.sub(r"\1", "".join(choice))
        if skeleton and skeleton not in seen:
            seen.add(skeleton)
            yield skeleton
            if len(seen) == _MOST_SKELETONS:
                return


class Arabizi:
    """Readings of Latin-letter words, learned from training messages.

    Attributes:
        filed: skeleton -> Arabic-script words, each with how often it was seen.
        english: words of English messages; they are left alone.
    """

    def __init__(self) -> None:
        self.filed: dict[str, tuple[tuple[str, float], ...]] = {}
        self.english: frozenset[str] = frozenset()

    def learn(self, texts: Iterable[str], english: Iterable[str]) -> None:
        """File the words of folded training texts.

        Args:
            texts: messages in Arabic script.
            english: messages in English.
        """
        counts = Counter(word for text in texts for word in _ARABIC_WORD.findall(text))
        filed: dict[str, list[tuple[str, float]]] = {}
        for word, count in sorted(counts.items()):
            if count > 1:  # what was typed once may be a slip
                for rank, skeleton in enumerate(skeletons(word)):
                    filed.setdefault(skeleton, []).append((word, math.log(count) - 0.3 * rank))
        self.filed = {
            skeleton: tuple(sorted(words, key=lambda found: (-found[1], found[0]))[:_MOST_FILED]) for skeleton, words in filed.items()
        }
        common = Counter(word for text in english for word in text.split())
        self.english = frozenset(word for word, count in common.items() if count > 2 and word.isalpha())

    def readings(self, word: str) -> Sequence[str]:
        """Arabic-script words this Latin-letter word may stand for, the likeliest first; none for an English word."""
        if word in self.english:
            return ()
        found = self.filed.get(bones(word), ())
        ranked = sorted(((weight + 1.5 * _vowels_agree(word, arabic), arabic) for arabic, weight in found), reverse=True)
        return [arabic for _, arabic in ranked[:MOST]]

    def reading(self, folded: str) -> list[Sequence[str]]:
        """The readings of each Latin-letter word of a folded message that has any, in order."""
        if folded.isascii() or re.search("[a-z]", folded):
            return [found for word in _LATIN_WORD.findall(folded) if (found := self.readings(word))]
        return []


def _vowels_agree(latin: str, arabic: str) -> float:
    """Share of the long vowels of an Arabic word that stand in the Latin one, in order; less for what is left over."""
    at = agreed = wanted = 0
    for letter in arabic[1:]:
        if letter in _VOWEL:
            wanted += 1
            after = next((n for n in range(at, len(latin)) if latin[n] in _VOWEL[letter]), None)
            if after is not None:
                agreed, at = agreed + 1, after + 1
    return agreed / wanted if wanted else 0.5
