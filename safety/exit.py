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
#: «خروج» and «اخرج» in Latin letters, as they are typed in the Levant and in the Gulf.
_KHUROOJ: Final = (
    "5roj", "khroj", "khoroj", "khorooj", "khorouj", "khourouj", "khuruj", "khurooj", "5oroj", "5orooj", "5uruj",
    "o5roj", "okhroj", "e5roj", "ekhroj", "i5roj", "u5ruj", "ukhruj",
)
_KHALAS: Final = ("khalas", "khalass", "khlas", "khls", "5alas", "5las", "5ala9", "5la9", "khala9", "khla9")
_ETLA3: Final = ("etla3", "itla3", "atla3", "2etla3", "utla3", "e6la3", "i6la3", "a6la3", "6la3")
#: All of it in Latin letters.
ARABIZI: Final = (
    *_KHUROOJ,
    "khalas etla3", "khalas itla3", "khalas atla3", "khallas etla3", "khls etla3", "5alas etla3", "5ala9 etla3",
    "5alas itla3", "5las etla3", "khala9 e6la3", "khalas e6la3", "5alas e6la3",
    *(f"{khalas} {etla3}" for khalas in _KHALAS for etla3 in _ETLA3),
    "emsa7", "imsa7", "emsah", "imsah", "bye al7een", "bye el7een", "bye al7in", "bye alheen", "bay al7een",
    "bye الحين", "باي now",
)
#: As they are mostly typed. Their own slips are everyday words.
_AS_TYPED: Final = (
    "انها", "خؤوج", "الخروج", "اغلاق", "خلاص اطلع", "حلص اطلع", "اخرجي", "امسحي", "enha2", "5urouj", "khorog", "khoroog", "khrog", "khroog", "5rog", "5orog", "okhrog",
    "o5rog", "bay el7een",
)

_NOW: Final = ("الحين", "الان", "هلق", "هلا", "هسا", "هسه", "ذحين", "دحين", "دلوقتي", "دلوقت", "فورا", "حالا", "بسرعة")
_NOW_LATIN: Final = (
    "now", "al7een", "el7een", "alheen", "hala2", "halla2", "hassa", "delwa2ty", "delwa2ti", "dilwa2ty", "dilwa2ti",
    "bsor3a", "b sor3a", "bser3a", "bsur3a", "besor3a",
)
_PLEASE: Final = ("من فضلك", "من فضلكم", "لو سمحت", "لو سمحتي", "لو سمحتم", "لو سمحتو", "رجاء", "بليز")
_PLEASE_LATIN: Final = ("please", "pls", "plz")
_NOW_ENGLISH: Final = ("now", "right now", "fast", "quick", "quickly", "asap", "immediately")
_CHAT: Final = ("الشات", "المحادثة", "الدردشة")
_CHAT_LATIN: Final = ("chat", "the chat", "this chat")
#: Orders to somebody, in forms that cannot also mean "shall I": «اقفل الشات هلق» and «امسح» can, and are asked about.
_CLOSE: Final = (
    "سكر", "سكري", "سكرو", "اقفلي", "اقفلو", "قفلي", "صكي", "صكو", "بندي", "بندو", "امسحي", "امسحو", "احذفي", "احذفو", "شيل", "شيلي", "شيلو",
    "طلعني من", "طلعوني من", "طلعيني من",
)
_CLOSE_LATIN: Final = ("sakri", "sakkri", "sakker", "sakkir", "sakro", "e2feli", "2efli", "emsa7i", "imsa7i", "e7thefi", "bandi", "6al3ni mn", "tal3ni mn", "6al3oni mn")
_EL_CHAT_LATIN: Final = ("el chat", "elchat", "al chat", "hal chat", "chat")


