"""Folding: two spellings of one word become one string.

Frightened people type with one thumb, on any keyboard, and copy from anywhere. The exit, the danger rules and the
answers to questions therefore never look at what was typed but at what is left of it here (safety.md, "The safety
exit"). Small tables and ``unicodedata`` only; nothing here can raise, whatever the provider delivers.
"""

from __future__ import annotations

import re
import unicodedata

# Letters that Unicode keeps apart and a reader does not. Hamza on a carrier (أ إ آ ؤ ئ) is taken apart by NFKD below.
_LETTERS = str.maketrans({
    **dict.fromkeys("ٱٲٳٵ", "ا"),
    **dict.fromkeys("ىیېۍےێۑٸ", "ي"),
    **dict.fromkeys("کڪګگڬڭچ", "ك"),   # Gulf چ is a spoken ك: سچين is سكين
    **dict.fromkeys("ةۃہھەۀۂۿ", "ه"),
    **dict.fromkeys("ۄۅۆۇۈۉۋٶٷ", "و"),
    "پ": "ب", "ڤ": "ف", "ڨ": "ق", "ڠ": "غ", "ژ": "ز", "ڕ": "ر", "ڵ": "ل",
    "ـ": "", "ı": "i", "ﾠ": "", "ㅤ": "", "ᅟ": "", "ᅠ": "",
    "⓿": "0", "🄋": "0", "🄌": "0", "‘": "'", "’": "'", "ʼ": "'", "´": "'",
    "،": ",", "؛": ";", "؟": "?",
})

# Marks (diacritics, variation selectors, the keycap), format controls (zero-width, bidi, tags), lone surrogates.
_DROPPED = frozenset({"Mn", "Me", "Cf", "Cs"})

_REPEATED = re.compile(r"([^\W\d_])\1+")
_REPEATED_ANY = re.compile(r"(.)\1+", re.DOTALL)
_BLANKS = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
# ﷲ ﷺ ﷽ and their like: one character that unfolds to a whole formula, up to eighteen letters. Never part of a word.
_WHOLE_WORDS = re.compile("[\ufdf0-\ufdfd]")


def fold(text: str) -> str:
    """One string for all spellings: letters, digits, punctuation and single blanks stay, the rest is evened out.

    NFKD takes apart full-width, presentation forms, ligatures, styled letters and hamza carriers; marks and invisible
    characters go; case, alef, teh marbuta, yeh and kaf are one each; digits of every script are Western; a letter held
    down counts once (digits are kept: 11 is not 1). Line breaks stay, since they end a sentence.
    """
    if not text.isascii():
        if _WHOLE_WORDS.search(text):
            text = _WHOLE_WORDS.sub(" ", text)
        text = unicodedata.normalize("NFKD", text)
        lowered = text.casefold()
        text = lowered if lowered == text else unicodedata.normalize("NFKD", lowered)
        if table := _table_for(set(text)):
            text = text.translate(table)
    text = text.lower().replace("\r", "\n")
    return _BLANKS.sub(" ", _REPEATED.sub(r"\1", text)).strip()


def _table_for(letters: set[str]) -> dict[int, str]:
    """What to do with the characters this text really holds; a table of all Unicode would cost every start."""
    table: dict[int, str] = {}
    for letter in letters:
        if letter.isascii():
            continue
        if (replacement := _LETTERS.get(ord(letter))) is not None:
            table[ord(letter)] = replacement
            continue
        category = unicodedata.category(letter)
        if category in _DROPPED:
            table[ord(letter)] = ""
        elif category == "Nd" and not letter.isascii():
            table[ord(letter)] = str(unicodedata.decimal(letter))
        elif category in ("Zl", "Zp"):
            table[ord(letter)] = "\n"
    return table


def squeeze(folded: str) -> str:
    """Letters and digits only, each run of one character once: what the exit compares.

    Takes folded text. «خ ر و ج», «"خروج!"» and «خرووووج 😭» all become «خروج».
    """
    return _REPEATED_ANY.sub(r"\1", "".join(filter(str.isalnum, folded)))
