"""The engine that runs has no network: read from the kernel, of every thread, not from what the program says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.stack import Stack

pytestmark = pytest.mark.stack

FILTERED = "2"  # proc(5): 0 none, 1 strict, 2 a filter


def of_every_thread(pid: int) -> dict[str, dict[str, str]]:
    """What the kernel says of each thread of a process: by thread, by name of the line."""
    return {
        thread.name: dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
        for thread in Path(f"/proc/{pid}/task").iterdir()
    }


def test_every_thread_of_the_running_engine_is_behind_the_filter_and_can_gain_no_rights(stack: Stack) -> None:
    threads = of_every_thread(stack.part("-m bot").pid)
    assert threads
    assert {thread["Seccomp"] for thread in threads.values()} == {FILTERED}
    assert {thread["NoNewPrivs"] for thread in threads.values()} == {"1"}


def test_the_filter_is_the_engines_own_and_not_that_of_the_container_around_it(stack: Stack) -> None:
    """A container may filter everything in it: then each part shows a filter, and the engine shows one more."""
    around = of_every_thread(stack.process.pid)[str(stack.process.pid)]
    for thread in of_every_thread(stack.part("-m bot").pid).values():
        if "Seccomp_filters" in thread:  # Linux 5.9 and later
            assert int(thread["Seccomp_filters"]) > int(around["Seccomp_filters"])
        else:
            assert around["Seccomp"] != FILTERED, "this kernel cannot tell whose filter it is"


def test_an_engine_that_was_killed_comes_back_behind_the_filter(stack: Stack) -> None:
    before = stack.part("-m bot").pid
    stack.kill("-m bot")
    stack.wait_ready()
    after = stack.part("-m bot").pid
    assert after != before
    assert {thread["Seccomp"] for thread in of_every_thread(after).values()} == {FILTERED}


def test_the_running_engine_has_no_tensorflow_in_it(stack: Stack) -> None:
    maps = Path(f"/proc/{stack.part('-m bot').pid}/maps").read_text()
    assert "site-packages/numpy" in maps and "tensorflow" not in maps
