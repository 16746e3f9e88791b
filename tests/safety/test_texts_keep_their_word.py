"""What a text says is true in every wording: nothing is offered that is then refused, nothing promised that is not kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "scripts" / "texts"
TEXTS: dict[str, dict[str, Any]] = {
    name: text for path in sorted(FOLDER.glob("*.yml")) for name, text in yaml.safe_load(path.read_text("utf-8"))["texts"].items()
}
VARIANTS = ("lev", "gulf", "msa", "en")
OFFERS_NUMBERS = ("8 أرقام", "5 أرقام", "«أرقام»", "8 phone numbers", "5 phone numbers", "write: numbers")


def _wordings(name: str, *forms: str) -> list[str]:
    text = TEXTS[name]
    return [(text if form == "main" else text.get(form, {})).get(variant, "") for form in forms for variant in VARIANTS]


@pytest.mark.parametrize("name", TEXTS)
def test_numbers_are_not_offered_where_none_can_be_sent(name: str) -> None:
    """api/scripts/render.py: by SMS without numbers goes out no_numbers, else sms, else the main wording."""
    sent = next(words for form in ("no_numbers", "sms", "main") if any(words := _wordings(name, form)))
    assert not any(offer in words for words in sent for offer in OFFERS_NUMBERS)


@pytest.mark.parametrize(("name", "promise"), [
    ("call_wish", "بالوقت المسجّل"), ("call_wish", "في الوقت المسجّل"), ("call_wish", "at the time on the request"),
    ("high_offer", "أجوبتك"), ("high_offer", "إجاباتك"), ("high_offer", "your answers"), ("high_offer", "الأسئلة"), ("high_offer", "the questions"),
    ("ack_minor", "سؤال"), ("ack_minor", "أسئلة"), ("ack_minor", "questions"), ("ack_heard_own", "سؤال"), ("ack_heard_own", "ذنبك"),
    ("ack_heard_own", "fault"), ("ack_heard_other", "questions"),
])
def test_what_is_not_kept_is_not_promised(name: str, promise: str) -> None:
    assert not any(promise in words for words in _wordings(name, "main", "sms", "no_numbers"))


def test_a_call_is_agreed_in_writing_first() -> None:
    assert all("together" in words for words in (TEXTS["call_wish"]["en"], TEXTS["call_wish"]["sms"]["en"]))


@pytest.mark.parametrize("variant", VARIANTS)
def test_whoever_waits_already_sees_the_emergency_number_first(variant: str) -> None:
    assert TEXTS["red_waiting"][variant].startswith("{emergency}\n")
