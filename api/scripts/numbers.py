"""Phone numbers the line may tell: the entries of ``numbers.yml``, and which of them a person is told.

screening.md, "Numbers shipped as defaults": each carries its source, who checked it, when, and when that lapses.
jurisdictions.md, last paragraph: in production an unverified entry is never told to anybody, the national emergency
number is used instead. So the national emergency number is the minimum that is always told; production refuses to
start while it is unsigned (:func:`unsigned_minimum`), and a signature that lapses later does not silence it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from api.scripts import shape
from api.scripts.tree import Node, Problem

Variant = Literal["lev", "gulf", "msa", "en"]
VARIANTS: Final[tuple[Variant, ...]] = ("lev", "gulf", "msa", "en")
COUNTRIES: Final = ("JO", "QA", "BH", "AE")
UNKNOWN_COUNTRY: Final = "XX"
KINDS: Final = ("emergency", "police", "child_line", "women", "helpline")


@dataclass(frozen=True, slots=True)
class Number:
    """One number: where it answers, what to call it, and who vouches for it until when."""

    number: str
    country: str
    place: str
    kind: str
    label: Mapping[Variant, str]
    source: str
    confidence: str
    verified_on: date | None
    verified_by: str
    expires_on: date | None
    file: str
    line: int

    def is_verified(self, today: date) -> bool:
        if self.verified_on is None or not self.verified_by or self.verified_on > today:
            return False
        return self.expires_on is None or today <= self.expires_on

    @property
    def is_minimum(self) -> bool:
        """A country's emergency number; for an unknown country, the GSM-wide 112."""
        return self.kind == "emergency" and not self.place


@dataclass(frozen=True, slots=True)
class Told:
    """The numbers one person is told, emergency first."""

    emergency: tuple[Number, ...]
    others: tuple[Number, ...]

    @property
    def all(self) -> tuple[Number, ...]:
        return self.emergency + self.others

    @property
    def child_line(self) -> Number | None:
        """The nearest child line: one of the person's own place before a national one."""
        lines = [number for number in self.others if number.kind == "child_line"]
        return next((number for number in lines if number.place), lines[0] if lines else None)


def country_of(place: str | None) -> str | None:
    """The country a place code lies in (``AE-SH`` and ``AE`` in AE), or ``None`` if the code does not say."""
    head = (place or "").split("-", 1)[0].upper()
    return head if head in COUNTRIES else None


def told_numbers(
    numbers: tuple[Number, ...], country: str, place: str | None, *, production: bool, today: date
) -> Told:
    """Which numbers a person is told: those of where they say they are, else of their prefix's country.

    Where place and prefix disagree, 112 stands beside the national number once it is verified (screening.md): a phone
    that roams may reach only one of the two. The place itself adds its own numbers (Sharjah's lines).
    """
    here = country_of(place) or country
    emergency = [number for number in numbers if number.country == here and number.is_minimum]
    anywhere = [number for number in numbers if number.country == UNKNOWN_COUNTRY and number.is_minimum]
    if not emergency:
        emergency = anywhere
    elif here != country and country != UNKNOWN_COUNTRY:
        emergency += [number for number in anywhere if not production or number.is_verified(today)]
    others = [
        number
        for number in numbers
        if number.country == here
        and not number.is_minimum
        and (not number.place or number.place.upper() == (place or "").upper())
        and (not production or number.is_verified(today))
    ]
    return Told(tuple(emergency), tuple(others))


def unsigned_minimum(numbers: tuple[Number, ...], today: date) -> tuple[Number, ...]:
    """National emergency numbers nobody vouches for today: production refuses to start with any (contract.md)."""
    return tuple(number for number in numbers if number.is_minimum and not number.is_verified(today))


_FIELDS: Final = {
    "number": shape.text(),
    "country": shape.one_of(*COUNTRIES, UNKNOWN_COUNTRY),
    "place": shape.text(required=False),
    "kind": shape.one_of(*KINDS),
    "label": shape.anything(),
    "source": shape.text(),
    "confidence": shape.one_of("high", "medium", "low"),
    "verified_on": shape.day(),
    "verified_by": shape.text(required=False),
    "expires_on": shape.day(),
}
_NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")


def parse_numbers(tree: Node, problems: list[Problem]) -> tuple[Number, ...]:
    """The entries of ``numbers.yml``. All fields are written out, also the empty ones: emptiness is a statement."""
    numbers: list[Number] = []
    top = shape.read_fields(tree, {"numbers": shape.anything()}, "numbers.yml", problems)
    if top is None:
        return ()
    listed = tree.value["numbers"]
    if not isinstance(listed.value, list):
        problems.append(listed.problem("kind", "numbers must be a list"))
        return ()
    for node in listed.value:
        number = _parse_number(node, problems)
        if number is not None:
            numbers.append(number)
    for country in (*COUNTRIES, UNKNOWN_COUNTRY):
        found = [number for number in numbers if number.country == country and number.is_minimum]
        if not found and not tree.partial:
            message = f"{country} has no national emergency number (kind: emergency, no place)"
            problems.append(listed.problem("no-emergency-number", message))
        for extra in found[1:]:
            message = f"{country} has a second national emergency number; the first is on line {found[0].line}"
            problems.append(Problem(extra.file, extra.line, "two-emergency-numbers", message))
    return tuple(numbers)


def _parse_number(node: Node, problems: list[Problem]) -> Number | None:
    if isinstance(node.value, dict):
        for name in ("source", "verified_on", "verified_by", "expires_on"):
            if name not in node.value:
                message = f"a number lacks {name}; write it out, empty if nobody has checked yet"
                problems.append(node.problem("number-unsourced", message))
    values = shape.read_fields(node, _FIELDS, "a number", problems)
    if values is None:
        return None
    label = parse_variants(node.value["label"], f"label of {values['number']}", problems)
    if not _NUMBER.match(values["number"]):
        problems.append(node.value["number"].problem("number-form", f"{values['number']} is no phone number"))
        return None
    verified_on, expires_on = values["verified_on"], values["expires_on"]
    if (verified_on is None) != (not values["verified_by"]):
        message = "verified_on and verified_by go together: a date needs a name and a name a date"
        problems.append(node.at("verified_on").problem("number-verified", message))
    if expires_on is not None and (verified_on is None or expires_on < verified_on):
        message = "expires_on needs a verified_on that is not later"
        problems.append(node.at("expires_on").problem("number-verified", message))
    if len(label) < len(VARIANTS):
        return None
    return Number(**{**values, "label": label, "file": node.file, "line": node.line})


def parse_variants(node: Node, what: str, problems: list[Problem]) -> Mapping[Variant, str]:
    """The wordings of the four variants: fewer, each with its problem, if one is missing or not text."""
    if not isinstance(node.value, dict):
        problems.append(node.problem("kind", f"{what} must have the four variants {', '.join(VARIANTS)}"))
        return {}
    problems.extend(shape.unknown_keys(node, VARIANTS, what))
    wordings: dict[Variant, str] = {}
    for variant in VARIANTS:
        given: Node | None = node.value.get(variant)
        if given is None:
            problems.append(node.problem("missing-variant", f"{what} has no {variant} wording"))
        elif not isinstance(given.value, str) or not given.value.strip():
            problems.append(given.problem("kind", f"{what}: {variant} must be text; put it in quotes"))
        else:
            wordings[variant] = given.value.strip()
    return wordings
