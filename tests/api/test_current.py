"""Which release is spoken: the live one at the gate at once, in a talk the one it began with."""

from __future__ import annotations

from dataclasses import replace

from api.scripts.current import _KEPT, Releases
from api.scripts.release import Release
from safety.exit import is_exit
from tests.fixtures_line import shipped_release


def release(digest: str) -> Release:
    return replace(shipped_release(), digest=digest)


def test_a_talk_goes_on_under_the_release_it_began_with() -> None:
    releases = Releases(release("one"))
    releases.publish(release("two"))
    assert releases.live().digest == "two"
    assert releases.holds("one") and releases.get("one").digest == "one"


def test_the_oldest_are_let_go_and_never_the_live_one() -> None:
    releases = Releases(release("r0"))
    for number in range(1, 20):
        releases.publish(release(f"r{number}"))
    held = [number for number in range(20) if releases.holds(f"r{number}")]
    assert held == list(range(20 - _KEPT, 20))
    assert releases.live().digest == "r19"


def test_a_release_not_held_is_the_live_one() -> None:
    releases = Releases(release("one"))
    assert not releases.holds("gone") and releases.get("gone").digest == "one"
    assert releases.get("").digest == "one"


def test_going_back_to_an_older_release_makes_it_the_live_one() -> None:
    releases = Releases(release("one"))
    releases.publish(release("two"))
    releases.publish(release("one"))
    assert releases.live().digest == "one" and releases.get("").digest == "one"
    for number in range(_KEPT - 1):
        releases.publish(release(f"r{number}"))
    assert releases.holds("one") and not releases.holds("two")


def test_exit_phrases_are_those_of_the_live_release() -> None:
    releases = Releases(shipped_release())
    assert is_exit("خروج", releases.live().exits)
    assert releases.live().danger is shipped_release().danger


def test_the_engine_is_given_the_screening_and_nothing_else() -> None:
    assert set(Releases(shipped_release()).engine_part("")) == {"screening"}
