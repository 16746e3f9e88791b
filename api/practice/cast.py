"""Who can come: the conversations of ``scripts/tests/`` that have a ``practice`` part, by their codes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from api.scripts.conversations import Against, Conversation, read_conversations
from api.scripts.tree import Problem


class CastNotUsable(Exception):
    """The files have errors, or nobody is in them. ``problems`` holds each with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        first = f"; the first: {problems[0]}" if problems else ""
        super().__init__(f"{len(problems)} errors in scripts/tests{first}" if problems else "nobody to practise with in scripts/tests")
        self.problems = problems


def load_cast(scripts: Path, against: Against | None = None) -> Mapping[str, Conversation]:
    """The people of a scripts folder by their codes, in the order of their files.

    Raises:
        CastNotUsable: a file has an error, or there is nobody.
    """
    found, problems = read_conversations(scripts, against)
    people = {one.practice.code: one for one in found if one.practice is not None}
    if problems or not people:
        raise CastNotUsable(problems)
    return people
