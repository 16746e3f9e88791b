"""How a made-up person answers: pure rules over what their file says. No model, no chance, no clock.

A counsellor's message is looked at for the words of each ``when`` in the order of the file (a word of the message must begin
so, whatever small words Arabic writes together with it); the first that fits, and still has an answer left, gives it. Otherwise the next of the ordinary answers is given. Who has none left says nothing more. What is
written while they cannot talk is answered from ``not_now``, or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from api.scripts.conversations import Line, Practice
from safety import folding

EXIT_SIGN = "(^|[^\\p{L}\\p{N}])(0|٠|۰|x|X|✖)($|[^\\p{L}\\p{N}])"
"""As the console looks for it while somebody types (static/console-talk.js); a test holds the two together."""

_ASKS_FOR_EXIT = re.compile(r"(?:^|(?<=[\W_]))(?:0|٠|۰|x|X|✖)(?=$|[\W_])")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody is: answers given of the ordinary ones, of each branch and of ``not_now``, and lines written when left alone."""

    answers: int = 0
    branches: tuple[int, ...] = ()
    alone: int = 0
    not_now: int = 0


def hears(
    practice: Practice, progress: Progress, words: str, answers: tuple[Line, ...] | None = None, *, not_now: bool = False
) -> tuple[Progress, Line | None]:
    """What is answered to a counsellor's words, and how far the person is then.

    Args:
        answers: the ordinary answers in force, if not the file's first (somebody who has come back has others).
        not_now: whether they had said that they cannot talk when it was written.
    """
    if not_now:
        if progress.not_now < len(practice.not_now):
            return replace(progress, not_now=progress.not_now + 1), practice.not_now[progress.not_now]
        return progress, None
    said = _plain(words)
    given = progress.branches or (0,) * len(practice.when)
    for number, branch in enumerate(practice.when):
        if given[number] < len(branch.answers) and any(_begins(word, said) for word in branch.says):
            after = (*given[:number], given[number] + 1, *given[number + 1 :])
            return replace(progress, branches=after), branch.answers[given[number]]
    ordinary = practice.answers if answers is None else answers
    if progress.answers < len(ordinary):
        return replace(progress, answers=progress.answers + 1), ordinary[progress.answers]
    return progress, None


def _begins(word: str, said: str) -> bool:
    """Whether a word of what was said begins so. «و», «ف», «ب», «ل» and «ال» are written together with what follows."""
    return re.search(f" و?ف?[بلك]?(?:ال)?{re.escape(_plain(word)[1:])}", said) is not None


def _plain(words: str) -> str:
    """Folded words with one blank before each: what begins a word is found there and nowhere else."""
    return " " + " ".join(re.findall(r"\w+", folding.fold(words)))


def left_alone(practice: Practice, progress: Progress) -> tuple[Progress, Line | None]:
    """What is written next by somebody to whom nobody writes; its ``after`` says how long they wait for that."""
    if progress.alone < len(practice.left_alone):
        return replace(progress, alone=progress.alone + 1), practice.left_alone[progress.alone]
    return progress, None


def asks_for_exit(words: str) -> bool:
    """Whether a counsellor's words hold a bare 0 or x: whoever answers with it leaves (safety.md)."""
    return _ASKS_FOR_EXIT.search(words) is not None
