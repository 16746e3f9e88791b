"""Which text was said: a body is recognised by the release's own words, in any of the four variants."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from api.scripts.release import Release, load_release
from api.scripts.render import Audience, render

ROOT = Path(__file__).resolve().parents[2]


@cache
def release() -> Release:
    return load_release(ROOT / "scripts", ROOT / "domain.yml")


def wordings(name: str, country: str, channel: str, values: dict[str, str] | None = None) -> set[str]:
    """A text in its four variants, as somebody there gets it."""
    return {
        render(release(), name, values or {}, Audience(variant, channel, country, None, False, date.today()))
        for variant in ("lev", "gulf", "msa", "en")
    }


def says(body: str, name: str, country: str = "JO", channel: str = "whatsapp") -> bool:
    """Whether this text is in a body. ``question:P1`` is the question of an item."""
    if name.startswith("question:"):
        return any(text in body for text in wordings("question", country, channel, {"item": name.split(":")[1], "set": ""}))
    return any(text in body for text in wordings(name, country, channel))
