"""A word for leaving that is dressed up: asked for nicely, in haste, by name, twice. Closed lists, whole messages.

One word that is not in the lists («خروج من البيت», "exit visa") and it is a life story.
"""

from __future__ import annotations

from typing import Final

from safety.exit_phrases import (
    KHALAS,
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
    *(word for word in (*NOW, *NOW_LATIN, *NOW_ENGLISH) if " " not in word), "هالحين", "الحينه", "هالوقت", "هسع", "هسعه", "اسه", "توا",
    "قوام", "سريعا", "rn", "hal7een", "halheen", "hassa3", "hl2", "delw2ty", "fawran", "7alan", "bsr3a",
)
#: How pressing it is. With an order these are somebody's life: «ضروري اخرج» (I must get out).
_URGENT: Final = each(
    "طوالي", "علطول", "دغري", "عالسريع", "فوري", "سريع", "عاجل", "عاجلا", "ضروري", "مستعجل", "مستعجله", "urgent", "urgently", "daroori", "dharoori",
)
_PLEA: Final = each(
    *(word for word in (*PLEASE, *PLEASE_LATIN) if " " not in word), "تكفى", "تكفي", "تكفين", "تكفون", "دخيلك", "دخيلكم", "دخيلكن", "دخيلكو", "دخلك", "والنبي", "بالله", "ارجوك",
    "ارجوكي", "ارجوكم", "ارجوكو", "رجاءا", "فضلا", "بلييز", "فديتك", "فديتج", "فديتكم", "plez", "plis", "pliz", "pleas", "kindly",
    "takfa", "takfain", "tkfa", "tkfon", "da5elak", "dakhilak", "dakhilik", "da5eelek", "rajaan", "takfeen",
)
_ADDRESS: Final = each(
    "يا", "اختي", "اخي", "اخوي", "اخويا", "خيتي", "حبيبتي", "حبيبي", "عزيزتي", "دكتوره", "استاذه", "انسه", "مدام", "فندم", "جماعه", "ناس", "الو", "sis", "sister",
    "madam", "mam", "maam", "sir", "dear", "hey", "ya", "ukhti", "okhti", "o5ti", "habibti",
)
_OPENER: Final = each(
    "يلا", "يالا", "يالله", "طب", "خلص", "خلاص", "بس", "طيب", "اوكي", "اوك", "تمام", "شكرا", "مشكوره", "مشكورين", "يسلمو", "ok", "okay", "oki", "yalla", "yallah", "yala", "tayyeb", "tayeb", "tamam", "5las", "khalas", "5alas",
    "5ala9", "shukran", "thanks", "thx", "ty",
)
_KINDS: Final = (("haste", _HASTE), ("urgent", _URGENT), ("plea", _PLEA), ("address", _ADDRESS), ("opener", _OPENER))
#: The same in two and three words, each of which may mean something else beside another.
_SEVERAL_WORDS: Final = {
    tuple(squeeze(fold(word)) for word in words): kind
    for kind, several in (
        ("haste", (
            ("right", "now"), ("right", "away"), ("at", "once"), ("b", "sor3a"), ("ب", "سرعة"),
            ("في", "الحال"), ("هاي", "اللحظة"), ("هالحزة", "هاي"),
        )),
        ("urgent", (("على", "طول"), ("عل", "السريع"), ("على", "السريع"))),
        ("plea", (
            ("بقى", "ارجوك"), ("ارجوك", "بقى"),
            *((first, second) for first, _, second in (each.partition(" ") for each in PLEASE) if second),
            *(("الله", word) for word in ("يخليك", "يخليكي", "يخليكم", "يخليكن", "يخليج", "يوفقك", "يسعدك", "يسعدكم", "يوفقكم", "يسعدج", "يسلمك", "يحفظك")),
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
#: With haste or a plea beside them these are an order to us; with anything else they are somebody's life: «ضروري اخرج» (I must
#: get out), «بس امسح» (I only mop), «بس الخروج» (what is forbidden?), "madam e5roj".
_ORDERS: Final = each(
    "اخرج", "اخرجي", "stop", "امسح", "امسحي", "emsa7", "imsa7", "emsah", "imsah", "الخروج", *(word for word in KHUROOJ if word[0] in "aeiou"),
)
#: With a plea alone: he has stopped now, I am leaving now.
_REPORTS: Final = each("وقف", *(f"{khalas} {leave}" for khalas in KHALAS for leave in ("atla3", "a6la3")))
_BYE: Final = tuple(map(squeeze, ("باي", "bye", "bay", "goodbye")))
#: In front, with haste or a plea and nothing else: "0 thanks" answers how many, "please x" is a kiss.
_MARKS: Final = each("0", "x")
#: What makes a face, a price or a time of them.
_OTHER_SIGNS: Final = frozenset(":;=%$€£<>_^.")
#: Never: "cancel please" is about an appointment.
_ALONE_ONLY: Final = each("end", "انها") | frozenset(
    (squeeze("cancel"), *map(squeeze, slips("cancel")), *map(squeeze, swaps_and_neighbours(squeeze("cancel"))))
)

#: Words that speak of leaving and of little else, with their slips: in Arabizi those as well that are too short to obey.
SURELY_LEAVES: Final = frozenset((
    *map(squeeze, (*slips("خروج"), *slips("exit"))),
    *(squeeze(slip) for word in KHUROOJ for slip in swaps_and_neighbours(squeeze(fold(word)), 1)),
)) - REAL_WORDS | each("خروج", "الخروج", "اخرج", "اخرجي", "انهاء", "exit", "quit", *KHUROOJ, "5rog", "khorog")


def is_dressed(folded: str, forms: frozenset[str]) -> bool:
    """A phrase with haste, pleas and an address around it: «خروج هالحين تكفين», "ok exut pls now"; or said twice with a slip.

    With a question mark it is asked about instead (:func:`safety.exit.suspects_exit`): «اخرج الحين؟», shall I get out now?

    Args:
        folded: the message after :func:`safety.folding.fold`.
        forms: the squeezed phrases.
    """
    if len(folded) > 160 or "?" in folded:
        return False
    words = [word for word in map(squeeze, folded.split()) if word]
    if not 2 <= len(words) <= _LONGEST_DRESSED:
        return False
    before = [(at, kinds) for at in range(len(words)) if (kinds := _all_beside(words[:at])) is not None]
    after = [(at, kinds) for at in range(len(words), 0, -1) if (kinds := _all_beside(words[at:])) is not None]
    for start, first in before:
        for end, last in after:
            if end - start == 2 and _said_again(words[start], words[start + 1]):
                return True
            if not 0 < end - start < len(words):
                continue
            said = "".join(words[start:end])
            if said in _MARKS and (start or _OTHER_SIGNS & set(folded)):
                continue
            if _leaves(said, first, last, forms):
                return True
    return False


def _leaves(said: str, first: list[str], last: list[str], forms: frozenset[str]) -> bool:
    """Whether these words leave, with side words of these kinds before and after them."""
    kinds = {*first, *last}
    if said in _ALONE_ONLY:
        return False
    if said in _REPORTS:
        return "plea" in kinds and kinds <= {"plea", "haste"}
    if said in _ORDERS or said in _MARKS:
        return kinds <= {"plea", "haste"}
    if said.startswith(_BYE):  # «يلا باي الحين» is a plain goodbye
        return "opener" not in kinds and said in forms
    if said.isascii() and first and kinds <= {"address", "urgent"}:  # "madam exit", "urgent exit": whose?
        return False
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
    return one in SURELY_LEAVES and other not in REAL_WORDS and min(len(one), len(other)) >= 4 and _one_apart(one, other)


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes the same word."""
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    return one[start:] == other[start + 1:] or one[start + 1:] == other[start + 1:]
