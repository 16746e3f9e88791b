from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.channels.twilio.parse import Unreadable, read_form
from api.channels.twilio.status import FAILED, FINAL, RANK, advance, parse_status

from .payloads import SM, STATUS_CASES


@pytest.mark.parametrize(("label", "raw", "status", "code", "final"), STATUS_CASES, ids=[case[0] for case in STATUS_CASES])
def test_a_real_callback_is_read_as_it_should_be(label: str, raw: str, status: str | None, code: int, final: bool) -> None:
    report = parse_status(read_form(raw.encode()))
    if status is None:
        assert report is None
        return
    assert report is not None
    assert (report.sid, report.status, report.code, report.final) == (SM, status, code, final)


def test_a_callback_without_a_sid_is_refused() -> None:
    with pytest.raises(Unreadable):
        parse_status([("MessageStatus", "sent")])


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered", "read"])))
def test_callbacks_in_any_order_end_at_the_furthest(order: tuple[str, ...]) -> None:
    known: str | None = None
    for reported in order:
        known = advance(known, reported)
    assert known == "read"


@pytest.mark.parametrize("failure", sorted(FAILED))
def test_a_failure_is_final_and_late_news_of_the_way_there_change_nothing(failure: str) -> None:
    for reported in RANK:
        assert advance(failure, reported) == failure
    for before in ("queued", "sending", "sent", None):
        assert advance(before, failure) == failure


@given(st.lists(st.sampled_from(sorted(RANK)), min_size=1, max_size=12))
def test_a_status_never_goes_backwards_and_never_leaves_a_final_state_but_for_read(reports: list[str]) -> None:
    known: str | None = None
    for reported in reports:
        after = advance(known, reported)
        if known is not None:
            assert RANK[after] >= RANK[known]
            if known in FINAL:
                assert after == known or (known, after) == ("delivered", "read")
        known = after


def test_an_unknown_status_changes_nothing_known() -> None:
    assert advance("sent", "huh") == "sent"
