"""Issue 2, "Bad input", over HTTP against the running product: each has a clear outcome and leaves nothing behind
but the duplicate mark and what the erasure ledger needs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import pytest

from tests.journeys.door import EMPTY, MESSAGE, STATUS, Door, Params, Watched, new_number, new_sid, watched
from tests.journeys.stack import Phone
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

LIMIT = 64 * 1024
TALK = {"m", "rate", "wa:k", "wa:s"}
"""What an open WhatsApp talk keeps in Redis: the message's mark, its count, the sealed key and the sealed state."""
DANGER = "الحقوني ماسك السكين وبيذبحني هلأ"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("door")) as running:
        yield running


@pytest.fixture
def door(line: Watched) -> Door:
    return line.door


def whatsapp() -> str:
    return f"whatsapp:{new_number()}"


def phone_of(line: Watched, sender: str) -> Phone:
    bare = sender.removeprefix("whatsapp:")
    return Phone(line.stack, channel="whatsapp" if bare != sender else "sms", number=bare)


# -- what is refused at the door and leaves nothing at all ---------------------------------------------------------


def test_a_forged_or_missing_signature_is_refused_and_leaves_nothing(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form, phone = door.form("مرحبا", sender), phone_of(line, sender)
    good, body = door.sign(form), urlencode(form).encode()
    altered = urlencode({**form, "Body": DANGER}).encode()
    forged = Door(door.base, door.public, door.account, "another token")
    forged_before = line.stack.metric("hams_forged_total")

    def knock() -> None:
        for answer in (
            door.raw(body),
            door.raw(body, **{"X-Twilio-Signature": ""}),
            door.raw(body, **{"X-Twilio-Signature": "0" * 28}),
            door.raw(body, **{"X-Twilio-Signature": good[:-2] + ("E=" if good.endswith("A=") else "A=")}),
            door.raw(body, **{"X-Twilio-Signature": good.lower()}),
            door.raw(altered, **{"X-Twilio-Signature": good}),
            door.raw(body + b"&Extra=1", **{"X-Twilio-Signature": good}),
            door.raw(body, MESSAGE + "?a=1", **{"X-Twilio-Signature": good}),
            door.raw(body, STATUS, **{"X-Twilio-Signature": good}),
            forged.post(form),
            # nobody's word about host or scheme counts but the operator's
            door.raw(body, **{
                "X-Twilio-Signature": Door(door.base, "https://evil.example", "", door.token).sign(form),
                "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
            }),
        ):
            assert (answer.status_code, answer.content) == (403, b"")

    assert line.left_by(knock).nothing
    assert phone.heard(wait=0.2) == []
    assert line.stack.metric("hams_forged_total") == forged_before + 11
    assert door.post(form).status_code == 200, "the same form, well signed, is a message"


def test_a_body_over_64_kib_is_refused_however_it_comes_and_leaves_nothing(line: Watched, door: Door) -> None:
    form = door.form("", whatsapp())
    filler = LIMIT - len(urlencode(form))
    exact, over = {**form, "Body": "x" * filler}, {**form, "Body": "x" * (filler + 1)}
    assert (len(urlencode(exact)), len(urlencode(over))) == (LIMIT, LIMIT + 1)
    many = itertools.repeat(b"a=1&" * 1024, 400)

    def knock() -> None:
        assert door.post(over).status_code == 413
        assert door.raw(b"x" * 5_000_000).status_code == 413
        assert chunked(door, many) == 413

    assert line.left_by(knock).nothing
    assert door.post(exact).status_code == 200


def chunked(door: Door, parts: Iterator[bytes]) -> int:
    """A body without a declared length, given up when the other side does not want more of it."""
    try:
        return door.raw(parts).status_code
    except httpx.WriteError:  # refused and closed while we were still talking
        return 413


@pytest.mark.parametrize("body", [
    b"Body=\xff\xfe&From=x", b"Body=%FF%FE", b"Body=%ED%A0%80", b"\x00\x01\x02", b"Body=%C3", "Body=مرحبا".encode("utf-16"),
    b"&" * 30_000, b"a=1&" * 3_000, b"{\"Body\": \"x\"}", b"",
], ids=range(10))  # fmt: skip
def test_invalid_utf_8_and_what_is_no_form_is_refused(line: Watched, door: Door, body: bytes) -> None:
    given = {"X-Twilio-Signature": door.sign({"Body": body.decode("utf-8", "replace")})}
    traces = line.left_by(lambda: [statuses(door.raw(body, path, **given)) for path in (MESSAGE, STATUS)])
    assert traces.nothing


def statuses(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.content) == (403, b"")


def test_other_methods_and_other_kinds_of_body_are_refused(line: Watched, door: Door) -> None:
    form = door.form("مرحبا", whatsapp())
    signature = {"X-Twilio-Signature": door.sign(form)}

    def knock() -> None:
        assert httpx.get(door.base + MESSAGE, params=form, headers=signature).status_code in (404, 405)
        assert httpx.put(door.base + MESSAGE, data=form, headers=signature).status_code in (404, 405)
        assert httpx.post(door.base + MESSAGE, json=form, headers=signature).status_code == 403
        files = {name: (None, value) for name, value in form.items()}
        assert httpx.post(door.base + MESSAGE, files=files, headers=signature).status_code == 403

    assert line.left_by(knock).nothing


# -- genuine, and no message for us: 200, nothing said, only the sid to be erased ----------------------------------


@pytest.mark.parametrize(("changes", "noted"), [
    ({"From": ""}, True), ({"From": "whatsapp:"}, True), ({"From": "   "}, True), ({"From": "messenger:123"}, True),
    ({"From": "whatsapp:+962\u202e790"}, True), ({"From": "+96279\x00000"}, True), ({"From": "x" * 300}, True),
    ({"To": ""}, True), ({"To": "x" * 300}, True), ({"To": "\x00+1500"}, True),
    ({"MessageSid": "", "SmsSid": "", "SmsMessageSid": ""}, False),
    ({"MessageSid": "SM' OR 1=1 --", "SmsSid": "", "SmsMessageSid": ""}, False),
], ids=range(12))  # fmt: skip
def test_a_genuine_form_that_is_no_message_leaves_its_sid_to_be_erased(
    line: Watched, door: Door, changes: Params, noted: bool
) -> None:
    form = {**door.form(DANGER, whatsapp()), **changes}

    def knock() -> None:
        answer = door.post(form)
        assert (answer.status_code, answer.text) == (200, EMPTY)
        assert answer.headers["content-type"].startswith("text/xml")

    traces = line.left_by(knock)
    assert traces.keys == frozenset() and traces.lines == () and traces.other_rows == set()
    assert traces.ledger == ({form["MessageSid"]} if noted else set())


def test_no_parameters_at_all_but_a_good_signature_is_taken_and_forgotten(line: Watched, door: Door) -> None:
    traces = line.left_by(lambda: door.post({}).raise_for_status())
    assert traces.nothing


def test_a_number_without_a_from_is_told_nothing(line: Watched, door: Door) -> None:
    assert line.outcome(lambda: door.post(door.form("مرحبا", ""))) == {"unreadable": 1}


# -- odd, and answered all the same --------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [
    "م" * 1600, "a" * 1600, "😭" * 800, "1" * 1600, " " * 1600, "", "\u200b" * 40, "\x00\x01\x07\x1b[2J\r\n\t", "\u202e\u2066مرحبا\u2069\u202c",
    "\ufeff", "\ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "{{7*7}} ${jndi:ldap://x} <script>alert(1)</script> %s %n '; DROP TABLE tickets;--",
    "/restart", " \u00a0/ /restart", "/request_human{\"slot\": 1}", "/session_start", "EXTERNAL: hello", "\u0300" * 800, "ﷺ" * 400, "\U000e0041" * 100,
], ids=range(20))  # fmt: skip
def test_a_message_of_odd_letters_is_answered_once_and_leaves_only_a_sealed_talk(
    line: Watched, door: Door, words: str
) -> None:
    sender = whatsapp()
    phone, form = phone_of(line, sender), door.form(words, sender)
    traces = line.left_by(lambda: door.post(form).raise_for_status())
    (said,) = phone.heard()
    assert says(said, "opening")
    assert traces.kinds == TALK
    assert traces.other_rows == set() and traces.lines == ()
    assert form["MessageSid"] in traces.ledger and len(traces.ledger) <= 2, "what was delivered may be erased already"
    assert all(0 < line.redis.pttl(key) <= 24 * 3600 * 1000 for key in traces.keys)
    phone.write("1")  # and the talk it opened is not broken by it
    assert says("\n".join(phone.heard()), "phone_check")


