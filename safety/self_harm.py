"""Whether somebody says in so many words that they mean to kill themselves. Pure; no model is asked.

A model may take «بدي اقتل حالي» for somebody who is afraid to hurt others: it shares its words with them. The plainest
sentence there is must not depend on that (intents.yml: disclose_self_harm). What it leads to is one question and the words
for it, not a ringing bell, so that «بقتل حالي بالشغل» costs little.
"""

from __future__ import annotations

import re
from typing import Final

from safety.folding import fold

_SELF: Final = "(?:حالي|نفسي|روحي|عمري|حياتي)"
_SAID: Final = re.compile(
    rf"(?<!\w)[وفحهل]?(?:ا|ب|با)?قتل {_SELF}(?!\w)"
    rf"|(?<!\w)[وفحهل]?(?:ا|ب|با)نهي {_SELF}(?!\w)"
    r"|(?<!\w)[abeu]{1,3}[2qk]t[aeiou]?l ?(?:[7h]al[iey]+|nafs[iey]+|n[ae]fs[iey]+|ro[u]?[7h][iey]+|3omri)(?!\w)"
    r"|(?<!\w)kil{1,2}(?:ing)? ?my ?(?:self|slef|sef)(?!\w)"
    r"|(?<!\w)(?:end|take) my (?:own )?life(?!\w)"
)


def means_own_death(text: str) -> bool:
    """Whether the message says it of who writes, in Arabic letters, Arabizi or English."""
    return _SAID.search(fold(text)) is not None
