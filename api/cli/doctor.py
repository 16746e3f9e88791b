"""``./hams doctor``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.say import ROOT, Failure

if TYPE_CHECKING:
    from api.hardening import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    production: Annotated[bool, typer.Option("--production", help="Judge as ./hams up --production would.")] = False,
) -> None:
    """Check this deployment: the running Redis, swap, core dumps, secrets, numbers, provider settings.

    Exit status 1 if anything is unsafe or cannot be told.
    """
    from api import hardening
    from api.settings import load_settings

    environ = {**os.environ, **({"HAMS_MODE": "production"} if production else {})}
    findings = hardening.deployment(load_settings(environ, ROOT), datetime.now(UTC).date())
    wrong = hardening.refusals(findings)
    if as_json:
        print(hardening.as_json(findings))
    else:
        _print_table(findings)
    if wrong:
        raise Failure(f"{len(wrong)} of {len(findings)} findings are unsafe or cannot be told")


def _print_table(findings: list[Finding]) -> None:
    from api.hardening import State

    colours = {State.GOOD: typer.colors.GREEN, State.UNKNOWN: typer.colors.YELLOW, State.UNSAFE: typer.colors.RED}
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        state = typer.style(f"{finding.state:<8}", fg=colours.get(finding.state))
        typer.echo(f"{state}{finding.what:<{width}}  {finding.says}")  # without colours where nobody sees them
