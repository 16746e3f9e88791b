"""What a message says when it answers the question that waits: by digit, or by word in any dialect.

A message is an answer only when *all* of it is one: an answering word or more, with courtesies around it («اي والله»,
"no, thank you"). A sentence with anything else in it is speech and goes to the engine, which understands it; taking
«لا بس ضربني» for a no would lose what it says. Skip and "I don't know" are kept apart from no, since neither ever
counts as one (screening.md).

The words are data (``scripts/screening/answers.yml``); :func:`gather_words` folds them once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from safety.folding import fold

Answer = str
"""``yes``, ``no``, ``skip``, ``unsure``, or the value of one of the question's own options."""

Number = Literal["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
Kind = Literal["yes", "no", "skip", "unsure", "agree", "later", "courtesy"] | Number

NUMBERS: tuple[Number, ...] = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KINDS: tuple[Kind, ...] = ("yes", "no", "skip", "unsure", "agree", "later", "courtesy", *NUMBERS)
"""The groups of words a helpline may extend. ``agree`` ("ok", «تمام») says yes and ``later`` («بعدين») no to a proposal
only: as the answer to a question of fact they may as well mean "I heard you". A number in words is its digit."""

DIGITS: dict[int, Answer] = {1: "yes", 2: "no", 3: "skip"}
"""screening.md: 1 yes, 2 no, 3 skip; 9 is a person and 0 the exit, both read elsewhere."""

LONGEST = 10
"""Words an answer may have; a message with more is speech."""


_PAUSE = re.compile(r"[,،.!؛;\n…]|\s[-–]\s")


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a question that is not yes or no.

    Attributes:
        minor: who answers this is under eighteen.
        ages: youngest and oldest age that means this option, for a question about age.
        words: other ways to say it.
    """

    value: str
    digit: int
    minor: bool = False
    ages: tuple[int, int] | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """Answering words, folded, each a tuple of tokens -> its kind; and signs that are answers (a thumb)."""

    phrases: Mapping[tuple[str, ...], Kind]
    signs: Mapping[str, Kind]
    longest: int


class WordsConflict(ValueError):
    """The answering words contradict each other. ``kind`` names the group, ``problem`` what is wrong."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem


def gather_words(kinds: Mapping[str, Iterable[str]]) -> AnswerWords:
    """Fold the answering words of all dialects into one table.

    Raises:
        WordsConflict: an unknown group, a word that folds to nothing, or one that stands in two groups.
    """
    phrases: dict[tuple[str, ...], Kind] = {}
    signs: dict[str, Kind] = {}
    for name, words in kinds.items():
        if name not in KINDS:
            raise WordsConflict(name, f"is not a group of words; the groups are {', '.join(KINDS)}")
        kind: Kind = name
        for word in words:
            tokens = _tokens(word)
            if not tokens:
                sign = _bare(word)
                if not sign or not all(unicodedata.category(c).startswith("S") for c in sign):
                    raise WordsConflict(name, f"{word!r} holds nothing that could be matched")
                if signs.setdefault(sign, kind) != kind:
                    raise WordsConflict(name, f"{word!r} is already in the group {signs[sign]!r}")
            elif phrases.setdefault(tokens, kind) != kind:
                raise WordsConflict(name, f"{word!r} is already in the group {phrases[tokens]!r}")
    return AnswerWords(phrases, signs, max((len(tokens) for tokens in phrases), default=0))


def read_digit(text: str) -> int | None:
    """The one digit a message consists of: ``1``, ``١``, ``۱``, ``1️⃣``, ``1.``, ``(1)``; else None.

    Two digits are a number and no answer; a minus or a unit makes it an amount, which is speech.
    """
    signs = (c for c in unicodedata.normalize("NFKC", text) if not _is_decoration(c))
    digits = list(islice(signs, 2))  # a second sign settles it: the rest of a long message need not be read
    if len(digits) != 1:
        return None
    value = unicodedata.digit(digits[0], None)
    return value if value is not None and unicodedata.category(digits[0]) == "Nd" else None


def read_number(text: str, words: AnswerWords) -> int | None:
    """The digit a message consists of, written as a digit or as a word («واحد», "two please"); else None."""
    digit = read_digit(text)
    if digit is not None or "?" in text or "؟" in text:
        return digit
    kinds = _kinds(_tokens(text), words)
    return None if kinds is None else _number(kinds - {"courtesy"})


def read_beginning(text: str, words: AnswerWords) -> Answer | None:
    """The answer a message begins with before its first comma or full stop («اه منيح، جوزي …» is a yes), if any.

    For a proposal only: to a question of fact, what follows may well take it back.
    """
    if "?" in text or "؟" in text:
        return None
    head, *rest = _PAUSE.split(text, maxsplit=1)
    return read_answer(head, (), words) if rest else None


def read_answer(
    text: str, item_options: Sequence[Option], words: AnswerWords, *, proposal: bool = False
) -> Answer | None:
    """Read a message as the answer to the question that waits; None when it is not one.

    Args:
        text: the whole message.
        item_options: the question's own options; empty for a yes-or-no question.
        words: from :func:`gather_words`.
        proposal: the question proposes something ("is this a good time?"), so that "ok" means yes.
    """
    digit = read_digit(text)
    if digit is not None:
        return _by_digit(digit, item_options)
    if "?" in text or "؟" in text or len(text) > 200:
        return None  # «نعم؟» asks us to say it again
    sign = words.signs.get(_bare(text))
    tokens = _tokens(text)
    if sign is None and not tokens:
        return None
    if item_options:
        chosen = _by_option(tokens, item_options)
        if chosen is not None:
            return chosen
    kinds: set[str] | None = {sign} if sign else _kinds(_without_digits(tokens), words)
    if kinds is None:
        return None
    number = _number(kinds - {"courtesy"})
    if number is not None:
        return _by_digit(number, item_options)
    digits = {DIGITS.get(int(token), "") for token in tokens if token in _DIGIT_TOKENS}
    said = _weigh(kinds | digits, proposal)
    if item_options and said in ("yes", "no"):
        return None
    return said


def _number(kinds: set[str]) -> int | None:
    """The digit that one number word and nothing else stands for."""
    return next((n for n, name in enumerate(NUMBERS, 1) if kinds == {name}), None)


def _by_digit(digit: int, item_options: Sequence[Option]) -> Answer | None:
    if item_options:
        return next((o.value for o in item_options if o.digit == digit), "skip" if digit == 3 else None)
    return DIGITS.get(digit)


def _weigh(kinds: set[str], proposal: bool) -> Answer | None:
    """One answer out of the kinds of words a message holds; "no, I don't know" is never a no."""
    said = kinds - {"courtesy"}
    if "later" in said:  # "yes, later", «لا بعدين»: not now
        return "no" if proposal and said <= {"later", "no", "yes", "agree"} else None
    if "agree" in said:  # "ok, skip" is a skip; "ok" alone agrees to a proposal
        said = said - {"agree"} | ({"yes"} if proposal and said == {"agree"} else set())
    if len(said) == 1:
        return said.pop() or None
    if said == {"no", "unsure"}:
        return "unsure"
    if said == {"no", "skip"} or said == {"unsure", "skip"} or said == {"no", "unsure", "skip"}:
        return "skip"
    if said == {"yes", "unsure"} and not proposal:
        return "yes"  # "I think so, I don't know": of two readings the more worried one
    return None


def _kinds(tokens: tuple[str, ...], words: AnswerWords) -> set[str] | None:
    """The kinds of the phrases a message is made of, longest phrase first; None when anything else is in it."""
    if len(tokens) > LONGEST:
        return None
    kinds: set[str] = set()
    start = 0
    while start < len(tokens):
        for end in range(min(len(tokens), start + words.longest), start, -1):
            kind = words.phrases.get(tokens[start:end])
            if kind is not None:
                kinds.add(kind)
                start = end
                break
        else:
            return None
    return kinds


# -- age -------------------------------------------------------------------------------------------------------

def _by_option(tokens: tuple[str, ...], item_options: Sequence[Option]) -> Answer | None:
    for option in item_options:
        if any(_tokens(word) == tokens for word in option.words):
            return option.value
    numbers = [int(token) for token in tokens if re.fullmatch(r"[0-9]{1,2}", token)]
    others = [token for token in tokens if not re.fullmatch(r"[0-9]{1,2}", token)]
    if len(numbers) != 1 or not all(token in _AGE_WORDS for token in others):
        return None
    if numbers[0] < 10 and not any(token in _OWN_AGE for token in others):
        return None  # a bare 5 is the option's digit, not a child of five
    for option in item_options:
        if option.ages is not None and option.ages[0] <= numbers[0] <= option.ages[1]:
            return option.value
    return None


# -- folding ---------------------------------------------------------------------------------------------------

_DIGIT_TOKENS = frozenset("123")


def _without_digits(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The words of "1 نعم" (somebody copied the hint); a digit in the middle of a sentence stays and is no answer."""
    if len(tokens) > 1 and tokens[0] in _DIGIT_TOKENS:
        return tokens[1:]
    if len(tokens) > 1 and tokens[-1] in _DIGIT_TOKENS:
        return tokens[:-1]
    return tokens


def _tokens(text: str) -> tuple[str, ...]:
    """Folded words of a text: «لاااا» is «لا» (fold counts a held letter once), didn't is didnt, signs part words."""
    folded = fold(text).replace("'", "")
    return tuple("".join(" " if _is_separator(c) else c for c in folded).split())


def _is_separator(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"


def _is_decoration(character: str) -> bool:
    """Spaces, marks, controls, brackets and the square around a keycap digit; not signs that make an amount."""
    category = unicodedata.category(character)
    return (category[0] in "ZCMP" or category == "So") and character not in "%‰٪/"


def _bare(text: str) -> str:
    """A message that is only signs, without skin tones, variation selectors, spaces and repetition."""
    kept = [c for c in text if unicodedata.category(c)[0] not in "ZCM" and not "\U0001f3fb" <= c <= "\U0001f3ff"]
    return "".join(c for n, c in enumerate(kept) if n == 0 or c != kept[n - 1])


def _folded_words(words: str) -> frozenset[str]:
    return frozenset(_tokens(words))


_AGE_WORDS = _folded_words(
    "عمري انا سنه سنين سنوات عام عاما سنت بنت ولد طفل i am im my age is years year old yo y a girl boy 3omri 3umri "
    "ana sene sne sneen"
)
_OWN_AGE = _folded_words("عمري 3omri 3umri age years year old yo سنه سنين سنوات عام عاما sene sne sneen")
"""Words that may stand around an age."""
