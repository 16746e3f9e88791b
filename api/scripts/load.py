"""Reads a script bundle from disk and keeps the line of every value.

Staff edit these files by hand, so whatever is wrong becomes a :class:`Problem` with file and line, never a traceback.
The tree is built from YAML's events rather than its objects: that keeps the lines, makes a key given twice visible,
refuses tags and aliases (a few bytes of ``*a`` can unfold to gigabytes), and reads scalars by YAML 1.2, so that
``no`` is the word no. Because other tools read it as "false", an unquoted yes/no/on/off is a problem here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import yaml

Severity = Literal["error", "warning"]
Plain = str | int | float | bool | None

LARGEST_FILE: Final = 1_000_000
DEEPEST: Final = 20
SUFFIXES: Final = (".yml", ".yaml")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a bundle, and where. ``rule`` is a stable code; the message is for staff."""

    file: str
    line: int
    rule: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place: a scalar, a ``dict[key, Node]`` or a ``list[Node]``. ``line`` counts from 1."""

    value: Any
    file: str
    line: int
    key_lines: Mapping[Plain, int] = field(default_factory=dict)
    block_start: int = 0
    """For a block scalar (``|``): the line on which its text begins; else 0."""

    def line_at(self, offset: int) -> int:
        """The line on which a character of a text stands."""
        if not self.block_start:
            return self.line
        return self.block_start + str(self.value).count("\n", 0, offset)

    def plain(self) -> Any:
        """The value without places: what a program reads."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def problem(self, rule: str, message: str, severity: Severity = "error") -> Problem:
        return Problem(self.file, self.line, rule, message, severity)

    def line_of(self, key: Plain) -> int:
        """The line on which a key stands; the mapping's own line if it has no such key."""
        return self.key_lines.get(key, self.line)

    def at(self, *path: str | int) -> Node:
        """The value under a path, or the deepest one on the way to it that exists (to point at a place)."""
        node = self
        for step in path:
            named = isinstance(node.value, dict) and step in node.value
            counted = isinstance(node.value, list) and isinstance(step, int) and 0 <= step < len(node.value)
            if not (named or counted):
                break
            node = node.value[step]
        return node


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of a bundle: their bytes, and the tree of each one that could be read."""

    files: Mapping[str, bytes]
    trees: Mapping[str, Node]

    def under(self, folder: str) -> Iterator[tuple[str, Node]]:
        """Readable files of a folder as ``(name without suffix, tree)``, in the order of their names."""
        for path in sorted(self.trees):
            head, _, tail = path.rpartition("/")
            if head == folder:
                yield tail.rsplit(".", 1)[0], self.trees[path]


def read_bundle(directory: Path) -> tuple[Bundle, list[Problem]]:
    """Every YAML file under a folder, read once: the same bytes are parsed and counted into the digest."""
    problems: list[Problem] = []
    files: dict[str, bytes] = {}
    trees: dict[str, Node] = {}
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "does not exist"
        return Bundle(files, trees), [Problem(directory.name or ".", 1, "no-folder", f"the folder {what}")]
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        name = relative.as_posix()
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in relative.parts):
            continue
        if any(step.is_symlink() for step in _steps(directory, relative)):
            # A release is its bytes: what a link leads to can change without the digest noticing.
            problems.append(Problem(name, 1, "link", "is a link to another place; put the file itself here"))
            continue
        if not path.is_file():
            continue
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            problems.append(Problem(name, 1, "unreadable", f"cannot be read: {error.strerror or 'input error'}"))
            continue
        tree, found = parse(files[name], name)
        problems.extend(found)
        if tree is not None:
            trees[name] = tree
    if not files and not problems:
        problems.append(Problem(directory.name or ".", 1, "no-files", "the folder holds no .yml file"))
    return Bundle(files, trees), problems


def parse(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """One file's bytes as a tree, with every problem of form. ``None`` if nothing of it can be used."""
    problems: list[Problem] = []
    if len(data) > LARGEST_FILE:
        return None, [Problem(file, 1, "too-large", f"is over {LARGEST_FILE:,} bytes; split it")]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, [Problem(file, 1, "encoding", "is saved as UTF-16; save it as UTF-8")]
    if data.startswith(b"\xef\xbb\xbf"):
        problems.append(Problem(file, 1, "bom", "starts with a byte order mark; save it as UTF-8 without BOM"))
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [*problems, Problem(file, line, "encoding", "is not UTF-8 from here on; save it as UTF-8")]
    tabs = [
        Problem(file, number, "tab", "starts with a tab; YAML wants spaces")
        for number, line_text in enumerate(text.split("\n"), 1)
        if "\t" in line_text[: len(line_text) - len(line_text.lstrip())] and line_text.strip()
    ]
    if tabs:
        return None, problems + tabs
    if (bad := _FORBIDDEN_CHARACTER.search(text)) is not None:
        line = text.count("\n", 0, bad.start()) + 1
        message = f"holds the control character U+{ord(bad[0]):04X}; delete it"
        return None, [*problems, Problem(file, line, "control-character", message)]
    builder = _Builder(file, text.split("\n"))
    tree = builder.build(text)
    return tree, problems + builder.problems


