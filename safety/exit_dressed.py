"""A word for leaving that is dressed up: asked for nicely, in haste, by name, twice. Closed lists, whole messages.

One word that is not in the lists («خروج من البيت», "exit visa") and it is a life story.
"""

from __future__ import annotations

from typing import Final

from safety.exit_phrases import (
    ETLA3,
    KHALAS,
    KHUROOJ,
    NOW,
    NOW_ENGLISH,
    NOW_LATIN,
    PLEASE,
    PLEASE_LATIN,
    REAL_WORDS,
    SINGLE,
    each,
    slips,
    swaps_and_neighbours,
)
from safety.folding import fold, squeeze

#: What may stand beside a word for leaving without making it a life story: haste, pleas and thanks, whom one speaks to.
_HASTE: Final = each(
    *(word for word in (*NOW, *NOW_LATIN, *NOW_ENGLISH) if " " not in word), "هالحين", "الحينه", "هالوقت", "هسع", "هسعه", "اسه", "توا", "طوالي",
    "قوام", "فوري", "سريع", "سريعا", "عاجل", "عاجلا", "ضروري", "مستعجل", "مستعجله", "urgent", "urgently", "alaan", "alan", "hal7een", "halheen", "hassa3",
    "hala", "halla", "hl2", "delw2ty", "daroori", "dharoori", "fawran", "7alan",
)
_PLEA: Final = each(
    *(word for word in (*PLEASE, *PLEASE_LATIN) if " " not in word), "تكفى", "تكفي", "تكفين", "تكفون", "دخيلك", "دخيلكم", "دخيلكن", "دخيلكو", "دخلك", "ارجوك",
    "ارجوكي", "ارجوكم", "ارجوكو", "رجاءا", "فضلا", "بلييز", "فديتك", "فديتج", "فديتكم", "plez", "plis", "pliz", "pleas", "kindly",
    "takfa", "takfain", "tkfa", "tkfon", "da5elak", "dakhilak", "dakhilik", "da5eelek", "rajaan",
)
_HEY: Final = each(
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
            *((first, second) for first, _, second in (each.partition(" ") for each in PLEASE) if second),
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
    *(slip for word in ("خروج", "انهاء", "exit", "quit", "unsubscribe", *KHUROOJ) for slip in map(squeeze, slips(word))),
    *each(
        "خروج", "الخروج", "انهاء", "اغلاق", "exit", "quit", "unsubscribe", "stopall", "optout", "opt out", *KHUROOJ, "5rog", "khorog", "امسح", "امسحي", "emsa7", "imsa7",
        "emsah", "imsah",
    ),
)) - REAL_WORDS
#: Two words of which the first is a word to address somebody by, so that they are looked for together.
_ENOUGH: Final = each("خلص اطلع", "خلاص اطلع", *(f"{khalas} {etla3}" for khalas in KHALAS for etla3 in ETLA3))
#: With "now" alone these are somebody's question or report: «اخرج الحين» (shall I get out now?), «وقف هلق» (he has stopped). A plea is to us.
_DRESSED_IN_A_PLEA: Final = each("اخرج", "اخرجي", "وقف", "0", "x")
_AT_ONCE: Final = each("فورا", "حالا")

#: Words that speak of leaving and of little else, with their slips: in Arabizi those as well that are too short to obey.
SURELY_LEAVES: Final = frozenset((
    *map(squeeze, (*slips("خروج"), *slips("exit"))),
    *(squeeze(slip) for word in KHUROOJ for slip in swaps_and_neighbours(squeeze(fold(word)), 1)),
)) - REAL_WORDS | each("خروج", "الخروج", "اخرج", "اخرجي", "انهاء", "exit", "quit", *KHUROOJ, "5rog", "khorog")


def is_dressed(folded: str) -> bool:
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


def has_had_enough(folded: str) -> bool:
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
    return one in SURELY_LEAVES and min(len(one), len(other)) >= 4 and _one_apart(one, other)


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes the same word."""
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    return one[start:] == other[start + 1:] or one[start + 1:] == other[start + 1:]
