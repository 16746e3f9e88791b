"""Rendering: the right wording for a person, filled; never an exception; one message a turn."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.scripts.release import Release, load_release
from api.scripts.render import Audience, Rendered, compile_template, merge, render, render_with_codes, variant_for
from api.scripts.segments import BODY_LIMIT, utf16_units
from tests.api.scripts.bundles import number_entry, numbers_file, texts_file, write_bundle

WHO = Audience("lev", "whatsapp", "JO", None, production=True, today=date(2026, 6, 1))

EXTRA = """\
  call:
    lev: "مرحبا {emergency}"
    gulf: "هلا {emergency}"
    msa: "أهلا {emergency}"
    en: "Hello {emergency}"
    sms: {lev: "م {emergency}", gulf: "ه {emergency}", msa: "أ {emergency}", en: "H {emergency}"}
    no_numbers: {lev: "مرحبا بس", gulf: "هلا بس", msa: "أهلا فقط", en: "Hello only"}
  short:
    lev: مرحبا طويلة
    gulf: هلا طويلة
    msa: أهلا طويلة
    en: Hello long
    sms: {lev: مرحبا, gulf: هلا, msa: أهلا, en: Hello}
  listed:
    lev: "أرقام\\n{numbers}"
    gulf: "أرقام\\n{numbers}"
    msa: "أرقام\\n{numbers}"
    en: "Numbers\\n{numbers}\\nor {child_line}"
    no_numbers: {lev: أ, gulf: أ, msa: أ, en: A}
  rules:
    lev: "قبل\\n{duty}"
    gulf: "قبل\\n{duty}"
    msa: "قبل\\n{duty}"
    en: "Before\\n{duty}"
  word:
    lev: "كلمة {safe_word}"
    gulf: "كلمة {safe_word}"
    msa: "كلمة {safe_word}"
    en: "Word {safe_word}"
  asked:
    lev: "سؤال\\n{question}"
    gulf: "سؤال\\n{question}"
    msa: "سؤال\\n{question}"
    en: "Question\\n{question}"
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    texts = texts_file(EXTRA.replace('en: "Numbers\\n{numbers}\\nor {child_line}"', 'en: "Numbers\\n{numbers}"'))
    texts = texts.replace("  duty_QA:\n    neutral: true\n    lev: مرحبا", "  duty_QA:\n    neutral: true\n    lev: بقطر")
    line = number_entry("110", "JO", "child_line", label='{lev: خط, gulf: خط, msa: خط, en: "Line"}')
    return load_release(write_bundle(tmp_path_factory.mktemp("release"), texts__all=texts, numbers=numbers_file(line)))


@pytest.mark.parametrize(
    ("variant", "body"), [("lev", "مرحبا 911"), ("gulf", "هلا 911"), ("msa", "أهلا 911"), ("en", "Hello 911"), ("xx", "أهلا 911")]
)
def test_each_variant_gets_its_own_wording(release: Release, variant: str, body: str) -> None:
    assert render(release, "call", {}, replace(WHO, variant=variant)) == body  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "channel", "country", "body"),
    [
        ("call", "whatsapp", "JO", "مرحبا 911"),
        ("call", "sms", "JO", "م 911"),
        ("call", "sms", "AE", "مرحبا بس"),
        ("call", "whatsapp", "AE", "مرحبا 999"),
        ("call", "whatsapp", "LB", "مرحبا 112"),
        ("short", "whatsapp", "AE", "مرحبا طويلة"),
        ("short", "sms", "AE", "مرحبا"),
        ("short", "sms", "QA", "مرحبا"),
        ("call", "pigeon", "JO", "مرحبا بس"),
    ],
)
def test_the_wording_obeys_what_the_channel_can_do(release: Release, name: str, channel: str, country: str, body: str) -> None:
    assert render(release, name, {}, replace(WHO, channel=channel, country=country)) == body


def test_numbers_are_lines_of_label_and_number(release: Release) -> None:
    assert render(release, "listed", {}, replace(WHO, variant="en")) == "Numbers\nHelp: 911\nLine: 110"


def test_both_numbers_stand_where_place_and_prefix_disagree(release: Release) -> None:
    assert render(release, "call", {}, replace(WHO, country="AE", place="JO")) == "مرحبا 911 / 112"


def test_the_limits_of_confidentiality_are_those_of_the_place(release: Release) -> None:
    assert render(release, "rules", {}, replace(WHO, place="QA")) == "قبل\nبقطر"
    assert render(release, "rules", {}, replace(WHO, country="LB")) == "قبل\nمرحبا"


def test_a_question_is_found_by_its_item_and_asked_with_its_hint(release: Release) -> None:
    values = {"set": "now", "item": "N1"}
    assert render(release, "asked", values, replace(WHO, variant="en")) == "Question\nIs somebody near you?\n1 yes, 2 no"


