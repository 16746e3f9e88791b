"""A bundle with its parts read, before anybody has said that they may be used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from api.scripts import shape
from api.scripts.channels import Channel, parse_channels
from api.scripts.desks import DESKS_FILE, Desks, parse_desks
from api.scripts.gate import DANGER_FILE, EXIT_FILE, read_danger, read_exits
from api.scripts.load import Bundle, read_bundle
from api.scripts.numbers import Number, parse_numbers
from api.scripts.required import GATEWAY_TEXTS, engine_names
from api.scripts.screening import read_instruments
from api.scripts.texts import Text, parse_texts
from api.scripts.tree import Node, Problem
from safety.danger import Lexicon
from safety.exit import DEFAULT, ExitPhrases
from safety.screening import Instruments

_RELEASE_FIELDS: Final = {"name": shape.text(), "languages": shape.texts(), "owner": shape.text()}


@dataclass(frozen=True, slots=True)
class About:
    """Who keeps a bundle and in which languages it speaks."""

    name: str = ""
    languages: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """All parts of a bundle. Where a part could not be read, what is left of it."""

    bundle: Bundle
    about: About = field(default_factory=About)
    texts: Mapping[str, Text] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, Channel]] = field(default_factory=dict)
    numbers: tuple[Number, ...] = ()
    desks: Desks = field(default_factory=dict)
    screening: Mapping[str, Node] = field(default_factory=dict)
    instruments: Instruments | None = None
    phrases: Mapping[str, Node] = field(default_factory=dict)
    exits: ExitPhrases = DEFAULT
    danger: Lexicon | None = None
    pathways: Mapping[str, Node] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    """Of the engine's domain; empty if there is none to look at."""

    def plain(self, part: Mapping[str, Node]) -> dict[str, Any]:
        return {name: node.plain() for name, node in part.items()}


def read_draft(directory: Path, domain: Path | None = None) -> tuple[Draft, list[Problem]]:
    """Reads a bundle and its parts, noting every problem of form on the way.

    ``domain`` is the engine's domain.yml; by default the one beside the bundle, if there is one.
    """
    bundle, problems = read_bundle(directory)
    if not bundle.files:
        return Draft(bundle), problems
    beside = directory.resolve().parent / "domain.yml"
    if domain is None and beside.is_file():
        domain = beside
    named, intents = tuple[str, ...](), tuple[str, ...]()
    if domain is not None:
        named, intents, found = engine_names(domain)
        problems += found
    texts = parse_texts(bundle, problems)
    about, channels, numbers = About(), dict[str, Mapping[str, Channel]](), tuple[Number, ...]()
    if (tree := _top("release.yml", bundle, problems)) is not None:
        values = shape.read_fields(tree, _RELEASE_FIELDS, "release.yml", problems)
        about = About(**values) if values is not None else about
    if (tree := _top("channels.yml", bundle, problems)) is not None:
        channels = dict(parse_channels(tree, problems))
    if (tree := _top("numbers.yml", bundle, problems)) is not None:
        numbers = parse_numbers(tree, problems)
    tree = bundle.trees.get(DESKS_FILE)
    desks = parse_desks(tree, problems) if tree is not None else {}
    _top(DANGER_FILE, bundle, problems)
    _top(EXIT_FILE, bundle, problems)
    screening, phrases = dict(bundle.under("screening")), dict(bundle.under("phrases"))
    draft = Draft(
        bundle=bundle,
        about=about,
        texts=texts,
        channels=channels,
        numbers=numbers,
        desks=desks,
        screening=screening,
        instruments=read_instruments(screening, problems),
        phrases=phrases,
        exits=read_exits(phrases, problems),
        danger=read_danger(phrases, problems),
        pathways=dict(bundle.under("pathways")),
        intents=intents,
        required=tuple(dict.fromkeys((*GATEWAY_TEXTS, *named))),
    )
    return draft, problems


def digest_of(files: Mapping[str, bytes]) -> str:
    """The content address of a bundle: SHA-256 over its paths and bytes in the order of the paths.

    Each is preceded by its length, so that no other division into files gives the same stream.
    """
    hashing = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            hashing.update(len(part).to_bytes(8, "big"))
            hashing.update(part)
    return hashing.hexdigest()


def _top(name: str, bundle: Bundle, problems: list[Problem]) -> Node | None:
    if name not in bundle.files:
        problems.append(Problem(name, 1, "missing-file", "is missing from the bundle"))
    return bundle.trees.get(name)