def _composed() -> Iterator[str]:
    """A phrase with now, please or the chat beside it: the words exactly, no slip is forgiven.

    Left out, since somebody in danger says them: «وقف هلق» (he has stopped now), «اخرج الحين» (shall I get out now?),
    "stop now", "please stop", «انهي» alone (Egyptian: which one?), "wa2ef" and "waggef" (he stands there). «امسح المحادثة» asks how traces
    are removed, and "close the chat" may be a plain goodbye: that is asked about (:func:`suspects_exit`). With
    "now" beside it somebody is in haste.
    """
    for order in _CLOSE:
        yield from (f"{order} {chat} {now}" for chat in _CHAT for now in _NOW)
    for order in _CLOSE_LATIN:
        yield from (f"{order} {chat} {now}" for chat in _EL_CHAT_LATIN for now in _NOW_LATIN)
    for order in ("close", "delete", "erase", "leave"):
        for chat in _CHAT_LATIN:
            yield from (f"{order} {chat} {now}" for now in _NOW_ENGLISH)
            yield from (f"{order} {chat} now {polite}" for polite in _PLEASE_LATIN)
            yield from (f"{polite} {order} {chat} now" for polite in _PLEASE_LATIN)
    for adjective in ("فوري", "سريع", "عاجل"):
        yield from (f"خروج {adjective} {polite}" for polite in _PLEASE)
        yield f"خروج {adjective}"
    yield from (f"خروج {now} {polite}" for now in _NOW for polite in _PLEASE)
    yield from (f"الخروج {now}" for now in _NOW)
    for chat in _CHAT:
        yield from (f"انهاء {chat} {now}" for now in _NOW)
        yield from (f"خروج من {chat} {now}" for now in _NOW)
    for noun in ("خروج", "انهاء"):
        yield from (f"{noun} {beside}" for beside in (*_NOW, *_PLEASE))
    yield from (f"{polite} خروج" for polite in _PLEASE)
    for chat in _CHAT:
        yield from (f"خروج من {chat}", f"اخرج من {chat}", f"انهاء {chat}", f"انهي {chat}")
    yield from (f"اخرج {polite}" for polite in _PLEASE)
    yield from (f"باي {now}" for now in _NOW[:-3])
    yield from (f"امسح {now}" for now in _NOW)
    for word in ("5roj", "khroj", "khorooj", "5rog", "khorog", "o5roj", "e5roj", "okhroj", "ekhroj"):
        yield from (f"{word} {now}" for now in _NOW_LATIN)
    yield from (f"bye {now}" for now in _NOW_LATIN)
    for verb in ("exit", "quit"):
        for beside in (*_NOW_ENGLISH, *_PLEASE_LATIN):
            yield f"{verb} {beside}"
        for polite in _PLEASE_LATIN:
            yield from (f"{polite} {verb}", f"{verb} now {polite}", f"{polite} {verb} now")
    for chat in _CHAT_LATIN:
        for leaving in ("exit", "quit", "end"):
            yield from (f"{leaving} {chat}", f"{leaving} {chat} now")
            yield from (asked for polite in _PLEASE_LATIN for asked in (f"{leaving} {chat} {polite}", f"{polite} {leaving} {chat}"))


COMPOSED: Final = tuple(_composed())
#: Single characters that leave from everywhere: no question may ever be answered by them.
SINGLE: Final = frozenset("0x")
CROSSES: Final = frozenset("×✖✕✗✘❌❎☓⨯⨉╳🗙🗴🞩🅧🆇хχ")

# Signs that make a face, a price or a percentage of a lone 0 or x: ":x", "0%".
_FACES: Final = frozenset(":;=%$€£<>_^")

