from __future__ import annotations

import hashlib

import pytest

from api.conversations.identity import person_of, sid_mark
from api.conversations.sealing import Keyring

OLD, NEW = b"old secret, 32 bytes long ......", b"new secret, 32 bytes long ......"
NUMBER = "+962790000001"


def test_a_number_is_one_person_and_the_fingerprint_is_not_a_plain_hash() -> None:
    person = person_of(Keyring([OLD]), NUMBER)
    assert person == person_of(Keyring([OLD]), NUMBER) and len(person) == 32
    assert person != person_of(Keyring([OLD]), "+962790000002")
    assert person != person_of(Keyring([NEW]), NUMBER)
    assert person not in hashlib.sha256(NUMBER.encode()).hexdigest()


def test_a_new_secret_does_not_cut_people_off_from_what_is_open() -> None:
    assert person_of(Keyring([NEW, OLD]), NUMBER) == person_of(Keyring([OLD]), NUMBER)
    assert sid_mark(Keyring([NEW, OLD]), "SM1") == sid_mark(Keyring([OLD]), "SM1")


def test_a_sender_without_a_number_is_somebody_too() -> None:
    assert person_of(Keyring([OLD]), "JO.b7e1f2c4") != person_of(Keyring([OLD]), "JO.b7e1f2c5")


def test_a_person_and_a_message_never_share_a_fingerprint() -> None:
    assert person_of(Keyring([OLD]), "same") != sid_mark(Keyring([OLD]), "same")


def test_nobody_is_not_somebody() -> None:
    with pytest.raises(ValueError):
        person_of(Keyring([OLD]), "")
    with pytest.raises(ValueError):
        sid_mark(Keyring([OLD]), "")
