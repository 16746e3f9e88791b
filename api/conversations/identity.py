"""Who wrote and which message it was, as fingerprints nobody can turn back without the secret.

A plain hash would not do: number spaces are 10^7 and can be tried out in a second (threats.md, "Identity").
"""

from __future__ import annotations

from api.conversations.sealing import Keyring

_LENGTH = 32  # hex digits, 128 bits: no collision in any deployment's lifetime, half the bytes in every key


def person_of(keyring: Keyring, canonical_address: str) -> str:
    """The conversation id of an address: one for a number across WhatsApp and SMS.

    The *oldest* secret of the ring makes it, so that adding a new secret does not cut open talks and tickets
    off from the people they belong to; it changes when that secret is dropped.

    Args:
        canonical_address: an E.164 number or an opaque sender id, without the channel's prefix.

    Raises:
        ValueError: the address is empty; everybody without one would be the same person.
    """
    if not canonical_address:
        raise ValueError("an empty address belongs to nobody")
    return keyring.macs("person", canonical_address.encode("utf-8", "surrogatepass"))[-1].hex()[:_LENGTH]


def sid_mark(keyring: Keyring, sid: str) -> str:
    """The mark by which a provider's message is known again for 24 hours (twilio.md: "only the signed MessageSid tells").

    Raises:
        ValueError: the sid is empty; every such message would be a duplicate of the first.
    """
    if not sid:
        raise ValueError("a message without a sid cannot be marked")
    return keyring.macs("sid", sid.encode("utf-8", "surrogatepass"))[-1].hex()[:_LENGTH]
