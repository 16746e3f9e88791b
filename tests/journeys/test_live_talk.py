"""From a flag to a counsellor's words on the phone and back."""

from __future__ import annotations

import json

import pytest

from tests.journeys.stack import Counsellor, Phone, Stack
from tests.journeys.texts import says

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("country", "words"), [("JO", "جوزي بيضربني كل يوم"), ("BH", "ريلي يضربني كل يوم وايد تعبت")], ids=["Levantine", "Gulf"]
)
def test_a_red_talk_reaches_a_counsellor_and_her_answer_reaches_the_phone(stack: Stack, country: str, words: str) -> None:
    counsellor = Counsellor(stack)
    known = {card["id"] for card in counsellor.queue()}
    phone = Phone(stack, country)
    for said in ("السلام عليكم", "1", "2", "1", words):
        assert phone.say(said)
    body = phone.say("1")
    assert says(body, "red_emergency", country)
    card = next(card for card in counsellor.queue() if card["id"] not in known)
    assert card["priority"] == "P0"
    assert words not in json.dumps(card, ensure_ascii=False)

    claimed = counsellor.claim(card["id"])
    (joined,) = phone.heard()
    assert says(joined, "counsellor_joined", country)
    with counsellor.console(card["id"], claimed["epoch"]) as console:
        assert phone.say("في حدا؟"), "until the counsellor writes the bot goes on"
        message = console.next("message")
        assert message["text"] == "في حدا؟"
        sent = counsellor.write(card["id"], "معك ريم من الفريق. خذي وقتك.", claimed["epoch"])
        assert sent.json()["state"] in ("sent", "queued")
        assert phone.heard() == ["معك ريم من الفريق. خذي وقتك."]
        assert phone.write("شكرا الك، بدي احكي عن اشي صار من زمان") == 200
        message = console.next("message")
        assert message["text"] == "شكرا الك، بدي احكي عن اشي صار من زمان"
        console.say(type="ack", handoff=card["id"], seq=message["seq"])
        assert phone.heard(wait=0.5) == [], "the bot spoke over the counsellor"

    other = Counsellor(stack)
    refused = other.http.post(f"/handoffs/{card['id']}/claim", json={})
    assert refused.status_code == 409
    closed = counsellor.http.post(
        f"/handoffs/{card['id']}/close", json={"epoch": claimed["epoch"], "outcome": "helped"}
    )
    assert closed.status_code == 200, closed.text
    (ended,) = phone.heard()
    assert says(ended, "talk_closed", country)
    late = counsellor.write(card["id"], "بعدك هون؟", claimed["epoch"])
    assert late.status_code == 409
    assert phone.heard(wait=0.7) == []