def test_in_the_middle_of_a_talk_odd_letters_are_answered_within_the_providers_time(line: Watched, door: Door) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    for words in ("مرحبا", "1", "2", "1"):
        phone.say(words)
    for words in ("م" * 1600, "😭" * 800, "", "\u202e\x00\x07", "/restart", "ا ب " * 400, "\u0300" * 800):
        began = time.monotonic()
        traces = line.left_by(lambda words=words: door.post(door.form(words, sender)).raise_for_status())
        assert time.monotonic() - began < 10
        assert len(phone.heard()) == 1
        assert traces.lines == () and traces.other_rows == set()
    assert phone.say("شكرا")


def test_an_exit_wrapped_in_controls_and_bidi_signs_is_an_exit(line: Watched, door: Door) -> None:
    for words in ("\u202e0\u202c", "\u200f\u200b0\x00", "\u2067خ\u200dروج\u2069", " \r\n0 \t"):
        sender = whatsapp()
        phone = phone_of(line, sender)
        phone.say("مرحبا")
        assert line.outcome(lambda words=words, sender=sender: door.post(door.form(words, sender))) == {"exit": 1}
        assert phone.heard(wait=0.3) == []


def test_an_exit_of_a_stranger_leaves_only_the_tombstone_and_what_is_to_be_erased(line: Watched, door: Door) -> None:
    form = door.form("0", whatsapp())
    traces = line.left_by(lambda: door.post(form).raise_for_status())
    assert traces.kinds == {"m", "gen", "quiet"}
    assert traces.ledger <= {form["MessageSid"]} and traces.other_rows == set() and traces.lines == ()
    assert all(line.redis.pttl(key) > 0 for key in traces.keys)


