"""The catalogues: every code that is used is in both, none lies unused, and what cannot be read stops the start."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from babel import Locale
from redis.asyncio import Redis

from api.handoffs import blocks, contacts, wrapup
from api.handoffs.aids import CRITICAL
from api.handoffs.bands import LOWER_REASONS, RAISE_REASONS
from api.handoffs.tables import BANDS, KNOWN_REASONS, OUTCOMES, SETS
from api.practice.accounts import LEARNERS
from api.practice.pages import practice_spoken
from api.practice.player import Ended
from api.practice.room import HASTES, PACES
from api.scripts.desks import COMPETENCES
from api.scripts.texts import COUNSELLOR_PREFIX
from api.staff.tables import PASSKEY_LABELS, ROLES
from api.v1 import Deps
from api.web import words as module
from api.web.account import about_accounts
from api.web.console import build_console, spoken_by_script
from api.web.words import LANGUAGES, LOCALE, CatalogueError, Words, catalogues, in_words, read_catalogue
from api.weekly import DAYS
from tests.fixtures_line import shipped_release
from tests.fixtures_staff import KEYRING, Clock, FakeOutbox, databases

WEB = Path(module.__file__).parent
FORMS = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 4, "other": 5}
HEAD = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
)


def families() -> set[str]:
    """Codes that are put together when they are needed, from the codes of the trade."""
    release = shipped_release()

    def of(prefix: str, codes: Iterable[str]) -> set[str]:
        return {f"{prefix}{code}" for code in codes}

    return {
        *KNOWN_REASONS, *BANDS, *CRITICAL, *of("outcome_", OUTCOMES), *of("done_", wrapup.DONE), *of("role_", ROLES),
        *of("raise_", RAISE_REASONS), *of("lower_", LOWER_REASONS), *of("block_", blocks.REASONS), *of("contact_", contacts.REASONS),
        *of("rota_day_", DAYS), *of("rota_competence_", COMPETENCES), *of("set_", SETS), *PASSKEY_LABELS,
        *of("group_", ("critical", "told", "of_the_talk")), *of("group_answers_", SETS), *of("present_", ("former", "silent", "open")),
        *of("climbed_", "123"), *(name for name in release.texts if name.startswith(COUNSELLOR_PREFIX)),
        *of("practice_as_", (name for name, _ in LEARNERS)), *of("practice_pace_", PACES), *of("practice_haste_", map(str, HASTES)),
        *of("practice_ended_", set(get_args(Ended)) - {"", "never_came", "withdrawn"}),
        "JO", "QA", "BH", "AE", "XX", "whatsapp", "sms", "lev", "gulf", "msa", "en", "blank_name", "blank_time",
        "state_sending", "state_queued", "state_waits", "state_lapsed", "state_unsure", "state_sent", "state_failed", "state_refused",
    }


def sources(folder: Path, *kinds: str) -> str:
    return "\n".join(file.read_text("utf-8") for kind in kinds for file in sorted(folder.glob(kind)))


@cache
def literals() -> frozenset[str]:
    """Whatever stands in quotes in templates, scripts and the gateway, or behind ``words.`` in a script."""
    found = set(re.findall(r"""["'`]([\w-]+)["'`]""", sources(WEB / "templates", "console*.html") + sources(WEB / "static", "console*.js")))
    found |= set(re.findall(r"\bwords\.(\w+)", sources(WEB / "static", "console*.js")))
    for file in WEB.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def all_codes() -> set[str]:
    one = catalogues()["ar"]
    return {*one.words, *one.counted}


def test_every_code_a_template_says_is_in_the_catalogues() -> None:
    said = sources(WEB / "templates", "console*.html")
    asked = set(re.findall(r"""words\(["']([\w-]+)["'](?: if [^)]*| ~ [^)]*)?\)""", said))
    asked |= set(re.findall(r"""words\(["'][\w-]+["'] if .*? else ["']([\w-]+)["']""", said))
    asked -= set(re.findall(r"""["']([\w-]+)["'] ~""", said))  # the beginning of a family
    counted = set(re.findall(r"""words\.count\(["']([\w-]+)["']""", said))
    assert len(asked) > 150 and counted
    assert not [code for code in asked if not in_words(code)]
    assert counted <= catalogues()["ar"].counted.keys()
    assert not [code for code in families() if not in_words(code)]


def test_every_word_a_script_says_is_given_to_it() -> None:
    about = about_accounts(Words("ar")) + practice_spoken(Words("ar"))
    given = {*spoken_by_script(Words("ar")), *re.findall(r'"([\w-]+)":', about)}
    asked = set(re.findall(r"(?<!-)\bwords\.(\w+)", sources(WEB / "static", "console*.js")))
    asked |= set(re.findall(r"""words\[["']([\w-]+)["']\]""", sources(WEB / "static", "console*.js")))
    assert len(asked) > 20
    rota = {code for code in literals() if code.startswith(("rota_", "problem_"))}
    assert asked <= given | rota
    assert not [code for code in given if not in_words(code) and code not in catalogues()["ar"].counted]


def test_no_code_lies_unused() -> None:
    assert sorted(all_codes() - families() - literals()) == []


def test_both_languages_say_the_same_codes_with_the_same_blanks_and_each_in_its_own_letters() -> None:
    arabic, english = catalogues()["ar"], catalogues()["en"]
    assert arabic.words.keys() == english.words.keys() and arabic.counted.keys() == english.counted.keys()
    for code, said in arabic.words.items():
        other = english.words[code]
        assert set(re.findall(r"\{\w+\}", said)) == set(re.findall(r"\{\w+\}", other)), code
        assert said == said.strip() and other == other.strip() and "  " not in said + other, code
        if code not in ("other_language",):
            assert re.search("[ء-ي]", said) and not re.search("[ء-ي]", other), code
    for code, forms in arabic.counted.items():
        assert "{n}" in forms[FORMS["few"]] and "{n}" in forms[FORMS["many"]] and "{n}" in forms[FORMS["other"]], code
        blanks = {blank for said in (*forms, *english.counted[code]) for blank in re.findall(r"\{\w+\}", said)}
        assert blanks == {"{n}"}, code


def test_arabic_counts_in_six_forms_by_the_rule_of_the_language() -> None:
    arabic, english = catalogues()["ar"], catalogues()["en"]
    assert arabic.counted and all(len(forms) == 6 for forms in arabic.counted.values())
    assert all(len(forms) == 2 for forms in english.counted.values())
    for number in range(1001):  # as CLDR tells it, and so as browsers do
        assert arabic.form_of(number) == FORMS[Locale("ar").plural_form(number)]
        assert english.form_of(number) == (0 if Locale("en").plural_form(number) == "one" else 1)


@pytest.mark.parametrize(
    ("number", "arabic", "english"),
    [
        (0, "لا رسائل جديدة", "0 new messages"), (1, "رسالة جديدة", "1 new message"), (2, "رسالتان جديدتان", "2 new messages"),
        (3, "3 رسائل جديدة", "3 new messages"), (11, "11 رسالة جديدة", "11 new messages"), (100, "100 رسالة جديدة", "100 new messages"),
    ],
)
def test_a_number_has_its_noun_in_the_right_form(number: int, arabic: str, english: str) -> None:
    assert (Words("ar").count("unread", number), Words("en").count("unread", number)) == (arabic, english)


def test_an_unknown_language_is_arabic_and_an_unknown_code_is_shown() -> None:
    assert Words("<x>").language == "ar" and Words("ar").direction == "rtl" and Words("en").direction == "ltr"
    assert Words("en")("no such code") == "no such code" and Words("en").count("things", 3) == "3 things"


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b'msgid "queue"\nmsgstr "Queue\n', 7, "neither a comment nor a quoted text"),
        (b'msgid "queue"\nmsgstr "Queue" x\n', 7, "neither a comment nor a quoted text"),
        (b"<<<<<<< HEAD\n", 6, "neither a comment nor a quoted text"),
        (b'msgid "queue"\nmsgstr ""\n', 6, "queue has no words"),
        (b'#, fuzzy\nmsgid "queue"\nmsgstr "Queue"\n', 7, "queue is marked as fuzzy"),
        (b'msgid "queue"\nmsgstr "Queue"\n\nmsgid "queue"\nmsgstr "List"\n', 9, "queue is there twice (first in line 6)"),
        (b'msgid "unread"\nmsgid_plural "unread"\nmsgstr[0] "{n} new"\n', 6, "unread has"),
        (b'msgid "queue"\nmsgstr "\xff"\n', 7, "is not UTF-8"),
    ],
)
def test_a_catalogue_that_cannot_be_read_names_file_and_line(content: bytes, line: int, why: str, tmp_path: Path) -> None:
    file = tmp_path / "console.po"
    file.write_bytes(HEAD.encode() + content)
    with pytest.raises(CatalogueError) as refused:
        read_catalogue(file, "en")
    assert str(refused.value).startswith(f"{file}:{line}: {why}")


