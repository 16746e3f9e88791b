"""Hours of the week by the clock on the wall: when a desk is open, when somebody is on duty.

Wall-clock hours, not lengths of time: "22:00 to 06:00" is what people read on the wall, also in the night in which the
clocks change. Nothing here knows a weekend, a holiday or Ramadan; those are whoever sets the hours to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""In the order in which a week is shown here."""

DAY: Final = 24 * 60
_WEEK: Final = 7 * DAY
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00")


class NotATime(ValueError):
    """A time of day is written 08:30, or 24:00 for the end of a day."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From a minute of a day of the week until another, every week.

    Args:
        day: place in :data:`DAYS` on which it begins.
        start: minutes since midnight, 0 to 1439.
        end: minutes since midnight, 0 to 1440; not above ``start`` means the next day. Never the same as ``start``.
    """

    day: int
    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long by the clock on the wall."""
        return self.end - self.start if self.end > self.start else self.end - self.start + DAY

    @property
    def overnight(self) -> bool:
        """Whether it ends on the next day, after midnight."""
        return self.end <= self.start and self.end > 0

    def __str__(self) -> str:
        return f"{written(self.start)}–{written(self.end)}"


ALWAYS: Final = tuple(Span(day, 0, DAY) for day in range(7))
"""Day and night."""


def covers(spans: Iterable[Span], at: float, zone: ZoneInfo) -> bool:
    """Whether one of the spans holds the moment ``at`` (seconds since 1970) by the wall clock of ``zone``."""
    local = datetime.fromtimestamp(at, zone)
    minute = (local.isoweekday() % 7) * DAY + local.hour * 60 + local.minute
    return any((minute - span.day * DAY - span.start) % _WEEK < span.minutes for span in spans)


def overlap(one: Span, other: Span) -> bool:
    """Whether the two share a minute of the week; one that ends as the other begins does not."""
    gap = (other.day * DAY + other.start - one.day * DAY - one.start) % _WEEK
    return gap < one.minutes or _WEEK - gap < other.minutes


def minute_of(text: str) -> int:
    """``08:30`` as minutes since midnight; ``24:00`` is the end of the day.

    Raises:
        NotATime: it is not written like that.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise NotATime("a time of day is written 08:30")
    return DAY if found[1] is None else int(found[1]) * 60 + int(found[2])


def written(minute: int) -> str:
    """Minutes since midnight as ``08:30``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def span_of(day: int, start: int, end: int) -> Span:
    """A span of the week.

    Raises:
        ValueError: it has no length, or is not within a day and the night after it.
    """
    if not (0 <= day < 7 and 0 <= start < DAY and 0 <= end <= DAY):
        raise ValueError("a span begins within a day and ends at midnight of the next at the latest")
    if start == end:
        raise ValueError("begins and ends at the same minute; a whole day is 00:00 to 24:00")
    return Span(day, start, end)


def spans_written(day: int, text: str) -> Iterator[Span]:
    """The spans of one day as a person writes them: ``08:00-12:00, 20:00-02:00``.

    Raises:
        ValueError: one of them is not written like that, or has no length.
    """
    for part in text.split(","):
        ends = re.split(r"\s*[-–]\s*", part.strip())
        if len(ends) != 2:
            raise ValueError("hours are written 08:00-16:00, several with a comma between them")
        yield span_of(day, minute_of(ends[0]), minute_of(ends[1]))
