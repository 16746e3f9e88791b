from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.channels.twilio.parse import Inbound, Unreadable, parse_inbound, read_form
from safety.message_text import TextWouldLeak

from .payloads import CASES, ME, MM, Case, forty_media


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_real_payload_is_read_as_it_should_be(case: Case) -> None:
    if case.code is not None:
        with pytest.raises(Unreadable) as refused:
            parse_inbound(read_form(case.raw.encode()))
        assert (refused.value.code, refused.value.sid or "") == (case.code, case.sid)
        assert "secret" not in repr(refused.value)
        return
    read = parse_inbound(read_form(case.raw.encode()))
    assert (read.sid, read.channel, read.sender.value, read.to) == (case.sid, case.channel, case.sender, case.to)
    assert read.body.reveal() == case.body
    assert (read.media, read.has_media) == (case.media, case.has_media)
    assert (read.has_voice, read.location) == (case.has_voice, case.location)


def test_nothing_but_what_is_needed_survives_the_door() -> None:
    """Profile name, WhatsApp id, coordinates, URLs and the unknown are in the payloads and nowhere in what is kept."""
    assert {field.name for field in dataclasses.fields(Inbound)} == {
        "sid", "channel", "sender", "to", "body", "media", "has_media", "has_voice", "location",
    }
    for case in CASES:
        if case.code is None:
            read = parse_inbound(read_form(case.raw.encode()))
            kept = " ".join(map(str, (read.sid, read.channel, read.sender.value, read.to, *read.media)))
            for dropped in ("سارة", "31.95394", "35.91064", "Rainbow", "Home", "https", "AMMAN", "ExternalUserId"):
                assert dropped not in kept


def test_a_message_cannot_be_printed() -> None:
    read = parse_inbound(read_form(CASES[0].raw.encode()))
    with pytest.raises(TextWouldLeak):
        repr(read)
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.sid = "other"  # type: ignore[misc]


def test_an_unreadable_message_still_names_what_must_be_erased() -> None:
    raw = forty_media(2).replace("From=whatsapp%3A%2B962790000001", "From=")
    with pytest.raises(Unreadable) as refused:
        parse_inbound(read_form(raw.encode()))
    assert (refused.value.sid, refused.value.media) == (MM, tuple(ME[:2]))


def test_a_body_of_64_kib_is_read_whole() -> None:
    raw = CASES[0].raw.split("&Body=")[0].encode() + b"&To=whatsapp%3A%2B14155550100&Body="
    raw += b"x" * (65_536 - len(raw))
    assert len(parse_inbound(read_form(raw)).body.reveal()) > 65_000


def test_a_form_of_thousands_of_fields_is_refused() -> None:
    with pytest.raises(Unreadable):
        read_form(b"a&" * 32_000)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_do_anything_but_read_or_refuse(raw: bytes) -> None:
    try:
        parse_inbound(read_form(raw))
    except Unreadable as refused:
        assert refused.code in ("form", "sid", "sender", "channel", "recipient")
