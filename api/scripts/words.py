"""Looks for words in texts: revealing ones, forbidden ones, phone numbers, offered exits. Each find keeps its place.

Comparison is done on folded text that remembers where each of its characters stood, so that a find points at the
line of the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from api.scripts.numbers import Variant
from api.scripts.tree import Severity
from safety.optout import OPT_OUT_WORDS

# One character for one character: letters that people write for one another become the same.
_FOLD: Final = str.maketrans("أإآٱىیةکڪؤئ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹’‘“”\u00a0", "ااااييهككوي01234567890123456789''\"\" ")
# What may stand between two letters of a word without changing it: diacritics, tatweel, zero-width characters.
_NOISE: Final = re.compile("[\u064b-\u065f\u0670\u0640\u200b-\u200f\u2060]")
# Before a noun: and, so, with, as, for, the. Before a verb: and, so, the Levantine b-, and the person.
_BEFORE: Final = "(?:[وفبكل]{0,2}(?:ال|لل)?|[وف]?ب?[يتنا])"
_AFTER: Final = "(?:ه|ها|هم|هن|ك|كم|كن|ي|نا|ني|ات|تك|تكم|ته|تها|تي|تنا)?"


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without case, look-alikes and noise, and where each character of it stood."""

    original: str
    text: str
    places: tuple[int, ...]

    def place(self, position: int) -> int:
        return self.places[position]

    def written(self, start: int, end: int) -> str:
        """The words of the original for a stretch of the folded text."""
        return self.original[self.places[start] : self.places[end - 1] + 1]


@lru_cache(maxsize=4096)
def fold_keeping_places(text: str) -> Folded:
    """The folded text; one character for one, so that lengths and lines can be traced back."""
    places = tuple(place for place, character in enumerate(text) if not _NOISE.match(character))
    kept = "".join(text[place] for place in places)
    lowered = "".join(lower if len(lower := character.lower()) == 1 else character for character in kept)
    return Folded(text, lowered.translate(_FOLD), places)


def fold_phrase(phrase: str) -> str:
    return " ".join(fold_keeping_places(phrase).text.split())


def word_pattern(phrase: str, *, affixes: bool = True) -> str:
    """A pattern for a word or phrase in folded text: whole words; with ``affixes`` also with Arabic clitics."""
    letters = r"\s+".join(re.escape(word) for word in fold_phrase(phrase).split())
    if contains_arabic(phrase):
        before, after = (_BEFORE, _AFTER) if affixes else ("[وفبل]?", "")
        return rf"(?<!\w){before}{letters}{after}(?!\w)"
    return rf"(?<!\w){letters}(?:s|'s)?(?!\w)" if affixes else rf"(?<!\w){letters}(?!\w)"


def revealing_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for all revealing words, longest first; ``None`` if there are none."""
    listed = sorted({word.strip() for word in words if word.strip()}, key=len, reverse=True)
    return re.compile("|".join(word_pattern(word) for word in listed)) if listed else None


def spans_of(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    """Where a pattern for folded text occurs, with the words as they are written."""
    folded = fold_keeping_places(text)
    for match in pattern.finditer(folded.text):
        yield folded.place(match.start()), folded.written(match.start(), match.end())


def contains_arabic(text: str) -> bool:
    return re.search("[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff]", text) is not None


def contains_latin(text: str) -> bool:
    return re.search("[A-Za-z]", text) is not None


# -- phone numbers ---------------------------------------------------------------------------------------

_DIGITS: Final = re.compile(r"(?<![\w.,])\+?\d(?:[ -]?\d){2,14}(?![\w%])")


def find_phone_numbers(text: str, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Digit strings that look like a phone number: three digits or more, but no year; or any number we list."""
    folded = fold_keeping_places(text)
    for match in _DIGITS.finditer(folded.text):
        digits = re.sub(r"\D", "", match[0])
        if digits in known or not re.fullmatch(r"(?:19|20)\d\d", digits):
            yield folded.place(match.start()), folded.written(match.start(), match.end())


# -- exits -----------------------------------------------------------------------------------------------

_OFFERED: Final = re.compile(r"(?:(?<=^)|(?<=[\s(«\"'،,:؛;/•.\-]))و?([0-9x✖])(?=$|[\s)».\"'،,:؛;/=\-])", re.MULTILINE)
_LEAVING: Final = re.compile(
    "خروج|اخرج|يخرج|نخرج|تخرج|وقف|توقف|طلع|سكر|يغلق|اغلق|اغلاق|انهاء|انهي|ينهي|امسح"
    r"|\bexit|\bleav|\bstop|\bclos|\bend(?:s|ing)?\b|\bget(?:s|ting)? out|\bgo(?:es)? away"
)


