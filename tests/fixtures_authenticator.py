"""A software authenticator and the browser in front of it, for tests: real keys, real CBOR, COSE and client data.

What it may do wrong, it is told to: another origin, no user verification, a counter that goes back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_UP, _UV, _BE, _BS, _AT = 0x01, 0x04, 0x08, 0x10, 0x40


def encode(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Credential:
    """One passkey as the authenticator keeps it."""

    id: bytes
    key: ec.EllipticCurvePrivateKey
    rp_id: str
    user: bytes
    count: int


@dataclass(slots=True)
class Authenticator:
    """Holds passkeys. ``counts`` is false for the synced kind, whose counter stays nought."""

    origin: str = "https://line.test"
    verifies: bool = True
    counts: bool = True
    kept: list[Credential] = field(default_factory=list)

    def create(self, options: dict[str, Any], **client: Any) -> dict[str, Any]:
        """What ``navigator.credentials.create`` gives, as JSON."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = Credential(os.urandom(32), key, options["rp"]["id"], decode(options["user"]["id"]), 0)
        self.kept.append(made)
        numbers = key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + cose
        data = self._data(made, _AT) + attested
        return {
            "id": encode(made.id), "rawId": encode(made.id), "type": "public-key",
            "response": {
                "clientDataJSON": encode(self._client("webauthn.create", options, client)),
                "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            },
        }

    def get(self, options: dict[str, Any], made: Credential | None = None, **client: Any) -> dict[str, Any]:
        """What ``navigator.credentials.get`` gives, as JSON."""
        made = made or self.kept[-1]
        made.count += self.counts
        data = self._data(made, 0)
        said = self._client("webauthn.get", options, client)
        signature = made.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": encode(made.id), "rawId": encode(made.id), "type": "public-key",
            "response": {
                "clientDataJSON": encode(said), "authenticatorData": encode(data), "signature": encode(signature),
                "userHandle": encode(made.user),
            },
        }

    def _data(self, made: Credential, flags: int) -> bytes:
        flags |= _UP | (_UV if self.verifies else 0) | (0 if self.counts else _BE | _BS)
        return hashlib.sha256(made.rp_id.encode()).digest() + bytes([flags]) + made.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], changed: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | changed).encode()
