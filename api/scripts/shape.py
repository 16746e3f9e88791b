"""Reads a mapping against a list of fields: what is missing, unknown or of the wrong kind becomes a Problem."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from api.scripts.tree import Node, Problem


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a mapping: how its value is read (``None`` back means: not of this kind), and what it should be."""

    read: Callable[[Any], Any]
    wanted: str
    required: bool = True
    default: Any = None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _day(value: Any) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _price(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return Decimal(str(value))


def _raw(value: Any) -> Any:
    return value


def text(*, required: bool = True, default: str = "") -> Field:
    return Field(_text, "text (in quotes if it is all digits)", required, default)


def flag(*, required: bool = True, default: bool = False) -> Field:
    return Field(_flag, "true or false", required, default)


def count() -> Field:
    return Field(_count, "a whole number", True, 0)


def price() -> Field:
    return Field(_price, "an amount such as 0.05", True, Decimal(0))


def day() -> Field:
    return Field(_day, "a date written 2026-01-31, or nothing", False, None)


def anything(*, required: bool = True) -> Field:
    """A field whose own shape is read by the caller."""
    return Field(_raw, "a value", required, None)


def one_of(*allowed: str) -> Field:
    def read(value: Any) -> str | None:
        return value if isinstance(value, str) and value in allowed else None

    return Field(read, "one of " + ", ".join(allowed), True, allowed[0])


def texts(*, required: bool = True) -> Field:
    def read(value: Any) -> tuple[str, ...] | None:
        if not isinstance(value, list) or not all(isinstance(item.value, str) for item in value):
            return None
        return tuple(item.value for item in value)

    return Field(read, "a list of words", required, ())


def read_fields(node: Node, fields: Mapping[str, Field], what: str, problems: list[Problem]) -> dict[str, Any] | None:
    """The values of a mapping's fields, defaults filled in; ``None`` if a required one cannot be used."""
    if not isinstance(node.value, dict):
        problems.append(node.problem("kind", f"{what} must be a map of fields"))
        return None
    problems.extend(unknown_keys(node, fields, what))
    values: dict[str, Any] = {}
    complete = True
    for name, field in fields.items():
        given: Node | None = node.value.get(name)
        if given is None or given.value is None:
            values[name] = field.default
            if field.required:
                complete = False
                line = node.line_of(name) if given is not None else node.line
                problems.append(Problem(node.file, line, "missing-field", f"{what} lacks {name}: {field.wanted}"))
            continue
        read = field.read(given.value)
        if read is None:
            complete = complete and not field.required
            problems.append(given.problem("kind", f"{name} of {what} must be {field.wanted}"))
        values[name] = field.default if read is None else read
    return values if complete else None


def unknown_keys(node: Node, known: Iterable[str], what: str) -> list[Problem]:
    """One problem for each key that means nothing here, with the likely spelling."""
    names = list(known)
    return [
        Problem(node.file, node.line_of(key), "unknown-field", f"{what} has no field {key}{did_you_mean(str(key), names)}")
        for key in node.value
        if key not in names
    ]


def did_you_mean(word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def nearest(word: str, known: Collection[str]) -> str:
    """The known name that a word with a slip in it was probably meant to be; empty if none is near."""
    return next(iter(difflib.get_close_matches(word, known, 1, 0.75)), "")