def find_offered_exit(text: str) -> Iterator[tuple[int, str]]:
    """Where 0 or x is offered as something other than the way out (safety.md: no question is answered by it).

    An option reaches from its digit to the next one on the line; the words before the digit count if none follow
    that digit's own ("to leave: 0").
    """
    folded = fold_keeping_places(text)
    offset = 0
    for line in folded.text.split("\n"):
        found = list(_OFFERED.finditer(line))
        for index, match in enumerate(found):
            if match[1] in "123456789":
                continue
            before = found[index - 1].end() if index else 0
            after = found[index + 1].start() if index + 1 < len(found) else len(line)
            if not _LEAVING.search(line[match.end() : after]) and not _LEAVING.search(line[before : match.start()]):
                place = folded.place(offset + match.start(1))
                yield place, text[place]
        offset += len(line) + 1


_SEND: Final = r"(?:send|type|write|text|reply|reply with|say|use|word)"
_WORDS: Final = "|".join(sorted(OPT_OUT_WORDS, key=len, reverse=True))
_OPT_OUT_ENGLISH: Final = re.compile(
    rf"\b{_SEND}:?\s+[\"'«(]?({_WORDS})\b|[\"'«]({_WORDS})[\"'»]|(?<![\w'])({_WORDS})\s*(?:=|to (?:leave|exit|stop|end))"
)
_OPT_OUT_ARABIC: Final = re.compile(rf"\b({_WORDS})\b")


def find_opt_out(text: str, variant: Variant) -> Iterator[tuple[int, str]]:
    """Provider opt-out words that a text tells people to send. In an Arabic text any of them is one."""
    arabic = variant != "en" and contains_arabic(text)
    folded = fold_keeping_places(text)
    for match in (_OPT_OUT_ARABIC if arabic else _OPT_OUT_ENGLISH).finditer(folded.text):
        group = next(number for number, value in enumerate(match.groups(), 1) if value)
        yield folded.place(match.start(group)), folded.written(match.start(group), match.end(group))


# -- what is never said ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A phrase that safety.md, "Never", rules out, and the reason staff are given."""

    phrase: str
    why: str
    severity: Severity
    folded: str
    pattern: re.Pattern[str]


def _forbid(why: str, severity: Severity, *phrases: str) -> tuple[Forbidden, ...]:
    return tuple(
        Forbidden(phrase, why, severity, fold_phrase(phrase), re.compile(word_pattern(phrase, affixes=False)))
        for phrase in phrases
    )


# "It is not your fault" is what should be said: a negation among the three words before, in the same clause.
_NEGATED: Final = re.compile(
    r"(?<!\w)(?:not|never|no|nor|nothing|cannot|without|\w+n't|[وف]?(?:مش|مو|مب|ما|لا|لم|لن|ليس|ليست|لست|مهوب|محد|بدون|غير|بلا))"
    r"(?:\s+[^\s.,،؛:;!?؟]+){0,2}\s+\Z"
)


def find_forbidden(text: str, severity: Severity) -> Iterator[tuple[int, str, str]]:
    """Where a text says what is never said: place, words, reason."""
    folded = fold_keeping_places(text)
    flat = " ".join(folded.text.split())
    for phrase in FORBIDDEN:
        if phrase.severity != severity or phrase.folded not in flat:
            continue
        for match in phrase.pattern.finditer(folded.text):
            if not _NEGATED.search(folded.text, 0, match.start()):
                written = folded.written(match.start(), match.end())
                yield folded.place(match.start()), written, phrase.why


