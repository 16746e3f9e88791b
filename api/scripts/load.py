"""Reads a script bundle from disk: every YAML file of a folder, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.scripts.parse import parse
from api.scripts.tree import Node, Problem

SUFFIXES: Final = (".yml", ".yaml")
NOT_SAID: Final = "tests"
"""The folder of what nobody is told: conversations (``conversations.py``). No part of a release, its digest or its signatures."""


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
        if relative.parts[0] == NOT_SAID:
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


def _steps(directory: Path, relative: Path) -> Iterator[Path]:
    step = directory
    for part in relative.parts:
        step = step / part
        yield step
