"""The one place where a name becomes words: picks the wording for a person, fills the placeholders, cuts to size.

Nothing here raises at a person: what is missing becomes the fallback text and a code for the log. Templates are
compiled when a release is loaded, so that a rendering is a few dictionary look-ups.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from api.scripts.channels import channel_of
from api.scripts.numbers import UNKNOWN_COUNTRY, VARIANTS, Told, Variant, country_of, told_numbers
from api.scripts.segments import BODY_LIMIT, utf16_units
from api.scripts.texts import NUMBER_PLACEHOLDERS, PLACEHOLDER, PLACEHOLDERS, Form

if TYPE_CHECKING:
    from api.scripts.release import Release


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a text is rendered for.

    Attributes:
        variant: the wording they read (:func:`variant_for`).
        channel: ``whatsapp`` or ``sms``.
        country: the country of their number's prefix, or ``XX``. Carriers follow it, so channel rules do.
        place: where they say they are (a place code), or ``None``. Numbers and duties follow it.
        production: whether unverified numbers stay untold.
        today: the day against which verifications lapse.
    """

    variant: Variant
    channel: str
    country: str
    place: str | None
    production: bool
    today: date


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words, and codes for the log of what was missing on the way to them."""

    body: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A wording cut at its placeholders: literal, hole, literal, hole, … literal."""

    pieces: tuple[str, ...]
    holes: tuple[str, ...]

    @property
    def has_number(self) -> bool:
        return not NUMBER_PLACEHOLDERS.isdisjoint(self.holes)


Templates = Mapping[str, Mapping[Form, Mapping[Variant, Template]]]

FALLBACK_TEXT: Final = "fallback"
"""The text that stands in for a name the release lacks; below, what stands in for that one."""
_FALLBACK: Final[Mapping[Variant, str]] = {
    "lev": "وصلت رسالتك. 9 لشخص يكتب معك.",
    "gulf": "وصلت رسالتك. 9 لشخص يكتب معاك.",
    "msa": "وصلت رسالتك. الرقم 9 لشخص يكتب معك.",
    "en": "Your message arrived. 9 for a person.",
}


def compile_template(words: str) -> Template:
    """A wording ready to be filled. Braces around anything but a placeholder stay as they are."""
    pieces: list[str] = []
    holes: list[str] = []
    start = 0
    for match in PLACEHOLDER.finditer(words):
        if match[1] in PLACEHOLDERS:
            pieces.append(words[start : match.start()])
            holes.append(match[1])
            start = match.end()
    return Template((*pieces, words[start:]), tuple(holes))


def render(release: Release, name: str, values: Mapping[str, str], who: Audience) -> str:
    """The words of a text for a person. Never raises: see :func:`render_with_codes` for what was missing."""
    return render_with_codes(release, name, values, who).body


def render_with_codes(
    release: Release, name: str, values: Mapping[str, str], who: Audience, *, show_missing: bool = False
) -> Rendered:
    """The words of a text for a person, and codes (no content) for the log of anything that was missing.

    Args:
        show_missing: leave what nobody filled standing in its braces, for a counsellor to see before it is sent.
    """
    codes: list[str] = []
    template = _pick(release, name, who, codes)
    if template is None:
        codes.append("unknown_text")
        template = _pick(release, FALLBACK_TEXT, who, [])
        if template is None:
            return Rendered(_FALLBACK.get(who.variant, _FALLBACK["msa"]), tuple(codes))
    body = _fill(release, template, values, who, codes, show_missing)
    if not body:
        codes.append("empty_text")
        body = _FALLBACK.get(who.variant, _FALLBACK["msa"])
    return Rendered(body, tuple(codes))


def variant_for(dialect: str | None, language: str | None, country: str = UNKNOWN_COUNTRY) -> Variant:
    """The wording somebody reads best, from what the engine understood of how they write.

    The country decides nothing: half of those who live in these countries were born elsewhere, and a wrong dialect
    reads as a stranger's. While the dialect is not known, plain Arabic it is.
    """
    if dialect == "levantine":
        return "lev"
    if dialect == "gulf":
        return "gulf"
    return "en" if language == "en" and dialect is None else "msa"


