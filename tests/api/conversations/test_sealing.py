from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conversations.sealing import CannotOpen, Keyring, open_under, seal_under

OLD, NEW = b"old secret, 32 bytes long ......", b"new secret, 32 bytes long ......"


@given(st.binary(max_size=300), st.binary(max_size=40), st.text(min_size=1, max_size=20))
def test_what_was_sealed_opens_again(plain: bytes, aad: bytes, purpose: str) -> None:
    ring = Keyring([NEW])
    assert ring.open(purpose, ring.seal(purpose, plain, aad), aad) == plain


@given(st.data())
def test_no_single_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    ring = Keyring([NEW])
    sealed = bytearray(ring.seal("state", b"words"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        ring.open("state", bytes(sealed))


@pytest.mark.parametrize("length", range(33))
def test_what_is_cut_short_does_not_open(length: int) -> None:
    ring = Keyring([NEW])
    with pytest.raises(CannotOpen):
        ring.open("state", ring.seal("state", b"")[: length - 1 if length else 0])


def test_a_value_sealed_for_one_purpose_or_place_opens_under_no_other() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal("state", b"words", b"here")
    for purpose, aad in (("contact", b"here"), ("state", b"there"), ("state", b"")):
        with pytest.raises(CannotOpen):
            ring.open(purpose, sealed, aad)


def test_after_a_rotation_the_old_still_opens_and_the_new_seals() -> None:
    before, after, later = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    old, new = before.seal("state", b"1"), after.seal("state", b"2")
    assert (after.open("state", old), later.open("state", new)) == (b"1", b"2")
    assert not after.is_current(old) and after.is_current(new)
    with pytest.raises(CannotOpen):
        later.open("state", old)
    with pytest.raises(CannotOpen):
        before.open("state", new)


def test_fingerprints_of_two_purposes_cannot_be_joined_and_follow_the_newest_secret() -> None:
    ring = Keyring([NEW, OLD])
    assert ring.mac("person", b"+962790000001") != ring.mac("repeat", b"+962790000001")
    assert ring.macs("person", b"x") == (Keyring([NEW]).mac("person", b"x"), Keyring([OLD]).mac("person", b"x"))
    assert ring.mac("person", b"x") == ring.macs("person", b"x")[0]


def test_the_same_words_sealed_twice_look_different() -> None:
    ring = Keyring([NEW])
    assert ring.seal("state", b"words") != ring.seal("state", b"words")


@pytest.mark.parametrize("secrets", [[], [b"short"], [NEW, b""]])
def test_a_missing_or_short_secret_is_refused_without_being_shown(secrets: list[bytes]) -> None:
    with pytest.raises(ValueError) as refusal:
        Keyring(secrets)
    assert "short'" not in str(refusal.value)


def test_a_keyring_shows_and_gives_away_nothing() -> None:
    ring = Keyring([NEW])
    assert "secret" not in repr(ring)
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copying(ring)


def test_a_key_outside_the_ring_seals_and_opens_too() -> None:
    key = bytes(range(32))
    sealed = seal_under(key, b"words", b"place", lambda length: b"\1" * length)
    assert open_under(key, sealed, b"place") == b"words"
    for wrong_key, wrong, aad in ((bytes(32), sealed, b"place"), (key, sealed, b""), (key, sealed[:20], b"place")):
        with pytest.raises(CannotOpen):
            open_under(wrong_key, wrong, aad)
