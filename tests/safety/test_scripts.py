"""Which wording a static answer takes, when nothing but the message is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.scripts import guess_language, guess_script


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
