"""What is kept of a talk between two messages: codes, and a wording that does not flip."""

from __future__ import annotations

from dataclasses import fields

import pytest

from api.record import Record


def test_a_record_comes_back_as_it_was_kept() -> None:
    record = Record(engine={"version": 1}, at=5.0, variant="en", dialect="gulf", language="ar", place="QA",
                    release="d" * 64, good_time=True, undone=[{"id": "x"}])
    assert Record.of(record.as_kept()) == record
    assert set(record.as_kept()) == {field.name for field in fields(Record)}


@pytest.mark.parametrize("kept", [None, {}, {"a field of a later version": 1}])
def test_nothing_kept_or_nothing_known_is_a_new_talk(kept: dict[str, object] | None) -> None:
    assert Record.of(kept) == Record()


def test_two_records_share_no_list() -> None:
    one, two = Record(), Record()
    one.undone.append({"id": "x"})
    assert two.undone == []


def test_the_first_longer_message_settles_the_dialect_for_the_talk() -> None:
    record = Record()
    heard = []
    for dialect, words in (("gulf", 1), ("levantine", 3), ("msa", 2), ("gulf", 8), (None, 4), ("levantine", 9)):
        record.hear(dialect, "ar", words)
        heard.append(record.dialect)
    assert heard == ["", "levantine", "levantine", "gulf", "gulf", "gulf"]


def test_what_a_short_message_seemed_to_be_does_not_hold_against_longer_english() -> None:
    record = Record()
    record.hear("gulf", "ar", 2)
    record.hear(None, "en", 6)
    assert (record.dialect, record.language) == ("", "en")
    record.hear("levantine", "ar", 7)
    record.hear(None, "en", 6)
    assert record.dialect == "levantine", "settled: no flipping"


def test_a_greeting_of_many_words_settles_nothing() -> None:
    record = Record()
    heard = []
    for dialect, greeting in (("msa", True), ("gulf", True), ("levantine", False), ("gulf", False)):
        record.hear(dialect, "ar", 5, greeting=greeting)
        heard.append(record.dialect)
    assert heard == ["msa", "msa", "levantine", "levantine"]


def test_who_greets_in_arabic_and_goes_on_in_english_is_answered_in_english() -> None:
    record = Record()
    record.hear("msa", "ar", 5, greeting=True)
    record.hear(None, "en", 8)
    assert (record.dialect, record.language) == ("", "en")


def test_a_longer_message_in_another_language_changes_the_language_a_single_word_does_not() -> None:
    record = Record()
    heard = []
    for language, words in (("ar", 1), ("en", 1), ("en", 4), ("fr", 9), ("", 9)):
        record.hear(None, language, words)
        heard.append(record.language)
    assert heard == ["ar", "ar", "en", "en", "en"]