def merge(bodies: list[str], limit: int = BODY_LIMIT) -> list[str]:
    """One message a turn: the bodies under one another; more than one only where the limit forces it.

    A cut falls between two bodies if it can (each begins with a line fit for a lock screen), else at the end of a
    paragraph, a sentence or a word, and never inside a character. Limits are UTF-16 code units.
    """
    messages: list[str] = []
    for body in bodies:
        for piece in _split(body.strip(), limit):
            if messages and utf16_units(messages[-1]) + 2 + utf16_units(piece) <= limit:
                messages[-1] = f"{messages[-1]}\n\n{piece}"
            else:
                messages.append(piece)
    return messages


def _pick(release: Release, name: str, who: Audience, codes: list[str]) -> Template | None:
    forms = release.templates.get(name)
    if forms is None:
        return None
    main = _of_variant(forms["main"], who.variant)
    channel = channel_of(release.channels, who.country, who.channel)
    if not channel.numbers_allowed_in_body:
        if "no_numbers" in forms:
            return _of_variant(forms["no_numbers"], who.variant)
        if main.has_number:
            codes.append("number_where_refused")
    if who.channel == "sms" and "sms" in forms:
        return _of_variant(forms["sms"], who.variant)
    return main


def _of_variant(wordings: Mapping[Variant, Template], variant: Variant) -> Template:
    return wordings[variant if variant in VARIANTS else "msa"]


def _fill(
    release: Release, template: Template, values: Mapping[str, str], who: Audience, codes: list[str], show_missing: bool = False
) -> str:
    if not template.holes:
        return template.pieces[0]
    told: Told | None = None
    if template.has_number:
        told = told_numbers(release.numbers, who.country, who.place, production=who.production, today=who.today)
    parts = [template.pieces[0]]
    for hole, literal in zip(template.holes, template.pieces[1:], strict=True):
        filling = _number(hole, told, who) if told is not None and hole in NUMBER_PLACEHOLDERS else None
        if filling is None:
            filling = _duty(release, who, codes) if hole == "duty" else _value(release, hole, values, who)
        if not filling:
            codes.append(f"no_{hole}")
            filling = f"{{{hole}}}" if show_missing else ""
        parts += (filling, literal)
    return "".join(parts).strip()


def _number(hole: str, told: Told, who: Audience) -> str:
    emergency = " / ".join(number.number for number in told.emergency)
    if hole == "emergency":
        return emergency
    if hole == "child_line":
        return told.child_line.number if told.child_line is not None else emergency
    variant = who.variant if who.variant in VARIANTS else "msa"
    return "\n".join(f"{number.label[variant]}: {number.number}" for number in told.all)


def _duty(release: Release, who: Audience, codes: list[str]) -> str:
    country = country_of(who.place) or who.country
    for code in (country, UNKNOWN_COUNTRY):
        template = _pick(release, f"duty_{code}", who, codes)
        if template is not None:
            # A duty has no placeholder of its own (checked), so this cannot call itself.
            return template.pieces[0]
    return ""


def _value(release: Release, hole: str, values: Mapping[str, str], who: Audience) -> str:
    if hole == "question" and "item" in values:
        try:
            variant = who.variant if who.variant in VARIANTS else "msa"
            return release.instruments.question(values["item"], variant, sms=who.channel == "sms")
        except KeyError:
            return ""  # the talk began under a release that had this question; the code no_question says so
    return values.get(hole, "")


# Where a body may be cut, best first: after a paragraph, a line, a sentence, a word.
_CUTS: Final = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"(?<=[.!?؟…۔])[\"'»”)\]]*\s+"),
    re.compile(r"\s+"),
)


def _split(body: str, limit: int) -> Iterator[str]:
    while utf16_units(body) > limit:
        window = body[: max(1, _characters_within(body, limit))]
        cut = _best_cut(window) or _between_characters(body, len(window))
        head = body[:cut].rstrip()
        if head:
            yield head
        body = body[cut:].lstrip()
    if body:
        yield body


def _best_cut(window: str) -> int:
    for pattern in _CUTS:
        ends = [match.end() for match in pattern.finditer(window)]
        # A cut in the first quarter would make a message of a few words: the next kind of cut is better then.
        good = [end for end in ends if end > len(window) // 4]
        if good:
            return good[-1]
    return 0


def _characters_within(text: str, limit: int) -> int:
    units = 0
    for position, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return position
    return len(text)


def _between_characters(text: str, position: int) -> int:
    """The nearest position at or before one that separates no mark or joiner from its letter."""
    here = position
    while 0 < here < len(text) and (_clings(text[here]) or text[here - 1] == "\u200d"):
        here -= 1
    return here or position


def _clings(character: str) -> bool:
    return character == "\u200d" or unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")
