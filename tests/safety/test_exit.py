"""The safety exit: no noise in the documented classes stops it, no ordinary sentence triggers it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.exit import ADVERTISED, ARABIZI, DEFAULT, PhraseNotUsable, compile_phrases, is_exit, suspects_exit
from safety.folding import fold, squeeze
from safety.optout import OPT_OUT_WORDS

ROOT = Path(__file__).parents[2]
DOCUMENTED = (   # safety.md, "The safety exit"
    "خروج", "اخرج", "خلص اطلع", "انهاء", "وقف", "امسح", "باي الحين", "exit", "bye now", "5roj", "khorooj", "khalas etla3", "emsa7",
)
SINGLE = ("0", "٠", "۰", "x", "X", "✖", "×", "❌")
PHRASES = (*DOCUMENTED, *SINGLE, *OPT_OUT_WORDS)
SHIPPED = compile_phrases(
    entry["phrase"] for entry in yaml.safe_load((ROOT / "scripts/phrases/exit.yml").read_text("utf-8"))["phrases"]
)
ORDINARY = [
    line for line in (ROOT / "tests/safety/ordinary_sentences.txt").read_text("utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]

INVISIBLE = st.sampled_from(["", *"\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u061c\u00ad\u034f"])
EMOJI = st.sampled_from(["", "😭", "🙏🏽", "❤️", "🚪", "👨‍👩‍👧", "‼️", "🇯🇴", "🆘"])
PUNCTUATION = st.sampled_from(["", ".", "!", "؟", "?", "…", "،", "!!!", " ", "\n", "\t", "  "])
QUOTES = st.sampled_from([("", ""), ("«", "»"), ('"', '"'), ("“", "”"), ("'", "'"), ("(", ")"), ("[", "]"), ("*", "*")])
DIACRITICS = st.sampled_from(["", *"\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670"])
ARABIC_ALIKE = {"ا": "اأإآٱ", "ي": "يىی", "ك": "كک", "ه": "هھ", "0": "0٠۰０", "7": "7٧۷７", "3": "3٣", "5": "5٥"}
#: One slip each, as thumbs make them: a neighbour's key, two letters swapped, one lost, one touched as well.
SLIPS = (
    "exut", "eixt", "ezit", "exiy", "exi", "خروح", "خورج", "اخرح", "خىوج", "اخؤج", "خرةج", "خوروج", "خلص اطلغ", "خلص اطاع", "حلص اطلع",
    "خلاص اطلع", "5rouj", "khrouj",
    "باي الحيت", "باي الحثن", "باي احين", "byr now", "bye nwo", "byw now", "kalas etla3", "khalas etla", "khrooj", "khorouj", "khalas etka3",
    "emsaa7", "sotp", "stpo", "quti", "cancle", "unsibscribe",
)


@st.composite
def noisy(draw: st.DrawFn, phrase: str) -> str:
    """The phrase with any mixture of the documented noise."""
    letters = []
    for letter in phrase:
        letter = draw(st.sampled_from(ARABIC_ALIKE.get(letter, letter)))
        if draw(st.booleans()):
            letter = letter.upper()
        times = draw(st.integers(1, 4)) if letter.isalpha() else 1
        mark = draw(DIACRITICS) if "\u0621" <= letter <= "\u06d3" else ""
        tatweel = "ـ" * draw(st.integers(0, 2)) if mark == "" and "\u0621" <= letter <= "\u06d3" else ""
        letters.append(letter * times + mark + tatweel + draw(INVISIBLE))
    inside = draw(st.sampled_from(["", " ", "  "]))
    opening, closing = draw(QUOTES)
    around = draw(EMOJI), draw(INVISIBLE), draw(PUNCTUATION), draw(PUNCTUATION), draw(EMOJI)
    return f"{around[0]}{around[1]} {opening}{inside.join(letters)}{closing}{around[2]}{around[3]} {around[4]}"


@given(st.data())
def test_no_noise_in_the_documented_classes_stops_a_phrase(data: st.DataObject) -> None:
    phrase = data.draw(st.sampled_from(PHRASES))
    assert is_exit(data.draw(noisy(phrase)))


@given(st.data(), st.integers(2, 5), st.sampled_from([" ", "", "\n", " . ", "، ", " 😭 "]))
def test_a_phrase_said_several_times_is_still_an_exit(data: st.DataObject, times: int, between: str) -> None:
    phrase = data.draw(st.sampled_from(DOCUMENTED))
    assert is_exit(between.join([phrase] * times))


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_documented_phrase_exits_without_any_file(phrase: str) -> None:
    assert is_exit(phrase)


@pytest.mark.parametrize("text", SLIPS)
def test_one_slip_of_the_finger_is_forgiven(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize("text", [
    "ثءهف", "سفخح", "ضعهف", "لاغث ىخص", "ov,[", "hov[", "ogw h'gu", "ogw h’gu", "hkihx", ",rt", "hlsp", "fhd hgpdk", "OV,[", "5قخت", "ثةسش7",
    "«ov,[»", "ثءهف!", "ء", "ov,[ ov,[",
])
def test_the_wrong_keyboard_is_forgiven(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize("text", [
    "ﺧﺮﻭﺝ", "ｅｘｉｔ", "ＥＸＩＴ", "𝗲𝘅𝗶𝘁", "ⓔⓧⓘⓣ", "０", "0️⃣", "⓪", "✖️", "❌❌❌", "×", "✕", "00", "0 0 0", "x x", "xXx", "٠.", "(0)", "«x»", '"0"', "*0*", "exit خروج", "خروج 0",
    "unsubcribe", "usubscribe", "_0_", "*_x_*", "🅧", "🆇", "STOP ALL", "opt-out", "Opt Out", "إنهاء", "إِنْهَاء", "انهاءءء", "انها", "e.x.i.t", "/exit", "#exit", "-خروج-", "خروج" * 30, "exit " * 300, "x" * 1600,
])
def test_other_ways_of_writing_it_exit(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize("sentence", ORDINARY)
def test_no_ordinary_sentence_ends_a_chat(sentence: str) -> None:
    assert not is_exit(sentence, SHIPPED)


@pytest.mark.parametrize("sentence", [line for line in ORDINARY if line not in ("اخرج الحين؟", "اخرج دلوقتي؟")])
def test_no_ordinary_sentence_is_taken_for_a_wish_to_leave(sentence: str) -> None:
    """«اخرج الحين؟» is asked about: "do I get out now?" and "leave now" are written alike."""
    assert not suspects_exit(sentence, SHIPPED)


def test_the_list_of_ordinary_sentences_is_long_enough() -> None:
    assert len(set(ORDINARY)) >= 550


@given(st.sampled_from(PHRASES), st.sampled_from(["كيف", "لو", "he said", "بدي", "مش", "how to", "لا"]), st.booleans())
def test_a_phrase_inside_a_sentence_is_not_an_exit(phrase: str, word: str, first: bool) -> None:
    if phrase in SINGLE and not phrase.isalnum():
        return   # a cross beside words is decoration
    assert not is_exit(f"{word} {phrase}" if first else f"{phrase} {word}", SHIPPED)


@given(st.text(st.characters(codec=None), max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_exit(text) in (True, False)
    assert suspects_exit(text) in (True, False)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "😭", "\ud800", "خ" * 1600, "ﷺ" * 1600, "كلمة " * 320])
def test_noise_alone_is_not_an_exit(text: str) -> None:
    assert not is_exit(text)


def test_staff_may_add_a_phrase_and_it_is_forgiven_the_same_noise() -> None:
    phrases = compile_phrases(["بدي قهوة"])
    assert is_exit(" «بـدي قهوووة» ☕", phrases)
    assert not is_exit("بدي قهوة وشاي", phrases)
    assert not is_exit("بدي قهوة", DEFAULT)


@pytest.mark.parametrize("word", ["بس", "باي", "1", "٣", "9", "ok", "Yes", "لا", "b", "", "😭"])
def test_staff_may_not_add_what_everybody_answers(word: str) -> None:
    with pytest.raises(PhraseNotUsable):
        compile_phrases([word])


def test_the_file_of_phrases_shows_every_documented_phrase_and_no_provider_word() -> None:
    entries = yaml.safe_load((ROOT / "scripts/phrases/exit.yml").read_text("utf-8"))["phrases"]
    shown = {entry["phrase"] for entry in entries if entry["advertised"]}
    assert set(DOCUMENTED) | {"0", "٠", "x", "✖"} <= shown
    assert not {entry["phrase"].casefold() for entry in entries} & set(OPT_OUT_WORDS)


@pytest.mark.parametrize("text", [
    "سكري المحادثة بسرعة", "صكوا الدردشة الحين", "بندي الشات الحين", "امسحي المحادثة هلأ", "شيلي الشات حالا", "طلعني من الشات الحين", "انهاء المحادثة فوراً",
    "الخروج", "خروج فوري لو سمحتم", "خروج الحين لو سمحتي", "إغلاق", "close the chat fast", "delete this chat now pls", "exit quickly", "sakri el chat hala2",
    "6al3ni mn el chat bsor3a", "o5roj bsor3a",
])
def test_an_order_to_close_the_chat_now_is_an_exit(text: str) -> None:
    assert is_exit(text) and is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "خروج هالحين تكفين", "اخرج دلوقتي من فضلك", "خلصص اطلع هلأ", "رجاءً إنهاء الآن", "امسح هسا بليز", "وقّف الله يخليكي", "بعد إذنك وقف", "0 pls", "eixt pls", "٥roj al7een plz",
    "emsa7 lw sama7ty", "الخروج لو سمحت", "خروح الحين", "exut now", "خؤوج", "exit pls right now pls", "دخيلكم خروج",
    "خروج يا اخي", "خلص خروج", "ok exit", "اخرجج حالاً", "اخرج قوام لو سمحتي", "اخرج اخىج", "اخرج اخرج بسرعه", "خلص اطلع الله يرضى عليك", "khlas etla3 plzzz",
    "انهاء فضلاً فوراً", "يعطيكم العافيه انهاء", "وقّف هسا بالله عليك", "أبوس راسك وقف الحينه", "امـسـح فديتج", "x now pls", "exitr!!", "kindly exit asap", "Unsubsctibe please",
    "اخرج هلأ", "٠ الحين", "وقف بقى ارجوك", "اخرج الحين", "STOP now!", "please stop", "باي الحين حبيبتي", "bye now dear", "والنبي خروج", "انهاء حالا يا فندم", "خلض اطلع",
])
def test_haste_and_pleas_in_any_order_do_not_stop_it(text: str) -> None:
    assert is_exit(text) and is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "please x", "pls xx", "please :x", "بليز x", "0% الحين", "now 0%", "now $0", "00:00 الحين", "please 0_0", "بقي 0",
    "0 ضروري", "0 urgent", "ضروري اخرج", "مستعجلة اخرج", "ضروري اخرج الحين", "اخرج على طول", "اخرج بقى", "ok e5roj?", "yalla e5roj", "daroori e5roj",
    "اخرح هلق؟", "خلص اطلع هلق؟", "طيب خلص اطلع؟", "khalas atla3 hala2", "طيب امسح؟", "دخلك امسح؟", "بس امسح", "ok emsa7?", "شكرا امسحي", "طيب الخروج؟",
    "الخروج ضروري؟", "بس الخروج", "بالله وقف؟", "دخلك وقف؟", "khalas 6la3", "stool", "بس اخرج يخرج", "اخرج تخرج", "quit quiet", "canecl please",
    "stop alan", "hala quit", "madam exit", "urgent exit",
])
def test_kisses_prices_questions_and_what_one_must_do_oneself_are_none(text: str) -> None:
    assert not is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", ["خروج دغري", "خروج علطول", "خروج عالسريع", "خروج يالا", "خروج الله يوفقكم", "exit rn", "exit takfeen", "exit bsr3a", "yallah exit", "tamam exit", "طب خروج"])
def test_every_dialect_has_its_ways_of_saying_at_once(text: str) -> None:
    assert is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "لو خروج", "خروج لو", "الله خروج", "بعد خروج", "من خروج", "now", "الحين لو سمحت", "please", "0 now?", "وقف هلق", "وقف الحين", "اخرج الحين؟", "خروج دم الحين", "يلا باي الحين", "ok bye hala2", "خلص وقف", "cancel please", "stop now?", "exit b",
    "thank u dear xxx", "شكرا x", "اخرج فورا؟", "اخرج فورا يا اختي", "خلص اطلع من البيت الله يخليك", "خلص تعبت الله يخليك", "ok 0 thanks",
    "يلا وقف لو سمحت صراخ", "امسحي دموعك الحين", "please now", "اطلع هلق لو سمحت",
])
def test_what_only_stands_beside_such_words_is_none(text: str) -> None:
    assert not is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "سكر المحادثة", "اقفل الشات هلق", "امسح المحادثة", "close the chat", "delete this chat", "لا تسكري الشات هلأ", "sakkar el bab hala2", "close the door now",
    "احذفوا بياناتي الحين", "leave now", "delete my data now", "طلعني من البيت الحين", "شيلي الرقم هلأ", "sakri el bab b sor3a",
])
def test_without_haste_or_about_something_else_it_is_none(text: str) -> None:
    assert not is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "اخرج الحين؟", "اخرج هلق؟", "اخرج دلوقتي؟", "exit it",
    "i want leave chat", "i want to exit the conversation", "how do i leave the chat", "leave the chat", "close chat please", "اقفل الشات", "please stop this chat", "بدي اطلع من الشات",
    "كيف اخرج من المحادثة؟", "شلون اطلع من الدردشة", "سكر الشات", "اقفل الشات لو سمحت", "عايزة اخرج من الشات", "وقف الشات", "bdi etla3 mn el chat",
    "5rpj", "e5rpj", "5rpj al7een pls",
])
def test_what_was_surely_meant_as_an_exit_is_asked_about(text: str) -> None:
    assert suspects_exit(text, SHIPPED)
    assert not is_exit(text, SHIPPED)


@pytest.mark.parametrize("text", [
    "خروج", "نعم", "شو اسمك", "he told me to stop working there last year",
    "بدي اطلع", "بدي اطلع من البيت", "ما اقدر اطلع", "ممنوع اطلع", "ما يخليني اخرج", "عايزة اخرج", "اطلع الحين", "i want to leave", "i want to leave him",
    "وقف هلق", "stop now", "please stop", "stop him please", "leave it", "leave me", "cancel pls", "cancel the call", "بفكر انهي حالي", "انهي حياتي",
    "i want to exit", "end it now", "خروج من البيت", "خروج نهائي", "exit visa", "امسح المحادثة", "delete this chat", "كيف امسح الشات", "سكر الباب",
    "قفل الباب", "يضربني كلما سكر", "he closed the chat and hit me", "he made me leave the chat", "وقف يضربني", "the chat", "this chat", "شات", "now", "",
])
def test_nothing_is_asked_where_it_is_plain_or_may_be_a_life_story(text: str) -> None:
    assert not suspects_exit(text, SHIPPED)


#: An opinion of its own: what people write back to "is the danger now?".
NOW = (
    "الحين", "هالحين", "هلق", "هلأ", "هلا", "هلقيت", "هسه", "هسا", "هسع", "ذحين", "دحين", "دلوقتي", "دلوقت", "توا", "توه", "الان", "الآن", "حاليا", "فورا", "حالا",
    "al7een", "alheen", "el7een", "elheen", "al7in", "el7in", "l7een", "7een", "hala2", "halla2", "hal2", "hallaa", "hassa", "hasa", "hessa",
    "delwa2ty", "delwa2ti", "dilwa2ti", "delwaty", "taw", "tawwa", "now", "right now", "rn", "just now",
)
WORDS = yaml.safe_load((ROOT / "scripts/screening/answers.yml").read_text("utf-8"))["words"]
ANSWERED = sorted({word for groups in WORDS.values() for group in groups.values() for word in group})
KIN = (
    "امي", "ابوي", "ابويا", "اخوي", "اخويا", "اختي", "جوزي", "زوجي", "ريلي", "رجلي", "عمي", "خالي", "ابني", "بنتي", "ولدي", "مرتي", "حماتي", "يبه", "يما", "باب", "بابا",
    "بابي", "ماما", "ابي", "ابى", "ابا", "ابغى", "بغى", "بدي", "جاي", "باقي", "باق", "بلى", "هاي", "هو", "هي", "برا", "قاعد", "واقف", "طلع", "راح", "نايم",
    "emmi", "immi", "ommi", "mama", "abouy", "aboy", "abuy", "abi", "abui", "baba", "bab", "baby", "okhti", "e5ti", "akhouy", "a5oy", "jozi", "joozi", "zawji",
    "rayli", "3ammi", "5ali", "ibni", "binti", "waladi", "marti", "yaba", "yumma", "my dad", "my mom", "dad", "mom", "he", "she", "jay", "gay", "hay", "wagef",
)


@pytest.mark.parametrize("now", NOW)
def test_no_answer_and_no_kin_beside_a_now_word_ends_a_chat(now: str) -> None:
    said = [text for word in (*ANSWERED, *KIN) for text in (f"{word} {now}", f"{now} {word}")]
    assert [text for text in said if is_exit(text, SHIPPED)] == []


def test_what_is_crossed_with_now_are_the_words_of_the_screening() -> None:
    assert {"بلى", "ay", "ey", "تمام", "yes", "مب الحين"} <= set(ANSWERED)
    assert len(ANSWERED) > 900


@pytest.mark.parametrize("text", [
    *(f"خروج {beside}" for beside in ("فورا", "حالا", "دلوقتي", "من فضلك", "لو سمحت", "من الشات", "هسه", "ذحين")), "خروج من الدردشة", "من فضلك خروج",
    "اخرج من فضلك", "اخرج من الشات", "اخرج من المحادثة", "انهاء الحين", "انهاء هلق", "انهاء الشات", "إنهاء الدردشة", "انهي المحادثة", "انهي الشات",
    "امسح هلق", "امسح هلأ", "امسح دلوقتي", "امسح الحين",
    "exit pls", "pls exit", "exit now please", "please exit now", "exit the chat", "exit this chat", "end chat", "end the chat", "end chat now", "quit now", "quit pls",
    "khorog", "5rog", "okhrog", "khorog delwa2ty", "5roj al7een", "5urouj", "enha2",
    "باي دلوقتي", "باي ذحين", "باي هسه", "باي هسا", "bye hala2", "bye delwa2ty", "bye el7een", "bay el7een", "bay al7een", "اخرجي", "امسحي",
])
def test_a_phrase_with_now_please_or_the_chat_beside_it_is_an_exit_without_any_file(text: str) -> None:
    assert is_exit(text)
    assert is_exit(f"«{text.upper()}»!! 😭")


#: «خروج من البيت», "bye Hala": a letter or a word away from what is composed.
@pytest.mark.parametrize("text", [
    "خروج فور", "خروج من البيت", "خروج حال", "اخرج من البيت", "اخرج من الباب", "انهاء العقد", "امسح هلع", "امسح الدم", "باي هسام", "باي هبه", "باي دلوعتي",
    "اخرجيه", "اخرجني", "امسحيه", "امسحني", "exit then", "exit cat", "end chap", "end that", "quit how", "leave the cat", "close the door", "close cat",
    "horog", "7orog", "5arg", "5rouf", "kharog", "khoroof", "ekhrag", "enhar", "enha", "bye hala", "bye halal", "bay el7elw", "bab el7een", "may el7een",
])
def test_nothing_is_forgiven_in_what_is_composed(text: str) -> None:
    assert not is_exit(text, SHIPPED)


@pytest.mark.parametrize("phrase", ["emsah", "imsah", "emsa7", "imsa7", "5roj", "باي الحين"])
def test_short_words_of_other_alphabets_forgive_only_a_letter_held_down(phrase: str) -> None:
    first = phrase.split()[0]
    letters = "abcdefghijklmnopqrstuvwxyz" if phrase.isascii() else "ابتثجحخدذرزسشصضطظعغفقكلمنهويء"
    rest = phrase[len(first):]
    near = {first[:at] + letter + first[at + 1:] for at in range(len(first)) for letter in letters}
    near |= {first[:at] + first[at + 1:] for at in range(len(first))}
    near |= {first[:at] + first[at + 1] + first[at] + first[at + 2:] for at in range(len(first) - 1)}
    listed = {squeeze(fold(known)) for known in (*ADVERTISED, *ARABIZI, "5rog")}
    assert [word for word in sorted(near) if is_exit(word + rest) and squeeze(fold(word + rest)) not in listed] == []
    assert is_exit("".join(letter * 3 if letter.isalpha() else letter for letter in phrase))
