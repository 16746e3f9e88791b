"""The desks of ``desks.yml``: who takes whom, by country and lane, at which hours, and who stands in for them.

A desk is a place in the queue, not a person: who is on duty there is the rota's to say (``api/staff/rotas.py``), and
supervisors set it in the console. Here stands what changes rarely and is checked before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from api.scripts import shape
from api.scripts.numbers import COUNTRIES, UNKNOWN_COUNTRY, country_of
from api.scripts.tree import Node, Problem
from api.weekly import ALWAYS, DAYS, Span, spans_written

DESKS_FILE: Final = "desks.yml"
LANES: Final = ("", "children")
COMPETENCES: Final = ("children", "self_harm", "exploitation", "honour")
"""What somebody may have been trained for and a desk may ask of those who count there (screening.md's sets)."""

PLACES: Final = (*COUNTRIES, UNKNOWN_COUNTRY)


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk.

    Args:
        code: its name in the queue and on accounts.
        name: what it is called in the console, ``ar`` and ``en``.
        countries: whose people it takes; ``XX`` is an unknown country. None: it only stands in for others.
        lane: ``""`` or ``children``.
        zone: by whose clock its hours and shifts are meant.
        hours: when it is open.
        competences: what somebody must hold, unexpired, to count as on duty there.
        fallback: the desk that stands in while nobody is on duty here; ``""``: none.
    """

    code: str
    name: Mapping[str, str]
    countries: tuple[str, ...]
    lane: str
    zone: ZoneInfo
    hours: tuple[Span, ...]
    competences: tuple[str, ...]
    fallback: str
    line: int = 0

    @property
    def always(self) -> bool:
        """Whether it is open day and night."""
        return self.hours == ALWAYS


Desks = Mapping[str, Desk]
"""All desks by code, in the order of the file."""


def path(desks: Desks, country: str, lane: str) -> tuple[str, ...]:
    """The desks somebody of that country and lane may come to, in order: their own, then who stands in for those.

    A lane without a desk of its own in that country goes the way of everybody there. Ends also on a circle.
    """
    own = [desk.code for desk in desks.values() if desk.lane == lane and country in desk.countries]
    if not own and lane:
        return path(desks, country, "")
    return tuple(dict.fromkeys((*own, *(code for first in own for code in chain(desks, first)))))


def chain(desks: Desks, code: str) -> tuple[str, ...]:
    """A desk and those that stand in for it, one after the other; empty for one there is not."""
    passed: dict[str, None] = {}
    while code in desks and code not in passed:
        passed[code] = None
        code = desks[code].fallback
    return tuple(passed)


def home(country: str, place: str) -> str:
    """The country whose desk takes somebody: where they say they are, else what their number says."""
    return country_of(place) or country


_PERHAPS: Final = shape.Field(lambda value: value if isinstance(value, str) else None, "a code, or nothing", False, "")
_FIELDS: Final = {
    "code": shape.text(),
    "name": shape.anything(),
    "countries": shape.anything(required=False),
    "lane": _PERHAPS,
    "zone": shape.text(),
    "hours": shape.anything(),
    "competences": shape.anything(required=False),
    "fallback": _PERHAPS,
}
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def parse_desks(tree: Node, problems: list[Problem]) -> Desks:
    """The desks of ``desks.yml``; what cannot be used is left out, with its problem."""
    desks: dict[str, Desk] = {}
    top = shape.read_fields(tree, {"desks": shape.anything()}, DESKS_FILE, problems)
    if top is None:
        return desks
    listed = tree.value["desks"]
    if not isinstance(listed.value, list):
        problems.append(listed.problem("kind", "desks must be a list"))
        return desks
    before = len(problems)
    nodes: dict[str, Node] = {}
    for node in listed.value:
        desk = _parse_desk(node, problems)
        if desk is None:
            continue
        if desk.code in desks:
            message = f"there is a desk {desk.code} already, on line {desks[desk.code].line}"
            problems.append(node.at("code").problem("twice", message))
            continue
        desks[desk.code], nodes[desk.code] = desk, node
    problems.extend(_fallbacks(desks, nodes, len(desks) < len(listed.value)))
    if len(problems) == before and not tree.partial:  # else it would be said of what could not be read
        problems.extend(_unreached(desks, nodes, listed))
    return desks


def _parse_desk(node: Node, problems: list[Problem]) -> Desk | None:
    values = shape.read_fields(node, _FIELDS, "a desk", problems)
    if values is None:
        return None
    code, before = values["code"], len(problems)
    if not _CODE.fullmatch(code):
        message = f"{code} is no code of a desk: small letters, digits, - and _, a letter first, 32 at most"
        problems.append(node.at("code").problem("desk-code", message))
    if values["lane"] not in LANES:
        problems.append(node.at("lane").problem("desk-lane", f"{code}: a lane is empty or children"))
    name = _names(node.at("name"), code, problems)
    countries = _codes(node, "countries", PLACES, "country", code, problems)
    competences = _codes(node, "competences", COMPETENCES, "competence", code, problems)
    zone = _zone(node.at("zone"), values["zone"], problems)
    hours = _hours(node.at("hours"), code, problems)
    if len(problems) > before or zone is None:
        return None
    return Desk(code, name, countries, values["lane"], zone, hours, competences, values["fallback"], node.line)


def _names(node: Node, code: str, problems: list[Problem]) -> dict[str, str]:
    wanted = {"ar": shape.text(), "en": shape.text()}
    return shape.read_fields(node, wanted, f"name of {code}", problems) or {}


def _codes(
    node: Node, field: str, known: tuple[str, ...], what: str, code: str, problems: list[Problem]
) -> tuple[str, ...]:
    given: Node | None = node.value.get(field)
    if given is None or given.value is None:
        return ()
    if not isinstance(given.value, list):
        problems.append(given.problem("kind", f"{field} of {code} must be a list such as [{known[0]}]"))
        return ()
    for one in given.value:
        if one.value not in known:
            near = shape.did_you_mean(str(one.value), known)
            message = f"{code}: there is no {what} {one.value}; known are {', '.join(known)}{near}"
            problems.append(one.problem(f"desk-{what}", message))
    return tuple(dict.fromkeys(one.value for one in given.value if one.value in known))


def _zone(node: Node, name: str, problems: list[Problem]) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; "Asia" alone is a folder
        known = available_timezones()
        hint = shape.did_you_mean(name, known) if known else ": this machine has no time zones, install tzdata"
        problems.append(node.problem("desk-zone", f"there is no time zone {name}{hint}"))
        return None


def _hours(node: Node, code: str, problems: list[Problem]) -> tuple[Span, ...]:
    if node.value == "always":
        return ALWAYS
    if not isinstance(node.value, dict) or not node.value:
        message = f'hours of {code} are always, or hours by day, such as sun: "08:00-16:00"'
        problems.append(node.problem("desk-hours", message))
        return ()
    problems.extend(shape.unknown_keys(node, DAYS, f"hours of {code}"))
    spans: list[Span] = []
    for day, given in node.value.items():
        if day not in DAYS or given.value is None:
            continue  # noted above; a day that is empty is a day off
        if not isinstance(given.value, str):
            problems.append(given.problem("desk-hours", f"{code}, {day}: put the hours in quotes"))
            continue
        try:
            spans += spans_written(DAYS.index(day), given.value)
        except ValueError as wrong:
            problems.append(given.problem("desk-hours", f"{code}, {day}: {wrong}"))
    return tuple(sorted(spans))


def _fallbacks(desks: Desks, nodes: Mapping[str, Node], some_unread: bool) -> Iterator[Problem]:
    told: set[str] = set()
    for desk in desks.values():
        at = nodes[desk.code].at("fallback")
        if desk.fallback and desk.fallback not in desks:
            if not some_unread:  # it may be the one that could not be read, which is noted
                near = shape.did_you_mean(desk.fallback, desks.keys())
                yield at.problem("desk-fallback", f"{desk.code}: there is no desk {desk.fallback} to fall back to{near}")
            continue
        round_trip = chain(desks, desk.code)
        if desks[round_trip[-1]].fallback in round_trip and desk.code not in told:
            told.update(round_trip)
            way = " → ".join((*round_trip, desks[round_trip[-1]].fallback))
            yield at.problem("desk-cycle", f"{desk.code}: the fallbacks go in a circle: {way}")


def _unreached(desks: Desks, nodes: Mapping[str, Node], listed: Node) -> Iterator[Problem]:
    """Every country, the unknown one too, needs a way to a desk that is open day and night, in either lane."""
    for country in PLACES:
        for lane in LANES:
            way = path(desks, country, lane)
            if lane and way == path(desks, country, ""):
                continue  # the way of everybody, which has been looked at
            if not any(desks[code].always for code in way):
                at = nodes[way[0]] if way else listed
                who = f"{country}, {lane}" if lane else country
                yield at.problem(
                    "desk-unreachable", f"{who}: no desk that is always open can be reached through fallbacks"
                )


def desk_named(desks: Desks, code: str, language: str) -> str:
    """What a desk is called; its code where the release does not know it."""
    desk = desks.get(code)
    return desk.name[language] if desk is not None else code


def as_json(desks: Iterable[Desk]) -> list[dict[str, Any]]:
    """Desks for the API."""
    return [
        {
            "code": desk.code, "name": dict(desk.name), "countries": list(desk.countries), "lane": desk.lane,
            "zone": desk.zone.key, "always": desk.always, "competences": list(desk.competences), "fallback": desk.fallback,
        }
        for desk in desks
    ]
