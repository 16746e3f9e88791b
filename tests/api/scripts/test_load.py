"""Reading YAML by hand-writers: everything that can be wrong with a file is a problem with a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.scripts.load import read_bundle
from api.scripts.parse import LARGEST_FILE, parse
from tests.api.scripts.bundles import found, write_bundle

BROKEN_FILES = [
    ("empty", b"", "empty", 1),
    ("only a comment", b"# nothing yet\n", "empty", 1),
    ("a tab", b"texts:\n\tgreet: x\n", "tab", 2),
    ("a tab after blanks", b"texts:\n  a: b\n  \tc: d\n", "tab", 3),
    ("a byte order mark", b"\xef\xbb\xbfa: b\n", "bom", 1),
    ("utf-16", "a: b\n".encode("utf-16"), "encoding", 1),
    ("windows-1256", b"a: b\nb: \xe3\xd1\xcd\xc8\xc7\n", "encoding", 2),
    ("a control character", b"a: b\nb: \"c\x07\"\n", "control-character", 2),
    ("a key given twice", b"a: b\nc: d\na: e\n", "twice", 3),
    ("a key given twice, deep down", b"a:\n  - b: c\n    b: d\n", "twice", 3),
    ("an unquoted no", b"a: b\nen: no\n", "yes-no", 2),
    ("an unquoted Yes in a list", b"words:\n  - nay\n  - Yes\n", "yes-no", 3),
    ("an unquoted on as a key", b"a: b\non: c\n", "yes-no", 2),
    ("a colon in a text", b"a: b\nen: this: that\n", "yaml", 2),
    ("an open quote", b"a: b\nen: \"this\n", "yaml", 2),
    ("a wrong indent", b"a:\n  b: c\n d: e\n", "yaml", 3),
    ("an alias", b"a: &x b\nc: *x\n", "alias", 2),
    ("a tag", b"a: !!python/object:os.system b\n", "tag", 1),
    ("a second document", b"a: b\n---\nc: d\n", "two-documents", 2),
    ("a list as a key", b"a: b\n? [c]\n: d\n", "key", 2),
    ("too large", b"#" * (LARGEST_FILE + 1), "too-large", 1),
    ("too deep", b"a: " + b"[" * 50 + b"]" * 50 + b"\n", "too-deep", 1),
]


@pytest.mark.parametrize(("data", "rule", "line"), [case[1:] for case in BROKEN_FILES], ids=[c[0] for c in BROKEN_FILES])
def test_what_is_wrong_with_a_file_is_said_with_its_line(data: bytes, rule: str, line: int) -> None:
    _, problems = parse(data, "a.yml")
    assert (rule, line) in [(problem.rule, problem.line) for problem in problems]


def test_a_good_file_has_no_problem_and_keeps_its_lines() -> None:
    tree, problems = parse(b'a: "no"\nb:\n  - 7\n  - true\n  - |-\n    one\n    two\n', "a.yml")
    assert problems == []
    assert tree is not None
    assert tree.plain() == {"a": "no", "b": [7, True, "one\ntwo"]}
    assert tree.at("b", 1).line == 4
    block = tree.at("b", 2)
    assert (block.line_at(0), block.line_at(4)) == (6, 7)


@pytest.mark.parametrize(
    ("written", "read"),
    [("911", 911), ("0770", "0770"), ("+962", "+962"), ("12:30", "12:30"), ("2026-01-31", "2026-01-31"), ("", None),
     ("1.5", 1.5), ("false", False), ("~", None), ("0x10", "0x10"), ("1_000", "1_000")],
)
def test_scalars_are_read_by_yaml_1_2_and_lose_no_leading_zero(written: str, read: object) -> None:
    tree, problems = parse(f"a: {written}\n".encode(), "a.yml")
    assert problems == []
    assert tree is not None and tree.plain() == {"a": read}


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 15))
    _, problems = parse(f"l0: &l0 [x]\n{layers}".encode(), "a.yml")
    assert {problem.rule for problem in problems} == {"alias"}


@pytest.mark.parametrize("data", [b"\x00", b"{", b"}", b"- ]", b"%YAML", b"%YAML 9.9\n---\na: b", b"a: 'b", b"!<", b"@", b"? ", b"---\n...\n"])
def test_rubbish_never_raises(data: bytes) -> None:
    tree, problems = parse(data, "a.yml")
    assert tree is not None or problems


def test_a_missing_folder_a_file_and_an_empty_folder_are_problems(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, rule in (("nowhere", "no-folder"), ("file", "no-folder"), ("empty", "no-files")):
        bundle, problems = read_bundle(tmp_path / name)
        assert not bundle.files
        assert found(problems, rule) == [(name, 1)]


def test_a_link_is_refused_since_what_it_leads_to_can_change(tmp_path: Path) -> None:
    directory = write_bundle(tmp_path)
    (tmp_path / "elsewhere.yml").write_text("a: b\n")
    (directory / "texts" / "linked.yml").symlink_to(tmp_path / "elsewhere.yml")
    bundle, problems = read_bundle(directory)
    assert found(problems, "link") == [("texts/linked.yml", 1)]
    assert "texts/linked.yml" not in bundle.files


def test_files_that_are_no_yaml_and_hidden_ones_are_no_part_of_a_bundle(tmp_path: Path) -> None:
    directory = write_bundle(tmp_path)
    before = set(read_bundle(directory)[0].files)
    (directory / "notes.txt").write_text("x")
    (directory / "texts" / ".draft.yml").write_text("\t")
    assert set(read_bundle(directory)[0].files) == before