def test_forty_media_are_never_fetched_and_all_noted_for_erasure(line: Watched, door: Door) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    for words in ("مرحبا", "1", "2", "1"):
        phone.say(words)
    sids = [new_sid("ME") for _ in range(40)]
    form = door.form("", sender, MessageSid=new_sid("MM"), NumMedia="40")
    for index, sid in enumerate(sids):
        url = f"https://api.twilio.com/2010-04-01/Accounts/{door.account}/Messages/{form['MessageSid']}/Media/{sid}"
        form |= {f"MediaUrl{index}": url, f"MediaContentType{index}": "audio/ogg" if index == 7 else "image/jpeg"}
    traces = line.left_by(lambda: door.post(form).raise_for_status())
    (said,) = phone.heard()
    assert says(said, "media_voice")
    assert traces.ledger >= {form["MessageSid"], *sids} and len(traces.ledger) <= 42
    assert traces.kinds <= TALK and traces.other_rows == set() and traces.lines == ()


@pytest.mark.parametrize("count", ["-1", "99999999999999999999", "٤٠", "x", ""])
def test_a_count_of_media_that_is_none_breaks_nothing(line: Watched, door: Door, count: str) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    door.post(door.form("مرحبا", sender, NumMedia=count, MediaUrl0="javascript:alert(1)")).raise_for_status()
    (said,) = phone.heard()
    assert says(said, "opening")


