"""A word for leaving that is dressed up: asked for nicely, in haste, by name, twice. Closed lists, whole messages.

One word that is not in the lists («خروج من البيت», "exit visa") and it is a life story.
"""

from __future__ import annotations

from typing import Final

from safety.exit_phrases import (
    KHUROOJ,
    NOW,
    NOW_ENGLISH,
    NOW_LATIN,
    PLEASE,
    PLEASE_LATIN,
    REAL_WORDS,
    each,
    slips,
    swaps_and_neighbours,
)
from safety.folding import fold, squeeze

#: What may stand beside a word for leaving without making it a life story: haste, pleas and thanks, whom one speaks to.
_HASTE: Final = each(
    *(word for word in (*NOW, *NOW_LATIN, *NOW_ENGLISH) if " " not in word), "هالحين", "الحينه", "هالوقت", "هسع", "هسعه", "اسه", "توا", "طوالي",
    "قوام", "فوري", "سريع", "سريعا", "عاجل", "عاجلا", "ضروري", "مستعجل", "مستعجله", "بقى", "urgent", "urgently", "alaan", "alan", "hal7een", "halheen", "hassa3",
    "hala", "halla", "hl2", "delw2ty", "daroori", "dharoori", "fawran", "7alan",
)
_PLEA: Final = each(
    *(word for word in (*PLEASE, *PLEASE_LATIN) if " " not in word), "تكفى", "تكفي", "تكفين", "تكفون", "دخيلك", "دخيلكم", "دخيلكن", "دخيلكو", "دخلك", "والنبي", "بالله", "ارجوك",
    "ارجوكي", "ارجوكم", "ارجوكو", "رجاءا", "فضلا", "بلييز", "فديتك", "فديتج", "فديتكم", "plez", "plis", "pliz", "pleas", "kindly",
    "takfa", "takfain", "tkfa", "tkfon", "da5elak", "dakhilak", "dakhilik", "da5eelek", "rajaan",
)
_ADDRESS: Final = each(
    "يا", "اختي", "اخي", "اخوي", "اخويا", "خيتي", "حبيبتي", "حبيبي", "عزيزتي", "دكتوره", "استاذه", "انسه", "مدام", "فندم", "جماعه", "ناس", "الو", "sis", "sister",
    "madam", "mam", "maam", "sir", "dear", "hey", "ya", "ukhti", "okhti", "o5ti", "habibti",
)
_OPENER: Final = each(
    "يلا", "يالله", "خلص", "خلاص", "بس", "طيب", "اوكي", "اوك", "تمام", "شكرا", "مشكوره", "مشكورين", "يسلمو", "ok", "okay", "oki", "yalla", "yala", "khalas", "5alas",
    "5ala9", "shukran", "thanks", "thx", "ty",
)
_KINDS: Final = (("haste", _HASTE), ("plea", _PLEA), ("address", _ADDRESS), ("opener", _OPENER))
#: The same in two and three words, each of which may mean something else beside another.
_SEVERAL_WORDS: Final = {
    tuple(squeeze(fold(word)) for word in words): kind
    for kind, several in (
        ("haste", (
            ("right", "now"), ("right", "away"), ("at", "once"), ("b", "sor3a"), ("ب", "سرعة"), ("على", "طول"), ("عل", "السريع"), ("على", "السريع"),
            ("في", "الحال"), ("هاي", "اللحظة"), ("هالحزة", "هاي"),
        )),
        ("plea", (
            *((first, second) for first, _, second in (each.partition(" ") for each in PLEASE) if second),
            *(("الله", word) for word in ("يخليك", "يخليكي", "يخليكم", "يخليكن", "يخليج", "يوفقك", "يسعدك", "يسعدج", "يسلمك", "يحفظك")),
            *(("بالله", word) for word in ("عليك", "عليكي", "عليكم", "عليج", "عليكو")), *(("بحياه", word) for word in ("الله", "ولادك", "امك")),
            *((kiss, hand) for kiss in ("ابوس", "بوس", "اقبل") for hand in ("ايدك", "ايديك", "ايدكم", "ايديكم", "ايدج", "راسك", "راسج", "يدك")),
            *((law, word) for law in ("لو", "اذا") for word in ("تكرمت", "تكرمتي", "تكرمتم", "تكرمتو", "سمحتن", "تفضلت", "تفضلتي")),
            ("و", "النبي"), ("ب", "الله"), ("بعد", "اذنك"), ("بعد", "اذنكم"), ("عن", "اذنك"), ("عن", "اذنكم"), ("if", "possible"),
            *((law, word) for law in ("lw", "law") for word in ("sama7t", "sama7ti", "sama7ty", "sm7t", "sm7ti", "sm7ty", "samaht", "samahti", "sama7to")),
            *((mn, word) for mn in ("mn", "min", "men") for word in ("fadlak", "fadlik", "fadlek", "fadlk", "fdlk")),
            ("allah", "ykhalik"), ("allah", "y5alik"), ("allah", "ykhaleek"), ("allah", "y5aleek"), ("allah", "ykhaliki"), ("abos", "edek"), ("aboos", "edek"),
        )),
        ("opener", (("يعطيك", "العافيه"), ("يعطيكم", "العافيه"), ("يعطيكي", "العافيه"), ("يسلمو", "ايديكم"), ("thank", "you"), ("thank", "u"))),
        ("address", (("my", "dear"), ("يا", "فندم"))),
        ("address", (("my", "dear"), ("يا", "فندم"))),
        ("plea", tuple(tuple(words.split()) for words in (
            "الله يرضى عليك", "الله يرضى عليكي", "الله يرضى عليكم", "الله يرضى عليج", "الله يخليلك ولادك", "الله يخليلك اهلك",
        ))),
    )
    for words in several
}
_LONGEST_DRESSED: Final = 9
#: With haste or a plea beside them these are an order to us; with a question mark, a name or an "ok" they are somebody's
#: life: «اخرج الحين؟» (shall I get out now?), «خلص وقف» (enough, he has stopped).
_ORDERS: Final = each("اخرج", "اخرجي", "وقف", "stop")
#: Not even with "now": he has stopped now.
_REPORTS: Final = each("وقف")
_BYE: Final = tuple(map(squeeze, ("باي", "bye", "bay", "goodbye")))
#: With haste or a plea and nothing else: "0 thanks" answers how many.
_MARKS: Final = each("0", "x")
#: Never: "cancel please" is about an appointment.
_ALONE_ONLY: Final = each("cancel", "end", "انها")

