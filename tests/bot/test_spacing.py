"""Words run together are set apart; words are not."""

from __future__ import annotations

import pytest

from bot.components.normaliser import normalise, words_alone
from bot.components.spacing import Spacing

WRITTEN = ("عم يخنقها بالمطبخ", "كان يكسر الباب علي", "وبنتي لحالها هناك", "ضربني ابوي", "مش لاقيه حدا", "he broke the door", "مخيم الزعتري هون")


@pytest.fixture(scope="module")
def spacing() -> Spacing:
    made = Spacing()
    made.learn(WRITTEN * 8)
    return made


@pytest.mark.parametrize(("typed", "read"), [
    ("عميخنقها", "عم يخنقها"), ("كانيكسرالباب علي", "كان يكسر الباب علي"), ("وبنتيلحالها", "وبنتي لحالها"), ("مشلاقيه", "مش لاقيه"),
    ("hebrokethe door", "he broke the door"),
])
def test_what_was_run_together_is_set_apart(spacing: Spacing, typed: str, read: str) -> None:
    assert spacing.apart(typed) == read


@pytest.mark.parametrize("word", [
    "ضربني", "يخنقها", "وضربني", "بالمخيم", "مخيمنا", "لضربوني", "الباب", "قسطنطينيه", "ا" * 1600, "3amyed", "😀", "", "123456789",
])
def test_a_word_stays_a_word(spacing: Spacing, word: str) -> None:
    assert spacing.apart(word) == word


def test_of_a_very_long_message_the_first_words_are_looked_at(spacing: Spacing) -> None:
    read = spacing.apart(" ".join(["كانيكسرالباب"] * 100)).split()
    assert read[:3] == ["كان", "يكسر", "الباب"] and read[-1] == "كانيكسرالباب"


def test_nothing_is_cut_before_anything_was_learned() -> None:
    assert Spacing().apart("كانيكسرالباب") == "كانيكسرالباب"


@pytest.mark.parametrize(("typed", "read"), [
    ("علقها زوجها و هي تنزف.", "علقها زوجها وهي تنزف"), ("و انا...وهو", "وانا وهو"), ("he’s coming!!help me😂 ok؟", "he's coming help me 😂 ok ?"),
    ("السكين-هون (قريب)", "السكين هون قريب"), ("و", "و"), ("١٢:٣٠ و ٥", "12 30 و 5"), ("", ""), ("...", ""),
])
def test_how_somebody_types_is_taken_out(typed: str, read: str) -> None:
    assert words_alone(normalise(typed)) == read