FORBIDDEN: Final = (
    *_forbid(
        "nobody is told that a risk is low; no score or band is shown", "error",
        "low risk", "no risk", "risk level", "risk score", "you are not in danger", "you're not in danger", "not dangerous",
        "منخفض الخطورة", "منخفضة الخطورة", "خطر منخفض", "خطورة منخفضة", "مستوى الخطورة", "درجة الخطورة", "ما في خطر عليك",
        "ما عليك خطر", "لست في خطر", "لا خطر عليك", "وضعك مش خطير", "وضعك مو خطير", "الوضع بسيط",
    ),
    *_forbid(
        "safety and full secrecy cannot be promised", "error",
        "you are safe", "you're safe", "you will be safe", "we will protect you", "we guarantee", "guaranteed",
        "completely confidential", "fully confidential", "totally confidential", "100% confidential", "100% anonymous",
        "completely anonymous", "completely safe", "nobody will ever know", "no one will ever know", "nobody will know",
        "no one will know", "we promise", "trust us",
        "أنت بأمان", "انتي بأمان", "رح تكون بأمان", "رح تكوني بأمان", "ستكون بأمان",
        "ستكونين بأمان", "بتكونين بأمان", "سرية تامة", "بسرية تامة", "سري تماما", "سرية كاملة", "سرية مطلقة", "سري 100",
        "مضمون", "نضمن", "منضمن", "نوعدك", "نعدك", "بنوعدك", "منوعدك", "ما حدا رح يعرف", "محد راح يدري", "لن يعرف أحد",
        "سوف نحميك", "رح نحميك", "راح نحميك", "سنحميك",
    ),
    *_forbid(
        "a why is heard as blame", "error",
        "why did you", "why didn't you", "why do you", "why don't you", "why are you", "why were you", "why not leave",
        "ليش ما", "ليه ما", "لماذا لم", "لماذا لا", "ليش رجعت", "ليش سكت", "ليش بعدك", "ليش ضليت", "لماذا بقيت", "ليش تخليه",
    ),
    *_forbid(
        "blame", "error",
        "your fault", "you should have", "you shouldn't have", "what did you do to",
        "غلطتك", "غلطك", "ذنبك", "أنت السبب", "انتي السبب", "كان لازم", "كان المفروض", "كان عليك",
        "شو عملت له", "شو عملتي له", "شنو سويت له", "ماذا فعلت له",
    ),
    *_forbid(
        "no preaching of patience", "error",
        "be patient with him", "be patient with her", "have patience", "family comes first", "think of the children",
        "for the sake of the children", "اصبر", "اصبري", "اصبروا", "الصبر مفتاح", "تحمل", "تحملي", "تحمله", "استحمل", "استحملي",
        "عشان الأولاد", "عشان العيال", "من أجل الأولاد", "لأجل أولادك", "البيوت أسرار", "هذا نصيبك", "هاد نصيبك",
    ),
    *_forbid(
        "leaving, confronting and reconciling are never advised", "error",
        "you should leave", "you must leave", "leave him", "leave her", "just leave", "confront him", "confront her",
        "stand up to him", "talk it out with him", "go back to him", "forgive him", "make peace with him", "reconcile with",
        "لازم تترك", "لازم تتركي", "اتركيه", "اتركه", "سيبيه", "خليه واتركي", "واجهيه", "واجهه", "سامحيه", "سامحه", "تصالحي معه",
        "صالحيه", "ارجعي له", "ارجعيله", "اطلعي من البيت", "يجب أن تتركي", "عليك أن تتركيه",
    ),
    *_forbid(
        "nothing shows that this number was here before", "error",
        "welcome back", "good to see you again", "nice to see you again", "last time you", "as you told us before",
        "أهلا بعودتك", "مرحبا بعودتك", "أهلا من جديد", "هلا من جديد", "مرحبا من جديد", "سعداء بعودتك", "نورت مرة ثانية",
        "المرة الماضية قلت", "آخر مرة قلت",
    ),
    *_forbid(
        "names, addresses, pictures and case numbers are never asked for or given", "error",
        "what is your name", "what's your name", "your full name", "tell us your name", "what is your address",
        "what's your address", "your home address", "send us a photo", "send us photos", "send us a picture", "send us pictures", "please send a photo",
        "case number", "your reference number", "where do you live",
        "شو اسمك", "شنو اسمك", "ما اسمك", "وش اسمك", "اسمك الكامل", "وين ساكن", "وين ساكنة", "وين بيتك", "شو عنوانك", "ما عنوانك",
        "شنو عنوانك", "ابعت صورة", "ابعتي صورة", "ابعثي صورة", "أرسل صورة", "أرسلي صورة", "طرشي صورة", "رقم القضية",
        "رقم الحالة", "رقم الطلب", "رقم البلاغ",
    ),
    *_forbid(
        "a disclosure is never answered with an error", "error",
        "i did not understand", "i didn't understand", "i don't understand", "we did not understand",
        "we didn't understand", "invalid input", "invalid answer", "wrong answer", "error",
        "لم أفهم", "لم نفهم", "ما فهمت", "ما فهمنا", "إدخال خاطئ", "إجابة خاطئة", "جواب غير صحيح", "حدث خطأ",
    ),
    *_forbid(
        "the bot is not a human and does not speak as one", "error",
        "i am a person", "i am human", "i'm a person", "i am a counsellor", "i'm a counsellor", "i feel your pain",
        "أنا إنسان", "أنا إنسانة", "أنا شخص", "أنا موظف", "أنا موظفة", "أنا مرشدة", "أنا أخصائية", "أنا مختصة",
    ),
    *_forbid(
        "the police are never the only door", "error",
        "you must go to the police", "you have to go to the police", "only the police", "you must report",
        "you have to report it", "you have to report him", "لازم تروحي عالشرطة", "لازم تروح عالشرطة", "يجب أن تبلغي الشرطة", "لازم تبلغي", "بس الشرطة",
        "الشرطة فقط",
    ),
    *_forbid(
        "draws a legal conclusion; say what is reported and who can explain", "warning",
        "this is a crime", "that is a crime", "he is a criminal", "you will win", "you have the right to custody",
        "he will go to prison", "he will be arrested", "هذه جريمة", "هاي جريمة", "هذي جريمة", "هو مجرم", "رح تكسبي القضية",
        "رح ينسجن", "راح ينسجن", "سيسجن",
    ),
    *_forbid(
        "makes light of what was said", "warning",
        "calm down", "don't worry", "do not worry", "relax", "it could be worse", "everything will be fine",
        "everything will be ok", "هدي حالك", "هدي أعصابك", "روقي", "لا تقلق", "لا تقلقي", "ما تقلق", "ما تقلقي", "لا تخاف",
        "لا تخافي", "ما تخافي", "كل شي رح يكون منيح", "كل شيء سيكون بخير",
    ),
)
"""Phrases of safety.md, "Never". Not all there is to good tone: two people read each text all the same."""
