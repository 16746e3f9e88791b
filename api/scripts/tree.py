"""What has been read of a script file, with the line of every value, and what is wrong with it.

Staff edit these files by hand, so whatever is wrong becomes a :class:`Problem` with file and line, never a traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]
Plain = str | int | float | bool | None


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
    partial: bool = False
    """For a whole file: entries of it could not be read (their problems are noted). What is not here may stand there."""

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
