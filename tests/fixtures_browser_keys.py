"""A browser as far as sealed words are concerned: a key pair of its own, what it says to the gateway, what it can open.

The opposite of ``api/handoffs/envelopes.py`` and the same as ``console-sealing.js``; the product itself cannot open anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.handoffs.browser_keys import BrowserKey
from api.handoffs.envelopes import (
    Envelope,
    Place,
    PublicKey,
    from_base64url,
    read_key,
    seal,
    to_base64url,
    wrapping_key,
)
from api.handoffs.relay import Relay


class CannotOpen(Exception):
    """Not for this browser, not from this place, or damaged."""


@dataclass(frozen=True)
class Browser:
    """One browser with its key pair."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> PublicKey:
        raw = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return read_key(to_base64url(raw))

    def hello(self) -> str:
        """The frame by which a console registers its key."""
        return json.dumps({"type": "key", "key": to_base64url(self.public.raw)})

    def registered(self, staff: str = "counsellor-1", session: str = "session:1") -> BrowserKey:
        """The key as the registry would give it, for a relay without one."""
        return BrowserKey(session, staff, 1, 9e12, self.public)

    def open(self, letter: bytes, place: Place) -> str:
        """The words of a letter.

        Raises:
            CannotOpen: as named.
        """
        version, ephemeral, wrap, nonce, sealed = letter[:1], letter[1:66], letter[66:106], letter[106:118], letter[118:]
        if version != b"\x01":
            raise CannotOpen("of another version")
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral)
            by = wrapping_key(self.private.exchange(ec.ECDH(), other), ephemeral, self.public.raw, place)
            content = aes_key_unwrap(by, wrap)
            return AESGCM(content).decrypt(nonce, sealed, place.bound()).decode()
        except (ValueError, InvalidUnwrap, InvalidTag):
            raise CannotOpen("broken, or not for this browser") from None

    def open_envelope(self, envelope: Envelope, place: Place) -> str:
        """The same from the whole envelope."""
        letter = envelope.letter(self.public.id)
        if letter is None:
            raise CannotOpen("not sealed to this browser")
        return self.open(letter, place)

    def read(self, frame: dict[str, Any]) -> dict[str, Any]:
        """A frame from the gateway with what is sealed in it opened, as ``text``."""
        kind = {"message": "words", "said": "said", "note": "note"}.get(frame["type"])
        if kind is None or "sealed" not in frame:
            return frame
        place = Place(kind, frame["handoff"], frame.get("seq", 0) if kind != "note" else 0)  # type: ignore[arg-type]
        return {**frame, "text": self.open(from_base64url(frame["sealed"]), place)}


class Screen:
    """A console's socket with its browser: the key is said first, and what comes in sealed is opened."""

    def __init__(self, socket: Any, browser: Browser) -> None:
        self.socket, self.browser = socket, browser
        self._heard: list[dict[str, Any]] = []

    async def begin(self) -> None:
        """Say the key and wait until it counts."""
        await self.socket.send(self.browser.hello())
        while (frame := json.loads(await self.socket.recv()))["type"] not in ("key", "no_key"):
            self._heard.append(frame)

    async def send(self, frame: str | bytes) -> None:
        """Say something."""
        await self.socket.send(frame)

    async def recv(self) -> str:
        """What comes next."""
        frame = self._heard.pop(0) if self._heard else json.loads(await self.socket.recv())
        return json.dumps(self.browser.read(frame), ensure_ascii=False)


async def on_screen(relay: Relay, browser: Browser, ticket_id: str) -> list[str]:
    """What waits in a talk, as this browser would show it; words that have lapsed are left out."""
    return [
        browser.open_envelope(words.envelope, Place("words", ticket_id, words.seq))
        for words in await relay.waiting(ticket_id) if words.envelope is not None
    ]


def relay_for(redis: Any, *browsers: Browser, beside: Iterable[Browser] = ()) -> Relay:
    """A relay that seals to these browsers, whoever they belong to."""
    reads, reads_along = [browser.registered() for browser in browsers], [browser.registered() for browser in beside]

    async def readers(_ticket: str) -> Sequence[BrowserKey]:
        return reads

    async def present(_ticket: str) -> Sequence[BrowserKey]:
        return reads_along

    return Relay(redis, readers, present)


def sealed_note(text: str, ticket_id: str, keys: Iterable[dict[str, str]]) -> str:
    """A note as a console seals it, to the keys the API gave out."""
    to = [read_key(key["key"]) for key in keys]
    return to_base64url(seal(text.encode(), Place("note", ticket_id), to, os.urandom).to_bytes())
