"""Which script, and roughly which language, a message is written in: enough to choose the wording of a static answer.

The engine guesses dialect; this is what the gateway uses when the engine is down or has not been asked yet.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal

from safety.folding import fold

Script = Literal["arabic", "latin", "other"]
Language = Literal["ar", "en", "other"]

# Letters of Urdu, Persian, Pashto and Kurdish that Arabic dialects do not borrow (چ گ پ ڤ they do borrow).
_NOT_ARABIC: Final = frozenset("ٹڈڑےںھۓڼځڅډړږښێۆڕڵژ")
_ENGLISH_WORDS: Final = (
    "i you he she it we they me my him his her is am are was the a an and or to of in on for with not no yes ok okay hi "
    "hello please help want need can how what where who when why this that do does dont have has stop thanks thank now "
    "husband wife home house money police from will if there here someone talk speak good time hey"
)
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
Foreign = Literal["ur", "fa", "tl", "am", "fr", ""]
"""A language we have words of our own for (``other_language_…`` of the scripts), or none of them."""

_FOREIGN_WORDS: Final[dict[Foreign, frozenset[str]]] = {
    "ur": frozenset(
        ["mujhe", "mujhay", "mera", "meri", "mere", "hai", "hain", "kya", "nahi", "nahin", "aap", "tum", "madad", "chahiye", "shohar", "karo", "raha", "rahi", "bohat", "bahut", "kaise", "hoon", "marta", "ghar", "koi", "yahan", "مجهے", "مجه", "میرا", "میری", "هے", "هیں", "کیا", "نهیں", "آپ", "مدد", "چاهیے", "شوهر", "سے", "کو", "کی", "کے", "اور", "بہت", "ہے", "میں", "ہیں", "مجھے", "کیا", "نہیں", "چاہیے", "مارتا", "رہا", "گھر"]
    ),
    "fa": frozenset(["است", "من", "را", "که", "می", "از", "شما", "چه", "برای", "این", "کمک", "نیاز", "دارم", "هستم", "شوهرم", "میزنه", "نیست", "خیلی", "لطفا", "سلام"]),
    "tl": frozenset(
        ["ako", "ko", "ang", "ng", "sa", "mga", "po", "ba", "hindi", "asawa", "amo", "tulong", "kailangan", "ka", "mo", "siya", "niya", "akin", "dito", "sinasaktan", "salamat", "kumusta", "natatakot", "wala", "paano", "gusto", "na", "nga", "lang", "yung"]
    ),
    "fr": frozenset(
        ["je", "vous", "mon", "mari", "me", "la", "les", "est", "une", "des", "que", "pas", "bonjour", "aide", "besoin", "suis", "pour", "avec", "il", "elle", "frappe", "peur", "merci", "avez", "salut", "aidez", "moi"]
    ),
}
_ONLY_PERSIAN: Final = frozenset(["است", "را", "که", "می", "برای", "دارم", "هستم", "نیست", "خیلی", "کمک", "شوهرم", "میزنه"])
_ETHIOPIC: Final = re.compile("[\u1200-\u139f]{2}")

_ARABIZI_DIGIT: Final = re.compile(r"[a-z][235679]|[235679]'?[a-z]")
_ARABIZI_WORDS: Final = (
    "ana enta enti shu shou kif keef wallah ya mar7aba marhaba salam sho ma fi mish mesh msh mu bas bdi badi abi abgha "
    "yalla habibti inti inta wein wen leish lesh hala halla2 ahlan shukran aywa eh la2 zawji jozi joze akhoy abooy "
    "il el al 3a w bil min shlon shlonich alheen la"
)
_ARABIZI: Final = frozenset(_ARABIZI_WORDS.split())


def guess_script(text: str) -> Script:
    """The script most letters are in; ``other`` when there is no letter (digits, emoji) or it is neither."""
    arabic = latin = other = 0
    for letter, times in Counter(text).items():
        if not letter.isalpha():
            continue
        if "\u0600" <= letter <= "\u08ff" or "\ufb50" <= letter <= "\ufefc":
            arabic += times
        elif letter.isascii() or "\u00c0" <= letter <= "\u024f" or "\uff21" <= letter <= "\uff5a":
            latin += times
        else:
            other += times
    if not (arabic or latin or other) or other > max(arabic, latin):
        return "other"
    return "arabic" if arabic >= latin else "latin"


def guess_language(text: str) -> Language:
    """Arabic (Arabizi included), English, or neither. Unsure between the two in Latin letters is ``en``."""
    script = guess_script(text)
    if script == "other":
        return "other"
    if script == "arabic":
        return "other" if _NOT_ARABIC & set(text) else "ar"
    words = re.findall(r"[a-z0-9']+", fold(text))
    arabizi = sum(1 for word in words if word in _ARABIZI or (_ARABIZI_DIGIT.search(word) and not word.isdigit()))
    english = sum(1 for word in words if word in _ENGLISH)
    if arabizi > english:
        return "ar"
    if english or len(words) <= 2:
        return "en"
    return "other"


def foreign_language(text: str) -> Foreign:
    """Which of the other languages of the Gulf's workers a message is written in; empty for Arabic, English or unsure.

    The letters alone tell Amharic and Urdu. Persian takes two telling words, or one in a message of at most two; Latin letters
    two different ones, and more of them than of English and Arabizi words together.
    """
    if _ETHIOPIC.search(text):
        return "am"
    words = re.findall(r"\w+", text.lower())
    arabic_letters = guess_script(text) == "arabic"
    needed = 2 if len(words) > 2 else 1
    if arabic_letters and _NOT_ARABIC & set(text):
        return "ur"
    if arabic_letters:
        return "fa" if len(_ONLY_PERSIAN.intersection(words)) >= needed else ""
    told = set(words)  # «la la la» says one thing, three times
    usual = sum(word in _ENGLISH or word in _ARABIZI or bool(_ARABIZI_DIGIT.search(word)) for word in told)
    counts = {code: sum(word in listed for word in told) for code, listed in _FOREIGN_WORDS.items()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] >= max(needed, 2) and counts[best] > usual else ""


def plain_english(text: str) -> bool:
    """Whether every word is one of the commonest English ones: too short for a model to tell, plain to a reader."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return bool(words) and all(word in _ENGLISH for word in words)
