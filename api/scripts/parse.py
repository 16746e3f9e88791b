"""Reads one YAML file as a tree that keeps the line of every value.

The tree is built from YAML's events rather than its objects: that keeps the lines, makes a key given twice visible,
refuses tags and aliases (a few bytes of ``*a`` can unfold to gigabytes), and reads scalars by YAML 1.2, so that
``no`` is the word no. Because other tools read it as "false", an unquoted yes/no/on/off is a problem here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import yaml

from api.scripts.tree import Node, Plain, Problem

LARGEST_FILE: Final = 1_000_000
DEEPEST: Final = 20


def parse(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """One file's bytes as a tree, with every problem of form. ``None`` if nothing of it can be used.

    Where one entry is broken the rest is read all the same (:class:`_Sieve`): whoever mends the entry should not
    meet the file's other problems only afterwards. Every entry left out has its problem.
    """
    if len(data) > LARGEST_FILE:
        return None, [Problem(file, 1, "too-large", f"is over {LARGEST_FILE:,} bytes; split it")]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, [Problem(file, 1, "encoding", "is saved as UTF-16; save it as UTF-8")]
    problems: list[Problem] = []
    if data.startswith(b"\xef\xbb\xbf"):
        problems.append(Problem(file, 1, "bom", "starts with a byte order mark; save it as UTF-8 without BOM"))
        data = data[3:]
    lines = _LINE_END.split(data.decode("utf-8", errors="replace"))
    useless: set[int] = set()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.split(data[: error.start].decode("utf-8")))
        problems.append(Problem(file, line, "encoding", "is not UTF-8 from here on; save it as UTF-8"))
        useless.update(number for number, text in enumerate(lines) if "\ufffd" in text and _says_something(text))
    for number, line_text in enumerate(lines):
        if "\t" in line_text[: len(line_text) - len(line_text.lstrip(" \t"))] and line_text.strip(" \t"):
            problems.append(Problem(file, number + 1, "tab", "starts with a tab; YAML wants spaces"))
            useless.add(number)
        if _MERGE_MARK.match(line_text):
            message = "is a mark of two versions put together; keep one of them and delete the mark"
            problems.append(Problem(file, number + 1, "merge-mark", message))
            useless.add(number)
        if (bad := _FORBIDDEN_CHARACTER.search(line_text)) is not None:
            message = f"holds the control character U+{ord(bad[0]):04X}; delete it"
            problems.append(Problem(file, number + 1, "control-character", message))
            lines[number] = _FORBIDDEN_CHARACTER.sub(" ", line_text)
    whole = _Builder(file, lines)
    tree = whole.build()
    if not useless and not whole.broken:
        return tree, problems + whole.problems
    if not useless and (mended := _outdented(file, lines)) is not None:
        line, builder, tree = mended
        message = "stands too far left; indent it like the lines around it"
        return tree, [*problems, Problem(file, line + 1, "indent", message), *builder.problems]
    sieve = _Sieve(file, lines, useless)
    rest = sieve.sift()
    problems += sieve.problems
    if not problems:  # nothing may be left out without a word
        problems.append(whole.problems[-1])
    if not any(map(_says_something, rest)):
        return None, problems
    builder = _Builder(file, rest)
    tree = builder.build()
    return (tree if tree is None else replace(tree, partial=True)), problems + builder.problems


def _outdented(file: str, lines: list[str]) -> tuple[int, _Builder, Node] | None:
    """The one line that lost its indentation, if indenting it makes the file YAML: else all below it would be lost."""
    written = [number for number, line in enumerate(lines) if _says_something(line)]
    left = [
        number
        for number, following in pairwise(written[1:])
        if not lines[number].startswith(" ") and lines[following].startswith(" ")
    ]
    for number in left if len(left) <= _OUTDENTED else ():
        for width in (2, 4, 6):
            builder = _Builder(file, [*lines[:number], " " * width + lines[number], *lines[number + 1 :]])
            tree = builder.build()
            if tree is not None and not builder.broken:
                return number, builder, tree
    return None


class _Sieve:
    """What can be read of a file that YAML refuses as a whole: each entry is tried alone, beneath its headings.

    An entry is a line with everything indented below it. A broken one would otherwise hide the rest of its file, and
    a quote that is not closed is reported where the *next* quote stands. Two levels deep is enough: the files are
    lists of texts, questions, numbers or concepts under one heading.
    """

    LEVELS: Final = 2

    def __init__(self, file: str, lines: list[str], useless: set[int]) -> None:
        self.file = file
        self.lines = lines
        self.useless = useless
        """Lines already reported: no entry that holds one can be used."""
        self.problems: list[Problem] = []

    def sift(self) -> list[str]:
        """The file's lines, those of broken entries blank; all blank if what is left makes no YAML either."""
        kept = self._sift(range(len(self.lines)), (), 0)
        if (fault := self._fault(kept)) is not None:
            self.problems.append(fault)
            kept = set()
        return self._only(kept)

    def _sift(self, where: range, headings: tuple[int, ...], level: int) -> set[int]:
        kept: set[int] = set()
        entries = list(self._entries(where))
        for entry in entries:
            reported = bool(self.useless.intersection(entry))
            fault = None if reported else self._fault({*headings, *entry})
            if fault is None and not reported and len(entries) > 1 and not _HEAD.match(self.lines[entry[0]]):
                # Alone it passes for a text; between others it is what keeps them from being read.
                fault = Problem(self.file, entry[0] + 1, "yaml", f"is not YAML: {_NO_COLON}")
            if not reported and fault is None:
                kept.update(entry)
                continue
            before = len(self.problems)
            heading, below = entry[0], entry[1:]
            if level < self.LEVELS - 1 and below and self._fault({*headings, heading}) is None:
                inner = self._sift(below, (*headings, heading), level + 1)
                reported = reported or len(self.problems) > before
                if inner and reported:
                    kept |= {heading} | inner
            if not reported and fault is not None:
                self.problems.append(fault)
        return kept

    def _entries(self, where: range) -> Iterator[range]:
        """The entries of some lines: each starts at the least indentation there is."""
        written = [number for number in where if number not in self.useless and _says_something(self.lines[number])]
        if not written:
            return
        least = min(map(self._indent, written))
        starts = [written[0]]
        under_a_key = False
        for number in written:
            if self._indent(number) != least:
                continue
            # A list may stand at the indentation of its own heading: "- a" right below "key:" belongs to it. So does
            # the bracket that closes what a heading opened.
            line = self.lines[number].lstrip(" ")
            belongs = line.startswith(("}", "]")) or (under_a_key and line.startswith("- "))
            if number != written[0] and not belongs:
                starts.append(number)
            under_a_key = under_a_key or not line.startswith("- ")
        for start, after in zip(starts, [*starts[1:], where.stop], strict=True):
            yield range(start, after)

    def _indent(self, number: int) -> int:
        return len(self.lines[number]) - len(self.lines[number].lstrip(" "))

    def _fault(self, kept: set[int]) -> Problem | None:
        numbers = sorted(kept)
        builder = _Builder(self.file, [self.lines[number] for number in numbers])
        builder.build()
        if not builder.broken:
            return None
        fault = builder.problems[-1]
        return replace(fault, line=numbers[fault.line - 1] + 1 if numbers else 1)

    def _only(self, kept: set[int]) -> list[str]:
        return [line if number in kept else "" for number, line in enumerate(self.lines)]


