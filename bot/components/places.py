"""Countries, emirates and capitals by name: enough to tell the right numbers. The gazetteer comes with the pathways."""

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


def place_in(folded: str) -> str | None:
    """The one place a folded message names; None where it names none, or several countries."""
    found = [code for code, pattern in _PLACES.items() if pattern.search(folded)]
    finer = [code for code in found if "-" in code]
    if len({code[:2] for code in found}) != 1 or len(finer) > 1:
        return None
    return finer[0] if finer else found[0]
