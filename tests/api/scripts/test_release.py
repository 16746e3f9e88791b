"""Loading a release: all problems at once, a digest of its bytes, and what goes to the engine."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.scripts.draft import digest_of
from api.scripts.release import ScriptProblems, load_release
from safety.exit import is_exit
from safety.screening import load_instruments
from tests.api.scripts.bundles import numbers_file, texts_file, write_bundle


def test_a_good_bundle_is_loaded_with_its_parts(tmp_path: Path) -> None:
    release = load_release(write_bundle(tmp_path))
    assert (release.name, release.languages, release.owner) == ("test", ("ar", "en"), "somebody")
    assert release.texts["menu"].wordings["main"]["en"].words == "Hello"
    assert release.phrases["exit"]["phrases"][1] == {"phrase": "exit now"}
    assert is_exit("Exit now!", release.exits) and not is_exit("the exit is now open", release.exits)
    assert release.danger.flags == {"knife": "weapon"}
    assert release.instruments.items["N1"].critical
    assert release.warnings == ()


def test_a_release_cannot_be_changed(tmp_path: Path) -> None:
    release = load_release(write_bundle(tmp_path))
    with pytest.raises(dataclasses.FrozenInstanceError):
        release.digest = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        release.texts["menu"] = release.texts["opening"]  # type: ignore[index]


def test_the_same_bytes_have_the_same_digest_whenever_they_were_written(tmp_path: Path) -> None:
    first, second = write_bundle(tmp_path / "a"), write_bundle(tmp_path / "b")
    for path in second.rglob("*.yml"):
        os.utime(path, (1, 1))
    (second / "texts" / "notes.txt").write_text("not a part of the bundle")
    assert load_release(first).digest == load_release(second).digest
    assert len(load_release(first).digest) == 64


@pytest.mark.parametrize("change", ["a comment", "a new file", "a new name"])
def test_any_change_of_a_file_changes_the_digest(tmp_path: Path, change: str) -> None:
    directory = write_bundle(tmp_path)
    before = load_release(directory).digest
    if change == "a comment":
        with (directory / "release.yml").open("a") as file:
            file.write("# x\n")
    elif change == "a new file":
        (directory / "texts" / "more.yml").write_text("texts: {}\n")
    else:
        (directory / "texts" / "all.yml").rename(directory / "texts" / "every.yml")
    assert load_release(directory).digest != before


@given(st.dictionaries(st.text("ab/", min_size=1), st.binary(max_size=3), max_size=4), st.data())
def test_bundles_with_one_digest_are_one_bundle(files: dict[str, bytes], data: st.DataObject) -> None:
    others = data.draw(st.dictionaries(st.text("ab/", min_size=1), st.binary(max_size=3), max_size=4))
    assert (digest_of(files) == digest_of(others)) == (files == others)
    assert digest_of(dict(reversed(files.items()))) == digest_of(files)


def test_what_stands_in_a_name_and_what_in_a_file_are_kept_apart() -> None:
    alike = [{"a": b"bc"}, {"ab": b"c"}, {"a": b"", "bc": b""}, {"a": b"b", "c": b""}, {"abc": b""}]
    assert len({digest_of(files) for files in alike}) == len(alike)


def test_all_problems_come_at_once_warnings_included(tmp_path: Path) -> None:
    texts = texts_file().replace("  menu:", "  menuu:").replace("lev: مرحبا", "lev: 7", 1)
    with pytest.raises(ScriptProblems) as caught:
        load_release(write_bundle(tmp_path, texts__all=texts, numbers=numbers_file(verified="")))
    rules = {problem.rule for problem in caught.value.problems}
    assert {"missing-text", "kind", "number-unverified"} <= rules
    assert "errors in the scripts; the first: texts/all.yml:4:" in str(caught.value)


def test_warnings_alone_do_not_keep_a_release_from_loading(tmp_path: Path) -> None:
    release = load_release(write_bundle(tmp_path, numbers=numbers_file(verified="")))
    assert {warning.rule for warning in release.warnings} == {"number-unverified"}


@pytest.mark.parametrize("missing", ["nothing there", "an empty folder"])
def test_a_folder_without_a_bundle_is_refused_with_its_reason(tmp_path: Path, missing: str) -> None:
    if missing == "an empty folder":
        (tmp_path / "scripts").mkdir()
    with pytest.raises(ScriptProblems) as caught:
        load_release(tmp_path / "scripts")
    assert len(caught.value.problems) == 1


def test_the_engine_gets_the_screening_sets_and_nothing_else(tmp_path: Path) -> None:
    release = load_release(write_bundle(tmp_path))
    part = release.engine_part()
    assert set(part) == {"screening"}
    assert set(load_instruments(part["screening"]).sets) == {"near"}
    part["screening"]["near"]["items"].clear()
    assert release.engine_part()["screening"]["near"]["items"]
