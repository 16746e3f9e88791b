"""Whoever mends the scripts sees every problem at once, each at a place that exists: one never hides another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from api.scripts.check import check_release
from api.scripts.draft import read_draft
from api.scripts.floors import FLOORS, Floor, find_lowered
from api.scripts.parse import parse
from api.scripts.tree import Problem
from safety.screening import load_instruments
from tests.api.scripts.bundles import (
    FLAWLESS,
    found,
    number_entry,
    numbers_file,
    plain_text,
    problems_of,
    texts_file,
    write_bundle,
)

SCRIPTS = Path(__file__).parents[3] / "scripts"


def shipped(tmp_path: Path, file: str, *changes: tuple[str, str]) -> list[Problem]:
    """What the checker says about the shipped scripts with something changed once in one file; errors and lowered bands."""
    directory = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, directory)
    shutil.copy(SCRIPTS.parent / "domain.yml", tmp_path / "domain.yml")
    text = (directory / file).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (directory / file).write_text(text, encoding="utf-8")
    return [p for p in check_release(directory) if p.severity == "error" or p.rule == "band-lowered"]


def test_what_is_shipped_has_no_error_and_lowers_no_band(tmp_path: Path) -> None:
    assert shipped(tmp_path, "release.yml") == []


# -- a file that is not YAML ----------------------------------------------------------------------------

BROKEN_ENTRIES = [
    ("an open quote", "  broken:\n    lev: \"مرحبا\n    gulf: هلا\n    msa: أهلا\n    en: Hello\n", "yaml"),
    ("a colon", "  broken:\n    lev: مرحبا: هلا\n    gulf: هلا\n    msa: أهلا\n    en: Hello\n", "yaml"),
    ("a wrong indent", "  broken:\n    lev: مرحبا\n     gulf: هلا\n    msa: أهلا\n    en: Hello\n", "yaml"),
    ("a tab", "  broken:\n\tlev: مرحبا\n    gulf: هلا\n    msa: أهلا\n    en: Hello\n", "tab"),
    ("a bracket", "  broken: [\n    lev: مرحبا\n", "yaml"),
    ("no colon at all", "  broken\n", "yaml"),
]


@pytest.mark.parametrize(("entry", "rule"), [case[1:] for case in BROKEN_ENTRIES], ids=[case[0] for case in BROKEN_ENTRIES])
def test_a_broken_entry_does_not_hide_what_is_wrong_elsewhere_in_its_file(tmp_path: Path, entry: str, rule: str) -> None:
    faulty = plain_text("extra").replace("Hello", "Why did you stay?")
    problems = problems_of(tmp_path, texts__all=texts_file(entry + faulty))
    lines = entry.count("\n")
    assert [(p.file, p.rule) for p in problems] == [("texts/all.yml", rule), ("texts/all.yml", "never")]
    assert 2 <= problems[0].line <= 1 + lines
    assert problems[1].line == 1 + lines + 6


@pytest.mark.parametrize("old", ["    gulf: هلا\n", "    lev: مرحبا\n", "  menu:\n"])
def test_a_line_that_lost_its_indentation_is_the_one_that_is_told(tmp_path: Path, old: str) -> None:
    text = texts_file()
    at = text.index("  menu:\n")
    line = text[: text.index(old, at)].count("\n") + 1
    problems = problems_of(tmp_path, texts__all=text[:at] + text[at:].replace(old, old.lstrip(), 1))
    assert [(p.rule, p.line) for p in problems] == [("indent", line)]


def test_each_broken_entry_is_told_once() -> None:
    entries = "".join(entry.replace("broken", f"broken{n}") for n, (_, entry, _) in enumerate(BROKEN_ENTRIES))
    tree, problems = parse(f"texts:\n{entries}{plain_text('good')}".encode(), "a.yml")
    assert len(problems) == len(BROKEN_ENTRIES)
    assert tree is not None and list(tree.at("texts").value) == ["good"]


def test_a_needed_text_that_cannot_be_read_is_named_where_it_stands(tmp_path: Path) -> None:
    text = texts_file()
    line = text.split("\n").index("  menu:") + 1
    broken = text.replace("  menu:\n    neutral: true\n", "  menu:\n    neutral: \"true\n")
    problems = problems_of(tmp_path, texts__all=broken)
    assert [(p.file, p.line, p.rule) for p in problems] == [
        ("texts/all.yml", line, "missing-text"),
        ("texts/all.yml", line + 1, "yaml"),
    ]


def test_a_needed_text_that_stands_nowhere_is_named_at_the_bundle(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, texts__all=texts_file().replace(plain_text("menu"), ""))
    assert found(problems, "missing-text") == [("release.yml", 1)]


def test_a_file_of_another_encoding_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    data = texts_file(plain_text("extra").replace("Hello", "Why did you stay?")).encode() + "# ملاحظة\n".encode("cp1256")
    assert [p.rule for p in problems_of(tmp_path, texts__all=data)] == ["never", "encoding"]


@pytest.mark.parametrize(("old", "new"), [("    lev:", "    lov:"), ("    lev: مرحبا", "    lev: 7"), ("    lev: مرحبا\n", "")])
def test_a_variant_that_cannot_be_used_does_not_hide_what_the_others_say(tmp_path: Path, old: str, new: str) -> None:
    entry = plain_text("extra").replace("أهلا", "الشرطة").replace(old, new, 1)
    problems = problems_of(tmp_path, texts__all=texts_file(entry))
    assert found(problems, "revealing")
    assert found(problems, "missing-variant") or found(problems, "kind")


LEFT_OUT = [
    ("a comment that ends in an old line end", b"# x\rnumbers: a: b\n"),
    ("nothing but a broken entry, old line ends", b"countries:\r  JO: a: b\r"),
    ("a blank that is none to YAML", "texts:\n\u00a0# x: y: z\n".encode()),
    ("a mark of YAML's own", b"---\na: b: c\n"),
    ("a separator of lines", "a: b\u2028c: d: e\n".encode()),
]


@pytest.mark.parametrize("data", [case[1] for case in LEFT_OUT], ids=[case[0] for case in LEFT_OUT])
def test_nothing_is_left_out_without_a_word(data: bytes) -> None:
    assert parse(data, "a.yml")[1]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-#'\"[]{}|>&*!%@ \t\n\r\x85\u00a0\u2028", max_size=40))
def test_what_yaml_refuses_is_never_passed_over(text: str) -> None:
    tree, problems = parse(text.encode(), "a.yml")
    try:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        assert problems
    assert tree is not None or problems


@pytest.mark.parametrize("file", ["numbers", "channels", "release", "phrases__exit"])
def test_a_file_of_old_line_ends_with_a_fault_is_an_error(tmp_path: Path, file: str) -> None:
    path = write_bundle(tmp_path) / f"{file.replace('__', '/')}.yml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r") + b"broken: a: b\r")
    assert [p for p in check_release(tmp_path / "scripts") if p.severity == "error"]


def test_windows_line_ends_make_one_fault_of_one_fault(tmp_path: Path) -> None:
    broken = '  broken:\n    lev: "مرحبا\n    gulf: هلا\n'
    problems = problems_of(tmp_path, texts__all=texts_file(broken).replace("\n", "\r\n"))
    assert [(p.rule, p.line) for p in problems] == [("yaml", 3)]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("phrases/danger.yml", "  now: {words: {english: [now]}}", "  now: {words: {english: [now]}"),
        ("screening/near.yml", "  - id: N1\n", "  - id: N1: x\n"),
        ("numbers.yml", '  - number: "911"\n', '  - number: "911\n'),
        ("channels.yml", "  JO:\n", "  JO: [\n"),
    ],
)
def test_what_stands_in_a_broken_entry_is_not_missed_elsewhere(tmp_path: Path, file: str, old: str, new: str) -> None:
    path = write_bundle(tmp_path) / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert [(p.file, p.rule) for p in check_release(tmp_path / "scripts")] == [(file, "yaml")]


def test_empty_answers_and_choices_are_refused(tmp_path: Path) -> None:
    assert ("screening/choose.yml", 1) in found(problems_of(tmp_path / "a", screening__choose="{}\n"), "screening")
    answers = found(problems_of(tmp_path / "b", screening__answers="{}\n"), "screening")
    assert answers and {file for file, _ in answers} == {"screening/answers.yml"}


def test_a_backup_of_a_set_in_the_same_folder_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    old = FLAWLESS["screening/near.yml"].replace("version: 1\n", "")
    directory = write_bundle(tmp_path)
    (directory / "screening" / "near.old.yml").write_text(old, encoding="utf-8")
    assert "screening/near.old.yml" in {file for file, _ in found(check_release(directory), "screening")}


@pytest.mark.parametrize(("old", "new"), [
    ("items:\n", "items: 7\nrest:\n"), ("card:", "hint: [a]\n    card:"), ("version: 1", f"version: {'9' * 5000}"),
    ("- id: N1", "- id: N1\n    from: zz"), ("when: N1", "when: {²: N1}"),
])
def test_odd_questions_are_problems_and_no_crash(tmp_path: Path, old: str, new: str) -> None:
    assert found(problems_of(tmp_path, screening__near=FLAWLESS["screening/near.yml"].replace(old, new, 1)), "screening")


def test_a_pattern_with_odd_words_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    odd = FLAWLESS["phrases/danger.yml"] + '  - {says: "entry 99999: x", all: [nope], level: now}\n'
    assert found(problems_of(tmp_path, phrases__danger=odd), "danger") == [("phrases/danger.yml", 6)]


# -- the questions --------------------------------------------------------------------------------------


def test_every_fault_of_the_questions_is_told(tmp_path: Path) -> None:
    near = FLAWLESS["screening/near.yml"].replace("band: RED", "band: REDD").replace("version: 1", "version: 0")
    other = near.replace("set: near", "set: far").replace("N1", "F1").replace('card: {ar: "بقربه", en: "near"}', "card: {ar: 5}")
    choose = FLAWLESS["screening/choose.yml"].replace("ask: [near]", "ask: [neer]")
    answers = FLAWLESS["screening/answers.yml"].replace("arabic: [لا]", "arabic: [7]")
    problems = problems_of(
        tmp_path, screening__near=near, screening__far=other, screening__choose=choose, screening__answers=answers
    )
    assert [(p.file, p.line) for p in problems] == [
        ("screening/answers.yml", 5),
        ("screening/choose.yml", 3),
        ("screening/far.yml", 2),
        ("screening/far.yml", 7),
        ("screening/far.yml", 9),
        ("screening/near.yml", 2),
        ("screening/near.yml", 9),
    ]


def test_a_rule_that_names_a_faulty_question_is_not_told_as_a_second_fault(tmp_path: Path) -> None:
    faulty = FLAWLESS["screening/near.yml"].replace("Is somebody near you?", "Somebody near")
    assert [(p.file, p.line) for p in problems_of(tmp_path, screening__near=faulty)] == [("screening/near.yml", 6)]


def test_a_set_without_fault_is_proved_though_another_has_one(tmp_path: Path) -> None:
    useless = FLAWLESS["screening/near.yml"] + "  - band: HIGH\n    when: N1\n"
    other = FLAWLESS["screening/near.yml"].replace("set: near", "set: far").replace("N1", "F1").replace("version: 1", "version: x")
    problems = problems_of(tmp_path, screening__near=useless, screening__far=other)
    assert [(p.file, "never decides" in p.message) for p in problems] == [
        ("screening/far.yml", False),
        ("screening/near.yml", True),
    ]


# -- the bands of screening.md --------------------------------------------------------------------------


def test_present_danger_that_counts_for_less_than_red_is_warned_of(tmp_path: Path) -> None:
    problems = shipped(tmp_path, "screening/now.yml", ("band: RED", "band: HIGH"))
    assert [(p.file, p.severity) for p in problems] == [("screening/now.yml", "warning")] * 4
    assert "N1 yes gives HIGH, where screening.md gives RED" in problems[0].message


def test_a_question_taken_out_is_warned_of(tmp_path: Path) -> None:
    text = (SCRIPTS / "screening" / "now.yml").read_text(encoding="utf-8")
    start, end = text.index("  - id: N2"), text.index("  - id: N3")
    problems = shipped(tmp_path, "screening/now.yml", (text[start:end], ""), ("N1, N2, N3", "N1, N3"))
    assert ["N2 is not asked" in p.message for p in problems] == [True]


def test_a_set_taken_out_and_one_that_nothing_leads_to_are_warned_of(tmp_path: Path) -> None:
    directory = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, directory)
    (directory / "screening" / "honour.yml").unlink()
    choose = directory / "screening" / "choose.yml"
    content = yaml.safe_load(choose.read_text(encoding="utf-8"))
    for row in content["rows"]:
        row["ask"] = [name for name in row["ask"] if name not in ("honour", "now")] or ["lethality"]
    choose.write_text(yaml.safe_dump(content), encoding="utf-8")
    problems = check_release(directory, SCRIPTS.parent / "domain.yml")
    messages = [p.message for p in problems if p.rule == "band-lowered"]
    assert any("questions of honour are not there" in message for message in messages), problems
    assert any("leads to the questions of now" in message for message in messages), problems


def test_each_floor_is_seen_when_it_is_lowered() -> None:
    """Every row of the table breaks when a set has one rule alone, which holds when everything is answered yes."""
    draft, _ = read_draft(SCRIPTS)
    parsed = draft.plain(draft.screening)
    for content in parsed.values():
        if "rules" in content:
            ids = [row["id"] for row in content["items"] if row.get("kind", "indicator") == "indicator"]
            content["rules"] = [{"band": "ELEVATED", "when": {"all": ids}}]
    assert {lowered.floor for lowered in find_lowered(load_instruments(parsed))} == set(FLOORS)


@pytest.mark.parametrize(
    ("set_name", "answers", "band"),
    [  # the table of screening.md, read again by hand
        ("now", {"N3": "yes"}, "RED"), ("lethality", {"P1": "yes", "P4": "yes"}, "RED"), ("lethality", {"P4": "yes"}, "HIGH"),
        ("lethality", {"P5": "yes", "P7": "yes", "P9": "yes", "P11": "yes"}, "HIGH"), ("lethality", {"P8": "yes"}, "ELEVATED"),
        ("child", {"K2": "yes"}, "RED"), ("child", {"K5": "yes"}, "HIGH"), ("self_harm", {"S3": "yes"}, "RED"),
        ("self_harm", {"S1": "yes"}, "HIGH"), ("self_harm", {"S2": "skip"}, "HIGH"), ("self_harm", {"S3": "unsure"}, "HIGH"),
        ("exploitation", {"T6": "yes"}, "RED"), ("exploitation", {"T4": "yes"}, "HIGH"),
        ("exploitation", {"T2": "yes", "T5": "yes"}, "HIGH"), ("exploitation", {"T3": "yes"}, "ELEVATED"),
        ("honour", {"H1": "yes", "H3": "yes"}, "RED"), ("honour", {"H4": "yes"}, "RED"), ("honour", {"H5": "yes"}, "HIGH"),
    ],
)
def test_the_floors_hold_the_table(set_name: str, answers: dict[str, str], band: str) -> None:
    assert Floor(set_name, tuple(answers.items()), band) in FLOORS  # type: ignore[arg-type]


# -- the words of danger --------------------------------------------------------------------------------


def test_every_fault_of_the_danger_words_is_told(tmp_path: Path) -> None:
    faulty = """\