# Real words one slip away from a phrase, squeezed. A slip that hits one of these is not a slip.
_REAL_WORDS: Final = frozenset(squeeze(fold(words)) for words in (
    # خروج, اخرج, امسح
    "خروف", "خروق", "مخرج", "خرج", "جروح", "حروف", "اخر", "احرج", "اخرس", "ارجح", "ادرج", "اعرج", "افرج", "اجرح", "افرح",
    "اخرط", "امسك", "امسى", "امسج", "اسمح", "ماسح", "امشي", "امزح", "امدح", "انسح", "مسح", "اكسح", "امسخ", "تمسح", "لمسح",
    "تخرج", "لخرج", "اتخرج", "هخرج", "عخرج", "اهرج", "خارج", "خرجو", "خريج", "يخرج", "يمسح", "خروجي", "نخرج", "بخرج",
    "اخرك", "مروج", "هروج", "khorj", "khurj", "ekhro", "emsak",
    # انهاء
    "انه هاي", "انهار", "اناء", "انهاك", "ابناء", "انباء", "انحاء", "انا", "انتهى", "انها ر", "تنهاء", "نهاء",
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
    "etla3", "khalas", "khroof", "khorof", "kharoof",
    "bye allen", "bye ellen", "bye ahlen", "khalas wtla3",
    # answers and kin beside a now-word: the rules of _word_slips leave them out already, and none may ever come back
    "بلى الحين", "ابي الحين", "باب الحين", "بغى الحين", "باق الحين", "ay al7een", "ye al7een", "ye now", "ey al7een", "hye al7een",
    "abi al7een", "خلاص طلع", "خلص طالع", "khalas tala3", "khalas tla3",
    "emmah", "immah", "esmah", "ismah", "insah", "ensah", "esma7", "isma7", "ensa7", "insa7", "emsa", "imsa",
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
        forms.update(_slips(phrase))
    for phrase in OPT_OUT_WORDS:
        if len(phrase) >= 4:
            forms.update(squeeze(slip) for slip in _swaps_and_neighbours(squeeze(fold(phrase))))
        if len(phrase) >= 9:   # long enough that no other word is a lost letter away
            forms.update(_slips(phrase))
    forms -= _REAL_WORDS
    for phrase in (*ADVERTISED, *ARABIZI, *_AS_TYPED, *OPT_OUT_WORDS, *COMPOSED):
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


def _slips(phrase: str) -> Iterator[str]:
    """One slip of the finger, in one word: letters never change places across a blank, where words become other words."""
    words = [squeeze(word) for word in fold(phrase).split()]
    arabizi = phrase in ARABIZI
    for at, word in enumerate(words):
        for slip in _word_slips(word, alone=len(words) == 1, arabizi=arabizi):
            yield squeeze("".join((*words[:at], slip, *words[at + 1:])))


def _word_slips(word: str, *, alone: bool, arabizi: bool) -> Iterator[str]:
    """The slips in a word that stands ``alone`` or in a phrase.

    Short Arabic and Arabizi words are a slip away from yes, "I want" and "mother" («باي»: «ابي», «بلى»; "emsah": "emmah"):
    nothing is forgiven in them. In a phrase, and in Arabizi, the first letter is neither lost nor moved, and in Arabic not
    mistaken either: it says who («اطلع», «تطلع»). Arabic packs whole words into a word's edge, so that none is lost there.
    """
    arabic = not word.isascii()
    english = not arabic and not arabizi
    shortest = 3 if english else 6 if alone and arabizi else 5 if arabizi else 4
    if len(word) < shortest:
        return
    first = 0 if alone and not arabizi else 1
    yield from _swaps_and_neighbours(word, first)
    if first and not arabic and len(word) >= 5:
        yield from (key + word[1:] for key in sorted(_neighbours(word[0]) - {"w"}))   # "w tla3" is "and he went out"
    if len(word) >= 5 or (english and alone):
        last = len(word) - 1 if arabic else len(word)
        for at in range(max(first, 1) if arabic else first, last):
            yield word[:at] + word[at + 1:]
    if len(word) >= 5 or english:
        for at in range(1, len(word)):
            for key in sorted(_neighbours(word[at - 1]) | _neighbours(word[at])):
                yield word[:at] + key + word[at:]
    if english and alone:
        yield from (word + key for key in sorted(_neighbours(word[-1])))


def _swaps_and_neighbours(word: str, first: int = 0) -> Iterator[str]:
    for at in range(first, len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2:]
    for at in range(first, len(word)):
        for key in sorted(_neighbours(word[at])):
            yield word[:at] + key + word[at + 1:]


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
    if _is_keyed(folded, phrases) or _is_dressed(folded) or _has_had_enough(folded):
        return True
    return bool(core) and _is_made_of_phrases(core, phrases)


def _stands_alone(folded: str) -> bool:
    """A lone 0 or x, also quoted, repeated or with emoji around it, but not a face such as ``:x`` or ``0.0``."""
    folded = _unwrapped(folded)
    if _FACES & set(folded):
        return False
    marks = [at for at, letter in enumerate(folded) if letter.isalnum() or letter in CROSSES]
    inner = folded[marks[0]:marks[-1]]
    return "." not in inner and "'" not in inner


def _unwrapped(folded: str) -> str:
    """Without the signs with which WhatsApp makes a text slanted, bold or struck: ``_0_`` is a 0, ``0_0`` a face."""
    text = folded.strip()
    while len(text) > 2 and text[0] == text[-1] and text[0] in "_*~`":
        text = text[1:-1].strip()
    return text


def _is_dressed(folded: str) -> bool:
    """A word for leaving with haste, pleas and an address around it, in any order: «خروج هالحين تكفين», "ok exut pls now"."""
    if len(folded) > 160:
        return False
    words = [word for word in map(squeeze, folded.split()) if word]
    if not 2 <= len(words) <= _LONGEST_DRESSED:
        return False
    left: list[str] = []
    kinds: list[object] = []
    at = 0
    while at < len(words):
        kind, taken = _beside(words, at)
        if kind is None:
            left.append(words[at])
        else:
            kinds.append(kind)
        at += taken
    if len(left) == 2 and _said_again(left):
        return True
    said, begged = "".join(left), _PLEA in kinds
    if said in _DRESSED_IN_A_PLEA and _HEY not in kinds:
        return begged or (bool(_AT_ONCE & set(words)) and said not in SINGLE and "?" not in folded)
    return bool(kinds) and said in _DRESSED


def _has_had_enough(folded: str) -> bool:
    """«خلص اطلع» with a plea or haste after it: told apart from «خلص» that only opens a sentence."""
    if len(folded) > 120:
        return False
    words = [word for word in map(squeeze, folded.split()) if word]
    if len(words) < 3 or words[0] + words[1] not in _ENOUGH:
        return False
    at = 2
    while at < len(words):
        kind, taken = _beside(words, at)
        if kind not in (_HASTE, _PLEA):
            return False
        at += taken
    return True


def _beside(words: list[str], at: int) -> tuple[object, int]:
    """What kind of side word stands there, and how many words it takes; no kind for any other word."""
    if (three := _THREE_WORDS.get(tuple(words[at:at + 3]))) is not None:
        return three, 3
    if (two := _TWO_WORDS.get((words[at], words[at + 1]) if at + 1 < len(words) else ("", ""))) is not None:
        return two, 2
    return next((kind for kind in (_HASTE, _PLEA, _HEY) if words[at] in kind), None), 1


def _said_again(two: list[str]) -> bool:
    """One word twice, the second time with a slip of any kind: «اخرج اخىج»."""
    one, other = two
    return one in _SURELY_LEAVES and min(len(one), len(other)) >= 4 and _one_apart(one, other)


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes the same word."""
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    return one[start:] == other[start + 1:] or one[start + 1:] == other[start + 1:]


def _is_keyed(folded: str, phrases: ExitPhrases) -> bool:
    if len(folded) > 80 or not any("a" <= letter <= "z" or letter in _KEY_SIGNS for letter in folded):
        return False
    keys = _keys(folded)
    half = keys[: len(keys) // 2]
    once = half if half * 2 == keys else keys   # said twice
    return any(form in phrases.keyed for form in (once, once.strip(".'"), once.rstrip(".,'/"), once.lstrip(".'")))


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


def _each(*words: str) -> frozenset[str]:
    return frozenset(squeeze(fold(word)) for word in words)


#: What may stand beside a word for leaving without making it a life story: haste, pleas and thanks, whom one speaks to.
_HASTE: Final = _each(
    *(word for word in (*_NOW, *_NOW_LATIN, *_NOW_ENGLISH) if " " not in word), "هالحين", "الحينه", "هالوقت", "هسع", "هسعه", "اسه", "توا", "طوالي",
    "قوام", "فوري", "سريع", "سريعا", "عاجل", "عاجلا", "ضروري", "مستعجل", "مستعجله", "urgent", "urgently", "alaan", "alan", "hal7een", "halheen", "hassa3",
    "hala", "halla", "hl2", "delw2ty", "daroori", "dharoori", "fawran", "7alan",
)
_PLEA: Final = _each(
    *(word for word in (*_PLEASE, *_PLEASE_LATIN) if " " not in word), "تكفى", "تكفي", "تكفين", "تكفون", "دخيلك", "دخيلكم", "دخيلكن", "دخيلكو", "دخلك", "ارجوك",
    "ارجوكي", "ارجوكم", "ارجوكو", "رجاءا", "فضلا", "بلييز", "فديتك", "فديتج", "فديتكم", "plez", "plis", "pliz", "pleas", "kindly",
    "takfa", "takfain", "tkfa", "tkfon", "da5elak", "dakhilak", "dakhilik", "da5eelek", "rajaan",
)
_HEY: Final = _each(
    "شكرا", "مشكوره", "مشكورين", "يسلمو", "shukran", "thanks", "thx", "ty",
    "يا", "اختي", "اخي", "اخوي", "اخويا", "خيتي", "حبيبتي", "حبيبي", "عزيزتي", "دكتوره", "استاذه", "انسه", "مدام", "جماعه", "ناس", "يلا", "يالله", "الو",
    "خلص", "خلاص", "بس", "طيب", "اوكي", "اوك", "تمام", "ok", "okay", "oki", "yalla", "yala", "khalas", "5alas", "5ala9", "sis", "sister", "madam", "mam", "maam", "sir",
    "dear", "hey", "ya", "ukhti", "okhti", "o5ti", "habibti",
)
#: The same in two words, each of which may mean something else beside another.
_TWO_WORDS: Final = {
    (squeeze(fold(first)), squeeze(fold(second))): kind
    for kind, pairs in (
        (_HASTE, (
            ("right", "now"), ("right", "away"), ("at", "once"), ("b", "sor3a"), ("ب", "سرعة"), ("على", "طول"), ("عل", "السريع"), ("على", "السريع"),
            ("في", "الحال"), ("هاي", "اللحظة"), ("هالحزة", "هاي"),
        )),
        (_PLEA, (
            *((first, second) for first, _, second in (each.partition(" ") for each in _PLEASE) if second),
            *(("الله", word) for word in ("يخليك", "يخليكي", "يخليكم", "يخليكن", "يخليج", "يوفقك", "يسعدك", "يسعدج", "يسلمك", "يحفظك")),
            *(("بالله", word) for word in ("عليك", "عليكي", "عليكم", "عليج", "عليكو")), *(("بحياه", word) for word in ("الله", "ولادك", "امك")),
            *((kiss, hand) for kiss in ("ابوس", "بوس", "اقبل") for hand in ("ايدك", "ايديك", "ايدكم", "ايديكم", "ايدج", "راسك", "راسج", "يدك")),
            *((law, word) for law in ("لو", "اذا") for word in ("تكرمت", "تكرمتي", "تكرمتم", "تكرمتو", "سمحتن", "تفضلت", "تفضلتي")),
            ("بعد", "اذنك"), ("بعد", "اذنكم"), ("عن", "اذنك"), ("عن", "اذنكم"), ("if", "possible"),
            *((law, word) for law in ("lw", "law") for word in ("sama7t", "sama7ti", "sama7ty", "sm7t", "sm7ti", "sm7ty", "samaht", "samahti", "sama7to")),
            *((mn, word) for mn in ("mn", "min", "men") for word in ("fadlak", "fadlik", "fadlek", "fadlk", "fdlk")),
            ("allah", "ykhalik"), ("allah", "y5alik"), ("allah", "ykhaleek"), ("allah", "y5aleek"), ("allah", "ykhaliki"), ("abos", "edek"), ("aboos", "edek"),
        )),
        (_HEY, (("يعطيك", "العافيه"), ("يعطيكم", "العافيه"), ("يعطيكي", "العافيه"), ("يسلمو", "ايديكم"), ("thank", "you"), ("thank", "u"), ("my", "dear"))),
    )
    for first, second in pairs
}
#: In three.
_THREE_WORDS: Final = {
    tuple(squeeze(fold(word)) for word in words.split()): _PLEA
    for words in (
        "الله يرضى عليك", "الله يرضى عليكي", "الله يرضى عليكم", "الله يرضى عليج",
        "الله يخليلك ولادك", "الله يخليلك اهلك",
    )
}
_LONGEST_DRESSED: Final = 9
_DRESSED: Final = frozenset((
    *(slip for word in ("خروج", "انهاء", "exit", "quit", "unsubscribe", *_KHUROOJ) for slip in map(squeeze, _slips(word))),
    *_each(
        "خروج", "الخروج", "انهاء", "اغلاق", "exit", "quit", "unsubscribe", "stopall", "optout", "opt out", *_KHUROOJ, "5rog", "khorog", "امسح", "امسحي", "emsa7", "imsa7",
        "emsah", "imsah",
    ),
)) - _REAL_WORDS
#: Two words of which the first is a word to address somebody by, so that they are looked for together.
_ENOUGH: Final = _each("خلص اطلع", "خلاص اطلع", *(f"{khalas} {etla3}" for khalas in _KHALAS for etla3 in _ETLA3))
#: With "now" alone these are somebody's question or report: «اخرج الحين» (shall I get out now?), «وقف هلق» (he has stopped). A plea is to us.
_DRESSED_IN_A_PLEA: Final = _each("اخرج", "اخرجي", "وقف", "0", "x")
_AT_ONCE: Final = _each("فورا", "حالا")

#: Words that speak of leaving and of little else, with their slips: in Arabizi those as well that are too short to obey.
_SURELY_LEAVES: Final = frozenset((
    *map(squeeze, (*_slips("خروج"), *_slips("exit"))),
    *(squeeze(slip) for word in _KHUROOJ for slip in _swaps_and_neighbours(squeeze(fold(word)), 1)),
)) - _REAL_WORDS | _each("خروج", "الخروج", "اخرج", "اخرجي", "انهاء", "exit", "quit", *_KHUROOJ, "5rog", "khorog")
#: Words that do so only where the chat is named: «بدي اطلع» and "i want to leave" are mostly about a house.
_LEAVES_A_CHAT: Final = _each(
    "اطلع", "سكر", "سكري", "اسكر", "اقفل", "قفل", "انهي", "وقف", "اوقف", "leave", "close", "end", "stop", "finish", "etla3", "2etla3",
)
_THE_CHAT: Final = _each(
    *_CHAT, "شات", "محادثة", "دردشة", "هالشات", "هالمحادثة", "هالدردشة", "الجات", "chat", "conversation", "el chat", "elchat",
)
#: What may stand beside: when, please, to whom.
_BESIDE: Final = _each(
    *_NOW, *_NOW_LATIN, *" ".join((*_PLEASE, *_PLEASE_LATIN)).split(), "يا", "اخي", "اختي", "خلص", "خلاص", "it", "this", "the", "ok",
)
#: What may stand beside as well where the chat is named: wishing, asking how, pointing.
_AROUND_A_CHAT: Final = _each(
    "بدي", "بدنا", "ابي", "ابغى", "ابا", "عايز", "عايزه", "عاوز", "عاوزه", "اريد", "ودي", "حاب", "حابه", "كيف", "شلون", "ازاي", "اقدر", "بقدر",
    "ممكن", "لازم", "من", "عن", "هذا", "هذه", "هاي", "هال", "دي",
    "i", "want", "wanna", "need", "to", "how", "do", "can", "you", "me", "let", "my", "of", "from", "bdi", "abi", "mn", "men", "min", "kif", "el",
    "al",
)
_LONGEST_SUSPECT: Final = 8


def suspects_exit(text: str, phrases: ExitPhrases = DEFAULT) -> bool:
    """Whether a short message that is no exit almost certainly meant one: then ask "leave? send 0", never act (safety.md).

    Every word must be about leaving: «خروج يا اخي», "i want to leave the chat". One word more («خروج من البيت», "exit visa")
    and it is a life story. Deleting is left alone: "delete this chat" has an answer of its own.
    """
    words = [word for word in map(squeeze, fold(text).split()) if word]
    if not 1 <= len(words) <= _LONGEST_SUSPECT or is_exit(text, phrases):
        return False
    said = set(words)
    if said & _THE_CHAT:
        leaves = said & (_SURELY_LEAVES | _LEAVES_A_CHAT)
        return bool(leaves) and said <= _SURELY_LEAVES | _LEAVES_A_CHAT | _THE_CHAT | _BESIDE | _AROUND_A_CHAT
    return bool(said & _SURELY_LEAVES) and said <= _SURELY_LEAVES | _BESIDE
