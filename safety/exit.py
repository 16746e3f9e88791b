"""The safety exit: does this message ask that the chat vanish at once? Rules only, no model, no I/O.

Source: safety.md, "The safety exit". The whole message is compared, never a part of it: "he told me to stop working"
is a life story. The phrases and their slips are in :mod:`safety.exit_phrases`, what may stand around them in
:mod:`safety.exit_dressed`; everything is worked out once, asking is a few look-ups in a set.
"""

from __future__ import annotations

from typing import Final

from safety.exit_dressed import SURELY_LEAVES, is_dressed
from safety.exit_phrases import (
    ADVERTISED,
    ARABIZI,
    CHAT,
    COMPOSED,
    CROSSES,
    KEY_SIGNS,
    NOW,
    NOW_LATIN,
    PLEASE,
    PLEASE_LATIN,
    SINGLE,
    ExitPhrases,
    PhraseNotUsable,
    compile_phrases,
    each,
    keys,
)
from safety.folding import fold, squeeze

__all__ = [
    "ADVERTISED", "ARABIZI", "COMPOSED", "DEFAULT", "ExitPhrases", "PhraseNotUsable", "compile_phrases", "is_exit", "suspects_exit",
]

# Signs that make a face, a price or a percentage of a lone 0 or x: ":x", "0%".
_FACES: Final = frozenset(":;=%$€£<>_^")
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
    if _is_keyed(folded, phrases) or is_dressed(folded, phrases.forms):
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


def _is_keyed(folded: str, phrases: ExitPhrases) -> bool:
    if len(folded) > 80 or not any("a" <= letter <= "z" or letter in KEY_SIGNS for letter in folded):
        return False
    typed = keys(folded)
    half = typed[: len(typed) // 2]
    once = half if half * 2 == typed else typed   # said twice
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


#: Words that do so only where the chat is named: «بدي اطلع» and "i want to leave" are mostly about a house.
_LEAVES_A_CHAT: Final = each(
    "اطلع", "سكر", "سكري", "اسكر", "اقفل", "قفل", "انهي", "وقف", "اوقف", "leave", "close", "end", "stop", "finish", "etla3", "2etla3",
)
_THE_CHAT: Final = each(
    *CHAT, "شات", "محادثة", "دردشة", "هالشات", "هالمحادثة", "هالدردشة", "الجات", "chat", "conversation", "el chat", "elchat",
)
#: What may stand beside: when, please, to whom.
_BESIDE: Final = each(
    *NOW, *NOW_LATIN, *" ".join((*PLEASE, *PLEASE_LATIN)).split(), "يا", "اخي", "اختي", "خلص", "خلاص", "it", "this", "the", "ok",
)
#: What may stand beside as well where the chat is named: wishing, asking how, pointing.
_AROUND_A_CHAT: Final = each(
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
        leaves = said & (SURELY_LEAVES | _LEAVES_A_CHAT)
        return bool(leaves) and said <= SURELY_LEAVES | _LEAVES_A_CHAT | _THE_CHAT | _BESIDE | _AROUND_A_CHAT
    return bool(said & SURELY_LEAVES) and said <= SURELY_LEAVES | _BESIDE
