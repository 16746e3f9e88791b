"""Which wording a static answer takes, when nothing but the message is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.scripts import foreign_language, guess_language, guess_script, plain_english


@pytest.mark.parametrize(("text", "script"), [
    ("مرحبا", "arabic"), ("hello", "latin"), ("mar7aba", "latin"), ("ﻣﺮﺣﺒﺎ", "arabic"), ("1", "other"), ("", "other"), ("😭", "other"),
    ("مرحبا hi", "arabic"), ("привет", "other"), ("ሰላም", "other"), ("ｈｉ", "latin"), ("٣", "other"),
])
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert guess_script(text) == script


@pytest.mark.parametrize(("text", "language"), [
    ("بدي احكي مع حدا", "ar"), ("ana bedi e7ki", "ar"), ("shu ya3ni", "ar"), ("i need help", "en"), ("hello", "en"), ("", "other"), ("123", "other"),
    ("میں ٹھیک ہوں", "other"), ("kailangan ko po ng tulong ngayon", "other"), ("سچين گال", "ar"), ("ሰላም", "other"),
])
def test_the_language_is_guessed_well_enough_for_a_static_answer(text: str, language: str) -> None:
    assert guess_language(text) == language


@given(st.text(st.characters(codec=None), max_size=100))
def test_any_text_has_a_script_and_a_language(text: str) -> None:
    assert guess_script(text) in ("arabic", "latin", "other")
    assert guess_language(text) in ("ar", "en", "other")


@pytest.mark.parametrize(("text", "language"), [
    ("السلام علیکم مجھے مدد چاہیے میرا شوہر مجھے مارتا ہے", "ur"), ("mujhe madad chahiye mera shohar marta hai", "ur"),
    ("سلام من کمک می خواهم شوهرم مرا می زند", "fa"), ("sinasaktan ako ng asawa ko", "tl"), ("kailangan ko po ng tulong", "tl"),
    ("ባለቤቴ ይመታኛል", "am"), ("bonjour mon mari me frappe", "fr"), ("je suis en danger aidez moi", "fr"),
])
def test_other_languages_of_the_gulf_are_known(text: str, language: str) -> None:
    assert foreign_language(text) == language


@pytest.mark.parametrize("text", [
    "", "0", "🙂", "جوزي بيضربني", "ريلي چذي يطقني", "من فضلك بدي مساعدة", "mon ami", "ana hon", "jozi bydrbni kol yom", "my husband hits me",
    "la la", "la la la 3am yedrobni", "ana la la", "na na na", "ka ka ka", "la wallah ma ba3ref", "abi a7ad ykalmni", "hi", "ok", "سلام عليكم", "شو هاي",
])
def test_arabic_and_english_are_not_taken_for_another_language(text: str) -> None:
    assert foreign_language(text) == ""


@pytest.mark.parametrize(("text", "plain"), [("hello", True), ("Hi!", True), ("help me please", True), ("salam", False), ("", False), ("123", False), ("مرحبا", False)])
def test_a_word_of_english_is_english(text: str, plain: bool) -> None:
    assert plain_english(text) is plain
