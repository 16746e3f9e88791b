"""Countries, emirates and capitals by name: enough to tell the right numbers. The gazetteer comes with the pathways.

A place that was left, denied, or is somebody else's is not where the person is («هربت من الاردن», "I am not in Bahrain").
A wrong emergency number is worse than none, so that in doubt a name sets no place and the country is asked for.
"""

from __future__ import annotations

import re

_NAMES: dict[str, str] = {
    "JO": "الاردن|اردن|عمان|عمّان|الزرقاء|اربد|العقبه|السلط|مادبا|الكرك|jordan|amman|zarqa|irbid|aqaba",
    "QA": "قطر|الدوحه|الريان|الوكره|الخور|qatar|doha|wakra",
    "BH": "البحرين|بحرين|المنامه|المحرق|الرفاع|مدينه حمد|مدينه عيسي|bahrain|manama|muharraq|riffa",
    "AE-DU": "دبي|dubai",
    "AE-SH": "الشارقه|شارقه|خورفكان|كلباء|sharjah",
    "AE-AZ": "ابوظبي|ابو ظبي|العين|abu dhabi|abudhabi|al ain",
    "AE-AJ": "عجمان|ajman",
    "AE-UQ": "ام القيوين|umm al quwain",
    "AE-RK": "راس الخيمه|ras al khaimah|rak",
    "AE-FU": "الفجيره|fujairah",
    "AE": "الامارات|امارات|uae|emirates",
}
"""ISO 3166 codes; the folded spellings of ``normaliser``."""

_PLACES = {code: re.compile(rf"(?<!\w)(?:ب|في |من )?(?:{names})(?!\w)") for code, names in _NAMES.items()}


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NOT = _words(
    "مش مو مب مهب موب مني ماني منيش مانيش لست ليس ليست ما لم not isnt isn't arent aren't dont don't never longer without mish mesh msh mu mub"
)
_LEFT = _words(
    "هربت هربنا هاربه هارب طلعت طلعنا طالعه طالع تركت تركنا تاركه رحت رجعت رجعنا غادرت غادرنا سافرت سافرنا مشيت نزحت خرجت بعيد"
    " بعيده بعيدا برا بره خارج سلطنه كنت كنا كان كانت عشت عشنا ولدت مواليد اصلي اصلنا left leave leaving fled flee escaped escape"
    " ran away far outside was were used born originally harabt tarakt ba3id b3id kont kent"
)
_SOMEBODY = _words(
    "اهلي عيلتي عائلتي امي ابوي بابا ماما اخوي اخي اختي خواتي اخواني زوجي جوزي ريالي مرتي زوجتي ولدي ابني بنتي ولادي عيالي"
    " صاحبتي رفيقتي صديقتي جارتي هو هي هم husband wife mother father mom dad mum brother sister family parents son daughter kids"
    " children friend he she they ahli jozi zawji"
)
_I = _words("انا وانا اني احنا نحن واحنا i im i'm we iam ana")
_TOGETHER = _words("مع عند with")
_WRITES = _words(
    "بكتب اكتب بحكي احكي اتكلم اكلم اكلمكم بكلمكم اراسلكم كاتبه كاتب لكم معكم معاكم معك معاك قريب قريبه"
    " writing write texting calling messaging near close"
)
_ARRIVED = _words("اجيت جيت وصلت انتقلت نقلت نقلنا اجينا جينا وصلنا moved came come arrived brought")

_BREAK = re.compile(
    r"[.,،؛;:!?؟\n]|\s(?:بس|لكن|but|now|هلا|هلق|الحين)(?=\s)|\s(?=(?:وانا|وهلا|وهلق|والحين|وصرت)\s)|\s(?=and i\b)"
)
_TOKEN = re.compile(r"[\w']+")
_REACH = 4
"""So many words before a place are looked at; what stands before an "I" says nothing of it («مش بخير انا بالاردن»)."""


def place_in(folded: str) -> str | None:
    """The one place a folded message says the person is at; None where it says none, or several countries."""
    found = [
        code for clause in _BREAK.split(f" {folded} ") for code, pattern in _PLACES.items()
        if any(_is_here(clause, match) for match in pattern.finditer(clause))
    ]
    finer = {code for code in found if "-" in code}
    if len({code[:2] for code in found}) != 1 or len(finer) > 1:
        return None
    return finer.pop() if finer else found[0]


def _is_here(clause: str, match: re.Match[str]) -> bool:
    """Whether the words before a place, nearest first, let it be where the person is."""
    before = _TOKEN.findall(clause[: match.start()])
    if match[0].startswith("من ") or before[-1:] == ["from"]:
        before = before if match[0].startswith("من ") else before[:-1]
        if not before:  # «من المنامة» answers the question; «من الاردن هربت» does not
            return not (_LEFT | _NOT) & set(_TOKEN.findall(clause[match.end() :]))
        if not _WRITES & set(before[-3:]):  # where somebody was born, or what was fled
            return False
    if before[-1:] in (["to"], ["الي"], ["علي"]) and not _ARRIVED & set(before[-_REACH:]):
        return False
    for distance, word in enumerate(reversed(before[-_REACH:]), 1):
        if word in _NOT or word in _LEFT:
            return False
        if word in _I:
            return True
        if word in _SOMEBODY:
            return bool(_TOGETHER & set(before[:-distance][-2:]))
    return True
