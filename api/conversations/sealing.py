"""The one place where anything is sealed, opened or turned into a keyed fingerprint.

Every purpose has a key of its own (HKDF), so that two tables, or a table and a Redis key, cannot be joined
by comparing fingerprints, and a value sealed for one purpose does not open under another
(threats.md, "Identity": "a key per purpose by HKDF so that tables cannot be joined").
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_SECRET = 16
"""Bytes. HKDF spreads a secret over many keys but adds no entropy to it."""

_KEY = 32
_KEY_ID = 4  # tells secrets apart, nothing more: a wrong one is caught by the tag
_NONCE = 12
_TAG = 16


class CannotOpen(Exception):
    """The sealed value is damaged, belongs elsewhere, or its key is gone; it must not be used."""


class Keyring:
    """The deployment's secrets, newest first: what is sealed takes the newest, what is opened takes any of them.

    Args:
        secret_keys: at least one secret of 16 bytes or more (``HAMS_SECRET_KEYS``), newest first.
        random_bytes: where nonces come from; a test that compares dumps puts a known source here.

    Raises:
        ValueError: no secret, or one that is too short. The message never holds the secret.
    """

    __slots__ = ("_boxes", "_by_id", "_ids", "_mac_keys", "_random_bytes", "_secrets")

    def __init__(self, secret_keys: Sequence[bytes], random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        if not secret_keys:
            raise ValueError("a keyring needs at least one secret key")
        if any(len(secret) < SHORTEST_SECRET for secret in secret_keys):
            raise ValueError(f"each secret key needs at least {SHORTEST_SECRET} bytes")
        self._secrets = tuple(bytes(secret) for secret in secret_keys)
        self._ids = tuple(_derive(secret, "key id", _KEY_ID) for secret in self._secrets)
        self._by_id = {key_id: place for place, key_id in reversed(list(enumerate(self._ids)))}
        self._boxes: dict[tuple[str, int], AESGCM] = {}
        self._mac_keys: dict[tuple[str, int], bytes] = {}
        self._random_bytes = random_bytes

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._secrets)}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a keyring is never pickled or copied")

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA-256 of ``data`` under the newest secret's key for ``purpose`` (32 bytes)."""
        return self._mac(purpose, data, 0)

    def macs(self, purpose: str, data: bytes) -> tuple[bytes, ...]:
        """The same under every secret, newest first: for finding what was stored before a rotation."""
        return tuple(self._mac(purpose, data, place) for place in range(len(self._secrets)))

    def seal(self, purpose: str, plain: bytes, aad: bytes = b"") -> bytes:
        """``key id ‖ nonce ‖ AES-256-GCM(plain)``, bound to ``purpose`` and ``aad``."""
        nonce = self._random_bytes(_NONCE)
        return self._ids[0] + nonce + self._box(purpose, 0).encrypt(nonce, plain, aad)

    def open(self, purpose: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """What was sealed for ``purpose`` with ``aad``, by the newest secret or an older one.

        Raises:
            CannotOpen: damaged, sealed for something else, or by a secret this ring does not hold.
        """
        place = self._by_id.get(bytes(sealed[:_KEY_ID]))
        if place is None or len(sealed) < _KEY_ID + _NONCE + _TAG:
            raise CannotOpen("no key here opens this")
        nonce = bytes(sealed[_KEY_ID : _KEY_ID + _NONCE])
        try:
            return self._box(purpose, place).decrypt(nonce, bytes(sealed[_KEY_ID + _NONCE :]), aad)
        except InvalidTag:
            raise CannotOpen("the seal is broken") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest secret sealed this; ``keys rotate`` re-seals what it did not."""
        return bytes(sealed[:_KEY_ID]) == self._ids[0]

    def _mac(self, purpose: str, data: bytes, place: int) -> bytes:
        key = self._mac_keys.get((purpose, place))
        if key is None:
            key = self._mac_keys[purpose, place] = _derive(self._secrets[place], f"mac {purpose}", _KEY)
        return hmac.digest(key, data, "sha256")

    def _box(self, purpose: str, place: int) -> AESGCM:
        box = self._boxes.get((purpose, place))
        if box is None:
            box = self._boxes[purpose, place] = AESGCM(_derive(self._secrets[place], f"seal {purpose}", _KEY))
        return box


def seal_under(key: bytes, plain: bytes, aad: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """``nonce ‖ AES-256-GCM(plain)`` under a key that stands outside the ring (a conversation's, a day's)."""
    nonce = random_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, aad)


def open_under(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The reverse of :func:`seal_under`.

    Raises:
        CannotOpen: another key, another place, or damaged.
    """
    if len(sealed) < _NONCE + _TAG:
        raise CannotOpen("too short to be sealed")
    try:
        return AESGCM(key).decrypt(bytes(sealed[:_NONCE]), bytes(sealed[_NONCE:]), aad)
    except InvalidTag:
        raise CannotOpen("the seal is broken") from None


def _derive(secret: bytes, info: str, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=b"hams", info=info.encode()).derive(secret)