def _says_something(line: str) -> bool:
    """Neither blank nor a comment nor a mark of YAML's own; what YAML calls blank, which is less than Python does."""
    stripped = line.strip(" \t")
    return bool(stripped) and not stripped.startswith("#") and _MARK.match(line) is None


_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML."""
_OUTDENTED: Final = 8
"""So many lines at the left edge are tried: more are the way the file is built."""
_MERGE_MARK = re.compile(r" *(?:<{7}|={7}|>{7})(?: |\Z)")
_MARK = re.compile(r"(?:---|\.\.\.)[ \t]*\Z|%")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_HEAD = re.compile(r" *(?:-(?:[ \t]|\Z)|.*:(?:[ \t]|\Z))")
"""How an entry begins: a point of a list, or a key with its colon."""
_NO_COLON = "a key without its colon, or a text that should be in quotes"
_NULL = re.compile(r"(?:~|null|Null|NULL)?\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_NORWAY = re.compile(r"(?:y|n|yes|no|on|off)\Z", re.IGNORECASE)


class _Stop(Exception):
    """The file cannot be read further; the problem is already noted."""


class _Builder:
    """Turns one file's lines into a tree by YAML's events. Used once."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.broken = False
        """YAML refuses the file; the last problem says where and why."""
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = iter(())

    def build(self) -> Node | None:
        self._events = iter(yaml.parse("\n".join(self.lines), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        tree: Node | None = None
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if tree is not None:
                        self._note(event, "two-documents", "a second document starts here (---); keep one a file")
                        break
                    tree = self._node(next(self._events), 0)
        except yaml.MarkedYAMLError as error:
            self.broken = True
            unfinished = "unexpected end of stream" in (error.problem or "")  # the end is where nobody would look
            mark = (error.context_mark if unfinished else None) or error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            what = " ".join(part for part in (error.context, error.problem) if part)
            self.problems.append(Problem(self.file, min(line, len(self.lines)), "yaml", f"is not YAML: {_plainly(what)}"))
            return None
        except yaml.YAMLError:
            self.broken = True
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
    if _INT.match(text) and len(text) < 20:
        # A leading zero or plus would be lost: that is a phone number somebody forgot to quote.
        return int(text) if str(int(text)) == text else text
    if _FLOAT.match(text):
        return float(text)
    return text


_IN_WORDS = {
    "mapping values are not allowed": "a colon where none may stand; put the text in quotes",
    "could not find expected ':'": _NO_COLON,
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