def test_values_are_filled_as_they_are_even_if_they_look_like_placeholders(release: Release) -> None:
    assert render(release, "word", {"safe_word": "{emergency}"}, WHO) == "كلمة {emergency}"


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("nowhere", {}, ("unknown_text",)),
        ("word", {}, ("no_safe_word",)),
        ("asked", {"item": "Z9"}, ("no_question",)),
        ("call", {}, ()),
    ],
)
def test_what_is_missing_becomes_a_code_and_never_an_exception(
    release: Release, name: str, values: dict[str, str], codes: tuple[str, ...]
) -> None:
    rendered = render_with_codes(release, name, values, WHO)
    assert rendered.codes == codes
    assert rendered.body.strip()


def test_an_unknown_name_is_answered_by_the_fallback_of_the_release(tmp_path: Path) -> None:
    fallback = "  fallback:\n    neutral: true\n    lev: بديل\n    gulf: بديل\n    msa: بديل\n    en: Instead\n"
    release = load_release(write_bundle(tmp_path, texts__all=texts_file(fallback)))
    assert render_with_codes(release, "nowhere", {}, WHO) == Rendered("بديل", ("unknown_text",))


@given(
    st.text(), st.dictionaries(st.sampled_from(["item", "set", "question", "safe_word", "emergency"]), st.text()),
    st.sampled_from(["lev", "en", "?"]), st.text(max_size=4), st.text(max_size=3), st.none() | st.text(max_size=6),
)
def test_nothing_makes_rendering_fail(
    release: Release, name: str, values: dict[str, str], variant: str, channel: str, country: str, place: str | None
) -> None:
    who = Audience(variant, channel, country, place, production=False, today=date(2026, 6, 1))  # type: ignore[arg-type]
    for text in (name, "asked", "call", "rules", "word"):
        assert render(release, text, values, who)


@given(st.text(st.sampled_from("{}ab emergncy\n"), max_size=60) | st.just("{emergency}{duty} {nothing}"))
def test_a_template_put_together_again_is_the_wording(words: str) -> None:
    template = compile_template(words)
    again = "".join(p + h for p, h in zip(template.pieces, [*(f"{{{h}}}" for h in template.holes), ""], strict=True))
    assert again == words


@pytest.mark.parametrize(
    ("dialect", "language", "variant"),
    [
        ("levantine", "ar", "lev"),
        ("gulf", "ar", "gulf"),
        ("gulf", "en", "gulf"),  # Arabizi that looked English
        ("msa", "ar", "msa"),
        ("egyptian", "ar", "msa"),
        ("other", "ar", "msa"),
        (None, "en", "en"),
        (None, "ar", "msa"),
        (None, "other", "msa"),
        (None, None, "msa"),
        ("?", "?", "msa"),
    ],
)
def test_people_are_answered_as_they_write(dialect: str | None, language: str | None, variant: str) -> None:
    for country in ("JO", "QA", "XX"):
        assert variant_for(dialect, language, country) == variant


# -- one message a turn -------------------------------------------------------------------------------


def test_bodies_become_one_message() -> None:
    assert merge(["one", " two\n", "", "three"]) == ["one\n\ntwo\n\nthree"]
    assert merge([]) == merge(["", " "]) == []


def test_a_cut_falls_between_bodies_before_it_falls_inside_one() -> None:
    assert merge(["a" * 1000, "b" * 1000]) == ["a" * 1000, "b" * 1000]


def test_a_long_body_is_cut_at_the_end_of_a_sentence() -> None:
    sentences = " ".join(f"جملة رقم {number} هنا." for number in range(200))
    for part in merge([sentences]):
        assert part.endswith(".")


def test_a_letter_keeps_its_marks_and_an_emoji_its_joiners() -> None:
    marked = "بَّ" * 700
    assert all(part.startswith("ب") for part in merge([marked]))
    family = "👩\u200d👧" * 400
    assert all(part.startswith("👩") and part.endswith("👧") for part in merge([family]))


def test_a_flood_of_marks_is_still_cut() -> None:
    assert [len(part) for part in merge(["\u064b" * 3300])] == [1600, 1600, 100]


_ANYTHING = st.text(st.sampled_from("اب a.؟\n😀\u064b\u200d"), max_size=300) | st.text(max_size=300)


@given(st.lists(_ANYTHING, max_size=5), st.integers(2, 120))
def test_nothing_is_lost_and_no_part_is_over_the_limit(bodies: list[str], limit: int) -> None:
    parts = merge(bodies, limit)
    assert all(0 < utf16_units(part) <= limit for part in parts)
    for part in parts:
        part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def squeezed(texts: list[str]) -> str:
        return re.sub(r"\s+", "", "".join(texts))

    assert squeezed(parts) == squeezed(bodies)


def test_the_limit_is_the_providers() -> None:
    assert BODY_LIMIT == 1600
    assert [len(part) for part in merge(["a" * 1601])] == [1600, 1]
    assert [utf16_units(part) for part in merge(["😀" * 801])] == [1600, 2]
