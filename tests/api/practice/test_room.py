"""Who comes, and when: everybody once before anybody comes again, at the pace that was chosen, and never too many."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from api.conversations.sealing import Keyring
from api.practice.room import BUSY_AT_ONCE, MOST_AT_ONCE, NoSuchPerson, Room, RoomFull
from api.scripts.conversations import Conversation, Line, Practice, Step
from api.settings import Senders

BOTH = {"ar": "", "en": ""}


def somebody(code: str, country: str = "JO") -> Conversation:
    return Conversation(code, country, "whatsapp", (Step(Line(("هلا",))),), Practice(code, BOTH, BOTH, (Line(("هلا",)),)))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    ours = Senders(default="+15005550006")
    stage: Any = SimpleNamespace(keyring=Keyring((bytes(range(32)),)), whatsapp_from=ours, sms_from=ours)
    made = Room(stage, {f"p{n}": somebody(f"p{n}", ("JO", "QA", "BH", "AE")[n % 4]) for n in range(12)}, lambda: None, Random(7))  # type: ignore[arg-type,return-value]

    async def stays(visit: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(made, "_host", stays)
    return made


async def leave(room: Room) -> None:
    room._visits.clear()


async def test_everybody_comes_once_before_anybody_comes_again(room: Room) -> None:
    came = []
    for _ in range(12):
        room.start()
        came += room.here()
        await leave(room)
    assert sorted(came) == sorted(room.cast) and came != sorted(came)


async def test_no_two_have_one_number_and_all_are_of_their_country(room: Room) -> None:
    seen = {}
    for code in room.cast:
        room.start(code)
        (visit,) = room._visits.values()
        seen[visit.number] = visit.person
        await leave(room)
    assert len(seen) == len(set(seen.values())) == 12
    assert {number[:4] for number in seen} == {"+962", "+974", "+973", "+971"}


async def test_the_room_has_room_for_so_many_and_no_more(room: Room) -> None:
    for _ in range(MOST_AT_ONCE):
        room.start()
    with pytest.raises(RoomFull):
        room.start()
    with pytest.raises(NoSuchPerson):
        room.start("nobody")


async def test_nobody_comes_unasked_at_first(room: Room) -> None:
    room._let_come(0.0)
    assert room.here() == []


async def test_one_at_a_time_comes_when_the_last_has_gone_and_a_while_after(room: Room) -> None:
    room.set_pace("one", 1)
    room._let_come(100.0)
    room._let_come(101.0)
    assert len(room.here()) == 1
    await leave(room)
    room._let_come(102.0)
    assert room.here() == []
    room._let_come(110.0)
    assert len(room.here()) == 1


async def test_a_busy_night_fills_up_and_stays_within_bounds(room: Room) -> None:
    room.set_pace("busy", 4)
    most = 0
    for second in range(1000):
        room._let_come(100.0 + second)
        most = max(most, len(room.here()))
    assert most == BUSY_AT_ONCE
