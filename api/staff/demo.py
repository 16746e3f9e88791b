"""Staff for the demo: made once, their sign-in printed below ``ready``. Never in production (contract.md, ``up``)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyotp

from api.conversations.sealing import Keyring
from api.database import Database
from api.settings import Settings
from api.staff.accounts import NameTaken, add_staff, credentials_of
from api.staff.passwords import Passwords

DEMO = (("demo", "counsellor"), ("demo2", "counsellor"), ("demo-lead", "supervisor"))
"""Two counsellors, so that a race for a claim can be tried, and a supervisor."""


def prepare_demo_staff(settings: Settings, database: Database, keyring: Keyring, clock: Callable[[], float]) -> None:
    """Make the demo's staff if there are none, and write down how they sign in, for the supervisor to print."""
    kept = settings.var / "keys" / "demo-staff.json"
    known = _read(kept)
    with database.engine.connect().execution_options(hams_writes=True) as connection, connection.begin():
        for name, role in DEMO:
            if name in known and credentials_of(connection, name) is not None:
                continue
            try:
                made = add_staff(
                    connection, username=name, role=role, passwords=Passwords(), keyring=keyring,
                    random_bytes=os.urandom, now=clock(),
                )
            except NameTaken:
                continue  # somebody made an account of that name: it is theirs
            known[name] = {"role": role, "password": made.password, "otpauth": made.otpauth_uri}
    _write(kept, json.dumps(known))
    lines = [
        f"  {name:<10} {sign_in['role']:<11} password {sign_in['password']}  {sign_in['otpauth']}"
        for name, sign_in in known.items()
    ]
    lines.append("  (the simulator page shows the six digits of the moment)")
    _write(settings.run / "signin.txt", "\n".join(lines) + "\n")


def demo_sign_ins(settings: Settings) -> list[dict[str, str]]:
    """Name, password and the code of the moment, for the simulator's page."""
    return [
        {"name": name, "role": found["role"], "password": found["password"],
         "code": _code_now(found["otpauth"])}
        for name, found in _read(settings.var / "keys" / "demo-staff.json").items()
    ]


def _code_now(uri: str) -> str:
    totp = pyotp.parse_uri(uri)
    return totp.now() if isinstance(totp, pyotp.TOTP) else ""


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
