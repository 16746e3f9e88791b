from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.channels.address import (
    Address,
    AddressUnreadable,
    SendersUnreadable,
    canonical,
    country_of,
    country_of_number,
    has_number,
    parse_address,
    parse_senders,
    person_key_material,
)


@pytest.mark.parametrize(
    ("wire", "channel", "value", "country", "number"),
    [
        ("whatsapp:+962790000001", "whatsapp", "+962790000001", "JO", True),
        ("+97433000001", "sms", "+97433000001", "QA", True),
        ("+97336000001", "sms", "+97336000001", "BH", True),
        ("whatsapp:+971500000001", "whatsapp", "+971500000001", "AE", True),
        ("+14155550100", "sms", "+14155550100", None, True),
        ("whatsapp:JO.11815799212886844830", "whatsapp", "JO.11815799212886844830", "JO", False),
        ("whatsapp:US.1234", "whatsapp", "US.1234", None, False),
        ("97801", "sms", "97801", None, False),
        (" WhatsApp:+962790000001 ", "whatsapp", "+962790000001", "JO", True),
    ],
)
def test_an_address_is_read_as_the_provider_writes_it(
    wire: str, channel: str, value: str, country: str | None, number: bool
) -> None:
    address = parse_address(wire)
    assert (address.channel, address.value, country_of(address), has_number(address)) == (channel, value, country, number)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        ("", "sender"), ("whatsapp:", "sender"), ("   ", "sender"), ("+962 79 000", "sender"), ("x" * 161, "sender"),
        ("مرحبا", "sender"), ("+96279\x00", "sender"), ("messenger:1234", "channel"), ("rcs:+962790000001", "channel"),
    ],
)
def test_what_is_no_address_of_ours_is_refused_by_a_code_that_does_not_quote_it(wire: str, code: str) -> None:
    with pytest.raises(AddressUnreadable) as refused:
        parse_address(wire)
    assert str(refused.value) == refused.value.code == code


def test_one_number_is_one_person_on_both_channels() -> None:
    sms, whatsapp = parse_address("+962790000001"), parse_address("whatsapp:+962790000001")
    assert person_key_material(sms) == person_key_material(whatsapp) == b"+962790000001"
    assert person_key_material(parse_address("whatsapp:JO.962790000001")) != person_key_material(sms)


def test_a_trunk_zero_written_into_a_number_is_the_same_person() -> None:
    assert canonical(Address("sms", "+9620790000001")) == canonical(Address("sms", "+962790000001"))


def test_the_wire_form_comes_back() -> None:
    for wire in ("whatsapp:+962790000001", "+97433000001", "whatsapp:JO.1234"):
        assert parse_address(wire).wire == wire


@given(st.text(alphabet="0123456789", min_size=8, max_size=12))
def test_an_address_never_shows_its_value(digits: str) -> None:
    address = Address("whatsapp", "+" + digits)
    assert digits not in f"{address} {address!r} {[address]} {address!s}"
    assert pickle.loads(pickle.dumps(address)) == address  # may travel, sealed, but not be shown


def test_a_table_of_senders_is_read_and_an_answer_goes_out_from_where_the_message_came_to() -> None:
    senders = parse_senders("whatsapp", "JO=+962790000000, BH=whatsapp:+97336000000, +14155550100")
    assert senders.start_from("JO") == "whatsapp:+962790000000"
    assert senders.start_from("BH") == "whatsapp:+97336000000"
    assert senders.start_from("QA") == senders.start_from(None) == "whatsapp:+14155550100"
    assert senders.answer_from("whatsapp:+97336000000") == "whatsapp:+97336000000"
    assert senders.country_of("whatsapp:+97336000000") == "BH"


def test_one_number_serves_every_country_and_no_number_is_no_channel() -> None:
    assert parse_senders("sms", "Hams").start_from("JO") == "Hams"
    assert parse_senders("sms", "").start_from("JO") is None
    assert country_of_number("whatsapp:+974440") == "QA"


@pytest.mark.parametrize("text", ["JO=+962790000000,JO=+962790000001", "FR=+33600000000", "+962,", "+1415555010x", "+14155550100,+14155550101"])
def test_a_table_of_senders_that_is_wrong_says_so(text: str) -> None:
    with pytest.raises(SendersUnreadable):
        parse_senders("whatsapp", text)
