"""The provider's own words: obeyed, never advertised."""

from __future__ import annotations

import pytest

from safety.exit import is_exit
from safety.optout import OPT_OUT_WORDS, is_opt_in, is_opt_out


@pytest.mark.parametrize("word", [*OPT_OUT_WORDS, "STOP", " Stop. ", "stop all", "opt-out", "ＳＴＯＰ", "S\u200bTOP"])
def test_an_opt_out_word_is_obeyed_and_is_an_exit_too(word: str) -> None:
    assert is_opt_out(word)
    assert is_exit(word)


@pytest.mark.parametrize("text", ["stop it", "sotp", "خروج", "exit", "0", "he told me to stop", "endless", "", "stop stop"])
def test_nothing_else_opts_out(text: str) -> None:
    assert not is_opt_out(text)


@pytest.mark.parametrize("word", ["START", "start", " Unstop "])
def test_a_person_can_opt_in_again(word: str) -> None:
    assert is_opt_in(word)


@pytest.mark.parametrize("text", ["YES", "yes", "start talking", "ابدأ", "", "1"])
def test_yes_is_an_answer_and_not_an_opt_in(text: str) -> None:
    assert not is_opt_in(text)