def test_a_location_is_answered_and_not_kept(line: Watched, door: Door) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    for words in ("مرحبا", "1", "2", "1"):
        phone.say(words)
    place = {"Latitude": "31.95391234", "Longitude": "35.91061234", "Address": "Rainbow Street", "Label": "Home"}
    form = door.form("", sender, MessageType="location", **place)
    traces = line.left_by(lambda: door.post(form).raise_for_status())
    (said,) = phone.heard()
    assert says(said, "location_received")
    assert "31.95391234" not in repr(traces) and "Rainbow" not in repr(traces)


def test_unknown_fields_change_nothing(line: Watched, door: Door) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    more = {f"FutureField{number}": "قيمة" for number in range(300)} | {"ProfileName": "ن" * 500, "": "no name", "Body2": "0"}
    assert line.outcome(lambda: door.post(door.form("مرحبا", sender, **more))) == {"answered": 1}
    (said,) = phone.heard()
    assert says(said, "opening")


def test_a_country_we_do_not_serve_is_answered_with_what_holds_everywhere(line: Watched, door: Door) -> None:
    for number in ("+447700900123", "+12025550143", "+96590000000"):
        sender = f"whatsapp:{number}"
        phone = phone_of(line, sender)
        traces = line.left_by(lambda sender=sender: door.post(door.form("مرحبا", sender)).raise_for_status())
        assert traces.kinds == TALK and traces.lines == () and traces.other_rows == set()
        assert says("\n".join(phone.heard()), "opening", "XX")
        assert "112" in phone.say(DANGER)


def test_a_sender_the_provider_does_not_send_to_is_one_line_without_a_word_about_whom(line: Watched, door: Door) -> None:
    form = door.form("مرحبا", "72345")
    traces = line.left_by(lambda: door.post(form).raise_for_status())
    (said,) = traces.lines
    assert '"provider_refused"' in said and '"21211"' in said and "72345" not in said
    assert traces.other_rows == set() and "72345" not in repr(traces)


def test_a_business_scoped_sender_without_a_number_is_a_person_like_any_other(line: Watched, door: Door) -> None:
    scoped = f"JO.{new_sid('')[:20]}"
    sender = f"whatsapp:{scoped}"
    phone = phone_of(line, sender)
    traces = line.left_by(lambda: door.post(door.form("مرحبا", sender, ExternalUserId=sender)).raise_for_status())
    (said,) = phone.heard()
    assert says(said, "opening")
    assert traces.kinds == TALK and traces.lines == ()
    assert scoped not in repr(traces)
    door.post(door.form(DANGER, sender)).raise_for_status()
    assert "911" in "\n".join(phone.heard()), "its country is in the id"
    door.post(door.form("0", sender)).raise_for_status()
    assert phone.heard(wait=0.3) == []


# -- the same thing again, and things in the wrong order -----------------------------------------------------------


def at_once(acts: int, act: object) -> list[httpx.Response]:
    with ThreadPoolExecutor(acts) as pool:
        return [future.result() for future in [pool.submit(act) for _ in range(acts)]]  # type: ignore[arg-type]


def test_a_webhook_replayed_at_the_same_instant_is_answered_once(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form, phone = door.form("مرحبا", sender), phone_of(line, sender)
    answers: list[httpx.Response] = []
    outcome = line.outcome(lambda: answers.extend(at_once(8, lambda: door.post(form))))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, EMPTY)}
    assert outcome == {"answered": 1, "duplicate": 7}
    time.sleep(0.5)
    assert len(phone.heard()) == 1


