"""Words sealed to several browsers at once, so that whoever sealed them cannot open them again. Pure: no store, no clock.

A fresh content key seals the words (AES-256-GCM) and is wrapped for each browser: ephemeral ECDH on P-256 (SP 800-56A),
HKDF-SHA256 (RFC 5869), AES-KW (RFC 3394); all of it is in every browser's WebCrypto (``console-sealing.js``). Ticket, number and
kind are bound into each wrap and into the words, so that nothing opens in another place. There is no function that opens:
the private keys are made in browsers and cannot leave them.

    envelope  version 1 ‖ ephemeral point 65 ‖ count 2 ‖ count × (key id 16 ‖ wrapped key 40) ‖ nonce 12 ‖ words and tag
    letter    version 1 ‖ ephemeral point 65 ‖ wrapped key 40 ‖ nonce 12 ‖ words and tag       (what one browser is given)
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VERSION: Final = 1
MOST_KEYS: Final = 256
"""Browsers one envelope is sealed to; more would be a fault, not a helpline."""

_CONTENT_KEY, _POINT, _ID, _WRAP, _NONCE, _TAG = 32, 65, 16, 40, 12, 16
_HEAD = 1 + _POINT + 2
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE = ec.SECP256R1()
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")

Kind = Literal["words", "said", "note"]


class NotAKey(ValueError):
    """What should be a browser's public key is none: wrong length, wrong form, or no point of the curve."""


class NotAnEnvelope(ValueError):
    """The bytes are no envelope of a version we know."""


class NobodyToSealTo(ValueError):
    """There is no key: sealed now, the words could be opened by nobody."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A browser's public key as an uncompressed point; made by :func:`read_key`, so it is on the curve."""

    raw: bytes

    @property
    def id(self) -> bytes:
        """What names the key: the first half of its SHA-256."""
        return key_id(self.raw)


@dataclass(frozen=True, slots=True)
class Place:
    """What is sealed and where it belongs. Bound into the envelope: elsewhere it does not open.

    Args:
        kind: a person's words, a counsellor's own words for those who read along, a handover note.
        number: the message's number in the talk; notes have none.
    """

    kind: Kind
    ticket: str
    number: int = 0

    def bound(self) -> bytes:
        """As it goes into the cryptography; the console writes the same."""
        return f"hams {VERSION} {self.kind} {self.ticket} {self.number}".encode()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sealed words with the wrapped content key of each browser, by key id."""

    ephemeral: bytes
    wraps: Mapping[bytes, bytes]
    nonce: bytes
    sealed: bytes

    def to_bytes(self) -> bytes:
        """The wire form."""
        wraps = b"".join(name + wrap for name, wrap in self.wraps.items())
        return b"".join((bytes([VERSION]), self.ephemeral, len(self.wraps).to_bytes(2, "big"), wraps, self.nonce, self.sealed))

    def letter(self, name: bytes | None) -> bytes | None:
        """What the browser with that key is given; ``None`` if it was not sealed to it."""
        wrap = None if name is None else self.wraps.get(name)
        return None if wrap is None else b"".join((bytes([VERSION]), self.ephemeral, wrap, self.nonce, self.sealed))


def key_id(raw: bytes) -> bytes:
    """The id of a public key."""
    return hashlib.sha256(raw).digest()[:_ID]


def read_key(text: str) -> PublicKey:
    """A browser's public key from base64url, as it says it itself: anything may stand there.

    Raises:
        NotAKey: nothing that can be sealed to.
    """
    try:
        raw = from_base64url(text)
    except ValueError:
        raise NotAKey("not base64url") from None
    if len(raw) != _POINT:
        raise NotAKey("not an uncompressed point of P-256")
    _point(raw)
    return PublicKey(raw)


def seal(words: bytes, place: Place, keys: Iterable[PublicKey], random_bytes: Callable[[int], bytes]) -> Envelope:
    """Seal words to every one of these keys. What is random here is forgotten on return.

    Raises:
        NobodyToSealTo: there is no key.
    """
    to = {key.id: key.raw for key in keys}
    if not 0 < len(to) <= MOST_KEYS:
        raise NobodyToSealTo("sealed to nobody, or to more than there can be")
    # FIPS 186-5, A.2.1: 128 bits more than the order has, so that the remainder is as good as even.
    own = ec.derive_private_key(int.from_bytes(random_bytes(48), "big") % (_ORDER - 1) + 1, _CURVE)
    ephemeral = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    content, nonce = random_bytes(_CONTENT_KEY), random_bytes(_NONCE)
    wraps = {
        name: aes_key_wrap(wrapping_key(own.exchange(ec.ECDH(), _point(raw)), ephemeral, raw, place), content)
        for name, raw in to.items()
    }
    return Envelope(ephemeral, wraps, nonce, AESGCM(content).encrypt(nonce, words, place.bound()))


def wrapping_key(shared: bytes, ephemeral: bytes, recipient: bytes, place: Place) -> bytes:
    """The key that wraps the content key for one browser, from the secret of ECDH."""
    info = place.bound() + b" " + key_id(recipient).hex().encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=ephemeral + recipient, info=info).derive(shared)


def read_envelope(data: bytes) -> Envelope:
    """An envelope from its wire form.

    Raises:
        NotAnEnvelope: of a version we do not know, or not whole.
    """
    if len(data) < _HEAD or data[0] != VERSION:
        raise NotAnEnvelope("not an envelope of this version")
    count = int.from_bytes(data[1 + _POINT : _HEAD], "big")
    end = _HEAD + count * (_ID + _WRAP)
    if not 0 < count <= MOST_KEYS or len(data) < end + _NONCE + _TAG:
        raise NotAnEnvelope("not a whole envelope")
    wraps = {
        bytes(data[at : at + _ID]): bytes(data[at + _ID : at + _ID + _WRAP]) for at in range(_HEAD, end, _ID + _WRAP)
    }
    return Envelope(bytes(data[1 : 1 + _POINT]), wraps, bytes(data[end : end + _NONCE]), bytes(data[end + _NONCE :]))


def to_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 4648, 5): what frames and JSON carry."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The reverse of :func:`to_base64url`.

    Raises:
        ValueError: a character that has no place there, or a length that cannot be.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@functools.lru_cache(maxsize=1024)
def _point(raw: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)
    except ValueError:
        raise NotAKey("no point of P-256") from None
