"""``./hams keys``."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import typer

from api.cli.say import ROOT, Failure, not_yet, say

app = typer.Typer(help="The secret keys everything is sealed under.", rich_markup_mode=None)


@app.callback()
def _keys() -> None:
    """The secret keys everything is sealed under."""


@app.command("rotate")
def rotate() -> None:
    """A new key first, the old ones still opened; seals again under the new one what is kept.

    With HAMS_SECRET_KEYS set the new key is yours to put in front; without, it is made in var/keys/secret.
    """
    from api.hardening import borrow, find_run
    from api.settings import load_settings, read_env_file

    settings = load_settings(os.environ, ROOT)
    reseal = borrow("api.rekey", "reseal")
    if reseal is None:
        not_yet("re-sealing")
    given = {**read_env_file(ROOT / ".env"), **os.environ}.get("HAMS_SECRET_KEYS", "").strip()
    if given and len(settings.secret_keys) < 2:
        raise Failure("HAMS_SECRET_KEYS holds one key: put a new one and a comma before it (openssl rand -hex 32), then again")
    if not given:
        if find_run(settings) is not None:
            raise Failure("stop ./hams up first: what runs does not know the new key")
        put_new_key_first(settings.var / "keys" / "secret", secrets.token_bytes(32))
        settings = load_settings(os.environ, ROOT)
    moved = reseal(settings)
    say(f"sealed again under the newest of {len(settings.secret_keys)} keys: {moved}")


def put_new_key_first(path: Path, key: bytes) -> None:
    """Write ``key`` before those in the file, so that a crash leaves either the old list or the new one."""
    fresh = path.with_name(f".{path.name}.new")
    old = path.read_text(encoding="ascii").strip()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(f"{key.hex()}\n{old}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
