"""Each component alone: bad input is a normal case."""

from __future__ import annotations

import pytest

from actions.directory import RELEASES
from bot.components.alarm import alarm_of
from bot.components.normaliser import normalise
from bot.components.reader import read

ODD = ["", " ", "😀", "ا" * 1600, "\ud83d", "a\ud800b", "\u202eأبج\u202c", "نص mixed 123", "\x00\x01", "ﷺ" * 400, "Ⓐ①２", "مــــرحبا"]


@pytest.mark.parametrize("text", ODD)
def test_folding_never_raises(text: str) -> None:
    assert isinstance(normalise(text), str)


@pytest.mark.parametrize(
    ("written", "also"),
    [("أهلاً", "اهلا"), ("مدرسة", "مدرسه"), ("على", "علي"), ("٣٤", "34"), ("مررررحبا", "مررحبا"), ("مـرحـبا", "مرحبا"),
     ("HELLO", "hello"), ("گلب", "كلب"), ("هـــلا\u200f", "هلا")],
)
def test_spellings_of_one_word_fold_together(written: str, also: str) -> None:
    assert normalise(written) == normalise(also)


@pytest.mark.parametrize("kept", ["ما ضربني", "لا", "ضربني؟"])
def test_folding_keeps_negation_and_questions(kept: str) -> None:
    assert ("ما" in normalise(kept)) or ("لا" in normalise(kept)) or ("؟" in normalise(kept)) or ("?" in normalise(kept))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", {"answer": "yes", "digit": 1}), ("٢", {"answer": "no", "digit": 2}), ("9", {"answer": "d9", "digit": 9}),
        ("نعم", {"answer": "yes"}), ("مدري", {"answer": "unsure"}), ("تمام", {"reply": "yes"}), ("كيف الطقس", {"reply": "other"}),
        ("اتصلوا علي", {"call": True}), ("can we speak english", {"wanted_language": "en"}),
    ],
)
def test_what_needs_no_model_is_read_by_rule(text: str, expected: dict) -> None:
    words = RELEASES.instruments("").words
    found = {e["entity"]: e["value"] for e in read(text, normalise(text), words)}
    assert expected.items() <= found.items()


def test_ok_is_no_answer_to_a_question_of_fact() -> None:
    found = {e["entity"]: e["value"] for e in read("تمام", "تمام", RELEASES.instruments("").words)}
    assert "answer" not in found


@pytest.mark.parametrize(
    ("by_rule", "p", "alarm"),
    [("now", 0.0, "now"), ("", 0.8, "now"), ("", 0.75, "now"), ("maybe", 0.1, "maybe"), ("", 0.5, "maybe"), ("", 0.1, ""),
     ("maybe", 0.9, "now")],
)
def test_the_more_worried_of_rule_and_model_decides(by_rule: str, p: float, alarm: str) -> None:
    assert alarm_of(by_rule, p, asks_at=0.35, rings_at=0.75) == alarm
