"""Concepts: what a reader sees in a message, whatever dialect and spelling it comes in.

«بيضربني», «يطقني», "y6gni" and "he smacks me" are one concept to a reader. ``nlu_data/concepts/*.yml`` lists concepts
with their words in every dialect; this module finds them in a folded message: clitics and pronouns are taken off Arabic
words, vowels off Latin-letter Arabic. The models use what is found as features, the danger rules (``danger.py``) look
their own words up with the same means. Nothing is remembered between messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

from safety.folding import fold

Forms = tuple[str, ...]
"""The listed words one token may stand for, least changed first."""

Phrases = Mapping[str, Mapping[str, tuple[tuple[Forms, str], ...]]]
"""First word -> second word -> the phrases that begin so, each with its concept."""

TOKEN: Final = re.compile(r"\w+|[.,!?;:\n…]+")

_DIGRAPHS: Final = (("kh", "5"), ("gh", "2"), ("sh", "$"), ("ch", "k"), ("th", "d"), ("dh", "d"))
_SAME: Final = str.maketrans({"q": "2", "g": "2", "8": "2", "7": "h", "6": "t", "9": "s", "c": "k", "p": "b"})
_VOWELS: Final = re.compile(r"[aeiou]+|(?<!^)[yw]")
_TWICE: Final = re.compile(r"(.)\1+")
_LATIN_AFTER: Final = ("n", "h", "hm", "hn", "k", "na", "m")
_LATIN_BEFORE: Final = ("b", "w", "t", "y", "f", "l", "by", "bt", "wb", "2")

# What may stand before a stem: a conjunction, then a preposition, future or present sign with or without the article,
# or the letter that makes a verb he, she, we or I.
_JOINING: Final = ("", "و", "ف")
_LEADING: Final = (
    "", "ال", "ل", "لل", "ب", "بال", "ع", "عال", "ه", "هال", "ك", "كال", "م", "مال", "ش",
    "ي", "ت", "ن", "ا", "بي", "بت", "بن", "با", "حي", "حت", "حن", "مبي", "مبت", "ما", "ها", "هي", "هت", "عمي", "عمت", "عمب", "سي", "ست", "سن", "لي", "لت", "مت", "من",
    "است", "يست", "تست", "مست", "ان", "ين", "تن", "منت", "يت", "بيت", "بتت", "تت", "ات", "انت", "اتن",
)
_BEFORE: Final = frozenset(joining + leading for joining in _JOINING for leading in _LEADING if joining + leading)
# What may follow it: an ending of person, number or gender, then a pronoun, then the ش of Egyptian and Levantine negation.
_ENDING: Final = ("", "و", "وا", "ون", "ين", "ات", "ت", "تي", "ي", "ا", "ان", "تو", "نا", "يه", "ه", "ت", "يا")
_PRONOUN: Final = ("", "ني", "ه", "ها", "هم", "هن", "هون", "نا", "ك", "كي", "كم", "كن", "ي", "ج", "لي", "له", "لها", "لك", "لنا", "لي", "ن", "كو")
_AFTER: Final = frozenset(
    ending + pronoun + sign for ending in _ENDING for pronoun in _PRONOUN for sign in ("", "ش") if ending + pronoun + sign
)
_LONGEST_BEFORE: Final = max(map(len, _BEFORE))
_LONGEST_AFTER: Final = max(map(len, _AFTER))
_SHORTEST_STEM: Final = 3


class ConceptsNotUsable(ValueError):
    """A concept file cannot be used; the message says where and why, in words for the staff who edit it."""


class Seen(NamedTuple):
    """A concept in a message, and the number of the word at which it begins."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Concepts:
    """The compiled concept files."""

    words: Mapping[str, tuple[str, ...]]
    phrases: Phrases
    known: frozenset[str]
    names: tuple[str, ...]


def compile_concepts(files: Iterable[Mapping[str, Any]]) -> Concepts:
    """Build the vocabulary from parsed ``nlu_data/concepts/*.yml``.

    Raises:
        ConceptsNotUsable: a concept is listed twice, has no words, or an entry is empty.
    """
    words: dict[str, set[str]] = {}
    phrases: dict[str, list[tuple[Forms, str]]] = {}
    names: set[str] = set()
    for file in files:
        for name, concept in (file.get("concepts") or {}).items():
            if name in names:
                raise ConceptsNotUsable(f"{name}: listed twice")
            names.add(name)
            for dialect, entries in concept.items():
                if dialect == "says":
                    continue
                for entry in entries or ():
                    keys = _keys(str(entry), arabizi=dialect == "arabizi")
                    if not keys:
                        raise ConceptsNotUsable(f"{name}: {dialect}: an entry without a word")
                    if len(keys) > 1:
                        phrases.setdefault(keys[0], []).append((keys, name))
                    else:
                        words.setdefault(keys[0], set()).add(name)
    return Concepts(
        words={word: tuple(sorted(found)) for word, found in words.items()},
        phrases=by_second_word(phrases),
        known=every_form(words, phrases),
        names=tuple(sorted(names)),
    )


