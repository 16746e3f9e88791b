"""Folding: what a reader takes for the same word is the same string."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.folding import fold, squeeze


@pytest.mark.parametrize(("typed", "meant"), [
    ("أإآٱا", "ا"),
    ("مدرسة", "مدرسه"),
    ("مستشفى", "مستشفي"),
    ("کیف", "كيف"),
    ("خُرُوجٌ", "خروج"),
    ("خـــروج", "خروج"),
    ("خ\u200bر\u200dو\u2066ج\u2069", "خروج"),
    ("\u202eexit\u202c", "exit"),
    ("ﺧﺮﻭﺝ", "خروج"),
    ("ｅｘｉｔ", "exit"),
    ("𝓮𝔁𝓲𝓽", "exit"),
    ("ÉXÍT", "exit"),
    ("٠١٢ ۰۱۲", "012 012"),
    ("0️⃣", "0"),
    ("خرووووج", "خروج"),
    ("مؤلم شئ", "مولم شي"),
    ("سچين", "سكين"),
    ("  a \t b ", "a b"),
    ("\ud800خروج", "خروج"),
])
def test_spellings_of_one_word_become_one_string(typed: str, meant: str) -> None:
    assert fold(typed) == meant


def test_digits_are_not_taken_for_a_held_key() -> None:
    assert fold("11") == "11"
    assert fold("911") == "911"


def test_a_line_break_stays_because_it_ends_a_sentence() -> None:
    assert fold("واحد\nاثنان") == "واحد\nاثنان"


def test_squeezing_leaves_letters_and_digits_once() -> None:
    assert squeeze(fold(" «خ ر.و-ج!» 😭")) == "خروج"


@given(st.text(st.characters(codec=None), max_size=200))
def test_folding_never_raises_and_folding_again_changes_nothing_that_matters(text: str) -> None:
    once = fold(text)
    assert squeeze(fold(once)) == squeeze(once)


@pytest.mark.parametrize("text", ["", "خ" * 1600, "ﷺ" * 1600, "\ud800" * 1600, "👨‍👩‍👧" * 320, "\u0651" * 1600, "\x00" * 1600])
def test_folding_bears_what_nobody_would_type(text: str) -> None:
    began = time.perf_counter()
    fold(text)
    assert time.perf_counter() - began < 0.25   # a guard against explosion, not a benchmark
