"""What a channel can do in a country, with the narrowest assumptions where nothing is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.scripts.channels import CAREFUL, channel_of, parse_channels
from api.scripts.parse import parse
from api.scripts.tree import Problem
from tests.api.scripts.bundles import channels_file


@pytest.mark.parametrize(
    ("country", "channel", "allowed"),
    [("AE", "sms", False), ("AE", "whatsapp", True), ("JO", "sms", True), ("LB", "sms", True), ("JO", "pigeon", False)],
)
def test_numbers_are_allowed_where_the_data_says_so(country: str, channel: str, allowed: bool) -> None:
    tree, _ = parse(channels_file().encode(), "channels.yml")
    assert tree is not None
    problems: list[Problem] = []
    channels = parse_channels(tree, problems)
    assert problems == []
    assert channel_of(channels, country, channel).numbers_allowed_in_body is allowed


def test_with_no_data_at_all_nothing_is_assumed() -> None:
    assert channel_of({}, "JO", "sms") is CAREFUL


def test_the_shipped_data_keeps_what_the_providers_guidelines_say() -> None:
    path = Path(__file__).parents[3] / "scripts" / "channels.yml"
    tree, problems = parse(path.read_bytes(), "channels.yml")
    assert tree is not None
    channels = parse_channels(tree, problems)
    assert problems == []
    emirates = channels["AE"]["sms"]
    assert (emirates.two_way, emirates.numbers_allowed_in_body, emirates.urls_allowed) == (False, False, False)
    assert channels["QA"]["sms"].two_way is False
    assert all(listed["whatsapp"].two_way for listed in channels.values())
    assert all("estimate" in channel.source for listed in channels.values() for channel in listed.values())
