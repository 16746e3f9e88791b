"""How many SMS parts a wording takes, and roughly what they cost.

Rule (twilio.md, "Channels"): a body of GSM-7 characters holds 160 units alone and 153 a part when concatenated;
one character outside that alphabet makes the whole body UCS-2, 70 alone and 67 a part. Units are septets in GSM-7
(an extension character takes two) and UTF-16 code units in UCS-2. No part ends in the middle of an escaped
character or of a surrogate pair: the phone would show a box.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

BODY_LIMIT = 1600
"""UTF-16 code units in one ``Body`` on either channel (twilio.md)."""

# 3GPP TS 23.038, 6.2.1: the default alphabet (the escape itself is no character) and its extension table.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
GSM = GSM_BASIC | GSM_EXTENSION

Encoding = Literal["GSM-7", "UCS-2"]

#                          alone, a part of several
_ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Segments:
    """What one SMS body takes: its encoding, its units, and the parts the bill will show."""

    encoding: Encoding
    units: int
    parts: int


def utf16_units(text: str) -> int:
    """Length as the provider counts it: UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def count_segments(body: str) -> Segments:
    """The encoding, units and parts of one SMS body; an empty body has no part."""
    encoding: Encoding = "GSM-7" if GSM.issuperset(body) else "UCS-2"
    sizes = _sizes(body, encoding)
    units = sum(sizes)
    alone, room = _ROOM[encoding]
    if units <= alone:
        return Segments(encoding, units, 1 if units else 0)
    return Segments(encoding, units, _pack(sizes, room))


def room_for(text: str, parts: int) -> int:
    """How many units of this text's encoding this many SMS parts hold."""
    alone, room = _ROOM["GSM-7" if GSM.issuperset(text) else "UCS-2"]
    return alone if parts <= 1 else parts * room


def estimate_cost(segments: Segments, price_per_part: Decimal) -> Decimal:
    """What the body costs at a price a part: an estimate, since the price in channels.yml is one."""
    return segments.parts * price_per_part


def _sizes(body: str, encoding: Encoding) -> list[int]:
    if encoding == "GSM-7":
        return [2 if character in GSM_EXTENSION else 1 for character in body]
    return [2 if character > "\uffff" else 1 for character in body]


def _pack(sizes: Iterable[int], room: int) -> int:
    parts, left = 1, room
    for size in sizes:
        if size > left:
            parts, left = parts + 1, room
        left -= size
    return parts
