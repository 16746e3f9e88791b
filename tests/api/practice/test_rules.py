"""How made-up people answer: pure, readable from their file, the same every time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.practice.rules import EXIT_SIGN, Progress, asks_for_exit, hears, left_alone
from api.scripts.conversations import Branch, Line, Practice
from safety import folding

BOTH = {"ar": "", "en": ""}


def lines(*words: str) -> tuple[Line, ...]:
    return tuple(Line((each,)) for each in words)


SOMEBODY = Practice(
    "somebody", BOTH, BOTH, lines("أولا", "ثانيا"),
    when=(
        Branch((folding.fold("ليش"), folding.fold("لماذا")), lines("مش عارفة")),
        Branch(("police",), lines("no police", "please")),
    ),
    left_alone=lines("في حدا؟"), not_now=lines("منو هذا؟"),
)


def said(words: str, progress: Progress = Progress(), **more: bool) -> tuple[str | None, Progress]:
    after, line = hears(SOMEBODY, progress, words, **more)
    return (None if line is None else line.write[0]), after


def test_answers_come_in_order_and_then_nobody_says_more() -> None:
    first, progress = said("مرحبا")
    second, progress = said("كيف حالك", progress)
    third, progress = said("وبعدين؟", progress)
    assert (first, second, third) == ("أولا", "ثانيا", None)


@pytest.mark.parametrize("words", ["ليش ما حكيتي؟", "طيب، لِيش؟", "وليش هيك", "لمــاذا", "Police?", "the POLICE can come"])
def test_a_word_they_listen_for_is_answered_first_however_it_is_spelt(words: str) -> None:
    answer, progress = said(words)
    assert answer in ("مش عارفة", "no police") and progress.answers == 0


def test_arabic_writes_small_words_together_with_what_follows() -> None:
    listens = Practice("p", BOTH, BOTH, lines("غير ذلك"), when=(Branch((folding.fold("شرطة"),), lines("لا", "لا", "لا", "لا")),))
    progress = Progress()
    for words in ("اتصلي بالشرطة", "الشرطة تساعد", "هل تحكي للشرطة؟", "والشرطة؟"):
        progress, line = hears(listens, progress, words)
        assert line == Line(("لا",)), words
    assert hears(listens, Progress(), "مشرطة")[1] == Line(("غير ذلك",))


@pytest.mark.parametrize("words", ["عليش", "nopolice"])
def test_a_word_inside_another_is_not_that_word(words: str) -> None:
    assert said(words)[0] == "أولا"


def test_a_branch_is_used_up_like_a_list() -> None:
    progress = Progress()
    answers = []
    for _ in range(4):
        answer, progress = said("police", progress)
        answers.append(answer)
    assert answers == ["no police", "please", "أولا", "ثانيا"]


def test_who_cannot_talk_is_not_answered_for_by_their_usual_answers() -> None:
    answer, progress = said("مرحبا", not_now=True)
    again, progress = said("مرحبا؟", progress, not_now=True)
    later, progress = said("مرحبا", progress)
    assert (answer, again, later) == ("منو هذا؟", None, "أولا")


def test_who_is_left_alone_writes_each_line_once() -> None:
    progress, line = left_alone(SOMEBODY, Progress())
    assert line is not None and line.write == ("في حدا؟",)
    assert left_alone(SOMEBODY, progress)[1] is None


def test_somebody_who_has_come_back_has_other_answers() -> None:
    assert hears(SOMEBODY, Progress(), "مرحبا", lines("رجعت"))[1] == Line(("رجعت",))


@pytest.mark.parametrize("words", ["اكتبي 0", "0 أو 1", "٠؟", "type x", "X!", "(0)", "✖"])
def test_a_bare_exit_sign_is_seen(words: str) -> None:
    assert asks_for_exit(words)


@pytest.mark.parametrize("words", ["10", "a0", "بعد 20 دقيقة", "taxi", "٢٠", "xx", "مرحبا"])
def test_a_sign_within_a_word_is_none(words: str) -> None:
    assert not asks_for_exit(words)


def test_the_console_warns_of_the_same_signs() -> None:
    script = (Path(__file__).parents[3] / "api" / "web" / "static" / "console-talk.js").read_text(encoding="utf-8")
    found = re.search(r"const COULD_EXIT = /(.+)/u;", script)
    assert found is not None and found[1] == EXIT_SIGN
