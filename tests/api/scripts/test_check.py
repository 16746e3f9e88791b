"""The checker: each rule with one bundle that breaks it, at a known line, and one beside it that does not."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from api.scripts import check
from api.scripts.check import RULES, check_and_print, check_release
from api.scripts.words import FORBIDDEN
from tests.api.scripts.bundles import (
    found,
    number_entry,
    numbers_file,
    plain_text,
    problems_of,
    texts_file,
    with_text,
    write_bundle,
)

GOOD = {"lev": "مرحبا", "gulf": "هلا", "msa": "أهلا", "en": "Hello"}


def text(name: str = "extra", *, also: str = "", **wordings: str) -> str:
    """A text as YAML: its name on line 2 of the file, lev, gulf, msa, en on lines 3 to 6, ``also`` from line 7."""
    lines = [f"  {name}:"] + [f'    {variant}: "{wordings.get(variant, GOOD[variant])}"' for variant in GOOD]
    return "\n".join(lines) + "\n" + also


def everywhere(words: str, **other: str) -> dict[str, str]:
    """The same addition in all four wordings."""
    return {variant: f"{start} {words}" for variant, start in GOOD.items()} | other


def no_numbers(**wordings: str) -> str:
    inner = ", ".join(f'{variant}: "{wordings.get(variant, GOOD[variant])}"' for variant in GOOD)
    return f"    no_numbers: {{{inner}}}\n"


def test_a_flawless_bundle_has_no_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == []


def test_every_rule_has_a_code_of_its_own() -> None:
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))


def _codes() -> list[str]:
    """Every code a problem can have: those of the table and those the readers use."""
    package = Path(check.__file__).parent
    written = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    noted = re.findall(r"(?:problem|_note|Problem)\((?:[^\"()]*(?:\([^()]*\))?[^\"()]*, ?)?\"([a-z][a-z-]+)\",", written)
    return sorted({rule.code for rule in RULES} | set(noted))


@pytest.mark.parametrize("code", _codes())
def test_staff_can_look_up_every_code(code: str) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "writing-scripts.md").read_text(encoding="utf-8")
    assert f"`{code}`" in guide


# rule, a text that breaks it, the line, a text that does not
TEXT_CASES: list[tuple[str, str, int, str]] = [
    ("missing-variant", "  extra:\n    lev: مرحبا\n    gulf: هلا\n    en: Hello\n", 2, text()),
    ("missing-variant", text(also='    sms: {lev: "أ", gulf: "ب", en: "c"}\n'), 7,
     text(also='    sms: {lev: "أ", gulf: "ب", msa: "ج", en: "c"}\n')),
    ("unknown-field", text(also="    neutrl: true\n"), 7, text(also="    neutral: true\n")),
    ("kind", text(also='    neutral: "true"\n'), 7, text(also="    neutral: false\n")),
    ("kind", "  extra:\n    lev: 7\n    gulf: هلا\n    msa: أهلا\n    en: Hello\n", 3, text(lev="مرحبا 7")),
    ("kind", "  extra: Hello\n", 2, text()),
    ("twice", text() + plain_text("extra"), 7, text() + plain_text("another")),
    ("name", text("an-other"), 2, text("an_other")),
    ("placeholder", text(**everywhere("{numbres}")), 3, text(**everywhere("{safe_word}"))),
    ("brace", text(gulf="هلا { هلا"), 4, text(gulf="هلا ( هلا")),
    ("placeholder-missing", text(**everywhere("{safe_word}", msa="أهلا")), 5, text(**everywhere("{safe_word}"))),
    ("duty-placeholder", text("duty_SA", **everywhere("{safe_word}")), 3, text("duty_SA")),
    ("fallback-placeholder", text("fallback", **everywhere("{safe_word}")), 3, text("fallback")),
    ("revealing", text(lev="مرحبا\\nهاد عن العنف", also="    neutral: true\n"), 3,
     text(lev="مرحبا\\nهاد عن العنف")),
    ("first-line", text(msa="بالشرطة تبدأ"), 5, text(msa="أهلا\\nالشرطة")),
    ("first-line", text(en="The Police, or not"), 6, text(en="Hello\\nThe police")),
    ("first-line", text(lev="عُـنْف"), 3, text(lev="عنفوان")),
    ("first-line", text(en="Domestic  abuse"), 6, text(en="Domestic matters")),
    ("first-line-filled", text(**dict.fromkeys(GOOD, "{question}")), 3, text(**everywhere("\\n{question}"))),
    ("emergency-first", text("red_emergency", **everywhere("\\n{emergency}"), also=no_numbers()), 3,
     text(**everywhere("\\n{emergency}"), also=no_numbers())),
    ("no-numbers", text(**everywhere("{child_line}")), 2, text(**everywhere("{child_line}"), also=no_numbers())),
    ("no-numbers", text(en="Call 911"), 2, text(en="Call somebody")),
    ("no-numbers", text(lev="رقم ٩١١"), 2, text(lev="قانون 2017")),
    ("number-in-no-numbers", text(**everywhere("{numbers}"), also=no_numbers(en="Or {emergency}")), 7,
     text(**everywhere("{numbers}"), also=no_numbers(en="Or ask"))),
    ("number-in-no-numbers", text(also=no_numbers(lev="٩٩٩")), 7, text(also=no_numbers(lev="سنة ٢٠١٧"))),
    ("number-written-out", text(gulf="هلا 800 700", also=no_numbers()), 4, text(gulf="هلا 15/2017 و 24 ساعة و 100%")),
    ("url", text(en="See https://example.org"), 6, text(en="See the site")),
    ("too-long", text(en="word " * 321), 6, text(en="word " * 319)),
    ("sms-parts", text(lev="ا" * 135), 3, text(lev="ا" * 134)),
    ("sms-parts", text(also='    sms: {lev: "أ", gulf: "ب", msa: "ج", en: "' + "c" * 307 + '"}\n'), 7,
     text(en="c" * 307, also='    sms: {lev: "أ", gulf: "ب", msa: "ج", en: "c"}\n')),
    ("exit-as-answer", text(lev="1 نعم، 0 لا"), 3, text(lev="1 نعم، 2 لا، 0 للخروج")),
    ("exit-as-answer", text(gulf="1 نعم\\n٠ لا"), 4, text(gulf="1 نعم\\nالرقم 0 يوقف كل شي")),
    ("exit-as-answer", text(en="1 yes, x no"), 6, text(en="1 yes, 2 no. 0 to leave")),
    ("exit-as-answer", text(en="Reply X for later"), 6, text(en="Leave? Send 0.")),
    ("digits", text(lev="1 نعم، 3 لا", gulf="1 نعم، 2 لا", msa="1 نعم، 2 لا", en="1 yes, 2 no"), 3,
     text(lev="١ نعم، ٢ لا", gulf="1 نعم، 2 لا", msa="1 نعم، 2 لا، قانون 15/2017", en="1 yes, 2 no.")),
    ("opt-out", text(en="Send STOP at any time"), 6, text(en="It will not stop here")),
    ("opt-out", text(lev="اكتب stop"), 3, text(lev="اكتب exit")),
    ("opt-out", text(en="'cancel' ends this"), 6, text(en="You can cancel a visit")),
    ("never", text(lev="وضعك منخفض الخطورة"), 3, text(lev="وضعك مهم")),
    ("never", text(en="You are safe here"), 6, text(en="Are you safe to write?")),
    ("never", text(gulf="ليش ما طلعت"), 4, text(gulf="ما في شي غلط")),
    ("never", text(msa="اصبري قليلا"), 5, text(msa="شكرا لصبرك")),
    ("never", text(en="Welcome back!"), 6, text(en="You are welcome.")),
    ("tone", text(en="Please calm down"), 6, text(en="Take your time")),
    ("letters", text(lev="Marhaba"), 3, text(lev="{safe_word}", gulf="{safe_word}", msa="{safe_word}", en="{safe_word}")),
    ("letters", text(en="مرحبا"), 6, text(en="Hello مرحبا")),
    ("hidden", text(msa="أهلا\u202eبك"), 5, text(msa="أهلا بك")),
]


@pytest.mark.parametrize(("rule", "bad", "line", "good"), TEXT_CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(TEXT_CASES)])
def test_a_breach_is_reported_at_its_line_and_its_neighbour_passes(
    tmp_path: Path, rule: str, bad: str, line: int, good: str
) -> None:
    assert ("texts/all.yml", line) in found(with_text(tmp_path / "bad", bad), rule)
    assert found(with_text(tmp_path / "good", good), rule) == []


def test_the_line_inside_a_block_of_text_is_the_one_of_the_word(tmp_path: Path) -> None:
    block = "  extra:\n    neutral: true\n    lev: |-\n      مرحبا\n      سطر\n      شرطة هون\n    gulf: هلا\n    msa: أهلا\n    en: Hi\n"
    assert found(with_text(tmp_path, block), "revealing") == [("texts/all.yml", 7)]


@pytest.mark.parametrize(
    ("rule", "files", "place"),
    [
        ("missing-text", {"texts__all": texts_file().replace("  menu:", "  menuu:")}, ("texts/all.yml", 32)),
        ("not-neutral", {"texts__all": texts_file().replace("neutral: true", "neutral: false", 1)}, ("texts/all.yml", 2)),
        ("no-revealing-words", {"phrases__revealing": "words: {ar: [], en: []}\n"}, None),
        ("no-revealing-words", {"phrases__revealing": None}, ("phrases/revealing.yml", 1)),
        ("opt-out", {"phrases__exit": "advertised:\n  - exit\n  - Stop\n"}, ("phrases/exit.yml", 3)),
        ("opt-out", {"phrases__exit": "phrases:\n  - phrase: quit\n    advertised: true\n"}, ("phrases/exit.yml", 2)),
        ("exit-phrase", {"phrases__exit": "phrases:\n  - phrase: yalla bye bye\n  - phrase: نعم\n"}, ("phrases/exit.yml", 3)),
        ("exit-phrase", {"phrases__exit": "phrases:\n  - word: adieu\n"}, ("phrases/exit.yml", 2)),
        ("missing-file", {"phrases__danger": None}, ("phrases/danger.yml", 1)),
        ("danger", {"phrases__danger": "concepts:\n  now: {words: {english: [now]}}\n  hurt: {flag: x}\n"}, ("phrases/danger.yml", 3)),
        ("danger", {"phrases__danger": "concepts: {}\n"}, ("phrases/danger.yml", 1)),
        ("danger", {"phrases__danger": "- now\n"}, ("phrases/danger.yml", 1)),
        ("danger", {"phrases__danger": "concepts:\n  now: [now]\n"}, ("phrases/danger.yml", 2)),
        ("missing-file", {"channels": None}, ("channels.yml", 1)),
        ("missing-file", {"numbers": None}, ("numbers.yml", 1)),
        ("missing-file", {"release": None}, ("release.yml", 1)),
        ("missing-field", {"release": "name: test\nowner: me\n"}, ("release.yml", 1)),
        ("kind", {"release": "name: test\nlanguages: ar\nowner: me\n"}, ("release.yml", 2)),
        ("unknown-field", {"release": "name: test\nlanguages: [ar]\nowner: me\nowners: x\n"}, ("release.yml", 4)),
        ("kind", {"texts__more": "texts: []\n"}, ("texts/more.yml", 1)),
        ("missing-field", {"texts__more": "text: {}\n"}, ("texts/more.yml", 1)),
        ("empty", {"texts__more": ""}, ("texts/more.yml", 1)),
        ("kind", {"texts__more": "- a\n"}, ("texts/more.yml", 1)),
    ],
)
def test_a_fault_of_the_bundle_is_reported(
    tmp_path: Path, rule: str, files: dict[str, str | None], place: tuple[str, int] | None
) -> None:
    places = found(problems_of(tmp_path, **files), rule)
    if rule == "no-revealing-words":
        assert places == [("phrases/revealing.yml", 1)]
    else:
        assert place in places


NUMBER_CASES = [
    ("number-unsourced", number_entry("110", "JO", "child_line").replace("    source: a page\n", ""), 0),
    ("missing-field", number_entry("110", "JO", "child_line").replace("a page", ""), 5),
    ("number-unsourced", number_entry("110", "JO", "child_line").replace("    verified_by: somebody\n", ""), 0),
    ("number-verified", number_entry("110", "JO", "child_line").replace("somebody", ""), 7),
    ("number-verified", number_entry("110", "JO", "child_line", expires="2025-01-01"), 9),
    ("number-unverified", number_entry("110", "JO", "child_line", verified=""), 0),
    ("kind", number_entry("110", "JO", "child_line").replace('"110"', "110"), 0),
    ("kind", number_entry("110", "JO", "children"), 3),
    ("kind", number_entry("110", "LB", "child_line"), 1),
    ("kind", number_entry("110", "JO", "child_line").replace("2026-01-01", "01.01.2026"), 7),
    ("number-form", number_entry("one", "JO", "child_line"), 0),
    ("missing-variant", number_entry("110", "JO", "child_line", label="{lev: أ, gulf: ب, msa: ج}"), 4),
    ("label", number_entry("110", "JO", "child_line", label="{lev: شرطة, gulf: ب, msa: ج, en: d}"), 0),
    ("two-emergency-numbers", number_entry("112", "JO", "emergency"), 0),
]


@pytest.mark.parametrize(("rule", "entry", "offset"), NUMBER_CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(NUMBER_CASES)])
def test_a_faulty_number_is_reported_at_its_line(tmp_path: Path, rule: str, entry: str, offset: int) -> None:
    first = numbers_file().count("\n") + 1
    assert found(problems_of(tmp_path / "bad", numbers=numbers_file(entry)), rule) == [("numbers.yml", first + offset)]
    good = numbers_file(number_entry("110", "JO", "child_line"))
    assert problems_of(tmp_path / "good", numbers=good) == []


def test_a_country_without_an_emergency_number_is_an_error(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, numbers=numbers_file().replace("country: JO", "country: AE"))
    assert found(problems, "no-emergency-number") == [("numbers.yml", 2)]


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("      two_way: true\n", "      two_way: sometimes\n", "kind", 4),
        ("      two_way: true\n", "      two_way: yes\n", "yes-no", 4),
        ("      segment_budget: 2\n", "      segment_budget: -1\n", "kind", 7),
        ("      sender: number\n", "      sender: pigeon\n", "kind", 8),
        ("      source: read somewhere\n", "", "missing-field", 4),
        ("  JO:\n", "  XY:\n", "unknown-field", 2),
        ("    sms:\n", "    smss:\n", "missing-field", 3),
    ],
)
def test_a_faulty_channel_is_reported_at_its_line(tmp_path: Path, old: str, new: str, rule: str, line: int) -> None:
    from tests.api.scripts.bundles import channels_file

    assert ("channels.yml", line) in found(problems_of(tmp_path, channels=channels_file().replace(old, new, 1)), rule)


def test_what_the_screening_rules_refuse_is_reported_at_the_line_of_the_field(tmp_path: Path) -> None:
    from tests.api.scripts.bundles import FLAWLESS

    faulty = FLAWLESS["screening/near.yml"].replace("when: N1", "when: N7")
    assert found(problems_of(tmp_path / "a", screening__near=faulty), "screening") == [("screening/near.yml", 10)]
    without = problems_of(tmp_path / "b", screening__answers=None)
    assert found(without, "screening") == [("screening/answers.yml", 1)]


def test_questions_keep_the_rules_of_texts(tmp_path: Path) -> None:
    from tests.api.scripts.bundles import FLAWLESS

    faulty = FLAWLESS["screening/near.yml"].replace("Is somebody near you?", "Why did you go back?")
    assert found(problems_of(tmp_path, screening__near=faulty), "never") == [("screening/near.yml", 6)]


def test_the_texts_the_engine_names_must_exist(tmp_path: Path) -> None:
    directory = write_bundle(tmp_path)
    (tmp_path / "domain.yml").write_text("responses:\n  utter_menu:\n  - text: menu\n  utter_menuu2:\n  - text: x\n")
    problems = check_release(directory)
    assert [problem.message for problem in problems] == ["there is no usable text menuu2, which the bot needs"]


def test_a_text_with_a_slip_in_its_name_is_named_as_the_likely_one(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, texts__all=texts_file().replace("  phone_check:", "  phone_chekc:"))
    assert any("did you mean phone_chekc?" in problem.message for problem in problems)


@pytest.mark.parametrize("phrase", FORBIDDEN, ids=lambda phrase: phrase.phrase)
def test_every_forbidden_phrase_is_found_by_its_own_pattern(phrase: object) -> None:
    from api.scripts.words import spans_of

    assert list(spans_of(phrase.pattern, f"... {phrase.phrase}!"))  # type: ignore[attr-defined]


def test_all_problems_are_listed_and_counted_with_a_verdict(tmp_path: Path) -> None:
    stream = io.StringIO()
    directory = write_bundle(
        tmp_path, texts__all=texts_file(text(en="Welcome back. Calm down.")), texts__more="texts:\n\tx: y\n"
    )
    assert check_and_print(directory, stream) == 1
    *lines, verdict = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("texts/all.yml:6: error: extra (en) says «Welcome back»")
    assert lines[2].startswith("texts/more.yml:2: error: starts with a tab")
    assert verdict == "2 errors, 1 warnings: these scripts may not be used"


def test_warnings_alone_leave_a_bundle_usable(tmp_path: Path) -> None:
    stream = io.StringIO()
    assert check_and_print(write_bundle(tmp_path, numbers=numbers_file(verified="")), stream) == 0
    assert stream.getvalue().endswith("0 errors, 5 warnings: these scripts can be used\n")