def test_a_webhook_replayed_later_leaves_nothing_more(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form, phone = door.form("مرحبا", sender), phone_of(line, sender)
    door.post(form)
    time.sleep(0.4)
    assert len(phone.heard()) == 1
    traces = line.left_by(lambda: [door.post(form).raise_for_status() for _ in range(3)])
    assert traces.nothing
    assert phone.heard(wait=0.3) == []


def test_a_replayed_exit_does_not_end_the_next_talk(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form, phone = door.form("0", sender), phone_of(line, sender)
    door.post(form)
    time.sleep(10.2)  # the ten seconds in which stragglers are met with silence
    phone.say("مرحبا")
    assert line.outcome(lambda: door.post(form)) == {"duplicate": 1}
    assert says(phone.say("1"), "phone_check")


def test_a_replayed_danger_opens_one_ticket(line: Watched, door: Door) -> None:
    form = door.form(DANGER, whatsapp())
    traces = line.left_by(lambda: at_once(6, lambda: door.post(form)))
    assert len([row for row in traces.rows if row[0] == "tickets"]) == 1
    commands = [row for row in traces.rows if row[0] == "commands"]
    assert len(commands) == 2, "the rule's and the engine's, each once"
    assert traces.lines == ()


def status_of(door: Door, sid: str, status: str, **more: str) -> Params:
    return {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "AccountSid": door.account,
            "From": "whatsapp:+15005550006", "To": "whatsapp:+962790000000", "ApiVersion": "2010-04-01", **more}  # fmt: skip


def test_callbacks_in_any_order_about_anything_leave_nothing(line: Watched, door: Door) -> None:
    sid = new_sid()

    def callbacks() -> None:
        for status in ("read", "delivered", "queued", "sent", "failed", "sending", "no-such-status", ""):
            assert door.post(status_of(door, sid, status, ErrorCode="63016"), STATUS).status_code == 204
        assert door.post(status_of(door, "no sid", "delivered"), STATUS).status_code == 204
        assert door.post({}, STATUS).status_code == 204
        assert door.raw(urlencode(status_of(door, sid, "delivered")).encode(), STATUS).status_code == 403

    assert line.left_by(callbacks).nothing


def test_a_callback_before_its_message_does_not_make_the_message_a_duplicate(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form, phone = door.form("مرحبا", sender), phone_of(line, sender)
    assert door.post(status_of(door, form["MessageSid"], "delivered"), STATUS).status_code == 204
    assert line.outcome(lambda: door.post(form)) == {"answered": 1}
    assert len(phone.heard()) == 1


def test_news_of_an_earlier_state_after_the_last_one_changes_nothing(line: Watched, door: Door) -> None:
    sender = whatsapp()
    form = door.form("مرحبا", sender)
    door.post(form)
    sid = form["MessageSid"]
    before = next(row for row in line.look().rows if row[:2] == ("erasure_ledger", sid))
    door.post(status_of(door, sid, "sent"), STATUS)
    assert next(row for row in line.look().rows if row[:2] == ("erasure_ledger", sid)) == before
    door.post(status_of(door, sid, "delivered"), STATUS)
    until = time.monotonic() + 8
    while sid in line.look_at_ledger() and time.monotonic() < until:
        time.sleep(0.1)
    assert sid not in line.look_at_ledger(), "a final state brings the erasure forward"
    assert line.left_by(lambda: door.post(status_of(door, sid, "queued"), STATUS)).nothing


# -- too many ------------------------------------------------------------------------------------------------------


def test_twenty_five_messages_in_twenty_seconds(line: Watched, door: Door) -> None:
    sender = whatsapp()
    phone = phone_of(line, sender)
    forms = [door.form(f"رسالة رقم {number}", sender) for number in range(30)]
    outcomes = []
    began = time.monotonic()
    for form in forms:
        outcomes.append(line.outcome(lambda form=form: door.post(form).raise_for_status()))
    assert time.monotonic() - began < 20, "too slow a machine for this test to say anything"
    assert outcomes == [{"answered": 1}] * 14 + [{"over_limit": 1}] * 16
    time.sleep(0.5)
    said = phone.heard()
    assert len(said) == 15
    assert says(said[-1], "too_fast") and not says(said[-2], "too_fast"), "it is said once, when it begins"
    traces = line.left_by(lambda: door.post(door.form("وبعدها", sender)).raise_for_status())
    assert traces.kinds == {"m"} and traces.other_rows == set() and traces.lines == ()
    assert "911" in phone.say(DANGER), "danger is exempt from every limit"
    assert line.outcome(lambda: door.post(door.form("خروج", sender))) == {"exit": 1}
    assert phone.heard(wait=0.3) == []
