"""Which numbers a person is told: by country and place, in production and out of it, before and after a lapse."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from api.scripts.numbers import Told, country_of, unsigned_minimum
from api.scripts.release import Release, load_release
from tests.api.scripts.bundles import number_entry, numbers_file, write_bundle

TODAY = date(2026, 6, 1)


def release(root: Path, *, verified: str = "2026-01-01", others: str = "2026-01-01") -> Release:
    """Emergency numbers everywhere and one child line each in JO, AE and Sharjah."""
    lines = (
        number_entry("110", "JO", "child_line", verified=others),
        number_entry("116111", "AE", "child_line", verified=others),
        number_entry("800700", "AE", "child_line", place="AE-SH", verified=others),
    )
    return load_release(write_bundle(root, numbers=numbers_file(*lines, verified=verified)))


def numbers_of(told: Told) -> list[str]:
    return [number.number for number in told.all]


@pytest.mark.parametrize(
    ("country", "place", "told"),
    [
        ("JO", None, ["911", "110"]),
        ("QA", None, ["999"]),
        ("AE", None, ["999", "116111"]),
        ("AE", "AE-SH", ["999", "116111", "800700"]),
        ("AE", "ae-sh", ["999", "116111", "800700"]),
        ("AE", "AE-DU", ["999", "116111"]),
        ("JO", "AE-SH", ["999", "112", "116111", "800700"]),
        ("AE", "JO", ["911", "112", "110"]),
        ("XX", "JO", ["911", "110"]),
        ("XX", None, ["112"]),
        ("LB", None, ["112"]),
        ("JO", "somewhere", ["911", "110"]),
    ],
)
def test_a_person_is_told_the_numbers_of_where_they_are(
    tmp_path: Path, country: str, place: str | None, told: list[str]
) -> None:
    assert numbers_of(release(tmp_path).told_numbers(country, place, production=True, today=TODAY)) == told


def test_a_number_nobody_checked_is_not_told_in_production(tmp_path: Path) -> None:
    unchecked = release(tmp_path, others="")
    assert numbers_of(unchecked.told_numbers("JO", None, production=True, today=TODAY)) == ["911"]
    assert numbers_of(unchecked.told_numbers("JO", None, production=False, today=TODAY)) == ["911", "110"]


def test_a_check_lapses_after_its_last_day_and_the_emergency_number_stays(tmp_path: Path) -> None:
    checked = release(tmp_path)
    assert numbers_of(checked.told_numbers("JO", None, production=True, today=date(2027, 1, 1))) == ["911", "110"]
    assert numbers_of(checked.told_numbers("JO", None, production=True, today=date(2027, 1, 2))) == ["911"]
    assert numbers_of(checked.told_numbers("JO", None, production=True, today=date(2025, 12, 31))) == ["911"]


def test_112_is_added_only_once_it_is_checked(tmp_path: Path) -> None:
    unchecked = release(tmp_path, verified="")
    assert [n.number for n in unchecked.told_numbers("JO", "AE", production=True, today=TODAY).emergency] == ["999"]
    assert [n.number for n in unchecked.told_numbers("JO", "AE", production=False, today=TODAY).emergency] == ["999", "112"]


def test_the_child_line_of_the_place_comes_before_the_national_one(tmp_path: Path) -> None:
    at = release(tmp_path).told_numbers
    assert at("AE", "AE-SH", production=True, today=TODAY).child_line.number == "800700"  # type: ignore[union-attr]
    assert at("AE", None, production=True, today=TODAY).child_line.number == "116111"  # type: ignore[union-attr]
    assert at("QA", None, production=True, today=TODAY).child_line is None


def test_production_can_see_which_emergency_numbers_nobody_signed_for(tmp_path: Path) -> None:
    signed = release(tmp_path / "a")
    assert unsigned_minimum(signed.numbers, TODAY) == ()
    assert len(unsigned_minimum(signed.numbers, date(2028, 1, 1))) == 5
    unsigned = release(tmp_path / "b", verified="")
    assert [number.number for number in unsigned_minimum(unsigned.numbers, TODAY)] == ["911", "999", "999", "999", "112"]


@pytest.mark.parametrize(
    ("place", "country"), [("AE-SH", "AE"), ("jo", "JO"), ("QA-", "QA"), ("sharjah", None), ("", None), (None, None)]
)
def test_a_place_code_says_its_country(place: str | None, country: str | None) -> None:
    assert country_of(place) == country
