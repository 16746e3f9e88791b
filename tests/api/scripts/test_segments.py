"""SMS parts: the known borders, and the count against the plainest possible definition."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.scripts.segments import GSM, GSM_EXTENSION, Segments, count_segments, estimate_cost, utf16_units

BORDERS = [
    ("", "GSM-7", 0, 0),
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("a" * 306, "GSM-7", 306, 2),
    ("a" * 307, "GSM-7", 307, 3),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("@£\n[]{}", "GSM-7", 11, 1),
    ("ا" * 70, "UCS-2", 70, 1),
    ("ا" * 71, "UCS-2", 71, 2),
    ("ا" * 134, "UCS-2", 134, 2),
    ("ا" * 135, "UCS-2", 135, 3),
    ("😀" * 35, "UCS-2", 70, 1),
    ("😀" * 36, "UCS-2", 72, 2),
    ("a`", "UCS-2", 2, 1),  # the grave accent is not in GSM-7
]


@pytest.mark.parametrize(("body", "encoding", "units", "parts"), BORDERS)
def test_a_body_takes_the_parts_the_bill_will_show(body: str, encoding: str, units: int, parts: int) -> None:
    assert count_segments(body) == Segments(encoding, units, parts)  # type: ignore[arg-type]


def test_a_pair_that_would_straddle_two_parts_moves_to_the_next_whole() -> None:
    # 66 letters and a pair (68 units) do not fit 67: the pair opens the second part, and so the last letter a third.
    assert count_segments("ا" * 66 + "😀" + "ا" * 66).parts == 3
    assert count_segments("a" * 152 + "€" + "a" * 152).parts == 3


def _parts_by_definition(body: str) -> int:
    """Cut off the longest piece that still fits, again and again."""
    gsm = all(character in GSM for character in body)

    def size(text: str) -> int:
        if gsm:
            return sum(2 if character in GSM_EXTENSION else 1 for character in text)
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    if size(body) <= (160 if gsm else 70):
        return 1 if body else 0
    room, parts = (153 if gsm else 67), 0
    while body:
        length = max(n for n in range(1, len(body) + 1) if n <= room and size(body[:n]) <= room)
        body, parts = body[length:], parts + 1
    return parts


@given(st.text(st.sampled_from("aZ €[\n@ا😀"), max_size=400) | st.text(max_size=400))
def test_parts_are_those_of_the_plain_definition(body: str) -> None:
    assert count_segments(body).parts == _parts_by_definition(body)


@given(st.text())
def test_units_are_utf16_code_units(body: str) -> None:
    assert utf16_units(body) == len(body.encode("utf-16-le", "surrogatepass")) // 2


def test_the_cost_is_the_price_of_each_part() -> None:
    assert estimate_cost(count_segments("ا" * 71), Decimal("0.25")) == Decimal("0.50")
