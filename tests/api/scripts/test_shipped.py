"""The scripts that ship with the product keep every rule of the checker."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from api.scripts.check import check_release
from api.scripts.draft import read_draft
from api.scripts.numbers import Number

SCRIPTS = Path(__file__).parents[3] / "scripts"

# screening.md, "Numbers shipped as defaults": country, place, number, confidence
SHIPPED = {
    ("XX", "", "112", "medium"),
    ("JO", "", "911", "high"),
    ("JO", "", "110", "medium"),
    ("QA", "", "999", "high"),
    ("QA", "", "919", "high"),
    ("BH", "", "999", "high"),
    ("BH", "", "998", "high"),
    ("AE", "", "999", "high"),
    ("AE", "", "116111", "high"),
    ("AE", "AE-SH", "800700", "high"),
    ("AE", "AE-SH", "800800700", "medium"),
}


@pytest.fixture(scope="module")
def numbers() -> tuple[Number, ...]:
    return read_draft(SCRIPTS)[0].numbers


def test_the_shipped_scripts_have_no_error() -> None:
    errors = [str(problem) for problem in check_release(SCRIPTS) if problem.severity == "error"]
    assert errors == []


def test_every_number_of_the_list_ships_with_its_source(numbers: tuple[Number, ...]) -> None:
    assert {(n.country, n.place, n.number, n.confidence) for n in numbers} == SHIPPED
    assert all(number.source for number in numbers)


def test_no_number_ships_as_checked_by_anybody(numbers: tuple[Number, ...]) -> None:
    assert not any(number.is_verified(date(2026, 1, 1)) or number.verified_by for number in numbers)
