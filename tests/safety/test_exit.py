"""The safety exit: no noise in the documented classes stops it, no ordinary sentence triggers it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.exit import DEFAULT, PhraseNotUsable, compile_phrases, is_exit, suspects_exit
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
    "exut", "eixt", "ezit", "exiy", "exi", "خروح", "خورج", "اخرح", "خلص اطلغ", "خلص اطاع", "حلص اطلع", "خلاص اطلع",
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
    "«ov,[»", "ثءهف!", "ء",
])
def test_the_wrong_keyboard_is_forgiven(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize("text", [
    "ﺧﺮﻭﺝ", "ｅｘｉｔ", "ＥＸＩＴ", "𝗲𝘅𝗶𝘁", "ⓔⓧⓘⓣ", "０", "0️⃣", "⓪", "✖️", "❌❌❌", "×", "✕", "00", "0 0 0", "x x", "xXx", "٠.", "(0)", "«x»", '"0"', "*0*", "exit خروج", "خروج 0",
    "STOP ALL", "opt-out", "Opt Out", "إنهاء", "إِنْهَاء", "انهاءءء", "انها", "e.x.i.t", "/exit", "#exit", "-خروج-", "خروج" * 30, "exit " * 300, "x" * 1600,
])
def test_other_ways_of_writing_it_exit(text: str) -> None:
    assert is_exit(text)


@pytest.mark.parametrize("sentence", ORDINARY)
def test_no_ordinary_sentence_ends_a_chat(sentence: str) -> None:
    assert not is_exit(sentence, SHIPPED)


def test_the_list_of_ordinary_sentences_is_long_enough() -> None:
    assert len(set(ORDINARY)) >= 350


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


@pytest.mark.parametrize("text", ["بدي اطلع", "خروج يا اخي", "exit it", "i want leave"])
def test_what_may_have_been_meant_as_an_exit_is_asked_about(text: str) -> None:
    assert suspects_exit(text)
    assert not is_exit(text)


@pytest.mark.parametrize("text", ["خروج", "نعم", "شو اسمك", "he told me to stop working there last year"])
def test_nothing_is_asked_where_it_is_plain(text: str) -> None:
    assert not suspects_exit(text)
