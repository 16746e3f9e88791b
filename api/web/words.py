"""What the console says, in Arabic and English: codes in words, labels, and what to do about a problem.

A counsellor reads words, the database holds codes. They meet in two gettext catalogues,
``locale/{ar,en}/LC_MESSAGES/console.po``: a ``msgid`` is a code, a ``msgstr`` what is read. They are read once, as they
are, when the gateway starts; there is no compiled form that could be older than its source.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po

LANGUAGES = ("ar", "en")
LOCALE = Path(__file__).parent / "locale"

_MSGID = re.compile(r'^msgid "(.+)"$')
_LINE = re.compile(r'(?:#.*|(?:(?:msgid|msgid_plural|msgstr|msgstr\[\d\]) )?"(?:[^"\\]|\\["\\nt])*")?')
"""What a line may be: a comment, a quoted text with or without its keyword, or empty. babel forgives more, and guesses."""


class CatalogueError(Exception):
    """A catalogue cannot be used. The message is ``file:line: what is wrong``, for whoever changed the file last."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language.

    Attributes:
        words: for each code.
        counted: for each code that stands beside a number, its forms in gettext's order.
        form_of: the place of the form for a number.
    """

    words: Mapping[str, str]
    counted: Mapping[str, tuple[str, ...]]
    form_of: Callable[[int], int]


def read_catalogue(file: Path, language: str) -> Catalogue:
    """A catalogue as it lies there.

    Raises:
        CatalogueError: it is not there, not UTF-8 or not gettext's form; or a code is in it twice, has no words, is marked
            as fuzzy, or lacks a plural form.
    """
    text = _text_of(file)
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not _LINE.fullmatch(line):
            raise CatalogueError(f"{file}:{number}: neither a comment nor a quoted text")
        if (found := _MSGID.match(line)) is None:
            continue
        if found.group(1) in lines:
            raise CatalogueError(f"{file}:{number}: {found.group(1)} is there twice (first in line {lines[found.group(1)]})")
        lines[found.group(1)] = number
    try:
        messages = read_po(io.StringIO(text), locale=language, abort_invalid=True)
        form_of = c2py(messages.plural_expr)
        forms = messages.num_plurals
    except PoFileError as error:
        raise CatalogueError(f"{file}:{error.lineno + 1}: {str(error).removesuffix('.')}") from None
    except ValueError:
        at = next((number for number, line in enumerate(text.split("\n"), 1) if "Plural-Forms" in line), 1)
        raise CatalogueError(f"{file}:{at}: Plural-Forms is no rule") from None
    words, counted = {}, {}
    for message in messages:
        if not message.id:
            continue
        code = message.id if isinstance(message.id, str) else message.id[0]
        said = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        if message.fuzzy or not all(said) or not said:
            why = "is marked as fuzzy" if message.fuzzy else "has no words"
            raise CatalogueError(f"{file}:{lines.get(code, message.lineno or 1)}: {code} {why}")
        if not message.pluralizable:
            words[code] = said[0]
        elif len(said) == forms:
            counted[code] = said
        else:
            raise CatalogueError(f"{file}:{lines.get(code, 1)}: {code} has {len(said)} of {forms} plural forms")
    if missing := lines.keys() - words.keys() - counted.keys():
        first = min(missing, key=lambda code: lines[code])
        raise CatalogueError(f"{file}:{lines[first]}: {first} could not be read")
    return Catalogue(words, counted, form_of)


def _text_of(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{file}:1: {error.strerror}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CatalogueError(f"{file}:{line}: is not UTF-8") from None


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """Both catalogues, read once.

    Raises:
        CatalogueError: one of them cannot be used, or a code is in one of them only.
    """
    read = {language: read_catalogue(LOCALE / language / "LC_MESSAGES" / "console.po", language) for language in LANGUAGES}
    codes = {language: (one.words.keys(), one.counted.keys()) for language, one in read.items()}
    for kind in (0, 1):
        for language, other in (LANGUAGES, LANGUAGES[::-1]):
            if more := sorted(codes[language][kind] - codes[other][kind]):
                raise CatalogueError(f"{LOCALE / other / 'LC_MESSAGES' / 'console.po'}:1: lacks {', '.join(more)}")
    return read


class Words:
    """The catalogue in one language: ``words("queue")``; a code nobody has put into words is shown as it is."""

    __slots__ = ("_catalogue", "language")

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._catalogue = catalogues()[self.language]

    def __call__(self, code: str) -> str:
        """The words for a code."""
        return self._catalogue.words.get(code, code)

    def count(self, code: str, number: int) -> str:
        """The words for so many of something, in the form that the language has for this number."""
        forms = self._catalogue.counted.get(code)
        return f"{number} {code}" if forms is None else forms[self._catalogue.form_of(number)].replace("{n}", str(number))

    def forms(self, code: str) -> list[str]:
        """All forms of what is counted, in gettext's order, for a script that counts by itself (``console-words.js``)."""
        return list(self._catalogue.counted[code])

    @property
    def direction(self) -> str:
        """Which way the page reads."""
        return "rtl" if self.language == "ar" else "ltr"


def in_words(code: str) -> bool:
    """Whether a code is in the catalogues."""
    return code in catalogues()[LANGUAGES[0]].words