def _steps(directory: Path, relative: Path) -> Iterator[Path]:
    step = directory
    for part in relative.parts:
        step = step / part
        yield step


_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NULL = re.compile(r"(?:~|null|Null|NULL)?\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_NORWAY = re.compile(r"(?:y|n|yes|no|on|off)\Z", re.IGNORECASE)


class _Stop(Exception):
    """The file cannot be read further; the problem is already noted."""


class _Builder:
    """Turns one file's YAML events into a tree. Lives for one call of :func:`parse`."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.last_line = len(lines)
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = iter(())

    def build(self, text: str) -> Node | None:
        self._events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        tree: Node | None = None
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if tree is not None:
                        self._note(event, "two-documents", "a second document starts here (---); keep one a file")
                        break
                    tree = self._node(next(self._events), 0)
        except yaml.MarkedYAMLError as error:
            unfinished = "unexpected end of stream" in (error.problem or "")  # the end is where nobody would look
            mark = (error.context_mark if unfinished else None) or error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            what = " ".join(part for part in (error.context, error.problem) if part)
            self.problems.append(Problem(self.file, min(line, self.last_line), "yaml", f"is not YAML: {_plainly(what)}"))
            return None
        except yaml.YAMLError:
            self.problems.append(Problem(self.file, 1, "yaml", "is not YAML"))
            return None
        except _Stop:
            return None
        if tree is None or tree.value is None:
            self.problems.append(Problem(self.file, 1, "empty", "is empty"))
            return None
        return tree

    def _note(self, event: Any, rule: str, message: str) -> None:
        self.problems.append(Problem(self.file, event.start_mark.line + 1, rule, message))

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            self._note(event, "too-deep", f"is nested more than {DEEPEST} levels deep")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self._note(event, "alias", f"*{event.anchor} is an alias; write the text out")
            return Node(None, self.file, line)
        if event.anchor is not None:
            self._note(event, "alias", f"&{event.anchor} is an anchor; anchors are not used here")
        if event.tag is not None:
            self._note(event, "tag", f"{event.tag} is a tag; tags are not used here")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Node(items, self.file, line)
        return self._mapping(line, depth)

    def _scalar(self, event: Any, line: int) -> Node:
        text: str = event.value
        if event.style in ("|", ">"):
            return Node(text, self.file, line, block_start=line + 1)
        if event.style:
            return Node(text, self.file, line)
        if _NORWAY.match(text):
            message = f"{text} without quotes means true or false to YAML; write \"{text}\", or true or false"
            self._note(event, "yes-no", message)
            return Node(text, self.file, line)
        return Node(_scalar_value(text), self.file, line)

    def _mapping(self, line: int, depth: int) -> Node:
        values: dict[Plain, Node] = {}
        key_lines: dict[Plain, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key.value, dict | list):
                self.problems.append(key.problem("key", "a key must be a word, not a list or a map"))
                continue
            if key.value in values:
                first = key_lines[key.value]
                self.problems.append(key.problem("twice", f"{key.value} is given twice; the first is on line {first}"))
                continue
            values[key.value] = value
            key_lines[key.value] = key.line
        return Node(values, self.file, line, key_lines)


def _scalar_value(text: str) -> Plain:
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        # A leading zero or plus would be lost: that is a phone number somebody forgot to quote.
        return int(text) if str(int(text)) == text else text
    if _FLOAT.match(text):
        return float(text)
    return text


_IN_WORDS = {
    "mapping values are not allowed": "a colon where none may stand; put the text in quotes",
    "could not find expected ':'": "a key without its colon, or a text that should be in quotes",
    "did not find expected key": "the indentation is off, or a quote inside the text ends it early",
    "did not find expected ',' or '}'": "a { that is not closed, or a text in it that should be in quotes",
    "did not find expected ',' or ']'": "a [ that is not closed, or a text in it that should be in quotes",
    "found unexpected end of stream": "a quote is opened and not closed",
    "found character that cannot start any token": "a text that starts with @, ` or % must be in quotes",
    "did not find expected '-' indicator": "a list whose indentation changes",
}


def _plainly(what: str) -> str:
    for theirs, ours in _IN_WORDS.items():
        if theirs in what:
            return ours
    return what
