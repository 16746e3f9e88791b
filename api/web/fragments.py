"""Parts of a page that the server renders anew and htmx puts in place: the queue, the aids of a talk, lists.

Which part is asked for when stands in the templates (``hx-get``, ``hx-trigger``); ``static/console-fragments.js`` holds
what all of them have in common. A part is fetched by the page itself, not by somebody's hand: it keeps no session alive
and answers 401 instead of leading to the door.
"""

from __future__ import annotations

import json
from typing import Final

HTMX_CONFIG: Final = json.dumps({
    "allowEval": False,  # the content policy refuses it anyway: so htmx does not try
    "allowScriptTags": False,
    "includeIndicatorStyles": False,  # would be an inline style
    "historyEnabled": False,  # nothing of a talk in the history, nor in storage
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "selfRequestsOnly": True,
    "disableInheritance": True,  # what an element asks for stands on it
    "ignoreTitle": True,
    "defaultSettleDelay": 0,  # a hidden tab's timers stand still
    "timeout": 10_000,  # ms; a network that is gone without a word must not hold up what is asked for after it
    "scrollIntoViewOnBoost": False,
})
"""Read by htmx from ``<meta name="htmx-config">``, before any of our scripts runs."""
