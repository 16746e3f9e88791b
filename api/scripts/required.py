"""The texts that must exist: those the engine answers with (domain.yml) and those the gateway itself says.

They stand in code and not in the bundle, so that nobody can make a bundle pass by asking less of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from api.scripts.parse import parse
from api.scripts.tree import Node, Problem

NEUTRAL_TEXTS: Final = ("opening", "not_now", "danger_bare", "urgent_check")
"""Said before the person has said it is a good time: no word of the subject anywhere (safety.md, "The first words")."""

EMERGENCY_FIRST: Final = ("danger_bare", "danger_emergency", "red_emergency")
"""screening.md: at RED the country's emergency number stands in the first line."""

GATEWAY_TEXTS: Final = (
    *NEUTRAL_TEXTS,
    "phone_check",
    "consent",
    "menu",
    "red_emergency",
    "high_offer",
    "elevated_options",
    "unknown_info",
    "none_info",
    # inbound.py, degraded.py, duties.py: said without the engine
    "question",
    "request_human",
    "ticket_waiting",
    "degraded_open",
    "danger_emergency",
    "media_voice",
    "location_received",
    "live_not_shown",
    "words_not_shown",
    "live_reading",
    "live_media",
    "counsellor_joined",
    "counsellor_away",
    "talk_closed",
    "counsellor_changed",
    "colleague_takes_on",
    "supervisor_joined",
    "talk_closed_asked",
    "asked_thanks",
    "code_word_given",
    "duress_given",
    "reply_emergency",
    "reply_numbers",
    "nobody_yet",
    "too_fast",
    "safe_word_failed",
    "safe_word_instead",
    "safe_word_known",
    *(f"other_language_{code}" for code in ("ur", "fa", "tl", "am", "fr")),
    "write_again",
    "ask_hotline",
    "ask_shelter",
    "ask_delete_traces",
    "ask_legal",
    *(f"duty_{country}" for country in ("JO", "QA", "BH", "AE", "XX")),
)
"""Said by the gateway alone, or needed by the flow whatever the engine's domain lists."""

_PREFIX: Final = "utter_"


def engine_names(domain: Path) -> tuple[tuple[str, ...], tuple[str, ...], list[Problem]]:
    """The texts the engine may answer with (the responses of domain.yml without their ``utter_``), and its intents."""
    try:
        data = domain.read_bytes()
    except OSError as error:
        return (), (), [Problem(domain.name, 1, "unreadable", f"cannot be read: {error.strerror or 'input error'}")]
    tree, problems = parse(data, domain.name)
    if tree is None:
        return (), (), problems
    responses, listed = tree.at("responses").value, tree.at("intents").value
    names = [str(name) for name in responses] if responses is not tree.value and isinstance(responses, dict) else []
    intents: list[Node] = listed if isinstance(listed, list) else []
    texts = tuple(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))
    return texts, tuple(str(intent.value) for intent in intents), []
