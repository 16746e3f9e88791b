"""Conversations in ``scripts/tests/*.yml``: what somebody made up writes, what must come back, and how they answer a counsellor.

One file, two uses. A release's tests write the steps to the real engine and look at what is expected of each. A person with
a ``practice`` part can also be met by a new counsellor (``api/practice/``): the steps bring them into the queue by the same
path, then they answer from their list. Nobody in these files is real and no word in them was anybody's: every conversation
says so itself, and what looks like a telephone number or a link is refused. ``docs/made-up-people.md`` is for who writes them.

They are no part of the release (``load.py``): a change of them needs no signature, and a mistake in them stops no line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

from api.scripts import shape
from api.scripts.load import NOT_SAID, SUFFIXES
from api.scripts.parse import parse
from api.scripts.tree import Node, Problem
from api.settings import COUNTRIES
from safety import folding
from safety.exit import DEFAULT, ExitPhrases, is_exit

FOLDER: Final = NOT_SAID

LARGEST_FILE: Final = 200_000
"""Bytes of one file: it is not even read if it is larger."""
MOST_FILES: Final = 300
MOST_STEPS: Final = 60
MOST_LINES: Final = 60
"""Answers of one list."""
MOST_BRANCHES: Final = 20
MOST_AT_ONCE: Final = 5
LONGEST_TEXT: Final = 1_000
LONGEST_WAIT: Final = 900.0
"""Seconds somebody may be silent on their own accord."""
SOONEST_BACK: Final = 20.0
"""Seconds after an exit: what is written sooner is a straggler and met with silence (safety.md)."""

BANDS: Final = ("RED", "HIGH", "ELEVATED", "UNKNOWN", "NONE_DISCLOSED")
COMMANDS: Final = (
    "open_handoff", "withdraw_handoff", "forget", "not_now", "good_time", "make_safe_word", "set_language", "set_place",
)
DURESS: Final = "{duress}"
"""Stands for the two duress words that were agreed with this person in an earlier talk."""

Channel = Literal["whatsapp", "sms"]

_CODE: Final = re.compile(r"[a-z][a-z0-9-]{1,31}")
_NUMBER: Final = re.compile(r"(?:[0-9٠-٩۰-۹][ ().-]?){6,}")
_LINK: Final = re.compile(r"https?:|www\.|[\w.-]+@[\w-]+\.\w", re.IGNORECASE)
_BLANK: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody writes, several messages at once perhaps, so many seconds after what they answer.

    ``after`` is ``None`` where the file leaves it to the length of the words.
    """

    write: tuple[str, ...]
    after: float | None = None
    voice: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A line to the program, and what is expected of its answer; a part that is ``None`` or empty is not looked at."""

    line: Line
    said: tuple[str, ...] = ()
    not_said: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    band: str | None = None
    """Of the ticket in the queue; "" for none."""
    command: tuple[str, ...] = ()
    segments: int | None = None
    """SMS parts the answer takes at most."""
    silence: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """Answers that are given in order when the counsellor's message holds one of these words, before any others."""

    says: tuple[str, ...]
    """Folded, as the counsellor's words are before they are looked at."""
    answers: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """Somebody who left writes again from the same number."""

    after: float
    steps: tuple[Step, ...]
    answers: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Practice:
    """How a made-up person answers a counsellor: the part of a conversation the release's tests do not read.

    Attributes:
        title, lesson: ``ar`` and ``en``: who comes, and what there is to learn; shown to the learner before and after.
        window_minutes: how long the reply window is still open when they have reached the queue; ``None``: a whole day.
        not_now: answered, in order, to what is written while they cannot talk; it need not be they who answers.
        duress_words: whether duress words were agreed with them in an earlier talk.
        left_alone: written in order, each when the counsellor has written nothing for so long.
    """

    code: str
    title: Mapping[str, str]
    lesson: Mapping[str, str]
    answers: tuple[Line, ...]
    when: tuple[Branch, ...] = ()
    left_alone: tuple[Line, ...] = ()
    not_now: tuple[Line, ...] = ()
    window_minutes: float | None = None
    duress_words: bool = False
    comes_back: Return | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One made-up person's talk."""

    name: str
    country: str
    channel: Channel
    steps: tuple[Step, ...]
    practice: Practice | None = None
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Against:
    """What of the release the files are held against; an empty part is not looked at."""

    texts: Collection[str] = ()
    items: Collection[str] = ()
    exits: ExitPhrases = field(default=DEFAULT)


