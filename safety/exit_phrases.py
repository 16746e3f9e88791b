"""The phrases that leave, and what thumbs and keyboards make of them: worked out once, before anybody writes.

Source: safety.md, "The safety exit". What noise is forgiven is written in :mod:`safety.folding` and, for the keyboard, in
the tables below. Asking is a look-up: :func:`safety.exit.is_exit`.
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
KHUROOJ: Final = (
    "5roj", "khroj", "khoroj", "khorooj", "khorouj", "khourouj", "khuruj", "khurooj", "5oroj", "5orooj", "5uruj",
    "o5roj", "okhroj", "e5roj", "ekhroj", "i5roj", "u5ruj", "ukhruj",
)
KHALAS: Final = ("khalas", "khalass", "khlas", "khls", "5alas", "5las", "5ala9", "5la9", "khala9", "khla9")
ETLA3: Final = ("etla3", "itla3", "atla3", "2etla3", "utla3", "e6la3", "i6la3", "a6la3")
#: All of it in Latin letters.
ARABIZI: Final = (
    *KHUROOJ,
    "khalas etla3", "khalas itla3", "khalas atla3", "khallas etla3", "khls etla3", "5alas etla3", "5ala9 etla3",
    "5alas itla3", "5las etla3", "khala9 e6la3", "khalas e6la3", "5alas e6la3",
    *(f"{khalas} {etla3}" for khalas in KHALAS for etla3 in ETLA3),
    "emsa7", "imsa7", "emsah", "imsah", "bye al7een", "bye el7een", "bye al7in", "bye alheen", "bay al7een",
    "bye الحين", "باي now",
)
#: As they are mostly typed. Their own slips are everyday words.
_AS_TYPED: Final = (
    "انها", "خلض اطلع", "خلث اطلع", "خلاض اطلع", "bye mow", "bye jow", "خؤوج", "اخؤج", "خىوج", "خرةج", "خوروج", "الخروج", "اغلاق", "خلاص اطلع", "حلص اطلع", "اخرجي", "امسحي", "enha2", "5urouj", "5rouj", "khrouj", "khorog", "khoroog", "khrog", "khroog", "5rog", "5orog", "okhrog",
    "o5rog", "bay el7een",
)

NOW: Final = ("الحين", "الان", "هلق", "هلا", "هسا", "هسه", "ذحين", "دحين", "دلوقتي", "دلوقت", "فورا", "حالا", "بسرعة")
NOW_LATIN: Final = (
    "now", "al7een", "el7een", "alheen", "hala2", "halla2", "hassa", "delwa2ty", "delwa2ti", "dilwa2ty", "dilwa2ti",
    "bsor3a", "b sor3a", "bser3a", "bsur3a", "besor3a",
)
PLEASE: Final = ("من فضلك", "من فضلكم", "لو سمحت", "لو سمحتي", "لو سمحتم", "لو سمحتو", "رجاء", "بليز")
PLEASE_LATIN: Final = ("please", "pls", "plz")
NOW_ENGLISH: Final = ("now", "right now", "fast", "quick", "quickly", "asap", "immediately")
CHAT: Final = ("الشات", "المحادثة", "الدردشة")
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

    Left out, since somebody in danger says them: «وقف هلق» (he has stopped now), «انهي» alone (Egyptian: which one?), "wa2ef" and
    "waggef" (he stands there). «امسح المحادثة» asks how traces are removed, and "close the chat" may be a plain goodbye: that is
    asked about (:func:`safety.exit.suspects_exit`). With "now" beside it somebody is in haste.
    """
    for order in _CLOSE:
        yield from (f"{order} {chat} {now}" for chat in CHAT for now in NOW)
    for order in _CLOSE_LATIN:
        yield from (f"{order} {chat} {now}" for chat in _EL_CHAT_LATIN for now in NOW_LATIN)
    for order in ("close", "delete", "erase", "leave"):
        for chat in _CHAT_LATIN:
            yield from (f"{order} {chat} {now}" for now in NOW_ENGLISH)
            yield from (f"{order} {chat} now {polite}" for polite in PLEASE_LATIN)
            yield from (f"{polite} {order} {chat} now" for polite in PLEASE_LATIN)
    for adjective in ("فوري", "سريع", "عاجل"):
        yield from (f"خروج {adjective} {polite}" for polite in PLEASE)
        yield f"خروج {adjective}"
    yield from (f"خروج {now} {polite}" for now in NOW for polite in PLEASE)
    yield from (f"الخروج {now}" for now in NOW)
    for chat in CHAT:
        yield from (f"انهاء {chat} {now}" for now in NOW)
        yield from (f"خروج من {chat} {now}" for now in NOW)
    for noun in ("خروج", "انهاء"):
        yield from (f"{noun} {beside}" for beside in (*NOW, *PLEASE))
    yield from (f"{polite} خروج" for polite in PLEASE)
    for chat in CHAT:
        yield from (f"خروج من {chat}", f"اخرج من {chat}", f"انهاء {chat}", f"انهي {chat}")
    yield from (f"اخرج {polite}" for polite in PLEASE)
    yield from (f"باي {now}" for now in NOW[:-3])
    yield from (f"امسح {now}" for now in NOW)
    for word in ("5roj", "khroj", "khorooj", "5rog", "khorog", "o5roj", "e5roj", "okhroj", "ekhroj"):
        yield from (f"{word} {now}" for now in NOW_LATIN)
    yield from (f"bye {now}" for now in NOW_LATIN)
    for verb in ("exit", "quit"):
        for beside in (*NOW_ENGLISH, *PLEASE_LATIN):
            yield f"{verb} {beside}"
        for polite in PLEASE_LATIN:
            yield from (f"{polite} {verb}", f"{verb} now {polite}", f"{polite} {verb} now")
    for chat in _CHAT_LATIN:
        for leaving in ("exit", "quit", "end"):
            yield from (f"{leaving} {chat}", f"{leaving} {chat} now")
            yield from (asked for polite in PLEASE_LATIN for asked in (f"{leaving} {chat} {polite}", f"{polite} {leaving} {chat}"))


