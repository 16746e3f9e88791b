"""What is sealed opens for whom it is for, in its own place, whole; and for nobody else."""

from __future__ import annotations

import ast
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from api.handoffs import envelopes
from api.handoffs.envelopes import (
    MOST_KEYS,
    Envelope,
    NobodyToSealTo,
    NotAKey,
    NotAnEnvelope,
    Place,
    PublicKey,
    from_base64url,
    read_envelope,
    read_key,
    seal,
    to_base64url,
)
from tests.fixtures_browser_keys import Browser, CannotOpen

WORDS = "كلمات ما بيشوفها غيرها 🌙"
PLACE = Place("words", "t1", 7)
HERE = Path(envelopes.__file__).parent


def sealed_to(*browsers: Browser, words: str = WORDS) -> Envelope:
    return seal(words.encode(), PLACE, [browser.public for browser in browsers], os.urandom)


def test_each_browser_it_was_sealed_to_opens_it_and_no_other() -> None:
    first, second, stranger = Browser(), Browser(), Browser()
    whole = read_envelope(sealed_to(first, second).to_bytes())
    assert [browser.open_envelope(whole, PLACE) for browser in (first, second)] == [WORDS, WORDS]
    assert whole.letter(stranger.public.id) is None and whole.letter(None) is None
    hers = whole.letter(first.public.id)
    assert hers is not None
    with pytest.raises(CannotOpen):
        stranger.open(hers, PLACE)
    with pytest.raises(CannotOpen):
        second.open(hers, PLACE)


@pytest.mark.parametrize("other", [replace(PLACE, number=8), replace(PLACE, ticket="t2"), replace(PLACE, kind="note"), Place("said", "t1", 7)])
def test_in_another_place_it_does_not_open(other: Place) -> None:
    browser = Browser()
    with pytest.raises(CannotOpen):
        browser.open_envelope(sealed_to(browser), other)


def test_a_bit_that_flips_anywhere_is_noticed() -> None:
    browser = Browser()
    letter = sealed_to(browser, words="w").letter(browser.public.id)
    assert letter is not None and browser.open(letter, PLACE) == "w"
    for place in range(len(letter)):
        broken = bytearray(letter)
        broken[place] ^= 1
        with pytest.raises(CannotOpen):
            browser.open(bytes(broken), PLACE)


def test_words_of_one_message_do_not_pass_for_those_of_another() -> None:
    browser = Browser()
    one, other = sealed_to(browser), sealed_to(browser, words="غيرها")
    swapped = replace(one, sealed=other.sealed, nonce=other.nonce)
    with pytest.raises(CannotOpen):
        browser.open_envelope(swapped, PLACE)


def test_nothing_is_sealed_twice_under_one_key() -> None:
    browser = Browser()
    one, other = sealed_to(browser), sealed_to(browser)
    assert one.ephemeral != other.ephemeral and one.sealed != other.sealed and one.nonce != other.nonce
    assert one.wraps[browser.public.id] != other.wraps[browser.public.id]


def test_with_the_same_randomness_the_same_comes_out() -> None:
    browser = Browser()
    same = [seal(b"w", PLACE, [browser.public], lambda n: b"\x07" * n).to_bytes() for _ in range(2)]
    assert same[0] == same[1], "nothing random comes from anywhere else"


def test_to_nobody_nothing_is_sealed() -> None:
    for keys in ([], [Browser().public for _ in range(MOST_KEYS + 1)]):
        with pytest.raises(NobodyToSealTo):
            seal(b"w", PLACE, keys, os.urandom)


def test_a_browser_named_twice_has_one_wrap() -> None:
    browser = Browser()
    assert len(sealed_to(browser, browser).wraps) == 1


def test_what_is_no_envelope_is_refused() -> None:
    whole = sealed_to(Browser()).to_bytes()
    count = slice(66, 68)
    for broken in (
        b"", b"\x01", whole[:70], whole[:140], b"\x00" + whole[1:], b"\x02" + whole[1:],
        whole[: count.start] + b"\x00\x00" + whole[count.stop :], whole[: count.start] + b"\xff\xff" + whole[count.stop :],
    ):
        with pytest.raises(NotAnEnvelope):
            read_envelope(broken)


def test_what_is_no_key_is_refused() -> None:
    raw = Browser().public.raw
    off = bytearray(raw)
    off[-1] ^= 1
    compressed = bytes([2 + raw[-1] % 2]) + raw[1:33]
    for broken in (bytes(off), raw + b"\0", raw[:-1], compressed, compressed + bytes(32), bytes(65), b"\x04" + b"\xff" * 64, b"\0", b""):
        with pytest.raises(NotAKey):
            read_key(to_base64url(broken))
    for text in ("a", "====", "ü" * 87, "x" * 87 + "\n", " " + to_base64url(raw)):
        with pytest.raises(NotAKey):
            read_key(text)
    assert read_key(to_base64url(raw)) == PublicKey(raw)


def test_the_gateway_holds_no_private_key_and_no_way_to_open() -> None:
    """Once sealed nobody on this side can open: nothing in these modules unwraps, decrypts or keeps a private key."""
    for name in ("envelopes.py", "relay.py", "live.py", "browser_keys.py"):
        tree = ast.parse((HERE / name).read_text())
        named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not named & {"decrypt", "aes_key_unwrap", "open_under", "Keyring", "private_bytes", "PrivateFormat"}, name


def test_base64url_is_read_strictly() -> None:
    assert from_base64url(to_base64url(b"\xfb\xff\x00")) == b"\xfb\xff\x00"
    for text in ("a", "ab=c", "a+b/", "ab\n"):
        with pytest.raises(ValueError):
            from_base64url(text)


def test_the_wire_form_is_the_one_that_browsers_know() -> None:
    """From fixed numbers always the same bytes: who changes them changes console-sealing.js too, and the version."""
    recipient = Browser(ec.derive_private_key(7, ec.SECP256R1()))
    whole = seal(b"words", Place("words", "t1", 7), [recipient.public], lambda count: bytes(range(count))).to_bytes()
    assert hashlib.sha256(whole).hexdigest() == "e9bc79894c5f4fac117ca5908547205eff6dfde75d04d93db99c332ccd71d4e8"