def read_conversations(directory: Path, against: Against | None = None) -> tuple[tuple[Conversation, ...], list[Problem]]:
    """Every conversation of a scripts folder, and every problem with file and line. No folder ``tests`` is no problem."""
    found: list[Conversation] = []
    problems: list[Problem] = []
    for name, data in _files(directory / FOLDER, problems):
        tree, wrong = parse(data, f"{FOLDER}/{name}")
        problems += wrong
        if tree is None:
            continue
        if not isinstance(tree.value, list):
            problems.append(tree.problem("kind", "must be a list of conversations, each beginning with - name:"))
            continue
        for node in tree.value:
            read = _Reader(against or Against(), problems).conversation(node)
            if read is not None:
                found.append(read)
    problems += _twice(found)
    return tuple(found), sorted(problems)


def _files(folder: Path, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if len(paths) > MOST_FILES:
        problems.append(Problem(FOLDER, 1, "too-many", f"holds more than {MOST_FILES} files"))
    for path in paths[:MOST_FILES]:
        name = path.relative_to(folder).as_posix()
        place = f"{FOLDER}/{name}"
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            problems.append(Problem(place, 1, "link", "is a link to another place; put the file itself here"))
            continue
        try:
            if path.stat().st_size > LARGEST_FILE:
                problems.append(Problem(place, 1, "too-large", f"is over {LARGEST_FILE:,} bytes; split it"))
                continue
            yield name, path.read_bytes()
        except OSError as error:
            problems.append(Problem(place, 1, "unreadable", f"cannot be read: {error.strerror or 'input error'}"))


def _twice(found: Collection[Conversation]) -> Iterator[Problem]:
    first: dict[tuple[str, str], Conversation] = {}
    for one in found:
        named = [("name", one.name), *([("code", one.practice.code)] if one.practice else [])]
        for kind, value in named:
            before = first.setdefault((kind, value), one)
            if before is not one:
                says = f"the {kind} {value} is taken: {before.file}, line {before.line}"
                yield Problem(one.file, one.line, "twice", says)


# -- reading one ---------------------------------------------------------------------------------------------------


def _seconds(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_WAIT
    return float(value) if fits else None


def _band(value: Any) -> str | None:
    return value if isinstance(value, str) and (value == "" or value in BANDS) else None


def _parts(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10 else None


_AFTER: Final = shape.Field(_seconds, f"seconds from 0 to {LONGEST_WAIT:g}", False, None)
_LINE: Final[Mapping[str, shape.Field]] = {
    "write": shape.anything(required=False), "voice": shape.flag(required=False), "after": _AFTER,
}
_STEP: Final[Mapping[str, shape.Field]] = {
    **_LINE,
    "said": shape.texts(required=False), "not_said": shape.texts(required=False),
    "words": shape.texts(required=False), "never": shape.texts(required=False),
    "band": shape.Field(_band, 'a band, or "" for nobody in the queue', False, None),
    "command": shape.texts(required=False),
    "segments": shape.Field(_parts, "a whole number from 1 to 10", False, None),
    "silence": shape.flag(required=False),
}
_CONVERSATION: Final[Mapping[str, shape.Field]] = {
    "name": shape.text(), "made_up": shape.flag(), "country": shape.one_of(*COUNTRIES),
    "channel": shape.Field(
        lambda value: value if value in ("whatsapp", "sms") else None, "whatsapp or sms", False, "whatsapp"
    ),
    "steps": shape.anything(), "practice": shape.anything(required=False),
}
_PRACTICE: Final[Mapping[str, shape.Field]] = {
    "code": shape.Field(
        lambda value: value if isinstance(value, str) and _CODE.fullmatch(value) else None,
        "small letters, digits and hyphens",
    ),
    "title": shape.anything(), "lesson": shape.anything(), "answers": shape.anything(),
    "when": shape.anything(required=False), "left_alone": shape.anything(required=False),
    "not_now": shape.anything(required=False),
    "window_minutes": shape.Field(
        lambda value: float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 1440 else None,
        "minutes from 1 to 1440", False, None,
    ),
    "duress_words": shape.flag(required=False), "comes_back": shape.anything(required=False),
}
_RETURN: Final[Mapping[str, shape.Field]] = {
    "after": shape.Field(_seconds, f"seconds up to {LONGEST_WAIT:g}"), "steps": shape.anything(), "answers": shape.anything(),
}
_BRANCH: Final[Mapping[str, shape.Field]] = {"says": shape.texts(), "answers": shape.anything()}
_BOTH: Final[Mapping[str, shape.Field]] = {"ar": shape.text(), "en": shape.text()}


class _Reader:
    """Reads one conversation; whatever is wrong becomes a problem and the conversation ``None``."""

    def __init__(self, against: Against, problems: list[Problem]) -> None:
        self._against, self._problems = against, problems
        self._good = True
        self._duress = False

    def conversation(self, node: Node) -> Conversation | None:
        values = self._fields(node, _CONVERSATION, "a conversation")
        if values is None:
            return None
        if not values["made_up"]:
            self._wrong(node.at("made_up"), "made-up", "only what somebody made up may stand here: made_up: true says so")
        practice = self._practice(node.at("practice")) if values["practice"] is not None else None
        steps = self._steps(node.at("steps"))
        if practice is not None and not any(step.band for step in steps):
            self._wrong(node.at("steps"), "no-band", "no step says which band they reach the queue with (band: HIGH)")
        if not self._good:
            return None
        return Conversation(
            values["name"], values["country"], cast(Channel, values["channel"]), steps, practice, node.file, node.line
        )

    def _practice(self, node: Node) -> Practice | None:
        values = self._fields(node, _PRACTICE, "practice")
        if values is None:
            return None
        self._duress = values["duress_words"]
        title, lesson = self._both(node.at("title")), self._both(node.at("lesson"))
        answers = self._lines(node.at("answers"), "answers", MOST_LINES)
        back = self._return(node.at("comes_back")) if values["comes_back"] is not None else None
        self._last_word(node.at("answers"), answers)
        read = Practice(
            values["code"], title, lesson, answers,
            when=self._branches(node.at("when")) if values["when"] is not None else (),
            left_alone=self._lines(node.at("left_alone"), "left_alone", MOST_LINES) if values["left_alone"] is not None else (),
            not_now=self._lines(node.at("not_now"), "not_now", MOST_LINES) if values["not_now"] is not None else (),
            window_minutes=values["window_minutes"], duress_words=values["duress_words"], comes_back=back,
        )
        leaves = any(self._leaves(line) for line in (*answers, *(a for b in read.when for a in b.answers), *read.left_alone))
        if back is not None and not leaves:
            self._wrong(node.at("comes_back"), "never-left", "they come back without ever leaving: no answer is an exit")
        return read

    def _return(self, node: Node) -> Return:
        values = self._fields(node, _RETURN, "comes_back")
        if values is None:
            return Return(SOONEST_BACK, (), ())
        if values["after"] < SOONEST_BACK:
            self._wrong(node.at("after"), "too-soon", f"who writes within {SOONEST_BACK:g} seconds of an exit is met with silence")
        answers = self._lines(node.at("answers"), "answers", MOST_LINES)
        self._last_word(node.at("answers"), answers)
        return Return(values["after"], self._steps(node.at("steps")), answers)

    def _branches(self, node: Node) -> tuple[Branch, ...]:
        found: list[Branch] = []
        for row in self._rows(node, "when", MOST_BRANCHES):
            values = self._fields(row, _BRANCH, "when")
            if values is None:
                continue
            says = tuple(folding.fold(word).strip() for word in values["says"])
            if not says or not all(re.search(r"\w", word) for word in says) or len(says) > MOST_BRANCHES:
                self._wrong(row.at("says"), "says", f"must be 1 to {MOST_BRANCHES} words or parts of sentences")
            found.append(Branch(says, self._lines(row.at("answers"), "answers", MOST_LINES)))
        return tuple(found)

    def _steps(self, node: Node) -> tuple[Step, ...]:
        found: list[Step] = []
        for row in self._rows(node, "steps", MOST_STEPS):
            values = self._fields(row, _STEP, "a step")
            if values is None:
                continue
            for name in ("said", "not_said"):
                for text in values[name]:
                    self._known_text(row.at(name), text)
            for command in values["command"]:
                if command not in COMMANDS:
                    self._wrong(row.at("command"), "command", f"there is no command {command}{shape.did_you_mean(command, COMMANDS)}")
            if values["silence"] and (values["said"] or values["words"]):
                self._wrong(row, "silence", "expects silence and words at once")
            line = self._line(row, values)
            expected = {name: values[name] for name in ("said", "not_said", "words", "never", "band", "command", "segments", "silence")}
            found.append(Step(line, **expected))
        return tuple(found)

    def _lines(self, node: Node, what: str, most: int) -> tuple[Line, ...]:
        found: list[Line] = []
        for row in self._rows(node, what, most):
            values = self._fields(row, _LINE, f"a line of {what}")
            if values is not None:
                found.append(self._line(row, values))
        return tuple(found)

    def _line(self, row: Node, values: Mapping[str, Any]) -> Line:
        written = row.at("write") if values["write"] is not None else None
        nodes: list[Node] = []
        if written is not None:
            nodes = written.value if isinstance(written.value, list) else [written]
        if not nodes and not values["voice"]:
            self._wrong(row, "nothing-written", "says nothing: it needs write:, or voice: true")
        if len(nodes) > MOST_AT_ONCE:
            self._wrong(row, "too-many", f"writes more than {MOST_AT_ONCE} messages at once")
        return Line(tuple(self._words(node) for node in nodes), values["after"], values["voice"])

    def _words(self, node: Node) -> str:
        words = str(node.value) if isinstance(node.value, str | int) and not isinstance(node.value, bool) else ""
        if not words.strip():
            self._wrong(node, "kind", "what is written must be text (in quotes if in doubt)")
        if len(words) > LONGEST_TEXT:
            self._wrong(node, "too-long", f"is longer than {LONGEST_TEXT:,} characters")
        if _NUMBER.search(words) or _LINK.search(words):
            self._wrong(node, "contact", "holds what looks like a telephone number or a link: made-up people give none")
        for blank in _BLANK.findall(words):
            if blank != DURESS or not self._duress:
                self._wrong(node, "blank", f"{blank} stands for nothing here ({DURESS} does, with duress_words: true)")
        return words

    def _last_word(self, node: Node, lines: tuple[Line, ...]) -> None:
        """Nothing is said after an exit: a line below one would never be heard."""
        for number, line in enumerate(lines[:-1]):
            if self._leaves(line):
                self._wrong(node.at(number), "left-already", "is an exit: the answers below it are never given")

    def _leaves(self, line: Line) -> bool:
        return any(words == DURESS or is_exit(words, self._against.exits) for words in line.write)

    def _known_text(self, node: Node, name: str) -> None:
        kind, _, item = name.partition(":")
        if kind == "question" and item:
            if self._against.items and item not in self._against.items:
                self._wrong(node, "unknown-text", f"there is no question {item}")
        elif self._against.texts and name not in self._against.texts:
            self._wrong(node, "unknown-text", f"there is no text {name}{shape.did_you_mean(name, self._against.texts)}")

    def _both(self, node: Node) -> Mapping[str, str]:
        return self._fields(node, _BOTH, "a text for the learner") or {"ar": "", "en": ""}

    def _rows(self, node: Node, what: str, most: int) -> list[Node]:
        if not isinstance(node.value, list) or not node.value:
            self._wrong(node, "kind", f"{what} must be a list with something in it")
            return []
        if len(node.value) > most:
            self._wrong(node, "too-many", f"{what} holds more than {most} entries")
        return node.value[:most]

    def _fields(self, node: Node, fields: Mapping[str, shape.Field], what: str) -> dict[str, Any] | None:
        before = len(self._problems)
        values = shape.read_fields(node, fields, what, self._problems)
        self._good = self._good and len(self._problems) == before
        return values

    def _wrong(self, node: Node, rule: str, message: str) -> None:
        self._good = False
        self._problems.append(node.problem(rule, message))


def pause_before(line: Line) -> float:
    """Seconds until a line is written: as the file says, else as long as its words take to type on a phone."""
    if line.after is not None:
        return line.after
    letters = sum(len(words) for words in line.write)
    return min(25.0, 3.0 + letters / 10)