#: Words that speak of leaving and of little else, with their slips: in Arabizi those as well that are too short to obey.
SURELY_LEAVES: Final = frozenset((
    *map(squeeze, (*slips("خروج"), *slips("exit"))),
    *(squeeze(slip) for word in KHUROOJ for slip in swaps_and_neighbours(squeeze(fold(word)), 1)),
)) - REAL_WORDS | each("خروج", "الخروج", "اخرج", "اخرجي", "انهاء", "exit", "quit", *KHUROOJ, "5rog", "khorog")


def is_dressed(folded: str, forms: frozenset[str]) -> bool:
    """A phrase with haste, pleas and an address around it: «خروج هالحين تكفين», "ok exut pls now"; or said twice with a slip.

    Args:
        folded: the message after :func:`safety.folding.fold`.
        forms: the squeezed phrases.
    """
    if len(folded) > 160:
        return False
    words = [word for word in map(squeeze, folded.split()) if word]
    if not 2 <= len(words) <= _LONGEST_DRESSED:
        return False
    before = [(at, kinds) for at in range(len(words)) if (kinds := _all_beside(words[:at])) is not None]
    after = [(at, kinds) for at in range(len(words), 0, -1) if (kinds := _all_beside(words[at:])) is not None]
    for start, first in before:
        for end, last in after:
            if 0 < end - start < len(words) and _leaves("".join(words[start:end]), {*first, *last}, forms, "?" in folded):
                return True
            if end - start == 2 and _said_again(words[start], words[start + 1]):
                return True
    return False


def _leaves(said: str, kinds: set[str], forms: frozenset[str], asked: bool) -> bool:
    """Whether these words leave, with side words of these kinds around them."""
    if said in _ALONE_ONLY:
        return False
    if said in _REPORTS:
        return "plea" in kinds and not kinds & {"address", "opener"}
    if said in _ORDERS or said in _MARKS:
        return not kinds & {"address", "opener"} and not asked
    if said.startswith(_BYE):  # «يلا باي الحين» is a plain goodbye
        return "opener" not in kinds and said in forms
    return said in forms


def _all_beside(words: list[str]) -> list[str] | None:
    """The kinds of these words if they are side words, every one; ``None`` if one is not."""
    kinds, at = [], 0
    while at < len(words):
        kind, taken = _beside(words, at)
        if kind is None:
            return None
        kinds.append(kind)
        at += taken
    return kinds


def _beside(words: list[str], at: int) -> tuple[str | None, int]:
    """What kind of side word stands there, and how many words it takes; no kind for any other word."""
    for length in (3, 2):
        if (kind := _SEVERAL_WORDS.get(tuple(words[at:at + length]))) is not None:
            return kind, length
    return next((kind for kind, known in _KINDS if words[at] in known), None), 1


def _said_again(one: str, other: str) -> bool:
    """One word twice, the second time with a slip of any kind: «اخرج اخىج»."""
    return one in SURELY_LEAVES and min(len(one), len(other)) >= 4 and _one_apart(one, other)


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes the same word."""
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    return one[start:] == other[start + 1:] or one[start + 1:] == other[start + 1:]
