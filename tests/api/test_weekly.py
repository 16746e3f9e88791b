"""Hours of the week by the clock on the wall: past midnight, past Saturday, and where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.weekly import ALWAYS, DAY, DAYS, NotATime, Span, covers, minute_of, overlap, span_of, spans_written, written

AMMAN, BERLIN, DUBAI = ZoneInfo("Asia/Amman"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Dubai")
SPANS = st.builds(Span, st.integers(0, 6), st.integers(0, DAY - 1), st.integers(0, DAY)).filter(lambda s: s.start != s.end)


def at(zone: ZoneInfo, text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize("zone", [AMMAN, BERLIN, DUBAI], ids=lambda zone: zone.key)
def test_a_night_shift_goes_on_after_midnight_and_into_the_next_week(zone: ZoneInfo) -> None:
    saturday = [Span(DAYS.index("sat"), 22 * 60, 6 * 60)]
    for moment, there in (
        ("2026-11-21T21:59:59", False), ("2026-11-21T22:00", True), ("2026-11-21T23:59:59", True), ("2026-11-22T00:00", True),
        ("2026-11-22T05:59:59", True), ("2026-11-22T06:00", False), ("2026-11-20T23:00", False), ("2026-11-22T23:00", False),
    ):
        assert covers(saturday, at(zone, moment), zone) is there, moment


def test_a_shift_is_meant_by_the_clock_of_its_desk() -> None:
    morning = [Span(DAYS.index("mon"), 8 * 60, 9 * 60)]
    moment = at(DUBAI, "2026-11-23T08:30")
    assert covers(morning, moment, DUBAI) and not covers(morning, moment, AMMAN), "half past seven in Amman"


def test_in_the_night_the_clocks_go_forward_the_shift_ends_as_the_wall_says() -> None:
    night = [Span(DAYS.index("sat"), 22 * 60, 6 * 60)]  # 29 March 2026, Berlin: 02:00 becomes 03:00
    assert covers(night, at(BERLIN, "2026-03-29T01:59"), BERLIN) and covers(night, at(BERLIN, "2026-03-29T03:00"), BERLIN)
    assert covers(night, at(BERLIN, "2026-03-29T05:59"), BERLIN) and not covers(night, at(BERLIN, "2026-03-29T06:00"), BERLIN)
    assert at(BERLIN, "2026-03-29T06:00") - at(BERLIN, "2026-03-28T22:00") == 7 * 3600


def test_in_the_night_the_clocks_go_back_the_hour_that_comes_twice_is_covered_twice() -> None:
    hour = [Span(DAYS.index("sun"), 2 * 60, 3 * 60)]  # 25 October 2026, Berlin: 03:00 becomes 02:00
    first = at(BERLIN, "2026-10-25T02:00")
    assert [covers(hour, first + minute * 60, BERLIN) for minute in (-1, 0, 59, 60, 119, 120)] == [
        False, True, True, True, True, False,
    ]


def test_day_and_night_has_no_hole_where_the_clocks_change() -> None:
    for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
        for minute in range(0, 3 * DAY, 7):
            assert covers(ALWAYS, (day + timedelta(minutes=minute)).timestamp(), BERLIN)


@given(one=SPANS, other=SPANS)
def test_two_spans_overlap_where_one_minute_is_in_both(one: Span, other: Span) -> None:
    def minutes(span: Span) -> set[int]:
        first = span.day * DAY + span.start
        return {minute % (7 * DAY) for minute in range(first, first + span.minutes)}

    assert overlap(one, other) is bool(minutes(one) & minutes(other)) is overlap(other, one)


def test_one_that_ends_as_the_other_begins_does_not_overlap() -> None:
    assert not overlap(Span(0, 480, 960), Span(0, 960, 1440))
    assert not overlap(Span(6, 1320, 0), Span(0, 0, 60)) and overlap(Span(6, 1320, 1), Span(0, 0, 60))


def test_times_are_written_as_people_write_them() -> None:
    assert [minute_of(text) for text in ("00:00", "8:05", "23:59", "24:00")] == [0, 485, 1439, 1440]
    assert [written(minute) for minute in (0, 485, 1440)] == ["00:00", "08:05", "24:00"]
    for wrong in ("", "24:01", "8", "08:60", "25:00", "-1:00", "08:00:00", "٠٨:٠٠x"):
        with pytest.raises(NotATime):
            minute_of(wrong)
    assert list(spans_written(2, "08:00-12:00, 20:00–02:00")) == [Span(2, 480, 720), Span(2, 1200, 120)]


@pytest.mark.parametrize("wrong", [(7, 0, 60), (-1, 0, 60), (0, 1440, 60), (0, -1, 60), (0, 60, 1441), (0, 60, 60)])
def test_no_span_without_length_or_outside_a_week(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        span_of(*wrong)
