"""The time: the wall's, and in a demo a little ahead of it."""

from __future__ import annotations

import time

import pytest

from api.clock import Clock


def test_it_is_the_walls_time_until_it_is_moved() -> None:
    assert abs(Clock()() - time.time()) < 1


def test_moving_adds_up() -> None:
    clock = Clock()
    assert clock.move(60) == 60 and clock.move(0.5) == 60.5
    assert 60 < clock() - time.time() < 61


@pytest.mark.parametrize("seconds", [-1, -0.001, 30 * 86400 + 1, float("nan"), float("inf"), float("-inf")])
def test_it_goes_neither_back_nor_far(seconds: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="forward"):
        clock.move(seconds)
    assert abs(clock() - time.time()) < 1


def test_two_clocks_are_two() -> None:
    one, two = Clock(), Clock()
    one.move(1000)
    assert abs(two() - time.time()) < 1
