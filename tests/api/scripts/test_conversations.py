"""Files of made-up people: what is read of them, and how everything wrong is told with its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.scripts.check import check_release
from api.scripts.conversations import LARGEST_FILE, Against, Line, pause_before, read_conversations
from api.scripts.load import read_bundle

ROOT = Path(__file__).resolve().parents[3]

GOOD = """\
- name: somebody made up
  made_up: true
  country: JO
  steps:
  - {write: "مرحبا", said: [opening], not_said: [menu], segments: 2}
  - {write: ["1", "9"], band: UNKNOWN, command: [open_handoff]}
  practice:
    code: somebody
    title: {ar: "شخص", en: "Somebody"}
    lesson: {ar: "درس", en: "A lesson"}
    answers:
    - {write: "أهلا", after: 3}
    - {write: "0"}
    when:
    - says: ["ليش"]
      answers: [{write: "مش عارفة"}]
"""


def read(tmp_path: Path, text: str | bytes, name: str = "one.yml") -> tuple[tuple, list[str]]:
    folder = tmp_path / "tests"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    found, problems = read_conversations(tmp_path, Against(texts=("opening", "menu"), items=("P1",)))
    return found, [str(problem) for problem in problems]


def test_a_file_is_read_for_both_uses(tmp_path: Path) -> None:
    (one,), problems = read(tmp_path, GOOD)
    assert problems == []
    assert [step.line.write for step in one.steps] == [("مرحبا",), ("1", "9")]
    assert one.steps[0].not_said == ("menu",) and one.steps[1].band == "UNKNOWN" and one.channel == "whatsapp"
    assert one.practice.code == "somebody" and one.practice.answers[0].after == 3.0
    assert one.practice.when[0].says == ("ليش",)


def test_a_conversation_for_a_release_alone_needs_no_practice_part(tmp_path: Path) -> None:
    text = '- {name: a test, made_up: true, country: AE, channel: sms, steps: [{write: "stop", silence: true}]}\n'
    (one,), problems = read(tmp_path, text)
    assert problems == [] and one.practice is None and one.steps[0].silence


@pytest.mark.parametrize(
    ("before", "after", "line", "rule"),
    [
        ("  made_up: true\n", "", 1, "missing-field"),
        ("made_up: true", "made_up: false", 2, "made-up"),
        ("country: JO", "country: EG", 3, "kind"),
        ("band: UNKNOWN", "band: PURPLE", 6, "kind"),
        (", band: UNKNOWN", "", 5, "no-band"),
        ("said: [opening]", "said: [openning]", 5, "unknown-text"),
        ("said: [opening]", 'said: ["question:P9"]', 5, "unknown-text"),
        ("open_handoff", "open_handof", 6, "command"),
        ("segments: 2", "segments: 200", 5, "kind"),
        ("after: 3", "after: -3", 12, "kind"),
        ("after: 3", "after: 100000", 12, "kind"),
        ("after: 3", "aftr: 3", 12, "unknown-field"),
        ("    code: somebody", "    kode: somebody", 8, "missing-field"),
        ("code: somebody", 'code: "Some Body"', 8, "kind"),
        ('write: "أهلا"', 'write: "{duress}"', 12, "blank"),
        ('write: "أهلا"', 'write: "رقمي 0791234567"', 12, "contact"),
        ('write: "أهلا"', 'write: "هذا رقمي ٠٧٩١٢٣٤٥٦٧"', 12, "contact"),
        ('write: "أهلا"', 'write: "see https://example.org"', 12, "contact"),
        ('{write: "أهلا", after: 3}', "{after: 3}", 12, "nothing-written"),
        ('write: "أهلا"', 'write: ""', 12, "kind"),
        ('write: "أهلا"', 'write: "خروج"', 12, "left-already"),
        ('says: ["ليش"]', "says: []", 15, "says"),
        ('says: ["ليش"]', 'says: ["؟؟"]', 15, "says"),
        ('  steps:\n', '  stepps:\n', 4, "unknown-field"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, before: str, after: str, line: int, rule: str) -> None:
    assert before in GOOD
    found, problems = read(tmp_path, GOOD.replace(before, after, 1))
    assert found == ()
    assert any(told.startswith(f"tests/one.yml:{line}: error:") and told.endswith(f"[{rule}]") for told in problems), problems


def test_too_much_of_anything_is_refused(tmp_path: Path) -> None:
    long = GOOD.replace('write: "أهلا"', f'write: "{"ا" * 1001}"')
    assert "[too-long]" in read(tmp_path, long)[1][0]
    many = GOOD.replace("    - {write: \"أهلا\", after: 3}\n", "    - {write: \"أهلا\"}\n" * 61)
    assert any("[too-many]" in told for told in read(tmp_path, many)[1])
    once = GOOD.replace('["1", "9"]', '["1", "1", "1", "1", "1", "1"]')
    assert any("[too-many]" in told for told in read(tmp_path, once)[1])


def test_a_bomb_of_aliases_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join(['*' + before] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.monotonic()
    found, problems = read(tmp_path, bomb)
    assert found == () and any("[alias]" in told for told in problems)
    assert time.monotonic() - began < 60


def test_a_file_of_ten_megabytes_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "large.yml").write_bytes(b"- name: x\n" * 1_000_000)

    def read_bytes(path: Path) -> bytes:
        raise AssertionError(f"{path.name} was read")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    found, problems = read_conversations(tmp_path)
    assert found == () and [problem.rule for problem in problems] == ["too-large"]
    assert LARGEST_FILE < 10_000_000


@pytest.mark.parametrize(
    "data", [b"\xff\xfe-\x00", b"- name: \xff", b"", b"\x00", b"x", b"- [", b"- - - -", b"- 1", b"- {practice: {}}", b"!!python/object:os {}"]
)
def test_rubbish_is_told_and_never_raises(tmp_path: Path, data: bytes) -> None:
    found, problems = read(tmp_path, data)
    assert found == () and problems


def test_a_link_to_another_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yml").write_text(GOOD)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "one.yml").symlink_to(tmp_path / "elsewhere.yml")
    found, problems = read_conversations(tmp_path)
    assert found == () and [problem.rule for problem in problems] == ["link"]


def test_a_name_and_a_code_are_given_once(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    _, problems = read(tmp_path, GOOD, "two.yml")
    assert sum("[twice]" in told for told in problems) == 2 and any("tests/one.yml, line 1" in told for told in problems)


def test_who_comes_back_has_left_before_and_not_at_once(tmp_path: Path) -> None:
    back = GOOD.replace('    when:\n', '    comes_back:\n      after: 5\n      steps: [{write: "هلا"}]\n      answers: [{write: "هلا"}]\n    when:\n')
    assert any("[too-soon]" in told for told in read(tmp_path, back)[1])
    never = back.replace("after: 5", "after: 50").replace('    - {write: "0"}\n', "")
    assert any("[never-left]" in told for told in read(tmp_path, never)[1])


def test_hams_check_looks_at_these_files_and_the_release_does_not_hold_them(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    for path in (ROOT / "scripts").rglob("*.yml"):
        there = scripts / path.relative_to(ROOT / "scripts")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    with_people = read_bundle(scripts)[0].files
    (scripts / "tests" / "wrong.yml").write_text("- name: x\n  nmae: y\n", encoding="utf-8")
    told = [problem for problem in check_release(scripts, ROOT / "domain.yml") if problem.severity == "error"]
    assert {problem.file for problem in told} == {"tests/wrong.yml"} and "unknown-field" in {problem.rule for problem in told}
    assert read_bundle(scripts)[0].files == with_people, "a mistake in these files is nothing to the live line"
    assert not any(name.startswith("tests/") for name in with_people)


def test_who_does_not_say_how_long_takes_as_long_as_the_words() -> None:
    short, long = pause_before(Line(("هلا",))), pause_before(Line(("ا" * 120,)))
    assert 3 < short < long < pause_before(Line(("ا" * 1000,))) + 0.1 < 30
    assert pause_before(Line(("ا" * 1000,), after=2.0)) == 2.0


def test_the_example_in_the_guide_is_a_good_file(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "made-up-people.md").read_text(encoding="utf-8")
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "guide.yml").write_text(example, encoding="utf-8")
    (one,), problems = read_conversations(tmp_path)
    assert problems == [] and one.practice is not None and len(one.practice.answers) == 3
