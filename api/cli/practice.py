"""``./hams practice``: look that the made-up people's files are well, train if need be, then become the practice world."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.say import ROOT, Failure, become

PORT = 8090


def practice(
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="The port to listen on.")] = PORT,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The IP address to listen on.")] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option("--public-url", metavar="URL", help="The address it is reached at, if a proxy stands before it.")
    ] = None,
) -> None:
    """Start the console with made-up people, in a world apart from the live one, until Ctrl-C.

    A database, a Redis, keys and sign-ins of its own, made anew each time; nothing goes out, and nothing is kept. No setting
    of the live service is read but where its folder is.
    """
    from api.cli.model import ensure_model
    from api.practice.cast import CastNotUsable, load_cast
    from api.scripts.check import against
    from api.scripts.draft import read_draft
    from api.settings import read_env_file

    folder = ROOT / (os.environ.get("HAMS_VAR") or read_env_file(ROOT / ".env").get("HAMS_VAR") or "var")
    domain = ROOT / "domain.yml"
    try:
        people = load_cast(ROOT / "scripts", against(read_draft(ROOT / "scripts", domain if domain.exists() else None)[0]))
    except CastNotUsable as problem:
        for one in problem.problems:
            sys.stderr.write(f"{one}\n")
        raise Failure(str(problem)) from None
    print(f"hams: {len(people)} made-up people to practise with", file=sys.stderr, flush=True)
    model = ensure_model(Path(folder))
    argv = [sys.executable, "-m", "api.practice", str(model), str(Path(folder) / "practice"), "--port", str(port), "--host", host]
    become([*argv, *(["--public-url", public_url] if public_url else [])])
