"""The texts of ``texts/*.yml``: one name, four variants, and the other wordings for SMS and for channels without numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from api.scripts import shape
from api.scripts.load import Bundle
from api.scripts.numbers import VARIANTS, Variant, parse_variants
from api.scripts.tree import Node, Problem

Form = Literal["main", "sms", "no_numbers"]
FORMS: Final[tuple[Form, ...]] = ("main", "sms", "no_numbers")

PLACEHOLDERS: Final = ("emergency", "numbers", "child_line", "duty", "safe_word", "question")
COUNSELLOR_BLANKS: Final = ("name", "time")
"""What a counsellor fills in by hand: only in texts offered to counsellors, and nothing is sent before it is done."""
COUNSELLOR_PREFIX: Final = "reply_"
"""Texts of such a name are put into a counsellor's writing box; the program says none of them by itself."""
NUMBER_PLACEHOLDERS: Final = frozenset({"emergency", "numbers", "child_line"})
PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Wording:
    """One variant of one form of a text, with its place in the file."""

    form: Form
    variant: Variant
    words: str
    node: Node

    @property
    def label(self) -> str:
        """How messages name it: ``lev``, ``sms lev``, ``no_numbers lev``."""
        return self.variant if self.form == "main" else f"{self.form} {self.variant}"

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(PLACEHOLDER.findall(self.words))

    @property
    def first_line(self) -> str:
        return self.words.strip().split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Text:
    """What the bot says under one name."""

    name: str
    wordings: Mapping[Form, Mapping[Variant, Wording]]
    neutral: bool
    file: str
    line: int

    def __iter__(self) -> Iterator[Wording]:
        for form in FORMS:
            yield from self.wordings.get(form, {}).values()

    def has(self, form: Form) -> bool:
        return form in self.wordings

    def problem(self, rule: str, message: str) -> Problem:
        return Problem(self.file, self.line, rule, message)


def parse_texts(bundle: Bundle, problems: list[Problem]) -> dict[str, Text]:
    """Every text of the bundle by name. One of which a part cannot be used is without that part, with its problem:
    what is left is checked all the same, and the problem keeps the bundle from being used."""
    texts: dict[str, Text] = {}
    for _, tree in bundle.under("texts"):
        if shape.read_fields(tree, {"texts": shape.anything()}, "a file of texts", problems) is None:
            continue
        listed = tree.value["texts"]
        if not isinstance(listed.value, dict):
            problems.append(listed.problem("kind", "texts must be a map: a name, then its wordings"))
            continue
        for name, node in listed.value.items():
            line = listed.line_of(name)
            if not isinstance(name, str) or not _NAME.match(name):
                message = f"{name} is no name: letters, digits and _ only, beginning with a letter"
                problems.append(Problem(listed.file, line, "name", message))
            elif name in texts:
                first = texts[name]
                message = f"{name} stands already in {first.file} on line {first.line}"
                problems.append(Problem(listed.file, line, "twice", message))
            elif (text := _parse_text(name, node, line, problems)) is not None:
                texts[name] = text
    return texts


def _parse_text(name: str, node: Node, line: int, problems: list[Problem]) -> Text | None:
    if not isinstance(node.value, dict):
        problems.append(Problem(node.file, line, "kind", f"{name} must be a map with {', '.join(VARIANTS)}"))
        return None
    problems.extend(shape.unknown_keys(node, (*VARIANTS, "sms", "no_numbers", "neutral"), name))
    neutral = False
    if (given := node.value.get("neutral")) is not None:
        neutral = given.value is True
        if not isinstance(given.value, bool):
            problems.append(given.problem("kind", f"neutral of {name} must be true or false"))
    wordings: dict[Form, Mapping[Variant, Wording]] = {}
    for form in FORMS:
        if form == "main":
            source: Node | None = Node(
                {key: value for key, value in node.value.items() if key in VARIANTS}, node.file, line, node.key_lines
            )
        else:
            source = node.value.get(form)
        if source is None:
            continue
        what = name if form == "main" else f"{form} of {name}"
        words = parse_variants(source, what, problems)
        wordings[form] = {variant: Wording(form, variant, said, source.value[variant]) for variant, said in words.items()}
    return Text(name, wordings, neutral, node.file, line)