COMPOSED: Final = tuple(_composed())
#: Single characters that leave from everywhere: no question may ever be answered by them.
SINGLE: Final = frozenset("0x")
CROSSES: Final = frozenset("×✖✕✗✘❌❎☓⨯⨉╳🗙🗴🞩🅧🆇хχ")

# Real words one slip away from a phrase, squeezed. A slip that hits one of these is not a slip.
REAL_WORDS: Final = frozenset(squeeze(fold(words)) for words in (
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
    "atop", "stool", "top", "step", "shop", "spot", "sop", "slop", "stoop", "drop", "sto", "quiet", "quite", "suit", "quilt",
    "quip", "quiz", "cancer", "council", "revoked", "evoke", "invoke", "unsubscribed",
    "etla3", "khalas", "khroof", "khorof", "kharoof",
    "bye allen", "bye ellen", "bye ahlen", "khalas wtla3", "khalas 6la3",
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
KEY_SIGNS: Final = frozenset(sign for sign in _ENGLISH_KEYS if not sign.isalnum())


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
        forms.update(slips(phrase))
    for phrase in OPT_OUT_WORDS:
        if len(phrase) >= 4:
            forms.update(squeeze(slip) for slip in swaps_and_neighbours(squeeze(fold(phrase))))
        if len(phrase) >= 9:   # long enough that no other word is a lost letter away
            forms.update(slips(phrase))
    forms -= REAL_WORDS
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


def slips(phrase: str) -> Iterator[str]:
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
    yield from swaps_and_neighbours(word, first)
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


def swaps_and_neighbours(word: str, first: int = 0) -> Iterator[str]:
    """Two letters changed places, or a key beside the right one; what lies before ``first`` is left alone."""
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
        keyed.add(keys("".join(_TO_ENGLISH.get(letter, letter) for letter in written)))


def keys(text: str) -> str:
    """Letters, digits and the signs that are letters on an Arabic keyboard, runs once: squeeze() that keeps signs."""
    kept: list[str] = []
    for letter in fold(text):
        if (letter.isalnum() or letter in KEY_SIGNS) and kept[-1:] != [letter]:
            kept.append(letter)
    return "".join(kept)


def each(*words: str) -> frozenset[str]:
    """The words as they are compared."""
    return frozenset(squeeze(fold(word)) for word in words)
