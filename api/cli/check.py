"""``./hams check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.say import ROOT, Failure


def check(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The bundle's folder (default: scripts).")] = None,
) -> None:
    """Check a script bundle and list every problem with its file and line. Exit status 1 if there is an error."""
    from api.scripts.check import check_and_print
    from api.scripts.draft import digest_of, read_draft

    folder = directory or ROOT / "scripts"
    if not folder.is_dir():
        raise Failure(f"no such folder: {folder}")
    domain = ROOT / "domain.yml"
    status = check_and_print(folder, sys.stdout, domain if domain.exists() else None)
    if status == 0:
        print(f"digest {digest_of(read_draft(folder)[0].bundle.files)}")  # what a sign-off names
    raise typer.Exit(status)
