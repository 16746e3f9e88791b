"""What a channel can do in a country: the entries of ``channels.yml`` (twilio.md, "Channels")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from api.scripts import shape
from api.scripts.numbers import COUNTRIES, UNKNOWN_COUNTRY
from api.scripts.tree import Node, Problem

ChannelName = Literal["whatsapp", "sms"]
CHANNELS: Final[tuple[ChannelName, ...]] = ("whatsapp", "sms")


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel in one country. The price is an estimate: the contract with the provider says the true one."""

    two_way: bool
    numbers_allowed_in_body: bool
    urls_allowed: bool
    segment_budget: int
    sender: str
    estimated_price_per_part_usd: Decimal
    source: str


CAREFUL: Final = Channel(True, False, False, 2, "unknown", Decimal(0), "nothing is known: the narrowest assumptions")
"""For a country and channel that channels.yml does not list: a message a carrier swallows helps nobody."""

_FIELDS: Final = {
    "two_way": shape.flag(),
    "numbers_allowed_in_body": shape.flag(),
    "urls_allowed": shape.flag(),
    "segment_budget": shape.count(),
    "sender": shape.one_of("number", "short_code", "alphanumeric", "whatsapp_business", "unknown"),
    "estimated_price_per_part_usd": shape.price(),
    "source": shape.text(),
}


def parse_channels(tree: Node, problems: list[Problem]) -> Mapping[str, Mapping[str, Channel]]:
    """``{country: {channel: Channel}}``; every country with both channels, XX (unknown) included."""
    wanted = (*COUNTRIES, UNKNOWN_COUNTRY)
    found: dict[str, Mapping[str, Channel]] = {}
    top = shape.read_fields(tree, {"countries": shape.anything()}, "channels.yml", problems)
    if top is None:
        return found
    countries = tree.value["countries"]
    there = countries.value if isinstance(countries.value, dict) else {}
    listed = [code for code in wanted if code in there or not tree.partial]  # what could not be read is noted
    by_country = shape.read_fields(countries, {code: shape.anything() for code in listed}, "countries", problems)
    for code in by_country or {}:
        node = countries.value[code]
        if shape.read_fields(node, {name: shape.anything() for name in CHANNELS}, code, problems) is None:
            continue
        read = {name: shape.read_fields(node.value[name], _FIELDS, f"{name} of {code}", problems) for name in CHANNELS}
        found[code] = {name: Channel(**values) for name, values in read.items() if values is not None}
    return found


def channel_of(channels: Mapping[str, Mapping[str, Channel]], country: str, channel: str) -> Channel:
    """What a channel can do in a country; unknown ones get the narrowest assumptions."""
    listed = channels.get(country) or channels.get(UNKNOWN_COUNTRY) or {}
    return listed.get(channel, CAREFUL)