concepts:
  now: {words: {english: [now]}, flag: hurry}
  knife: [knife]
  gun: {words: {english: [gun]}}
danger:
  - {says: a gun soon, all: [gun, now], level: soon}
  - {says: a sword, all: [sword], level: now}
  - no map
not_danger:
  - {concept: gun, reach: everywhere}
turns:
  - gnu
dangers:
  - {says: a gun, all: [gun], level: now}
"""
    problems = problems_of(tmp_path, phrases__danger=faulty)
    assert [(p.file, p.line, p.rule) for p in problems] == [("phrases/danger.yml", n, "danger") for n in (2, 3, 6, 7, 8, 10, 12, 13)]


# -- what an editor got past the check in a trial -------------------------------------------------------

SLIPS = [
    ("exit-means-more", "phrases/exit.yml", "phrases:\n", 'phrases:\n  - {phrase: "الحقوني"}\n'),
    ("exit-means-more", "phrases/exit.yml", "phrases:\n", 'phrases:\n  - {phrase: "ساعدوني"}\n'),
    ("exit-means-more", "phrases/exit.yml", "phrases:\n", 'phrases:\n  - {phrase: "تخطي"}\n'),
    ("exit-means-more", "phrases/exit.yml", "phrases:\n", 'phrases:\n  - {phrase: "ما بعرف"}\n'),
    ("no-revealing-words", "phrases/revealing.yml", "arabic: [عنف,", "arabic: [عنف،"),
    ("no-revealing-words", "phrases/revealing.yml", "english:", "englisch:"),
    ("option-age", "screening/child.yml", "        minor: true\n        from_age: 13\n", "        from_age: 13\n"),
    ("option-age", "screening/child.yml", "        from_age: 18\n", "        minor: true\n        from_age: 18\n"),
    ("unknown-name", "screening/choose.yml", "disclose_economic", "disclose_economy"),
    ("unknown-name", "screening/choose.yml", "strangulation", "strangling"),
    ("band-lowered", "screening/honour.yml", "closes_joint_routes: true\n", ""),
    ("band-lowered", "screening/lethality.yml", "closes_joint_routes: true", "closes_joint_routes: false"),
]


@pytest.mark.parametrize(("rule", "file", "old", "new"), SLIPS, ids=[f"{slip[0]}-{n}" for n, slip in enumerate(SLIPS)])
def test_a_slip_that_could_hurt_somebody_is_told(tmp_path: Path, rule: str, file: str, old: str, new: str) -> None:
    problems = shipped(tmp_path, file, (old, new))
    assert [p.file for p in problems if p.rule == rule][:1] == [file], problems


def test_marks_of_two_versions_are_told_wherever_they_stand(tmp_path: Path) -> None:
    merged = "<<<<<<< HEAD\n" + plain_text("one") + "=======\n" + plain_text("two") + ">>>>>>> other\n"
    assert [(p.rule, p.line) for p in problems_of(tmp_path / "a", texts__all=texts_file(merged))] == [
        ("merge-mark", 2), ("merge-mark", 9), ("merge-mark", 16),
    ]
    inside = "  extra:\n    lev: |-\n      <<<<<<< HEAD\n      مرحبا\n    gulf: هلا\n    msa: أهلا\n    en: Hi\n"
    assert found(problems_of(tmp_path / "b", texts__all=texts_file(inside)), "merge-mark") == [("texts/all.yml", 4)]


def test_arabic_lost_to_question_marks_is_told(tmp_path: Path) -> None:
    lost = plain_text("extra").replace("مرحبا", "????? ??")
    assert found(problems_of(tmp_path, texts__all=texts_file(lost)), "letters") == [("texts/all.yml", 4)]


def test_a_check_of_a_number_that_has_lapsed_or_lies_ahead_is_told(tmp_path: Path) -> None:
    for n, entry in enumerate((
        number_entry("110", "JO", "child_line", verified="2020-01-01", expires="2021-01-01"),
        number_entry("110", "JO", "child_line", verified="2999-01-01", expires=""),
    )):
        problems = problems_of(tmp_path / str(n), numbers=numbers_file(entry))
        assert [p.rule for p in problems] == ["number-unverified"], problems
        assert ("lapsed" in problems[0].message) is (n == 0)


@pytest.mark.parametrize("name", ["exits.yml", "phrases/exits.yml", "live.yml", "texts/new/live.yml"])
def test_a_file_that_nobody_reads_is_told(tmp_path: Path, name: str) -> None:
    directory = write_bundle(tmp_path)
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).write_text("phrases: []\n")
    assert found(check_release(directory), "stray-file") == [(name, 1)]


def test_the_exit_phrases_are_missed(tmp_path: Path) -> None:
    assert found(problems_of(tmp_path, phrases__exit=None), "missing-file") == [("phrases/exit.yml", 1)]


# -- any damage -----------------------------------------------------------------------------------------

FILES = sorted(path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.yml") if path.name != "danger.yml")


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_an_editor_does_to_a_file_every_problem_has_a_place_that_exists(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = data.draw(st.sampled_from(FILES))
    lines = (SCRIPTS / file).read_text(encoding="utf-8").split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        n = data.draw(st.integers(0, len(lines) - 1))
        slip = data.draw(st.sampled_from(["delete", "twice", "quote", "indent", "outdent", "tab", "colon", "cut", "brace"]))
        line = lines[n]
        lines[n : n + 1] = {
            "delete": [], "twice": [line, line], "quote": [line.replace('"', "", 1)], "indent": [f" {line}"],
            "outdent": [line[1:]], "tab": [f"\t{line}"], "colon": [line.replace(":", "", 1)], "cut": [line[: len(line) // 2]],
            "brace": [line + "}"],
        }[slip]
        lines = lines or [""]
    directory = tmp_path_factory.mktemp("damaged") / "scripts"
    shutil.copytree(SCRIPTS, directory)
    (directory / file).write_text("\n".join(lines), encoding="utf-8")
    for problem in check_release(directory, SCRIPTS.parent / "domain.yml"):
        assert (directory / problem.file).is_file(), problem
        assert 1 <= problem.line <= (directory / problem.file).read_bytes().count(b"\n") + 1, problem
