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
        # every value a string: otherwise YAML makes ``on`` a boolean, and a number of a digest without letters
        found: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes no objects
    except OSError:
        return f"are not signed off: {path.name} is missing in HAMS_VAR"
    except (yaml.YAMLError, UnicodeDecodeError):
        return f"are not signed off: {path.name} cannot be read"
    if not isinstance(found, dict) or found.get("digest") != digest:
        return "are not signed off: the signatures are for another release"
    rows = found.get("signed")
    signed = [row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict) and _complete(row)]
    if len({row["by"].strip().casefold() for row in signed if row["role"] in ROLES}) < 2:
        return "are not signed off: two different people must sign"
    if not any(row["role"] == "clinical" for row in signed):
        return "are not signed off: nobody clinical has signed"
    return None


def _complete(row: dict[str, Any]) -> bool:
    return all(isinstance(row.get(name), str) and row[name].strip() for name in ("by", "role", "on"))
