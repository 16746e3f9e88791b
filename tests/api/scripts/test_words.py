"""Finding words in texts: spellings and clitics are seen through, neighbours and negations are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.scripts.words import (
    find_forbidden,
    find_offered_exit,
    find_opt_out,
    find_phone_numbers,
    fold_keeping_places,
    revealing_pattern,
    spans_of,
)


@pytest.mark.parametrize("written", ["شرطة", "الشرطة", "والشرطه", "للشرطة", "بالشُّرطة", "شــرطة", "شرطتنا", "POLICE", "police's"])
def test_a_revealing_word_is_found_in_any_spelling(written: str) -> None:
    pattern = revealing_pattern(["شرطة", "شرطت", "police"])
    assert pattern is not None
    assert [word for _, word in spans_of(pattern, f"نعم {written}، لا")] == [written]


@pytest.mark.parametrize("written", ["شرط", "شريط", "policy", "مشرطة", "metropolice"])
def test_a_word_that_only_looks_like_it_is_not(written: str) -> None:
    pattern = revealing_pattern(["شرطة", "police"])
    assert pattern is not None
    assert list(spans_of(pattern, f"نعم {written} لا")) == []


@pytest.mark.parametrize("written", ["يضربك", "بتضربها", "وبيضربني", "والضرب"])
def test_a_stem_is_found_in_its_verbs(written: str) -> None:
    pattern = revealing_pattern(["ضرب"])
    assert pattern is not None
    assert len(list(spans_of(pattern, written))) == 1


def test_no_words_make_no_pattern() -> None:
    assert revealing_pattern([" ", ""]) is None


@pytest.mark.parametrize(
    "said",
    ["هاد مش ذنبك", "هذا ليس ذنبك أبداً", "فلا نعد بسرية كاملة", "ولا هو ذنبك", "It is not your fault", "It was never really your fault",
     "We cannot say that you are safe", "ما منوعد بسرية كاملة", "We do not promise: nothing is guaranteed"],
)
def test_what_is_denied_is_not_forbidden(said: str) -> None:
    assert list(find_forbidden(said, "error")) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [("هذا ذنبك", "ذنبك"), ("It is your fault", "your fault"), ("Not now. You are safe.", "You are safe"),
     ("كلامك بسرية كاملة", "بسرية كاملة"), ("لا، إنت السبب", None), ("اصبـري", "اصبـري"), ("You’re safe", "You’re safe")],
)
def test_what_is_said_is_found_as_it_is_written(said: str, words: str | None) -> None:
    found = [word for _, word, _ in find_forbidden(said, "error")]
    assert found == ([words] if words else ["إنت السبب"])


@pytest.mark.parametrize("number", ["911", "٩٩٩", "116111", "+962 6 500", "800-700", "۱۱۲"])
def test_a_phone_number_is_seen_in_any_digits(number: str) -> None:
    assert [written for _, written in find_phone_numbers(f"اتصل {number}.", frozenset())] == [number]


@pytest.mark.parametrize("text", ["1 نعم، 2 لا، 3 تخطّي", "2017", "15/2017", "24 ساعة", "100%", "13–17", "4 5 6"])
def test_ages_years_and_choices_are_no_phone_numbers(text: str) -> None:
    found = [written for _, written in find_phone_numbers(text, frozenset())]
    assert found == ([] if text != "4 5 6" else ["4 5 6"])


def test_a_number_that_looks_like_a_year_is_one_if_it_is_listed() -> None:
    assert list(find_phone_numbers("2017", frozenset({"2017"}))) == [(0, "2017")]


@pytest.mark.parametrize(
    "text",
    ["0 للخروج", "9 شخص، 0 وقف", "الرقم 0 بيوقف كل إشي", "0 بيسكّر هون", "Leave? Send 0.", "x closes this", "10 نعم", "2026", "xray", "Max x2"],
)
def test_telling_the_way_out_offers_no_answer(text: str) -> None:
    assert list(find_offered_exit(text)) == []


@pytest.mark.parametrize(("text", "place"), [("1 نعم 0 لا", 6), ("a\n٠ لا", 2), ("x = no", 0), ("0 للخروج\n0 لا", 9), ("(0) no", 1)])
def test_an_answer_that_would_leave_is_found_where_it_stands(text: str, place: int) -> None:
    assert [where for where, _ in find_offered_exit(text)] == [place]


@pytest.mark.parametrize("text", ["Send STOP", "reply 'end'", "STOP to leave", "Write cancel"])
def test_an_advertised_opt_out_is_found(text: str) -> None:
    assert len(list(find_opt_out(text, "en"))) == 1


@pytest.mark.parametrize("text", ["This will end well", "stop the car", "weekend", "You can cancel the visit"])
def test_the_same_words_in_a_sentence_are_not(text: str) -> None:
    assert list(find_opt_out(text, "en")) == []


@given(st.text())
def test_every_folded_character_knows_where_it_stood(text: str) -> None:
    folded = fold_keeping_places(text)
    assert len(folded.text) == len(folded.places)
    assert list(folded.places) == sorted(set(folded.places))
    assert all(0 <= place < len(text) for place in folded.places)


@given(st.text(st.sampled_from("0xX٠1 29،,.\nخروجleav{}\"'«»✖ -/"), max_size=60))
def test_nothing_written_makes_a_finder_fail(text: str) -> None:
    for offset, character in find_offered_exit(text):
        assert text[offset] == character
    for offset, number in find_phone_numbers(text, frozenset()):
        assert text[offset:].startswith(number)
    for offset, word in find_opt_out(text, "en"):
        assert text[offset:].startswith(word)
