"""Latin-letter Arabic: the words it may stand for, several of them, and nothing for English."""

from __future__ import annotations

import pickle

import pytest

from bot.components.arabizi import MOST, Arabizi, skeletons

ARABIC = ["جوزي عم بيضربني هلأ", "جوزي بيضربني كل يوم", "ريلي يقفل علي الباب", "ريلي يقفل الباب", "بدي احكي مع حدا", "بدي احكي مع حدا هلأ",
          "انا حامل ومعي حمل ثقيل", "حامل وتعبانه، حمل صعب", "اهلي هددوني", "اهلي هددوني مره"]
ENGLISH = ["my husband hit me", "i want to talk", "my boss hit me again", "help me hit me", "they want my passport"]


@pytest.fixture(scope="module")
def arabizi() -> Arabizi:
    found = Arabizi()
    found.learn(ARABIC, ENGLISH)
    return found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("jozi", "جوزي"), ("jouzy", "جوزي"), ("gozi", "جوزي"), ("bedrobni", "بيضربني"), ("bydrbny", "بيضربني"), ("rayli", "ريلي"),
     ("yegfel", "يقفل"), ("yi2fel", "يقفل"), ("7amel", "حامل"), ("haddadouni", "هددوني"), ("b7ki", ""), ("a7ki", "احكي")],
)
def test_every_spelling_leads_to_the_word(arabizi: Arabizi, typed: str, meant: str) -> None:
    found = arabizi.readings(typed)
    assert meant in found if meant else not found or "بيضربني" not in found


def test_alternatives_are_kept_and_the_vowels_put_them_in_order(arabizi: Arabizi) -> None:
    assert list(arabizi.readings("7amel"))[:2] == ["حامل", "حمل"]
    assert next(iter(arabizi.readings("7aml"))) in ("حامل", "حمل") and len(arabizi.readings("7aml")) <= MOST


def test_english_words_are_left_alone(arabizi: Arabizi) -> None:
    assert not arabizi.readings("hit") and not arabizi.readings("me")


@pytest.mark.parametrize("folded", ["", "جوزي بيضربني", "123 456", "!!! ???", "😭", "'", "٣٢"])
def test_what_holds_no_latin_word_has_no_reading(arabizi: Arabizi, folded: str) -> None:
    assert arabizi.reading(folded) == []


def test_a_mixed_message_is_read_where_it_is_latin(arabizi: Arabizi) -> None:
    assert next(found[0] for found in arabizi.reading("jozi بيضربني kol youm")) == "جوزي"


def test_a_word_of_many_weak_letters_has_few_skeletons() -> None:
    assert len(list(skeletons("واويهاويهاويه"))) <= 12
    assert list(skeletons("ضرب")) == ["drb"]


def test_a_kept_one_reads_the_same(arabizi: Arabizi) -> None:
    assert pickle.loads(pickle.dumps(arabizi)).readings("jozi") == arabizi.readings("jozi")
