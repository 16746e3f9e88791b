from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.channels.twilio import verify
from api.channels.twilio.parse import Unreadable, read_form
from api.channels.twilio.verify import SignatureCheck, sign

# URL, parameters and both signatures are those of twilio-python's own tests (tests/unit/test_request_validator.py)
KNOWN = [
    ("CallSid", "CA1234567890ABCDE"), ("Digits", "1234"), ("From", "+14158675309"), ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
KNOWN_PATH = "/myapp.php?foo=1&bar=2"
KNOWN_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="

BASE = "https://line.example"
PATH = "/webhooks/twilio/message"
FORM = [("MessageSid", "SM" + "0" * 32), ("From", "whatsapp:+962790000001"), ("Body", "مرحبا"), ("MediaUrl0", "")]


def test_the_known_vector_is_genuine() -> None:
    assert SignatureCheck(["12345"], "https://mycompany.com").genuine(KNOWN_PATH, KNOWN, KNOWN_SIGNATURE)


def test_the_known_vector_with_a_repeated_name_is_genuine() -> None:
    params = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
    assert SignatureCheck(["12345"], "https://mycompany.com").genuine(KNOWN_PATH, params, "IK+Dwps556ElfBT0I3Rgjkr1wJU=")


def test_the_order_of_parameters_does_not_matter_and_a_path_in_the_public_base_counts() -> None:
    assert SignatureCheck(["12345"], "https://mycompany.com/").genuine(KNOWN_PATH, KNOWN[::-1], KNOWN_SIGNATURE)
    behind = sign("12345", f"{BASE}/line{PATH}", FORM)
    assert SignatureCheck(["12345"], f"{BASE}/line").genuine(PATH, FORM, behind)


@pytest.mark.parametrize("url", ["https://line.example:443", "https://line.example"])
def test_a_signature_over_the_url_with_or_without_its_port_is_genuine(url: str) -> None:
    assert SignatureCheck(["12345"], BASE).genuine(PATH, FORM, sign("12345", url + PATH, FORM))


@pytest.mark.parametrize(
    "signature", [None, "", "x", "=" * 28, KNOWN_SIGNATURE[:-2] + "9=", KNOWN_SIGNATURE.lower(), "é" * 28, "\ud800"]
)
def test_a_forged_or_missing_signature_is_not_genuine(signature: str | None) -> None:
    assert not SignatureCheck(["12345"], "https://mycompany.com").genuine(KNOWN_PATH, KNOWN, signature)


@pytest.mark.parametrize(
    "params",
    [
        KNOWN[1:], [*KNOWN, ("Extra", "")], [*KNOWN, ("Digits", "9")], [*KNOWN[:1], ("Digits", "12345"), *KNOWN[2:]], [],
    ],
)
def test_any_change_of_a_parameter_breaks_the_signature(params: list[tuple[str, str]]) -> None:
    assert not SignatureCheck(["12345"], "https://mycompany.com").genuine(KNOWN_PATH, params, KNOWN_SIGNATURE)


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("http://mycompany.com", KNOWN_PATH), ("https://other.com", KNOWN_PATH), ("https://mycompany.com", "/myapp.php"),
        ("https://mycompany.com", KNOWN_PATH + "&x=1"),
    ],
)
def test_another_host_scheme_path_or_query_breaks_the_signature(base: str, path: str) -> None:
    assert not SignatureCheck(["12345"], base).genuine(path, KNOWN, KNOWN_SIGNATURE)


def test_two_tokens_are_accepted_while_one_is_rotated_and_one_afterwards() -> None:
    both = SignatureCheck(["new", "old"], BASE)
    for token in ("new", "old"):
        assert both.genuine(PATH, FORM, sign(token, BASE + PATH, FORM))
    assert not SignatureCheck(["new"], BASE).genuine(PATH, FORM, sign("old", BASE + PATH, FORM))


def test_a_repeated_name_is_signed_as_twilio_signs_it_each_distinct_value_once_in_order() -> None:
    text = BASE + PATH + "A1" + "A2" + "B3"
    expected = base64.b64encode(hmac.new(b"12345", text.encode(), hashlib.sha1).digest()).decode()
    params = [("B", "3"), ("A", "2"), ("A", "1"), ("A", "2")]
    assert SignatureCheck(["12345"], BASE).genuine(PATH, params, expected)


def test_fields_twilio_adds_tomorrow_are_part_of_the_signature() -> None:
    form = [*FORM, ("SomethingNew", "قيمة")]
    assert SignatureCheck(["12345"], BASE).genuine(PATH, form, sign("12345", BASE + PATH, form))


@given(st.lists(st.tuples(st.text("abAB", min_size=1), st.text()), max_size=8))
def test_whatever_twilio_signs_survives_the_form_on_the_wire(params: list[tuple[str, str]]) -> None:
    wire = urlencode(params).encode()
    assert SignatureCheck(["12345"], BASE).genuine(PATH, read_form(wire), sign("12345", BASE + PATH, params))


def test_a_lone_surrogate_is_no_crash_and_not_genuine() -> None:
    assert not SignatureCheck(["12345"], BASE).genuine(PATH, [("Body", "\ud800")], KNOWN_SIGNATURE)


@pytest.mark.parametrize("raw", [b"Body=%FF%FE", b"Body=\xff", b"Body=%ED%A0%80", b"%C3=1"])
def test_invalid_utf_8_is_refused_before_the_signature(raw: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_form(raw)
    assert refused.value.code == "form"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_replay_carries_a_good_signature_and_only_its_sid_tells() -> None:
    signature = sign("12345", BASE + PATH, FORM)
    check = SignatureCheck(["12345"], BASE)
    assert check.genuine(PATH, FORM, signature)
    assert check.genuine(PATH, FORM, signature)


@pytest.mark.parametrize(("tokens", "url"), [([], BASE), ([""], BASE), (["t"], "line.example"), (["t"], "https://"), (["t"], BASE + "?x=1")])
def test_a_setting_that_could_never_verify_is_refused_at_once(tokens: list[str], url: str) -> None:
    with pytest.raises(ValueError):
        SignatureCheck(tokens, url)


def test_every_candidate_is_compared_in_constant_time_whatever_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(1)
        return real(one, other)

    monkeypatch.setattr(verify.hmac, "compare_digest", counting)
    check = SignatureCheck(["new", "old"], BASE)
    assert check.genuine(PATH, FORM, sign("new", BASE + PATH, FORM))
    assert not check.genuine(PATH, FORM, "x")
    assert len(compared) == 8
