"""The screening sets of a bundle as the gateway sees them: do they hold, and what words they bring.

How sets are read and score is decided in ``safety.screening`` alone; this module finds the line of a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from api.scripts.numbers import VARIANTS, Variant
from api.scripts.tree import Node, Problem
from safety.screening import InstrumentError, Instruments, load_instruments

_STEP: Final = re.compile(r"[^.\[\]]+")


def read_instruments(screening: Mapping[str, Node], problems: list[Problem]) -> Instruments | None:
    """The sets, or ``None`` and a problem at the line of the field that ``safety`` refuses."""
    try:
        return load_instruments({name: tree.plain() for name, tree in screening.items()})
    except InstrumentError as error:
        for fault in (error, *error.others):
            if fault.lacks and any(tree.partial for tree in screening.values()):
                continue  # it may stand in what could not be read, which is noted
            name, _, part = fault.path.rpartition(".")
            if part in ("items", "rules") and name in screening and screening[name].partial:
                continue  # all of them are broken: noted, one by one
            file, line = _place(fault.path, screening)
            problems.append(Problem(file, line, "screening", f"{fault.path}: {fault.problem}"))
        return None


def question_wordings(screening: Mapping[str, Node]) -> Iterator[tuple[str, str, Variant, Node]]:
    """Everything screening says to a person: ``(owner, label, variant, words)``, questions and answer hints alike."""
    for name, tree in screening.items():
        yield from _wordings(tree, name, "")


def _wordings(node: Node, owner: str, key: str) -> Iterator[tuple[str, str, Variant, Node]]:
    if isinstance(node.value, list):
        for inner in node.value:
            yield from _wordings(inner, owner, key)
    elif isinstance(node.value, dict):
        if isinstance(node.at("id").value, str):
            owner = f"{owner} {node.value['id'].value}"
        for inner_key, inner in node.value.items():
            if inner_key in VARIANTS and isinstance(inner.value, str):
                yield owner, f"{key} {inner_key}".strip(), inner_key, inner
            else:
                yield from _wordings(inner, owner, str(inner_key))


def _place(path: str, screening: Mapping[str, Node]) -> tuple[str, int]:
    name = next((name for name in screening if path == name or path.startswith((f"{name}.", f"{name}["))), "")
    name, *steps = [name, *_STEP.findall(path[len(name) :])] if name else _STEP.findall(path) or [""]
    tree = screening.get(name)
    if tree is None:
        return f"screening/{name}.yml" if f"{name}.yml" in path or name in ("answers", "choose") else "screening", 1
    node = tree
    for step in steps:
        key: str | int = int(step) if step.isdecimal() else step
        inner = node.at(key)
        if inner is node:
            return node.file, node.line_of(key)
        line = node.line_of(key)
        node = inner
        if not isinstance(node.value, dict | list):
            return node.file, line if line > 1 else node.line
    return node.file, node.line
