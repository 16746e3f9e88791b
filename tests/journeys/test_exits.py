"""safety.md, "The safety exit": in every state, at once, in silence; afterwards the number is a stranger's."""

from __future__ import annotations

import time

import pytest

from tests.journeys.stack import Counsellor, Phone, Stack
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

TO_A_QUESTION = ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم")
STAGES: dict[str, tuple[str, ...]] = {
    "before anything": (),
    "after the opening": TO_A_QUESTION[:1],
    "at the phone question": TO_A_QUESTION[:2],
    "at the consent": TO_A_QUESTION[:3],
    "at the menu": TO_A_QUESTION[:4],
    "in the middle of the questions": (*TO_A_QUESTION, "2", "2"),
    "with a RED ticket": (*TO_A_QUESTION, "1"),
    "after asking for a person": (*TO_A_QUESTION, "9"),
    "at the urgent question of the opening": ("بدي اموت",),
    "at the question whether the danger is now": (*TO_A_QUESTION[:4], "بدي اموت"),
    "after many messages": (*TO_A_QUESTION[:4], *("شكرا",) * 10),  # last: these still count when the next one comes
}
EXITS = ("0", "خروج", "exit", "وقـــف", "٠", "✖", "5roj", "stop", "x", "khalas etla3", "امسح")
ARRIVES_AT = {
    "at the urgent question of the opening": "urgent_check",
    "at the question whether the danger is now": "danger_check",
}


def test_an_exit_works_at_every_stage_and_leaves_a_stranger(stack: Stack) -> None:
    phones = {}
    for (stage, said), leave in zip(STAGES.items(), EXITS, strict=True):
        phone = phones[stage] = Phone(stack)
        body = ""
        for words in said:
            assert (body := phone.say(words)), stage
        assert says(body, ARRIVES_AT[stage]) if stage in ARRIVES_AT else True, f"these words do not lead there: {stage}"
        assert phone.write(leave) == 200
        assert phone.heard(wait=0.5) == [], f"an exit {stage} was answered"
        assert phone.say("مرحبا", wait=0.3) == "", f"a straggler {stage} lit up the phone"
    time.sleep(10.5)
    stranger = Phone(stack).say("مرحبا")
    assert says(stranger, "opening")
    known = [stage for stage, phone in phones.items() if phone.say("مرحبا") != stranger]
    assert known == [], "what is said after an exit shows that this number was here"


def test_an_exit_of_a_number_that_wrote_too_fast_leaves_a_stranger(stack: Stack) -> None:
    phone = Phone(stack)
    bodies = [phone.say("مرحبا", wait=0.3) for _ in range(18)]
    assert "" in bodies, "this many in so short a time are not all answered"
    assert phone.write("خروج") == 200
    assert phone.heard(wait=0.5) == []
    time.sleep(10.5)
    assert (phone.say("مرحبا") == Phone(stack).say("مرحبا")) is True, "the limit shows that this number was here"


def test_an_exit_wipes_the_other_channel_of_the_same_number(stack: Stack) -> None:
    whatsapp = Phone(stack)
    for words in TO_A_QUESTION[:4]:
        whatsapp.say(words)
    sms = Phone(stack, channel="sms", number=whatsapp.number)
    assert sms.write("exit") == 200
    time.sleep(10.5)
    assert says(whatsapp.say("1"), "opening")


def test_new_danger_within_the_ten_seconds_is_heard(stack: Stack) -> None:
    phone = Phone(stack)
    phone.say("مرحبا")
    phone.write("0")
    body = phone.say("الحقوني ماسك السكين وبيذبحني هلأ")
    assert "911" in body


def test_an_exit_during_a_live_talk_silences_the_counsellor(stack: Stack) -> None:
    phone, counsellor = Phone(stack), Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    for words in (*TO_A_QUESTION, "1"):
        phone.say(words)
    card = next(card for card in counsellor.queue() if card["id"] not in known)
    claimed = counsellor.claim(card["id"])
    sent = counsellor.write(card["id"], "معك سارة، أنا هون.", claimed["epoch"])
    assert sent.status_code == 200, sent.text
    assert any("سارة" in body for body in phone.heard())
    phone.write("خروج")
    after = counsellor.write(card["id"], "وينك؟", claimed["epoch"])
    assert after.status_code in (200, 409)
    if after.status_code == 200:
        assert after.json()["state"] == "refused"
    assert phone.heard(wait=1.0) == []
    left = next(c for c in counsellor.queue() if c["id"] == card["id"])
    assert left["left_chat"] is True
    time.sleep(10.5)
    stranger = Phone(stack).say("مرحبا")
    assert says(stranger, "opening")
    assert (phone.say("مرحبا") == stranger) is True, "the first words show that somebody talked here"
    late = counsellor.write(card["id"], "رجعت؟", claimed["epoch"])
    assert late.status_code == 409 or late.json()["state"] == "refused", "the new talk is not the old counsellor's"
    assert phone.heard(wait=1.0) == []
