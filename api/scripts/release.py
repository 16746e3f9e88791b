"""A release: one checked, immutable bundle of texts, questions, numbers and channel rules. Read this file first.

``load_release`` reads a folder, refuses it with every problem at once, and gives what the rest of the gateway uses:
texts by name (compiled for ``render.py``), the screening data the engine needs, phrases, channels and numbers.
A release is known by its digest, so a talk can go on under the release it began with.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from api.scripts.channels import Channel
from api.scripts.check import check_draft
from api.scripts.desks import Desks
from api.scripts.draft import digest_of, read_draft
from api.scripts.numbers import Number, Told, told_numbers
from api.scripts.render import Templates, compile_template
from api.scripts.texts import Text
from api.scripts.tree import Problem
from safety.danger import Lexicon
from safety.exit import ExitPhrases
from safety.screening import Instruments


class ScriptProblems(Exception):
    """The bundle may not be used: it has errors. The message counts them; ``problems`` holds each with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        errors = [problem for problem in problems if problem.severity == "error"]
        first = f"; the first: {errors[0]}" if errors else ""
        super().__init__(f"{len(errors)} errors in the scripts{first}")


@dataclass(frozen=True, slots=True)
class Release:
    """What the bot says, asks and tells, at one version. ``warnings`` are what a person should look at."""

    digest: str
    name: str
    languages: tuple[str, ...]
    owner: str
    texts: Mapping[str, Text]
    templates: Templates = field(repr=False)
    screening: Mapping[str, Any] = field(repr=False)
    instruments: Instruments = field(repr=False)
    exits: ExitPhrases = field(repr=False)
    danger: Lexicon = field(repr=False)
    phrases: Mapping[str, Any] = field(repr=False)
    pathways: Mapping[str, Any] = field(repr=False)
    channels: Mapping[str, Mapping[str, Channel]] = field(repr=False)
    numbers: tuple[Number, ...] = field(repr=False)
    desks: Desks = field(default_factory=dict, repr=False)
    warnings: tuple[Problem, ...] = field(default=(), repr=False)

    def engine_part(self) -> dict[str, Any]:
        """What an engine needs of this release, as plain data: the screening sets and nothing else.

        The caller's own copy: texts, numbers and phrases never leave the gateway.
        """
        return {"screening": copy.deepcopy(dict(self.screening))}

    def told_numbers(self, country: str, place: str | None, *, production: bool, today: date) -> Told:
        """The numbers somebody there is told (see :func:`api.scripts.numbers.told_numbers`)."""
        return told_numbers(self.numbers, country, place, production=production, today=today)


def load_release(directory: Path, domain: Path | None = None) -> Release:
    """The release in a folder.

    Raises:
        ScriptProblems: the bundle has at least one error.
    """
    draft, problems = read_draft(directory, domain)
    if draft.bundle.files:
        problems += check_draft(draft)
    problems.sort()
    errors = any(problem.severity == "error" for problem in problems)
    if errors or draft.instruments is None or draft.danger is None:
        raise ScriptProblems(problems)
    templates: Templates = {
        text.name: {
            form: {variant: compile_template(wording.words) for variant, wording in wordings.items()}
            for form, wordings in text.wordings.items()
        }
        for text in draft.texts.values()
    }
    return Release(
        digest=digest_of(draft.bundle.files),
        name=draft.about.name,
        languages=draft.about.languages,
        owner=draft.about.owner,
        texts=MappingProxyType(dict(draft.texts)),
        templates=MappingProxyType(dict(templates)),
        screening=MappingProxyType(draft.plain(draft.screening)),
        instruments=draft.instruments,
        exits=draft.exits,
        danger=draft.danger,
        phrases=MappingProxyType(draft.plain(draft.phrases)),
        pathways=MappingProxyType(draft.plain(draft.pathways)),
        channels=MappingProxyType(dict(draft.channels)),
        numbers=draft.numbers,
        desks=MappingProxyType(dict(draft.desks)),
        warnings=tuple(problems),
    )
