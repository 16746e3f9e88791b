"""How staff see that a number came before: a count under a key that is destroyed with its quarter.

threats.md: "repeat-contact keys that lapse each quarter"; with the key gone nobody can tell whose ticket it was.
"""

from __future__ import annotations

import hmac

from api.conversations.keys import PeriodKeys, quarter_of

_USE = "repeat"
_LENGTH = 32


def repeat_key(keys: PeriodKeys, person: str, now: float) -> str:
    """The same for every ticket of a person within a quarter, and for nobody else's."""
    return hmac.digest(keys.key(_USE, quarter_of(now)), person.encode(), "sha256").hex()[:_LENGTH]


def destroy_old(keys: PeriodKeys, now: float) -> int:
    """Destroy the keys of past quarters; how many went."""
    return keys.destroy_before(_USE, quarter_of(now))
