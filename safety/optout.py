"""Opt-out and opt-in: the words a telecom provider itself obeys.

A provider-level STOP blocks later sends (error 21610) and cannot be hidden (safety.md), so the gateway must know of it
too. Every opt-out is also an exit; it is never advertised. ``YES`` is an opt-in word elsewhere and an answer here.
"""

from __future__ import annotations

from typing import Final

from safety.folding import fold, squeeze

#: Twilio's default opt-out keywords for long numbers.
OPT_OUT_WORDS: Final = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")
OPT_IN_WORDS: Final = ("start", "unstop")

_OUT: Final = frozenset(squeeze(fold(word)) for word in OPT_OUT_WORDS)
_IN: Final = frozenset(squeeze(fold(word)) for word in OPT_IN_WORDS)


def is_opt_out(text: str) -> bool:
    """Whether the whole message is one of the provider's opt-out words."""
    return squeeze(fold(text)) in _OUT


def is_opt_in(text: str) -> bool:
    """Whether the whole message is one of the provider's opt-in words, ``YES`` excepted: it answers questions here."""
    return squeeze(fold(text)) in _IN