def test_a_plural_rule_that_is_none_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "console.po"
    with pytest.raises(CatalogueError, match=r"console\.po:1: No such file"):
        read_catalogue(file, "en")
    file.write_text(HEAD.replace("(n != 1)", "(n ==") + 'msgid "a"\nmsgstr "b"\n')
    with pytest.raises(CatalogueError, match=r"console\.po:4: Plural-Forms"):
        read_catalogue(file, "en")


def test_a_catalogue_that_cannot_be_read_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCALE", tmp_path)
    catalogues.cache_clear()
    away = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    try:
        with databases("sqlite", tmp_path) as [database], pytest.raises(CatalogueError, match=r"console\.po:1: No such file"):
            build_console(Deps(database, away, KEYRING, FakeOutbox(), Clock(), os.urandom))
    finally:
        monkeypatch.undo()
        catalogues.cache_clear()


def test_a_code_in_one_language_only_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language in LANGUAGES:
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        text = (LOCALE / language / "LC_MESSAGES" / "console.po").read_text("utf-8")
        more = '\nmsgid "only_here"\nmsgstr "Only here"\n' if language == "en" else ""
        (folder / "console.po").write_text(text + more, "utf-8")
    monkeypatch.setattr(module, "LOCALE", tmp_path)
    catalogues.cache_clear()
    try:
        with pytest.raises(CatalogueError, match=r"ar/LC_MESSAGES/console\.po:1: lacks only_here"):
            Words("ar")
    finally:
        monkeypatch.undo()
        catalogues.cache_clear()
