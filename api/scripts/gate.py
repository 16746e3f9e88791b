"""The words of the safety gate: exit phrases staff added and the danger lexicon, compiled by ``safety``.

What ``safety`` refuses becomes a problem at the line of the phrase, or of the concept or pattern it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.scripts.tree import Node, Problem
from safety.danger import Lexicon, LexiconNotUsable, compile_lexicon
from safety.exit import ExitPhrases, PhraseNotUsable, compile_phrases

DANGER_FILE: Final = "phrases/danger.yml"
EXIT_FILE: Final = "phrases/exit.yml"


def read_exits(phrases: Mapping[str, Node], problems: list[Problem]) -> ExitPhrases:
    """The built-in exit phrases and those of ``phrases/exit.yml`` (``phrases:`` a list of ``{phrase: …}``).

    A phrase that is refused is left out: the others, and the built-in ones, must work whatever else is wrong.
    """
    added = exit_phrases(phrases, problems)
    try:
        return compile_phrases(str(node.value) for node in added)
    except PhraseNotUsable:
        usable: list[str] = []  # one of them is refused: find out which
    for node in added:
        phrase = str(node.value)
        try:
            compile_phrases((phrase,))
        except PhraseNotUsable as refusal:
            problems.append(node.problem("exit-phrase", f"«{phrase}» cannot leave the chat: {refusal}"))
        else:
            usable.append(phrase)
    return compile_phrases(usable)


def read_danger(phrases: Mapping[str, Node], problems: list[Problem]) -> Lexicon | None:
    """The lexicon of ``phrases/danger.yml``, or ``None`` and a problem."""
    tree = phrases.get("danger")
    if tree is None:
        return None
    try:
        return compile_lexicon(tree.plain())
    except LexiconNotUsable as refusal:
        for one in (refusal, *refusal.others):
            if one.lacks and tree.partial:
                continue  # the concept may stand in what could not be read, which is noted
            problems.append(Problem(tree.file, _line_of(tree, one.path), "danger", str(one)))
    except (AttributeError, KeyError, TypeError, ValueError):
        # A list where a map belongs and its like: safety/ reads data that was parsed, it does not check its form.
        problems.append(tree.problem("danger", "is not built as its head says: concepts, danger, not_danger, turns"))
    return None


def exit_phrases(phrases: Mapping[str, Node], problems: list[Problem]) -> list[Node]:
    """The phrases of ``phrases/exit.yml``, the documented ones among them, as they are written there."""
    tree = phrases.get("exit")
    listed = tree.at("phrases") if tree is not None else None
    if tree is None or listed is None or listed is tree:
        return []
    found: list[Node] = []
    for row in listed.value if isinstance(listed.value, list) else [listed]:
        node = row.at("phrase")
        if node is row or not isinstance(node.value, str):
            problems.append(row.problem("exit-phrase", "an exit phrase is written `- phrase: …`, in quotes if in doubt"))
        else:
            found.append(node)
    return found


def _line_of(tree: Node, path: tuple[str | int, ...]) -> int:
    """The line of the file, a section, or the concept or entry in it."""
    if not path:
        return tree.line
    section, *entry = path
    if not entry:
        return tree.line_of(section)
    listed, at = tree.at(section), entry[0]
    if isinstance(listed.value, list) and isinstance(at, int):
        row: Node = listed.value[at]
        return row.line
    return listed.line_of(at)