def concepts_in(folded: str, concepts: Concepts) -> list[Seen]:
    """The concepts of a folded message (:func:`safety.folding.fold`) in the order in which they are read.

    A word of a longer phrase counts for itself too. Of several readings of one word the least changed is taken.
    """
    tokens = [token for token in TOKEN.findall(folded.replace("'", "")) if token[0] not in ".,!?;:\n…"]
    forms = [_forms(token, concepts.known) for token in tokens]
    found = {
        Seen(name, at)
        for at, token_forms in enumerate(forms)
        for name in next((concepts.words[form] for form in token_forms if form in concepts.words), ())
    }
    found.update(Seen(name, start) for name, start, _ in phrases_in(forms, concepts.phrases))
    return sorted(found, key=lambda seen: (seen.at, seen.name))


# -- shared with the danger rules --------------------------------------------------------------------------------------


def by_second_word(listed: Mapping[str, Sequence[tuple[Forms, str]]]) -> Phrases:
    """Phrases by their first, then their second word: a message made of beginnings costs no more than another."""
    found: dict[str, dict[str, list[tuple[Forms, str]]]] = {}
    for first, entries in listed.items():
        for phrase, concept in entries:
            found.setdefault(first, {}).setdefault(phrase[1], []).append((phrase, concept))
    return {first: {second: tuple(entries) for second, entries in rest.items()} for first, rest in found.items()}


def every_form(words: Iterable[str], phrases: Mapping[str, Sequence[tuple[Forms, str]]]) -> frozenset[str]:
    """Every form a token could be looked up by; the others need not be made."""
    parts = {part for listed in phrases.values() for phrase, _ in listed for part in phrase}
    return frozenset({*words, *parts})


def phrases_in(forms: Sequence[Forms], phrases: Phrases) -> Iterator[tuple[str, int, int]]:
    """Every listed phrase in a message: its concept, its first and its last token."""
    for at, (token_forms, next_forms) in enumerate(pairwise(forms)):
        for form in token_forms:
            if (beginning := phrases.get(form)) is None:
                continue
            for second in next_forms:
                for phrase, name in beginning.get(second, ()):
                    last = at + len(phrase) - 1
                    if last < len(forms) and all(part in forms[at + step] for step, part in enumerate(phrase) if step > 1):
                        yield name, at, last


def bones(word: str) -> str:
    """The consonants of a Latin-letter Arabic word, one letter for those that are written in several ways."""
    for pair, one in _DIGRAPHS:
        word = word.replace(pair, one)
    return _TWICE.sub(r"\1", _VOWELS.sub("", word).translate(_SAME))


def arabizi_key(word: str) -> str:
    """``~`` and the consonants, when enough of them are left to be sure of the word; else the word."""
    left = bones(word)
    enough = len(left) >= 4 or (len(left) >= 3 and any(letter.isdigit() for letter in word))
    return f"~{left}" if enough else word


def _keys(entry: str, *, arabizi: bool) -> Forms:
    parts = [part for part in TOKEN.findall(fold(entry).replace("'", "")) if part[0] not in ".,!?;:\n…"]
    return tuple(_consonants(part) if arabizi and part.isascii() else part for part in parts)


def _consonants(word: str) -> str:
    # three are enough here, where a danger rule wants more: what is wrongly seen once does not ring a bell
    left = bones(word)
    return f"~{left}" if len(left) >= _SHORTEST_STEM else word


def _forms(token: str, known: frozenset[str]) -> Forms:
    if token.isascii():
        return _latin_forms(token, known)
    return _arabic_forms(token, known)


def _latin_forms(token: str, known: frozenset[str]) -> Forms:
    if token.isdigit():
        return (token,) if token in known else ()
    left = bones(token)
    forms = [token, f"~{left}"]
    forms += [f"~{left[:-len(tail)]}" for tail in _LATIN_AFTER if left.endswith(tail) and len(left) - len(tail) >= 3]
    for head in _LATIN_BEFORE:
        if left.startswith(head) and len(left) - len(head) >= 3:
            stem = left[len(head):]
            forms.append(f"~{stem}")
            forms += [f"~{stem[:-len(tail)]}" for tail in _LATIN_AFTER if stem.endswith(tail) and len(stem) - len(tail) >= 3]
    return tuple(form for form in forms if form in known)


def _arabic_forms(token: str, known: frozenset[str]) -> Forms:
    length = len(token)
    heads = [0, *(n for n in range(1, min(_LONGEST_BEFORE, length - 2) + 1) if token[:n] in _BEFORE)]
    tails = [0, *(n for n in range(1, min(_LONGEST_AFTER, length - 2) + 1) if token[-n:] in _AFTER)]
    found = [
        (head + tail, head, form)
        for head in heads
        for tail in tails
        if (length - head - tail >= _SHORTEST_STEM or head == tail == 0) and (form := token[head:length - tail]) in known
    ]
    return tuple(form for _, _, form in sorted(found))
