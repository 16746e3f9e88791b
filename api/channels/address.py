"""Who writes and from which of our numbers we answer.

An address is opaque unless it is a phone number: a WhatsApp sender may be a business-scoped id with no
number behind it (twilio.md, "Channels"). A number is one person on every channel, so that an exit on one
channel can wipe the other channel's talk of the same number (safety.md, "The safety exit").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import phonenumbers

Channel = Literal["whatsapp", "sms"]

CHANNELS: Final[tuple[Channel, ...]] = ("whatsapp", "sms")
COUNTRIES: Final[Mapping[str, str]] = {"+962": "JO", "+974": "QA", "+973": "BH", "+971": "AE"}
"""Calling codes of the countries we serve."""

_WHATSAPP = "whatsapp:"
_OPAQUE = re.compile(r"[!-~]{1,160}")  # printable ASCII without spaces: ids and short codes are never anything else
_SCOPED = re.compile(r"([A-Z]{2})\.[0-9A-Za-z]+")  # a business-scoped id starts with its country: JO.1234
_PLAIN = re.compile(r"\+(?:962|974|973|971)[1-9][0-9]{6,8}")  # E.164 already: what parse_address leaves, and most there is
_NUMBER = re.compile(r"\+[0-9]{5,15}")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 _&+-]{1,11}")  # a registered SMS sender name


class AddressUnreadable(ValueError):
    """A sender that is empty, or of a channel we do not have. Carries a code, never the value."""

    def __init__(self, code: Literal["sender", "channel"]) -> None:
        super().__init__(code)
        self.code: Literal["sender", "channel"] = code


class SendersUnreadable(ValueError):
    """A table of our own numbers that cannot be used; says what is wrong in one line."""


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """One person's address on one channel. ``repr`` and ``str`` hide it: that somebody was here is an asset itself."""

    channel: Channel
    value: str

    def __repr__(self) -> str:
        return f"Address({self.channel}, …)"

    __str__ = __repr__

    @property
    def wire(self) -> str:
        """The form the provider uses: ``whatsapp:+962…`` or ``+962…``."""
        return _WHATSAPP + self.value if self.channel == "whatsapp" else self.value


def parse_address(wire: str) -> Address:
    """Read an address as the provider writes it.

    Raises:
        AddressUnreadable: nothing there, characters no address has, or another channel's prefix.
    """
    channel: Channel = "sms"
    value = wire.strip()
    if value.lower().startswith(_WHATSAPP):
        channel, value = "whatsapp", value[len(_WHATSAPP) :].strip()
    if not _OPAQUE.fullmatch(value):
        raise AddressUnreadable("sender")
    if ":" in value:
        raise AddressUnreadable("channel")
    return Address(channel, _e164(value) or value)


def canonical(address: Address) -> str:
    """The same text for the same number however it was written; an opaque id as it is. No channel prefix."""
    return address.value if _PLAIN.fullmatch(address.value) else _e164(address.value) or address.value


def person_key_material(address: Address) -> bytes:
    """What the HMAC that names a person is made over (threats.md, "Identity"): the canonical address, no channel."""
    return canonical(address).encode()


def country_of(address: Address) -> str | None:
    """``JO``, ``QA``, ``BH`` or ``AE`` by prefix; ``None`` for any other sender."""
    return country_of_number(canonical(address))


def country_of_number(value: str) -> str | None:
    """The country of a number or business-scoped id, with or without a channel prefix."""
    value = value.removeprefix(_WHATSAPP)
    scoped = _SCOPED.fullmatch(value)
    if scoped is not None:
        return scoped[1] if scoped[1] in COUNTRIES.values() else None
    return COUNTRIES.get(value[:4])


def has_number(address: Address) -> bool:
    """Whether somebody could be called back on this address; if not, a number is asked for separately."""
    return _NUMBER.fullmatch(canonical(address)) is not None


@dataclass(frozen=True, slots=True)
class Senders:
    """Our own numbers on one channel: one for all, or one per country.

    Args:
        channel: the channel they belong to.
        single: the number used where no country's own is given.
        by_country: the numbers given per country.
    """

    channel: Channel
    single: str | None = None
    by_country: Mapping[str, str] = field(default_factory=dict)

    def answer_from(self, came_to: str) -> str:
        """An answer goes out from the number the message came to (twilio.md, "Senders"), whatever the table says."""
        return came_to

    def start_from(self, country: str | None) -> str | None:
        """The number for what we begin ourselves; ``None`` when there is none for that country."""
        number = self.by_country.get(country or "", self.single)
        return None if number is None else Address(self.channel, number).wire

    def country_of(self, came_to: str) -> str | None:
        """The country a number of ours stands for: what the table says, else its prefix."""
        bare = came_to.removeprefix(_WHATSAPP)
        for country, number in self.by_country.items():
            if number == bare:
                return country
        return country_of_number(bare)


def parse_senders(channel: Channel, text: str) -> Senders:
    """Read a setting: one number, or ``JO=+962…,BH=+973…`` (contract.md, "Settings"). Empty: no such channel.

    Raises:
        SendersUnreadable: a country we do not know, a country twice, or something that is not a sender.
    """
    single: str | None = None
    by_country: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        country, equals, number = part.partition("=")
        if not equals:
            if single is not None:
                raise SendersUnreadable("more than one number without a country")
            single = _own_number(channel, part)
            continue
        country = country.strip().upper()
        if country not in COUNTRIES.values():
            raise SendersUnreadable(f"unknown country {country!r}: one of {', '.join(COUNTRIES.values())}")
        if country in by_country:
            raise SendersUnreadable(f"two numbers for {country}")
        by_country[country] = _own_number(channel, number)
    return Senders(channel, single, by_country)


def _own_number(channel: Channel, text: str) -> str:
    bare = text.strip().removeprefix(_WHATSAPP).strip()
    if _NUMBER.fullmatch(bare) or (channel == "sms" and _ALPHANUMERIC.fullmatch(bare)):
        return bare
    raise SendersUnreadable(f"{text.strip()!r} is not a number like +962790000000")


def _e164(value: str) -> str | None:
    if not value.startswith("+"):
        return None
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
