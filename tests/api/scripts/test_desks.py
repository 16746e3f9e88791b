"""Desks: what ``./hams check`` says about each slip, and the way from a person to a desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.scripts.check import check_release
from api.scripts.desks import COMPETENCES, PLACES, chain, home, path
from api.scripts.release import load_release
from api.staff.rotas import competences
from tests.api.scripts.bundles import found, problems_of, write_bundle
from tests.fixtures_line import shipped_release

HEAD = "desks:\n"
NAME = '{ar: "مكتب", en: Desk}'


def desk(code: str = "all", countries: str = "[JO, QA, BH, AE, XX]", **other: str) -> str:
    """One entry, on one line, so that its place is known."""
    fields = {"code": code, "name": NAME, "countries": countries, "zone": "Asia/Amman", "hours": "always", **other}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in fields.items() if value) + "}\n"


BROKEN = [
    ("desk-code", HEAD + desk("Big Desk"), 2),
    ("desk-code", HEAD + desk("x" * 33), 2),
    ("twice", HEAD + desk() + desk(), 3),
    ("desk-fallback", HEAD + desk() + desk("other", "[]", fallback="al"), 3),
    ("desk-cycle", HEAD + desk(fallback="other") + desk("other", "[]", fallback="all"), 2),
    ("desk-cycle", HEAD + desk(fallback="all"), 2),
    ("desk-cycle", HEAD + desk(fallback="b") + desk("b", "[]", fallback="c") + desk("c", "[]", fallback="b"), 2),
    ("desk-zone", HEAD + desk(zone="Asia/Aman"), 2),
    ("desk-zone", HEAD + desk(zone="Asia"), 2),
    ("desk-zone", HEAD + desk(zone="../../etc/passwd"), 2),
    ("desk-zone", HEAD + desk(zone="UTC+3"), 2),
    ("desk-lane", HEAD + desk() + desk("kids", lane="child"), 3),
    ("desk-country", HEAD + desk() + desk("b", "[KW]"), 3),
    ("desk-competence", HEAD + desk(competences="[childern]"), 2),
    ("desk-hours", HEAD + desk(hours="never"), 2),
    ("desk-hours", HEAD + desk(hours='{sun: "8-16"}'), 2),
    ("desk-hours", HEAD + desk(hours='{sun: "08:00-08:00"}'), 2),
    ("desk-hours", HEAD + desk(hours='{sun: "08:00-25:00"}'), 2),
    ("desk-hours", HEAD + desk(hours="{sun: [8, 16]}"), 2),
    ("desk-hours", HEAD + desk(hours="{}"), 2),
    ("unknown-field", HEAD + desk(hours='{sunday: "08:00-16:00"}'), 2),
    ("unknown-field", HEAD + desk(colour="red"), 2),
    ("missing-field", HEAD + desk(name="{ar: مكتب}"), 2),
    ("missing-field", HEAD + desk(zone=""), 2),
    ("kind", HEAD + desk(countries="JO"), 2),
    ("kind", "desks: all\n", 1),
    ("kind", "- a\n", 1),
    ("desk-unreachable", HEAD + desk(countries="[JO, QA, BH, AE]"), 2),
    ("desk-unreachable", HEAD + desk(hours='{sun: "08:00-16:00"}'), 2),
    ("desk-unreachable", HEAD + desk() + desk("kids", "[QA]", lane="children", hours='{sun: "08:00-16:00"}'), 3),
]


@pytest.mark.parametrize(("rule", "text", "line"), BROKEN, ids=[f"{n}-{case[0]}" for n, case in enumerate(BROKEN)])
def test_each_slip_is_told_at_its_place(tmp_path: Path, rule: str, text: str, line: int) -> None:
    problems = problems_of(tmp_path, desks=text)
    assert ("desks.yml", line) in found(problems, rule), problems
    assert all(problem.severity == "error" for problem in problems)


def test_every_slip_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = HEAD + desk(zone="Asia/Aman") + desk("b", "[KW]", competences="[x]") + desk("c", hours="never", lane="d")
    rules = {problem.rule for problem in problems_of(tmp_path, desks=text)}
    assert rules == {"desk-zone", "desk-country", "desk-competence", "desk-hours", "desk-lane"}


def test_a_fallback_that_could_not_be_read_is_not_told_twice(tmp_path: Path) -> None:
    text = HEAD + desk(fallback="duty") + desk("duty", "[]", zone="Nowhere")
    assert [problem.rule for problem in problems_of(tmp_path, desks=text)] == ["desk-zone"]


def test_a_bundle_without_desks_is_used_with_a_warning(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, desks=None)
    assert [(problem.rule, problem.severity) for problem in problems] == [("no-desks", "warning")]
    assert load_release(tmp_path / "scripts").desks == {}


def test_hours_of_the_week_are_read_with_nights_and_days_off(tmp_path: Path) -> None:
    hours = '{sun: "08:00-12:00, 20:00-02:00", fri: }'
    directory = write_bundle(tmp_path, desks=HEAD + desk() + desk("b", "[]", hours=hours))
    assert check_release(directory) == []
    assert [str(span) for span in load_release(directory).desks["b"].hours] == ["08:00–12:00", "20:00–02:00"]


def test_the_way_goes_from_the_own_desks_along_their_fallbacks(tmp_path: Path) -> None:
    text = (
        HEAD + desk("kids", "[JO]", lane="children", fallback="day") + desk("day", "[JO]", fallback="duty")
        + desk("night", "[JO]", fallback="spare") + desk("duty", "[QA, BH, AE, XX]") + desk("spare", "[]")
    )
    desks = load_release(write_bundle(tmp_path, desks=text)).desks
    assert path(desks, "JO", "") == ("day", "night", "duty", "spare")
    assert path(desks, "JO", "children") == ("kids", "day", "duty")
    assert path(desks, "QA", "children") == path(desks, "QA", "") == ("duty",), "no desk of its own: everybody's way"
    assert chain(desks, "kids") == ("kids", "day", "duty") and chain(desks, "nowhere") == ()


def test_where_they_say_they_are_counts_before_their_number() -> None:
    assert home("JO", "AE-SH") == "AE" and home("JO", "") == "JO" and home("XX", "") == "XX"


def test_what_is_shipped_has_a_desk_for_each_country_one_for_children_and_one_that_is_always_open() -> None:
    desks = shipped_release().desks
    for country in PLACES:
        assert path(desks, country, "")[-1] == path(desks, country, "children")[-1] == "duty"
        assert path(desks, country, "children")[0] == "children"
    assert len({path(desks, country, "")[0] for country in PLACES}) == len(PLACES)
    assert desks["duty"].always and desks["duty"].fallback == "" and desks["children"].competences == ("children",)


def test_a_code_fits_its_column() -> None:
    assert all(len(code) <= competences.c.code.type.length for code in COMPETENCES)
