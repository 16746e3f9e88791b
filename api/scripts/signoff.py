"""Who signed the texts that go out. Production refuses to start without (contract.md, ``--production``).

``HAMS_VAR/signoff.yml`` names the release's digest and two different people who read it, one of them clinical:

    digest: 3f9c…            # ./hams check prints it
    signed:
      - {by: "R. Haddad", role: clinical, on: 2026-11-20}
      - {by: "S. Nasser", role: security, on: 2026-11-21}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from api.scripts.draft import digest_of, read_draft
from api.settings import Settings

ROLES = ("clinical", "security", "publisher")


def unsigned(settings: Settings) -> str | None:
    """What is missing for the release in ``scripts/``; None when two people have signed it."""
    draft, _ = read_draft(settings.root / "scripts", settings.root / "domain.yml")
    return lacking(settings.var / "signoff.yml", digest_of(draft.bundle.files))


def lacking(path: Path, digest: str) -> str | None:
    """What a sign-off file lacks for this digest."""
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        return f"are not signed off: {path.name} is missing in HAMS_VAR"
    except (yaml.YAMLError, UnicodeDecodeError):
        return f"are not signed off: {path.name} cannot be read"
    if not isinstance(found, dict) or found.get("digest") != digest:
        return "are not signed off: the signatures are for another release"
    signed = [row for row in found.get("signed") or () if isinstance(row, dict) and row.get("by") and row.get("on")]
    if len({str(row["by"]).strip().casefold() for row in signed if row.get("role") in ROLES}) < 2:
        return "are not signed off: two different people must sign"
    if not any(row.get("role") == "clinical" for row in signed):
        return "are not signed off: nobody clinical has signed"
    return None
