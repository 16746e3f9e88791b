"""The safety exit: does this message ask that the chat vanish at once? Rules only, no model, no I/O.

Source: safety.md, "The safety exit". The whole message is compared, never a part of it: "he told me to stop working"
is a life story. What noise is forgiven is written in :mod:`safety.folding` and, for the keyboard, in the tables below.
Everything is worked out once in :func:`compile_phrases`; asking is a few look-ups in a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from safety.folding import fold, squeeze
from safety.optout import OPT_OUT_WORDS

#: What people are told (safety.md). Built in, so that the exit works with every file missing.
ADVERTISED: Final = ("خروج", "اخرج", "خلص اطلع", "انهاء", "وقف", "امسح", "باي الحين", "exit", "bye now")
#: The same words in Latin letters, as they are typed in the Levant and in the Gulf.
ARABIZI: Final = (
    "5roj", "khroj", "khoroj", "khorooj", "khorouj", "khourouj", "khuruj", "khurooj", "5oroj", "5orooj", "5uruj",
    "o5roj", "okhroj", "e5roj", "ekhroj", "i5roj", "u5ruj", "ukhruj",
    "khalas etla3", "khalas itla3", "khalas atla3", "khallas etla3", "khls etla3", "5alas etla3", "5ala9 etla3",
    "5alas itla3", "5las etla3", "khala9 e6la3", "khalas e6la3", "5alas e6la3",
    "emsa7", "imsa7", "emsah", "imsah", "bye al7een", "bye el7een", "bye al7in", "bye alheen", "bay al7een",
    "bye الحين", "باي now",
)
#: «انهاء» as it is mostly typed. Its own slips are everyday words.
_SHORTENED: Final = ("انها",)
#: Single characters that leave from everywhere: no question may ever be answered by them.
SINGLE: Final = frozenset("0x")
CROSSES: Final = frozenset("×✖✕✗✘❌❎☓⨯⨉╳🗙🗴🞩хχ")

# Signs that make a face, a price or a percentage of a lone 0 or x: ":x", "0%".
_FACES: Final = frozenset(":;=%$€£<>_^")

# Real words one slip away from a phrase, squeezed. A slip that hits one of these is not a slip.
_REAL_WORDS: Final = frozenset(squeeze(fold(words)) for words in (
    # خروج, اخرج, امسح
    "خروف", "خروق", "مخرج", "خرج", "جروح", "حروف", "اخر", "احرج", "اخرس", "ارجح", "ادرج", "اعرج", "افرج", "اجرح", "افرح",
    "اخرط", "امسك", "امسى", "امسج", "اسمح", "ماسح", "امشي", "امزح", "امدح", "انسح", "مسح", "اكسح", "امسخ", "تمسح", "لمسح",
    "تخرج", "لخرج", "اتخرج", "هخرج", "عخرج", "اهرج", "خارج", "خرجو", "خريج", "يخرج", "يمسح", "خروجي", "نخرج", "بخرج",
    # انهاء
    "انهار", "اناء", "انهاك", "ابناء", "انباء", "انحاء", "انا", "انتهى", "انها ر", "تنهاء", "نهاء",
    # خلص اطلع
    "خلص طلع", "خلص تطلع", "خلص بطلع", "خلص يطلع", "خلص نطلع", "خلص اطلعت", "خلص اطلعي", "خلص اطلعو", "خلي اطلع",
    "خلصت اطلع", "خلص اطلب", "خلص اقلع", "خلص اضلع", "خلص اتطلع", "خلص لطلع", "خلص اطلعه", "خلني اطلع", "خلص هطلع",
    "خلص عطلع", "حلص طلع",
    # باي الحين
    "ياي الحين", "جاي الحين", "هاي الحين", "باقي الحين", "باي لحين", "لاي الحين", "ناي الحين", "باي الحسن",
    "باي الحنين", "باي العين",
    # Latin
    "edit", "exist", "exits", "ext", "exec", "exam", "exited", "next", "text", "sexit", "by now", "buy now", "be now", "bye no",
    "bye know", "bye not", "bye bow", "boy now", "bye how", "dye now", "eye now", "bye new",
    "atop", "top", "step", "shop", "spot", "sop", "slop", "stoop", "drop", "sto", "quiet", "quite", "suit", "quilt",
    "quip", "quiz", "cancer", "council", "revoked", "evoke", "invoke", "unsubscribed",
    "emsak", "etla3", "khalas", "khroof", "khorof", "kharoof",
))

_ROWS: Final = (
    ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ"),   # computers
    ("ضصثقفغعهخحج", "شسيبلاتنمكط", "ذءؤرىةوزظد"),    # phones
)

_ENGLISH_KEYS: Final = "qwertyuiop[]asdfghjkl;'zxcvnm,./`"
_ARABIC_KEYS: Final = "ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظذ"
_TO_ARABIC: Final = {**dict(zip(_ENGLISH_KEYS, _ARABIC_KEYS, strict=True)), "b": "لا"}
_TO_ENGLISH: Final = dict(zip(_ARABIC_KEYS, _ENGLISH_KEYS, strict=True))
_KEY_SIGNS: Final = frozenset(sign for sign in _ENGLISH_KEYS if not sign.isalnum())


class PhraseNotUsable(ValueError):
    """A staff phrase that would also be an everyday answer, or is nothing once folded."""


@dataclass(frozen=True, slots=True)
class ExitPhrases:
    """Everything :func:`is_exit` looks up. Built by :func:`compile_phrases`.

    Attributes:
        forms: squeezed messages that exit: the phrases, their slips and what they become on an Arabic keyboard.
        keyed: the Arabic phrases as they come out of an English keyboard; these hold signs (``ov,[`` is خروج).
        lengths: the lengths that occur in ``forms``, longest first, for messages that say it several times.
    """

    forms: frozenset[str]
    keyed: frozenset[str]
    lengths: tuple[int, ...]


def compile_phrases(extra: Iterable[str] = ()) -> ExitPhrases:
    """The built-in phrases and the helpline's own (``scripts/phrases/exit.yml``), with every slip worked out.

    Raises:
        PhraseNotUsable: for a phrase that is empty once folded, a single character, or an everyday answer.
    """
    forms: set[str] = {"ء"}   # x on an Arabic keyboard
    keyed: set[str] = set()
    for phrase in (*ADVERTISED, *ARABIZI):
        forms.update(_slips(squeeze(fold(phrase))))
    for phrase in OPT_OUT_WORDS:
        forms.update(_swaps_and_neighbours(squeeze(fold(phrase))))
    forms -= _REAL_WORDS
    for phrase in (*ADVERTISED, *ARABIZI, *_SHORTENED, *OPT_OUT_WORDS):
        forms.add(squeeze(fold(phrase)))
        _add_other_keyboard(phrase, forms, keyed)
    for phrase in extra:
        core = squeeze(fold(phrase))
        if len(core) < 2 and core not in SINGLE and not CROSSES & set(fold(phrase)):
            raise PhraseNotUsable("an exit phrase needs two letters or more")
        if core in _EVERYDAY:
            raise PhraseNotUsable("this word is an everyday answer and would throw people out")
        if len(core) >= 2:
            forms.add(core)
            _add_other_keyboard(phrase, forms, keyed)
    return ExitPhrases(frozenset(forms), frozenset(keyed), tuple(sorted({len(form) for form in forms}, reverse=True)))


# Too common to ever be an exit, whoever asks for it (safety.md: not «بس», and «باي» is a plain goodbye).
_EVERYDAY: Final = frozenset(squeeze(fold(word)) for word in (
    "بس", "باي", "خلص", "خلاص", "نعم", "لا", "اه", "ايه", "اي", "ايوه", "اوكي", "طيب", "تمام", "مرحبا", "شكرا", "سلام", "انا",
    "ok", "okay", "yes", "no", "bye", "hi", "hello", "thanks", "help", "aywa", "la", "bas", "start",
    *(str(number) for number in range(1, 1000)),
))


def _slips(core: str) -> Iterator[str]:
    """One slip of the finger. Arabic packs whole words into one letter at a word's edge, so there less is forgiven."""
    yield from _swaps_and_neighbours(core)
    arabic = not core.isascii()
    if arabic and len(core) < 5:
        return
    edge = 1 if arabic else 0
    for at in range(edge, len(core) - edge):
        if len(core) >= 4:
            yield squeeze(core[:at] + core[at + 1:])
    for at in range(1, len(core)):
        for key in sorted(_neighbours(core[at - 1]) | _neighbours(core[at])):
            yield squeeze(core[:at] + key + core[at:])


def _swaps_and_neighbours(core: str) -> Iterator[str]:
    if len(core) < 4:
        return
    for at in range(len(core) - 1):
        yield squeeze(core[:at] + core[at + 1] + core[at] + core[at + 2:])
    for at, letter in enumerate(core):
        for key in sorted(_neighbours(letter)):
            yield squeeze(core[:at] + key + core[at + 1:])


def _neighbours(letter: str) -> frozenset[str]:
    return _NEAR.get(letter, frozenset())


def _near() -> dict[str, frozenset[str]]:
    near: dict[str, set[str]] = {}
    for rows in _ROWS:
        for line, row in enumerate(rows):
            for at, key in enumerate(row):
                touching = [(line, at - 1), (line, at + 1), (line - 1, at), (line - 1, at + 1), (line + 1, at - 1), (line + 1, at)]
                for other_line, other in touching:
                    if 0 <= other_line < len(rows) and 0 <= other < len(rows[other_line]):
                        near.setdefault(key, set()).add(rows[other_line][other])
    # ئ ؤ ى ة fold into letters that lie elsewhere on the keyboard: they are nobody's neighbour.
    return {key: frozenset(other for other in others if other.strip() and fold(other) == other)
            for key, others in near.items() if fold(key) == key}


_NEAR: Final = _near()


def _add_other_keyboard(phrase: str, forms: set[str], keyed: set[str]) -> None:
    """English typed while the keyboard is Arabic, and the reverse."""
    folded = fold(phrase)
    if folded.isascii():
        forms.add(squeeze(fold("".join(_TO_ARABIC.get(letter, letter) for letter in phrase.casefold()))))
        return
    for written in {phrase, folded, folded.replace("لا", "b")}:
        keyed.add(_keys("".join(_TO_ENGLISH.get(letter, letter) for letter in written)))


def _keys(text: str) -> str:
    """Letters, digits and the signs that are letters on an Arabic keyboard, runs once: squeeze() that keeps signs."""
    kept: list[str] = []
    for letter in fold(text):
        if (letter.isalnum() or letter in _KEY_SIGNS) and kept[-1:] != [letter]:
            kept.append(letter)
    return "".join(kept)


DEFAULT: Final = compile_phrases()


def is_exit(text: str, phrases: ExitPhrases = DEFAULT) -> bool:
    """Whether the whole message asks to leave at once.

    Pure and quick (microseconds), so that it can stand before every look-up and every wait.
    """
    folded = fold(text)
    core = squeeze(folded)
    if not core.strip("xхχ") and (core or CROSSES & set(folded)):
        return _stands_alone(folded)
    if core == "0":
        return _stands_alone(folded)
    if core in phrases.forms:
        return True
    if _is_keyed(folded, phrases):
        return True
    return bool(core) and _is_made_of_phrases(core, phrases)


def _stands_alone(folded: str) -> bool:
    """A lone 0 or x, also quoted, repeated or with emoji around it, but not a face such as ``:x`` or ``0.0``."""
    if _FACES & set(folded):
        return False
    marks = [at for at, letter in enumerate(folded) if letter.isalnum() or letter in CROSSES]
    inner = folded[marks[0]:marks[-1]]
    return "." not in inner and "'" not in inner


def _is_keyed(folded: str, phrases: ExitPhrases) -> bool:
    if len(folded) > 80 or not any("a" <= letter <= "z" or letter in _KEY_SIGNS for letter in folded):
        return False
    keys = _keys(folded)
    return any(form in phrases.keyed for form in (keys, keys.strip(".'"), keys.rstrip(".,'/"), keys.lstrip(".'")))


def _is_made_of_phrases(core: str, phrases: ExitPhrases) -> bool:
    """Said twice, or in two languages: «خروج خروج», "exit خروج 0". Ordinary text fails at its first letter."""
    if len(core) > 64:   # one phrase pasted many times
        return core[:(core + core).find(core, 1)] in phrases.forms
    reached = {0}
    for at in range(len(core)):
        if at not in reached:
            if max(reached) < at:
                return False
            continue
        if core[at] in SINGLE:
            reached.add(at + 1)
        for length in phrases.lengths:
            if core[at:at + length] in phrases.forms:
                reached.add(at + length)
    return len(core) in reached


def _suspect_words() -> frozenset[str]:
    words = ("خروج", "اخرج", "انهاء", "امسح", "exit", "quit", "leave", "اطلع", "سكر", "اقفل", "close", "5roj", "emsa7", "انهي")
    return frozenset(squeeze(fold(word)) for word in words)


_SUSPECT: Final = _suspect_words()


def suspects_exit(text: str, phrases: ExitPhrases = DEFAULT) -> bool:
    """Whether a short message that is no exit might have meant one: then ask "leave? send 0", never act (safety.md)."""
    words = fold(text).split()
    if not 1 <= len(words) <= 3 or is_exit(text, phrases):
        return False
    return any(squeeze(word) in _SUSPECT or (len(word) >= 4 and squeeze(word) in phrases.forms) for word in words)
